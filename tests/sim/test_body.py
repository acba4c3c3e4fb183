"""Body: what is grasped is carried and let go."""

import pytest

from safevla.sim import robot
from safevla.sim.actions import Action
from safevla.sim.interface import NOTHING
from tests.scenes import SceneObject, episode_in_room, simulate


def test_grasp_carry_and_release():
    table = SceneObject("SideTable", 0.62, 0.0, children=[SceneObject("Apple", 0.62, -0.02)])
    episode = episode_in_room([table], start=(0.0, 0.0, 0.0))
    apple_y = float(episode.layout.centre[-1, 1])
    lift = apple_y - (robot.WRIST_ABOVE_LIFT_M - robot.HAND_BELOW_WRIST_M)
    steps = round((lift - robot.REST_LIFT_M) / robot.ARM_STEP_SMALL_M)
    actions = [Action.MOVE_ARM_UP_SMALL] * steps + [Action.WRIST_CLOSE] * 18
    reach = 0.62 - robot.ARM_RIGHT_M - robot.HAND_REACH_M
    actions += [Action.MOVE_ARM_OUT_SMALL] * round((reach - 0.06) / 0.02) + [Action.PICKUP, Action.MOVE_ARM_UP, Action.MOVE_AHEAD]
    actions += [Action.MOVE_AHEAD] * 2 + [Action.DROPOFF]
    t = simulate(episode, actions)
    held = int(t[-2].after.held[0])
    assert held == episode.layout.n_boxes - 1
    assert t[-2].after.pose[0, held, 1] > apple_y + 0.05  # carried, and up
    assert t[-2].after.pose[0, held, 2] > 0.4  # and along with the robot
    assert int(t[-1].after.held[0]) == NOTHING
    assert float(t[-1].after.pose[0, held, 1]) == pytest.approx(float(t[-1].after.half[0, held, 1]), abs=1e-4)  # on the floor
