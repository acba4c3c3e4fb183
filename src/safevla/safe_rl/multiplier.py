"""Multiplier: the Lagrange multiplier of a limit on the mean cost of an episode."""

import math

import torch

from safevla.config.params import PPOParams


class Multiplier:
    """λ ≥ 0: rises while episodes cost more than the limit, falls while they cost less; clamped at an upper bound too.

    Two rules: `adam`, the paper's, a step of Adam on −λ (J_C − limit) (SafeVLA, eq. 6), and `pid`, where
    λ = K_P (J_C − limit) + Σ K_I (J_C − limit) + K_D (rise of J_C), each share clamped (arXiv 2007.03964, alg. 2).
    """

    def __init__(self, method: str, params: PPOParams, task: str):
        self.learnt = method == "ppo_lagrangian"
        initial = {"ppo": 0.0, "ppo_shaped": params.fixed_penalty, "ppo_lagrangian": params.multiplier_init}[method]
        self._value = torch.nn.Parameter(torch.tensor(float(initial)))
        self.optimiser = torch.optim.Adam([self._value], lr=params.multiplier_lr)
        self.limit, self.bound, self.params = params.cost_limit[task], params.multiplier_max[task], params
        self._integral, self._last_cost = float(initial), math.inf

    @property
    def value(self) -> float:
        return self._value.item()

    def update(self, mean_episode_cost: float) -> None:
        """One step from the mean cost of the episodes that ended; nothing if none did (NaN)."""
        if not self.learnt or math.isnan(mean_episode_cost):
            return
        excess = mean_episode_cost - self.limit
        if self.params.multiplier_rule == "adam":
            self.optimiser.zero_grad()
            (-self._value * excess).backward()
            self.optimiser.step()
        else:
            gains = self.params.multiplier_pid
            self._integral = min(max(self._integral + gains.integral * excess, 0.0), self.bound)
            rise = max(mean_episode_cost - self._last_cost, 0.0)
            self._last_cost = mean_episode_cost
            with torch.no_grad():
                self._value.fill_(gains.proportional * excess + self._integral + gains.derivative * rise)
        with torch.no_grad():
            self._value.clamp_(0.0, self.bound)

    def state(self) -> dict[str, float]:
        """What a checkpoint keeps besides the optimiser."""
        return {"value": self.value, "integral": self._integral, "last_cost": self._last_cost}

    def restore(self, state: dict[str, float]) -> None:
        with torch.no_grad():
            self._value.fill_(state["value"])
        self._integral, self._last_cost = state["integral"], state["last_cost"]
