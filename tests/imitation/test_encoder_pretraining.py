"""Encoder pretraining: other hues leave what is grey, and what learns goes on where it was, is measured and found finished."""

import pandas as pd
import pytest
import torch

from safevla.config import profiles
from safevla.config.encoder_config import EncoderConfig, EncoderParams, EncoderTraining
from safevla.config.house_options import HouseOptions
from safevla.imitation import encoder_pretraining
from safevla.imitation.encoder_pretraining import EncoderJob
from safevla.imitation.house_pool import HousePool, drawn
from safevla.pipeline import run_scripts, runs, stages
from safevla.pipeline.stage_log import StageLog
from safevla.policies import vision_files
from safevla.policies.vision_encoder import scaled
from safevla.runtime import checkpoints
from tests.pipeline import compendium

OPTIONS = HouseOptions(rooms=(1, 1))
CONFIG = EncoderConfig(image_size=(24, 42), widths=(8, 12, 16), blocks=(0, 1, 0))
TRAINING = EncoderTraining(frames=16 * 4 * 12, n_envs=16, minibatches=2, houses=32, checkpoint_s=600)


@pytest.fixture(scope="module")
def simulator():
    return profiles.load("smoke").simulator.model_copy(update={"device": "cpu", "house_workers": 1})


@pytest.fixture
def begins(monkeypatch):
    """Houses are drawn without workers → with how many left out each pool began."""
    found = []

    class Pool(HousePool):
        def __init__(self, size, options, split, seed, n_workers, device, begin=0):
            super(HousePool, self).__init__(size, device)
            found.append(begin)
            self.made = begin + size
            self.arrays = drawn(size, options, split, seed, device).arrays

        def refresh(self):
            self.made += 32

        def close(self):
            pass

    monkeypatch.setattr(encoder_pretraining, "HousePool", Pool)
    return found


def test_other_colours_stay_in_range_and_keep_what_is_grey():
    torch.manual_seed(0)
    grey = (0.1 + 0.9 * torch.rand(64, 1, 4, 6)).expand(64, 3, 4, 6)
    pixels = encoder_pretraining.jittered(grey * 0.5 - 1.0)
    gain = (pixels + 1.0) / (grey * 0.5)
    assert (gain.amax((2, 3)) - gain.amin((2, 3))).max() < 1e-3  # each channel is scaled, and no hue comes up by itself
    assert encoder_pretraining.jittered(torch.rand(8, 3, 4, 6)).abs().max() <= 1.0


def test_an_encoder_learns_and_goes_on_in_other_houses(simulator, tmp_path, begins):
    file = tmp_path / "progress.safetensors"
    short = TRAINING.model_copy(update={"frames": TRAINING.frames // 2})
    _, before = encoder_pretraining.pretrain(CONFIG, short, OPTIONS, simulator, 0, file)
    half = checkpoints.load(file)[0]["pupil.depth.weight"]
    encoder, curve = encoder_pretraining.pretrain(CONFIG, TRAINING, OPTIONS, simulator, 0, file)
    pd.testing.assert_frame_equal(curve[: len(before)], before, check_like=True)
    assert before["frames"].iloc[-1] == short.frames and curve["frames"].iloc[-1] == TRAINING.frames
    assert curve["classes"].iloc[-1] < curve["classes"].iloc[0] and curve["seconds"].is_monotonic_increasing
    assert begins == [0, before["houses"].iloc[-1]]
    tensors, about = checkpoints.load(file)
    assert about["updates"] == 24 and not torch.allclose(
        tensors["pupil.depth.weight"], half
    )  # the learning rate is in force again
    again, _ = encoder_pretraining.pretrain(CONFIG, TRAINING, OPTIONS, simulator, 0, file)
    assert len(begins) == 2 and torch.equal(again.class_map.weight, encoder.class_map.weight)


def test_a_job_leaves_the_encoder_its_curve_and_what_it_recognises(simulator, tmp_path, begins, monkeypatch):
    monkeypatch.setattr(encoder_pretraining, "SHIFTS", {name: encoder_pretraining.SHIFTS[name] for name in ("seen", "all")})
    wanted = EncoderParams(size=CONFIG, training=TRAINING.model_copy(update={"frames": 512}), test_houses=32, test_batches=1)
    job = EncoderJob("tiny", tmp_path, wanted, OPTIONS, simulator, 0, 1)
    encoder_pretraining.run(job)
    encoder, _ = vision_files.load(str(job.learnt))
    assert encoder(scaled(torch.zeros(1, 24, 42, 3, dtype=torch.uint8))).class_logits.isfinite().all()
    table, about = pd.read_csv(job.recognised), checkpoints.load(job.learnt)[1]
    assert set(table["shift"]) == {"seen", "all"} and set(table["robot"]) == set(encoder_pretraining.ROBOTS)
    seen = table[table["shift"] == "seen"]
    assert seen["shown"].sum() > 100 and about["named"]["seen"] == round(seen["right"].sum() / seen["shown"].sum(), 4)
    assert about["training"]["frames"] == 512 and pd.read_csv(job.curve)["frames"].iloc[-1] == 512
    encoder_pretraining.run(job)
    assert len(begins) == 1  # a finished one is found finished


def test_the_stages_notebook_trains_an_encoder_and_shows_what_it_sees(tmp_path, begins, monkeypatch):
    monkeypatch.setattr(encoder_pretraining, "SHIFTS", {"seen": ()})
    size = {"image_size": [24, 42], "widths": [8, 12, 16], "blocks": [0, 1, 0]}
    training = {"frames": 128, "n_envs": 16, "minibatches": 2, "houses": 32}
    tiny = {"size": size, "training": training, "test_houses": 32, "test_batches": 1}
    monkeypatch.chdir(compendium.make(tmp_path, {"small": {"encoders": {"tiny": tiny}, "houses": {"rooms": [1, 1]}}}))
    values = profiles.raw("small")
    run = runs.of_profile(values)[0]
    given = {"profile": "small", "params": stages.select(run.stage, values), **run.told}
    executed, fault = run_scripts.execute(tmp_path / "notebooks" / run.notebook, given, StageLog())
    assert not fault and begins == [0]
    pictures = [o for cell in executed["cells"] for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]
    assert len(pictures) == 1 + len(encoder_pretraining.ROBOTS)
    made = tmp_path / "data" / "small" / "encoders" / "tiny"
    assert {path.name for path in made.iterdir()} == {"encoder.safetensors", "curve.csv", "recognition.csv"}
