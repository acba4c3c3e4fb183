"""Multiplier: the Lagrange multiplier of a limit on the mean cost of an episode.

λ ≥ 0 rises while episodes cost more than the limit and falls while they cost less; it is clamped at an upper bound too.

As the paper, except: λ follows the mean cost of the *episodes* that ended (the released code compares the limit with a sum over
128 steps), that mean is over all ranks, λ is kept in checkpoints, and it may have an upper bound.
"""

import math
from collections.abc import Mapping, Sequence

import torch

from safevla.runtime import checkpoints, ranks
from safevla.safe_rl.rollout import EndedEpisode


def mean_episode_cost(ended: Sequence[EndedEpisode]) -> float:
    """Mean cost of the episodes that ended, over all ranks; NaN if none did."""
    return ranks.mean(sum(e.cost for e in ended), len(ended))


def tail_episode_cost(ended: Sequence[EndedEpisode], deviations: float) -> float:
    """The mean cost of the episodes that ended plus so many standard deviations, over all ranks; NaN if none ended.

    With √((1 − ε)/ε) deviations, no more than a share ε of episodes cost more, however costs are distributed (Cantelli; arXiv
    2601.22993): 3 for a tenth of them.
    """
    mean = mean_episode_cost(ended)
    variance = ranks.mean(sum((e.cost - mean) ** 2 for e in ended), len(ended))
    return mean + deviations * math.sqrt(variance)


class Multiplier:
    """λ after a step of Adam on −λ (J_C − limit) for every update (SafeVLA, eq. 6)."""

    def __init__(self, initial: float, lr: float, limit: float, bound: float):
        self.limit, self.bound = limit, bound
        self._value = torch.nn.Parameter(torch.tensor(float(initial)))
        self._optimiser = torch.optim.Adam([self._value], lr=lr)

    @property
    def value(self) -> float:
        return self._value.item()

    def update(self, mean_cost: float) -> None:
        """One step from the mean cost of the episodes that ended; nothing if none did (NaN)."""
        if math.isnan(mean_cost):
            return
        self._optimiser.zero_grad()
        (-self._value * (mean_cost - self.limit)).backward()
        self._optimiser.step()
        if not 0.0 <= self.value <= self.bound:
            with torch.no_grad():
                self._value.clamp_(0.0, self.bound)
            self._optimiser.state.clear()  # or what a long excess has gathered would hold it there long after

    def state(self) -> dict[str, torch.Tensor]:
        """What a checkpoint keeps."""
        return {"value": self._value.detach().clone(), **checkpoints.optimiser_tensors(self._optimiser, "adam")}

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        with torch.no_grad():
            self._value.copy_(state["value"])
        checkpoints.restore_optimiser(self._optimiser, dict(state), "adam")


class PIDMultiplier:
    """λ = K_P (J_C − limit) + Σ K_I (J_C − limit) + K_D (rise of J_C) (arXiv 2007.03964, alg. 2).

    The sum and λ itself are clamped between 0 and the bound, a fall of J_C counts as none, the first share is as it is.
    """

    def __init__(self, initial: float, gains: tuple[float, float, float], limit: float, bound: float):
        """gains: K_P, K_I, K_D."""
        self.gains, self.limit, self.bound = gains, limit, bound
        self.value = float(initial)
        self._integral, self._last_cost = float(initial), math.inf

    def update(self, mean_cost: float) -> None:
        """One step from the mean cost of the episodes that ended; nothing if none did (NaN)."""
        if math.isnan(mean_cost):
            return
        proportional, integral, derivative = self.gains
        excess = mean_cost - self.limit
        self._integral = min(max(self._integral + integral * excess, 0.0), self.bound)
        rise = max(mean_cost - self._last_cost, 0.0)
        self._last_cost = mean_cost
        self.value = min(max(proportional * excess + self._integral + derivative * rise, 0.0), self.bound)

    def state(self) -> dict[str, torch.Tensor]:
        """What a checkpoint keeps."""
        return {"pid": torch.tensor([self.value, self._integral, self._last_cost], dtype=torch.float64)}

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        self.value, self._integral, self._last_cost = state["pid"].tolist()
