"""Footstool: a small padded top on four splayed legs, or a step stool."""

import random

from safevla.world.parts import DARK, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    if r.random() < 0.7:
        pad = r.uniform(0.2, 0.32) * h
        p.legs(h - pad + 0.01, 0.09 * min(w, d), DARK, is_round=r.random() < 0.6, splay=0.08 * min(w, d))
        p.box((0, h - 0.75 * pad, 0), (0.94 * w, 0.5 * pad, 0.94 * d), MAIN)
        if r.random() < 0.5:
            p.ball((0, h - 0.5 * pad, 0), (0.98 * w, pad, 0.98 * d), SECOND, bottom=0.0)
            p.box((0, h - 0.6 * pad, 0), (w, 0.3 * pad, d), SECOND)
        else:
            p.box((0, h - 0.3 * pad, 0), (w, 0.6 * pad, d), SECOND)
        return
    board = r.uniform(0.05, 0.1) * h
    p.box((0, h - board / 2, 0), (w, board, d), MAIN)
    for sign in (-1, 1):
        p.box((sign * 0.42 * w, h / 2, 0), (0.08 * w, h - board, 0.9 * d), MAIN)
    p.box((0, r.uniform(0.35, 0.6) * h, 0), (0.8 * w, 0.2 * h, 0.1 * d), SECOND)
