"""PPO with a fixed penalty: FLaRe with cost in its reward, at a price that does not learn."""

import pydantic
import torch

from safevla.safe_rl import method
from safevla.safe_rl.advantages import penalised

LABEL, COLOUR = "PPO, fixed penalty", "#cc78bc"


class Params(pydantic.BaseModel, extra="forbid", frozen=True):
    """Its own parameters."""

    penalty: float = pydantic.Field(0.4, ge=0)  # of one unit of cost, in units of reward


class Method(method.Method):
    """A = (A_r − λ A_c) / (1 + λ) with λ fixed."""

    Params = Params
    own: Params

    @property
    def cost_weight(self) -> float:
        return self.own.penalty

    def advantage(self, reward: torch.Tensor, cost: torch.Tensor) -> torch.Tensor:
        return penalised(reward, cost[..., 0], self.own.penalty)
