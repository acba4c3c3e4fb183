"""The compendium: dvc.yaml, parameters, notebooks, environment and figures fit together."""

import json
import re
import subprocess
import sys
import tomllib

import nbformat
import pytest
import yaml

from safevla.config import profiles
from safevla.pipeline import dvc_files, papermill_driver, run_scripts, stages, strip_outputs
from safevla.runtime import workers
from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="module")
def dvc() -> dict:
    return yaml.safe_load((ROOT / "dvc.yaml").read_text())


def _code(notebook: str) -> str:
    cells = json.loads((ROOT / "notebooks" / f"{notebook}.ipynb").read_text())["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def test_file_order_is_notebook_order_is_dvc_order(dvc):
    numbered = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))
    assert numbered == list(dvc_files.STAGE_NOTEBOOKS.values())
    assert list(dvc["stages"]) == ["strip", *dvc_files.STAGE_NOTEBOOKS]
    assert dvc["stages"]["strip"]["outs"] == [f"build/notebooks/{name}.ipynb" for name in numbered]


@pytest.mark.parametrize("stage", dvc_files.STAGE_NOTEBOOKS)
def test_a_stage_depends_on_exactly_what_it_imports_and_reads(dvc, stage):
    deps = dvc["stages"][stage]["deps"]
    for start, wanted in dvc_files.derived_deps(stage, deps, ROOT, profiles.raw("laptop")).items():
        assert [dep for dep in deps if dep.startswith(start)] == wanted, "run `make deps`"
    assert tuple(dvc["stages"][stage]["params"]) == stages.GROUPS[stage]
    code = _code(dvc_files.STAGE_NOTEBOOKS[stage])
    for key in stages.GROUPS[stage]:
        assert re.search(rf"\bp\.{re.escape(key)}\b", code), f"{key} is declared and not used"
    used = set(re.findall(r"\bp\.([a-z_]+(?:\.[a-z_]+)?)", code))
    for name in used:
        assert any(key == name or key.startswith(name + ".") or name.startswith(key + ".") for key in stages.GROUPS[stage]), name


def test_the_import_closure_is_what_python_loads():
    """The static closure against what a real import of the modules brings in."""
    notebook = ROOT / "notebooks" / "06_make_figures.ipynb"
    static = {path for path in dvc_files.import_closure(ROOT, notebook) if path.endswith(".py")}
    script = (  # `stages` imports `distributed` where it keeps tables
        "import sys, safevla.run, safevla.claims, safevla.distributed, safevla.figures, safevla.records\n"
        "import safevla.stages, safevla.statistics\n"
        "print('\\n'.join(m.__file__ for n, m in sys.modules.items() if n.startswith('safevla') and m.__file__))"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    loaded = {line[line.index("src/safevla") :] for line in loaded if not line.endswith("__init__.py")}
    assert loaded == static


def test_figures_need_neither_torch_nor_the_simulator():
    closure = dvc_files.import_closure(ROOT, ROOT / "notebooks" / "06_make_figures.ipynb")
    assert not [path for path in closure if "/sim/" in path or path.endswith(("policy.py", "env.py"))]
    script = "import sys, safevla.figures, safevla.records, safevla.stages, safevla.statistics; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


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


def test_the_driver_refuses_wrong_parameters_before_it_starts(tmp_path, monkeypatch, capsys):
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text().replace("weight_decay:", "weight_rot:", 1))
    monkeypatch.chdir(tmp_path)
    assert papermill_driver.main(["make_figures", "none.ipynb", "out.ipynb"]) == 2
    assert re.search(r"params\.yaml: imitation\.weight_(decay|rot)", capsys.readouterr().err)


def _notebook(*sources: str) -> dict:
    cells = [
        {"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": None} for source in sources
    ]
    cells[0]["metadata"]["tags"] = ["parameters"]
    return strip_outputs.stripped({"cells": cells})


def test_a_failing_cell_prints_error_cell_and_path_in_three_lines(tmp_path):
    for name in ("params.yaml", "dvc.yaml"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    notebook = tmp_path / "bad.ipynb"
    notebook.write_text(
        strip_outputs.text(_notebook("profile = None\nparams = None", "print('so far')", "raise ValueError('no such house')"))
    )
    command = [
        sys.executable,
        "-m",
        "safevla.pipeline.papermill_driver",
        "make_figures",
        "bad.ipynb",
        "reports/laptop/executed/bad.ipynb",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    lines = done.stderr.strip().splitlines()[-3:]
    assert lines[0] == "ValueError: no such house"
    assert lines[1].startswith("in cell 4 of bad.ipynb") or lines[1].startswith("in cell 3 of bad.ipynb")
    assert lines[2] == "partial notebook: reports/laptop/failed/bad.ipynb"
    assert "so far" in (tmp_path / "reports/laptop/failed/bad.ipynb").read_text()
    assert not (tmp_path / "reports/laptop/executed/bad.ipynb").exists()


def test_opening_running_and_saving_a_notebook_changes_no_stripped_copy(tmp_path):
    source = json.loads((ROOT / "notebooks" / "06_make_figures.ipynb").read_text())
    before = strip_outputs.text(strip_outputs.stripped(source))
    for number, cell in enumerate(source["cells"]):
        cell["id"] = f"random{number}"
        cell["metadata"].setdefault("tags", [])
        cell["metadata"]["execution"] = {"iopub.status.busy": "2026-01-01T00:00:00"}
        cell["source"] = "".join(cell["source"]).splitlines(keepends=True)
        if cell["cell_type"] == "code":
            cell["execution_count"], cell["outputs"] = number, [{"output_type": "stream", "name": "stdout", "text": ["x"]}]
    source["metadata"]["kernelspec"] = {"name": "py39_new", "display_name": "mine", "language": "python"}
    source["metadata"]["language_info"] = {"name": "python", "version": "3.99"}
    assert strip_outputs.text(strip_outputs.stripped(source)) == before
    source["cells"][0]["source"] = ["# changed"]
    assert strip_outputs.text(strip_outputs.stripped(source)) != before


def test_notebooks_hold_no_outputs_and_define_little():
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text())["cells"]
        assert not [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")], path.name
        assert cells[0]["cell_type"] == "markdown" and "".join(cells[0]["source"]).startswith("# "), path.name
        code = _code(path.stem)
        assert len(re.findall(r"^def |^class ", code, re.M)) <= 1, path.name


def _package(requirement: str) -> str:
    """The package that a requirement names, as pip compares names."""
    return re.sub(r"[-_.]+", "-", re.split(r"[=<>!~ ;\[]", requirement)[0].lower())


def test_environment_files_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lock = (ROOT / "requirements.lock").read_text().splitlines()
    locked = {_package(line) for line in lock}
    extras = [name for group in project["optional-dependencies"].values() for name in group]
    for requirement in project["dependencies"] + extras:
        assert _package(requirement) in locked, f"{requirement} is not in requirements.lock"
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    assert f"python{project['requires-python']}" in conda
    pip = next(item["pip"] for item in conda if isinstance(item, dict))
    assert pip == ["--constraint requirements.lock", "--editable .[dev]"]
    assert not [line for line in lock if "://" in line or line.startswith("-")]


def test_package_init_files_are_empty():
    assert all(path.read_text() == "" for path in (ROOT / "src").rglob("__init__.py"))


def test_a_notebook_runs_as_a_script(tmp_path, capsys):
    cells = [["n = 1  # the default\n", "'not printed'; n"], ["double = 2 * n\n", "double"], ["double;\n", "x = 1"]]
    cells += [
        ["import matplotlib.pyplot as plt, pandas as pd\n", "plt.plot([0, 1]);"],
        ["print('said')\n", "pd.DataFrame({'n': [n]})"],
    ]
    given = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# A title")])
    given["cells"] += [nbformat.v4.new_code_cell("".join(source)) for source in cells]
    notebook = tmp_path / "one.ipynb"
    nbformat.write(given, notebook)
    executed = nbformat.from_dict(run_scripts.execute(notebook, {"n": 3}))
    assert capsys.readouterr().out.split()[:3] == ["1", "6", "said"]
    nbformat.validate(executed)
    assert "".join(executed["cells"][2]["source"]) == "n = 3\n"
    kinds = [[output["output_type"] for output in cell["outputs"]] for cell in executed["cells"][1:]]
    assert kinds == [["execute_result"], [], ["execute_result"], [], ["display_data"], ["stream", "execute_result"]]
    assert executed["cells"][3]["outputs"][0]["data"] == {"text/plain": "6"}
    assert "<table" in executed["cells"][6]["outputs"][1]["data"]["text/html"]
    assert run_scripts.main(["smoke", "no_such_stage"]) == 2
    of_stage = run_scripts.runs_of("finetune_safe_rl", {"finetune": {"methods": ["ppo"], "tasks": ["Fetch"]}})
    assert [run_scripts.named("finetune_safe_rl", extra) for extra in of_stage] == ["finetune_safe_rl@ppo-Fetch"]
    assert "unknown stage 'no_such_stage'" in capsys.readouterr().err


def test_workers_give_results_in_the_order_of_the_jobs():
    assert list(workers.run(abs, [-3, 2, -1], 2)) == [3, 2, 1] == list(workers.run(abs, [-3, 2, -1], 1))
