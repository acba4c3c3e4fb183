"""Privileged targets: what the simulator knows, against the same in slow loops."""

import math

import numpy as np
import torch

from safevla.sim.actions import N_BASE_MOTIONS
from safevla.sim.embedded import EmbeddedSimulator
from safevla.sim.interface import CAMERAS, NOTHING
from safevla.tasks.goals import Goals
from tests.learning import TINY
from tests.scenes import boxes_in


def test_perception_targets_agree_with_slow_loops(some_episodes):
    from safevla.env import privileged_targets
    from safevla.world import catalogue
    from safevla.world.boxes import MOVEABLE

    simulator = EmbeddedSimulator(4, (20, 34))
    scene = simulator.reset(some_episodes[:4])
    ids = simulator.render_ids()
    found = privileged_targets.class_map(ids, scene, (5, 8))
    slow = torch.zeros_like(found)
    for b in range(4):
        for c, name in enumerate(CAMERAS):
            for y in range(20):
                for x in range(34):
                    slot = int(ids[name][b, y, x])
                    if slot < 0:
                        continue
                    index = int(scene.type_index[b, slot])
                    name_of_type = catalogue.TYPE_NAMES[index] if index >= 0 else ""
                    if name_of_type in privileged_targets.TARGET_CLASSES:
                        slow[b, c, privileged_targets.TARGET_CLASSES.index(name_of_type), y * 5 // 20, x * 8 // 34] = 1
                    if scene.mobility[b, slot] >= MOVEABLE:
                        slow[b, c, -1, y * 5 // 20, x * 8 // 34] = 1
    assert torch.equal(found, slow) and found.any()


def test_polar_occupancy_knows_ahead_from_behind():
    from safevla.env import privileged_targets
    from tests.scenes import SceneObject, episode_in_room

    def around(z: float, yaw_deg: float) -> torch.Tensor:
        simulator = EmbeddedSimulator(1)
        scene = simulator.reset([episode_in_room([SceneObject("Book", 0.0, z)], start=(0.0, 0.0, yaw_deg), half_m=4.0)])
        rings = len(privileged_targets.RING_EDGES_M) - 1
        return privileged_targets.polar_occupancy(scene)[0].view(2, rings, privileged_targets.N_DIRECTIONS)[1]

    ahead, behind = around(0.9, 0.0), around(0.9, 180.0)
    assert ahead.sum() == 1 and ahead[2, 0] == 1
    assert behind.sum() == 1 and behind[2, privileged_targets.N_DIRECTIONS // 2] == 1
    assert around(3.0, 0.0).sum() == 0


def test_contacts_of_motions_agree_with_a_collision_check(some_episodes):
    """Against `collision_check.motion_contact`, which goes in smaller steps, on robots that carry their arm close."""
    from safevla.env import privileged_targets
    from safevla.sim import collision_check
    from safevla.sim.body import is_tucked
    from safevla.world.boxes import FIXED, PICKUPABLE

    simulator = EmbeddedSimulator(16, TINY.image_size)
    simulator.reset(some_episodes[:16])
    generator = torch.Generator().manual_seed(4)
    agree, met = [], 0
    for _ in range(40):
        actions = torch.randint(0, 12, (16,), generator=generator)
        scene = simulator.step(actions.where(actions < 6, 0)).after  # ahead, most of the time
        found = privileged_targets.contact_targets(scene).view(16, 2, N_BASE_MOTIONS).bool()
        for e in range(0, 16, 3):
            state, boxes = scene.robot_state[e].numpy(), collision_check.with_scratch(boxes_in(scene, e))
            assert is_tucked(state)
            for action in range(N_BASE_MOTIONS):
                static, anything = (
                    collision_check.motion_contact(action, state, NOTHING, NOTHING, mobility, boxes) >= 0
                    for mobility in (FIXED, PICKUPABLE)
                )
                agree += [bool(found[e, 0, action]) == static, bool(found[e, :, action].any()) == anything]
                met += anything
    assert np.mean(agree) > 0.99 and met > 50


def test_target_positions_are_those_of_a_search_through_all_boxes(some_episodes):
    from safevla.env import privileged_targets

    simulator = EmbeddedSimulator(16, TINY.image_size)
    simulator.reset(some_episodes[:16])
    goals = Goals.of([e.task for e in some_episodes[:16]], [e.target_type for e in some_episodes[:16]])
    generator = torch.Generator().manual_seed(2)
    n_seen = n_unseen = 0
    for _ in range(20):
        scene = simulator.step(torch.randint(0, 6, (16,), generator=generator)).after
        found = privileged_targets.target_positions_m(scene, goals)
        for e in range(16):
            x, z, yaw = (
                float(scene.robot_state[e, 0]),
                float(scene.robot_state[e, 1]),
                math.radians(float(scene.robot_state[e, 2])),
            )
            candidates = {True: [], False: []}
            for m in range(int(scene.n_boxes[e])):
                if scene.type_index[e, m] == goals.target_type[e]:
                    to_x, to_z = float(scene.pose[e, m, 0]) - x, float(scene.pose[e, m, 2]) - z
                    right = to_x * math.cos(yaw) - to_z * math.sin(yaw)
                    forward = to_x * math.sin(yaw) + to_z * math.cos(yaw)
                    candidates[bool(scene.visible[e, :, m].any())].append((right, float(scene.pose[e, m, 1]), forward))
            nearest = [
                min(some, key=lambda position: math.hypot(position[0], position[2]), default=(math.nan,) * 3)
                for some in (candidates[True], candidates[True] + candidates[False])
            ]
            np.testing.assert_allclose(found[e].numpy(), nearest, atol=1e-4)
            n_seen, n_unseen = n_seen + bool(candidates[True]), n_unseen + (not candidates[True])
    assert n_seen > 20 and n_unseen > 20
