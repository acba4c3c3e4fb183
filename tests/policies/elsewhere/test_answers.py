"""Answers: what can be used becomes rows, all else is one error that names the policy and what was wrong."""

import numpy as np
import pytest
import torch

from safevla.policies.elsewhere.answers import PolicyError, rows_of, rows_of_batch


@pytest.mark.parametrize(
    ("answer", "space", "rows"),
    [
        (3, "discrete", [[3]]),
        (np.float32(3.0), "discrete", [[3]]),
        ([3, 4], "discrete", [[3], [4]]),
        (torch.tensor([[3], [4]]), "discrete", [[3], [4]]),
        ({"actions": np.array([[19]]), "server_timing": {}}, "discrete", [[19]]),
        ([0.0] * 6 + [1.0], "deltas", [[0, 0, 0, 0, 0, 0, 1]]),
        (np.full((2, 7), 0.5), "deltas", np.full((2, 7), 0.5)),
        ([-np.inf] * 19 + [0.0], "scores", [[-np.inf] * 19 + [0.0]]),
    ],
)
def test_what_can_be_used_becomes_rows(answer, space, rows):
    assert np.array_equal(rows_of(answer, space, "it"), rows)


@pytest.mark.parametrize(
    ("answer", "space", "said"),
    [
        (20, "discrete", "action 20, expected a whole number from 0 to 19"),
        (-1, "discrete", "action -1"),
        (1.5, "discrete", "action 1.5"),
        (float("nan"), "discrete", "NaN"),
        ([], "discrete", r"shape \(0,\), expected one action"),
        (np.zeros((2, 2, 1)), "discrete", r"shape \(2, 2, 1\)"),
        (np.zeros(19), "scores", r"shape \(19,\), expected 20 numbers"),
        (np.full(20, np.nan), "scores", "NaN"),
        (np.full(20, -np.inf), "scores", "none is highest"),
        (np.full(7, np.inf), "deltas", "infinite"),
        (np.zeros((1001, 7)), "deltas", "shape"),
        (None, "discrete", "a NoneType, None, expected numbers"),
        ("left", "discrete", "a str, 'left', expected numbers"),
        (True, "discrete", "a bool"),
        ([[1], [1, 2]], "discrete", "a list that is no array"),
        ({"action": 1}, "discrete", r"a map of \['action'\], and `actions` is not in it"),
        (torch.zeros(20, requires_grad=True), "scores", "a Tensor that is no array"),
    ],
)
def test_what_cannot_be_used_is_an_error_that_says_why(answer, space, said):
    with pytest.raises(PolicyError, match=f"^it: answered with .*{said}"):
        rows_of(answer, space, "it")


def test_a_batch_has_an_answer_for_each_observation():
    assert [rows.tolist() for rows in rows_of_batch(np.array([4, 5]), "discrete", 2, "it")] == [[[4]], [[5]]]
    chunks = rows_of_batch(np.zeros((2, 3, 7)), "deltas", 2, "it")
    assert [rows.shape for rows in chunks] == [(3, 7), (3, 7)]
    with pytest.raises(PolicyError, match=r"shape \(3,\) to 2 observations"):
        rows_of_batch(np.array([4, 5, 6]), "discrete", 2, "it")
