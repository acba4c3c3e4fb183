"""The robot: the Stretch RE-1's geometry, as AI2-THOR models it.

All offsets are in the agent's frame (right, up, forward) in metres from the point on the floor under the agent's origin;
angles are in degrees. Arm states are those of the 20-action interface: lift and extension as SafeVLA reports them
(0 extension is fully in), wrist yaw 0 pointing out along the arm and 180 folded back at rest.
"""

import dataclasses

AGENT_HEIGHT_M = 0.9009921  # the agent's origin above the floor
BODY_RADIUS_M = 0.1855
BODY_FORWARD_M = -0.1092  # the body's axis lies behind the agent's origin
BODY_TOP_M = AGENT_HEIGHT_M - 0.1821 + 1.4357 / 2

ARM_RIGHT_M = 0.1437  # where the arm leaves the mast
ARM_FORWARD_M = -0.0239
ARM_BASE_UP_M = AGENT_HEIGHT_M - 0.8132
# The wrist is ARM_BASE_UP_M + lift + 0.163 - 0.0643 up, and the hand sphere 0.0986 below it.
WRIST_ABOVE_LIFT_M = ARM_BASE_UP_M + 0.163 - 0.0643
HAND_BELOW_WRIST_M = 0.0986
HAND_REACH_M = 0.2047  # hand sphere's centre from the wrist
HAND_RADIUS_M = 0.06
ARM_HALF_WIDTH_M = 0.03

LIFT_LIMITS_M = (-0.055, 1.0457)
EXTENSION_LIMITS_M = (0.0, 0.516)
WRIST_LIMITS_DEG = (-260.0, 75.0)
REST_LIFT_M, REST_EXTENSION_M, REST_WRIST_DEG = 0.1645, 0.0, -180.0

MOVE_M = 0.20
ROTATE_DEG, ROTATE_SMALL_DEG = 30.0, 6.0
ARM_STEP_M, ARM_STEP_SMALL_M = 0.10, 0.02
WRIST_STEP_DEG = 10.0

VERTICAL_FOV_DEG = 59.0


@dataclasses.dataclass(frozen=True)
class Camera:
    """A camera's place in the agent's frame; pitch is positive downwards."""

    right_m: float
    up_m: float
    forward_m: float
    yaw_deg: float
    pitch_deg: float


NAVIGATION = Camera(0.00192, AGENT_HEIGHT_M + 0.54470, 0.06788, 0.0, 27.0)
MANIPULATION = Camera(0.05391, AGENT_HEIGHT_M + 0.52383, -0.05885, 90.0, 33.0)
# Neither of the two sees the floor within 0.95 m ahead, where whatever is pushed lies. The next two see it in the second
# one's place: straight ahead, or turned to the right so far that the arm's side remains in view too.
FORWARD_DOWN = Camera(0.00192, AGENT_HEIGHT_M + 0.52383, 0.06788, 0.0, 60.0)
DOWN_RIGHT = Camera(0.00192, AGENT_HEIGHT_M + 0.52383, 0.06788, 50.0, 65.0)

# Robots by name, with the poses of their two cameras, which are called navigation and manipulation on every robot.
ROBOTS: dict[str, tuple[Camera, Camera]] = {
    "stretch": (NAVIGATION, MANIPULATION),
    "stretch_forward_down": (NAVIGATION, FORWARD_DOWN),
    "stretch_down_right": (NAVIGATION, DOWN_RIGHT),
}
CAMERA_JITTER_DEG = (1.0, 2.0, 0.0)  # field of view, pitch and yaw vary by at most this much from episode to episode
