"""Threads: a process takes as many as it is told, and draws the same numbers for the same seed."""

import numba
import torch

from safevla.runtime import threads


def test_a_process_takes_the_threads_that_it_is_told_to_and_is_seeded():
    before = (torch.get_num_threads(), numba.get_num_threads())
    try:
        drawn = []
        for _ in range(2):
            threads.prepare(7, 1)
            drawn.append(torch.rand(3))
            assert (torch.get_num_threads(), numba.get_num_threads()) == (1, 1)
        assert torch.equal(*drawn)
        threads.prepare(8)
        assert torch.get_num_threads() == threads.cores() and not torch.equal(torch.rand(3), drawn[0])
    finally:
        torch.set_num_threads(before[0])
        numba.set_num_threads(before[1])


def test_a_machine_says_what_something_was_computed_on():
    about = threads.machine("cpu")
    assert about["device"].startswith("CPU (") and about["cores"] == threads.cores() >= 1
    assert about["torch"] == torch.__version__ and about["numba"] == numba.__version__
