"""Progress: few lines, and no figure without a value."""

from safevla.runtime.progress import Progress


def test_a_figure_without_a_value_is_left_out(capsys):
    progress = Progress("ppo", 100, interval_s=0.0)
    progress.update(50, success=float("nan"), cost=1.25)
    progress.update(100, success=0.5, cost=1.0)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("ppo  50/100 steps") and first.endswith("cost 1.25") and "nan" not in first and "success" not in first
    assert second.endswith("success 0.5  cost 1")


def test_nothing_is_said_twice_within_the_interval(capsys):
    progress = Progress("ppo", 100, interval_s=60.0)
    for done in range(1, 101):
        progress.update(done)
    assert len(capsys.readouterr().out.splitlines()) == 1
