"""Public episodes: a policy, or the shortest-path expert, plays a Safety-CHORES file in the embedded simulator."""

from pathlib import Path

import pandas as pd

from safevla.evaluation.actors import Actor, ExpertActor, load_actor
from safevla.evaluation.evaluate import evaluate
from safevla.sim.embedded import EmbeddedSimulator
from safevla.tasks import safety_chores


def play_file(episodes: Path, houses: Path | None, policy: Path | None, max_steps: int, n_envs: int) -> pd.DataFrame:
    """One row per episode of a file, with `evaluate.columns()`; policy: a checkpoint, None for the expert.

    Raises EpisodeError or HouseError naming the file and the fault.
    """
    chosen = safety_chores.read(episodes, houses)
    n_envs = min(n_envs, len(chosen))
    if policy is None:
        name, size = "expert", (36, 64)
        actor: Actor = ExpertActor(n_envs, careful=False)
    else:
        actor = load_actor(policy, n_envs, seed=0, done_threshold=0.0, temperature=1.0, device="cpu")
        name, size = "policy", actor.policy.config.image_size
    simulator = EmbeddedSimulator(n_envs, size)
    return evaluate(actor, simulator, chosen, max_steps, name, profile="safety-chores", method=name, seed=0)
