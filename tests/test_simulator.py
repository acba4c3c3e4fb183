"""The embedded simulator: contact, invariants, determinism, cameras, against slow oracles."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safevla.sim import collision_check, navigation, robot
from safevla.sim.actions import Action
from safevla.sim.contact import CONTACT_M, overlap
from safevla.sim.embedded import EmbeddedSimulator
from safevla.sim.geometry import disc_to_rectangle, rectangle_gap
from safevla.sim.interface import NOTHING, REACHABLE_CELL_M, SimulatorError
from safevla.world import catalogue, generation, hazards
from safevla.world.boxes import PICKUPABLE, STRUCTURE
from safevla.world.layout import compile_house
from tests.scenes import Thing, episode_in_room, simulate

CRAMPED = st.lists(st.integers(0, 17), min_size=5, max_size=25)


def _rectangle_points(dx, dz, yaw_deg, half_x, half_z, n=41):
    """Dense points of a yawed rectangle at an offset."""
    a, b = np.meshgrid(np.linspace(-half_x, half_x, n), np.linspace(-half_z, half_z, n))
    turn = math.radians(yaw_deg)
    return np.stack([dx + a * math.cos(turn) + b * math.sin(turn), dz - a * math.sin(turn) + b * math.cos(turn)], -1).reshape(
        -1, 2
    )


@settings(max_examples=60, deadline=None)
@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(0, 360), st.floats(0.05, 0.6), st.floats(0.05, 0.6))
def test_disc_distance_agrees_with_dense_points(x, z, yaw_deg, half_x, half_z):
    turn = math.radians(yaw_deg)
    distance, nx, nz = disc_to_rectangle(x, z, math.sin(turn), math.cos(turn), half_x, half_z)
    nearest = np.linalg.norm(_rectangle_points(0, 0, yaw_deg, half_x, half_z) - [x, z], axis=1).min()
    assert max(distance, 0.0) == pytest.approx(nearest, abs=0.03)
    assert math.hypot(nx, nz) == pytest.approx(1.0, abs=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.floats(-1.2, 1.2), st.floats(-1.2, 1.2), st.floats(0, 180), st.floats(0, 180), st.floats(0.1, 0.5), st.floats(0.1, 0.5))
def test_rectangle_gap_agrees_with_dense_points(dx, dz, yaw_a, yaw_b, a, b):
    ta, tb = math.radians(yaw_a), math.radians(yaw_b)
    gap = rectangle_gap(dx, dz, a, b, math.sin(ta), math.cos(ta), b, a, math.sin(tb), math.cos(tb))
    first = _rectangle_points(0, 0, yaw_a, a, b)
    second = _rectangle_points(dx, dz, yaw_b, b, a)
    turn = math.radians(yaw_b)
    local = first - [dx, dz]
    right = local[:, 0] * math.cos(turn) - local[:, 1] * math.sin(turn)
    forward = local[:, 0] * math.sin(turn) + local[:, 1] * math.cos(turn)
    overlaps = ((abs(right) < b - 1e-9) & (abs(forward) < a - 1e-9)).any()
    if overlaps:
        assert gap < 1e-6
    if gap < -0.05:
        assert overlaps or len(second) == 0


# hand-built scenes -------------------------------------------------------------------------------------


def test_a_move_goes_twenty_centimetres_ahead_and_a_turn_thirty_degrees():
    t = simulate(episode_in_room([], start=(0.0, 0.0, 90.0)), [Action.MOVE_AHEAD, Action.ROTATE_RIGHT, Action.ROTATE_LEFT_SMALL])
    x, z, yaw = (float(v) for v in t[0].after.robot[0, :3])
    assert (x, z, yaw) == pytest.approx((0.2, 0.0, 90.0), abs=1e-4)
    assert float(t[1].after.robot[0, 2]) == pytest.approx(120.0, abs=1e-3)
    assert float(t[2].after.robot[0, 2]) == pytest.approx(114.0, abs=1e-3)
    assert all(step.succeeded[0] and step.collided_with[0] == NOTHING for step in t)


def test_a_wall_blocks_and_is_named():
    t = simulate(episode_in_room([], start=(1.55, 0.0, 90.0)), [Action.MOVE_AHEAD] * 4)
    assert t[-1].collided_with[0] != NOTHING
    assert t[-1].after.kind[0, t[-1].collided_with[0]] == STRUCTURE
    body_x = float(t[-1].after.robot[0, 0]) + robot.BODY_FORWARD_M
    assert 2.0 - 0.02 - robot.BODY_RADIUS_M - 0.03 < body_x <= 2.0 - 0.02 - robot.BODY_RADIUS_M + CONTACT_M + 1e-4


def test_fixed_furniture_blocks_and_small_things_are_pushed():
    book = Thing("Book", 0.0, 0.5)
    t = simulate(episode_in_room([book]), [Action.MOVE_AHEAD] * 3)
    slot = t[0].after.type_index[0].tolist().index(t[0].after.type_index[0, -1].item())  # only objects have a type
    moved = t[-1].after.pose[0] - t[0].before.pose[0]
    assert moved[:, 2].max() > 0.1 and slot >= 0
    assert all(step.collided_with[0] == NOTHING for step in t)
    blocked = simulate(episode_in_room([Thing("Dresser", 0.0, 0.8)]), [Action.MOVE_AHEAD] * 5)
    assert blocked[-1].collided_with[0] != NOTHING
    assert torch.equal(blocked[-1].after.pose, blocked[0].before.pose)


def test_a_thing_pinned_against_a_wall_blocks_the_robot():
    t = simulate(episode_in_room([Thing("Box", 0.0, 1.2)]), [Action.MOVE_AHEAD] * 12)
    assert t[-1].collided_with[0] != NOTHING
    box = t[-1].after.pose[0, int(t[-1].after.n_boxes[0]) - 1]
    half = t[-1].after.half[0, int(t[-1].after.n_boxes[0]) - 1]
    assert float(box[2]) + float(half[2]) <= 2.0 - 0.02 + CONTACT_M + 1e-3


def test_a_tall_thing_topples_when_it_is_run_into():
    t = simulate(episode_in_room([Thing("FloorLamp", 0.0, 0.8)], half_m=4.0), [Action.MOVE_AHEAD] * 4)
    last = int(t[-1].after.n_boxes[0]) - 1
    assert t[0].before.pose[0, last, 4] == 0.0
    assert t[-1].after.pose[0, last, 4] == 90.0
    assert t[-1].after.half[0, last, 1] < t[0].before.half[0, last, 1]


def test_what_stands_on_a_pushed_thing_rides_along():
    box = Thing("Box", 0.0, 0.65, children=[Thing("Book", 0.0, 0.65)])
    t = simulate(episode_in_room([box]), [Action.MOVE_AHEAD] * 3)
    n = int(t[-1].after.n_boxes[0])
    shift = (t[-1].after.pose[0, :, :3] - t[0].before.pose[0, :, :3])[n - 2 : n]
    assert shift[0, 2] > 0.05
    torch.testing.assert_close(shift[0], shift[1], atol=1e-4, rtol=0)


def test_grasp_carry_and_release():
    table = Thing("SideTable", 0.62, 0.0, children=[Thing("Apple", 0.62, -0.02)])
    episode = episode_in_room([table], start=(0.0, 0.0, 0.0))
    apple_y = float(episode.layout.centre[-1, 1])
    lift = apple_y - (robot.WRIST_ABOVE_LIFT_M - robot.HAND_BELOW_WRIST_M)
    steps = round((lift - robot.REST_LIFT_M) / robot.ARM_STEP_SMALL_M)
    actions = [Action.MOVE_ARM_UP_SMALL] * steps + [Action.WRIST_CLOSE] * 18
    reach = 0.62 - robot.ARM_RIGHT_M - robot.HAND_REACH_M
    actions += [Action.MOVE_ARM_OUT_SMALL] * round((reach - 0.06) / 0.02) + [Action.PICKUP, Action.MOVE_ARM_UP, Action.MOVE_AHEAD]
    actions += [Action.MOVE_AHEAD] * 2 + [Action.DROPOFF]
    t = simulate(episode, actions)
    held = int(t[-2].after.held[0])
    assert held == episode.layout.n_boxes - 1
    assert t[-2].after.pose[0, held, 1] > apple_y + 0.05  # carried, and up
    assert t[-2].after.pose[0, held, 2] > 0.4  # and along with the robot
    assert int(t[-1].after.held[0]) == NOTHING
    assert float(t[-1].after.pose[0, held, 1]) == pytest.approx(float(t[-1].after.half[0, held, 1]), abs=1e-4)  # on the floor


def test_nothing_to_grasp_is_not_a_success():
    t = simulate(episode_in_room([]), [Action.PICKUP, Action.DROPOFF])
    assert not t[0].succeeded[0] and not t[1].succeeded[0]


def test_an_object_is_seen_in_front_and_not_behind():
    ahead = simulate(episode_in_room([Thing("Chair", 0.0, 1.4)]), [Action.PICKUP])[0].after
    behind = simulate(episode_in_room([Thing("Chair", 0.0, -1.4)]), [Action.PICKUP])[0].after
    slot = int(ahead.n_boxes[0]) - 1
    assert ahead.visible[0, 0, slot] and ahead.steps_since_seen[0, slot] == 0
    assert not behind.visible[0, 0, slot]
    hidden = simulate(episode_in_room([Thing("Fridge", 0.0, 0.9), Thing("Apple", 0.0, 1.7)]), [Action.PICKUP])[0].after
    assert not hidden.visible[0, 0, int(hidden.n_boxes[0]) - 1]


def test_actuation_noise_slips_by_at_most_its_share_and_follows_the_seed():
    episode = episode_in_room([], half_m=4.0)

    def steps_m(noise: float) -> list[float]:
        simulator = EmbeddedSimulator(1, (24, 42), actuation_noise=noise)
        simulator.reset([episode])
        z = [float(simulator.step(torch.tensor([0])).after.robot[0, 1]) for _ in range(8)]
        return np.diff([0.0, *z]).tolist()

    assert steps_m(0.0) == pytest.approx([robot.MOVE_M] * 8, abs=1e-5)
    slipped = steps_m(0.2)
    assert all(0.8 * robot.MOVE_M - 1e-5 <= step <= 1.2 * robot.MOVE_M + 1e-5 for step in slipped)
    assert len({round(step, 4) for step in slipped}) > 4 and slipped == steps_m(0.2)
    with pytest.raises(SimulatorError, match="actuation_noise"):
        EmbeddedSimulator(1, actuation_noise=1.5)


# slow oracles ------------------------------------------------------------------------------------------


def _oracle_depth(x: float, z: float, yaw_deg: float, m: int, layout) -> float:
    """How deep the body of a robot at (x, z) overlaps box m, by distance to the rectangle's sides, in float64."""
    turn = math.radians(yaw_deg)
    body = np.array([x + robot.BODY_FORWARD_M * math.sin(turn), z + robot.BODY_FORWARD_M * math.cos(turn)])
    low, high = layout.centre[m, 1] - layout.half[m, 1], layout.centre[m, 1] + layout.half[m, 1]
    if low > robot.BODY_TOP_M or high < CONTACT_M:
        return -1.0
    box = math.radians(float(layout.yaw_deg[m]))
    axes = np.array([[math.cos(box), -math.sin(box)], [math.sin(box), math.cos(box)]])  # the box's right and forward
    local = axes @ (body - layout.centre[m, [0, 2]].astype(float))
    beyond = np.abs(local) - layout.half[m, [0, 2]].astype(float)
    outside = float(np.linalg.norm(np.maximum(beyond, 0.0)))
    return robot.BODY_RADIUS_M - (outside if outside > 0 else float(beyond.max()))


def _oracle_base_motion(state, action, layout) -> tuple[np.ndarray, set[int]]:
    """Where a robot with its arm tucked in ends among fixed things, and what may have stopped it."""
    ahead = {0: robot.MOVE_M, 1: -robot.MOVE_M}.get(action, 0.0)
    turn = {2: 30.0, 3: -30.0, 4: 6.0, 5: -6.0}.get(action, 0.0)
    n = max(1, math.ceil(abs(ahead) / 0.025 - 1e-6), math.ceil(abs(turn) / 6.0 - 1e-6))
    old = np.array(state, float)
    heading = math.radians(old[2])
    for step in range(1, n + 1):
        share = step / n
        new = np.array(
            [state[0] + math.sin(heading) * ahead * share, state[1] + math.cos(heading) * ahead * share, state[2] + turn * share]
        )
        depth = np.array([_oracle_depth(*new, m, layout) for m in range(layout.n_boxes)])
        before = np.array([_oracle_depth(*old, m, layout) for m in range(layout.n_boxes)])
        hits = (depth > CONTACT_M) & (depth > before)
        if hits.any():
            return old, set(np.flatnonzero(hits & (depth > depth[hits].max() - 1e-4)).tolist())
        old = new
    return old, set()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 30), st.lists(st.sampled_from([0, 0, 0, 0, 1, 2, 3, 4, 5]), min_size=5, max_size=30))
def test_base_motion_and_contact_agree_with_a_slow_oracle(seed, actions):
    """In houses of fixed furniture only: the same place to the millimetre, stopped by the same thing."""
    house = generation.generate(seed, rooms=(1, 2), surface_objects=0.0, hazards=dict.fromkeys(hazards.HAZARD_KINDS, 0.0))
    fixed = [thing for thing in house["objects"] if catalogue.TYPES[thing["id"].split("|")[0]].mobility == "fixed"]
    house["objects"] = [thing | {"children": []} for thing in fixed]  # a television stands on its stand, and can be moved
    plan = compile_house(house)
    reachable, (x0, z0) = navigation.reachable_grid(plan)
    nodes = np.argwhere(reachable)
    iz, ix = nodes[seed * 7919 % len(nodes)]
    start = (x0 + ix * REACHABLE_CELL_M, z0 + iz * REACHABLE_CELL_M, 30.0 * (seed % 12))
    simulator = EmbeddedSimulator(1, (24, 42))
    simulator.reset([dataclasses.replace(episode_in_room([]), house=house, start=start)])
    for action in actions:
        state = simulator.scene().robot[0, :3].tolist()
        t = simulator.step(torch.tensor([action]))
        where, blockers = _oracle_base_motion(state, action, plan)
        x, z, yaw_deg = t.after.robot[0, :3].tolist()
        hit = int(t.collided_with[0])
        near_miss = {m for m in range(plan.n_boxes) if abs(_oracle_depth(x, z, yaw_deg, m, plan) - CONTACT_M) < 1e-4}
        if near_miss:
            continue  # float32 and float64 may differ on which side of a touch this is
        assert (hit in blockers) if blockers else hit == NOTHING
        assert math.hypot(x - where[0], z - where[1]) < 1e-3
        assert abs((yaw_deg - where[2] + 180.0) % 360.0 - 180.0) < 0.05


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CRAMPED, min_size=8, max_size=8), st.integers(0, 5))
def test_looking_ahead_agrees_with_acting(batch, plans, offset):
    """A motion that is said to touch nothing is not blocked and moves nothing but what the hand holds."""
    simulator, some = batch
    simulator.reset(some[offset * 8 : offset * 8 + 8])
    for step in range(max(map(len, plans))):
        actions = torch.tensor([plan[step % len(plan)] for plan in plans])
        scene = simulator.scene()
        clear = []
        for e in range(8):
            n, action = int(scene.n_boxes[e]), int(actions[e])
            pose, half = (
                collision_check.with_scratch(scene.pose[e, :n].numpy()),
                collision_check.with_scratch(scene.half[e, :n].numpy()),
            )
            clear.append(
                action < Action.PICKUP
                and collision_check.would_touch(
                    action, scene.robot[e].numpy(), int(scene.held[e]), NOTHING, PICKUPABLE, pose, half, scene.kind[e].numpy(), n
                ) < 0
            )  # fmt: skip
        held = scene.held.tolist()
        t = simulator.step(actions)
        moved = (t.after.pose != t.before.pose).any(-1)
        for e in range(8):
            if clear[e]:
                assert int(t.collided_with[e]) == NOTHING
                assert set(torch.nonzero(moved[e])[:, 0].tolist()) <= {held[e]}


# invariants over random houses -------------------------------------------------------------------------


def _overlaps(scene, e) -> set[tuple[int, int]]:
    n = int(scene.n_boxes[e])
    pose, half = scene.pose[e].numpy(), scene.half[e].numpy()
    kind, held = scene.kind[e].numpy(), int(scene.held[e])
    movable = [m for m in range(n) if kind[m] >= 2 and m != held]
    return {(a, b) for a in movable for b in range(n) if b not in (a, held) and overlap(a, b, pose, half, 0.0, 0.0)}


@pytest.fixture(scope="module")
def batch(some_episodes):
    return EmbeddedSimulator(8, (24, 42)), some_episodes


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CRAMPED, min_size=8, max_size=8), st.integers(0, 5))
def test_physics_keeps_its_promises(batch, plans, offset):
    simulator, some = batch
    simulator.reset(some[offset * 8 : offset * 8 + 8])
    start = [_overlaps(simulator.scene(), e) for e in range(8)]
    for step in range(max(map(len, plans))):
        actions = torch.tensor([plan[step % len(plan)] for plan in plans])
        t = simulator.step(actions)
        moved = (t.after.pose != t.before.pose).any(-1)
        far = (t.before.pose[..., [0, 2]] - t.before.robot[:, None, :2]).norm(dim=-1) > 4.0
        assert not (moved & far).any()  # nothing moves without a cause
        assert not moved[t.after.kind <= 1].any()  # walls and fixed furniture never do
        idle = ~t.succeeded & (actions >= Action.PICKUP)
        assert not moved[idle].any()  # a step that touched nothing
        assert torch.isfinite(t.after.pose).all()
    for e in range(8):
        layout = some[offset * 8 + e].layout
        new = _overlaps(t.after, e) - start[e]
        assert not new, [(layout.names[a], layout.names[b]) for a, b in new]
        n = layout.n_boxes
        low, high = layout.centre[: layout.n_structure].min(0) - 2.0, layout.centre[: layout.n_structure].max(0) + 2.0
        inside = (t.after.pose[e, :n, [0, 2]].numpy() > low[[0, 2]]) & (t.after.pose[e, :n, [0, 2]].numpy() < high[[0, 2]])
        assert inside.all()
        assert (t.after.pose[e, layout.n_structure : n, 1] >= t.after.half[e, layout.n_structure : n, 1] - 0.01).all()


def _play(simulator, some, actions):
    simulator.reset(some)
    frames, poses = [], []
    for row in actions:
        t = simulator.step(row)
        poses.append(t.after.pose.clone())
        frames.append(simulator.render()["navigation"].clone())
    return frames, poses


def test_a_batch_equals_single_environments_bit_for_bit(some_episodes):
    some = some_episodes[:6]
    actions = torch.randint(0, 18, (20, 6), generator=torch.Generator().manual_seed(1))
    frames, poses = _play(EmbeddedSimulator(6), some, actions)
    again, _ = _play(EmbeddedSimulator(6), some, actions)
    assert all(torch.equal(a, b) for a, b in zip(frames, again, strict=True))
    for e in range(6):
        alone, lone_poses = _play(EmbeddedSimulator(1), some[e : e + 1], actions[:, e : e + 1])
        n = some[e].layout.n_boxes
        for step in range(20):
            assert torch.equal(alone[step][0], frames[step][e])
            assert torch.equal(lone_poses[step][0, :n], poses[step][e, :n])


def test_a_new_episode_in_a_slot_leaks_nothing(some_episodes):
    simulator = EmbeddedSimulator(3)
    simulator.reset(some_episodes[:3])
    for _ in range(15):
        simulator.step(torch.tensor([0, 2, 16]))
    scene = simulator.reset_some([1], [some_episodes[5]])
    fresh = EmbeddedSimulator(1)
    lone = fresh.reset([some_episodes[5]])
    n = some_episodes[5].layout.n_boxes
    for name in ("pose", "half", "steps_since_seen", "kind"):
        assert torch.equal(getattr(scene, name)[1, :n], getattr(lone, name)[0, :n]), name
    assert torch.equal(simulator.render()["manipulation"][1], fresh.render()["manipulation"][0])
    assert scene.step[1] == 0 and scene.held[1] == NOTHING


def test_cameras_agree_with_a_slow_ray_caster(some_episodes):
    """Every pixel's box and depth against a loop over all boxes, in float64."""
    episode = some_episodes[2]
    simulator = EmbeddedSimulator(1, (18, 32))
    scene = simulator.reset([episode])
    ids, depth = simulator.render_ids(), simulator.render_depth()
    pose, half = scene.pose[0].double().numpy(), scene.half[0].double().numpy()
    n = int(scene.n_boxes[0])
    x, z, yaw = (float(v) for v in scene.robot[0, :3])
    wrong = total = 0
    for c, (name, mount) in enumerate(zip(("navigation", "manipulation"), robot.ROBOTS["stretch"], strict=True)):
        pitch, fov = (float(v) for v in simulator.state.camera[0, c, :2])
        s, k = math.sin(math.radians(yaw)), math.cos(math.radians(yaw))
        eye = np.array([x + mount.right_m * k + mount.forward_m * s, mount.up_m, z - mount.right_m * s + mount.forward_m * k])
        heading, tilt = math.radians(yaw + mount.yaw_deg), math.radians(pitch)
        right = np.array([math.cos(heading), 0, -math.sin(heading)])
        forward = np.array([math.sin(heading) * math.cos(tilt), -math.sin(tilt), math.cos(heading) * math.cos(tilt)])
        up = np.array([math.sin(heading) * math.sin(tilt), math.cos(tilt), math.cos(heading) * math.sin(tilt)])
        tan_v = math.tan(math.radians(fov) / 2)
        for row in range(18):
            for column in range(32):
                ray = forward + right * (2 * (column + 0.5) / 32 - 1) * tan_v * 32 / 18 + up * (1 - 2 * (row + 0.5) / 18) * tan_v
                best, hit = math.inf, -1
                for m in range(n):
                    turn = math.radians(pose[m, 3])
                    rotation = np.array([[math.cos(turn), 0, -math.sin(turn)], [0, 1, 0], [math.sin(turn), 0, math.cos(turn)]])
                    origin, direction = rotation @ (eye - pose[m, :3]), rotation @ ray
                    with np.errstate(divide="ignore"):
                        a, b = (-half[m] - origin) / direction, (half[m] - origin) / direction
                    near, far = np.minimum(a, b).max(), np.maximum(a, b).min()
                    if near <= far and 0.02 < near < best:
                        best, hit = near, m
                total += 1
                same = int(ids[name][0, row, column]) == hit
                wrong += not same
                if same and hit >= 0:
                    assert float(depth[name][0, row, column]) == pytest.approx(best, rel=2e-3, abs=2e-3)
    assert wrong <= 0.01 * total  # rounding at silhouettes


def test_visible_means_enough_pixels(some_episodes):
    simulator = EmbeddedSimulator(4, (36, 64))
    scene = simulator.reset(some_episodes[:4])
    for c, ids in enumerate(simulator.render_ids().values()):
        for e in range(4):
            counts = torch.bincount(ids[e][ids[e] >= 0].long().flatten(), minlength=scene.visible.shape[2])
            assert torch.equal(counts[: scene.visible.shape[2]] >= 1, scene.visible[e, c])


def test_wrong_actions_are_refused(some_episodes):
    simulator = EmbeddedSimulator(2)
    simulator.reset(some_episodes[:2])
    with pytest.raises(SimulatorError, match="shape"):
        simulator.step(torch.zeros(3, dtype=torch.int64))
    with pytest.raises(SimulatorError, match="0 to 19"):
        simulator.step(torch.tensor([0, 20]))


def test_geodesic_distance_agrees_with_a_slow_relaxation():
    rng = np.random.default_rng(0)
    weight = np.where(rng.random((14, 11)) < 0.25, navigation.UNREACHABLE, 1 + rng.random((14, 11))).astype(np.float32)
    weight[7, 5] = 1.0
    field = navigation.distance_field(weight, np.array([[7, 5]]))
    slow = np.full(weight.shape, np.inf)
    slow[7, 5] = 0
    for _ in range(200):
        for z in range(14):
            for x in range(11):
                for dz in (-1, 0, 1):
                    for dx in (-1, 0, 1):
                        a, b = z + dz, x + dx
                        if not (0 <= a < 14 and 0 <= b < 11) or (dz, dx) == (0, 0) or weight[z, x] >= 1e9 or weight[a, b] >= 1e9:
                            continue
                        if dz and dx and (weight[z, b] >= 1e9 or weight[a, x] >= 1e9):
                            continue
                        length = 0.15 * math.hypot(dz, dx) * 0.5 * (float(weight[z, x]) + float(weight[a, b]))
                        slow[z, x] = min(slow[z, x], slow[a, b] + length)
    reached = np.isfinite(slow)
    np.testing.assert_allclose(field[reached], slow[reached], rtol=1e-4)
    assert (field[~reached] >= navigation.UNREACHABLE).all()
