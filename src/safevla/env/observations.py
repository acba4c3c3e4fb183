"""Observations: what a policy gets to see, as tensors.

Pixels of both cameras, the instruction as word ids, and proprioception: the previous action, whether it succeeded and
whether it met resistance (the Stretch feels contacts in its motors' effort), the arm's joints, whether an object is in the
hand, how many steps have passed, which motions are known to fail here, and how near the base's last contacts are.
The paper's policy sees its arm in the manipulation camera instead; the embedded simulator does not draw the robot.
"""

import dataclasses

import torch

from safevla.sim.actions import N_ACTIONS
from safevla.sim.interface import CAMERAS, NOTHING, Scene
from safevla.sim.robot import EXTENSION_LIMITS_M, LIFT_LIMITS_M

ARM_STATES = 6
NO_ACTION = N_ACTIONS  # the previous action of a first step


@dataclasses.dataclass(frozen=True)
class Observation:
    """Leading dimensions (B,) or (T, B)."""

    pixels: torch.Tensor  # (…, C, H, W, 3) uint8
    words: torch.Tensor  # (…, L) int64, MAX_WORDS of them where words are learnt from scratch; PADDING at the end
    previous_action: torch.Tensor  # (…,) int64, NO_ACTION at first
    arm: torch.Tensor  # (…, ARM_STATES) float32: lift and extension in [0, 1], sine and cosine of the wrist, success, resistance
    object_in_hand: torch.Tensor  # (…,) bool
    step: torch.Tensor  # (…,) int64
    failed_actions: (
        torch.Tensor
    )  # (…, N_ACTIONS) bool: the robot has tried this motion in this place, and it failed (see `failed_actions`)
    contact_proximity: (
        torch.Tensor
    )  # (…, N_CONTACT_PROXIMITY) float32: how near the base's motions are to what they have met before (see `contact_memory`)

    def map(self, function) -> "Observation":
        """The observation with a function applied to every tensor."""
        return Observation(**{f.name: function(getattr(self, f.name)) for f in dataclasses.fields(self)})

    def without_pictures(self) -> "Observation":
        """The observation with pictures of no size."""
        return dataclasses.replace(self, pixels=self.pixels[..., :0, :0, :])

    def put(self, rows: torch.Tensor, new: "Observation") -> None:
        """Overwrite rows (n,) with those of another observation (n, …)."""
        for field in dataclasses.fields(self):
            getattr(self, field.name)[rows] = getattr(new, field.name)

    @staticmethod
    def stack(observations: list["Observation"]) -> "Observation":
        """T observations of (B, …) as one of (T, B, …)."""
        return Observation._joined(torch.stack, observations)

    @staticmethod
    def cat(observations: list["Observation"]) -> "Observation":
        """Observations of (B₁, …), (B₂, …), … as one of their sum."""
        return Observation._joined(torch.cat, observations)

    @staticmethod
    def _joined(join, observations: list["Observation"]) -> "Observation":
        names = [f.name for f in dataclasses.fields(Observation)]
        return Observation(**{name: join([getattr(o, name) for o in observations]) for name in names})


def observe(
    pictures: dict[str, torch.Tensor],
    scene: Scene,
    words: torch.Tensor,
    previous_action: torch.Tensor,
    succeeded: torch.Tensor,
    contacted: torch.Tensor,
    failed_actions: torch.Tensor,
    contact_proximity: torch.Tensor,
) -> Observation:
    """What the robot sees now; the tensors are copies.

    succeeded, contacted (B,) bool: the previous action did what it should; it ran into something or moved it.
    failed_actions (B, N_ACTIONS) bool: see `failed_actions`. contact_proximity (B, N_CONTACT_PROXIMITY): see `contact_memory`.
    """
    lift = (scene.robot_state[:, 3] - LIFT_LIMITS_M[0]) / (LIFT_LIMITS_M[1] - LIFT_LIMITS_M[0])
    extension = scene.robot_state[:, 4] / EXTENSION_LIMITS_M[1]
    wrist = torch.deg2rad(scene.robot_state[:, 5])
    return Observation(
        pixels=torch.stack([pictures[name] for name in CAMERAS], dim=1),
        words=words.clone(),
        previous_action=previous_action.clone(),
        arm=torch.stack([lift, extension, wrist.sin(), wrist.cos(), succeeded.float(), contacted.float()], dim=1),
        object_in_hand=scene.held != NOTHING,
        step=scene.step.long(),
        failed_actions=failed_actions,
        contact_proximity=contact_proximity,
    )
