from safevla.config import profiles
from safevla.config.house_options import HouseOptions
from safevla.imitation import demonstrations, pretraining
from safevla.sim.embedded import EmbeddedSimulator
from safevla.tasks import sampling
from tests.learning import TINY


def test_imitation_learns_and_resumes(tmp_path, capsys):
    options = HouseOptions(rooms=(1, 1))
    table = demonstrations.demonstrate(EmbeddedSimulator(8), sampling.stream(["Pickup"], "train", options), 16, 0.0, 200, seed=0)
    settings = profiles.load("smoke").imitation.model_copy(
        update={"steps": 8 * 8 * 120, "n_envs": 8, "window": 8, "checkpoint_updates": 20, "lr": 3e-3}
    )
    file = tmp_path / "progress.safetensors"
    short = settings.model_copy(update={"steps": 8 * 8 * 60})
    pretraining.pretrain(EmbeddedSimulator(8, TINY.image_size), table, options, TINY, short, 0, file)
    _, curve = pretraining.pretrain(EmbeddedSimulator(8, TINY.image_size), table, options, TINY, settings, 0, file)
    assert "resumes at update 60" in capsys.readouterr().out
    assert curve["action"].tail(5).mean() < 0.7 * curve["action"].iloc[0]
