"""Normal form, line ends, control characters, white space."""

from __future__ import annotations

import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.growth.measure import least_s
from tilth.clean import normalize
from tilth.clean.normalize import Settings


def run(texts: list[str | None], given: Settings | None = None) -> pa.RecordBatch:
    batch = pa.RecordBatch.from_pydict({"text": pa.array(texts, pa.large_string())})
    return normalize.apply(batch, given or Settings())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("e\u0301", "é"),
        ("a\r\nb\rc\x85d\u2028e\x0cf", "a\nb\nc\nd\ne\nf"),
        ("a\x00\x07\x1b\x7f\x9f\ufeffb\u00adc", "abc"),
        ("a\u00a0b\u2003c\u3000d", "a b c d"),
        ("a  \t\n\n \n\n\nb", "a\n\nb"),
        ("\n \n  def f():\n    return 1  \n\n", "  def f():\n    return 1"),
        ("ﬁ", "ﬁ"),
        ("👩\u200d👧", "👩\u200d👧"),
    ],
)
def test_one_way_to_write_it(text: str, expected: str) -> None:
    assert run([text])["text"].to_pylist() == [expected]


def test_settings() -> None:
    assert run(["ﬁ"], Settings(form="NFKC"))["text"].to_pylist() == ["fi"]
    assert run(["e\u0301"], Settings(form="none"))["text"].to_pylist() == ["e\u0301"]
    assert run(["a\n\n\nb"], Settings(max_blank_lines=0))["text"].to_pylist() == ["a\nb"]
    assert run(["  a  \t b"], Settings(collapse_spaces=True))["text"].to_pylist() == [" a b"]


def test_nothing_left_is_dropped_and_null_is_not() -> None:
    result = run(["", "\x00 \n", None, "a"])
    assert result["drop.rule"].to_pylist() == ["no-text", "no-text", None, None]
    assert result["text"].to_pylist() == ["", "", None, "a"]


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
@settings(max_examples=200, deadline=None)
def test_normal_text_stays(text: str) -> None:
    once = run([text])["text"]
    assert run(once.to_pylist())["text"] == once


def test_many_marks_on_one_letter_take_no_time() -> None:
    long = "e" + "\u0316\u0301" * 50_000
    found = run([long])["text"].to_pylist()
    assert found == ["é" + "\u0316" * 50_000 + "\u0301" * 49_999]
    assert least_s(lambda: run([long]), 2) < 2


# Letters that compose, marks, Hangul, and what may stand between them and be taken away.
_PIECES = st.sampled_from(
    [
        *("e", "a", "\u0301", "\u0316", "\u1100", "\u1161", "\u11a8", "\x00", "\u00ad", "\ufeff"),
        *(" ", "\n", "\t", "\r", "\u00a0", "\u00a8", "\ufb01", "\u2028", "\x85"),
    ]
)


@given(st.lists(_PIECES, max_size=12).map("".join), st.sampled_from(["NFC", "NFKC"]))
@settings(max_examples=300, deadline=None)
def test_what_comes_out_is_in_the_form_that_was_asked_for(text: str, form: str) -> None:
    given = Settings.model_validate({"form": form})
    once = run([text], given)["text"]
    assert unicodedata.is_normalized(form, once[0].as_py())  # type: ignore[arg-type]
    assert run(once.to_pylist(), given)["text"] == once


def test_an_invisible_character_does_not_keep_a_letter_from_its_mark() -> None:
    assert run(["e\u00ad\u0301"])["text"].to_pylist() == ["é"]
