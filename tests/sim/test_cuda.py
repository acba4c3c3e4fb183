"""The GPU's simulator against the CPU's: same contacts, costs and successes, poses within 0.1 mm, pixels within 1 %.

On a machine without a GPU the CUDA code runs in Numba's own simulation of it, a few steps of a few houses, in a process of
its own (`python -m tests.sim.test_cuda`), because that choice is made when Numba is imported.
"""

import copy
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from safevla.env import privileged_targets
from safevla.env.vector_env import VectorEnv
from safevla.sim.embedded import EmbeddedSimulator
from safevla.sim.interface import CAMERAS
from safevla.tasks import goals, step_costs
from safevla.tasks.episode_batch import EpisodeBatch

ON_GPU = torch.cuda.is_available()
needs_gpu = pytest.mark.skipif(not ON_GPU, reason="no GPU here; the CUDA code is tried in simulation instead")


def compare(episodes, image_size, n_steps, seed, device, as_batch=False, with_privileged_targets=True):
    """Play the same random actions on both simulators; AssertionError says what differs. Returns what happened, as counts."""
    from safevla.sim.cuda import CudaSimulator

    n = len(episodes)
    ours, theirs = EmbeddedSimulator(n, image_size), CudaSimulator(n, image_size, device=device)
    cpu, gpu = VectorEnv(ours, n_steps), VectorEnv(theirs, n_steps)
    cpu.start(episodes)
    if as_batch:
        rows = torch.arange(n, device=device)
        gpu.restart_batch(rows, EpisodeBatch.of(episodes).to(device), rows)
    else:
        gpu.start(episodes)
    rng = np.random.default_rng(seed)
    # mostly base motions, some of the arm, grasps and drops; never `done`, which ends nothing here but would be counted
    weights = np.array([6, 1, 2, 2, 1, 1] + [1.0] * 10 + [3, 1])
    counts = {"hits": 0, "costs": 0.0, "pixels": 0.0, "moved": 0}
    for step in range(n_steps):
        if step == n_steps // 2:
            gpu = copy.deepcopy(gpu)  # which goes on alike
        actions = torch.from_numpy(rng.choice(18, n, p=weights / weights.sum()))
        a, b = cpu.step(actions), gpu.step(actions.to(device))
        assert torch.equal(a.transition.collided_with, b.transition.collided_with.cpu())
        assert torch.equal(a.transition.succeeded, b.transition.succeeded.cpu())
        assert torch.allclose(a.observation.contact_proximity, b.observation.contact_proximity.cpu(), atol=2e-3)
        assert torch.equal(a.cost, b.cost.cpu())
        scene, other = a.transition.after, b.transition.after
        assert torch.equal(scene.held, other.held.cpu())
        m = min(scene.pose.shape[1], other.pose.shape[1])
        turn = (scene.pose[:, :m, 3:] - other.pose[:, :m, 3:].cpu() + 180.0) % 360.0 - 180.0
        assert (scene.pose[:, :m, :3] - other.pose[:, :m, :3].cpu()).abs().max() < 1e-4
        assert turn.abs().max() < 0.01
        assert (scene.robot_state[:, :2] - other.robot_state[:, :2].cpu()).abs().max() < 1e-4
        differ = (a.observation.pixels.int() - b.observation.pixels.cpu().int()).abs().amax(-1) > 2
        assert differ.float().mean() < 0.01
        assert torch.equal(
            goals.goal_reached(a.transition.after, cpu.goals), goals.goal_reached(b.transition.after, gpu.goals).cpu()
        )
        if with_privileged_targets:
            grid = (5, 8)
            known, also = (privileged_targets.privileged_targets(batch.simulator, batch.goals, grid) for batch in (cpu, gpu))
            assert (known.class_map != also.class_map.cpu()).float().mean() < 0.005
            assert (known.polar_occupancy != also.polar_occupancy.cpu()).float().mean() < 0.002
            assert (known.contacts != also.contacts.cpu()).float().mean() < 0.002
            assert (known.target_position_m.isnan() != also.target_position_m.cpu().isnan()).float().mean() < 0.02
            torch.testing.assert_close(known.nearest_target_m, also.nearest_target_m.cpu(), atol=1e-3, rtol=0, equal_nan=True)
        counts["hits"] += int((a.transition.collided_with >= 0).sum())
        counts["costs"] += float(a.cost.sum())
        counts["pixels"] += float(differ.float().mean()) / n_steps
        counts["moved"] += int((a.transition.before.pose[..., :3] != scene.pose[..., :3]).any(-1).sum())
    return counts


@needs_gpu
@pytest.mark.parametrize("as_batch", [False, True])
def test_both_devices_agree_on_random_actions(some_episodes, as_batch):
    counts = compare(some_episodes, (48, 84), 200, 0, "cuda", as_batch)
    print(counts)
    assert counts["hits"] > 500 and counts["costs"] > 100 and counts["moved"] > 200


@needs_gpu
def test_an_odd_picture_size_and_more_boxes_than_a_block_takes(some_episodes):
    from safevla.sim.cuda_render import _AT_ONCE

    large = max(some_episodes, key=lambda e: e.layout.n_boxes)
    assert large.layout.n_boxes > 0.5 * _AT_ONCE
    compare([large] * 2, (37, 101), 20, 1, "cuda")


@needs_gpu
def test_depth_and_ids_agree(some_episodes):
    from safevla.sim.cuda import CudaSimulator

    ours, theirs = EmbeddedSimulator(4, (48, 84)), CudaSimulator(4, (48, 84))
    ours.reset(some_episodes[:4])
    theirs.reset(some_episodes[:4])
    for name in CAMERAS:
        same = ours.render_ids()[name] == theirs.render_ids()[name].cpu()
        assert same.float().mean() > 0.99
        near, far = ours.render_depth()[name], theirs.render_depth()[name].cpu()
        assert ((near - far).abs()[same & near.isfinite()] < 1e-3).all()


@needs_gpu
def test_a_rollout_and_its_learning_stay_on_the_gpu(some_episodes, tmp_path):
    import itertools

    from safevla.config import profiles
    from safevla.policies.vla import Policy
    from safevla.safe_rl import training
    from safevla.safe_rl.episode_source import IteratorSource
    from safevla.safe_rl.method import make_method
    from safevla.sim.cuda import CudaSimulator

    profile = profiles.load("smoke")
    settings = profile.finetune.train.model_copy(
        update={"steps": dict.fromkeys(goals.PAPER_TASKS, 2 * 48 * 16), "n_envs": 48, "value_warmup": 0}
    )
    simulator = CudaSimulator(48, profile.policy.image_size)
    source = IteratorSource(itertools.cycle(some_episodes))
    method = make_method("ppo_lagrangian", settings, {}, "ObjectNav", step_costs.PAPER_COSTS)
    learner = training.train(Policy(profile.policy), method, simulator, source, settings, 0, tmp_path / "p.safetensors", "gpu")
    assert all(p.is_cuda for p in learner.policy.parameters()) and learner.steps == 2 * 48 * 16
    assert all(np.isfinite(row["loss_value"]) for row in learner.curve)


@pytest.mark.skipif(ON_GPU, reason="the GPU itself is tried")
def test_the_cuda_code_in_simulation():
    pytest.importorskip("numba.cuda")
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run([sys.executable, "-m", "tests.sim.test_cuda"], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


if __name__ == "__main__":
    from tests.scenes import SceneObject, episode_in_room

    room = episode_in_room(
        [SceneObject("Mug", 0.1, 0.5), SceneObject("Chair", 0.9, 0.4), SceneObject("Apple", -0.4, 0.6)], start=(0.0, 0.0, 0.0)
    )
    print(compare([room, room], (12, 21), 4, 0, "cpu", with_privileged_targets=False), step_costs.PAPER_COSTS)
