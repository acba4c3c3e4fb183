"""Style: labels and colours come from the files of what they are of, and need neither torch nor the simulator."""

import os
import subprocess
import sys

import matplotlib
import pandas as pd

from safevla.config.registry import COSTS, METHODS, SUITES
from safevla.report import style


def test_figures_need_neither_torch_nor_the_simulator():
    script = """if True:
        import sys
        from safevla.evaluation import claims, statistics
        from safevla.pipeline import stages
        from safevla.report import episode_figures, figures, results, style, tables
        assert style.method_label("ppo_lagrangian") == "PPO-Lagrangian (SafeVLA)"
        assert style.component_colour("corner") == "#0173b2" and style.suite_label("all") == "all three"
        loaded = {name for name in sys.modules if name == "torch" or name.startswith(("safevla.sim", "safevla.safe_rl"))}
        sys.exit(str(loaded) if loaded else 0)
    """
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr


def test_labels_and_colours_are_those_of_the_files():
    assert style.method_label("ppo_pid_lagrangian") == "PPO-Lagrangian, PID"
    assert style.method_colour("ppo_fixed_penalty") == "#cc78bc"
    assert style.component_label("blind_spot") == "blind spot" and style.suite_label("larger_houses") == "larger houses"


def test_no_two_bars_that_stand_side_by_side_have_one_colour():
    methods = [style.method_colour(name) for name in ("expert", "expert_careful", "imitation", *METHODS.names())]
    costs = [style.component_colour(name) for name in COSTS.names()]
    assert len(set(methods)) == len(methods) and len(set(costs)) == len(costs)


def test_what_no_file_defines_is_called_by_its_name():
    assert style.method_label("theirs") == "theirs" and style.component_label("loud_noise") == "loud noise"
    assert style.suite_label("deep_fog") == "deep fog"
    assert style.method_colour("theirs") == style.component_colour("loud_noise") == "#ca9161"
    assert all(style.suite_label(name) for name in SUITES.names())


def test_methods_stand_in_one_order_everywhere():
    table = pd.DataFrame({"method": ["theirs", "ppo_lagrangian", "another", "expert", "imitation", "ppo"]})
    assert style.methods_in(table) == ["expert", "imitation", "ppo", "ppo_lagrangian", "another", "theirs"]


_DRAW = """
import hashlib, sys, numpy as np, pandas as pd
from pathlib import Path
from safevla.report import style, vision_figures
from matplotlib import pyplot as plt
folder = Path(sys.argv[1])
with style.style():
    figure, ax = plt.subplots()
    ax.plot([1, 2], label="a line")
    ax.legend()
    style.save(figure, folder, "a", 40)
picture = np.zeros((1, 8, 8, 3), np.uint8)
figure = vision_figures.class_maps(picture, np.ones((1, 1, 2, 2)), ["mug"])
with style.style():
    style.save(figure, folder, "b", 40)
print([hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())])
"""


def test_the_users_own_matplotlibrc_changes_no_figure(tmp_path):
    drawn = []
    for number, setting in enumerate(("", "savefig.bbox: tight\nlegend.frameon: False\nlines.linewidth: 9", "text.usetex: True")):
        (tmp_path / "matplotlibrc").write_text(setting)
        command = [sys.executable, "-c", _DRAW, str(tmp_path / str(number))]
        environment = os.environ | {"MATPLOTLIBRC": str(tmp_path), "MPLBACKEND": "agg"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        drawn.append(done.stdout)
    assert drawn[0].count(",") == 3 and len(set(drawn)) == 1


def test_a_notebook_goes_on_showing_figures_after_the_first():
    """An inline backend turns `interactive` on with its first figure, wherever that is drawn."""
    before = matplotlib.is_interactive()
    try:
        matplotlib.interactive(False)
        with style.style():
            matplotlib.interactive(True)
        assert matplotlib.is_interactive() and not matplotlib.rcParams["figure.constrained_layout.use"]
    finally:
        matplotlib.interactive(before)
