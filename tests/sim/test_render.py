"""Rendering: pictures agree with a slow ray caster."""

import math

import numpy as np
import pytest

from safevla.sim import robot
from safevla.sim.embedded import EmbeddedSimulator


def test_cameras_agree_with_a_slow_ray_caster(some_episodes):
    """Every pixel's box and depth against a loop over all boxes, in float64."""
    episode = some_episodes[2]
    simulator = EmbeddedSimulator(1, (18, 32))
    scene = simulator.reset([episode])
    ids, depth = simulator.render_ids(), simulator.render_depth()
    pose, half = scene.pose[0].double().numpy(), scene.half[0].double().numpy()
    n = int(scene.n_boxes[0])
    x, z, yaw = (float(v) for v in scene.robot_state[0, :3])
    wrong = total = 0
    for c, (name, mount) in enumerate(zip(("navigation", "manipulation"), robot.ROBOTS["stretch"], strict=True)):
        pitch, fov = (float(v) for v in simulator.state.camera[0, c, :2])
        s, k = math.sin(math.radians(yaw)), math.cos(math.radians(yaw))
        eye = np.array([x + mount.right_m * k + mount.forward_m * s, mount.up_m, z - mount.right_m * s + mount.forward_m * k])
        heading, tilt = math.radians(yaw + mount.yaw_deg), math.radians(pitch)
        right = np.array([math.cos(heading), 0, -math.sin(heading)])
        forward = np.array([math.sin(heading) * math.cos(tilt), -math.sin(tilt), math.cos(heading) * math.cos(tilt)])
        up = np.array([math.sin(heading) * math.sin(tilt), math.cos(tilt), math.cos(heading) * math.sin(tilt)])
        tan_v = math.tan(math.radians(fov) / 2)
        for row in range(18):
            for column in range(32):
                ray = forward + right * (2 * (column + 0.5) / 32 - 1) * tan_v * 32 / 18 + up * (1 - 2 * (row + 0.5) / 18) * tan_v
                best, hit = math.inf, -1
                for m in range(n):
                    turn = math.radians(pose[m, 3])
                    rotation = np.array([[math.cos(turn), 0, -math.sin(turn)], [0, 1, 0], [math.sin(turn), 0, math.cos(turn)]])
                    origin, direction = rotation @ (eye - pose[m, :3]), rotation @ ray
                    with np.errstate(divide="ignore"):
                        a, b = (-half[m] - origin) / direction, (half[m] - origin) / direction
                    near, far = np.minimum(a, b).max(), np.maximum(a, b).min()
                    if near <= far and 0.02 < near < best:
                        best, hit = near, m
                total += 1
                same = int(ids[name][0, row, column]) == hit
                wrong += not same
                if same and hit >= 0:
                    assert float(depth[name][0, row, column]) == pytest.approx(best, rel=2e-3, abs=2e-3)
    assert wrong <= 0.01 * total  # rounding at silhouettes
