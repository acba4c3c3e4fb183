"""The embedded simulator: a batch is its environments one by one, new episodes leak nothing, wrong actions are refused."""

import numpy as np
import pytest
import torch

from safevla.sim import robot
from safevla.sim.actions import Action
from safevla.sim.embedded import EmbeddedSimulator
from safevla.sim.interface import NOTHING, SimulatorError
from safevla.sim.motion import Z
from tests.scenes import SceneObject, episode_in_room, simulate


def test_an_object_is_seen_in_front_and_not_behind():
    ahead = simulate(episode_in_room([SceneObject("Chair", 0.0, 1.4)]), [Action.PICKUP])[0].after
    behind = simulate(episode_in_room([SceneObject("Chair", 0.0, -1.4)]), [Action.PICKUP])[0].after
    slot = int(ahead.n_boxes[0]) - 1
    assert ahead.visible[0, 0, slot] and ahead.steps_since_seen[0, slot] == 0
    assert not behind.visible[0, 0, slot]
    hidden = simulate(episode_in_room([SceneObject("Fridge", 0.0, 0.9), SceneObject("Apple", 0.0, 1.7)]), [Action.PICKUP])[
        0
    ].after
    assert not hidden.visible[0, 0, int(hidden.n_boxes[0]) - 1]


def test_actuation_noise_stays_within_its_share_and_follows_the_seed():
    episode = episode_in_room([], half_m=4.0)

    def steps_m(noise: float) -> list[float]:
        simulator = EmbeddedSimulator(1, (24, 42), actuation_noise=noise)
        simulator.reset([episode])
        z = [float(simulator.step(torch.tensor([Action.MOVE_AHEAD])).after.robot_state[0, Z]) for _ in range(8)]
        return np.diff([0.0, *z]).tolist()

    assert steps_m(0.0) == pytest.approx([robot.MOVE_M] * 8, abs=1e-5)
    noisy = steps_m(0.2)
    assert all(0.8 * robot.MOVE_M - 1e-5 <= step <= 1.2 * robot.MOVE_M + 1e-5 for step in noisy)
    assert len({round(step, 4) for step in noisy}) > 4 and noisy == steps_m(0.2)
    with pytest.raises(SimulatorError, match="actuation_noise"):
        EmbeddedSimulator(1, actuation_noise=1.5)


def _play(simulator, some, actions):
    simulator.reset(some)
    frames, poses = [], []
    for row in actions:
        t = simulator.step(row)
        poses.append(t.after.pose.clone())
        frames.append(simulator.render()["navigation"].clone())
    return frames, poses


def test_a_batch_equals_single_environments_bit_for_bit(some_episodes):
    some = some_episodes[:6]
    actions = torch.randint(0, 18, (20, 6), generator=torch.Generator().manual_seed(1))
    frames, poses = _play(EmbeddedSimulator(6), some, actions)
    again, _ = _play(EmbeddedSimulator(6), some, actions)
    assert all(torch.equal(a, b) for a, b in zip(frames, again, strict=True))
    for e in range(6):
        alone, lone_poses = _play(EmbeddedSimulator(1), some[e : e + 1], actions[:, e : e + 1])
        n = some[e].layout.n_boxes
        for step in range(20):
            assert torch.equal(alone[step][0], frames[step][e])
            assert torch.equal(lone_poses[step][0, :n], poses[step][e, :n])


def test_a_new_episode_in_a_slot_leaks_nothing(some_episodes):
    simulator = EmbeddedSimulator(3)
    simulator.reset(some_episodes[:3])
    for _ in range(15):
        simulator.step(torch.tensor([Action.MOVE_AHEAD, Action.ROTATE_RIGHT, Action.PICKUP]))
    scene = simulator.reset_some([1], [some_episodes[5]])
    fresh = EmbeddedSimulator(1)
    lone = fresh.reset([some_episodes[5]])
    n = some_episodes[5].layout.n_boxes
    for name in ("pose", "half", "steps_since_seen", "mobility"):
        assert torch.equal(getattr(scene, name)[1, :n], getattr(lone, name)[0, :n]), name
    assert torch.equal(simulator.render()["manipulation"][1], fresh.render()["manipulation"][0])
    assert scene.step[1] == 0 and scene.held[1] == NOTHING


def test_visible_means_enough_pixels(some_episodes):
    simulator = EmbeddedSimulator(4, (36, 64))
    scene = simulator.reset(some_episodes[:4])
    for c, ids in enumerate(simulator.render_ids().values()):
        for e in range(4):
            counts = torch.bincount(ids[e][ids[e] >= 0].long().flatten(), minlength=scene.visible.shape[2])
            assert torch.equal(counts[: scene.visible.shape[2]] >= 1, scene.visible[e, c])


def test_wrong_actions_are_refused(some_episodes):
    simulator = EmbeddedSimulator(2)
    simulator.reset(some_episodes[:2])
    with pytest.raises(SimulatorError, match="shape"):
        simulator.step(torch.zeros(3, dtype=torch.int64))
    with pytest.raises(SimulatorError, match="0 to 19"):
        simulator.step(torch.tensor([0, 20]))
