"""Answers: what a policy from elsewhere may say to an observation, checked before anything is done with it.

An answer is a row of numbers, or a chunk of H rows that are carried out one after the other. What a row means is the policy's
*action space*:

    discrete   one whole number, an action of `sim.actions.Action`; a scalar counts as a row
    scores     20 numbers, one for each action; the highest is taken, −inf rules an action out
    deltas     7 numbers, see `adapter`

A dict answers by its entry `actions`, as openpi's policies do. A torch tensor on the CPU or a list counts as an array.
"""

from typing import Any

import numpy as np

from safevla.sim.actions import N_ACTIONS

SPACES = {"discrete": 1, "scores": N_ACTIONS, "deltas": 7}  # action space → numbers in a row
MAX_ROWS = 1000  # of a chunk


class PolicyError(RuntimeError):
    """A policy from elsewhere that failed while it played; the message names it and says what was wrong."""


def rows_of(answer: Any, space: str, name: str) -> np.ndarray:
    """A policy's answer to one observation as rows (H, D) float64, D as its action space has it.

    Raises:
        PolicyError: the answer is no such array, has a NaN in it, or names an action that there is not.
    """
    array = _numbers(answer, name)
    width = SPACES[space]
    expected = f"{width} numbers, or a chunk (H, {width})" if width > 1 else "one action, or a chunk (H,) or (H, 1)"
    if width == 1:
        array = array[None, None] if array.ndim == 0 else array[:, None] if array.ndim == 1 else array
    elif array.ndim == 1:
        array = array[None]
    if array.ndim != 2 or array.shape[1] != width or not 1 <= len(array) <= MAX_ROWS:
        raise PolicyError(f"{name}: answered with an array of shape {np.shape(_part(answer, name))}, expected {expected}")
    if np.isnan(array).any():
        raise PolicyError(f"{name}: answered with NaN")
    if space == "discrete" and not (np.isin(array, range(N_ACTIONS))).all():
        wrong = array[~np.isin(array, range(N_ACTIONS))][0]
        raise PolicyError(f"{name}: answered with action {wrong:g}, expected a whole number from 0 to {N_ACTIONS - 1}")
    if space == "scores" and (np.isposinf(array).any() or np.isneginf(array).all(1).any()):
        raise PolicyError(f"{name}: answered with scores of which none is highest: one is infinite, or all rule actions out")
    if space == "deltas" and np.isinf(array).any():
        raise PolicyError(f"{name}: answered with an infinite number")
    return array


def rows_of_batch(answer: Any, space: str, n: int, name: str) -> list[np.ndarray]:
    """A policy's answer to n observations at once, the n first, as `rows_of` each. Raises PolicyError as that does."""
    array = _numbers(answer, name)
    if array.ndim == 0 or len(array) != n:
        raise PolicyError(f"{name}: answered with an array of shape {array.shape} to {n} observations")
    return [rows_of(one, space, name) for one in array]


def _part(answer: Any, name: str) -> Any:
    if not isinstance(answer, dict):
        return answer
    if "actions" not in answer:
        raise PolicyError(f"{name}: answered with a map of {sorted(map(str, answer))[:8]}, and `actions` is not in it")
    return answer["actions"]


def _numbers(answer: Any, name: str) -> np.ndarray:
    part = _part(answer, name)
    try:
        array = np.asarray(part)
    except (ValueError, TypeError, RuntimeError) as error:
        raise PolicyError(f"{name}: answered with a {type(part).__name__} that is no array: {error}") from None
    if array.dtype.kind not in "iuf":
        raise PolicyError(f"{name}: answered with {_shown(part)}, expected numbers")
    return array.astype(np.float64)


def _shown(part: Any) -> str:
    text = repr(part)
    return f"a {type(part).__name__}, {text if len(text) <= 40 else text[:37] + '...'}"
