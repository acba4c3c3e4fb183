"""Replay: an evaluated episode once more, step by step, from the actions that were recorded when it was played.

The simulator gives the same bits for the same actions, so what is watched is what was counted. Where the policy is at hand,
its action probabilities and what its cost critic expected are worked out along the way.
"""

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from safevla.env import privileged_targets
from safevla.env.observations import Observation
from safevla.env.vector_env import VectorEnv
from safevla.policies.vla import Policy
from safevla.sim.interface import CAMERAS, NOTHING, Scene, Simulator
from safevla.tasks.disturbance import DISTURBED_M
from safevla.tasks.episodes import Episode
from safevla.tasks.step_costs import PAPER_COSTS
from safevla.tasks.tokenizer import tokenize
from safevla.world import catalogue
from safevla.world.boxes import STRUCTURE
from safevla.world.house_file import House
from safevla.world.layout import Layout
from safevla.world.parts import MAIN


class TraceError(ValueError):
    """There are no traces; the message says where they would be, and what makes them."""


@dataclasses.dataclass(frozen=True)
class Trace:
    """One played episode, step by step, as plain data that figures can draw without a simulator."""

    data: dict  # method, task, instruction, success, path, actions, costs, boxes, rooms, …
    frames: np.ndarray  # (T + 1, C, H, W, 3) uint8, before each step and after the last


@torch.no_grad()
def trace(
    simulator: Simulator,
    episode: Episode,
    actions: Sequence[int],
    method: str,
    policy: Policy | None = None,
    costs: Sequence[str] = PAPER_COSTS,
    filter_action: Callable[[torch.Tensor, Observation], torch.Tensor] | None = None,
) -> Trace:
    """Play the actions in a simulator of one environment and keep what happens; filter_action: the policy's method's hook."""
    read = tokenize if policy is None else policy.eval().tokenize
    batch = VectorEnv(simulator, max_steps=len(actions) + 1, tokenize=read, costs=costs)
    observation = batch.start([episode])
    start_pose = simulator.scene().pose[0, : episode.layout.n_boxes].clone()
    path, step_costs, collided = [simulator.scene().robot_state[0, :3].tolist()], [], []
    pictures, probabilities, cost_values = [observation.pixels[0]], [], []
    kv_cache = None if policy is None else policy.new_kv_cache(1)
    success = False
    for action in actions:
        if policy is not None:
            privileged = privileged_targets.privileged_targets(simulator, batch.goals, None)
            output, kv_cache = policy.act(observation, kv_cache, privileged)
            logits = output.logits if filter_action is None else filter_action(output.logits, observation)
            probabilities.append([round(v, 4) for v in logits[0].softmax(-1).tolist()])
            cost_values.append(round(float(output.cost_value[0].sum()), 4))
        result = batch.step(torch.tensor([int(action)]))
        observation = result.observation
        pictures.append(observation.pixels[0])
        path.append(result.transition.after.robot_state[0, :3].tolist())
        step_costs.append(result.cost[0].tolist())
        hit = int(result.transition.collided_with[0])
        collided.append(None if hit == NOTHING else episode.layout.names[hit])
        success = bool(result.success[0])
    data = {
        "method": method,
        "task": episode.task,
        "episode_id": episode.id,
        "instruction": episode.instruction,
        "success": success,
        "path": path,
        "actions": [int(action) for action in actions],
        "probabilities": probabilities,  # of each action before each step; none for an expert
        "cost_values": cost_values,  # what the cost critic expected of the rest of the episode; none for an expert
        "costs": list(costs),  # the components' names
        "step_costs": step_costs,  # (T, K)
        "collided": collided,
        "boxes": _boxes(episode, start_pose, simulator.scene()),
        "rooms": rooms(episode.house),
        "hazards": episode.house["metadata"].get("hazards", []),
        "cameras": list(CAMERAS),
        # what it takes to draw it again
        "scene": {
            "house": episode.house,
            "start": list(episode.start),
            "seed": episode.seed,
            "robot": simulator.robot_name,
        },
    }
    return Trace(data, torch.stack(pictures).numpy())


def boxes(layout: Layout) -> list[dict]:
    """A house's boxes as maps draw them: places in metres, colours, types, and what is structure."""
    return [
        {
            "id": layout.names[m],
            "type": catalogue.TYPE_NAMES[layout.type_index[m]] if layout.type_index[m] >= 0 else None,
            "x": float(layout.centre[m, 0]), "z": float(layout.centre[m, 2]), "yaw_deg": float(layout.yaw_deg[m]),
            "half_x": float(layout.half[m, 0]), "half_z": float(layout.half[m, 2]),
            "bottom_m": float(layout.centre[m, 1] - layout.half[m, 1]),
            "top_m": float(layout.centre[m, 1] + layout.half[m, 1]),
            "colour": layout.palette[m, MAIN].tolist(),
            "structure": bool(layout.mobility[m] == STRUCTURE),
            "target": False,
        }
        for m in range(layout.n_boxes)
    ]  # fmt: skip


def rooms(house: House) -> list[dict]:
    """A house's rooms as maps name them: their types, and the middles of their floors in metres."""
    return [
        {"type": room["roomType"], **{axis: float(np.mean([p[axis] for p in room["floorPolygon"]])) for axis in "xz"}}
        for room in house["rooms"]
    ]


def _boxes(episode: Episode, start_pose: torch.Tensor, scene: Scene) -> list[dict]:
    """`boxes` at their starting poses (M, 5): which are targets, and which have been moved since."""
    away_m = (scene.pose[0, : len(start_pose), :3] - start_pose[:, :3]).norm(dim=1)
    return [
        box | {
            "x": float(start_pose[m, 0]), "z": float(start_pose[m, 2]), "yaw_deg": float(start_pose[m, 3]),
            "target": box["type"] == episode.target_type,
            "moved": bool(away_m[m] > DISTURBED_M and m != int(scene.held[0])),
        }
        for m, box in enumerate(boxes(episode.layout))
    ]  # fmt: skip


def write(traces: Sequence[Trace], folder: Path) -> None:
    """traces.json and traces.npz in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "traces.json").write_text(json.dumps([t.data for t in traces]))
    np.savez_compressed(folder / "traces.npz", **{f"frames_{i}": t.frames for i, t in enumerate(traces)})


def read(folder: Path) -> list[Trace]:
    """What `write` wrote. Raises TraceError where nothing was written there."""
    if not (folder / "traces.json").exists():
        raise TraceError(f"{folder / 'traces.json'} is not there: run `safevla reproduce PROFILE evaluate_in_distribution` first")
    data = json.loads((folder / "traces.json").read_text(encoding="utf-8"))
    with np.load(folder / "traces.npz") as frames:
        return [Trace(data, frames[f"frames_{i}"]) for i, data in enumerate(data)]
