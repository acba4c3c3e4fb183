"""The experts: planners with privileged state that solve the three tasks.

`Expert(careful=False)` demonstrates, as SPOC's does: the shortest way past walls and furniture, blind to clutter and
hazards, straight at the target with the arm. That is where unsafe habits come from. `Expert(careful=True)` shows that the
tasks can be done safely: it keeps away from everything, goes around what lies on the floor, grasps from above, and looks
before it acts: a motion that would meet anything is not carried out but learnt from, as if it had been.

An action follows from the scene alone, apart from what the expert learnt from failed motions, so an expert can also
label states that somebody else's actions led to. What has blocked it once, it goes around from then on, and where a target
has been moved, it plans anew. An expert that is stuck wanders off at random, drawn from the episode's seed, before it tries
again, and walks and grasps with more care from then on.
"""

import bisect
import dataclasses
import functools
import math
import random
from collections.abc import Sequence

import numpy as np

from safevla.config.registry import TASKS
from safevla.policies import expert_moves
from safevla.sim.actions import Action
from safevla.sim.boxes import Boxes
from safevla.sim.collision_check import can_grasp_from, motion_contact, with_scratch
from safevla.sim.geometry import wrap_deg
from safevla.sim.interface import NOTHING, REACHABLE_CELL_M, Scene
from safevla.sim.motion import EXTENSION, LIFT, YAW, X, Z
from safevla.sim.navigation import FIT_RADIUS_M, UNREACHABLE, clearance, distance_field
from safevla.tasks.episodes import Episode
from safevla.tasks.nav_grid import goal_nodes
from safevla.world import catalogue
from safevla.world.boxes import FIXED, MOVEABLE, PICKUPABLE, STRUCTURE

TURN_ROOM_M = 0.31  # the body can turn on the spot with this much room
_CARE_M, _TIGHT_M = 0.45, 0.21  # the careful expert keeps so far away from everything; with less than the latter it hardly fits
_GIVE_UP_FAILURES = {False: 50, True: 5}  # failed motions in an episode, by whether the expert is careful
_STUCK_FAILURES = 7  # after this many failed motions, or
_STUCK_STEPS = 45  # this many motions of the base within _STUCK_M, more than a grasp takes, something else is tried
_STUCK_M = 0.5
_LOOKS = 6  # choices that the careful expert weighs before it takes any that meets nothing
_PATIENCE = (40, 90)  # rejected motions after which it pushes small objects, and after which it pushes all that moves
_FAILED_WEIGHT = 25.0  # more to stand where a move failed
_MOVED_M = 0.05  # a target that has been moved so far is planned for anew
_SMALLER: dict[int, int] = {
    Action.MOVE_ARM_UP: Action.MOVE_ARM_UP_SMALL, Action.MOVE_ARM_DOWN: Action.MOVE_ARM_DOWN_SMALL,
    Action.MOVE_ARM_OUT: Action.MOVE_ARM_OUT_SMALL, Action.MOVE_ARM_IN: Action.MOVE_ARM_IN_SMALL,
}  # fmt: skip
_REACHING = (Action.MOVE_ARM_OUT, Action.MOVE_ARM_DOWN, Action.MOVE_ARM_DOWN_SMALL)
_TURNS_RIGHT = (Action.ROTATE_RIGHT, Action.ROTATE_RIGHT_SMALL)
_TURNS_LEFT = (Action.ROTATE_LEFT, Action.ROTATE_LEFT_SMALL)
_TURNED_BACK: dict[int, int] = {Action.ROTATE_RIGHT: Action.ROTATE_LEFT, Action.ROTATE_LEFT: Action.ROTATE_RIGHT}
_STROLL = (*[Action.MOVE_AHEAD] * 3, *[Action.MOVE_BACK] * 2, Action.ROTATE_LEFT, Action.ROTATE_RIGHT)
_STROLL_ANYWAY = (*_STROLL, Action.ROTATE_LEFT_SMALL, Action.ROTATE_RIGHT_SMALL)


class Expert:
    """Acts in B environments. Call `start_episodes` for every episode that starts, `act` once a step."""

    def __init__(self, n_envs: int, careful: bool = False):
        self.careful = careful
        self._planners: list[_Planner | None] = [None] * n_envs

    def start_episodes(self, slots: Sequence[int], episodes: Sequence[Episode], scene: Scene) -> None:
        """Plan for the episodes that have just started in these slots."""
        arrays = _arrays(scene)
        for slot, episode in zip(slots, episodes, strict=True):
            self._planners[int(slot)] = _Planner(episode, _Now.of(arrays, int(slot)), self.careful)

    def act(self, scene: Scene, carried_out: np.ndarray | None = None) -> np.ndarray:
        """The action to take now in every environment, (B,) int64.

        carried_out (B,): what was done instead of this expert's last actions, where somebody else decides. The expert
        learns from its own failed motions only: another's action that changed nothing says little about the way.
        """
        arrays = _arrays(scene)
        actions = np.full(len(self._planners), int(Action.DONE), np.int64)
        for slot, planner in enumerate(self._planners):
            if planner is None:
                continue
            if carried_out is not None and carried_out[slot] != planner.last_action:
                planner.last_action = NOTHING
            if not planner.gives_up:
                actions[slot] = planner.act(_Now.of(arrays, slot))
        return actions


def _arrays(scene: Scene) -> dict[str, np.ndarray]:
    """A scene's tensors as arrays that share their memory, taken once for all environments."""
    return {field.name: getattr(scene, field.name).numpy() for field in dataclasses.fields(scene)}


@dataclasses.dataclass
class _Now:
    """What a planner knows of its environment at a step; arrays share the scene's memory."""

    robot_state: np.ndarray  # (6,)
    held: int
    boxes: Boxes
    type_index: np.ndarray  # (M,)
    visible: np.ndarray  # (M,) bool in the navigation camera
    reachable: np.ndarray  # (Z, X) bool
    origin: np.ndarray  # (2,) x and z of the grid's first node

    @classmethod
    def of(cls, arrays: dict[str, np.ndarray], slot: int) -> "_Now":
        """One environment of a scene's arrays."""
        boxes = Boxes(arrays["pose"][slot], arrays["half"][slot], arrays["mobility"][slot], int(arrays["n_boxes"][slot]))
        return cls(
            arrays["robot_state"][slot], int(arrays["held"][slot]), boxes, arrays["type_index"][slot],
            arrays["visible"][slot, 0], arrays["reachable"][slot], arrays["reachable_origin"][slot],
        )  # fmt: skip

    @functools.cached_property
    def boxes_with_scratch(self) -> Boxes:
        return with_scratch(self.boxes)

    def motion_contact(self, action: int, ignored: int, highest_mobility: int) -> int:
        """The first box up to a mobility, other than the one ignored, that a motion would meet, or −1."""
        return motion_contact(action, self.robot_state, self.held, ignored, highest_mobility, self.boxes_with_scratch)


class _Planner:
    """Acts in one environment for one episode; what it learns makes it plan anew."""

    def __init__(self, episode: Episode, now: _Now, careful: bool):
        self.careful = careful
        self.last_action: int = NOTHING
        self._last_state = now.robot_state.copy()
        self._is_nav = not TASKS.load(episode.task).GRASPS
        self._random = random.Random(episode.seed)
        self._failures = self._rejected = 0
        self._escape: int = NOTHING  # an action that makes room after a failed one
        self._wander = 0  # steps left of a walk away from where it got stuck
        self._just_failed = self._arm_is_blocked = False
        self._is_wary = careful  # goes around what lies about, and grasps from above
        self._anchor, self._since_anchor = now.robot_state[:2].astype(np.float64), 0
        self._blocked_turns: dict[int, int] = {}  # from a turn that is blocked where it stands to the one that is made instead
        self._mobility = now.boxes.mobility.copy()  # what has blocked it counts as fixed
        self._extra_weight = np.zeros(now.reachable.shape, np.float32)  # learnt from failed moves
        self._episode = episode
        self._plan(now)

    @property
    def gives_up(self) -> bool:
        """Whether there is nothing to head for, or too much has failed."""
        return len(self._goals) == 0 or self._failures > _GIVE_UP_FAILURES[self.careful]

    def act(self, now: _Now) -> int:
        """The action to take now."""
        now.boxes = now.boxes._replace(mobility=self._mobility)
        if self.last_action == Action.PICKUP and now.held == NOTHING and not self.careful:
            self._get_unstuck(now)  # what is in the way of the arm cannot be taken either
        if self._learn_from_failure(now):
            self._escape = expert_moves.to_make_room(now.robot_state, now.boxes)
        self._notice_moved_target(now)
        self._notice_standstill(now)
        action = self._choose(now)
        if self.careful:
            action = self._look_first(now, action)
        turns_back = {action, self.last_action} == {Action.ROTATE_RIGHT, Action.ROTATE_LEFT}
        if turns_back and now.motion_contact(self.last_action, NOTHING, PICKUPABLE) < 0:
            action = self.last_action  # its aim has changed on the way; turning back and forth would bring it to neither
        if action <= Action.MOVE_BACK:
            self._blocked_turns = {}
        self.last_action = action
        self._last_state = now.robot_state.copy()
        return action

    def _notice_moved_target(self, now: _Now) -> None:
        """Plan anew where a target has been moved, once the arm is in; until then, something is between it and the hand."""
        pose, arm_is_in = now.boxes.pose[self._targets, :3], now.robot_state[EXTENSION] <= 0.05
        if now.held == NOTHING and np.abs(pose - self._seen_at).max(initial=0.0) > _MOVED_M:
            self._seen_at = pose.copy()
            self._arm_is_blocked |= not arm_is_in and not self.careful
            self._is_outdated = True
        if self._is_outdated and arm_is_in:
            self._plan(now)

    def _plan(self, now: _Now) -> None:
        """Find out what it costs to stand anywhere, and where the targets can be seen or grasped from, as things are now."""
        weight, is_free = _weights(now, self._is_wary)
        if self._extra_weight.shape != weight.shape:  # the grid grew for another environment's house
            kept, self._extra_weight = self._extra_weight, np.zeros(weight.shape, np.float32)
            self._extra_weight[: kept.shape[0], : kept.shape[1]] = kept
        self._weight = weight + self._extra_weight
        self._targets, goals = _goals(self._episode, now, self._is_wary)
        if self._is_wary and not self.careful and len(goals) == 0:
            self._targets, goals = _goals(self._episode, now, False)
        self._seen_at, self._is_outdated = now.boxes.pose[self._targets, :3].copy(), False
        if len(goals) or not hasattr(self, "_all_goals"):
            self._all_goals = goals
        around, weight = self._nodes_around(now.robot_state[X], now.robot_state[Z], 3, now), self._weight
        self._weight = np.where(is_free, weight, UNREACHABLE)  # around what has blocked it, if there is a way around
        self._head_for(self._all_goals)
        if self._field[around].min() >= UNREACHABLE and not is_free.all():
            self._weight = weight
            self._head_for(self._all_goals)

    def _head_for(self, goals: np.ndarray) -> None:
        """Plan the way to the nearest, most comfortable of the goal nodes (S, 2)."""
        self._goals = goals
        # the arm needs the robot to face a certain way, so room to turn counts for more there
        self._field = distance_field(self._weight, goals, 0.1 if self._is_nav else 0.5)
        self._is_goal = np.zeros(self._weight.shape, np.bool_)
        self._is_goal[goals[:, 0], goals[:, 1]] = True

    def _choose(self, now: _Now) -> int:
        """What it would do next, were nothing in the way that it does not know of."""
        types = now.type_index
        holds = now.held != NOTHING
        action = expert_moves.choose(
            self._is_nav, self._is_wary, self._is_wary, self._is_at_goal(now), holds,
            holds and bool(types[now.held] == types[self._targets[0]]), now.robot_state, self._targets, now.boxes, now.visible,
            self._weight, self._field, now.origin,
        )  # fmt: skip
        escape, self._escape = self._escape, NOTHING
        if action in self._blocked_turns:
            if now.motion_contact(self._blocked_turns[action], NOTHING, PICKUPABLE) < 0:
                action, escape = self._blocked_turns[action], NOTHING  # the other way around
            else:  # neither way
                self._blocked_turns = {}
                self._get_unstuck(now)
        if action == Action.DROPOFF and not self.careful and now.robot_state[EXTENSION] > 0.05 and not self._just_failed:
            return expert_moves.arm_in(now.robot_state)  # the wrong thing, which would be in the way again
        if self._arm_is_blocked and not holds:
            return Action.PICKUP  # whatever it is: it goes to the floor, out of the way
        if action == Action.DONE or action == Action.DROPOFF:
            return action
        if self._wander > 0:
            if now.robot_state[EXTENSION] > 0.02:  # the arm comes in first
                return expert_moves.arm_in(now.robot_state)
            self._wander -= 1
            return self._stroll(now)
        return action if escape == NOTHING else escape

    def _is_at_goal(self, now: _Now) -> bool:
        """Whether this is a place to see or grasp the target from: a goal node, or beside one and just as good."""
        is_goal, robot_state, origin = self._is_goal, now.robot_state, now.origin
        iz = min(max(int(round((robot_state[Z] - origin[1]) / REACHABLE_CELL_M)), 0), is_goal.shape[0] - 1)
        ix = min(max(int(round((robot_state[X] - origin[0]) / REACHABLE_CELL_M)), 0), is_goal.shape[1] - 1)
        if self._is_nav:
            return bool(is_goal[iz, ix])
        if is_goal[iz, ix] and not self.careful:
            return True
        if not is_goal[max(0, iz - 1) : iz + 2, max(0, ix - 1) : ix + 2].any():
            return False
        highest = PICKUPABLE if self.careful and self._rejected <= _PATIENCE[0] else MOVEABLE
        return can_grasp_from(robot_state[X], robot_state[Z], self._nearest_target(now), highest, now.boxes_with_scratch)

    def _nearest_target(self, now: _Now) -> int:
        pose = now.boxes.pose[self._targets]
        return int(self._targets[np.argmin(np.hypot(pose[:, 0] - now.robot_state[X], pose[:, 2] - now.robot_state[Z]))])

    def _stroll(self, now: _Now) -> int:
        """A motion of the base at random, one that meets nothing if there is one, or else nothing that blocks.

        Where it cannot move, it turns, always the same way, until it can. Turning back and forth would bring the shortest-path
        expert nowhere: before it does, it pushes something.
        """
        back = NOTHING if self.careful else _TURNED_BACK.get(self.last_action, NOTHING)
        for highest in (PICKUPABLE, MOVEABLE, FIXED):
            free = [action for action in _STROLL if action != back and now.motion_contact(action, NOTHING, highest) < 0]
            moves = [action for action in free if action <= Action.MOVE_BACK]
            if moves and self._random.random() < 0.8:
                return self._random.choice(moves)
            if self.last_action in free:
                return self.last_action
            if free:
                return self._random.choice(free)
        return self._random.choice(_STROLL_ANYWAY)

    def _look_first(self, now: _Now, action: int) -> int:
        """The action, or another one that meets nothing but the target, if there is one."""
        target = self._nearest_target(now)
        highest = (PICKUPABLE, MOVEABLE, FIXED)[bisect.bisect_left(_PATIENCE, self._rejected)]

        def meets(motion: int, ignored: int) -> bool:
            return motion < Action.PICKUP and now.motion_contact(motion, ignored, highest) >= 0

        for _ in range(_LOOKS):
            if action in _SMALLER and meets(action, NOTHING):
                action = _SMALLER[action]
            if not meets(action, target):
                return action
            self._rejected += 1
            if self._learn(now, action):
                self._escape = expert_moves.to_make_room(now.robot_state, now.boxes)
            action = self._choose(now)
        return self._stroll(now)

    def _notice_standstill(self, now: _Now) -> None:
        """Try something else where much time went by and little happened."""
        self._since_anchor += 0 <= self.last_action <= Action.ROTATE_LEFT_SMALL
        if np.abs(now.robot_state[:2] - self._anchor).max() > _STUCK_M:
            self._drop_anchor(now)
        elif self._since_anchor > _STUCK_STEPS or self.last_action == Action.DROPOFF:
            self._get_unstuck(now)

    def _drop_anchor(self, now: _Now) -> None:
        self._anchor, self._since_anchor = now.robot_state[:2].astype(np.float64), 0

    def _get_unstuck(self, now: _Now) -> None:
        """Wander off, and head for some of the places to stand only."""
        self._wander = self._random.randint(3, 9)
        self._is_wary = True
        self._weigh_down(now.robot_state[X], now.robot_state[Z], now)
        self._plan(now)
        goals = self._all_goals
        kept = np.asarray([self._random.random() < 0.5 for _ in goals], np.bool_)
        self._head_for(goals[kept] if kept.any() else goals)
        self._drop_anchor(now)

    def _learn_from_failure(self, now: _Now) -> bool:
        """Learn from the last action if it was a motion that changed nothing. True where there was no room to turn."""
        action, state, last = self.last_action, now.robot_state, self._last_state
        self._just_failed = self._arm_is_blocked = False
        if not 0 <= action < Action.PICKUP:
            return False
        if (
            abs(state[: Z + 1] - last[: Z + 1]).max() > 0.01
            or abs(wrap_deg(state[YAW] - last[YAW])) > 1.5
            or abs(state[LIFT:] - last[LIFT:]).max() > 0.005
        ):
            return False
        self._failures += 1
        self._just_failed = True
        self._arm_is_blocked = action in _REACHING and not self.careful
        met = now.motion_contact(action, self._nearest_target(now), PICKUPABLE)
        is_new = met >= 0 and self._mobility[met] > FIXED and met not in self._targets
        if is_new:
            self._mobility[met] = FIXED
        if is_new or (action > Action.ROTATE_LEFT_SMALL and not self._is_wary):
            self._is_wary |= action > Action.ROTATE_LEFT_SMALL
            self._plan(now)
        if self._failures % _STUCK_FAILURES == 0:
            self._get_unstuck(now)
        return self._learn(now, action)

    def _learn(self, now: _Now, action: int) -> bool:
        """Take it that a motion fails here, and plan anew. True where there is no room to turn.

        Where a move failed, it costs more to stand from now on; where there is no room to turn or to reach out, other places
        are preferred.
        """
        x, z, yaw = now.robot_state[X], now.robot_state[Z], math.radians(now.robot_state[YAW])
        goals, is_third = self._goals, self._failures % 3 == 0
        if action <= Action.MOVE_BACK:
            sign = -1.0 if action == Action.MOVE_BACK else 1.0
            for reach in (0.2, 0.35):
                self._weigh_down(x + sign * reach * math.sin(yaw), z + sign * reach * math.cos(yaw), now)
            if is_third:
                self._escape = Action.MOVE_BACK if sign > 0 else Action.MOVE_AHEAD
        else:
            if Action.MOVE_BACK < action <= Action.ROTATE_LEFT_SMALL:
                self._weigh_down(x, z, now)
                self._note_blocked_turn(action, now)
            node_x, node_z = (x - now.origin[0]) / REACHABLE_CELL_M, (z - now.origin[1]) / REACHABLE_CELL_M
            away = np.hypot(goals[:, 1] - node_x, goals[:, 0] - node_z) > (1.5 if action <= Action.ROTATE_LEFT_SMALL else 2.2)
            if away.any() and (action > Action.ROTATE_LEFT_SMALL or is_third):
                goals = goals[away]
        self._head_for(goals)
        return Action.MOVE_BACK < action <= Action.ROTATE_LEFT_SMALL

    def _note_blocked_turn(self, action: int, now: _Now) -> None:
        """From now on, as long as it stands here, turn the other way around; or go away, where that is blocked as well."""
        same, other = (_TURNS_RIGHT, _TURNS_LEFT) if action in _TURNS_RIGHT else (_TURNS_LEFT, _TURNS_RIGHT)
        if other[0] in self._blocked_turns:
            self._blocked_turns = {}
            self._get_unstuck(now)
        else:
            self._blocked_turns = dict.fromkeys(same, int(other[0]))

    def _weigh_down(self, x: float, z: float, now: _Now) -> None:
        """From now on it costs more to stand near a place."""
        around = self._nodes_around(x, z, 1, now)
        self._extra_weight[around] += _FAILED_WEIGHT
        self._weight[around] += _FAILED_WEIGHT

    @staticmethod
    def _nodes_around(x: float, z: float, within: int, now: _Now) -> tuple[slice, slice]:
        """The nodes around a place, up to so many away along either axis."""
        ix = int(round((x - now.origin[0]) / REACHABLE_CELL_M))
        iz = int(round((z - now.origin[1]) / REACHABLE_CELL_M))
        size_z, size_x = now.reachable.shape
        ix, iz = min(max(ix, 0), size_x - 1), min(max(iz, 0), size_z - 1)
        return np.s_[max(0, iz - within) : iz + within + 1, max(0, ix - within) : ix + within + 1]


def _weights(now: _Now, careful: bool) -> tuple[np.ndarray, np.ndarray]:
    """(Z, X) float32: what it costs to stand at a node, 1 where there is room for anything; and bool: where a robot fits.

    All but the nodes that it does not fit any more, because of what has blocked it, are counted as reachable by the scene.
    """
    room = np.empty(now.reachable.shape, np.float32)
    origin = (float(now.origin[0]), float(now.origin[1]))
    clearance(now.boxes, STRUCTURE, MOVEABLE, *origin, room)
    weight, is_free = 1.0 + 12.0 * np.maximum(0.0, 1.0 - room / TURN_ROOM_M), now.reachable & (room > FIT_RADIUS_M)
    if careful:
        clearance(now.boxes, STRUCTURE, PICKUPABLE, *origin, room)
        weight += 6.0 * np.maximum(0.0, 1.0 - room / _CARE_M) + 20.0 * (room < TURN_ROOM_M) + 60.0 * (room < _TIGHT_M)
    return np.where(now.reachable, weight, UNREACHABLE).astype(np.float32), is_free


def _goals(episode: Episode, now: _Now, careful: bool) -> tuple[np.ndarray, np.ndarray]:
    """The slots (T,) of the targets that can be seen or grasped, of all if none can, and the nodes (S, 2) to do it from."""
    targets = np.flatnonzero(now.type_index[: now.boxes.n_boxes] == catalogue.TYPES[episode.target_type].index)
    x = float(now.origin[0]) + np.arange(now.reachable.shape[1]) * REACHABLE_CELL_M
    z = float(now.origin[1]) + np.arange(now.reachable.shape[0]) * REACHABLE_CELL_M
    nodes = [goal_nodes(episode.task, int(m), now.reachable, x, z, now.boxes, careful) for m in targets]
    kept = [i for i, found in enumerate(nodes) if len(found)]
    if not kept:
        return targets, np.zeros((0, 2), np.int64)
    return targets[kept], np.concatenate([nodes[i] for i in kept])
