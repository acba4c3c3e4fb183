"""Scorecard: what `safevla evaluate` and `safevla serve policy` do, once their options are read."""

import dataclasses
import importlib
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from safevla.config import profiles
from safevla.config.params import Params
from safevla.config.registry import SUITES, TASKS
from safevla.evaluation import players, public_episodes, scoring, suite
from safevla.evaluation.players import Door, Player
from safevla.evaluation.served_policy import ServedPolicy
from safevla.policies.elsewhere import callables
from safevla.policies.elsewhere.answers import SPACES
from safevla.policies.elsewhere.callables import CallablePolicy, NoSuchPolicyError
from safevla.report import scores
from safevla.runtime import threads
from safevla.tasks.goals import MAX_STEPS_EVALUATION, PAPER_TASKS


class OptionError(ValueError):
    """Options that do not go together, or make no sense; the message names them."""


@dataclasses.dataclass(frozen=True)
class Chosen:
    """Which episodes are played, as the command's options say."""

    episodes: Path | None  # a file of them, or the generated ones that the next five say
    houses: Path | None
    tasks: Sequence[str] | None
    suites: Sequence[str] | None
    seeds: Sequence[int] | None
    n_episodes: int
    profile: str
    simulator: str | None
    max_steps: int | None
    n_envs: int


def door(
    timeout_s: float,
    api_key: str | None,
    send: Sequence[str] | None,
    action_space: str | None,
    execute: int | None,
    image_size: str | None,
) -> Door:
    """How the policy is asked. Raises OptionError naming the option."""
    if action_space is not None and action_space not in SPACES:
        raise OptionError(f"--action-space {action_space}: the action spaces are {', '.join(SPACES)}")
    keys = {}
    for text in send or ():
        name, equals, ours = text.partition("=")
        if not (name and equals and ours):
            raise OptionError(f"--send {text}: write it as NAME=OURS, for instance observation/image=navigation")
        keys[name] = ours
    size = None
    if image_size is not None:
        height, _, width = image_size.partition("x")
        if not (height.isdecimal() and width.isdecimal() and int(height) and int(width)):
            raise OptionError(f"--image-size {image_size}: write it as HEIGHTxWIDTH, for instance 224x384")
        size = (int(height), int(width))
    return Door(timeout_s, api_key, keys or None, action_space, execute, size)


def run(
    policy: str,
    door: Door,
    chosen: Chosen,
    against: Sequence[str] | None,
    name: str | None,
    out: Path,
    page: Path | None,
) -> None:
    """Play, write the rows and the page, print the tables. What is finished is kept beside `out` until all is.

    Raises OptionError, and what `players.player` and `scoring.score` raise.
    """
    for option, path in (("--out", out), ("--page", page)):
        if path is not None and not path.resolve().parent.is_dir():
            raise OptionError(f"{option}: {path.parent}: no such folder")
    threads.prepare(0)
    parts = out.with_name(f"{out.name}.parts")
    if chosen.episodes is not None:
        if chosen.tasks or chosen.suites or chosen.seeds or against or chosen.simulator:
            raise OptionError("a file of episodes goes with none of --task, --suite, --seed, --simulator and --against")
        rows = public_episodes.play_file(
            chosen.episodes,
            chosen.houses,
            None if policy == "expert" else policy,
            chosen.max_steps or MAX_STEPS_EVALUATION,
            chosen.n_envs,
            door,
            parts,
        )
        rows = rows if name is None else rows.assign(method=name)
        method = str(rows["method"].iloc[0])
    else:
        what = _score(chosen)
        mine = _entrant(policy, what.params, door, name)
        others = [_against(text, what) for text in _each(against or (), what)]
        rows = scoring.score([mine, *others], what, parts)
        method = str(rows["method"].iloc[0])
    rows.to_parquet(out, index=False)
    shutil.rmtree(parts, ignore_errors=True)
    _show(rows, method)
    if page is not None:
        page.write_text(scores.page(rows, method), encoding="utf-8")
        print(f"page: {page}")


def _score(chosen: Chosen) -> scoring.Score:
    params = profiles.load(chosen.profile)
    tasks, suites = tuple(chosen.tasks or PAPER_TASKS), tuple(chosen.suites or (suite.NONE,))
    for task in tasks:
        TASKS.path(task)  # refuses an unknown one
    for one in suites:
        if one != suite.NONE:
            SUITES.path(one)
    if chosen.simulator is not None:
        if chosen.simulator not in ("embedded", "ai2thor"):
            raise OptionError(f"--simulator {chosen.simulator}: the simulators are embedded and ai2thor")
        params = params.model_copy(update={"simulator": params.simulator.model_copy(update={"name": chosen.simulator})})
    seeds: tuple[int | None, ...] = tuple(chosen.seeds or (None,))
    return scoring.Score(
        tasks, suites, seeds, chosen.n_episodes, chosen.profile, params, chosen.houses, chosen.max_steps, chosen.n_envs
    )  # fmt: skip


def _entrant(policy: str, params: Params, door: Door, name: str | None) -> Callable[[str], Player]:
    """A policy that is the same for every task."""
    decoding = (params.evaluate.done_threshold, params.evaluate.temperature)

    def of_task(task: str) -> Player:
        player = players.player(policy, decoding, params.policy.image_size, params.seed, door)
        return dataclasses.replace(player, method=name or player.method)

    return of_task


def _folder(profile: str) -> Path:
    """Where a profile's shipped policies lie; where it has none, the paper profile's."""
    folder = profiles.root() / "policies"
    return folder / profile if (folder / profile).is_dir() else folder / "paper"


def _each(texts: Sequence[str], what: scoring.Score) -> list[str]:
    """The names, `shipped` written out."""
    found: list[str] = []
    for text in texts:
        found += scoring.shipped(_folder(what.profile), what.tasks[0]) if text == scoring.SHIPPED else [text]
    return list(dict.fromkeys(found))


def _against(text: str, what: scoring.Score) -> Callable[[str], Player]:
    """Whom a policy is compared with: a shipped method by its name, or whoever can be scored."""

    def of_task(task: str) -> Player:
        there = scoring.shipped(_folder(what.profile), task) if text.isidentifier() and text not in players.EXPERTS else {}
        if there and text not in there:
            raise NoSuchPolicyError(f"--against {text}: no such policy; shipped are {', '.join(there)}")
        found = _entrant(str(there.get(text, text)), what.params, Door(), text if there else None)
        return found(task)

    return of_task


def _show(rows: pd.DataFrame, method: str) -> None:
    """Print the tables."""
    for title, table in scores.tables(scores.summary(rows)).items():
        print(f"\n{title}\n{table.to_string(index=False)}")
    if len(against := scores.paired(rows, method)):
        print(f"\nPaired differences, {method} minus the other\n{against.to_string(index=False)}")


def policy_server(policy: str, profile: str, seed: int, timeout_s: float, **listening: Any) -> Any:
    """A server of a policy, see `policies.elsewhere.websocket.server`; listening: host, port, api_key, max_bytes.

    Raises:
        NoSuchPolicyError, CheckpointError: the policy cannot be had.
        OSError: the address cannot be listened on.
    """
    try:
        server = importlib.import_module("safevla.policies.elsewhere.websocket.server")
    except ModuleNotFoundError as error:
        raise NoSuchPolicyError(f"{error.name} is not installed: pip install 'safevla[serve]'") from None
    if callables.names_a_factory(policy) and not Path(policy).exists():
        factory = callables.factory_of(policy)
        first = CallablePolicy(factory, policy, timeout_s)
        metadata = {"policy": policy, "action_space": first.space, "image_size": list(first.image_size)}
        metadata |= {} if first.execute is None else {"execute": first.execute}

        def new_session() -> Callable[[dict[str, Any]], dict[str, Any]]:
            own = CallablePolicy(factory, policy, timeout_s) if first.has_memory else first
            own.start([0])
            return lambda observation: {"actions": own.ask([0], [observation])[0]}

        return server.PolicyServer(new_session, metadata, **listening)
    params = profiles.load(profile)
    served = ServedPolicy(Path(policy), seed, params.evaluate.done_threshold, params.evaluate.temperature)
    return server.PolicyServer(served.session, served.metadata, **listening)
