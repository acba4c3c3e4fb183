import torch

from safevla.env.vector_env import VectorEnv
from safevla.evaluation import actors
from safevla.policies.vla import Policy
from safevla.sim.embedded import EmbeddedSimulator
from tests.learning import TINY


def test_a_low_temperature_chooses_what_is_likely_and_one_leaves_it_to_chance(some_episodes):
    torch.manual_seed(0)
    model = Policy(TINY)
    with torch.no_grad():
        model.actor.bias[:3] = torch.tensor([5.0, 4.0, 3.0])
    batch = VectorEnv(EmbeddedSimulator(8, TINY.image_size), max_steps=50)
    observation = batch.start(some_episodes[:8])

    def shares(temperature: float) -> torch.Tensor:
        actor = actors.PolicyActor(model, 8, 0, temperature=temperature)
        drawn = torch.stack([actor.act(observation, batch.simulator.scene()) for _ in range(200)])
        return torch.stack([(drawn == action).float().mean() for action in range(3)])

    with torch.no_grad():
        output, _ = model.act(observation, model.new_kv_cache(8))
    model_chances = output.logits.softmax(-1)[:, :3].mean(0)
    assert torch.allclose(shares(1.0), model_chances, atol=0.06)
    assert torch.allclose(shares(0.25), torch.tensor([20.0, 16.0, 12.0]).softmax(0), atol=0.02)
