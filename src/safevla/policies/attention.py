"""Attention: transformer layers, and a cheaper form for a single query."""

import math

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional


class _FeedForward(nn.Sequential):
    def __init__(self, dim: int):
        super().__init__(nn.LayerNorm(dim), nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))


class _Attention(nn.Module):
    """Multi-head attention of queries over tokens that were projected to keys and values before."""

    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(dim)
        self.query = nn.Linear(dim, dim)
        self.key_value = nn.Linear(dim, 2 * dim)
        self.out = nn.Linear(dim, dim)

    def split(self, x: torch.Tensor) -> torch.Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(-2, -3)  # (…, heads, N, dim / heads)

    def keys_values(self, normed: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        key, value = self.key_value(normed).chunk(2, dim=-1)
        return self.split(key), self.split(value)

    def attend(self, normed: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """normed (B, N, dim); key, value (B, heads, K, ·); mask (B, 1, N or 1, K) bool, True where it may look."""
        seen = functional.scaled_dot_product_attention(self.split(self.query(normed)), key, value, attn_mask=mask)
        return self.out(seen.transpose(-2, -3).flatten(-2))

    def attend_alone(self, query: torch.Tensor, others: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """What `attend` gives one token that looks at itself and at others; query (B, dim), others (B, N, dim), standardised
        (`norm` without its scale γ and shift β); mask (B, 1 + N) bool → (B, dim).

        With one query a token's key, W_k n, need not be made: q · W_k n = W_kᵀ q · n; and values can be projected once they
        are mixed: Σ w W_v n = W_v Σ w n. Nor need n = γ x + β be made of a standardised token x: n's share γ x of a score is
        γ W_kᵀ q · x, and Σ w n = γ Σ w x + β. What is the same for all tokens (W_kᵀ q · β, and the keys' bias) drops out of
        the softmax.
        """
        scale, shift = self.norm.weight, self.norm.bias
        to_key, to_value = self.key_value.weight.unflatten(0, (2, self.heads, -1))  # (heads, dim / heads, dim) each
        of_query = self.query(scale * query + shift).unflatten(-1, (self.heads, -1)) * (to_key.shape[1] ** -0.5)
        asked = torch.einsum("bhd,hdk->bhk", of_query, to_key * scale)  # (B, heads, dim)
        mixed = scale * _mix(asked, query, others, mask) + shift
        seen = torch.einsum("bhk,hdk->bhd", mixed, to_value).flatten(1) + self.key_value.bias.chunk(2)[1]
        return self.out(seen)


def _mix(asked: torch.Tensor, query: torch.Tensor, others: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Means (B, heads, dim) of a token (B, dim) and others (B, N, dim), weighted by how well they answer what is asked of them
    (B, heads, dim); mask (B, 1 + N) bool, True for those that count."""
    own, mixed = _Mixture.apply(asked, (asked * query[:, None]).sum(-1, keepdim=True), others, mask)
    return mixed + own * query[:, None]


class _Mixture(torch.autograd.Function):
    """The others' part of `_mix`, and the weight (B, heads, 1) of the token itself, whose score is given.

    Its own gradient, because autograd makes that of the others, by far the largest tensor, twice and adds: once for the scores
    S = a nᵀ and once for the means M = W n; here ∂n = [Wᵀ Sᵀ'] [∂M; a], one product, S' the gradient of the scores.
    """

    @staticmethod
    def forward(ctx, asked, own, others, mask):
        scores = torch.cat([own, asked @ others.transpose(1, 2)], dim=-1)  # (B, heads, 1 + N)
        weights = scores.masked_fill_(~mask[:, None], -math.inf).softmax(-1)
        ctx.save_for_backward(asked, others, weights)
        return weights[..., :1], weights[..., 1:] @ others

    @staticmethod
    @once_differentiable
    def backward(ctx, of_own, of_mixed):
        asked, others, weights = ctx.saved_tensors
        of_weights = torch.cat([of_own, of_mixed @ others.transpose(1, 2)], dim=-1)
        of_scores = weights * (of_weights - (weights * of_weights).sum(-1, keepdim=True))
        rest = of_scores[..., 1:]
        of_others = None
        if ctx.needs_input_grad[2]:
            of_others = torch.cat([weights[..., 1:], rest], dim=1).transpose(1, 2) @ torch.cat([of_mixed, asked], dim=1)
        return rest @ others, of_scores[..., :1], of_others, None


class Layer(nn.Module):
    """Pre-norm transformer layer."""

    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.attention = _Attention(dim, heads)
        self.feed_forward = _FeedForward(dim)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Self-attention over x (B, N, dim); mask (B, N) bool, True where there is something to look at."""
        normed = self.attention.norm(x)
        return self._fed(x + self.attention.attend(normed, *self.attention.keys_values(normed), mask[:, None, None]))

    def prepared(self, others: torch.Tensor) -> torch.Tensor:
        """Tokens (B, N, dim) as `alone` takes them; nothing that is learnt has a part in it."""
        return others if others.is_cuda else self._standardised(others)

    def _standardised(self, tokens: torch.Tensor) -> torch.Tensor:
        norm = self.attention.norm
        return functional.layer_norm(tokens, norm.normalized_shape, eps=norm.eps)

    def alone(self, query: torch.Tensor, others: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """What `forward` gives the first of the tokens query (B, dim) and others (B, N, dim), which are `prepared`; mask
        (B, 1 + N) → (B, dim)."""
        norm = self.attention.norm
        if not query.is_cuda:
            return self._fed(query + self.attention.attend_alone(self._standardised(query), others, mask))
        # a GPU's matrix units make all keys in one product, faster than many small ones that go without
        normed = norm(torch.cat([query[:, None], others], dim=1))
        seen = self.attention.attend(normed[:, :1], *self.attention.keys_values(normed), mask[:, None, None])
        return self._fed(query + seen[:, 0])

    def _fed(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.feed_forward(x)
