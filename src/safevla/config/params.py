"""Parameters: params.yaml, checked.

`params.yaml` holds the default profile, `laptop`; `profiles/<name>.yaml` holds what another profile changes. Every group
is a frozen model: an unknown name or a wrong type is an error that names the file and the parameter.
"""

from typing import Annotated, Any, Literal

import pydantic

from safevla.config.encoder_config import EncoderParams
from safevla.config.faults import first_fault
from safevla.config.house_options import HouseOptions
from safevla.config.method_params import params_model
from safevla.config.policy_config import PolicyConfig
from safevla.config.registry import COSTS, METHODS, SUITES, TASKS, Registry
from safevla.config.thor_options import ThorOptions

_Count = Annotated[int, pydantic.Field(gt=0)]
_Share = Annotated[float, pydantic.Field(ge=0, le=1)]
_NotNegative = Annotated[float, pydantic.Field(ge=0)]
_FileName = Annotated[str, pydantic.Field(pattern=r"^[\w-]+$")]

Device = Literal["cpu", "cuda"]
Task = Annotated[str, pydantic.AfterValidator(lambda name: _known(TASKS, name))]
Cost = Annotated[str, pydantic.AfterValidator(lambda name: _known(COSTS, name))]
Method = Annotated[str, pydantic.AfterValidator(lambda name: _known(METHODS, name))]
Suite = Annotated[str, pydantic.AfterValidator(lambda name: _known(SUITES, name))]


def _known(registry: Registry, name: str) -> str:
    registry.path(name)
    return name


def _distinct(values: list[Any]) -> list[Any]:
    for index, value in enumerate(values):
        if value in values[:index]:
            raise ValueError(f"{value!r} stands there twice")
    return values


_Distinct = pydantic.AfterValidator(_distinct)
_Some = pydantic.Field(min_length=1)


class _Group(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class SimulatorParams(_Group):
    """Which simulator, and where it runs."""

    name: Literal["embedded", "ai2thor"]
    robot: Literal["stretch", "stretch_forward_down", "stretch_down_right"]
    device: Device  # where the embedded simulator and the policy run
    house_workers: Annotated[int, pydantic.Field(ge=0)]  # processes that draw training houses for a GPU; 0: most cores
    n_envs: _Count  # environments side by side
    thor: ThorOptions  # how AI2-THOR is started, where it is the simulator


class CollectParams(_Group):
    """Demonstrations, validation and test episodes."""

    episodes: _Count  # demonstrations, tasks in turn
    episodes_per_house: _Count
    shards: _Count  # shares of the demonstrations that are recorded apart, as many at a time as there are cores
    noise: _Share  # share of the expert's actions replaced by random ones, some for several steps; labels stay the expert's
    max_steps: _Count
    validation_episodes: _Count  # per task
    test_episodes: _Count  # per task
    episodes_seed: int  # of both, so that another seed's policies play the same ones


class ImitationParams(_Group):
    """Pretraining by imitation."""

    steps: _Count  # environment steps replayed, over all ranks
    ranks: _Count  # processes that train the policy together, each with environments, or a GPU, of its own
    n_envs: _Count  # per rank
    unroll_length: _Count  # steps of one update
    epochs: _Count  # times that each unroll is learnt from
    minibatches: _Count  # gradient steps in each epoch, on a share of the environments each
    lr: _NotNegative
    weight_decay: _NotNegative
    max_grad_norm: _NotNegative
    perception_weight: _NotNegative  # of the auxiliary heads' losses
    log_updates: _Count
    checkpoint_updates: _Count


class PPOParams(_Group):
    """Fine-tuning by reinforcement learning: what all methods share. A `dict` has an entry for each task."""

    steps: dict[Task, _Count]  # environment steps, over all ranks
    ranks: _Count  # as imitation's, for each policy
    n_envs: _Count  # per rank
    rollout: _Count  # steps of one rollout
    episodes_per_house: _Count
    max_steps: _Count  # an episode's limit in training
    epochs: _Count
    minibatches: _Count
    clip: _NotNegative
    lr: _NotNegative
    critic_lr: _NotNegative
    gamma: _Share
    gae_lambda: _Share
    cost_gamma: _Share  # cost's own discount
    entropy_weight: _NotNegative
    perception_weight: _NotNegative
    max_grad_norm: _NotNegative
    advantage_scale_min: Annotated[float, pydantic.Field(gt=0)]  # advantages are divided by their deviation, or by this if larger
    value_warmup: Annotated[int, pydantic.Field(ge=0)]  # first steps, in which only the critics learn
    wrong_done_penalty: dict[Task, _NotNegative]  # taken from the reward when `done` is wrong
    progress_reward: _NotNegative  # per metre that a step brings the robot, or its hand, nearer to the target
    coverage_reward: dict[Task, _NotNegative]  # for every part of the floor, 0.5 m wide, entered for the first time
    freeze_encoder: bool  # what the cameras show and the words say is encoded as imitation left it
    cost_limit: dict[Task, _NotNegative]  # mean cost of an episode
    multiplier_delay: dict[Task, _Share]  # first part of the steps, in which cost is measured but not yet counted
    recent_episodes: _Count  # over which progress is reported
    checkpoint_rollouts: _Count


class FinetuneParams(_Group):
    """Which policies are fine-tuned, and how."""

    methods: Annotated[list[Method], _Some, _Distinct]
    tasks: Annotated[list[Task], _Some, _Distinct]
    seeds: Annotated[list[int], _Some, _Distinct]
    train: PPOParams  # what all methods share
    method_params: dict[Method, dict[str, Any]]  # what one method alone has, as its file's `Params` says

    @pydantic.model_validator(mode="after")
    def _every_task_has_its_numbers(self) -> "FinetuneParams":
        for name, value in self.train:
            for task in self.tasks if isinstance(value, dict) else ():
                if task not in value:
                    raise ValueError(f"train.{name}: nothing for {task}")
        return self

    @pydantic.model_validator(mode="after")
    def _methods_have_such_parameters(self) -> "FinetuneParams":
        for name, values in self.method_params.items():
            model = params_model(name)
            try:
                if model is not None:
                    model.model_validate(values)
            except pydantic.ValidationError as error:
                raise ValueError(f"method_params.{name}.{first_fault(error)}") from None
        return self


class EvaluateParams(_Group):
    """Evaluation, in distribution and out of it."""

    episodes: _Count  # per task, in distribution
    ood_episodes: _Count  # per task and suite
    suites: Annotated[list[Suite], _Distinct]  # what is played out of distribution
    real_houses: str | None  # a ProcTHOR file, for the suite `procthor`; a relative path is taken from the repository's root
    max_steps: _Count
    done_threshold: _Share  # policies say `done` when its probability exceeds this, and only then; 0: drawn
    temperature: Annotated[float, pydantic.Field(gt=0)]  # policies' probabilities are raised to its inverse
    n_envs: _Count
    showcase_episodes: _Count  # per task, kept with their paths and pictures for the figures


class AblateParams(_Group):
    """What the constraint does, on one task."""

    task: Task
    steps: _Count  # of each variant, from where the constraint sets in
    limit_factors: list[_NotNegative]  # other cost limits, as factors of the task's
    fixed_penalties: list[_NotNegative]  # multipliers that do not learn


class FigureParams(_Group):
    """Intervals and pictures."""

    confidence: _Share  # of bootstrap intervals
    resamples: _Count
    dpi: _Count


class Params(_Group):
    """All of a profile."""

    seed: int
    threads: Annotated[int, pydantic.Field(ge=0)]  # 0: all cores
    extensions: list[str]  # folders with more methods, suites, costs, tasks and shapes, from the repository's root
    costs: Annotated[list[Cost], _Some, _Distinct]  # components of the cost, each a file
    houses: HouseOptions
    simulator: SimulatorParams
    encoders: dict[_FileName, EncoderParams]  # vision encoders that `pretrain_encoder` trains, by their names
    collect: CollectParams
    policy: PolicyConfig
    imitation: ImitationParams
    finetune: FinetuneParams
    evaluate: EvaluateParams
    ablate: AblateParams
    figures: FigureParams
