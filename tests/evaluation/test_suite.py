"""Suite: paired suites edit the test episodes, others have houses or a robot of their own, and what cannot be had is said."""

import pytest

from safevla.config import params, profiles
from safevla.config.house_options import HouseOptions
from safevla.config.registry import SUITES, RegistryError
from safevla.evaluation import suite
from safevla.sim.embedded import EmbeddedSimulator

TURNED = '''"""Turned: the robot begins with its back to where it looked."""

LABEL = "turned round"


def edit(episode, rng):
    x, z, yaw_deg = episode.start
    return episode.changed(start=(x, z, yaw_deg + rng.choice((170.0, 180.0, 190.0))))
'''


@pytest.fixture
def simulator_params() -> params.SimulatorParams:
    return profiles.load("laptop").simulator


def test_suites_are_of_three_kinds():
    paired = {name for name in SUITES.names() if suite.is_paired(name)}
    other_robots = {name for name in SUITES.names() if suite.needs_own_simulator(name)}
    assert set(SUITES.names()) - paired == {"larger_houses", "more_hazards", "procthor"}
    assert other_robots == {"actuation", "camera", "mirrored", "sensor"}
    assert suite.is_paired(suite.NONE) and not suite.needs_own_simulator(suite.NONE)


def test_no_suite_is_the_episode_itself(some_episodes):
    assert suite.edited(some_episodes[0], suite.NONE) is some_episodes[0]


def test_an_edited_episode_says_of_what_and_how(some_episodes):
    edited = suite.edited(some_episodes[0], "phrasing")
    assert edited.id == f"{some_episodes[0].id}|phrasing" and edited.shift == "phrasing"
    for name in ("camera", "actuation", "sensor", "mirrored"):  # the episode is the same, the robot is not
        moved = suite.edited(some_episodes[0], name)
        assert moved.id == f"{some_episodes[0].id}|{name}" and moved.house is some_episodes[0].house


def test_what_is_drawn_for_an_edit_follows_from_the_episodes_seed(some_episodes, extend):
    extend({"suites/turned.py": TURNED})
    first, again, *others = suite.draw("turned", [*some_episodes[:1], *some_episodes[:12]], "Fetch", HouseOptions(), 13)
    assert first.start == again.start
    turned = {round(other.start[2] - one.start[2]) for one, other in zip(some_episodes[1:12], others, strict=True)}
    assert turned == {170, 180, 190}


def test_as_many_episodes_are_drawn_as_are_asked_for(some_episodes):
    assert [e.id for e in suite.draw("light", some_episodes, "Fetch", HouseOptions(), 2)] == [
        f"{episode.id}|light" for episode in some_episodes[:2]
    ]
    assert len(suite.draw("light", some_episodes[:1], "Fetch", HouseOptions(), 2)) == 1
    fresh = suite.draw("larger_houses", [], "Pickup", HouseOptions(rooms=(1, 1)), 2)
    assert [(e.task, e.shift) for e in fresh] == [("Pickup", "larger_houses")] * 2
    assert all(e.id.endswith("|larger_houses") for e in fresh)


def test_the_simulator_is_the_usual_one_unless_the_suite_changes_the_robot(simulator_params):
    usual, other = (suite.make_simulator(name, simulator_params, 1, (18, 32)) for name in ("phrasing", "camera"))
    assert isinstance(usual, EmbeddedSimulator) and usual.camera_jitter_deg != other.camera_jitter_deg


def test_what_cannot_be_had_is_one_clear_error(some_episodes, simulator_params, tmp_path):
    with pytest.raises(RegistryError, match="unknown suite 'colour'; known are actuation, all, camera, color"):
        suite.edited(some_episodes[0], "colour")
    with pytest.raises(suite.SuiteError, match="'larger_houses' is no edit"):
        suite.edited(some_episodes[0], "larger_houses")
    for file in (None, tmp_path / "houses.jsonl"):
        with pytest.raises(suite.SuiteError, match=rf"evaluate\.real_houses: {file or 'not set'}: no file of ProcTHOR houses"):
            suite.draw("procthor", [], "Fetch", HouseOptions(), 3, file)
    thor = simulator_params.model_copy(update={"name": "ai2thor"})
    with pytest.raises(suite.SuiteError, match="'camera' changes the robot, which only the embedded simulator can, not ai2thor"):
        suite.make_simulator("camera", thor, 1, (36, 64))
