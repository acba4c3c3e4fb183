"""Sampling: splits share no house, and what was asked of a house changes no later episode."""

import math
import random

from safevla.config.house_options import HouseOptions
from safevla.sim import navigation
from safevla.tasks import goals, sampling
from safevla.tasks.nav_grid import NavGrid
from safevla.world import generation, layout


def test_splits_never_share_a_house():
    from itertools import islice

    options = HouseOptions(rooms=(1, 1))
    seen = {}
    for split in sampling.SPLIT_SEEDS:
        for seed in (0, 3, 1000):
            for episode in islice(sampling.stream(["ObjectNav"], split, options, seed=seed), 5):
                assert seen.setdefault(episode.house_id, split) == split


def test_what_a_house_has_been_asked_before_changes_no_episode():
    for seed in range(6):
        house = generation.generate(seed, rooms=(1, 2))
        compiled = layout.compile_house(house)
        used = NavGrid.of(compiled)
        for turn in range(12):
            task = goals.PAPER_TASKS[turn % 3]
            drawn = [
                sampling.sample(house, "h", task, random.Random(f"{seed}|{turn}"), nav_grid)
                for nav_grid in (used, NavGrid.of(compiled))
            ]
            assert drawn[0] == drawn[1]


def test_goals_of_object_navigation_are_those_of_a_search_over_all_nodes():
    from safevla.sim.robot import NAVIGATION, VERTICAL_FOV_DEG

    n = 0
    for seed in range(8):
        compiled = layout.compile_house(generation.generate(seed, rooms=(1, 2)))
        nav_grid = NavGrid.of(compiled)
        for slots in nav_grid.targets("ObjectNav").values():
            tx, ty, tz = (float(v) for v in compiled.centre[slots[0]])
            margin_deg = VERTICAL_FOV_DEG / 2 - 4.0
            found = navigation.viewpoints(
                nav_grid.reachable, nav_grid.x, nav_grid.z, tx, tz, 1.6, NAVIGATION.up_m - ty, NAVIGATION.pitch_deg, margin_deg
            )
            away_m = {}
            for iz, ix in zip(*nav_grid.reachable.nonzero(), strict=True):
                distance = math.hypot(nav_grid.x[ix] - tx, nav_grid.z[iz] - tz)
                pitch_deg = math.degrees(math.atan2(NAVIGATION.up_m - ty, distance))
                if distance < 1.6 and abs(pitch_deg - NAVIGATION.pitch_deg) < margin_deg:
                    away_m[int(iz), int(ix)] = distance
            assert {tuple(node) for node in found.tolist()} == set(away_m)
            order = [away_m[tuple(node)] for node in found.tolist()]
            assert order == sorted(order)
            n += len(order)
    assert n > 500
