"""Copies are found under any dress; shared phrases are not copies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.deduplicate.conftest import sample_batch, shuffle
from tests.growth.measure import least_s
from tilth.deduplicate import decontaminate
from tilth.value.leakage import GRAM, OVERLAP, row_leaks, text_leaks

WORDS = [f"word{i}" for i in range(400)]
TEST = " ".join(WORDS[:60])


@pytest.mark.parametrize(
    "copy",
    [
        TEST,
        "  " + TEST.upper().replace(" ", ",\n\t") + ".",
        "An introduction. " + TEST + " And what follows, at some length.",
        " ".join(WORDS[:45]) + " and then something else altogether",
    ],
)
def test_copies_are_found(copy: str) -> None:
    leaks = text_leaks([("t", TEST), ("u", "other words")], [("a", "clean text"), ("b", copy)])
    assert [(leak.train_id, leak.test_id) for leak in leaks] == [("b", "t")]
    assert leaks[0].share > 0.5


@pytest.mark.parametrize(
    "other",
    ["", "...", " ".join(WORDS[60:300]), " ".join(WORDS[:30]) + " end", " ".join(WORDS[5:12])],
)
def test_others_are_not(other: str) -> None:
    assert text_leaks([("t", TEST), ("e", "")], [("b", other)]) == []


def test_shared_phrases_do_not_add_up() -> None:
    """Two documents hold a third of the test document each: neither is a copy."""
    training = [("a", " ".join(WORDS[:25])), ("b", " ".join(WORDS[25:50]))]
    assert text_leaks([("t", TEST)], training) == []


def test_short_documents_are_compared_whole() -> None:
    leaks = text_leaks([("t", "Yes, of course!")], [("a", "yes of course"), ("b", "of course")])
    assert [leak.train_id for leak in leaks] == ["a"]


HINDI = " ".join(f"हिन्दी{i} में{i}" for i in range(30))


@pytest.mark.parametrize(
    ("held_out", "training"),
    [
        ("Ölberg Straße ﬁle " + TEST, "ÖLBERG STRASSE FILE " + TEST.upper()),
        (HINDI, "और " + HINDI),
    ],
)
def test_no_script_hides_a_copy(held_out: str, training: str) -> None:
    (leak,) = text_leaks([("t", held_out)], [("a", training)])
    assert leak.share == 1.0


WRITTEN = st.sampled_from(["ä", "Ä", "ß", "SS", "b", "B", "में", "ﬁ", "fi", "c d e f", "G H i J"])


@settings(max_examples=200, deadline=None)
@given(st.lists(WRITTEN, max_size=30), st.lists(WRITTEN, max_size=30), st.integers(0, 20))
def test_decontamination_finds_what_the_gate_refuses(
    held_out: list[str], own: list[str], shared: int
) -> None:
    """The gate's hint is to decontaminate: both count the same n-grams."""
    texts = {"held": " ".join(held_out), "train": "; ".join([*own, *held_out[shared:]])}
    leaks = text_leaks([("held", texts["held"])], [("train", texts["train"])])
    assume(any(char.isalnum() for char in texts["held"]))
    batch = sample_batch(
        [
            {"id": name, "split": split, "text": texts[name]}
            for name, split in (("held", "test"), ("train", "train"))
        ]
    )
    rules = decontaminate.Settings(ngram_words=GRAM, max_overlap=OVERLAP, min_matches=1)
    dropped = shuffle(decontaminate, rules, batch)
    if leaks:
        assert dropped["train"][2] == "held"
        assert float(dropped["train"][1].removeprefix("overlap=")) >= round(leaks[0].share, 2)


def test_equal_rows() -> None:
    rows = np.arange(24, dtype=np.uint8).reshape(6, 2, 2)
    ids = np.arange(6, dtype=np.uint64)
    leaks = row_leaks(rows[:2], ids[:2], rows[1:], ids[1:])
    assert [(leak.train_id[-1], leak.test_id[-1]) for leak in leaks] == [("1", "1")]


def test_many_marks_on_one_letter_take_no_time() -> None:
    long = "e" + "\u0316\u0301" * 50_000
    assert text_leaks([("t", TEST)], [("b", long)]) == []
    assert least_s(lambda: text_leaks([("t", TEST)], [("b", long)]), 2) < 2


BLOCKS = [" ".join(f"b{block}w{i}" for i in range(4 + 3 * block)) for block in range(6)]
DOCUMENTS = st.lists(st.lists(st.sampled_from(BLOCKS), max_size=6).map(" ".join), max_size=8)


def plain(held_out: list[str], training: list[str]) -> list[tuple[str, str, float]]:
    """Every training document against every held-out one."""

    def grams(text: str) -> set[tuple[str, ...]]:
        words = text.split()
        return {tuple(words[i : i + GRAM]) for i in range(len(words) - GRAM + 1)}

    leaks = []
    for row, text in enumerate(training):
        if text and text in held_out:
            leaks.append((str(row), str(held_out.index(text)), 1.0))
            continue
        have = grams(text)
        shares = [len(have & grams(one)) / max(len(grams(one)), 1) for one in held_out]
        best = max(shares, default=0)
        if best > OVERLAP:
            leaks.append((str(row), str(shares.index(best)), round(best, 4)))
    return leaks


def named(texts: list[str]) -> list[tuple[str, str]]:
    return [(str(row), text) for row, text in enumerate(texts)]


@settings(max_examples=300, deadline=None)
@given(DOCUMENTS, DOCUMENTS)
def test_it_equals_its_plain_twin(held_out: list[str], training: list[str]) -> None:
    leaks = text_leaks(named(held_out), named(training))
    found = [(leak.train_id, leak.test_id, leak.share) for leak in leaks]
    assert found == plain(held_out, training)


FORM = " ".join(f"form{i}" for i in range(40))


def of_a_form(name: str, num: int, before: int, after: int) -> list[str]:
    """Documents of one form, with so many words of their own before and after it."""

    def own(i: int, k: int) -> str:
        return " ".join(f"{name}{i}x{k}y{j}" for j in range(k))

    return [f"{own(i, before)} {FORM} {own(i, after)}" for i in range(num)]


def test_a_form_of_many_documents_names_none_of_them() -> None:
    held_out = of_a_form("t", 300, 60, 60)
    training = [*of_a_form("r", 300, 60, 60), held_out[250].replace("t250x60y0 ", "")]
    leaks = text_leaks(named(held_out), named(training))
    assert [(leak.train_id, leak.test_id) for leak in leaks] == [("300", "250")]


def test_what_is_little_more_than_a_form_is_given_away_by_it() -> None:
    held_out = [text for k in range(300, 0, -1) for text in of_a_form(f"t{k}", 1, 0, k)]
    training = of_a_form("r", 200, 3, 3)
    leaks = text_leaks(named(held_out), named(training))
    # The one with least beside the form.
    assert [(leak.test_id, leak.share) for leak in leaks] == [("299", 0.9655)] * 200
