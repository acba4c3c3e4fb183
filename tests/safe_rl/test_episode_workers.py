"""Episode workers: they draw what one process would, in its order, and a pool plays the newest in turn."""

import torch

from safevla.config.house_options import HouseOptions
from safevla.env.vector_env import VectorEnv
from safevla.safe_rl import episode_workers
from safevla.safe_rl.episode_source import IteratorSource
from safevla.sim.embedded import EmbeddedSimulator
from safevla.tasks import sampling


def test_houses_drawn_by_another_process_are_the_same_in_the_same_order():
    drawn = (("ObjectNav",), "train", HouseOptions(rooms=(1, 1)), 3, 0, 1, 4)
    workers = episode_workers.EpisodeWorkers(drawn, 1, "stretch")
    try:
        sources = (episode_workers.ChunkSource(workers), IteratorSource(sampling.stream(*drawn)))
        batches = [VectorEnv(EmbeddedSimulator(8), 50) for _ in sources]
        for source, batch in zip(sources, batches, strict=True):
            source.restart(batch, torch.arange(8))
        generator = torch.Generator().manual_seed(0)
        for _ in range(60):
            actions = torch.randint(0, 20, (8,), generator=generator)
            ours, theirs = (batch.step(actions) for batch in batches)
            assert torch.equal(ours.observation.pixels, theirs.observation.pixels) and torch.equal(ours.cost, theirs.cost)
            ended = ours.ended.nonzero()[:, 0]
            if len(ended):
                ours, theirs = (source.restart(batch, ended) for source, batch in zip(sources, batches, strict=True))
                assert torch.equal(ours.words, theirs.words) and torch.equal(ours.pixels, theirs.pixels)
    finally:
        workers.close()


def test_a_pool_keeps_the_newest_episodes_and_plays_them_in_turn():
    workers = episode_workers.EpisodeWorkers((("Pickup",), "train", HouseOptions(rooms=(1, 1)), 0, 0, 1, 4), 2, "stretch")
    try:
        kept = episode_workers.EpisodePool(workers, 96, 40, "cpu")
        batch = VectorEnv(EmbeddedSimulator(4), 50)
        seeds = kept._batch.arrays["seed"].clone()
        assert len(seeds.unique()) == len(kept) == 64  # whole chunks
        for turn in range(20):
            kept.restart(batch, torch.arange(4))
            rows = (torch.arange(4) + 4 * turn) % 64
            assert torch.equal(batch.simulator._array("seed"), seeds[rows])
        while kept.made < 96 + 64:
            kept.refresh()
        kept.refresh()
        assert kept.made == 96 + 64 and kept.plays == 80 / kept.made  # no more than were played, in whole chunks
        grown = kept._batch.arrays["seed"]
        assert len(grown.unique()) == len(kept) == 96
        assert not torch.isin(seeds[:32], grown).any()
    finally:
        workers.close()
