"""Rendering on the CPU: every pixel of furnished houses against a slow ray caster, in double precision."""

import math

import numpy as np
import pytest
import torch

from safevla.sim import robot
from safevla.sim.actions import Action
from safevla.sim.embedded import EmbeddedSimulator
from safevla.sim.interface import CAMERAS
from safevla.sim.view import toppled_axes, view_of
from safevla.world.parts import AXES, CENTRE
from tests import ray_caster
from tests.sim.test_solids import ray


def _in_the_world(simulator: EmbeddedSimulator) -> tuple[np.ndarray, np.ndarray]:
    """(the parts of environment 0 as they stand, (P, N_COLUMNS) float64 in the world's frame, the slots of their boxes)."""
    state, scene = simulator.state, simulator.scene()
    n = int(state.n_boxes[0])
    n_parts = int(state.last_part[0, n - 1])
    parts, slots = state.parts[0, :n_parts].astype(float), state.part_box[0, :n_parts]
    pose = scene.pose[0].double().numpy()
    for part, m in zip(parts, slots, strict=True):
        turn = math.radians(pose[m, 3])
        yaw = np.array([[math.cos(turn), 0, -math.sin(turn)], [0, 1, 0], [math.sin(turn), 0, math.cos(turn)]])  # rows: its axes
        axes = (toppled_axes(bool(state.is_wide[0, m])) if pose[m, 4] else np.eye(3)) @ yaw
        part[CENTRE : CENTRE + 3] = part[CENTRE : CENTRE + 3] @ axes + pose[m, :3]
        part[AXES : AXES + 9] = (part[AXES : AXES + 9].reshape(3, 3) @ axes).ravel()
    return parts, slots


def _compare(simulator: EmbeddedSimulator, mounts) -> tuple[int, int]:
    """(pixels whose box or depth differs from the slow caster's, pixels that show objects) in both pictures of environment 0."""
    height, width = simulator.image_size
    parts, slots = _in_the_world(simulator)
    x, z, yaw = (float(v) for v in simulator.scene().robot_state[0, :3])
    ids, depth = simulator.render_ids(), simulator.render_depth()
    wrong = shown = 0
    for c, (name, mount) in enumerate(zip(CAMERAS, mounts, strict=True)):
        pitch, fov, off = (float(v) for v in simulator.state.camera[0, c])
        s, k = math.sin(math.radians(yaw)), math.cos(math.radians(yaw))
        eye = (x + mount.right_m * k + mount.forward_m * s, mount.up_m, z - mount.right_m * s + mount.forward_m * k)
        view = view_of(*eye, yaw + off, pitch, fov, width, height)
        directions = np.array([ray(view, row, column) for row in range(height) for column in range(width)])
        hits = ray_caster.cast(parts, np.array(eye), directions)
        expected = np.where(hits.part >= 0, slots[hits.part], -1)
        found, at = ids[name][0].numpy().ravel(), depth[name][0].numpy().ravel()
        same = found == expected
        solid = same & (found >= 0)
        close = np.abs(at[solid] - hits.distance[solid]) <= 2e-3 * np.maximum(1.0, hits.distance[solid])
        wrong += int((~same).sum() + (~close).sum())
        shown += int((simulator.scene().mobility[0].numpy()[found[found >= 0]] > 0).sum())
    return wrong, shown


@pytest.mark.parametrize("image_size", [(48, 84), (37, 101)])
def test_cameras_agree_with_a_slow_ray_caster(some_episodes, image_size):
    wrong = shown = total = 0
    for number in (0, 7, 20, 33):
        simulator = EmbeddedSimulator(1, image_size)
        simulator.reset([some_episodes[number]])
        for _ in range(2):
            some_wrong, some_shown = _compare(simulator, robot.ROBOTS["stretch"])
            wrong, shown, total = wrong + some_wrong, shown + some_shown, total + 2 * image_size[0] * image_size[1]
            for _ in range(3):
                simulator.step(torch.tensor([Action.ROTATE_RIGHT]))
    assert shown > 0.05 * total
    assert wrong <= 1e-3 * total  # rounding at silhouettes


def test_what_has_toppled_lies_as_a_slow_ray_caster_sees_it(some_episodes):
    """Every object that can move is laid down where it stands."""
    simulator = EmbeddedSimulator(1, (48, 84))
    simulator.reset([some_episodes[3]])
    state = simulator.state
    for m in np.flatnonzero(state.mobility[0] >= 2):
        x, y, z = state.half[0, m].tolist()
        state.half[0, m] = (max(x, z), min(x, z), y)
        state.pose[0, m, 1] += min(x, z) - y
        state.pose[0, m, 4] = 90.0
    for _ in range(4):
        simulator.observe(np.zeros(1, np.int64))
        wrong, _ = _compare(simulator, robot.ROBOTS["stretch"])
        assert wrong <= 1e-3 * 2 * 48 * 84
        state.robot_state[0, 2] += 90.0
