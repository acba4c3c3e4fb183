"""Suites: each changes what it says and nothing else; the impossible task cannot be done."""

import numpy as np
import pytest
import torch

from safevla.config import params, profiles
from safevla.config.house_options import HouseOptions
from safevla.config.registry import SUITES, TASKS
from safevla.evaluation import actors, evaluate, suite
from safevla.evaluation.suites import actuation, camera, sensor
from safevla.sim.actions import Action
from safevla.sim.embedded import EmbeddedSimulator
from safevla.sim.robot import CAMERA_JITTER_DEG, VERTICAL_FOV_DEG
from safevla.tasks import episodes, sampling
from safevla.world import catalogue

LOOKS = {
    "color": {"colour of objects", "pattern of objects"},  # an object's colour may decide whether it is patterned
    "light": {"lights"},
    "material": {"colour of structure", "pattern of structure", "pattern of objects"},
    "all": {"colour of objects", "pattern of objects", "lights", "colour of structure", "pattern of structure"},
}


def _looks(episode: episodes.Episode) -> dict[str, np.ndarray]:
    layout, n = episode.layout, episode.layout.n_structure
    return {
        "colour of structure": layout.colour[:n], "pattern of structure": layout.pattern[:n], "lights": layout.lights,
        "colour of objects": layout.colour[n:], "pattern of objects": layout.pattern[n:],
    }  # fmt: skip


@pytest.fixture
def simulator_params() -> params.SimulatorParams:
    return profiles.load("laptop").simulator


def _pictures(name: str, simulator_params, episode: episodes.Episode) -> torch.Tensor:
    simulator = suite.make_simulator(name, simulator_params, 1, (36, 64))
    simulator.reset([episode])
    return torch.stack([picture[0].float() for picture in simulator.render().values()])


def test_every_suite_has_a_label_and_those_of_looks_say_so():
    assert len({SUITES.constant(name, "LABEL") for name in SUITES.names()}) == len(SUITES.names()) == 12
    assert {name for name in SUITES.names() if SUITES.constant(name, "LOOK", False)} == set(LOOKS)


@pytest.mark.parametrize("name", LOOKS)
def test_looks_change_and_nothing_else(some_episodes, name):
    changed = set()
    for episode in some_episodes[:3]:
        moved = suite.edited(episode, name)
        assert moved.start == episode.start and moved.instruction == episode.instruction and moved.seed == episode.seed
        for field in ("centre", "half", "yaw_deg", "mobility", "type_index", "support", "room"):
            np.testing.assert_array_equal(getattr(moved.layout, field), getattr(episode.layout, field), err_msg=field)
        assert moved.layout.names == episode.layout.names
        before, after = _looks(episode), _looks(moved)
        changed |= {look for look in before if not np.array_equal(before[look], after[look])}
        assert suite.edited(episode, name).house == moved.house  # seeded
    assert changed <= LOOKS[name]
    assert changed & {"colour of objects", "lights", "colour of structure"} == LOOKS[name] & {
        "colour of objects", "lights", "colour of structure"
    }  # fmt: skip


def test_phrasings_are_those_that_training_never_uses(some_episodes):
    for episode in some_episodes[:12]:
        moved = suite.edited(episode, "phrasing")
        assert moved.house is episode.house and moved.id != episode.id
        noun = catalogue.TARGET_NOUNS[episode.target_type]
        a_noun = f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
        usual, unseen = (
            {phrase.format(a=a_noun, noun=noun) for phrase in TASKS.constant(episode.task, which)}
            for which in ("PHRASES", "UNSEEN_PHRASES")
        )
        assert moved.instruction in unseen and episode.instruction in usual and not usual & unseen


def test_larger_houses_have_one_or_two_rooms_more():
    options = HouseOptions(rooms=(1, 2))
    found = suite.draw("larger_houses", [], "ObjectNav", options, 8)
    assert {len(episode.house["rooms"]) for episode in found} == {3, 4}


def test_more_hazards_are_twice_as_many_in_houses_of_their_own():
    options = HouseOptions(rooms=(1, 2))
    more = suite.draw("more_hazards", [], "Pickup", options, 40)
    usual = [next(sampling.stream(["Pickup"], "test", options, first=i)) for i in range(40)]

    def per_room(found: list[episodes.Episode]) -> float:
        hazards = sum(len(episode.house["metadata"]["hazards"]) for episode in found)
        return hazards / sum(len(episode.house["rooms"]) for episode in found)

    assert 1.6 < per_room(more) / per_room(usual) < 2.4
    larger = suite.draw("larger_houses", [], "Pickup", options, 6)
    houses = [{episode.house_id for episode in found} for found in (more, larger, usual)]
    assert len(set.union(*houses)) == sum(len(ids) for ids in houses)


def test_real_houses_are_a_suite(procthor):
    file = sorted(procthor.glob("*.jsonl*"))[0]
    found = suite.draw("procthor", [], "ObjectNav", HouseOptions(), 2, file)
    assert [episode.shift for episode in found] == ["procthor"] * 2
    assert all(episode.house_id.startswith(file.name) for episode in found)


def test_cameras_are_not_where_they_should_be(some_episodes, simulator_params):
    plain, jittered = (_pictures(name, simulator_params, some_episodes[0]) for name in ("none", "camera"))
    assert ((jittered != plain).float().mean((1, 2, 3)) > 0.2).all()
    jittering = suite.make_simulator("camera", simulator_params, 12, (18, 32))
    jittering.reset(some_episodes[:12])
    usual = EmbeddedSimulator(12, (18, 32), simulator_params.robot)
    usual.reset(some_episodes[:12])
    mount = torch.from_numpy(usual.state.mount)  # (C, …), yaw and pitch last
    expected = torch.stack([torch.full((2,), VERTICAL_FOV_DEG), mount[:, 4], mount[:, 3]], dim=1)
    off_deg = (torch.from_numpy(jittering.state.camera)[:, :, [1, 0, 2]] - expected).abs().amax((0, 1))
    at_most = torch.tensor(camera.JITTER_DEG)
    assert (off_deg <= at_most + 1e-4).all() and (off_deg > 0.7 * at_most).all(), off_deg
    assert at_most.gt(torch.tensor(CAMERA_JITTER_DEG)).all()


def test_pictures_are_blurred_and_noisy_the_same_way_every_time(some_episodes, simulator_params):
    plain, poor = (_pictures(name, simulator_params, some_episodes[0]) for name in ("none", "sensor"))
    assert 4.0 < (poor - plain).abs().mean() < 40.0
    assert torch.equal(poor, _pictures("sensor", simulator_params, some_episodes[0]))
    blurred = torch.nn.functional.avg_pool2d(plain.permute(0, 3, 1, 2), 3, 1, 1, count_include_pad=False).permute(0, 2, 3, 1)
    noise = (poor - blurred)[(blurred > 60) & (blurred < 195)]  # where nothing is cut off
    assert abs(float(noise.mean())) < 1.0 and abs(float(noise.std()) - sensor.NOISE) < 1.0


def test_wheels_slip_and_nothing_else_does(some_episodes, simulator_params):
    slipping, straight = (suite.make_simulator(name, simulator_params, 1, (18, 32)) for name in ("actuation", "none"))
    turns, lifts = [], []
    for simulator in (slipping, straight):
        simulator.reset(some_episodes[:1])
        scene = simulator.scene()
        found = [scene.robot_state[0].clone()]
        for action in [Action.ROTATE_LEFT] * 6 + [Action.MOVE_ARM_UP] * 2:
            found.append(simulator.step(torch.tensor([action])).after.robot_state[0].clone())
        states = torch.stack(found)
        turns.append((states[1:7, 2] - states[:6, 2] + 180) % 360 - 180)
        lifts.append(states[6:, 3])
    slip = turns[0] / turns[1]
    assert slip.std() > 0.01 and ((slip - 1).abs() <= actuation.NOISE + 1e-4).all()
    assert torch.equal(*lifts)


def test_the_impossible_task_has_no_target_and_the_expert_gives_up(some_episodes):
    chosen = [suite.edited(episode, "impossible") for episode in some_episodes[:6]]
    for episode, moved in zip(some_episodes, chosen, strict=False):
        index = catalogue.TYPES[episode.target_type].index
        assert (episode.layout.type_index == index).any() and not (moved.layout.type_index == index).any()
        assert moved.layout.n_structure == episode.layout.n_structure and moved.instruction == episode.instruction
        assert set(moved.layout.names) < set(episode.layout.names)
    for careful in (False, True):
        rows = evaluate.evaluate(
            actors.ExpertActor(6, careful), EmbeddedSimulator(6), chosen, 60, "impossible",
            profile="", method="expert", seed=0,
        )  # fmt: skip
        assert not rows["success"].any() and (rows["cost"] == 0).all()
