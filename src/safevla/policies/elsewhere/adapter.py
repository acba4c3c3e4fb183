"""Adapter: the answers of a policy from elsewhere as the twenty actions of this robot.

A chunk's rows are carried out in order; the policy is asked again when they are used up, or when `execute` of them are.

A row of the action space `deltas` is a motion of base and arm from where they are, and what the hand and the robot then do:

    0  ahead_m      metres ahead; negative: back
    1  turn_deg     degrees clockwise, seen from above; done before `ahead_m`
    2  lift_m       metres that the arm goes up
    3  extend_m     metres that the arm goes out
    4  wrist_deg    degrees that the wrist closes (towards +)
    5  grasp        above 0.5: pick up, if the hand is empty; below −0.5: drop, if it is not
    6  done         above 0.5: the task is done

It becomes as many actions as it takes, in that order, each part rounded to the smallest step that there is (0.20 m ahead, 6°,
0.02 m of the arm, 10° of the wrist). What rounding leaves is owed to the next row, so that slow motions add up. A row that
comes to no action is passed over; where a chunk ends so, the robot waits for one step. A policy in other units or of other order
is wrapped in a function of a line.
"""

from collections import deque

import numpy as np

from safevla.policies.elsewhere.answers import PolicyError
from safevla.sim.actions import Action
from safevla.sim.robot import ARM_STEP_M, ARM_STEP_SMALL_M, MOVE_M, ROTATE_DEG, ROTATE_SMALL_DEG, WRIST_STEP_DEG

WAIT = Action.SUB_DONE  # of the twenty the one that moves nothing and ends nothing
MAX_ACTIONS = 60  # that one row may ask for
_SAYS = 0.5  # what `grasp` and `done` have to exceed

# (column of a row, smallest step, its actions forwards and backwards, steps in a large one, its actions), in the order in which
# they are carried out
_PARTS = (
    (1, ROTATE_SMALL_DEG, (Action.ROTATE_RIGHT_SMALL, Action.ROTATE_LEFT_SMALL), round(ROTATE_DEG / ROTATE_SMALL_DEG),
     (Action.ROTATE_RIGHT, Action.ROTATE_LEFT)),
    (0, MOVE_M, (Action.MOVE_AHEAD, Action.MOVE_BACK), 1, (Action.MOVE_AHEAD, Action.MOVE_BACK)),
    (2, ARM_STEP_SMALL_M, (Action.MOVE_ARM_UP_SMALL, Action.MOVE_ARM_DOWN_SMALL), round(ARM_STEP_M / ARM_STEP_SMALL_M),
     (Action.MOVE_ARM_UP, Action.MOVE_ARM_DOWN)),
    (3, ARM_STEP_SMALL_M, (Action.MOVE_ARM_OUT_SMALL, Action.MOVE_ARM_IN_SMALL), round(ARM_STEP_M / ARM_STEP_SMALL_M),
     (Action.MOVE_ARM_OUT, Action.MOVE_ARM_IN)),
    (4, WRIST_STEP_DEG, (Action.WRIST_CLOSE, Action.WRIST_OPEN), 1, (Action.WRIST_CLOSE, Action.WRIST_OPEN)),
)  # fmt: skip
_N_MOTIONS = 5


class Adapter:
    """What one episode's policy has said and is still to be done."""

    def __init__(self, space: str, execute: int | None, name: str):
        """space: the policy's action space, of `answers.SPACES`; execute: rows of a chunk that are carried out, None: all."""
        self.space, self.execute, self.name = space, execute, name
        self.start()

    def start(self) -> None:
        """A new episode: nothing is owed."""
        self._rows: deque[np.ndarray] = deque()
        self._actions: deque[int] = deque()
        self._owed = np.zeros(_N_MOTIONS)

    @property
    def needs_answer(self) -> bool:
        return not self._rows and not self._actions

    def take(self, rows: np.ndarray) -> None:
        """The policy's answer, rows (H, D)."""
        self._rows.extend(rows[: self.execute])

    def next(self, object_in_hand: bool) -> int:
        """The action to carry out now. Raises PolicyError where a row asks for far too much."""
        while not self._actions and self._rows:
            row = self._rows.popleft()
            if self.space == "deltas":
                self._actions.extend(self._of_deltas(row, object_in_hand))
            else:
                self._actions.append(int(row[0] if self.space == "discrete" else row.argmax()))
        return self._actions.popleft() if self._actions else int(WAIT)

    def _of_deltas(self, row: np.ndarray, object_in_hand: bool) -> list[int]:
        owed = self._owed + row[:_N_MOTIONS]
        actions: list[int] = []
        for column, step, small, per_large, large in _PARTS:
            n = round(float(owed[column]) / step)
            if abs(n) > MAX_ACTIONS * per_large:
                raise PolicyError(
                    f"{self.name}: a row asks for {owed[column]:g} in column {column}: are its units metres, degrees?"
                )
            owed[column] -= n * step
            n_large, n_small = divmod(abs(n), per_large)
            actions += [int(large[n < 0])] * n_large + [int(small[n < 0])] * n_small
        if len(actions) > MAX_ACTIONS:
            raise PolicyError(f"{self.name}: a row asks for {len(actions)} actions at once: are its units metres and degrees?")
        self._owed = owed
        grasp, done = row[_N_MOTIONS:]
        if grasp > _SAYS and not object_in_hand:
            actions.append(int(Action.PICKUP))
        if grasp < -_SAYS and object_in_hand:
            actions.append(int(Action.DROPOFF))
        if done > _SAYS:
            actions.append(int(Action.DONE))
        return actions
