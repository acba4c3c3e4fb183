"""Garbled: an instruction with spelling mistakes, as in the paper; "fnid a muug" for "find a mug"."""

import random

from safevla.tasks.episodes import Episode
from safevla.tasks.tokenizer import vocabulary

LABEL = "garbled"

SHARE = 0.6  # of the words of three letters or more
# on a keyboard
_NEIGHBOURS = {
    "a": "sq", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj", "i": "uo", "j": "hk", "k": "jl",
    "l": "k", "m": "n", "n": "bm", "o": "ip", "p": "o", "q": "wa", "r": "et", "s": "ad", "t": "ry", "u": "yi", "v": "cb",
    "w": "qe", "x": "zc", "y": "tu", "z": "x",
}  # fmt: skip


def edit(episode: Episode, rng: random.Random) -> Episode:
    """The episode with mistakes in some of the instruction's words, one each, and in one word at least."""
    words = episode.instruction.split()
    long = [i for i, word in enumerate(words) if len(word) > 2]
    for i in [i for i in long if rng.random() < SHARE] or [rng.choice(long)]:
        words[i] = _misspelt(words[i], rng)
    return episode.changed(instruction=" ".join(words))


def _misspelt(word: str, rng: random.Random) -> str:
    """The word with two letters exchanged, one left out, one doubled, or one replaced by its neighbour on a keyboard.

    It keeps its first letter, and is no word that training uses.
    """
    found = word
    while found == word or found in vocabulary():
        at = rng.randrange(1, len(word))
        before, letter, after = word[:at], word[at], word[at + 1 :]
        typed = before + rng.choice(_NEIGHBOURS.get(letter, "e")) + after
        found = rng.choice((before + after[:1] + letter + after[1:], before + after, before + 2 * letter + after, typed))
    return found
