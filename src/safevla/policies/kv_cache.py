"""KV cache: what the causal transformer remembers of an episode."""

import dataclasses
from collections.abc import Sequence

import torch


@dataclasses.dataclass
class KVCache:
    """What the causal transformer remembers of B episodes: keys and values of the last `context` steps, a ring.

    The order of the ring does not matter, for a step's time is part of its token.
    """

    keys: torch.Tensor  # (layers, B, heads, context, dim / heads)
    values: torch.Tensor  # the same
    valid: torch.Tensor  # (B, context) bool
    at: int = 0  # where the next step goes

    def clone(self) -> "KVCache":
        return KVCache(self.keys.clone(), self.values.clone(), self.valid.clone(), self.at)

    def reset_rows(self, ended: torch.Tensor) -> None:
        """Clear the episodes that have ended, (B,) bool."""
        self.valid[ended] = False

    def select(self, rows: torch.Tensor | slice) -> "KVCache":
        """The cache of some episodes, rows (n,) int64 or a range of them."""
        return KVCache(self.keys[:, rows], self.values[:, rows], self.valid[rows], self.at)

    def from_the_start(self) -> "KVCache":
        """The same with the next step at the ring's first place."""
        keys, values = (x.roll(-self.at, dims=3) for x in (self.keys, self.values))
        return KVCache(keys, values, self.valid.roll(-self.at, dims=1))

    @staticmethod
    def join(parts: Sequence["KVCache"]) -> "KVCache":
        """The caches of several groups of episodes, all at the same place of their rings, as one."""
        if len(parts) == 1:
            return parts[0]
        keys, values = (torch.cat([getattr(part, name) for part in parts], dim=1) for name in ("keys", "values"))
        return KVCache(keys, values, torch.cat([part.valid for part in parts]), parts[0].at)
