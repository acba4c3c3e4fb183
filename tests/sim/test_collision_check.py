"""Collision check: looking ahead agrees with acting."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safevla.sim import collision_check
from safevla.sim.actions import Action
from safevla.sim.embedded import EmbeddedSimulator
from safevla.sim.interface import NOTHING
from safevla.world.boxes import PICKUPABLE
from tests.scenes import boxes_in

CRAMPED = st.lists(st.integers(0, Action.DROPOFF), min_size=5, max_size=25)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CRAMPED, min_size=8, max_size=8), st.integers(0, 5))
def test_looking_ahead_agrees_with_acting(batch, plans, offset):
    """A motion that is said to meet nothing is not blocked and moves nothing but what the hand holds."""
    simulator, some = batch
    simulator.reset(some[offset * 8 : offset * 8 + 8])
    for step in range(max(map(len, plans))):
        actions = torch.tensor([plan[step % len(plan)] for plan in plans])
        scene = simulator.scene()
        clear = []
        for e in range(8):
            action, boxes = int(actions[e]), collision_check.with_scratch(boxes_in(scene, e))
            clear.append(
                action < Action.PICKUP
                and collision_check.motion_contact(
                    action, scene.robot_state[e].numpy(), int(scene.held[e]), NOTHING, PICKUPABLE, boxes
                ) < 0
            )  # fmt: skip
        held = scene.held.tolist()
        t = simulator.step(actions)
        moved = (t.after.pose != t.before.pose).any(-1)
        for e in range(8):
            if clear[e]:
                assert int(t.collided_with[e]) == NOTHING
                assert set(torch.nonzero(moved[e])[:, 0].tolist()) <= {held[e]}


@pytest.fixture(scope="module")
def batch(some_episodes):
    return EmbeddedSimulator(8, (24, 42)), some_episodes
