"""Contact: tall objects topple, and what stands on a pushed one rides along."""

import torch

from safevla.sim.actions import Action
from tests.scenes import SceneObject, episode_in_room, simulate


def test_a_tall_object_topples_when_it_is_run_into():
    t = simulate(episode_in_room([SceneObject("FloorLamp", 0.0, 0.8)], half_m=4.0), [Action.MOVE_AHEAD] * 4)
    last = int(t[-1].after.n_boxes[0]) - 1
    assert t[0].before.pose[0, last, 4] == 0.0
    assert t[-1].after.pose[0, last, 4] == 90.0
    assert t[-1].after.half[0, last, 1] < t[0].before.half[0, last, 1]


def test_what_stands_on_a_pushed_object_rides_along():
    box = SceneObject("Box", 0.0, 0.65, children=[SceneObject("Book", 0.0, 0.65)])
    t = simulate(episode_in_room([box]), [Action.MOVE_AHEAD] * 3)
    n = int(t[-1].after.n_boxes[0])
    shift = (t[-1].after.pose[0, :, :3] - t[0].before.pose[0, :, :3])[n - 2 : n]
    assert shift[0, 2] > 0.05
    torch.testing.assert_close(shift[0], shift[1], atol=1e-4, rtol=0)
