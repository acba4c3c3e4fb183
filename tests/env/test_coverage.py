"""Coverage: each part of the floor pays once."""

import pytest
import torch


def test_coverage_pays_for_each_part_of_the_floor_once(some_episodes):
    from safevla.env.coverage import CELL_M
    from safevla.env.vector_env import VectorEnv
    from safevla.sim.embedded import EmbeddedSimulator

    plain, paid = (VectorEnv(EmbeddedSimulator(15), 10_000, coverage_reward=share) for share in (0.0, 0.5))
    for batch in (plain, paid):
        batch.start(some_episodes[:15])
    generator = torch.Generator().manual_seed(6)
    weights = torch.tensor([6.0, 1, 1, 1, 1, 1, *[0.1] * 12])
    start = paid.simulator.scene().robot_state[:, :2].clone()
    been = [{(0, 0)} for _ in range(15)]
    for step in range(80):
        actions = torch.multinomial(weights, 15, replacement=True, generator=generator)
        without, outcome = plain.step(actions), paid.step(actions)
        cells = ((outcome.transition.after.robot_state[:, :2] - start) / CELL_M).add(0.5).floor().int().tolist()
        new = [tuple(cell) not in known for cell, known in zip(cells, been, strict=True)]
        for cell, known in zip(cells, been, strict=True):
            known.add(tuple(cell))
        assert (outcome.reward - without.reward).tolist() == pytest.approx([0.5 * is_new for is_new in new], abs=1e-5)
        if step == 50:  # a new episode knows nothing of where the one before it has been
            for batch in (plain, paid):
                batch.restart([3], [some_episodes[16]])
            start[3] = paid.simulator.scene().robot_state[3, :2]
            been[3] = {(0, 0)}
    assert max(len(known) for known in been) > 4
