"""Failed actions: against a slow memory, and in the simulator: what has failed somewhere is not tried there again."""

import itertools
import random

import torch

from safevla.config.house_options import HouseOptions
from safevla.config.policy_config import PolicyConfig
from safevla.env.failed_actions import FailedActionMemory
from safevla.env.observations import NO_ACTION
from safevla.env.vector_env import VectorEnv
from safevla.policies.vla import Policy
from safevla.sim.actions import N_ACTIONS, Action
from safevla.sim.embedded import EmbeddedSimulator
from safevla.tasks import sampling

TINY = PolicyConfig(image_size=(18, 32), channels=(4, 8), dim=16, heads=2, decoder_layers=1, context=8)

SHORTER = {
    Action.ROTATE_RIGHT: Action.ROTATE_RIGHT_SMALL, Action.ROTATE_LEFT: Action.ROTATE_LEFT_SMALL,
    Action.MOVE_ARM_UP: Action.MOVE_ARM_UP_SMALL, Action.MOVE_ARM_DOWN: Action.MOVE_ARM_DOWN_SMALL,
    Action.MOVE_ARM_OUT: Action.MOVE_ARM_OUT_SMALL, Action.MOVE_ARM_IN: Action.MOVE_ARM_IN_SMALL,
}  # fmt: skip
LONGER = {short: long for long, short in SHORTER.items()}


def _same_place(a: list[float], b: list[float], action: int) -> bool:
    def turned(i: int) -> float:
        return abs((a[i] - b[i] + 180.0) % 360.0 - 180.0)

    near = (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 <= 0.1**2
    stowed = action <= Action.ROTATE_LEFT_SMALL and a[4] <= 0.05
    lifted = stowed or abs(a[3] - b[3]) <= 0.05
    return near and turned(2) <= 9.0 and lifted and abs(a[4] - b[4]) <= 0.05 and turned(5) <= 15.0


def test_failed_actions_agree_with_a_slow_memory():
    rng = random.Random(0)
    n_robots, kept = 3, 32
    memory = FailedActionMemory(n_robots, "cpu")
    slow: list[list[tuple[int, list[float], list[float]]]] = [[] for _ in range(n_robots)]
    n_blocked = 0

    def somewhere() -> list[float]:
        yaw_deg, wrist_deg = 6.0 * rng.randrange(-3, 60), 10.0 * rng.choice([-18, -17, 17, 18])
        return [
            0.07 * rng.randrange(4),
            0.07 * rng.randrange(3),
            yaw_deg,
            0.1 * rng.randrange(2),
            rng.choice([0.0, 0.0, 0.08]),
            wrist_deg,
        ]

    for step in range(400):
        poses, reached = ([somewhere() for _ in range(n_robots)] for _ in range(2))
        pose = torch.tensor(poses)
        found = memory.failed_actions(pose)
        for robot in range(n_robots):
            expected = set()
            for action, before, after in slow[robot][-kept:]:
                if _same_place(poses[robot], before, action):
                    expected |= {action, LONGER.get(action, action)}  # a long step cannot do what a short one could not
                if _same_place(poses[robot], after, action):
                    expected |= {action, LONGER.get(action, action), SHORTER.get(action, action)}  # it is in contact
            assert set(found[robot].nonzero()[:, 0].tolist()) == expected
            n_blocked += len(expected)
        actions = torch.tensor([rng.randrange(N_ACTIONS) for _ in range(n_robots)])
        succeeded = torch.tensor([rng.random() < 0.3 for _ in range(n_robots)])
        memory.remember(actions, pose, torch.tensor(reached), succeeded)
        for robot, (action, good) in enumerate(zip(actions.tolist(), succeeded.tolist(), strict=True)):
            if action < Action.PICKUP and not good:
                slow[robot].append((action, poses[robot], reached[robot]))
        if step == 200:
            memory.reset_rows(torch.tensor([1]))
            slow[1].clear()
    assert n_blocked > 100


def test_a_stowed_arm_s_height_does_not_make_a_robot_forget_what_blocked_its_base():
    memory = FailedActionMemory(1, "cpu")
    low = torch.tensor([[1.0, 2.0, 30.0, 0.16, 0.0, -180.0]])
    high, reaching = low.clone(), low.clone()
    high[0, 3], reaching[0, 3], reaching[0, 4] = 0.6, 0.6, 0.3
    for action in (Action.ROTATE_LEFT, Action.MOVE_ARM_OUT):
        memory.remember(torch.tensor([action]), low, low, torch.tensor([False]))
    assert memory.failed_actions(low)[0, [Action.ROTATE_LEFT, Action.MOVE_ARM_OUT]].all()
    assert memory.failed_actions(high)[0].nonzero()[:, 0].tolist() == [Action.ROTATE_LEFT, Action.ROTATE_LEFT_SMALL]
    assert not memory.failed_actions(reaching).any()


def test_a_policy_does_not_repeat_what_failed_and_forgets_with_the_episode():
    simulator = EmbeddedSimulator(8, TINY.image_size)
    batch = VectorEnv(simulator, 120)
    source = sampling.stream(["ObjectNav"], "train", HouseOptions(rooms=(1, 1)))
    observation = batch.start(list(itertools.islice(source, 8)))
    assert not observation.failed_actions.any()
    torch.manual_seed(0)
    policy = Policy(TINY).eval()
    with torch.no_grad():
        policy.actor.bias[Action.MOVE_AHEAD] = 8.0  # drives into the first object that comes
        policy.actor.bias[Action.DONE] = policy.actor.bias[Action.SUB_DONE] = -50.0
    kv_cache = policy.new_kv_cache(8)
    failed: list[set] = [set() for _ in range(8)]
    n_refused = 0
    for _ in range(60):
        with torch.no_grad():
            output, kv_cache = policy.act(observation, kv_cache)
        chances = output.logits.softmax(-1)
        assert (chances[observation.failed_actions] == 0).all()
        assert torch.isfinite(output.logits).all()
        n_refused += int(observation.failed_actions.sum())
        action = torch.multinomial(chances, 1)[:, 0]
        before = simulator.scene().robot_state.tolist()
        outcome = batch.step(action)
        observation = outcome.observation
        for robot, (what, good) in enumerate(zip(action.tolist(), outcome.transition.succeeded.tolist(), strict=True)):
            here = (what, tuple(round(x, 3) for x in before[robot]))
            assert here not in failed[robot], f"robot {robot} tried {Action(what).name} again where it had failed"
            if what < Action.PICKUP and not good:
                failed[robot].add(here)
    assert n_refused > 100
    again = batch.restart([0], [next(source)])
    assert not again.failed_actions[0].any()
    assert again.failed_actions[1:].any()
    assert again.previous_action[0] == NO_ACTION


def test_a_policy_may_be_told_to_ignore_failed_actions():
    torch.manual_seed(0)
    heedless = Policy(TINY.model_copy(update={"heeds_bumps": False})).eval()
    batch = VectorEnv(EmbeddedSimulator(1, TINY.image_size), 20)
    observation = batch.start([next(sampling.stream(["ObjectNav"], "train", HouseOptions(rooms=(1, 1))))])
    observation.failed_actions[:] = True
    with torch.no_grad():
        output, _ = heedless.act(observation, heedless.new_kv_cache(1))
    assert (output.logits.softmax(-1) > 0).all()


def test_a_contact_is_noted_exactly_when_something_was_hit_or_moved():
    n_robots = 24
    simulator = EmbeddedSimulator(n_robots, TINY.image_size)
    batch = VectorEnv(simulator, 200)
    batch.start(list(itertools.islice(sampling.stream(["Fetch"], "train", HouseOptions(rooms=(1, 1))), n_robots)))
    generator = torch.Generator().manual_seed(0)
    weights = torch.tensor([8.0, 1, 2, 2, 1, 1] + [0.5] * 10 + [0, 0, 0, 0])
    n_steps = {"pushed": 0, "blocked": 0, "free": 0}
    for _ in range(150):
        before = simulator.scene().pose.clone()
        held = simulator.scene().held.clone()
        outcome = batch.step(torch.multinomial(weights, n_robots, replacement=True, generator=generator))
        moved_m = (outcome.transition.after.pose - before)[..., :3].norm(dim=-1)
        for robot in range(n_robots):
            others = [m for m in range(int(outcome.transition.after.n_boxes[robot])) if m != held[robot]]
            pushed = max(float(moved_m[robot, m]) for m in others) > 0.01
            hit = int(outcome.transition.collided_with[robot]) >= 0
            assert bool(outcome.observation.arm[robot, 5]) == (pushed or hit)
            n_steps["pushed" if pushed else "blocked" if hit else "free"] += 1
    assert min(n_steps.values()) > 15, n_steps
