"""Tokenizer: words have ids that no task added later changes."""

from safevla.tasks.tokenizer import MAX_WORDS, UNKNOWN, tokenize, vocabulary, vocabulary_size, words_beyond


def test_words():
    assert len(tokenize("find an alarm clock")) == MAX_WORDS
    assert tokenize("find a mug")[:3] == [vocabulary()[w] for w in ("find", "a", "mug")]
    assert tokenize("xyzzy")[0] == 1


def test_a_task_that_is_added_changes_no_id_of_a_word(extend):
    before = vocabulary()
    vocabulary.cache_clear()
    extend({"tasks/polish.py": 'PUBLIC_NAME, PHRASES = "Polish", ("polish {a} thoroughly", "find and polish {a}")\n'})
    assert vocabulary() == before and "polish" not in before


def test_words_beyond_the_vocabulary_stand_behind_it():
    more = words_beyond(["Polish a mug thoroughly", "find a mug and polish it"])
    assert more == ("it", "polish", "thoroughly")
    assert vocabulary_size(more) == vocabulary_size() + 3
    assert {word: index for word, index in vocabulary(more).items() if word not in more} == vocabulary()
    assert tokenize("polish a mug") == [UNKNOWN, *tokenize("a mug")][:MAX_WORDS]
    assert len(set(tokenize("polish it thoroughly", more))) == 4  # and padding
    assert tokenize("find a mug", more) == tokenize("find a mug")
