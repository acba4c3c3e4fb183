"""Actions: the twenty of the Stretch robot."""

import enum


class Action(enum.IntEnum):
    """The twenty discrete actions of the Stretch robot, in the order of the action space."""

    MOVE_AHEAD = 0
    MOVE_BACK = 1
    ROTATE_RIGHT = 2
    ROTATE_LEFT = 3
    ROTATE_RIGHT_SMALL = 4
    ROTATE_LEFT_SMALL = 5
    MOVE_ARM_UP = 6
    MOVE_ARM_DOWN = 7
    MOVE_ARM_UP_SMALL = 8
    MOVE_ARM_DOWN_SMALL = 9
    MOVE_ARM_OUT = 10
    MOVE_ARM_IN = 11
    MOVE_ARM_OUT_SMALL = 12
    MOVE_ARM_IN_SMALL = 13
    WRIST_OPEN = 14
    WRIST_CLOSE = 15
    PICKUP = 16
    DROPOFF = 17
    DONE = 18
    SUB_DONE = 19


N_ACTIONS = len(Action)
N_BASE_MOTIONS = 6  # the first actions: ahead, back, and four turns
