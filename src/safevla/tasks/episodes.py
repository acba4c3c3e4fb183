"""Episodes: a house, a task, a target, a start and an instruction; sampled, written and read.

Files are JSON lines in the schema of the public Safety-CHORES benchmark (`task_type, house_index,
agent_starting_position, …`), with three keys of ours under `extras`: the house's id, the episode's id and its seed.
Splits are disjoint ranges of house seeds; training draws fresh houses without end.
"""

import dataclasses
from typing import Any

from safevla.sim.interface import SceneStart


class EpisodeError(ValueError):
    """An episode that cannot be used; the message names the file, the line and the field."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Episode(SceneStart):
    """One task in one house. `house` is the house as it is played, shifts included."""

    task: str
    target_type: str
    target_id: str
    house_id: str
    instruction: str
    path_m: float  # geodesic metres from the start to where the target can be seen or grasped
    split: str = "train"
    shift: str = "none"
    expert_steps: int = 0  # actions of the shortest-path expert, 0 if not known
    house_index: int = 0
    extras: dict[str, Any] = dataclasses.field(default_factory=dict, repr=False, compare=False)

    def changed(self, **changes: Any) -> "Episode":
        """The episode with other values. In the same house its layout stays, which may follow from an asset database."""
        other = dataclasses.replace(self, **changes)
        if "layout" in vars(self) and other.house is self.house:
            object.__setattr__(other, "layout", self.layout)  # fills the cached property
        return other
