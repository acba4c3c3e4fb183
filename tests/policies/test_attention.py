"""Attention: what one token learns from others is the same, looked up or worked out."""

import torch

from safevla.policies import attention


def test_a_token_alone_needs_no_keys():
    """A layer's result for one token that looks at others is what it gives for it among all, and so are all gradients."""
    torch.manual_seed(0)
    layer = attention.Layer(16, 4).double()
    tokens = torch.randn(5, 9, 16, dtype=torch.double, requires_grad=True)
    mask = torch.rand(5, 9, generator=torch.Generator().manual_seed(0)) > 0.4
    mask[:, 0] = True
    mask[1, 1:] = False  # sees nothing but itself
    whole, alone = layer(tokens, mask)[:, 0], layer.alone(tokens[:, 0], layer.prepared(tokens[:, 1:]), mask)
    torch.testing.assert_close(alone, whole, atol=1e-12, rtol=0)
    gradients = [torch.autograd.grad(out.square().sum(), [tokens, *layer.parameters()]) for out in (whole, alone)]
    for expected, found in zip(*gradients, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-10, rtol=0)
    query, others = tokens[:, 0], tokens[:, 1:].detach()  # of others that do not learn, too
    alone = layer.alone(query, layer.prepared(others), mask)
    of_frozen = torch.autograd.grad(alone.square().sum(), list(layer.parameters()))
    for expected, found in zip(gradients[0][1:], of_frozen, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-10, rtol=0)
