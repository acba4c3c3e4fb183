"""Batches of episodes: started by copying rows they are the episodes that were put there, wherever the rows stand."""

import dataclasses

import torch

from safevla.env.vector_env import VectorEnv
from safevla.sim.embedded import EmbeddedSimulator
from safevla.tasks.episode_batch import EpisodeBatch
from safevla.tasks.goals import task_index
from safevla.tasks.tokenizer import tokenize
from safevla.world import catalogue
from tests.learning import TINY


def _steps(vector_env: VectorEnv) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    outcomes = [vector_env.step(torch.randint(0, 18, (4,), generator=generator)) for _ in range(12)]
    return [outcome.observation.pixels.clone() for outcome in outcomes] + [
        vector_env.total_cost.clone(),
        vector_env.path_m.clone(),
    ]


def test_a_batchs_episodes_are_played_as_the_episodes_themselves(some_episodes):
    chosen = [some_episodes[i] for i in (7, 2, 2, 5)]
    vector_env = VectorEnv(EmbeddedSimulator(4, TINY.image_size), 50)
    first = vector_env.start(chosen)
    expected = (first.words.clone(), vector_env.goals.task.clone(), *_steps(vector_env))
    batch = EpisodeBatch.join([EpisodeBatch.of(some_episodes[:4]), EpisodeBatch.of(some_episodes[4:8])])
    assert len(batch) == 8 and batch.names == {"ObjectNav", "Pickup", "Fetch"}
    again = VectorEnv(EmbeddedSimulator(4, TINY.image_size), 50)
    first = again.restart_batch(torch.arange(4), batch, torch.tensor([7, 2, 2, 5]))
    found = (first.words, again.goals.task, *_steps(again))
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_a_batch_says_what_its_episodes_ask_for(some_episodes):
    batch = EpisodeBatch.of(some_episodes[:5])
    assert batch.task.tolist() == [task_index(episode.task) for episode in some_episodes[:5]]
    assert batch.target_type.tolist() == [catalogue.TYPES[episode.target_type].index for episode in some_episodes[:5]]
    assert batch.words.tolist() == [tokenize(episode.instruction) for episode in some_episodes[:5]]


def test_new_episodes_take_the_place_of_old_ones_round_the_end(some_episodes):
    batch, new = EpisodeBatch.of(some_episodes[:5]), EpisodeBatch.of(some_episodes[20:23])
    after = batch.put(3, new)
    seeds = [episode.seed for episode in (some_episodes[22], *some_episodes[1:3], *some_episodes[20:22])]
    assert after.arrays["seed"].tolist() == seeds and len(after) == 5
    assert after.task.tolist()[3:] == new.task.tolist()[:2] and after.names == batch.names | new.names


def test_other_words_are_read_as_they_are_asked_to_be(some_episodes):
    batch = EpisodeBatch.of(some_episodes[:2], tokenize=lambda text: [len(text), 7])
    assert batch.words.tolist() == [[len(episode.instruction), 7] for episode in some_episodes[:2]]
    assert [field.name for field in dataclasses.fields(batch)][1:] == ["task", "target_type", "words", "names"]
