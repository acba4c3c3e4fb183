"""A policy as somebody else would write one, for tests: factories of well-behaved and of faulty ones."""

import time

import numpy as np


def ahead():
    return lambda seen: 0


def turning():
    """Turns by the parity of its own count, so it has a memory."""

    class Turning:
        image_size = (24, 42)

        def reset(self):
            self.n = 0

        def act(self, seen):
            assert seen["navigation"].shape == (24, 42, 3) and seen["navigation"].dtype == np.uint8
            assert int(seen["step"][0]) == self.n, "it was reset when the episode began"
            self.n += 1
            return 2 if self.n % 2 else 0

    return Turning()


def batched():
    def policy(seen):
        assert seen["navigation"].shape[1:] == (24, 42, 3) and len(seen["instruction"]) == len(seen["slot"])
        return np.eye(20)[np.where(seen["step"][:, 0] % 2, 0, 2)]

    policy.batched, policy.image_size, policy.action_space = True, (24, 42), "scores"
    return policy


def chunks():
    def policy(seen):
        return np.tile([0.1, 3.0, 0, 0, 0, 0, 0], (4, 1))

    policy.action_space, policy.image_size = "deltas", (24, 42)
    return policy


def late_nan():
    return lambda seen: float("nan") if seen["step"][0] == 3 else 0


def hangs():
    return lambda seen: time.sleep(30)
