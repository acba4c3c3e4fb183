"""Scoring: players play episodes of tasks, suites and seeds, a share of them after the other, and what is finished is kept."""

import dataclasses
import hashlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pandas as pd
import torch

from safevla.config.params import Params, SimulatorParams
from safevla.evaluation import suite
from safevla.evaluation.evaluate import columns, evaluate, solvable
from safevla.evaluation.players import Player
from safevla.policies.elsewhere.callables import NoSuchPolicyError
from safevla.sim.interface import Simulator
from safevla.tasks import sampling
from safevla.tasks.episodes import Episode

SHARE = 4  # episodes of a share, for each that is played side by side
_TRIES = 20  # episodes that are drawn for each one that is played, at most


def solvable_episodes(
    task: str, n: int, houses: str | Path | None, params: Params, seed: int | None, simulator: Simulator
) -> list[Episode]:
    """The first n test episodes that the shortest-path expert solves in the profile's steps; fewer where they are too rare.

    houses: a ProcTHOR file, None for generated ones; seed: None for the profile's own test episodes.

    Raises:
        ValueError: the expert solves none.
    """
    seed = params.collect.episodes_seed if seed is None else seed
    if houses is None:
        source = sampling.stream([task], "test", params.houses, seed=seed)
    else:
        source = sampling.in_houses(houses, [task], seed=seed)
    found: list[Episode] = []
    source = itertools.islice(source, _TRIES * max(n, simulator.n_envs))
    while len(found) < n and (drawn := list(itertools.islice(source, max(n - len(found), simulator.n_envs)))):
        found += solvable(drawn, simulator, params.evaluate.max_steps)
    if not found:
        raise ValueError(
            f"{houses or 'generated houses'}: no episode of {task} that the expert solves within the profile's limit"
        )
    return found[:n]


def drawn_episodes(task: str, n: int, houses: str | Path | None, params: Params, seed: int | None) -> list[Episode]:
    """`solvable_episodes` in the profile's simulator, on the host, where planners plan."""
    on_the_host = params.simulator.model_copy(update={"device": "cpu"})
    simulator = suite.make_simulator(suite.NONE, on_the_host, min(params.evaluate.n_envs, n), params.policy.image_size)
    try:
        return solvable_episodes(task, n, houses, params, seed, simulator)
    finally:
        simulator.close()


def device_of(params: SimulatorParams) -> str:
    """Where a profile's simulator can run here."""
    return params.device if torch.cuda.is_available() else "cpu"


def episodes_of(
    task: str, suites: Sequence[str], seeds: Sequence[int | None], n: int, houses: Path | None, params: Params
) -> dict[str, list[Episode]]:
    """Suite → n episodes of a task for each seed; `suite.NONE` are the test episodes themselves. The same for every player.

    Raises:
        SuiteError: a suite needs a file of real houses.
        ValueError: there is no episode to play.
    """
    real = houses or (Path(params.evaluate.real_houses) if params.evaluate.real_houses else None)
    found: dict[str, list[Episode]] = {name: [] for name in suites}
    for seed in seeds:
        paired = any(suite.is_paired(name) for name in suites)
        base = drawn_episodes(task, n, houses, params, seed) if paired else []
        for name in suites:
            found[name] += suite.draw(name, base, task, params.houses, n, real)
    return found


SHIPPED = "shipped"  # every method whose policies lie in a compendium's folder `policies`


def shipped(folder: Path, task: str) -> dict[str, Path]:
    """Method → the first checkpoint of it for a task, of those in a folder `policies/<profile>`."""
    found = {
        path.name.partition(f"-{task}-seed-")[0]: path
        for path in sorted(folder.glob(f"*-{task}-seed-*.safetensors"), reverse=True)
    }
    common = {path.stem: path for path in folder.glob("*.safetensors") if "-seed-" not in path.name}
    return dict(sorted((common | found).items()))


@dataclasses.dataclass(frozen=True)
class Score:
    """What is played: `n` episodes for each task, suite and seed."""

    tasks: tuple[str, ...]
    suites: tuple[str, ...]
    seeds: tuple[int | None, ...]  # None: the profile's own test episodes
    n: int
    profile: str
    params: Params
    houses: Path | None = None  # a ProcTHOR file; None: generated ones
    max_steps: int | None = None  # None: the profile's
    n_envs: int | None = None  # likewise


def score(entrants: Sequence[Callable[[str], Player]], what: Score, parts: Path | None = None) -> pd.DataFrame:
    """Every entrant's rows of the same episodes; an entrant is a task's player. parts: see `play`.

    Raises:
        NoSuchPolicyError: two entrants are called the same.
        PolicyError, SuiteError, ValueError: as `play` and `episodes_of` do.
    """
    params, tables = what.params, []
    for task in what.tasks:
        players: list[Player] = []
        try:
            players += [entrant(task) for entrant in entrants]
            names = [player.method for player in players]
            if twice := [name for name in names if names.count(name) > 1]:
                raise NoSuchPolicyError(f"two policies are called {twice[0]!r}: give yours another name")
            episodes = episodes_of(task, what.suites, what.seeds, what.n, what.houses, params)
            max_steps, n_envs = what.max_steps or params.evaluate.max_steps, what.n_envs or params.evaluate.n_envs
            for player, (shift, some) in itertools.product(players, episodes.items()):
                settings = (params.simulator, n_envs, max_steps, params.costs, what.profile)
                tables.append(play(player, some, shift, *settings, parts))
        finally:
            for player in players:
                player.close()
    return pd.concat(tables, ignore_index=True)


def play(
    player: Player,
    episodes: Sequence[Episode],
    shift: str,
    simulator: SimulatorParams,
    n_envs: int,
    max_steps: int,
    costs: Sequence[str],
    profile: str,
    parts: Path | None = None,
) -> pd.DataFrame:
    """A player's rows of some episodes in a suite's simulator, `evaluate.columns`, in order.

    parts: a folder in which each share is kept when it is finished; whoever is killed goes on there. Shares are the same
    however often that happens, and so are the rows of a player that plays the same episode in the same way.

    Raises:
        PolicyError: the player failed.
        SuiteError: the suite needs another simulator.
    """
    device = device_of(simulator) if player.plays_on_gpu else "cpu"
    simulator = simulator.model_copy(update={"device": device})
    n_envs = min(n_envs, len(episodes))
    step = SHARE * n_envs
    shares = [episodes[first : first + step] for first in range(0, len(episodes), step)]
    key = f"{player.method} {player.identity} {shift} {simulator} {n_envs} {max_steps} {list(costs)} {profile} {_code()}"
    tables = []
    opened: Simulator | None = None
    try:
        for number, share in enumerate(shares):
            kept = parts / f"{_digest(key, share)}.parquet" if parts else None
            if kept and kept.exists():
                tables.append(pd.read_parquet(kept))
                continue
            opened = opened or suite.make_simulator(shift, simulator, n_envs, player.image_size)
            label = " ".join(filter(None, [share[0].task, shift if shift != suite.NONE else "", player.method]))
            if len(shares) > 1:
                label += f" {number + 1}/{len(shares)}"
            values = {"profile": profile, "method": player.method, "seed": player.training_seed}
            rows = evaluate(player.actor(opened), opened, share, max_steps, label, costs, **values)
            if kept:
                _keep(rows, kept)
            tables.append(rows)
    finally:
        if opened is not None:
            opened.close()
    return pd.concat(tables, ignore_index=True)[list(columns(costs))]


def _digest(key: str, share: Sequence[Episode]) -> str:
    """Of everything that the rows of a share follow from."""
    digest = hashlib.sha256(key.encode())
    for episode in share:
        digest.update(f"{episode.id} {episode.start} {episode.seed} {episode.instruction} {episode.house}".encode())
    return digest.hexdigest()[:24]


def _code() -> str:
    """The package's own code, for rows of an older one are not to stand beside new ones."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in _sources())).hexdigest()


def _sources() -> Iterator[Path]:
    yield from sorted(Path(__file__).parents[1].rglob("*.py"))


def _keep(rows: pd.DataFrame, path: Path) -> None:
    """Write a table so that there is all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".new")
    rows.to_parquet(partial, index=False)
    partial.replace(path)
