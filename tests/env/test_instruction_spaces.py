"""Instruction spaces: what one process writes into the shared memory is what another reads, however late."""

import copy

import pytest
from gymnasium import spaces
from gymnasium.vector.utils import batch_space, create_shared_memory, read_from_shared_memory, write_to_shared_memory

from safevla.env.instruction_spaces import INSTRUCTIONS
from safevla.tasks.tokenizer import tokenize


def test_texts_are_read_from_shared_memory_when_they_are_looked_at():
    space = spaces.Dict({"instruction": INSTRUCTIONS["text"]})
    memory = create_shared_memory(space, n=2)
    seen = read_from_shared_memory(space, memory, n=2)  # once, as AsyncVectorEnv does
    for texts in (("find a mug", "fetch an apple-2"), ("grasp a toaster", "go to a chef's knife")):
        for row, text in enumerate(texts):
            write_to_shared_memory(space, row, {"instruction": text}, memory)
        kept = copy.deepcopy(seen)
        assert kept == {"instruction": texts} and batch_space(space, 2).contains(kept)
        assert len(seen["instruction"]) == 2 and seen["instruction"][1] == texts[1]
    write_to_shared_memory(space, 0, {"instruction": "find a bed"}, memory)
    assert kept["instruction"] == texts and list(seen["instruction"]) == ["find a bed", texts[1]]


@pytest.mark.parametrize("text", ["find a mug", "fetch an alarm clock"])
def test_an_instruction_lies_in_either_space(text):
    assert text in INSTRUCTIONS["text"] and tokenize(text) in INSTRUCTIONS["words"]
