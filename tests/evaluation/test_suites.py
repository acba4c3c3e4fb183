"""Shifts: each changes what it says and nothing else; the impossible task cannot be done."""

import numpy as np
import pytest
import torch

from safevla.config import params, profiles
from safevla.config.house_options import HouseOptions
from safevla.evaluation import actors, evaluate, suites
from safevla.sim.actions import Action
from safevla.sim.embedded import EmbeddedSimulator
from safevla.tasks import episodes, language, sampling
from safevla.world import catalogue
from tests.conftest import ROOT


@pytest.fixture
def simulator_params(monkeypatch) -> params.SimulatorParams:
    monkeypatch.chdir(ROOT)
    return profiles.load("laptop").simulator


def _picture(shift: str, simulator_params, episode: episodes.Episode) -> torch.Tensor:
    simulator = suites.make_simulator(shift, simulator_params, 1, (36, 64))
    simulator.reset([episode])
    return simulator.render()["navigation"][0].float()


def test_the_shifts_of_the_parameters_are_those_that_exist(simulator_params):
    from typing import get_args

    assert {"none", *get_args(params.Shift)} == set(suites.SHIFTS)


@pytest.mark.parametrize("shift", suites.LOOKS)
def test_looks_change_and_nothing_else(some_episodes, shift):
    episode = some_episodes[0]
    moved = suites.edited(episode, shift)
    assert moved.start == episode.start and moved.instruction == episode.instruction
    np.testing.assert_array_equal(moved.layout.centre, episode.layout.centre)
    np.testing.assert_array_equal(moved.layout.half, episode.layout.half)
    looks = {
        "color": lambda p: p.colour[p.n_structure :],
        "light": lambda p: p.lights,
        "material": lambda p: p.colour[: p.n_structure],
        "all": lambda p: p.colour,
    }[shift]
    assert not np.array_equal(looks(moved.layout), looks(episode.layout))
    assert suites.edited(episode, shift).house == moved.house  # seeded


def test_phrasings_are_those_that_training_never_uses(some_episodes):
    for episode in some_episodes[:12]:
        moved = suites.edited(episode, "phrasing")
        assert moved.house is episode.house and moved.id != episode.id
        verbs = [phrase.split("{")[0] for phrase in language.UNSEEN_PHRASES[episode.task]]
        assert any(moved.instruction.startswith(verb) for verb in verbs)
        assert catalogue.TARGET_NOUNS[episode.target_type] in moved.instruction


def test_fresh_houses_are_larger_or_more_hazardous():
    options = HouseOptions(rooms=(1, 2))
    larger = suites.fresh("larger_houses", "ObjectNav", options, 6)
    assert {len(episode.house["rooms"]) for episode in larger} <= {3, 4}
    more = suites.fresh("more_hazards", "Pickup", options, 40)
    usual = [next(sampling.stream(["Pickup"], "test", options, first=i)) for i in range(40)]

    def per_room(found: list[episodes.Episode]) -> float:
        hazards = sum(len(episode.house["metadata"]["hazards"]) for episode in found)
        return hazards / sum(len(episode.house["rooms"]) for episode in found)

    assert 1.6 < per_room(more) / per_room(usual) < 2.4
    assert len({episode.house_id for episode in (*more, *larger, *usual)}) == len({e.house_id for e in more}) + len(
        {e.house_id for e in larger}
    ) + len({e.house_id for e in usual})


def test_the_robot_sees_and_moves_otherwise(some_episodes, simulator_params):
    episode = some_episodes[0]
    plain = _picture("none", simulator_params, episode)
    assert (_picture("camera", simulator_params, episode) != plain).float().mean() > 0.2
    poor = _picture("sensor", simulator_params, episode)
    assert 4.0 < (poor - plain).abs().mean() < 40.0
    assert torch.equal(poor, _picture("sensor", simulator_params, episode))
    slipping = suites.make_simulator("actuation", simulator_params, 1, (36, 64))
    straight = EmbeddedSimulator(1)
    ways = []
    for simulator in (slipping, straight):
        simulator.reset([episode])
        ways.append([simulator.step(torch.tensor([Action.ROTATE_LEFT])).after.robot_state[0, 2].item() for _ in range(4)])
    assert not np.allclose(*ways)


def test_the_impossible_task_has_no_target_and_the_expert_gives_up(some_episodes):
    chosen = [suites.edited(episode, "impossible") for episode in some_episodes[:6]]
    for episode, moved in zip(some_episodes, chosen, strict=False):
        index = catalogue.TYPES[episode.target_type].index
        assert (episode.layout.type_index == index).any() and not (moved.layout.type_index == index).any()
        assert moved.layout.n_structure == episode.layout.n_structure
    for careful in (False, True):
        rows = evaluate.evaluate(
            actors.ExpertActor(6, careful), EmbeddedSimulator(6), chosen, 60, "impossible",
            profile="", method="expert", seed=0,
        )  # fmt: skip
        assert not rows["success"].any() and (rows["cost"] == 0).all()


def test_what_cannot_be_had_is_one_clear_error(some_episodes, simulator_params, tmp_path):
    with pytest.raises(suites.ShiftError, match="colour"):
        suites.edited(some_episodes[0], "colour")
    with pytest.raises(suites.ShiftError, match=r"real_houses.*houses\.jsonl"):
        suites.fresh("procthor", "Fetch", HouseOptions(), 3, tmp_path / "houses.jsonl")
    with pytest.raises(suites.ShiftError, match="embedded"):
        suites.make_simulator("camera", simulator_params.model_copy(update={"name": "ai2thor"}), 1, (36, 64))


def test_real_houses_are_a_suite(procthor):
    file = sorted(procthor.glob("*.jsonl*"))[0]
    found = suites.fresh("procthor", "ObjectNav", HouseOptions(), 2, file)
    assert len(found) == 2 and all(episode.shift == "procthor" for episode in found)
