"""Planted contamination is found, boilerplate is not taken for it, and silence is impossible."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tilth.deduplicate import decontaminate
from tilth.deduplicate.decontaminate import Settings
from tilth.errors import DataError

from .conftest import sample_batch, shuffle


def prose(seed: int, words: int) -> str:
    rng = random.Random(seed)
    return " ".join(f"w{rng.randrange(5000)}" for _ in range(words))


def corpus(*samples: tuple[str, str]) -> pa.RecordBatch:
    """Samples from (split, text); ids i0, i1, ... in order."""
    return sample_batch(
        [{"id": f"i{n}", "split": split, "text": text} for n, (split, text) in enumerate(samples)]
    )


def test_a_quoted_passage_is_found_with_its_share() -> None:
    held = prose(1, 112)
    quoted = " ".join([prose(2, 50), *held.split()[:62]])
    batch = corpus(("train", prose(3, 100)), ("train", quoted), ("test", held))
    # 62 words of the passage are 50 13-grams, of 100 in each of the two texts.
    assert shuffle(decontaminate, Settings(), batch, (1, 1)) == {
        "i1": ("contaminated", "overlap=0.50", "i2")
    }
    assert shuffle(decontaminate, Settings(max_overlap=0.5), batch) == {}


def test_a_short_test_item_in_a_long_page_is_found() -> None:
    item = prose(1, 30)
    page = " ".join([prose(2, 1500), item, prose(3, 1500)])
    batch = corpus(("validation", item), ("train", page))
    assert shuffle(decontaminate, Settings(), batch) == {
        "i1": ("contaminated", "overlap=1.00", "i0")
    }


def test_case_and_punctuation_do_not_hide_it() -> None:
    held = prose(1, 40)
    batch = corpus(("test", held), ("train", ", ".join(held.upper().split()) + "!"))
    assert list(shuffle(decontaminate, Settings(), batch)) == ["i1"]


def test_nor_do_upper_case_and_forms_of_other_scripts() -> None:
    held = " ".join(f"Straße{n} Ölberg ﬁn" for n in range(20))
    batch = corpus(("test", held), ("train", held.upper()))
    assert list(shuffle(decontaminate, Settings(), batch)) == ["i1"]


def test_short_texts_are_compared_as_a_whole() -> None:
    batch = corpus(
        ("test", "What is the capital?"), ("train", "what is the capital"), ("train", "what is the")
    )
    assert list(shuffle(decontaminate, Settings(), batch)) == ["i1"]


def test_few_shared_ngrams_are_chance() -> None:
    held = prose(1, 20)
    batch = corpus(("test", held), ("train", held.rsplit(" ", 6)[0] + " " + prose(2, 6)))
    settings = Settings(max_overlap=0.0)
    assert shuffle(decontaminate, settings, batch) == {}
    assert list(shuffle(decontaminate, settings.model_copy(update={"min_matches": 2}), batch)) == [
        "i1"
    ]


def test_header_of_every_page_condemns_nothing() -> None:
    header = prose(0, 40)
    pages = [("test" if n < 20 else "train", f"{header} {prose(n + 1, 40)}") for n in range(60)]
    batch = corpus(*pages)
    assert shuffle(decontaminate, Settings(), batch) == {}
    strict = shuffle(decontaminate, Settings(max_document_frequency=20), batch)
    assert len(strict) == 40


def test_held_out_texts_are_never_marked() -> None:
    held = prose(1, 50)
    batch = corpus(("test", held), ("validation", held), ("train", held))
    assert shuffle(decontaminate, Settings(), batch) == {
        "i2": ("contaminated", "overlap=1.00", "i0")
    }


def test_nothing_held_out_is_an_error() -> None:
    with pytest.raises(DataError, match="no held-out text") as caught:
        shuffle(decontaminate, Settings(), corpus(("train", prose(1, 50))))
    assert "hold_out" in caught.value.hint
    with pytest.raises(DataError, match="no held-out text"):
        shuffle(decontaminate, Settings(), corpus(("test", "..."), ("train", prose(1, 50))))
    with pytest.raises(DataError, match="no held-out text"):
        shuffle(decontaminate, Settings(), sample_batch([{"id": "a", "image": b"x"}]))


def test_only_held_out_is_no_error() -> None:
    assert shuffle(decontaminate, Settings(), corpus(("test", prose(1, 50)))) == {}


@given(st.integers(0, 3), st.lists(st.integers(0, 12), max_size=5), st.randoms())
@hypothesis_settings(max_examples=15, deadline=None)
def test_result_does_not_depend_on_shards_or_arrival(
    seed: int, cut: list[int], rng: random.Random
) -> None:
    made = random.Random(seed)
    passages = [prose(n, 40) for n in range(12)]
    samples = []
    for n in range(24):
        text = " ".join([prose(100 + n, 30), *made.sample(passages, 2)])
        samples.append((made.choice(["train", "train", "test", "validation"]), text))
    batch = corpus(("test", passages[0]), *samples)
    whole = shuffle(decontaminate, Settings(), batch)
    assert whole

    def arrive(items: list[int]) -> list[int]:
        return rng.sample(items, len(items))

    assert shuffle(decontaminate, Settings(), batch, cut, arrive) == whole
