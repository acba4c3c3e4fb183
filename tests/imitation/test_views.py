"""Views: robots stand where they fit, half of them see what a task may ask for, and what the cameras show is what is there."""

import pytest
import torch

from safevla.config import profiles
from safevla.config.house_options import HouseOptions
from safevla.env import privileged_targets
from safevla.imitation.house_pool import Houses, drawn
from safevla.imitation.views import ViewSource
from safevla.sim.factory import make_simulator
from safevla.sim.interface import CAMERAS, REACHABLE_CELL_M

SIZE, GRID, ROBOTS = (24, 42), (3, 6), ("stretch", "stretch_down_right")


@pytest.fixture(scope="module")
def houses() -> Houses:
    return drawn(32, HouseOptions(rooms=(1, 1)), "validation", 0, "cpu")


def _source(houses: Houses, robot: str, n_envs: int = 16, seed: int = 0) -> ViewSource:
    params = profiles.load("smoke").simulator.model_copy(update={"device": "cpu", "robot": robot})
    return ViewSource(houses, make_simulator(params, n_envs, SIZE), robot, GRID, seed)


@pytest.mark.parametrize("robot", ROBOTS)
def test_robots_stand_where_they_fit_and_half_see_a_target(houses, robot):
    scene = _source(houses, robot).scene()
    x, z = ((scene.robot_state[:, :2] - scene.reachable_origin) / REACHABLE_CELL_M).T
    torch.testing.assert_close(x, x.round(), atol=1e-3, rtol=0.0)
    assert scene.reachable[torch.arange(len(x)), z.round().long(), x.round().long()].all()
    shown = scene.visible & (privileged_targets.CLASS_OF_TYPE[scene.type_index.long()] >= 0)[:, None]
    assert shown.any(2).any(1).sum() >= len(shown) / 2


@pytest.mark.parametrize("robot", ROBOTS)
def test_the_same_seed_gives_the_same_views_and_another_others(houses, robot):
    first, again, other = (_source(houses, robot, 4, seed).next() for seed in (3, 3, 4))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first.pixels, other.pixels)


def test_every_robot_is_placed_anew_once_in_eight_steps_and_acts_in_between(houses):
    source = _source(houses, "stretch")
    counts = torch.zeros(16, dtype=torch.int64)
    for _ in range(8):
        before = source.scene().robot_state.clone()
        source.next()
        moved = source.scene().robot_state
        counts += (before[:, :2] - moved[:, :2]).norm(dim=1) > 0.5  # further than a step
    assert (counts <= 1).all() and counts.sum() >= 8


def test_views_hold_what_the_cameras_show_now(houses):
    source = _source(houses, "stretch_down_right")
    views = source.next()
    assert views.pixels.shape == (16, len(CAMERAS), *SIZE, 3) and views.class_map.shape[-2:] == GRID
    ids, scene = source.ids(), source.scene()
    wanted = privileged_targets.class_map({name: ids[:, c] for c, name in enumerate(CAMERAS)}, scene, GRID)
    assert torch.equal(views.class_map, wanted) and views.class_map.any()
    assert (views.inverse_depth > 0).all() and (views.inverse_depth <= 5.0).all()  # nothing is nearer than 0.2 m
    assert torch.equal(views.polar_occupancy, privileged_targets.polar_occupancy(scene))
    again = source.views()
    assert all(torch.equal(a, b) for a, b in zip(views, again, strict=True))
