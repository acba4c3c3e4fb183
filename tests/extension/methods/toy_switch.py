"""Switching: learn reward while episodes are safe enough, and safety while they are not (CRPO, arXiv 2011.05869)."""

import math

import pydantic
import torch

from safevla.safe_rl import method
from safevla.safe_rl.multiplier import mean_episode_cost

LABEL, COLOUR = "Switching (toy)", "#8c564b"
USES = ("cost_limit",)  # of the shared parameters that only some methods use


class Params(pydantic.BaseModel, extra="forbid", frozen=True):
    """Its own parameters: the group `finetune.method_params.toy_switch`."""

    tolerance: float = pydantic.Field(0.1, ge=0)  # share of the limit by which the mean cost of an episode may exceed it


class Method(method.Method):
    """A = A_r while J_C ≤ (1 + tolerance) limit, else A = −A_c."""

    Params = Params

    def __init__(self, params, own, task, costs):
        super().__init__(params, own, task, costs)
        self.mean_cost = 0.0  # J_C: of the episodes that ended in the last rollout in which any did

    @property
    def cost_weight(self) -> float:
        return float(self.mean_cost > (1.0 + self.own.tolerance) * self.params.cost_limit[self.task])

    def after_rollout(self, rollout, ended) -> None:
        cost = mean_episode_cost(ended)
        self.mean_cost = self.mean_cost if math.isnan(cost) else cost

    def advantage(self, reward: torch.Tensor, cost: torch.Tensor) -> torch.Tensor:
        return -cost[..., 0] if self.cost_weight > 0 else reward

    def state(self) -> dict[str, torch.Tensor]:
        return {"mean_cost": torch.tensor(self.mean_cost, dtype=torch.float64)}

    def restore(self, state) -> None:
        self.mean_cost = state["mean_cost"].item()
