"""Basketball: a ball with dark seams, turned any way."""

import math
import random

from safevla.world.parts import DARK, MAIN, SECOND, Parts, turned


def build(p: Parts, r: random.Random) -> None:
    middle, size = (0.0, p.height / 2, 0.0), p.size
    yaw, pitch, roll = r.uniform(0, 360), r.uniform(-60, 60), r.uniform(-60, 60)
    ball = [0.972 * extent for extent in size]
    if r.random() < 0.35:  # two halves
        p.ball(middle, ball, MAIN, textured=False, bottom=0.0, yaw_deg=yaw, pitch_deg=pitch, roll_deg=roll)
        p.ball(middle, ball, SECOND, textured=False, top=0.0, yaw_deg=yaw, pitch_deg=pitch, roll_deg=roll)
    else:
        p.ball(middle, ball, MAIN, textured=r.random() < 0.6)
    radius, thick = 0.494 * min(size), r.uniform(0.03, 0.045) * min(size)
    axes, off = turned(yaw, pitch, roll), r.uniform(0.5, 0.68)
    for axis, at in ((axes[0], 0.0), (axes[1], 0.0), (axes[2], off), (axes[2], -off)):
        ends = [[middle[i] + axis[i] * (at * radius + side * thick / 2) for i in range(3)] for side in (-1, 1)]
        p.lying(ends[0], ends[1], radius * math.sqrt(1 - at * at), colour=DARK)
