"""Gradients: several groups in one tensor, cleared, averaged and clipped group by group (over ranks: see `test_ranks`)."""

import torch

from safevla.runtime import gradients


def test_groups_are_clipped_each_by_its_own_norm():
    p, q = torch.nn.Parameter(torch.zeros(3)), torch.nn.Parameter(torch.zeros(2, 2))
    flat = gradients.Gradients([p], [q])
    (3.0 * p.sum() + 0.1 * q.sum()).backward()
    flat.average()  # of one rank: nothing happens
    assert p.grad.tolist() == [3.0] * 3 and torch.allclose(q.grad, torch.full((2, 2), 0.1))
    flat.clip(1.0)
    torch.testing.assert_close(p.grad.norm(), torch.tensor(1.0))
    assert torch.allclose(q.grad, torch.full((2, 2), 0.1))
    flat.clear()
    assert not p.grad.any() and not q.grad.any()


def test_they_stay_where_they_are():
    """An optimiser's `zero_grad` would put others in their place."""
    p = torch.nn.Parameter(torch.ones(3))
    flat, before = gradients.Gradients([p]), p.grad
    for _ in range(2):
        flat.clear()
        (2.0 * p.sum()).backward()
        assert p.grad is before and p.grad.tolist() == [2.0] * 3


def test_memory_that_there_is_no_room_for_is_not_reserved():
    assert gradients._reserve(1 << 60) is None
