"""AI2-THOR's client against this project's server: the same episodes, directly and through the wire."""

import sys

import numpy as np
import pytest
import torch

from safevla import costs
from safevla.sim.embedded import EmbeddedSimulator
from safevla.sim.interface import CAMERAS, Action, SimulatorError

pytest.importorskip("ai2thor", reason="the extra `ai2thor` is not installed")
from safevla.sim.thor import ThorOptions, ThorSimulator

SERVER = f"{sys.executable} -m safevla.sim.thor_server"


@pytest.fixture(scope="module")
def through_the_client(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))  # the client writes its log there
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
        assert torch.equal(*(costs.components(t) for t in transitions))
        scenes = [t.after for t in transitions]


def _agree(one, other):
    n = int(one.n_boxes[0])
    assert int(other.n_boxes[0]) == n and one.held.tolist() == other.held.tolist()
    apart = one.robot - other.robot
    apart[:, 2] = (apart[:, 2] + 180.0) % 360.0 - 180.0  # a heading of 180° is one of −180°
    assert apart.abs().max() <= 2e-5
    torch.testing.assert_close(one.pose[:, :n], other.pose[:, :n], atol=1e-5, rtol=0)
    torch.testing.assert_close(one.half[:, :n], other.half[:, :n], atol=1e-5, rtol=0)
    assert torch.equal(one.visible[:, :, :n] & (one.kind[:, None, :n] != 0), other.visible[:, :, :n])
    objects = one.kind[0, :n] != 0
    assert torch.equal(one.steps_since_seen[0, :n][objects], other.steps_since_seen[0, :n][objects])


def test_a_house_that_unity_would_refuse_is_an_error(through_the_client, some_episodes):
    import copy
    import dataclasses

    house = copy.deepcopy(some_episodes[0].house)
    house["metadata"]["schema"] = "0.0.1"
    with pytest.raises(SimulatorError, match=r"CreateHouse: house schema 0\.0\.1"):
        through_the_client.reset([dataclasses.replace(some_episodes[0], house=house)])


def test_a_build_that_dies_at_start_is_an_error_in_bounded_time(some_episodes, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    simulator = ThorSimulator(1, (36, 64), options=ThorOptions(executable=f"{sys.executable} -c pass", start_timeout_s=3))
    with pytest.raises(SimulatorError, match="did not start within 3 s"):
        simulator.reset([some_episodes[0]])
