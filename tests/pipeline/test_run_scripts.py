import nbformat

from safevla.pipeline import run_scripts


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
