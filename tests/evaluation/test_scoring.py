"""Scoring: shares are kept as they are finished, so that whoever is killed goes on, with the same rows."""

import pytest

from safevla.config import profiles
from safevla.evaluation import players, scoring, suite
from safevla.policies.elsewhere.answers import PolicyError
from safevla.policies.elsewhere.callables import NoSuchPolicyError
from safevla.tasks.step_costs import PAPER_COSTS

SIZE = (24, 42)


class Ahead:
    """Drives on until it has been asked so often, and fails then."""

    image_size = SIZE

    def __init__(self, asked_at_most: int = 1_000_000):
        self.left = asked_at_most

    def __call__(self, seen):
        self.left -= 1
        return 0 if self.left >= 0 else None


def _play(policy, episodes, parts=None):
    simulator = profiles.load("smoke").simulator
    return scoring.play(players.player(policy), episodes, suite.NONE, simulator, 2, 5, PAPER_COSTS, "t", parts)


def test_whoever_is_stopped_goes_on_where_it_was(some_episodes, tmp_path):
    episodes = some_episodes[:10]  # a share is 8 of them
    whole = _play(Ahead(), episodes)
    with pytest.raises(PolicyError, match="Ahead: answered with a NoneType"):
        _play(Ahead(8 * 5), episodes, tmp_path)
    assert len(list(tmp_path.glob("*.parquet"))) == 1
    late = Ahead()
    assert _play(late, episodes, tmp_path).equals(whole) and 1_000_000 - late.left <= 2 * 5
    again = Ahead()
    assert _play(again, episodes, tmp_path).equals(whole) and again.left == 1_000_000
    others = _play(Ahead(), some_episodes[1:3], tmp_path)
    assert others["episode_id"].tolist() == [episode.id for episode in some_episodes[1:3]]


def test_all_play_the_same_episodes_of_tasks_and_suites(monkeypatch, some_episodes, tmp_path):
    def first(task, n, *rest):
        return [episode for episode in some_episodes if episode.task == task][:n]

    monkeypatch.setattr(scoring, "solvable_episodes", first)
    params = profiles.load("smoke")
    what = scoring.Score(("ObjectNav", "Fetch"), (suite.NONE, "phrasing", "actuation"), (None,), 2, "smoke", params, None, 5, 2)
    rows = scoring.score([lambda task: players.player(Ahead()), lambda task: players.player("expert")], what, tmp_path)
    assert len(rows) == 2 * 3 * 2 * 2 and set(rows["shift"]) == {"none", "phrasing", "actuation"}
    mine, expert = (rows[rows["method"] == name] for name in ("Ahead", "expert"))
    assert mine["episode_id"].tolist() == expert["episode_id"].tolist()
    with pytest.raises(NoSuchPolicyError, match="two policies are called 'expert': give yours another name"):
        scoring.score([lambda task: players.player("expert")] * 2, what)


def test_shipped_policies_are_found_by_task():
    found = scoring.shipped(profiles.root() / "policies" / "paper", "Fetch")
    assert list(found) == ["imitation", "ppo", "ppo_lagrangian"] and found["ppo"].name == "ppo-Fetch-seed-0.safetensors"
