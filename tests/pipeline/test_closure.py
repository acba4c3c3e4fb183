"""Closure: a definition stands where it is used and nowhere else; what is read is what Python would load."""

import hashlib
import json
import subprocess
import sys

import pytest

from safevla.config import profiles, registry
from safevla.config.policy_config import SHIPPED_ENCODERS, encoder_file
from safevla.pipeline import closure
from safevla.pipeline.stages import NOTEBOOKS
from tests.conftest import ROOT
from tests.pipeline import compendium


def _names(stage: str, methods=None, **changes) -> set[str]:
    values = profiles.raw("laptop")
    values["simulator"] |= changes
    found = closure.of_notebook(ROOT / "notebooks" / f"{NOTEBOOKS[stage]}.ipynb", values, methods)
    return {path.relative_to(ROOT / "src" / "safevla").as_posix() for path in found if path.is_relative_to(ROOT / "src")}


def test_a_methods_file_is_in_its_own_stage_and_in_no_other():
    one, other = "safe_rl/methods/ppo_lagrangian.py", "safe_rl/methods/ppo_pid_lagrangian.py"
    assert one in _names("finetune_safe_rl", ["ppo_lagrangian"]) and other not in _names("finetune_safe_rl", ["ppo_lagrangian"])
    assert other in _names("finetune_safe_rl", ["ppo_pid_lagrangian"]) and one not in _names(
        "finetune_safe_rl", ["ppo_pid_lagrangian"]
    )
    assert "safe_rl/methods/ppo.py" in _names("finetune_safe_rl", ["ppo_lagrangian"])  # first parts are PPO's
    assert not {one, other} & (_names("collect_demonstrations") | _names("pretrain_imitation"))
    assert {one, other} <= _names("ablate_constraint")  # whose notebook names them


def test_a_suites_file_is_where_suites_are_played_or_shown():
    suite = "evaluation/suites/sensor.py"
    assert suite in _names("evaluate_ood") and suite in _names("make_figures")
    for stage in ("collect_demonstrations", "pretrain_imitation", "evaluate_in_distribution", "ablate_constraint"):
        assert suite not in _names(stage), stage
    assert suite not in _names("finetune_safe_rl", ["ppo"])
    assert "evaluation/suites/procthor.py" not in _names("evaluate_ood")  # not chosen


def test_a_stage_has_the_costs_and_tasks_that_it_judges():
    for stage in ("collect_demonstrations", "finetune_safe_rl", "evaluate_ood"):
        assert {"tasks/costs/corner.py", "tasks/definitions/fetch.py", "world/data/types.csv"} <= _names(stage)


def test_every_shape_is_where_objects_are_drawn(tmp_path, extend):
    """A house may hold every type, and no parameter says which."""
    drawn = "from safevla.world.shape import shape_of\nshape_of('Mug', (1.0, 1.0, 1.0), 'Mug_1', 0)"
    assert {f"{name}.py" for name in registry.SHAPES.names()} | {"_fronts.py", "parts.py", "types.csv"} <= _closure_of(
        drawn, tmp_path
    )
    assert "mug.py" not in _closure_of("from safevla.world import parts", tmp_path)
    extend(
        {"shapes/gizmo.py": "from safevla.world.shapes import _bolts\n\n\ndef build(p, r):\n    pass\n", "shapes/_bolts.py": ""}
    )
    assert {"gizmo.py", "_bolts.py"} <= _closure_of(drawn, tmp_path)


def test_the_shipped_encoder_is_where_policies_look_through_it():
    """And not where encoders are trained: shipping one must not train it again."""

    def shipped(stage: str, vision: str | None) -> set[str]:
        values = profiles.raw("laptop")
        values["policy"]["vision"] = vision
        found = closure.of_notebook(ROOT / "notebooks" / f"{NOTEBOOKS[stage]}.ipynb", values)
        return {path.name for path in found if path.suffix == ".safetensors"}

    for name in SHIPPED_ENCODERS:
        if not encoder_file(name).exists():
            pytest.skip(f"{encoder_file(name)} is not there")
        for stage in ("pretrain_imitation", "finetune_safe_rl", "evaluate_ood"):
            assert shipped(stage, name) == {f"{name}.safetensors"}
        assert not shipped("pretrain_encoder", name) and not shipped("make_figures", name)
    assert not shipped("pretrain_imitation", None) and not shipped("pretrain_imitation", "mine.safetensors")


def test_what_no_stage_uses_is_in_none():
    for stage in NOTEBOOKS:
        unrelated = {"cli.py", "api.py", "evaluation/public_episodes.py", "pipeline/dvc_files.py", "report/widgets.py"}
        assert not _names(stage) & {*unrelated, "env/gymnasium_envs.py", "report/page.py", "pipeline/papermill_driver.py"}


def test_figures_need_neither_the_simulator_nor_the_learner():
    found = _names("make_figures") - {"env/registration.py"}  # which gives Gymnasium the environments' ids
    assert not [name for name in found if name.startswith(("sim/", "policies/", "env/", "safe_rl/learner"))]


def test_the_parameters_choose_the_simulators_modules():
    cuda, thor = "sim/cuda.py", "sim/thor/adapter.py"
    assert not {cuda, thor} & _names("collect_demonstrations")
    assert cuda in _names("collect_demonstrations", device="cuda") and thor not in _names("collect_demonstrations", device="cuda")
    assert {thor, "sim/thor/process.py"} <= _names("collect_demonstrations", name="ai2thor")


def test_an_extensions_method_comes_with_what_it_imports(tmp_path, monkeypatch):
    monkeypatch.setenv("SAFEVLA_EXTENSIONS", "")
    toy = compendium.add_extension(tmp_path)
    registry.use_extensions([tmp_path / "mine"])
    notebook = ROOT / "notebooks" / "03_finetune_safe_rl.ipynb"
    found = closure.of_notebook(notebook, profiles.raw("laptop"), ["toy"])
    assert {toy, toy.with_name("_shared.py")} <= set(found)
    assert toy not in closure.of_notebook(notebook, profiles.raw("laptop"), ["ppo"])


def _closure_of(code: str, tmp_path) -> set[str]:
    path = tmp_path / "one.ipynb"
    path.write_text(json.dumps(compendium.notebook("profile = 'ppo_pid_lagrangian'", code)))
    return {file.name for file in closure.of_notebook(path, profiles.raw("laptop"))}


def test_imports_inside_functions_count_and_those_for_type_checkers_do_not(tmp_path):
    inside = _closure_of("def f():\n    from safevla.runtime import progress", tmp_path)
    assert "progress.py" in inside and "ranks.py" in inside
    checked = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from safevla.runtime import progress"
    assert "progress.py" not in _closure_of(checked, tmp_path)
    assert "progress.py" not in _closure_of(
        "import typing\nif typing.TYPE_CHECKING:\n    import safevla.runtime.progress", tmp_path
    )


def test_a_registrys_names_alone_are_no_definitions(tmp_path):
    start = "from safevla.config import registry\nfrom safevla.config.registry import SUITES\n"
    assert "sensor.py" not in _closure_of(start + "SUITES.names(), SUITES.path('sensor')", tmp_path)
    assert "sensor.py" in _closure_of(start + "SUITES.names(), SUITES.constant(name, 'LABEL')", tmp_path)
    assert "sensor.py" in _closure_of(start + "registry.SUITES.constant(name, 'LABEL')", tmp_path)
    assert "sensor.py" in _closure_of(start + "ask(SUITES)", tmp_path)


def test_the_closure_is_what_python_loads():
    """The modules that are read from the text against those that an import of the same brings in."""
    modules = [
        "safevla.evaluation.claims", "safevla.evaluation.statistics", "safevla.pipeline.stages", "safevla.report.figures",
        "safevla.report.episode_figures", "safevla.report.results", "safevla.report.style", "safevla.report.tables",
        "safevla.runtime.ranks",  # which `stages` imports where it keeps tables
    ]  # fmt: skip
    script = f"import sys, {', '.join(modules)}\nprint(*(m.__file__ for n, m in sys.modules.items() if n.startswith('safevla')))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    loaded = {path[path.index("src/safevla/") + 12 :] for path in loaded}
    read = {
        name for name in _names("make_figures") if not name.startswith(("evaluation/suites/", "safe_rl/methods/", "tasks/costs/"))
    }
    assert {name for name in loaded if not name.endswith("__init__.py")} == {n for n in read if not n.endswith("__init__.py")}


def test_a_line_is_a_files_digest_and_its_path():
    lines = closure.digests(
        closure.of_notebook(ROOT / "notebooks" / "06_make_figures.ipynb", profiles.raw("laptop"))
    ).splitlines()
    assert len(lines) > 10 and lines == sorted(lines, key=lambda line: line.split("  ")[1])
    for digest, path in (line.split("  ") for line in lines):
        assert digest == hashlib.sha256((ROOT / path).read_bytes()).hexdigest()
