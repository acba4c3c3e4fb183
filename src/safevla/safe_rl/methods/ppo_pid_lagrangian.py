"""PPO-PID-Lagrangian: cost is priced by a PID controller, from what an episode costs (arXiv 2007.03964, alg. 2).

That is the mean cost, or with `tail` what few episodes exceed.
"""

import pydantic
import torch

from safevla.safe_rl import method
from safevla.safe_rl.advantages import penalised
from safevla.safe_rl.multiplier import PIDMultiplier, tail_episode_cost

LABEL, COLOUR = "PPO-Lagrangian, PID", "#d55e00"
USES = ("cost_limit",)  # of the shared parameters that only some methods use


class Params(pydantic.BaseModel, extra="forbid", frozen=True):
    """Its own parameters."""

    proportional: float = pydantic.Field(0.05, ge=0)  # multiplier per unit of cost above the limit
    integral: float = pydantic.Field(0.005, ge=0)  # the same, gained at every update
    derivative: float = pydantic.Field(0.02, ge=0)  # multiplier per unit that the cost has risen by
    tail: float = pydantic.Field(0.0, ge=0)  # standard deviations above the mean that the limit is meant for
    multiplier_init: float = pydantic.Field(0.001, ge=0)
    multiplier_max: dict[str, float] | float = 10.0  # by task, or for all


class Method(method.Method):
    """A = (A_r − λ A_c) / (1 + λ), λ from the controller."""

    Params = Params
    own: Params

    def __init__(self, params, own, task, costs):
        super().__init__(params, own, task, costs)
        gains = (own.proportional, own.integral, own.derivative)
        self.multiplier = PIDMultiplier(own.multiplier_init, gains, params.cost_limit[task], self.of_task("multiplier_max"))

    @property
    def cost_weight(self) -> float:
        return self.multiplier.value

    def after_rollout(self, rollout, ended) -> None:
        self.multiplier.update(tail_episode_cost(ended, self.own.tail))

    def advantage(self, reward: torch.Tensor, cost: torch.Tensor) -> torch.Tensor:
        return penalised(reward, cost[..., 0], self.multiplier.value)

    def state(self) -> dict[str, torch.Tensor]:
        return self.multiplier.state()

    def restore(self, state) -> None:
        self.multiplier.restore(state)
