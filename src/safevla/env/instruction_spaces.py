"""Instruction spaces: what an instruction is in an observation of Gymnasium's environments."""

import functools
import string
from collections.abc import Callable, Sequence
from typing import Any

from gymnasium import spaces
from gymnasium.vector.utils import read_from_shared_memory

from safevla.tasks.tokenizer import MAX_WORDS, vocabulary_size


class InstructionText(spaces.Text):
    """Text that processes can share.

    Gymnasium's AsyncVectorEnv has arrays that follow the shared memory, but decodes text once, before there is any.
    """


class _SharedTexts(Sequence[str]):
    """The texts in shared memory, as they are whenever they are looked at. A copy is a tuple of what they are now."""

    def __init__(self, read: Callable[[], tuple[str, ...]]):
        self._read = read

    def __len__(self) -> int:
        return len(self._read())

    def __getitem__(self, index: Any) -> Any:
        return self._read()[index]

    def __deepcopy__(self, memo: dict[int, Any]) -> tuple[str, ...]:
        return self._read()


@read_from_shared_memory.register(InstructionText)
def _read_texts(space: InstructionText, shared_memory: Any, n: int = 1) -> Any:
    read: Callable[..., Any] = read_from_shared_memory.dispatch(spaces.Text)
    return _SharedTexts(functools.partial(read, space, shared_memory, n))


# Many algorithms, Stable-Baselines3's among them, know no text.
INSTRUCTIONS = {
    "text": InstructionText(min_length=1, max_length=128, charset=string.ascii_lowercase + string.digits + " -'"),
    "words": spaces.MultiDiscrete([vocabulary_size()] * MAX_WORDS),  # of `tasks.tokenizer`, padded at the end
}
