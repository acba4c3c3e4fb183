"""Suites: each changes what it says and nothing else; the impossible task cannot be done."""

import copy
import random

import numpy as np
import pytest
import torch

from safevla.config import params, profiles
from safevla.config.house_options import HouseOptions
from safevla.config.registry import SUITES, TASKS
from safevla.evaluation import actors, evaluate, suite
from safevla.evaluation.suites import actuation, camera, sensor, synonyms
from safevla.sim.actions import Action
from safevla.sim.embedded import EmbeddedSimulator
from safevla.sim.robot import CAMERA_JITTER_DEG, VERTICAL_FOV_DEG
from safevla.tasks import episodes, sampling, tokenizer
from safevla.tasks.goals import PAPER_TASKS
from safevla.world import catalogue, house_file

LOOKS = {
    "color": {"colours of objects"},
    "light": {"lights"},
    "material": {"colours of structure", "material of structure", "material of objects", "ceiling"},
    "all": {"colours of objects", "lights", "colours of structure", "material of structure", "material of objects", "ceiling"},
}
NOTHING_SEEN = {"shape": set()}  # the bounding boxes stay; what is drawn within them is another matter
LANGUAGE = ("phrasing", "synonyms", "garbled", "word_order")


def _looks(episode: episodes.Episode) -> dict[str, np.ndarray]:
    layout, n = episode.layout, episode.layout.n_structure
    return {
        "colours of structure": layout.palette[:n], "material of structure": layout.material[:n], "lights": layout.lights,
        "colours of objects": layout.palette[n:], "material of objects": layout.material[n:], "ceiling": layout.ceiling_colour,
    }  # fmt: skip


def _sayings(task: str, target: str, which: str = "PHRASES") -> set[str]:
    """Everything that the task says of the target in training, or what it has for evaluation."""
    noun = catalogue.TARGET_NOUNS[target]
    a_noun = f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
    return {phrase.format(a=a_noun, noun=noun) for phrase in TASKS.constant(task, which)}


@pytest.fixture
def simulator_params() -> params.SimulatorParams:
    return profiles.load("laptop").simulator


def _pictures(name: str, simulator_params, episode: episodes.Episode) -> torch.Tensor:
    simulator = suite.make_simulator(name, simulator_params, 1, (36, 64))
    simulator.reset([episode])
    return torch.stack([picture[0].float() for picture in simulator.render().values()])


def test_every_suite_has_a_label_and_those_of_looks_say_so():
    assert len({SUITES.constant(name, "LABEL") for name in SUITES.names()}) == len(SUITES.names()) == 17
    assert {name for name in SUITES.names() if SUITES.constant(name, "LOOK", False)} == set(LOOKS)


@pytest.mark.parametrize("name", LOOKS | NOTHING_SEEN)
def test_looks_change_and_nothing_else(some_episodes, name):
    changed = set()
    for episode in some_episodes[:6]:
        before, moved = copy.deepcopy(episode.house), suite.edited(episode, name)
        assert moved.start == episode.start and moved.instruction == episode.instruction and moved.seed == episode.seed
        for field in ("centre", "half", "yaw_deg", "mobility", "type_index", "support", "room", "sky_colour"):
            np.testing.assert_array_equal(getattr(moved.layout, field), getattr(episode.layout, field), err_msg=field)
        assert moved.layout.names == episode.layout.names and moved.layout.ceiling_m == episode.layout.ceiling_m
        usual, looks = _looks(episode), _looks(moved)
        changed |= {look for look in usual if not np.array_equal(usual[look], looks[look])}
        assert suite.edited(episode, name).house == moved.house != before == episode.house  # seeded, and a copy
        house_file.validate(moved.house)
    assert changed == (LOOKS | NOTHING_SEEN)[name]


@pytest.mark.parametrize(
    ("name", "kinds"),
    [("color", {"colors"}), ("material", {"materials"}), ("all", {"colors", "materials"}), ("shape", {"variants"})],
)
def test_a_shift_of_looks_draws_from_what_training_never_uses(some_episodes, name, kinds):
    for episode in some_episodes[:12]:
        looks, moved = (one.house["metadata"]["looks"] for one in (episode, suite.edited(episode, name)))
        assert moved == looks | dict.fromkeys(kinds, "unseen") and set(looks.values()) - {looks["seed"]} == {"seen"}


@pytest.mark.parametrize("name", LANGUAGE)
def test_instructions_are_those_that_training_never_uses(some_episodes, name):
    changed = {}
    for episode in some_episodes:
        moved = suite.edited(episode, name)
        assert moved.house is episode.house and moved.id != episode.id and moved.target_id == episode.target_id
        assert episode.instruction in _sayings(episode.task, episode.target_type)
        assert all(moved.instruction not in _sayings(task, episode.target_type) for task in PAPER_TASKS)
        assert len(moved.instruction.split()) <= tokenizer.MAX_WORDS
        assert suite.edited(episode, name).instruction == moved.instruction
        changed[episode.instruction] = moved.instruction
    assert len(set(changed.values())) > 0.6 * len(changed)


def test_phrasings_are_other_sentences_for_the_task(some_episodes):
    for episode in some_episodes[:12]:
        assert suite.edited(episode, "phrasing").instruction in _sayings(episode.task, episode.target_type, "UNSEEN_PHRASES")


def test_synonyms_are_words_that_training_never_uses(some_episodes):
    known, n_nouns = tokenizer.vocabulary(), 0
    for episode in some_episodes:
        said = suite.edited(episode, "synonyms").instruction
        assert set(said.split()) - known.keys()
        noun = catalogue.TARGET_NOUNS[episode.target_type]
        other = synonyms.NOUNS.get(episode.target_type)
        assert (noun in said) != bool(other and other in said)
        n_nouns += noun not in said
        assert not any(f"{verb} " in f"{said} " for verb in synonyms.VERBS)  # every verb is another
    assert 0.1 * len(some_episodes) < n_nouns < 0.6 * len(some_episodes)
    for others in synonyms.VERBS.values():
        assert all(set(other.split()) - known.keys() for other in others)
    assert all(set(other.split()) - known.keys() for other in synonyms.NOUNS.values())
    names = {name.lower() for name in catalogue.TYPES}
    assert not names & {other.replace(" ", "") for other in synonyms.NOUNS.values()}  # or it would be another thing


def test_every_verb_of_the_tasks_has_a_synonym():
    for task in PAPER_TASKS:
        for phrase in TASKS.constant(task, "PHRASES"):
            said = [part.split("{")[0].split(" that")[0].strip() for part in phrase.split(" and ")]
            assert set(said) <= synonyms.VERBS.keys(), phrase


def test_a_task_whose_verbs_have_no_synonym_says_what_training_never_says(some_episodes):
    spoken = some_episodes[0].changed(instruction="polish a mug", task="ObjectNav", target_type="Vase")
    assert synonyms.edit(spoken, random.Random(0)).instruction in _sayings("ObjectNav", "Vase", "UNSEEN_PHRASES")


def test_garbled_words_have_one_mistake_each_and_keep_their_first_letter(some_episodes):
    known, wrong, kinds = tokenizer.vocabulary(), [], set()
    for episode in some_episodes:
        before, after = episode.instruction.split(), suite.edited(episode, "garbled").instruction.split()
        assert len(before) == len(after)
        wrong.append([(a, b) for a, b in zip(before, after, strict=True) if a != b])
        for usual, garbled in wrong[-1]:
            assert len(usual) > 2 and garbled[0] == usual[0] and garbled not in known
            assert abs(len(garbled) - len(usual)) <= 1
            kinds.add((len(garbled) - len(usual), sorted(garbled) == sorted(usual)))
    assert all(wrong) and kinds == {(-1, False), (1, False), (0, False), (0, True)}  # left out, doubled, replaced, exchanged
    n_long = sum(len(word) > 2 for episode in some_episodes for word in episode.instruction.split())
    assert 0.5 < sum(map(len, wrong)) / n_long < 0.75


def test_another_word_order_has_the_same_words(some_episodes):
    known = tokenizer.vocabulary()
    for episode in some_episodes:
        said = suite.edited(episode, "word_order").instruction
        assert sorted(said.split()) == sorted(episode.instruction.split()) and set(said.split()) <= known.keys()
        noun = catalogue.TARGET_NOUNS[episode.target_type]
        assert said.count(noun) == episode.instruction.count(noun)  # a target's name stays together


def test_pictures_are_mirrored_and_the_scene_is_not(some_episodes, simulator_params):
    plain, mirrored = (_pictures(name, simulator_params, some_episodes[0]) for name in ("none", "mirrored"))
    assert torch.equal(mirrored, plain.flip(2)) and not torch.equal(mirrored, plain)
    usual, other = (suite.make_simulator(name, simulator_params, 1, (18, 32)) for name in ("none", "mirrored"))
    for action in (Action.ROTATE_LEFT, Action.MOVE_AHEAD):
        after = []
        for simulator in (usual, other):
            simulator.reset(some_episodes[:1])
            after.append(simulator.step(torch.tensor([action])).after)
        assert torch.equal(after[0].robot_state, after[1].robot_state) and torch.equal(after[0].visible, after[1].visible)


def test_larger_houses_have_one_or_two_rooms_more():
    options = HouseOptions(rooms=(1, 2))
    found = suite.draw("larger_houses", [], "ObjectNav", options, 8)
    assert {len(episode.house["rooms"]) for episode in found} == {3, 4}


def test_more_hazards_are_half_as_many_again_in_houses_of_their_own():
    options = HouseOptions(rooms=(1, 2))
    more = suite.draw("more_hazards", [], "Pickup", options, 40)
    usual = [next(sampling.stream(["Pickup"], "test", options, first=i)) for i in range(40)]

    def per_room(found: list[episodes.Episode]) -> float:
        hazards = sum(len(episode.house["metadata"]["hazards"]) for episode in found)
        return hazards / sum(len(episode.house["rooms"]) for episode in found)

    assert 1.35 < per_room(more) / per_room(usual) < 2.0  # twice as many are asked for, but space is scarce
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
    assert ((jittered != plain).float().mean((1, 2, 3)) > 0.03).all()  # plain walls look the same from elsewhere
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
