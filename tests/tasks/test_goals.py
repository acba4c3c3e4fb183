"""Goals: when a task is done and what remains of it, each by its definition."""

import dataclasses
import math
import sys

import pytest
import torch

from safevla.config.registry import TASKS, RegistryError
from safevla.env.vector_env import VectorEnv
from safevla.sim.actions import Action
from safevla.sim.body import hand_centre
from safevla.sim.embedded import EmbeddedSimulator
from safevla.sim.interface import Scene
from safevla.tasks.definitions.object_nav import SUCCESS_DISTANCE_M
from safevla.tasks.goals import PAPER_TASKS, Goals, goal_reached, progress_m, remaining_m, succeeded, task_index
from safevla.world import catalogue
from tests.scenes import SceneObject, episode_in_room, made_up_scene, moved, simulate


def test_object_nav_needs_the_target_in_view_within_two_metres():
    done = [Action.DONE]
    for z, expected in ((1.5, True), (2.5, False)):
        t = simulate(episode_in_room([SceneObject("Chair", 0.0, z)], half_m=3.5), done)[0]
        goals = Goals.of(["ObjectNav"], ["Chair"])
        assert bool(succeeded(t, goals)[0]) is expected
    t = simulate(episode_in_room([SceneObject("Chair", 0.0, 1.5)]), [Action.MOVE_AHEAD])[0]
    assert not succeeded(t, Goals.of(["ObjectNav"], ["Chair"]))[0]  # only when it says so
    assert not succeeded(simulate(episode_in_room([SceneObject("Chair", 0.0, 1.5)]), done)[0], Goals.of(["ObjectNav"], ["Sofa"]))[
        0
    ]


def test_pickup_needs_the_right_object_in_the_hand():
    scene = made_up_scene(["Apple", "Mug"], [(0, 0, 1), (0, 0, 2)], held=1)
    t = moved(scene, 0, action=int(Action.DONE))
    assert succeeded(t, Goals.of(["Pickup"], ["Mug"]))[0]
    assert not succeeded(t, Goals.of(["Fetch"], ["Apple"]))[0]


def _remaining_m(scene: Scene, e: int, task: str, target_type: str) -> float:
    """`goals.remaining_m` of one episode, box by box."""
    robot, wanted = scene.robot_state[e].numpy(), catalogue.TYPES[target_type].index
    found = [m for m in range(int(scene.n_boxes[e])) if int(scene.type_index[e, m]) == wanted]
    if task != "ObjectNav" and int(scene.held[e]) in found:
        return 0.0
    away = [math.inf]
    for m in found:
        x, y, z = (float(v) for v in scene.pose[e, m, :3])
        hand = hand_centre(robot)
        on_floor = max(1.0, math.hypot(x - robot[0], z - robot[1]))
        away.append(on_floor if task == "ObjectNav" else math.dist(hand, (x, y, z)))
    return min(away)


def _reached(scene: Scene, e: int, task: str, wanted: int) -> bool:
    """`goals.goal_reached` of one episode, box by box; wanted: a type's index."""
    found = [m for m in range(int(scene.n_boxes[e])) if int(scene.type_index[e, m]) == wanted]
    if task != "ObjectNav":
        return int(scene.held[e]) in found
    away_m = [float((scene.pose[e, m, [0, 2]] - scene.robot_state[e, :2]).norm()) for m in found if scene.visible[e, 0, m]]
    return min(away_m, default=math.inf) <= SUCCESS_DISTANCE_M


def test_a_goal_is_reached_where_a_slow_oracle_says_so(some_episodes):
    """Robots that move and hold objects by chance, asked for whatever is in their house."""
    simulator = EmbeddedSimulator(15)
    simulator.reset(some_episodes[:15])
    generator = torch.Generator().manual_seed(6)
    asked = [PAPER_TASKS[e % 3] for e in range(15)]
    seen = []
    for _ in range(40):
        scene = simulator.step(torch.randint(0, 6, (15,), generator=generator)).after
        last = scene.n_boxes.long() - 1
        boxes = last - torch.randint(0, 8, (15,), generator=generator)  # the last ones are furniture and small objects
        held = torch.where(torch.rand(15, generator=generator) < 0.5, boxes, -1)
        scene = dataclasses.replace(scene, held=held.to(scene.held))
        wanted = scene.type_index[torch.arange(15), boxes].long()
        goals = Goals(torch.tensor([task_index(task) for task in asked]), wanted, frozenset(asked))
        found = goal_reached(scene, goals).tolist()
        assert found == [_reached(scene, e, task, int(wanted[e])) for e, task in enumerate(asked)]
        seen += zip(asked, found, strict=True)
    assert {(task, said) for task in PAPER_TASKS for said in (False, True)} == set(seen)


def test_progress_agrees_with_a_slow_oracle_and_adds_up(some_episodes):
    generator = torch.Generator().manual_seed(5)
    weights = torch.tensor([6.0, 1, 1, 1, 1, 1, *[1.0] * 12])
    played = some_episodes[:15]
    plain, shaped = (VectorEnv(EmbeddedSimulator(15), 10_000, progress_reward=share) for share in (0.0, 2.0))
    batches = (plain, shaped)
    for batch in batches:
        batch.start(played)
    first = [_remaining_m(shaped.simulator.scene(), e, one.task, one.target_type) for e, one in enumerate(played)]
    gained = torch.zeros(15)
    for _ in range(80):
        actions = torch.multinomial(weights, 15, replacement=True, generator=generator)
        without, outcome = (batch.step(actions) for batch in batches)
        gained += outcome.reward - without.reward
        expected = [_remaining_m(outcome.transition.after, e, one.task, one.target_type) for e, one in enumerate(played)]
        assert remaining_m(outcome.transition.after, shaped.goals).tolist() == pytest.approx(expected, abs=1e-4)
    assert gained.tolist() == pytest.approx([2.0 * (a - b) for a, b in zip(first, expected, strict=True)], abs=1e-3)
    assert gained.abs().max() > 0.5
    nowhere = Goals.of(["Fetch"] * 15, ["WashingMachine"] * 15)
    left_m = remaining_m(outcome.transition.after, nowhere)
    assert left_m.isinf().any() and not progress_m(left_m, left_m).isnan().any()


def test_a_tasks_number_is_that_of_its_name_and_names_are_checked():
    assert [task_index(name) for name in TASKS.names()] == [0, 1, 2]
    with pytest.raises(RegistryError, match="unknown task 'Dance'; known are Fetch, ObjectNav, Pickup"):
        Goals.of(["Dance"], ["Mug"])


def test_goals_know_their_tasks_and_keep_them_when_some_are_selected():
    goals = Goals.of(["Pickup", "Fetch", "Pickup"], ["Mug", "Apple", "Book"])
    assert goals.names == {"Pickup", "Fetch"}
    some = goals.select(torch.tensor([0, 2]))
    assert some.task.tolist() == [task_index("Pickup")] * 2 and some.names == goals.names
    assert some.target_type.tolist() == [catalogue.TYPES[name].index for name in ("Mug", "Book")]


NEAR = '''"""Near: stand within a metre of an object, seen or not."""

from safevla.tasks import reaching

PUBLIC_NAME, PHRASES, UNSEEN_PHRASES = "NearType", ("go near {a}",), ("get close to {a}",)
TARGETS, GRASPS, FACES_TARGET = ("Mug",), False, False


def reached(scene, target_type):
    return reaching.from_robot_m(scene, target_type, 0.0) <= 1.0


def remaining_m(scene, target_type):
    return reaching.from_robot_m(scene, target_type, 1.0) - 1.0


def may_start(path_m, straight_m):
    return path_m >= 1.5
'''


def test_a_task_of_ones_own_is_judged_beside_the_others_and_no_other_is_loaded(extend, monkeypatch):
    extend({"tasks/near.py": NEAR})
    scene = made_up_scene(["Mug", "Apple"], [(0, 0.5, 0.9), (0, 0.5, 3.0)], held=1)
    twice = Scene(**{field.name: torch.cat([getattr(scene, field.name)] * 3) for field in dataclasses.fields(Scene)})
    goals = Goals.of(["Near", "Fetch", "Near"], ["Mug", "Apple", "Apple"])
    assert goal_reached(twice, goals).tolist() == [True, True, False]
    assert remaining_m(twice, goals).tolist() == pytest.approx([0.0, 0.0, 2.0])
    monkeypatch.setattr(TASKS, "load", lambda name: sys.modules[TASKS.module_name(name)] if name == "Near" else 1 / 0)
    alone = Goals.of(["Near"], ["Mug"])
    assert goal_reached(scene, alone).tolist() == [True]
