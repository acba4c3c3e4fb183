"""The names that other projects call: environments, policies, evaluation and houses.

`import safevla` offers them, and loads what one needs when it is called.
"""

import copy
import dataclasses
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from safevla.env import registration

if TYPE_CHECKING:
    import gymnasium
    import pandas as pd

    from safevla.config.params import Params
    from safevla.evaluation.actors import Actor
    from safevla.policies.vla import Policy
    from safevla.sim.interface import Simulator
    from safevla.tasks.episodes import Episode
    from safevla.world.house_file import House

_TRIES = 20  # episodes that are drawn for each one that is played, at most


# --------------------------------------------------------------------------------------------------- environments


@overload
def make_env(task: str = "ObjectNav", num_envs: None = None, **options: Any) -> "gymnasium.Env[dict[str, Any], Any]": ...
@overload
def make_env(task: str = "ObjectNav", *, num_envs: int, **options: Any) -> "gymnasium.vector.VectorEnv[Any, Any, Any]": ...
@overload
def make_env(task: str, num_envs: int, **options: Any) -> "gymnasium.vector.VectorEnv[Any, Any, Any]": ...
def make_env(task: str = "ObjectNav", num_envs: int | None = None, **options: Any) -> Any:
    """A Gymnasium environment of one task.

    task: ObjectNav, Pickup or Fetch.
    num_envs: None for one episode at a time (`gymnasium.make`), or how many one simulator plays side by side
        (`gymnasium.make_vec`); an episode that ends is then replaced in the same step, or as
        `autoreset_mode` says.
    options: those of `safevla.env.gymnasium_envs.SafetyChoresEnv`, or of `SafetyChoresVectorEnv`, and Gymnasium's own:
        houses (a ProcTHOR file; None: generated ones), split (train, validation, test), image_size (height, width in pixels),
        max_steps, robot, device (cpu, cuda), render_mode (rgb_array), max_episode_steps, instruction (text, words), in a batch
        autoreset_mode.

    Actions are Discrete(20), in the order of `safevla.sim.actions.Action`. An observation is a dict of `navigation` and
    `manipulation` (uint8, (H, W, 3)), `instruction` (text, or word ids (12,), as which a batch has it unless asked otherwise),
    `arm` (float32, (6,)), `object_in_hand`, `step` (1,), `failed_actions` (20,) and `contact_proximity`, with B in front in a
    batch. `info` holds `cost`, `cost_<component>`, `success`, `collided` and `episode_id`.

    Raises ValueError for an unknown task, split, robot or device, or a size that makes no sense; TypeError for an
    unknown option; HouseError, on the first reset, for a house that cannot be used. A step raises Gymnasium's InvalidAction for
    what is no action, and ResetNeeded before the first reset and after an episode's end.

        env = safevla.make_env("Fetch", image_size=(224, 384))
        observation, info = env.reset(seed=0)
    """
    import gymnasium

    from safevla.config.registry import TASKS

    TASKS.path(task)  # refuses an unknown one
    registration.register()  # a task of an extension may be new
    env_id = registration.env_id(task)
    if num_envs is None:
        return gymnasium.make(env_id, **options)
    return gymnasium.make_vec(env_id, num_envs=num_envs, **options)


# --------------------------------------------------------------------------------------------------- policies


def load_policy(path: str | Path) -> "tuple[Policy, dict[str, Any]]":
    """A policy from a checkpoint, on the CPU in single precision, and what the checkpoint says of it.

    path: a .safetensors file that training wrote (`finetune/<method>-<task>/seed-<n>.safetensors`).

    The metadata are a dict of plain values: `policy` (its configuration), `steps` that it was trained for, and, if it was
    fine-tuned, `method`, `task` and `training`. Nothing in the file is run or unpickled.

    Raises `safevla.runtime.checkpoints.CheckpointError`, which names the file, if it is missing, damaged, of another format
    or holds no policy.

        policy, metadata = safevla.load_policy("seed-0.safetensors")
        rows = safevla.evaluate(policy, metadata["task"])
    """
    from safevla.policies import policy_files

    return policy_files.load(path)


# --------------------------------------------------------------------------------------------------- evaluation


def evaluate(
    policy: "str | Path | Policy",
    task: str = "ObjectNav",
    n_episodes: int = 100,
    houses: str | Path | None = None,
    profile: str = "laptop",
    seed: int | None = None,
    max_steps: int | None = None,
    method: str | None = None,
) -> "pd.DataFrame":
    """A policy's success and costs on test episodes, one row per episode.

    policy: a checkpoint's path, a Policy, or one of the planners with privileged state, `"expert"` and `"expert_careful"`. A
        checkpoint acts through its method's `filter_action`; a Policy by itself has no method.
    task: ObjectNav, Pickup or Fetch.
    n_episodes: how many episodes; fewer rows come back where the houses do not offer as many.
    houses: a ProcTHOR file (.json, .jsonl or .jsonl.gz) that gives at most one episode per house; None: generated houses that
        no training has seen.
    profile: `laptop`, `paper` or another: the robot, the generated houses, and how a policy's actions are drawn.
    seed: of the episodes and of the policy's draws; None: the profile's own test episodes, which its reports are about.
    max_steps: an episode's limit in steps; None: the profile's. It does not change which episodes are played.
    method: what the column `method` says; None: what the checkpoint says, or `policy`.

    Only episodes that the shortest-path expert solves are played, as in the reports. The same arguments give the same rows.
    The columns are `safevla.evaluation.evaluate.columns`: `success`, `steps`, `spl` and `sel` in [0, 1]; `cost`, the number of
    violations of all kinds, and `cost_<component>`; `unsafe_steps`, `collisions`, `moves`; `path_m` and `max_displacement_m`
    in metres; `actions`, a byte each. A profile on a GPU is played on the CPU where there is none.

    Raises CheckpointError, HouseError or ParamsError (all ValueErrors) for a checkpoint, a house or a profile that cannot be
    used; ValueError for an unknown task, or where there is no episode to play; TypeError for anything else as a policy.

        rows = safevla.evaluate("seed-0.safetensors", "Fetch", n_episodes=50)
        rows[["success", "cost"]].mean()
    """
    from safevla.config import profiles
    from safevla.config.registry import TASKS
    from safevla.evaluation import evaluate as evaluation
    from safevla.sim.factory import make_simulator

    if n_episodes < 1:
        raise ValueError(f"n_episodes is {n_episodes}, expected at least 1")
    params = profiles.load(profile)
    TASKS.path(task)  # refuses an unknown one
    max_steps = params.evaluate.max_steps if max_steps is None else max_steps
    player = _player(policy, params, params.seed if seed is None else seed)

    n_envs = min(params.evaluate.n_envs, n_episodes)
    on_the_host = params.simulator.model_copy(update={"device": "cpu"})  # where planners plan
    simulator = make_simulator(on_the_host, n_envs, player.image_size)
    try:
        episodes = _solvable_episodes(task, n_episodes, houses, params, seed, simulator)
        if player.plays_on_gpu and _device(params) == "cuda":
            simulator.close()
            simulator = make_simulator(params.simulator, n_envs, player.image_size)
        values = {"profile": profile, "method": method or player.method, "seed": player.training_seed}
        label = f"{task} {values['method']}"
        return evaluation.evaluate(player.actor(simulator), simulator, episodes, max_steps, label, params.costs, **values)
    finally:
        simulator.close()


@dataclasses.dataclass(frozen=True)
class _Player:
    """Who plays the episodes of an evaluation."""

    method: str
    training_seed: int
    image_size: tuple[int, int]  # (height, width) in pixels
    plays_on_gpu: bool  # where there is one
    actor: "Callable[[Simulator], Actor]"


def _player(policy: "str | Path | Policy", params: "Params", seed: int) -> _Player:
    """Whom `evaluate` is asked about; another kind of player is another case here."""
    from safevla.evaluation.actors import EXPERTS, ExpertActor, PolicyActor, filter_action, load_actor
    from safevla.policies.vla import Policy

    decoding = (params.evaluate.done_threshold, params.evaluate.temperature)
    if isinstance(policy, str) and policy in EXPERTS:
        is_careful = EXPERTS[policy]
        return _Player(policy, 0, params.policy.image_size, False, lambda simulator: ExpertActor(simulator.n_envs, is_careful))
    if isinstance(policy, str | Path):
        path = Path(policy)
        loaded, metadata = load_policy(path)
        filter_action(metadata, path)  # refuses what could not act, before anybody plays
        return _Player(
            metadata.get("method", "imitation"), metadata.get("seed", 0), loaded.config.image_size, True,
            lambda simulator: load_actor(path, simulator.n_envs, seed, *decoding, simulator.device),
        )  # fmt: skip
    if isinstance(policy, Policy):
        own = copy.deepcopy(policy)  # the caller's stays on its device, and in its mode
        return _Player(
            "policy", 0, policy.config.image_size, True,
            lambda simulator: PolicyActor(own, simulator.n_envs, seed, *decoding, simulator.device),
        )  # fmt: skip
    experts = ", ".join(map(repr, EXPERTS))
    raise TypeError(f"policy is a {type(policy).__name__}, expected a checkpoint's path, a Policy, or one of {experts}")


def _device(params: "Params") -> str:
    import torch

    return params.simulator.device if torch.cuda.is_available() else "cpu"


def _solvable_episodes(
    task: str, n: int, houses: str | Path | None, params: "Params", seed: int | None, simulator: "Simulator"
) -> "list[Episode]":
    """The first n test episodes that the shortest-path expert solves in the profile's steps; fewer where they are too rare."""
    from safevla.evaluation.evaluate import solvable
    from safevla.tasks import sampling

    seed = params.collect.episodes_seed if seed is None else seed
    if houses is None:
        source = sampling.stream([task], "test", params.houses, seed=seed)
    else:
        source = sampling.in_houses(_existing(houses), [task], seed=seed)
    found: list[Episode] = []
    source = islice(source, _TRIES * max(n, simulator.n_envs))
    while len(found) < n and (drawn := list(islice(source, max(n - len(found), simulator.n_envs)))):
        found += solvable(drawn, simulator, params.evaluate.max_steps)
    if not found:
        raise ValueError(
            f"{houses or 'generated houses'}: no episode of {task} that the expert solves within the profile's limit"
        )
    return found[:n]


# --------------------------------------------------------------------------------------------------- houses


def generate_house(seed: int, **options: Any) -> "House":
    """A furnished house with hazards in it, as a dict in ProcTHOR's JSON schema 1.0.0; the same for the same arguments.

    seed: any integer; the test split's are the 100,000,000 from 1,100,000,000 on, and the same again every 1,200,000,000.
    options: the fields of `safevla.config.house_options.HouseOptions`: rooms (fewest, most), room_side_m (least, most, metres),
        furniture (share in [0, 1]), surface_objects (expected per surface), hazards (expected per room, by kind).

    Positions are in metres in Unity's frame (left-handed, y up), angles in degrees. Where the hazards are stands in
    `house["metadata"]["hazards"]`.

    Raises ValueError, which names the option, for one that is unknown or out of range.

        house = safevla.generate_house(7, rooms=(2, 3), hazards={"blind_spot": 4.0})
        pathlib.Path("house.json").write_text(json.dumps(house))
    """
    import pydantic

    from safevla.config.faults import first_fault
    from safevla.config.house_options import HouseOptions
    from safevla.world import generation

    try:
        checked = HouseOptions(**options)
    except pydantic.ValidationError as error:
        raise ValueError(f"generate_house: {first_fault(error)}") from None
    return generation.generate_with(seed, checked)


def load_houses(path: str | Path) -> "Iterator[House]":
    """The houses of a ProcTHOR file, one at a time, each a checked dict in schema 1.0.0.

    path: a .jsonl or .jsonl.gz file with a house in each line, or a .json file of one house.

    Raises `safevla.world.house_file.HouseError`: at once for a file that is not there; when its turn comes for a house that
    cannot be used, with the file, the line and the JSON path of the fault.

        for house in safevla.load_houses("houses.jsonl.gz"):
            print(len(house["rooms"]), len(house["objects"]))
    """
    from safevla.world import house_file

    return house_file.load(_existing(path))


def _existing(path: str | Path) -> Path:
    from safevla.world.house_file import HouseError

    if not Path(path).is_file():
        raise HouseError(f"{path}: there is no such file")
    return Path(path)
