"""Callables: Python code is found by its name, asked as it wants to be asked, and its failures are errors that name it."""

import os
import time

import numpy as np
import pytest

from safevla.policies.elsewhere.answers import PolicyError
from safevla.policies.elsewhere.callables import CallablePolicy, NoSuchPolicyError, factory_of, names_a_factory

SEEN = {"instruction": "find a mug", "arm": np.zeros(6, np.float32), "step": np.array([0])}


def _policy(one, **options) -> CallablePolicy:
    return CallablePolicy(lambda: one, "it", **options)


def test_a_factory_is_told_from_a_path():
    assert names_a_factory("mine:make") and names_a_factory("a.b:Make.it")
    assert not any(map(names_a_factory, ("policy.safetensors", "ws://host:8000", "C:\\policy", "mine:", ":make", "expert")))


def test_a_factory_is_found_in_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / "my_policy_here.py").write_text("class Make:\n    def __call__(self, seen):\n        return 3\nanswer = 3\n")
    (tmp_path / "my_broken_policy.py").write_text("import no_such_library\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [path for path in __import__("sys").path])
    assert CallablePolicy(factory_of("my_policy_here:Make"), "it").ask([0], [SEEN])[0].tolist() == [[3]]
    for text, said in {
        "my_policy_here:Mine": "my_policy_here has no Mine",
        "my_policy_here:answer": "answer is a int, expected a function",
        "my_broken_policy:make": "importing my_broken_policy failed: ModuleNotFoundError: No module named 'no_such_library'",
        "no_such_module:make": "importing no_such_module failed",
    }.items():
        with pytest.raises(NoSuchPolicyError, match=f"^{text}: {said}"):
            factory_of(text)


def test_a_policy_is_a_function_or_an_object_that_acts_or_infers():
    class Acts:
        def act(self, seen):
            return 1

    class Infers:
        def infer(self, seen):
            return {"actions": [[2]]}

    for one, action in ((lambda seen: 0, 0), (Acts(), 1), (Infers(), 2)):
        assert _policy(one).ask([0, 1], [SEEN, SEEN])[1].tolist() == [[action]]
    with pytest.raises(NoSuchPolicyError, match=r"^it: the policy is a int that cannot be called"):
        _policy(3)


def test_a_batched_policy_gets_all_at_once_and_knows_which_is_which():
    class Batched:
        batched = True
        began = None

        def reset(self, slots):
            self.began = slots

        def __call__(self, seen):
            assert seen["instruction"] == ["find a mug"] * 2 and seen["arm"].shape == (2, 6) and seen["step"].shape == (2, 1)
            return seen["slot"]

    one = Batched()
    policy = _policy(one)
    policy.start([3, 5])
    assert one.began == [3, 5]
    assert [rows.tolist() for rows in policy.ask([3, 5], [SEEN, SEEN])] == [[[3]], [[5]]]


def test_a_policy_with_a_memory_is_made_once_for_each_episode_side_by_side():
    class Counts:
        def reset(self):
            self.n = -1

        def __call__(self, seen):
            self.n += 1
            return self.n

    policy = CallablePolicy(Counts, "it")
    policy.start([0, 1])
    policy.ask([0], [SEEN])
    assert [rows.tolist() for rows in policy.ask([0, 1], [SEEN, SEEN])] == [[[1]], [[0]]]
    policy.start([0])
    assert [rows.tolist() for rows in policy.ask([0, 1], [SEEN, SEEN])] == [[[0]], [[1]]]


def test_what_fails_or_hangs_is_an_error_that_names_the_policy():
    for fault, said in ((ValueError("no\nway"), "ValueError: no way"), (SystemExit(3), "SystemExit: 3")):

        def fails(seen, fault=fault):
            raise fault

        with pytest.raises(PolicyError, match=f"^it: failed: {said}"):
            _policy(fails).ask([0], [SEEN])
    began = time.monotonic()
    with pytest.raises(PolicyError, match=r"^it: gave no answer within 0.1 s"):
        _policy(lambda seen: time.sleep(3), timeout_s=0.1).ask([0], [SEEN])
    assert time.monotonic() - began < 2.0
    with pytest.raises(PolicyError, match=r"^it: answered with NaN"):
        _policy(lambda seen: np.nan).ask([0], [SEEN])


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"action_space": "joints"}, "action_space is 'joints'; the action spaces are discrete, scores, deltas"),
        ({"image_size": 224}, r"image_size is 224, expected \(height, width\)"),
        ({"image_size": (0, 5)}, "image_size"),
        ({"execute": 0}, "execute is 0"),
    ],
)
def test_attributes_that_make_no_sense_are_refused(attributes, said):
    def policy(seen):
        return 0

    vars(policy).update(attributes)
    with pytest.raises(NoSuchPolicyError, match=f"^it: {said}"):
        _policy(policy)


def test_a_factory_that_fails_says_so():
    with pytest.raises(NoSuchPolicyError, match=r"^it: making the policy failed: KeyError: 'NO_SUCH_VARIABLE'"):
        CallablePolicy(lambda: os.environ["NO_SUCH_VARIABLE"], "it")
