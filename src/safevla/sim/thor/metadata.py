"""Metadata: how AI2-THOR's build describes its agent's arm, an object and the scene's bounds.

Nothing heavy is imported before a house is there: see `sim.thor.server`.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from safevla.sim.thor.wire import Json

if TYPE_CHECKING:
    import numpy as np

# Positions of the arm's joints where the simulator's lift and extension are 0.
LIFT_JOINT_AT_ZERO_M, WRIST_JOINT_AT_ZERO_M = 0.162976503, 0.243
AABB_CORNERS = ((1, 1, 1), (1, 1, -1), (1, -1, 1), (1, -1, -1), (-1, 1, 1), (-1, 1, -1), (-1, -1, 1), (-1, -1, -1))
OBB_CORNERS = ((1, -1, 1), (-1, -1, 1), (-1, -1, -1), (1, -1, -1), (1, 1, 1), (-1, 1, 1), (-1, 1, -1), (1, 1, -1))


def describe_object(
    name: str, mobility: int, type_index: int, asset_id: str, pose: Sequence[float], half: Sequence[float],
    parent: str | None, children: list[str] | None, is_held: bool,
) -> Json:  # fmt: skip
    """An object with Unity's 42 keys; how far it is and whether it is seen are for who asks to fill in.

    mobility, type_index, pose (5,) and half (3,) as in `Scene`; parent and children: the ids of what it stands on, and of what
    stands on it.
    """
    from safevla.world import catalogue
    from safevla.world.boxes import MOVEABLE, PICKUPABLE

    x, y, z, yaw_deg, tilt_deg = pose
    object_type = catalogue.TYPE_NAMES[type_index] if type_index >= 0 else name.split("|")[0]
    sine, cosine = math.sin(math.radians(yaw_deg)), math.cos(math.radians(yaw_deg))
    reach_x, reach_z = half[0] * abs(cosine) + half[2] * abs(sine), half[0] * abs(sine) + half[2] * abs(cosine)
    oriented = None
    if mobility >= MOVEABLE:
        oriented = [
            [x + a * half[0] * cosine + c * half[2] * sine, y + b * half[1], z - a * half[0] * sine + c * half[2] * cosine]
            for a, b, c in OBB_CORNERS
        ]
    is_receptacle = bool(children) or (type_index >= 0 and catalogue.TYPES[object_type].surface)
    return {
        "assetId": asset_id,
        "axisAlignedBoundingBox": {
            "cornerPoints": [[x + a * reach_x, y + b * half[1], z + c * reach_z] for a, b, c in AABB_CORNERS],
            "center": {"x": x, "y": y, "z": z},
            "size": {"x": 2 * reach_x, "y": 2 * half[1], "z": 2 * reach_z},
        },
        "breakable": False, "canBeUsedUp": False, "canFillWithLiquid": False, "controlledObjects": None, "cookable": False,
        "dirtyable": False, "distance": 0.0, "fillLiquid": None,
        "isBroken": False, "isColdSource": False, "isCooked": False, "isDirty": False, "isFilledWithLiquid": False,
        "isHeatSource": False, "isInteractable": False, "isMoving": False, "isOpen": False, "isPickedUp": is_held,
        "isSliced": False, "isToggled": False, "isUsedUp": False, "mass": 1.0, "moveable": mobility == MOVEABLE, "name": name,
        "objectId": name, "objectOrientedBoundingBox": None if oriented is None else {"cornerPoints": oriented},
        "objectType": object_type, "openable": False, "openness": 0.0,
        "parentReceptacles": None if parent is None else [parent],
        "pickupable": mobility == PICKUPABLE, "position": {"x": x, "y": y - half[1], "z": z},
        "receptacle": is_receptacle, "receptacleObjectIds": (children or []) if is_receptacle else None,
        "rotation": {"x": 0.0, "y": yaw_deg, "z": tilt_deg},
        "salientMaterials": [], "sliceable": False, "temperature": "RoomTemp", "toggleable": False,
        "visible": False,
    }  # fmt: skip


def scene_bounds(pose: "np.ndarray", half: "np.ndarray") -> Json:
    """The box around a house's structure: pose (S, 5) and half (S, 3)."""
    low, high = (pose[:, :3] - half).min(0), (pose[:, :3] + half).max(0)
    low, high = [float(v) for v in low], [float(v) for v in high]
    axes = ("x", "y", "z")
    return {
        "center": {axis: (a + b) / 2 for axis, a, b in zip(axes, low, high, strict=True)},
        "size": {axis: b - a for axis, a, b in zip(axes, low, high, strict=True)},
    }


def describe_arm(lift: float, extension: float, wrist: float, held: str | None) -> Json:
    """The joints that are read by name and place, from the simulator's lift, extension (metres) and wrist yaw (degrees).

    A rotation is an axis with an angle in degrees. held: the id of the object in the hand.
    """
    up = LIFT_JOINT_AT_ZERO_M + lift
    yaw = (wrist + 180.0) % 360.0 - 180.0
    names = ["stretch_robot_lift_jnt", *(f"stretch_robot_arm_{i}_jnt" for i in range(1, 6))]
    names += ["stretch_robot_wrist_1_jnt", "stretch_robot_wrist_2_jnt"]
    upright = {"x": 0.0, "y": 1.0, "z": 0.0, "w": 0.0}
    joints = [
        {"name": name, "rootRelativePosition": {"x": 0.0, "y": up, "z": 0.0}, "rootRelativeRotation": dict(upright)}
        for name in names
    ]
    joints[-1]["rootRelativePosition"]["z"] = WRIST_JOINT_AT_ZERO_M + extension
    joints[-1]["rootRelativeRotation"]["w"] = 180.0 if yaw == -180.0 else yaw
    return {"joints": joints, "heldObjects": [] if held is None else [held], "pickupableObjects": []}
