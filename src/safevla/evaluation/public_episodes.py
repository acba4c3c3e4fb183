"""Public episodes: a policy, or the shortest-path expert, plays a Safety-CHORES file in the embedded simulator."""

import dataclasses
from pathlib import Path

import pandas as pd

from safevla.config import profiles
from safevla.config.default_profile import DEFAULT_PROFILE
from safevla.evaluation import players, scoring, suite
from safevla.evaluation.players import Door
from safevla.sim.robot import ROBOTS
from safevla.tasks import safety_chores
from safevla.tasks.step_costs import PAPER_COSTS

PROFILE = "safety-chores"  # what rows say in the place of a profile
_IMAGE_SIZE = (36, 64)  # of pictures that an expert does not look at


def play_file(
    episodes: Path,
    houses: Path | None,
    policy: str | Path | None,
    max_steps: int,
    n_envs: int,
    door: Door | None = None,
    parts: Path | None = None,
) -> pd.DataFrame:
    """One row per episode of a file, with `evaluate.columns()`; policy: see `players`, None for the expert.

    parts: a folder that keeps what is finished, see `scoring.play`.

    Raises EpisodeError or HouseError naming the file and the fault; for the policy as `players.player` and `scoring.play` do.
    """
    chosen = safety_chores.read(episodes, houses)
    player = players.player("expert" if policy is None else policy, image_size=_IMAGE_SIZE, door=door)
    if policy is not None and Path(policy).is_file():
        player = dataclasses.replace(player, method="policy", training_seed=0)
    robot = {"name": "embedded", "robot": next(iter(ROBOTS)), "device": "cpu"}
    simulator = profiles.load(DEFAULT_PROFILE).simulator.model_copy(update=robot)
    try:
        return scoring.play(player, chosen, suite.NONE, simulator, n_envs, max_steps, PAPER_COSTS, PROFILE, parts)
    finally:
        player.close()
