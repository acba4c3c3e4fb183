"""Actors: a policy draws its actions at a temperature, and acts as its method has it, also from its file."""

import torch

from safevla.config import profiles
from safevla.env.vector_env import VectorEnv
from safevla.evaluation import actors
from safevla.evaluation.evaluate import EvaluationJob, play
from safevla.policies import policy_files
from safevla.safe_rl import jobs, method
from safevla.sim.actions import Action
from safevla.sim.embedded import EmbeddedSimulator
from safevla.tasks.step_costs import PAPER_COSTS
from tests.learning import TINY, ppo_params, tiny_policy

SPINNING = '''"""Spinning: the robot turns to one side and does nothing else, which is safe."""

import pydantic
import torch

from safevla.safe_rl import method

LABEL, COLOUR = "Spinning", "#123456"


class Params(pydantic.BaseModel, extra="forbid", frozen=True):
    action: int = 2


class Method(method.Method):
    Params = Params

    def filter_action(self, logits, observation):
        return torch.full_like(logits, -1e4).index_fill(1, torch.tensor([self.own.action]), 0.0)
'''


def _watching(some_episodes):
    batch = VectorEnv(EmbeddedSimulator(8, TINY.image_size), max_steps=50)
    return batch, batch.start(some_episodes[:8])


def test_a_low_temperature_chooses_what_is_likely_and_one_leaves_it_to_chance(some_episodes):
    model = tiny_policy()
    with torch.no_grad():
        model.actor.bias[:3] = torch.tensor([5.0, 4.0, 3.0])
    batch, observation = _watching(some_episodes)

    def shares(temperature: float) -> torch.Tensor:
        actor = actors.PolicyActor(model, 8, 0, temperature=temperature)
        drawn = torch.stack([actor.act(observation, batch.simulator.scene()) for _ in range(200)])
        return torch.stack([(drawn == action).float().mean() for action in range(3)])

    with torch.no_grad():
        output, _ = model.act(observation, model.new_kv_cache(8))
    model_chances = output.logits.softmax(-1)[:, :3].mean(0)
    assert torch.allclose(shares(1.0), model_chances, atol=0.06)
    assert torch.allclose(shares(0.25), torch.tensor([20.0, 16.0, 12.0]).softmax(0), atol=0.02)


def test_done_is_said_where_it_is_likely_enough_and_only_there(some_episodes):
    model = tiny_policy()
    batch, observation = _watching(some_episodes)
    with torch.no_grad():
        model.actor.bias[Action.DONE] = 3.0  # about half
    for threshold, share in ((0.2, 1.0), (0.9, 0.0)):
        actor = actors.PolicyActor(model, 8, 0, done_threshold=threshold)
        drawn = torch.stack([actor.act(observation, batch.simulator.scene()) for _ in range(20)])
        assert (drawn == Action.DONE).float().mean() == share


def test_a_filter_of_actions_works_in_training_and_from_the_policys_file(some_episodes, tmp_path, extend):
    smoke = profiles.load("smoke")
    policy_files.save(tiny_policy(), tmp_path / "start.safetensors")
    train = ppo_params(
        steps={"Fetch": 2 * 4 * 8}, multiplier_delay={"Fetch": 0.0}, n_envs=4, rollout=8, max_steps=10, value_warmup=0
    )
    simulator = smoke.simulator.model_copy(update={"n_envs": 4})
    extend({"methods/spinning.py": SPINNING})  # which loading a profile without extensions would put out of use
    job = jobs.TrainingJob(
        "spinning", tmp_path / "start.safetensors", "spinning", "Fetch", 0, train, {"action": int(Action.ROTATE_LEFT)}, PAPER_COSTS,
        smoke.houses, simulator, tmp_path,
    )  # fmt: skip
    jobs.run(job)
    learnt = actors.load_actor(job.policy, 8, 0, 0.0, 1.0, "cpu")
    assert isinstance(learnt.filter_action.__self__, method.Method)
    rows = play(
        EvaluationJob(
            label="", profile="", method="spinning", seed=0, policy=job.policy, episodes=tuple(some_episodes[:3]), shift="none",
            simulator=simulator, image_size=TINY.image_size, settings=smoke.evaluate.model_copy(update={"max_steps": 6}),
            costs=PAPER_COSTS, root_seed=0,
        )
    )  # fmt: skip
    assert all(actions == bytes([Action.ROTATE_LEFT] * 6) for actions in rows["actions"])
    progress = job.curve.read_text().splitlines()
    assert len(progress) == 3  # and in training no robot moved
    assert set(part.split(",")[progress[0].split(",").index("cost_per_move")] for part in progress[1:]) == {""}


def test_a_policy_without_a_method_acts_as_it_is(tmp_path):
    policy_files.save(tiny_policy(), tmp_path / "imitation.safetensors", steps=9)
    assert actors.load_actor(tmp_path / "imitation.safetensors", 1, 0, 0.0, 1.0, "cpu").filter_action is None
