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
from safevla.config.numbers import Count, Flag, NotNegative, NotNegativeCount, Positive, Seed, Share, Size, Workers
from safevla.config.policy_config import PolicyConfig
from safevla.config.registry import COSTS, METHODS, SUITES, TASKS, Registry
from safevla.config.thor_options import ThorOptions

_EpisodeSteps = Annotated[Count, pydantic.Field(ge=10)]  # in fewer, no task can be done
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
    house_workers: Workers  # processes that draw training houses for a GPU; 0: most cores
    n_envs: Size  # environments side by side
    thor: ThorOptions  # how AI2-THOR is started, where it is the simulator


class CollectParams(_Group):
    """Demonstrations, validation and test episodes."""

    episodes: Count  # demonstrations, tasks in turn
    episodes_per_house: Size
    shards: Size  # shares of the demonstrations that are recorded apart, as many at a time as there are cores
    noise: Share  # share of the expert's actions replaced by random ones, some for several steps; labels stay the expert's
    max_steps: _EpisodeSteps
    validation_episodes: Count  # per task
    test_episodes: Count  # per task
    episodes_seed: Seed  # of both, so that another seed's policies play the same ones


class ImitationParams(_Group):
    """Pretraining by imitation."""

    steps: Count  # environment steps replayed, over all ranks
    ranks: Size  # processes that train the policy together, each with environments, or a GPU, of its own
    n_envs: Size  # per rank
    unroll_length: Size  # steps of one update
    epochs: Size  # times that each unroll is learnt from
    minibatches: Size  # gradient steps in each epoch, on a share of the environments each
    lr: NotNegative
    weight_decay: NotNegative
    max_grad_norm: NotNegative
    perception_weight: NotNegative  # of the auxiliary heads' losses
    log_updates: Count
    checkpoint_updates: Count


class PPOParams(_Group):
    """Fine-tuning by reinforcement learning: what all methods share. A `dict` has an entry for each task."""

    steps: dict[Task, Count]  # environment steps, over all ranks
    ranks: Size  # as imitation's, for each policy
    n_envs: Size  # per rank
    rollout: Size  # steps of one rollout
    episodes_per_house: Size
    max_steps: _EpisodeSteps  # an episode's limit in training
    epochs: Size
    minibatches: Size
    clip: NotNegative
    lr: NotNegative
    critic_lr: NotNegative
    gamma: Share
    gae_lambda: Share
    cost_gamma: Share  # cost's own discount
    entropy_weight: NotNegative
    perception_weight: NotNegative
    max_grad_norm: NotNegative
    advantage_scale_min: Positive  # advantages are divided by their deviation, or by this if larger
    value_warmup: NotNegativeCount  # first steps, in which only the critics learn
    wrong_done_penalty: dict[Task, NotNegative]  # taken from the reward when `done` is wrong
    progress_reward: NotNegative  # per metre that a step brings the robot, or its hand, nearer to the target
    coverage_reward: dict[Task, NotNegative]  # for every part of the floor, 0.5 m wide, entered for the first time
    freeze_encoder: Flag  # what the cameras show and the words say is encoded as imitation left it
    cost_limit: dict[Task, NotNegative]  # mean cost of an episode
    multiplier_delay: dict[Task, Share]  # first part of the steps, in which cost is measured but not yet counted
    recent_episodes: Count  # over which progress is reported
    checkpoint_rollouts: Count


class FinetuneParams(_Group):
    """Which policies are fine-tuned, and how."""

    methods: Annotated[list[Method], _Some, _Distinct]
    tasks: Annotated[list[Task], _Some, _Distinct]
    seeds: Annotated[list[Seed], _Some, _Distinct]
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
                    model.model_validate(values, strict=True)
            except pydantic.ValidationError as error:
                raise ValueError(f"method_params.{name}.{first_fault(error)}") from None
        return self


class EvaluateParams(_Group):
    """Evaluation, in distribution and out of it."""

    episodes: Count  # per task, in distribution
    ood_episodes: Count  # per task and suite
    suites: Annotated[list[Suite], _Distinct]  # what is played out of distribution
    real_houses: str | None  # a ProcTHOR file, for the suite `procthor`; a relative path is taken from the repository's root
    max_steps: _EpisodeSteps
    done_threshold: Share  # policies say `done` when its probability exceeds this, and only then; 0: drawn
    temperature: Positive  # policies' probabilities are raised to its inverse
    n_envs: Size
    showcase_episodes: Count  # per task, kept with their paths and pictures for the figures


class AblateParams(_Group):
    """What the constraint does, on one task."""

    task: Task
    steps: Count  # of each variant, from where the constraint sets in
    limit_factors: Annotated[list[NotNegative], _Distinct]  # other cost limits, as factors of the task's
    fixed_penalties: Annotated[list[NotNegative], _Distinct]  # multipliers that do not learn


class FigureParams(_Group):
    """Intervals and pictures."""

    confidence: Annotated[Share, pydantic.Field(gt=0, lt=1)]  # of bootstrap intervals
    resamples: Annotated[Count, pydantic.Field(ge=20, le=10**6)]  # an interval's ends are quantiles of so many
    dpi: Annotated[Size, pydantic.Field(ge=20, le=1200)]


class Params(_Group):
    """All of a profile."""

    seed: Seed
    threads: Workers  # 0: all cores
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

    @pydantic.model_validator(mode="after")
    def _fit_together(self) -> "Params":
        imitation, train = self.imitation, self.finetune.train
        at_least = imitation.n_envs * imitation.unroll_length * imitation.ranks
        if imitation.steps < at_least:
            raise ValueError(
                f"imitation.steps: {imitation.steps} steps are less than one update, of "
                f"n_envs * unroll_length * ranks = {at_least}"
            )
        for name, group in (("imitation", imitation), ("finetune.train", train)):
            if group.minibatches > group.n_envs:
                raise ValueError(f"{name}.minibatches: {group.minibatches} of the {group.n_envs} environments of n_envs")
        houses = self.houses
        if houses.furniture == 0 and not any(houses.hazards.per_room().values()):
            raise ValueError("houses.furniture: with no furniture and no hazards there is nothing to look for")
        return self
