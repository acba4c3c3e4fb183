"""Adapter: rows become actions, what rounding leaves is owed, and a chunk is carried out as far as is asked."""

import numpy as np
import pytest

from safevla.policies.elsewhere.adapter import Adapter
from safevla.policies.elsewhere.answers import PolicyError
from safevla.sim.actions import Action


def _actions(adapter: Adapter, *rows, in_hand: bool = False) -> list[str]:
    adapter.take(np.asarray(rows, float))
    found = []
    while not adapter.needs_answer:
        found.append(Action(adapter.next(in_hand)).name)
    return found


def _row(**parts) -> list[float]:
    names = ("ahead", "turn", "lift", "extend", "wrist", "grasp", "done")
    assert set(parts) <= set(names)
    return [parts.get(name, 0.0) for name in names]


@pytest.mark.parametrize(
    ("row", "actions"),
    [
        (_row(ahead=0.4), ["MOVE_AHEAD"] * 2),
        (_row(ahead=-0.2), ["MOVE_BACK"]),
        (_row(turn=42), ["ROTATE_RIGHT", "ROTATE_RIGHT_SMALL", "ROTATE_RIGHT_SMALL"]),
        (_row(turn=-30, ahead=0.2), ["ROTATE_LEFT", "MOVE_AHEAD"]),
        (_row(lift=0.12, extend=-0.04), ["MOVE_ARM_UP", "MOVE_ARM_UP_SMALL", "MOVE_ARM_IN_SMALL", "MOVE_ARM_IN_SMALL"]),
        (_row(wrist=20), ["WRIST_CLOSE"] * 2),
        (_row(wrist=-10, grasp=1), ["WRIST_OPEN", "PICKUP"]),
        (_row(grasp=-1), ["SUB_DONE"]),  # there is nothing to drop
        (_row(done=1), ["DONE"]),
        (_row(), ["SUB_DONE"]),
    ],
)
def test_a_row_becomes_as_many_actions_as_it_takes(row, actions):
    assert _actions(Adapter("deltas", None, "it"), row) == actions


def test_a_hand_that_holds_something_drops_it_and_picks_nothing_up():
    assert _actions(Adapter("deltas", None, "it"), _row(grasp=-1), in_hand=True) == ["DROPOFF"]
    assert _actions(Adapter("deltas", None, "it"), _row(grasp=1), in_hand=True) == ["SUB_DONE"]


def test_slow_motions_add_up_and_nothing_is_owed_to_the_next_episode():
    adapter = Adapter("deltas", None, "it")
    assert _actions(adapter, *[_row(ahead=0.05)] * 8) == ["MOVE_AHEAD", "MOVE_AHEAD", "SUB_DONE"]
    assert _actions(adapter, _row(ahead=0.09)) == ["SUB_DONE"]
    adapter.start()
    assert _actions(adapter, _row(ahead=0.09)) == ["SUB_DONE"]


def test_as_many_rows_of_a_chunk_are_carried_out_as_are_asked_for():
    assert _actions(Adapter("discrete", 2, "it"), [0], [1], [2]) == ["MOVE_AHEAD", "MOVE_BACK"]
    assert _actions(Adapter("scores", None, "it"), np.eye(20)[7], np.eye(20)[18]) == ["MOVE_ARM_DOWN", "DONE"]


@pytest.mark.parametrize("row", [_row(ahead=20.0), _row(turn=1e9), _row(lift=-1e300), _row(turn=350, ahead=8, wrist=180)])
def test_a_row_in_the_wrong_units_is_an_error(row):
    adapter = Adapter("deltas", None, "it")
    adapter.take(np.asarray([row]))
    with pytest.raises(PolicyError, match=r"^it: a row asks for .* metres"):
        adapter.next(False)
