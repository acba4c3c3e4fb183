import re

import pytest
import yaml

from safevla.config import profiles
from safevla.pipeline import dvc_files
from tests.conftest import ROOT


@pytest.mark.parametrize("profile", ["laptop", "smoke", "paper"])
def test_profiles_are_valid(profile):
    assert profiles.load(profile)
    generated = dvc_files.profile_pipeline(yaml.safe_load((ROOT / "dvc.yaml").read_text()), profile, profiles.raw(profile), ROOT)
    assert "strip" not in generated["stages"]
    assert all(stage["wdir"] == "../../.." for stage in generated["stages"].values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v["imitation"].update(learning_rate=1), "imitation.learning_rate: unknown parameter"),
        (lambda v: v["finetune"]["train"].update(clip="wide"), "finetune.train.clip: "),
        (lambda v: v["houses"]["hazards"].update(corner=-1), "houses.hazards.corner: "),
        (lambda v: v.pop("seed"), "seed: "),
        (lambda v: v["finetune"].update(methods=["pp0"]), "finetune.methods.0: "),
    ],
)
def test_a_mistyped_parameter_is_an_error_that_names_it(change, message):
    values = profiles.raw("laptop")
    change(values)
    with pytest.raises(profiles.ParamsError, match=re.escape(message)):
        profiles.check(values, "params.yaml")


def test_a_profile_may_only_change_what_there_is(tmp_path, monkeypatch):
    for name in ("dvc.yaml", "params.yaml"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "odd.yaml").write_text("imitation:\n  stepz: 3\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(profiles.ParamsError, match=r"odd\.yaml: imitation\.stepz: unknown parameter"):
        profiles.load("odd")
    with pytest.raises(profiles.ParamsError, match="unknown profile 'none'"):
        profiles.load("none")
