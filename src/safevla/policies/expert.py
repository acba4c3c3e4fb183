"""The experts: planners with privileged state that solve the three tasks.

`Expert(careful=False)` demonstrates, as SPOC's does: the shortest way past walls and furniture, blind to clutter and
hazards, straight at the target with the arm. That is where unsafe habits come from. `Expert(careful=True)` shows that the
tasks can be done safely: it keeps away from everything, goes around what lies on the floor, grasps from above, and looks
before it acts: a motion that would touch anything is not carried out but learnt from, as if it had been.

An action follows from the scene alone, apart from what the expert learnt by bumping into objects, so an expert can also
label states that somebody else's actions led to. An expert that is stuck wanders off at random, drawn from the episode's
seed, before it tries again.
"""

import functools
import math
import random
from collections.abc import Callable, Sequence

import numpy as np

from safevla.config.registry import TASKS
from safevla.policies import expert_moves
from safevla.policies.expert_moves import to_make_room
from safevla.sim.actions import Action
from safevla.sim.collision_check import can_grasp_from, motion_contact, with_scratch
from safevla.sim.geometry import wrap_deg
from safevla.sim.interface import NOTHING, REACHABLE_CELL_M, Scene
from safevla.sim.navigation import UNREACHABLE, clearance, distance_field
from safevla.tasks.episodes import Episode
from safevla.tasks.sampling import goal_nodes
from safevla.world import catalogue
from safevla.world.boxes import FIXED, MOVEABLE, PICKUPABLE, STRUCTURE

TURN_ROOM_M = 0.31  # the body can turn on the spot with this much room
_CARE_M = 0.45
_GIVE_UP_BUMPS = {False: 50, True: 5}  # by whether the expert is careful
_STUCK_BUMPS = 7  # after this many bumps in one place, or
_STUCK_STEPS = 45  # this many motions of the base within _STUCK_M, more than a grasp takes, something else is tried
_STUCK_M = 0.5
_LOOKS = 6  # choices that the careful expert weighs before it takes any that touches nothing
_PATIENCE = (40, 90)  # refused motions after which it pushes small objects, and after which it pushes all that moves
_SMALLER = {
    Action.MOVE_ARM_UP: Action.MOVE_ARM_UP_SMALL, Action.MOVE_ARM_DOWN: Action.MOVE_ARM_DOWN_SMALL,
    Action.MOVE_ARM_OUT: Action.MOVE_ARM_OUT_SMALL, Action.MOVE_ARM_IN: Action.MOVE_ARM_IN_SMALL,
}  # fmt: skip
_Boxes = tuple[np.ndarray, np.ndarray, np.ndarray, int]  # pose (M, ·), half (M, 3) and kind (M,) of a house, n_boxes


class Expert:
    """Acts in B environments. Call `start_episodes` for every episode that starts, `act` once a step."""

    def __init__(self, n_envs: int, careful: bool = False):
        self.careful = careful
        self._weight: list[np.ndarray] = [np.zeros((1, 1), np.float32)] * n_envs
        self._field: list[np.ndarray] = [np.zeros((1, 1), np.float32)] * n_envs
        self._goals: list[np.ndarray] = [np.zeros((0, 2), np.int64)] * n_envs
        self._targets: list[np.ndarray] = [np.zeros(0, np.int64)] * n_envs
        self._is_nav = np.zeros(n_envs, np.bool_)
        self._failed_actions = np.zeros(n_envs, np.int64)
        self._last_state = np.zeros((n_envs, 6), np.float32)
        self._last_action = np.full(n_envs, NOTHING, np.int64)
        self._escape = np.full(n_envs, NOTHING, np.int64)  # an action that makes room after a bump
        self._is_goal: list[np.ndarray] = [np.zeros((1, 1), np.bool_)] * n_envs
        self._all_goals: list[np.ndarray] = [np.zeros((0, 2), np.int64)] * n_envs
        self._random = [random.Random(0)] * n_envs
        self._wander = np.zeros(n_envs, np.int64)  # steps left of a walk away from where it got stuck
        self._anchor = np.zeros((n_envs, 2))
        self._since_anchor = np.zeros(n_envs, np.int64)
        self._refused = np.zeros(n_envs, np.int64)
        self._was_stuck = np.zeros(n_envs, np.bool_)

    def start_episodes(self, slots: Sequence[int], episodes: Sequence[Episode], scene: Scene) -> None:
        """Plan for the episodes that have just started in these slots."""
        for slot, episode in zip(slots, episodes, strict=True):
            self._plan(int(slot), episode, scene)

    def _plan(self, slot: int, episode: Episode, scene: Scene) -> None:
        n = int(scene.n_boxes[slot])
        pose, half, mobility = scene.pose[slot].numpy(), scene.half[slot].numpy(), scene.mobility[slot].numpy()
        reachable = scene.reachable[slot].numpy()
        origin_x, origin_z = (float(v) for v in scene.reachable_origin[slot])
        types = scene.type_index[slot, :n].numpy()
        targets = np.flatnonzero(types == catalogue.TYPES[episode.target_type].index)
        room = np.empty(reachable.shape, np.float32)
        clearance(pose, half, mobility, n, STRUCTURE, MOVEABLE, origin_x, origin_z, room)
        weight = 1.0 + 12.0 * np.maximum(0.0, 1.0 - room / TURN_ROOM_M)
        if self.careful:
            clearance(pose, half, mobility, n, STRUCTURE, PICKUPABLE, origin_x, origin_z, room)
            weight += 6.0 * np.maximum(0.0, 1.0 - room / _CARE_M) + 20.0 * (room < TURN_ROOM_M) + 60.0 * (room < 0.21)
        weight = np.where(reachable, weight, UNREACHABLE).astype(np.float32)
        x = origin_x + np.arange(reachable.shape[1]) * REACHABLE_CELL_M
        z = origin_z + np.arange(reachable.shape[0]) * REACHABLE_CELL_M
        nodes = [goal_nodes(episode.task, m, reachable, x, z, pose, half, mobility, n, self.careful) for m in targets]
        kept = [i for i, found in enumerate(nodes) if len(found)]
        self._targets[slot] = targets[kept] if kept else targets
        self._goals[slot] = np.concatenate([nodes[i] for i in kept]) if kept else np.zeros((0, 2), np.int64)  # none: gives up
        self._weight[slot] = weight
        self._is_nav[slot] = not TASKS.load(episode.task).GRASPS
        self._all_goals[slot] = self._goals[slot]
        self._random[slot] = random.Random(episode.seed)
        self._wander[slot] = 0
        self._anchor[slot] = scene.robot_state[slot, :2].numpy()
        self._since_anchor[slot] = self._refused[slot] = 0
        self._was_stuck[slot] = False
        self._head_for(slot, self._goals[slot])
        self._failed_actions[slot] = 0
        self._escape[slot] = NOTHING
        self._last_action[slot] = NOTHING

    def _head_for(self, slot: int, goals: np.ndarray) -> None:
        """Plan the way to the nearest, most comfortable of the goal nodes."""
        # the arm needs the robot to face a certain way, so room to turn counts for more there
        self._field[slot] = distance_field(self._weight[slot], goals, 0.1 if self._is_nav[slot] else 0.5)
        is_goal = np.zeros(self._weight[slot].shape, np.bool_)
        is_goal[goals[:, 0], goals[:, 1]] = True
        self._is_goal[slot] = is_goal

    def act(self, scene: Scene, carried_out: np.ndarray | None = None) -> np.ndarray:
        """The action to take now in every environment, (B,) int64.

        carried_out (B,): what was done instead of this expert's last actions, where somebody else decides. The expert
        learns from its own bumps only: another's action that changed nothing says little about the way.
        """
        if carried_out is not None:
            self._last_action[carried_out != self._last_action] = NOTHING
        robots, held = scene.robot_state.numpy(), scene.held.numpy()
        poses, halves = scene.pose.numpy(), scene.half.numpy()
        types, visible = scene.type_index.numpy(), scene.visible.numpy()
        kinds, n_boxes = scene.mobility.numpy(), scene.n_boxes.numpy()
        origins = scene.reachable_origin.numpy()
        actions = np.full(len(robots), int(Action.DONE), np.int64)
        for slot in range(len(robots)):
            if len(self._goals[slot]) == 0 or self._failed_actions[slot] > _GIVE_UP_BUMPS[self.careful]:
                continue
            robot_state, n = robots[slot], n_boxes[slot]
            boxes = (poses[slot], halves[slot], kinds[slot], n)
            if self._learn_from_bump(slot, robot_state, origins[slot]):
                self._escape[slot] = to_make_room(robot_state, *boxes)
            self._notice_standstill(slot, robot_state)
            holds = held[slot] != NOTHING
            right_one = holds and types[slot, held[slot]] == types[slot, self._targets[slot][0]]
            choose = functools.partial(
                self._choose, slot, robot_state, int(held[slot]), right_one, boxes, visible[slot, 0], origins[slot]
            )
            action = choose()
            if self.careful:
                action = self._look_first(slot, action, robot_state, int(held[slot]), boxes, origins[slot], choose)
            actions[slot] = self._last_action[slot] = action
            self._last_state[slot] = robot_state
        return actions

    def _choose(
        self,
        slot: int,
        robot_state: np.ndarray,
        held: int,
        right_one: bool,
        boxes: _Boxes,
        visible: np.ndarray,
        origin: np.ndarray,
    ) -> int:
        """What it would do next, were nothing in the way that it does not know of."""
        at_goal = self._is_at_goal(slot, robot_state, boxes, origin)
        action = expert_moves.choose(
            self._is_nav[slot], self.careful, self.careful or self._was_stuck[slot], at_goal, held != NOTHING, right_one, robot_state,
            self._targets[slot], *boxes[:2], visible, self._weight[slot], self._field[slot], origin,
        )  # fmt: skip
        escape, self._escape[slot] = self._escape[slot], NOTHING
        if action == Action.DONE or action == Action.DROPOFF:
            return action
        if self._wander[slot] > 0:
            if robot_state[4] > 0.02:  # the arm comes in first
                return Action.MOVE_ARM_IN if robot_state[4] > 0.08 else Action.MOVE_ARM_IN_SMALL
            self._wander[slot] -= 1
            pose, half, mobility, n = boxes
            return self._stroll(slot, robot_state, held, with_scratch(pose[:n]), with_scratch(half[:n]), mobility, n)
        return action if escape == NOTHING else escape

    def _is_at_goal(self, slot: int, robot_state: np.ndarray, boxes: _Boxes, origin: np.ndarray) -> bool:
        """Whether this is a place to see or grasp the target from: a goal node, or beside one and just as good."""
        is_goal = self._is_goal[slot]
        iz = min(max(int(round((robot_state[1] - origin[1]) / REACHABLE_CELL_M)), 0), is_goal.shape[0] - 1)
        ix = min(max(int(round((robot_state[0] - origin[0]) / REACHABLE_CELL_M)), 0), is_goal.shape[1] - 1)
        if self._is_nav[slot]:
            return bool(is_goal[iz, ix])
        if is_goal[iz, ix] and not self.careful:
            return True
        if not is_goal[max(0, iz - 1) : iz + 2, max(0, ix - 1) : ix + 2].any():
            return False
        pose, half, mobility, n = boxes
        minded = PICKUPABLE if self.careful and self._refused[slot] <= _PATIENCE[0] else MOVEABLE
        target = self._nearest_target(slot, robot_state, pose)
        return can_grasp_from(
            robot_state[0], robot_state[1], target, minded, with_scratch(pose[:n]), with_scratch(half[:n]), mobility, n
        )

    def _nearest_target(self, slot: int, robot_state: np.ndarray, pose: np.ndarray) -> int:
        targets = self._targets[slot]
        return int(targets[np.argmin(np.hypot(pose[targets, 0] - robot_state[0], pose[targets, 2] - robot_state[1]))])

    def _stroll(
        self, slot: int, robot_state: np.ndarray, held: int, pose: np.ndarray, half: np.ndarray, mobility: np.ndarray, n: int
    ) -> int:
        """A motion of the base at random, one that touches nothing if there is one, or else nothing that blocks."""
        motions = [Action.MOVE_AHEAD] * 3 + [Action.MOVE_BACK] * 2 + [Action.ROTATE_LEFT, Action.ROTATE_RIGHT]
        for minded in (PICKUPABLE, MOVEABLE, FIXED):
            free = [a for a in motions if motion_contact(a, robot_state, held, NOTHING, minded, pose, half, mobility, n) < 0]
            if free:
                return int(self._random[slot].choice(free))
        return int(self._random[slot].choice((*motions, Action.ROTATE_LEFT_SMALL, Action.ROTATE_RIGHT_SMALL)))

    def _look_first(
        self,
        slot: int,
        action: int,
        robot_state: np.ndarray,
        held: int,
        boxes: _Boxes,
        origin: np.ndarray,
        choose: Callable[[], int],
    ) -> int:
        """The action, or another one that touches nothing but the target, if there is one."""
        pose, half, mobility, n = boxes
        pose, half = with_scratch(pose[:n]), with_scratch(half[:n])
        target = self._nearest_target(slot, robot_state, pose)
        minded = (PICKUPABLE, MOVEABLE, FIXED)[np.searchsorted(_PATIENCE, self._refused[slot])]

        def touches(some_action: int, ignored: int = target) -> bool:
            if some_action >= Action.PICKUP:
                return False
            return motion_contact(some_action, robot_state, held, ignored, minded, pose, half, mobility, n) >= 0

        for _ in range(_LOOKS):
            if action in _SMALLER and touches(action, NOTHING):
                action = _SMALLER[action]
            if not touches(action):
                return action
            self._refused[slot] += 1
            if self._learn(slot, action, robot_state, origin):
                self._escape[slot] = to_make_room(robot_state, *boxes)
            action = choose()
        return self._stroll(slot, robot_state, held, pose, half, mobility, n)

    def _notice_standstill(self, slot: int, robot_state: np.ndarray) -> None:
        """Try something else where much time went by and little happened."""
        self._since_anchor[slot] += 0 <= self._last_action[slot] <= Action.ROTATE_LEFT_SMALL
        if np.abs(robot_state[:2] - self._anchor[slot]).max() > _STUCK_M:
            self._anchor[slot], self._since_anchor[slot] = robot_state[:2], 0
        elif self._since_anchor[slot] > _STUCK_STEPS or self._last_action[slot] == Action.DROPOFF:
            self._get_unstuck(slot, robot_state)

    def _get_unstuck(self, slot: int, robot_state: np.ndarray) -> None:
        """Wander off, and head for some of the places to stand only."""
        rng = self._random[slot]
        self._wander[slot] = rng.randint(3, 9)
        self._was_stuck[slot] = True
        goals = self._all_goals[slot]
        kept = np.asarray([rng.random() < 0.5 for _ in goals], np.bool_)
        self._goals[slot] = goals[kept] if kept.any() else goals
        self._head_for(slot, self._goals[slot])
        self._anchor[slot], self._since_anchor[slot] = robot_state[:2], 0

    def _learn_from_bump(self, slot: int, robot_state: np.ndarray, origin: np.ndarray) -> bool:
        """A motion that changed nothing: what lies there costs more from now on, and the way is planned anew.

        True where there was no room to turn.
        """
        action, last = self._last_action[slot], self._last_state[slot]
        if not 0 <= action < Action.PICKUP:
            return False
        if (
            abs(robot_state[:2] - last[:2]).max() > 0.01
            or abs(wrap_deg(robot_state[2] - last[2])) > 1.5
            or abs(robot_state[3:] - last[3:]).max() > 0.005
        ):
            return False
        self._failed_actions[slot] += 1
        if self._failed_actions[slot] % _STUCK_BUMPS == 0:
            self._get_unstuck(slot, robot_state)
        return self._learn(slot, int(action), robot_state, origin)

    def _learn(self, slot: int, action: int, robot_state: np.ndarray, origin: np.ndarray) -> bool:
        """Take it that an action fails here. True where there is no room to turn."""
        weight = self._weight[slot]
        yaw = math.radians(robot_state[2])
        sign = -1.0 if action == Action.MOVE_BACK else 1.0
        goals = self._goals[slot]
        if action <= Action.MOVE_BACK:
            for reach in (0.2, 0.35):
                ix = int(round((robot_state[0] + sign * reach * math.sin(yaw) - origin[0]) / REACHABLE_CELL_M))
                iz = int(round((robot_state[1] + sign * reach * math.cos(yaw) - origin[1]) / REACHABLE_CELL_M))
                window = weight[max(0, iz - 1) : iz + 2, max(0, ix - 1) : ix + 2]
                window[window < UNREACHABLE] += 25.0
            if self._failed_actions[slot] % 3 == 0:
                self._escape[slot] = Action.MOVE_BACK if sign > 0 else Action.MOVE_AHEAD
        else:  # no room to turn or to reach out here: make some, and prefer other places to stand
            node_x, node_z = (robot_state[0] - origin[0]) / REACHABLE_CELL_M, (robot_state[1] - origin[1]) / REACHABLE_CELL_M
            away = np.hypot(goals[:, 1] - node_x, goals[:, 0] - node_z) > 1.5
            if away.any() and (action > Action.ROTATE_LEFT_SMALL or self._failed_actions[slot] % 3 == 0):
                goals = self._goals[slot] = goals[away]
        self._head_for(slot, goals)
        return Action.MOVE_BACK < action <= Action.ROTATE_LEFT_SMALL
