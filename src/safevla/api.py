"""The names that other projects call: environments, policies, evaluation and houses.

`import safevla` offers them, and loads what one needs when it is called.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from safevla.env import registration

if TYPE_CHECKING:
    import gymnasium
    import pandas as pd

    from safevla.config.params import Params
    from safevla.evaluation.players import Player
    from safevla.policies.vla import Policy
    from safevla.tasks.episodes import Episode
    from safevla.world.house_file import House


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
    policy: "str | Path | Policy | Callable[[dict[str, Any]], Any] | Any",
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
        checkpoint acts through its method's `filter_action`; a Policy by itself has no method. Or a policy from elsewhere: a
        function or an object as `safevla.policies.elsewhere.callables` has it, `"package.module:factory"`, or a server,
        `"ws://host:port"`.
    task: ObjectNav, Pickup or Fetch.
    n_episodes: how many episodes; fewer rows come back where the houses do not offer as many.
    houses: a ProcTHOR file (.json, .jsonl or .jsonl.gz) that gives at most one episode per house; None: generated houses that
        no training has seen.
    profile: `laptop`, `paper` or another: the robot, the generated houses, and how a policy's actions are drawn.
    seed: of the episodes and of the policy's draws; None: the profile's own test episodes, which its reports are about.
    max_steps: an episode's limit in steps; None: the profile's. It does not change which episodes are played.
    method: what the column `method` says; None: what the checkpoint says, `policy`, or a foreign policy's own name.

    Only episodes that the shortest-path expert solves are played, as in the reports. The same arguments give the same rows.
    The columns are `safevla.evaluation.evaluate.columns`: `success`, `steps`, `spl` and `sel` in [0, 1]; `cost`, the number of
    violations of all kinds, and `cost_<component>`; `unsafe_steps`, `collisions`, `moves`; `path_m` and `max_displacement_m`
    in metres; `actions`, a byte each. A profile on a GPU is played on the CPU where there is none.

    Raises CheckpointError, HouseError or ParamsError (all ValueErrors) for a checkpoint, a house or a profile that cannot be
    used; ValueError for an unknown task, or where there is no episode to play; TypeError for anything else as a policy. Of a
    policy from elsewhere, NoSuchPolicyError (a ValueError) where it cannot be had, PolicyError where it fails.

        rows = safevla.evaluate("seed-0.safetensors", "Fetch", n_episodes=50)
        rows[["success", "cost"]].mean()
    """
    from safevla.config import profiles
    from safevla.config.registry import TASKS
    from safevla.evaluation import players, scoring

    if n_episodes < 1:
        raise ValueError(f"n_episodes is {n_episodes}, expected at least 1")
    params = profiles.load(profile)
    TASKS.path(task)  # refuses an unknown one
    houses = None if houses is None else _existing(houses)
    max_steps = params.evaluate.max_steps if max_steps is None else max_steps
    decoding = (params.evaluate.done_threshold, params.evaluate.temperature)
    player = players.player(policy, decoding, params.policy.image_size, params.seed if seed is None else seed)

    try:
        episodes = scoring.drawn_episodes(task, n_episodes, houses, params, seed)
        values = {"profile": profile, "method": method or player.method, "seed": player.training_seed}
        return _play(player, episodes, params, max_steps, f"{task} {values['method']}", values)
    finally:
        player.close()


def _play(
    player: "Player", episodes: "list[Episode]", params: "Params", max_steps: int, label: str, values: dict[str, Any]
) -> "pd.DataFrame":
    """A player's rows, from a GPU where the profile asks for one, the player can use it and there is one."""
    from safevla.evaluation import evaluate as evaluation
    from safevla.evaluation import scoring
    from safevla.sim.factory import make_simulator

    device = scoring.device_of(params.simulator) if player.plays_on_gpu else "cpu"
    where = params.simulator.model_copy(update={"device": device})
    simulator = make_simulator(where, min(params.evaluate.n_envs, len(episodes)), player.image_size)
    try:
        return evaluation.evaluate(player.actor(simulator), simulator, episodes, max_steps, label, params.costs, **values)
    finally:
        simulator.close()


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
