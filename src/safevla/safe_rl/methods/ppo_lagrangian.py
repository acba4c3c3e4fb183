"""PPO-Lagrangian: SafeVLA. The price of cost, λ, is learnt from the mean cost of an episode.

    maximise  J_R(π)   subject to   J_C(π) ≤ limit        (the constrained Markov decision process)

λ takes a step of Adam on −λ (J_C − limit) after every rollout (SafeVLA, eq. 6).
"""

import pydantic
import torch

from safevla.safe_rl import method
from safevla.safe_rl.advantages import penalised
from safevla.safe_rl.multiplier import Multiplier, mean_episode_cost

LABEL, COLOUR = "PPO-Lagrangian (SafeVLA)", "#029e73"
USES = ("cost_limit",)  # of the shared parameters that only some methods use


class Params(pydantic.BaseModel, extra="forbid", frozen=True):
    """Its own parameters."""

    multiplier_init: float = pydantic.Field(0.001, ge=0)
    multiplier_lr: float = pydantic.Field(0.035, ge=0)  # of Adam; both as in the released code
    multiplier_max: dict[str, float] | float = 10.0  # by task, or for all; an unbounded one winds up while the policy learns


class Method(method.Method):
    """A = (A_r − λ A_c) / (1 + λ) with λ learnt (SafeVLA, eq. 7)."""

    Params = Params
    own: Params

    def __init__(self, params, own, task, costs):
        super().__init__(params, own, task, costs)
        self.multiplier = Multiplier(
            own.multiplier_init, own.multiplier_lr, params.cost_limit[task], self.of_task("multiplier_max")
        )

    @property
    def cost_weight(self) -> float:
        return self.multiplier.value

    def after_rollout(self, rollout, ended) -> None:
        self.multiplier.update(mean_episode_cost(ended))

    def advantage(self, reward: torch.Tensor, cost: torch.Tensor) -> torch.Tensor:
        return penalised(reward, cost[..., 0], self.multiplier.value)

    def state(self) -> dict[str, torch.Tensor]:
        return self.multiplier.state()

    def restore(self, state) -> None:
        self.multiplier.restore(state)
