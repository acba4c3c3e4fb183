"""AI2-THOR's client against this project's server: the same episodes, directly and through the wire."""

import contextlib
import os
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from safevla.config import profiles
from safevla.config.house_options import HouseOptions
from safevla.evaluation import actors, evaluate, suite
from safevla.policies.vla import Policy
from safevla.safe_rl import training
from safevla.safe_rl.episode_source import IteratorSource
from safevla.sim import factory
from safevla.sim.actions import Action
from safevla.sim.embedded import EmbeddedSimulator
from safevla.sim.interface import CAMERAS, SimulatorError
from safevla.tasks import sampling, step_costs

pytest.importorskip("ai2thor", reason="the extra `ai2thor` is not installed")
from safevla.config.thor_options import ThorOptions
from safevla.sim.thor.adapter import ThorSimulator
from tests.conftest import ROOT
from tests.learning import TINY, a_method

SERVER = f"{sys.executable} -m safevla serve thor"


def _at_home_in(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """The client writes its log into the home folder; compiled kernels stay where they are."""
    patch.setenv("XDG_CACHE_HOME", os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache"))
    patch.setenv("HOME", str(folder))


@pytest.fixture(scope="module")
def through_the_client(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    _at_home_in(tmp_path_factory.mktemp("home"), patch)
    simulator = ThorSimulator(1, (36, 64), options=ThorOptions(executable=SERVER, start_timeout_s=120, step_timeout_s=60))
    yield simulator
    simulator.close()
    patch.undo()


@pytest.mark.parametrize("number", [0, 1, 2])
def test_both_simulators_agree_on_everything(through_the_client, some_episodes, number):
    episode = some_episodes[number]
    direct = EmbeddedSimulator(1, (36, 64))
    scenes = [direct.reset([episode]), through_the_client.reset([episode])]
    rng = np.random.default_rng(number)
    chances = np.array([6.0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 2, 1, 0, 0])
    for _ in range(60):
        _agree(*scenes)
        for name in CAMERAS:
            assert torch.equal(direct.render()[name], through_the_client.render()[name])
        action = torch.tensor([rng.choice(20, p=chances / chances.sum())])
        transitions = [direct.step(action), through_the_client.step(action)]
        assert transitions[0].collided_with.tolist() == transitions[1].collided_with.tolist(), Action(int(action))
        assert transitions[0].succeeded.tolist() == transitions[1].succeeded.tolist(), Action(int(action))
        assert torch.equal(*(step_costs.step_costs(t).components for t in transitions))
        scenes = [t.after for t in transitions]


def _agree(one, other):
    n = int(one.n_boxes[0])
    assert int(other.n_boxes[0]) == n and one.held.tolist() == other.held.tolist()
    apart = one.robot_state - other.robot_state
    apart[:, 2] = (apart[:, 2] + 180.0) % 360.0 - 180.0  # a heading of 180° is one of −180°
    assert apart.abs().max() <= 2e-5
    torch.testing.assert_close(one.pose[:, :n], other.pose[:, :n], atol=1e-5, rtol=0)
    torch.testing.assert_close(one.half[:, :n], other.half[:, :n], atol=1e-5, rtol=0)
    assert torch.equal(one.visible[:, :, :n] & (one.mobility[:, None, :n] != 0), other.visible[:, :, :n])
    objects = one.mobility[0, :n] != 0
    assert torch.equal(one.steps_since_seen[0, :n][objects], other.steps_since_seen[0, :n][objects])


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("none", set()), ("light", set()), ("color", {"RandomizeColors"}), ("material", {"RandomizeMaterials"}),
        ("all", {"RandomizeColors", "RandomizeMaterials"}),
    ],
)  # fmt: skip
def test_unseen_looks_are_unitys_to_draw(through_the_client, some_episodes, name, asked, monkeypatch):
    agent, done = through_the_client._agents[0], []
    attempt = agent.attempt
    monkeypatch.setattr(agent, "attempt", lambda action, **arguments: done.append(action) or attempt(action, **arguments))
    through_the_client.reset([suite.edited(some_episodes[1], name)])
    assert {action for action in done if action.startswith("Randomize")} == asked


def test_a_house_that_unity_would_refuse_is_an_error(through_the_client, some_episodes):
    import copy
    import dataclasses

    house = copy.deepcopy(some_episodes[0].house)
    house["metadata"]["schema"] = "0.0.1"
    with pytest.raises(SimulatorError, match=r"CreateHouse: house schema 0\.0\.1"):
        through_the_client.reset([dataclasses.replace(some_episodes[0], house=house)])


def test_a_build_that_dies_at_start_is_an_error_in_bounded_time(some_episodes, tmp_path, monkeypatch):
    _at_home_in(tmp_path, monkeypatch)
    simulator = ThorSimulator(1, (36, 64), options=ThorOptions(executable=f"{sys.executable} -c pass", start_timeout_s=3))
    with pytest.raises(SimulatorError, match="did not start within 3 s"):
        simulator.reset([some_episodes[0]])


def _processes(word: str) -> list[str]:
    """Command lines of running processes that hold a word."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if word in line and (path.parent / "stat").read_text().split(")")[1].split()[0] != "Z":
                found.append(line)
    return found


@pytest.mark.parametrize("faults", [("die", "hang"), ("garbage", "sequence")])
@pytest.mark.filterwarnings("ignore:episode .* is aborted")
def test_a_build_that_fails_in_an_episode_is_replaced_and_the_episode_played_again(faults, some_episodes, tmp_path, monkeypatch):
    """And so is the build that took over; the third is faithful."""
    _at_home_in(tmp_path, monkeypatch)
    monkeypatch.chdir(ROOT)
    chosen = [episode for episode in some_episodes if episode.task == "ObjectNav"][:2]
    marker = tmp_path / "marker"
    executable = f"{sys.executable} -m tests.faulty_server {','.join(faults)} 60 {marker}"
    simulator = ThorSimulator(1, (36, 64), options=ThorOptions(executable=executable, start_timeout_s=120, step_timeout_s=3))
    start = time.monotonic()
    columns = {"profile": "", "method": "expert", "seed": 0}
    rows = evaluate.evaluate(actors.ExpertActor(1, False), simulator, chosen, 40, "thor", **columns)
    assert time.monotonic() - start < 60
    direct = evaluate.evaluate(actors.ExpertActor(1, False), EmbeddedSimulator(1), chosen, 40, "direct", **columns)
    assert marker.read_text().split() == [*faults] and rows["reruns"].sum() == 2
    pd.testing.assert_frame_equal(rows.drop(columns="reruns"), direct.drop(columns="reruns"), atol=1e-4)
    assert len(_processes(str(marker))) == 1  # the one that took over
    simulator.close()
    time.sleep(0.2)
    assert not _processes(str(marker))


def test_an_episode_that_is_aborted_again_and_again_is_an_error(some_episodes):
    class Aborting(EmbeddedSimulator):
        def aborted(self):
            return [0]

    with pytest.raises(SimulatorError, match=r"was aborted 4 times"):
        evaluate.evaluate(
            actors.ExpertActor(1, False), Aborting(1), some_episodes[:1], 60, "t", profile="", method="expert", seed=0
        )


def test_ppo_lagrangian_learns_through_the_client(through_the_client, tmp_path, monkeypatch):
    """The notebooks' own way to a simulator, with the parameters that name it."""
    monkeypatch.chdir(ROOT)
    settings = profiles.load("smoke").finetune.train.model_copy(
        update={
            "steps": {"ObjectNav": 32, "Pickup": 32, "Fetch": 32},
            "rollout": 16,
            "n_envs": 1,
            "minibatches": 1,
            "max_steps": 12,
            "value_warmup": 0,
            "freeze_encoder": True,
        }
    )
    torch.manual_seed(0)
    policy = Policy(TINY.model_copy(update={"image_size": (36, 64)}))
    before = {name: tensor.clone() for name, tensor in policy.state_dict().items()}
    source = IteratorSource(sampling.stream(["ObjectNav"], "train", HouseOptions(rooms=(1, 1))))
    method = a_method("ppo_lagrangian", task="ObjectNav")
    learner = training.train(policy, method, through_the_client, source, settings, 0, tmp_path / "p.safetensors", "thor")
    assert learner.steps == 32 and any(not torch.equal(before[n], t) for n, t in policy.state_dict().items())


def test_the_parameters_choose_the_simulator(monkeypatch):
    monkeypatch.chdir(ROOT)
    chosen = profiles.load("laptop").simulator
    assert isinstance(factory.make_simulator(chosen, 1, (36, 64)), EmbeddedSimulator)
    thor = chosen.model_copy(update={"name": "ai2thor", "robot": "stretch", "thor": ThorOptions(executable=SERVER)})
    assert isinstance(factory.make_simulator(thor, 1, (36, 64)), ThorSimulator)


def test_the_server_speaks_wsgi_too(some_episodes, tmp_path, monkeypatch):
    from ai2thor.controller import Controller
    from ai2thor.wsgi_server import WsgiServer

    _at_home_in(tmp_path, monkeypatch)
    episode = some_episodes[0]
    controller = Controller(
        local_executable_path=SERVER, server_class=WsgiServer, x_display=":0", agentMode="stretch", scene="Procedural",
        width=64, height=36, server_timeout=60, server_start_timeout=60,
    )  # fmt: skip
    try:
        controller.reset(scene=episode.house)
        x, z, yaw_deg = episode.start
        controller.step(action="Teleport", position={"x": x, "y": 0.9, "z": z}, rotation={"x": 0.0, "y": yaw_deg, "z": 0.0})
        event = controller.step(action="RotateAgent", degrees=30)
        assert event.metadata["lastActionSuccess"] and event.frame.shape == (36, 64, 3)
        assert len(event.third_party_camera_frames) == 1 and len(event.metadata["objects"]) > 10
        turned = (event.metadata["agent"]["rotation"]["y"] - yaw_deg) % 360.0
        assert turned == pytest.approx(30.0, abs=0.01)
        with pytest.raises(ValueError, match="no argument"):
            controller.step(action="RotateAgent", degrees=30, quickly=True)
    finally:
        controller.stop()


def test_an_older_build_is_driven_by_what_it_has(some_episodes, tmp_path, monkeypatch):
    _at_home_in(tmp_path, monkeypatch)
    monkeypatch.chdir(ROOT)
    executable = f"{sys.executable} -m tests.faulty_server older 0 {tmp_path / 'none'}"
    simulator = ThorSimulator(1, (36, 64), options=ThorOptions(executable=executable, start_timeout_s=120, step_timeout_s=10))
    direct = EmbeddedSimulator(1, camera_jitter_deg=(0.0, 0.0, 0.0))
    try:
        with pytest.warns(UserWarning, match="no action") as warned:
            simulator.reset([some_episodes[0]])
            direct.reset([some_episodes[0]])
            for action in [Action.MOVE_AHEAD, Action.ROTATE_LEFT, Action.MOVE_ARM_UP, Action.PICKUP, Action.DROPOFF]:
                ours, theirs = (s.step(torch.tensor([action])) for s in (direct, simulator))
                assert (ours.after.robot_state - theirs.after.robot_state).abs().max() < 2e-5
        lacks = [str(w.message).split(":")[0].split()[-1] for w in warned if "no action" in str(w.message)]
        assert sorted(lacks) == sorted(set(lacks)) and len(lacks) == 5  # each is warned of once
        assert simulator.aborted() == []
    finally:
        simulator.close()
