"""Contact memory: against a slow one, in the simulator, and what a policy can make of them."""

import itertools
import math
import random

import torch

from safevla.config.house_options import HouseOptions
from safevla.config.policy_config import PolicyConfig
from safevla.env.contact_memory import N_CONTACT_PROXIMITY, NEAR_DEG, NEAR_M, ContactMemory
from safevla.env.vector_env import VectorEnv
from safevla.policies.vla import Policy
from safevla.sim.actions import N_ACTIONS, N_BASE_MOTIONS, Action
from safevla.sim.embedded import EmbeddedSimulator
from safevla.tasks import sampling
from tests.scenes import SceneObject, episode_in_room

TINY = PolicyConfig(image_size=(18, 32), channels=(4, 8), dim=16, heads=2, decoder_layers=1, context=8, contact_prediction=True)
KEPT = 64
LIKE = {  # turns the same way
    Action.ROTATE_RIGHT: Action.ROTATE_RIGHT_SMALL, Action.ROTATE_RIGHT_SMALL: Action.ROTATE_RIGHT,
    Action.ROTATE_LEFT: Action.ROTATE_LEFT_SMALL, Action.ROTATE_LEFT_SMALL: Action.ROTATE_LEFT,
}  # fmt: skip
STATIC, MOVABLE = 0, N_BASE_MOTIONS


def _nearness(now: list[float], then: list[float]) -> float:
    away = math.hypot(now[0] - then[0], now[1] - then[1]) / NEAR_M
    turned = abs((now[2] - then[2] + 180.0) % 360.0 - 180.0) / NEAR_DEG
    return max(0.0, 1.0 - away) * max(0.0, 1.0 - turned)


def test_contacts_agree_with_a_slow_memory():
    rng = random.Random(0)
    n_robots = 3
    contacts = ContactMemory(n_robots, "cpu")
    slow: list[list[tuple[int, list[float], tuple[bool, bool]]]] = [[] for _ in range(n_robots)]
    n_near = 0

    def somewhere() -> list[float]:
        return [0.2 * rng.randrange(6), 0.2 * rng.randrange(6), 6.0 * rng.randrange(-10, 70), 0.0, 0.0, 0.0]

    for step in range(500):
        poses = [somewhere() for _ in range(n_robots)]
        found = contacts.near(torch.tensor(poses))
        for robot in range(n_robots):
            expected = [0.0] * N_CONTACT_PROXIMITY
            for action, after, contacted in slow[robot][-KEPT:]:
                for what in (0, 1):
                    for motion in (action, LIKE.get(action, action)) if contacted[what] else ():
                        column = what * N_BASE_MOTIONS + motion
                        expected[column] = max(expected[column], _nearness(poses[robot], after))
            assert torch.allclose(found[robot], torch.tensor(expected), atol=1e-5)
            n_near += sum(value > 0 for value in expected)
        some = torch.tensor([2, 0])
        assert torch.equal(contacts.near(torch.tensor(poses)[some], some), found[some])
        actions = [rng.randrange(N_ACTIONS) for _ in range(n_robots)]
        reached = [somewhere() for _ in range(n_robots)]
        contacted = [(rng.random() < 0.5, rng.random() < 0.4) for _ in range(n_robots)]
        contacts.remember(torch.tensor(actions), torch.tensor(reached), torch.tensor(contacted))
        for robot in range(n_robots):
            if actions[robot] < N_BASE_MOTIONS and any(contacted[robot]):
                slow[robot].append((actions[robot], reached[robot], contacted[robot]))
        if step == 100:
            contacts.reset_rows(torch.tensor([1]))
            slow[1].clear()
    assert n_near > 1000
    assert min(map(len, slow)) > KEPT  # the oldest were overwritten


def test_what_was_pushed_and_what_blocked_is_near_until_the_robot_has_left():
    batch = VectorEnv(EmbeddedSimulator(2, TINY.image_size), 60)
    ahead_m = 0.7  # within five moves, for the robot's front is about 0.1 m ahead of its origin
    pushing, blocked = (episode_in_room([SceneObject(type_name, 0.0, ahead_m)]) for type_name in ("BasketBall", "Dresser"))
    observation = batch.start([pushing, blocked])
    assert not observation.contact_proximity.any()
    for _ in range(5):
        observation = batch.step(torch.full((2,), int(Action.MOVE_AHEAD))).observation
    assert observation.contact_proximity[0, MOVABLE + Action.MOVE_AHEAD] == 1.0
    assert observation.contact_proximity[0, STATIC + Action.MOVE_AHEAD] == 0.0
    assert observation.contact_proximity[1, STATIC + Action.MOVE_AHEAD] == 1.0
    assert observation.contact_proximity[1, MOVABLE + Action.MOVE_AHEAD] == 0.0
    assert not observation.contact_proximity[:, [Action.MOVE_BACK, MOVABLE + Action.MOVE_BACK]].any()
    nearness = [observation.contact_proximity[1, Action.MOVE_AHEAD]]
    for action in (Action.MOVE_BACK, Action.MOVE_BACK, Action.MOVE_BACK):
        observation = batch.step(torch.full((2,), int(action))).observation
        nearness.append(observation.contact_proximity[1, Action.MOVE_AHEAD])
    assert all(later < earlier for earlier, later in itertools.pairwise(nearness[:3]))
    assert nearness[3] == 0.0
    assert not batch.restart([0], [pushing]).contact_proximity[0].any()


def test_a_policy_can_weigh_its_past_contacts():
    torch.manual_seed(0)
    policy = Policy(TINY).eval()
    batch = VectorEnv(EmbeddedSimulator(1, TINY.image_size), 60)
    observation = batch.start([next(sampling.stream(["ObjectNav"], "train", HouseOptions(rooms=(1, 1))))])
    observation.contact_proximity[0, MOVABLE + Action.MOVE_AHEAD] = 0.5

    def chance() -> float:
        with torch.no_grad():
            output, _ = policy.act(observation, policy.new_kv_cache(1))
        return float(output.logits.softmax(-1)[0, Action.MOVE_AHEAD])

    indifferent = chance()
    with torch.no_grad():
        policy.past_contact_weight[1, Action.MOVE_AHEAD] = -0.2
    assert chance() < 0.1 * indifferent
    observation.contact_proximity.zero_()
    assert math.isclose(chance(), indifferent, rel_tol=1e-5)
