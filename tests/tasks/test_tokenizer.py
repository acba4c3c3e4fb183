from safevla.tasks.tokenizer import MAX_WORDS, tokenize, vocabulary


def test_words():
    assert len(tokenize("find an alarm clock")) == MAX_WORDS
    assert tokenize("find a mug")[:3] == [vocabulary()[w] for w in ("find", "a", "mug")]
    assert tokenize("xyzzy")[0] == 1
