"""Exact copies: who stays, who goes, whatever the cut into shards."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.shuffles import run_shuffle
from tilth.deduplicate import exact
from tilth.deduplicate.exact import Settings
from tilth.errors import DataError

from .conftest import sample_batch, shards_of, shuffle


def test_earliest_copy_stays() -> None:
    batch = sample_batch([{"id": i, "text": t} for i, t in zip("abcd", "xyxx", strict=True)])
    assert shuffle(exact, Settings(), batch, (1, 1)) == {
        "c": ("exact-duplicate", "copies=3", "a"),
        "d": ("exact-duplicate", "copies=3", "a"),
    }


def test_held_out_copy_stays() -> None:
    rows = [("a", "train"), ("b", None), ("c", "validation"), ("d", "test"), ("e", "test")]
    batch = sample_batch([{"id": i, "text": "x", "split": s} for i, s in rows])
    dropped = shuffle(exact, Settings(), batch, (2,))
    assert sorted(dropped) == ["a", "b", "c", "e"]
    assert {of for _, _, of in dropped.values()} == {"d"}


def test_normalization_is_as_asked() -> None:
    batch = sample_batch([{"id": "a", "text": "One  two\n"}, {"id": "b", "text": "one two"}])
    assert list(shuffle(exact, Settings(ignore_case=True), batch)) == ["b"]
    assert shuffle(exact, Settings(), batch) == {}
    assert shuffle(exact, Settings(ignore_case=True, ignore_whitespace=False), batch) == {}
    # Not each letter by itself: capitals have no sharp s.
    batch = sample_batch([{"id": "a", "text": "Straße"}, {"id": "b", "text": "STRASSE"}])
    assert list(shuffle(exact, Settings(ignore_case=True), batch)) == ["b"]


def test_texts_that_unicode_calls_equal_are_copies() -> None:
    """Composed or not, and of capitals in any script where case is ignored."""
    pairs = [("caf\u00e9", "cafe\u0301"), ("각", "\u1100\u1161\u11a8"), ("й", "и\u0306")]
    for one, other in pairs:
        batch = sample_batch([{"id": "a", "text": one}, {"id": "b", "text": other}])
        assert list(shuffle(exact, Settings(), batch)) == ["b"]
    texts = ["Ёж и ΐ, Straße", "ЁЖ И Ϊ́, STRASSE", "ЕЖ И Ϊ́, STRASSE"]
    batch = sample_batch([{"id": id, "text": text} for id, text in zip("abc", texts, strict=True)])
    assert list(shuffle(exact, Settings(ignore_case=True), batch)) == ["b"]
    assert shuffle(exact, Settings(), batch) == {}


def test_images_and_missing_payloads() -> None:
    rows = [("a", b"\x89P"), ("b", None), ("c", b"\x89P"), ("d", None)]
    batch = sample_batch([{"id": i, "image": image} for i, image in rows])
    assert list(shuffle(exact, Settings(of="image"), batch, (1, 1))) == ["c"]


def test_a_payload_that_no_sample_has_is_an_error_and_not_silence() -> None:
    batch = sample_batch([{"id": "a", "text": "x"}])
    with pytest.raises(DataError, match="no sample has `audio`"):
        shuffle(exact, Settings(of="audio"), batch)
    assert shuffle(exact, Settings(), batch.slice(0, 0)) == {}


@pytest.mark.parametrize("cut", [(), (1,), (1, 1), (2,), (3,)])
def test_of_records_with_one_id_the_first_stays(cut: tuple[int, ...]) -> None:
    """As a file has it whose records bring ids of their own and stand there several times."""
    batch = sample_batch([{"id": name, "text": "x" + name} for name in "abaca"])
    outs = run_shuffle(exact, Settings(), shards_of(batch, cut))
    assert [row.get("drop.of") for out in outs for row in out.to_pylist()] == [
        *(None, None, "a", None, "a")
    ]


@given(
    st.lists(
        st.tuples(st.sampled_from("xyz"), st.sampled_from(["train", "test", None])), max_size=12
    ),
    st.lists(st.integers(0, 5), max_size=4),
    st.randoms(use_true_random=False),
)
@hypothesis_settings(max_examples=40, deadline=None)
def test_one_copy_of_each_stays_for_any_cut(
    samples: list[tuple[str, str | None]], cut: list[int], rng: random.Random
) -> None:
    batch = sample_batch(
        [{"id": f"i{n}", "text": text, "split": s} for n, (text, s) in enumerate(samples)]
        or [{"id": "only", "text": "x"}]
    )

    def arrive(items: list[int]) -> list[int]:
        return rng.sample(items, len(items))

    dropped = shuffle(exact, Settings(), batch, cut, arrive)
    assert dropped == shuffle(exact, Settings(), batch)
    stay = [text for n, (text, _) in enumerate(samples) if f"i{n}" not in dropped]
    assert sorted(stay) == sorted({text for text, _ in samples})


@pytest.mark.parametrize("given", [{"ignore_case": True}, {"ignore_whitespace": False}])
def test_what_is_about_texts_is_refused_of_images(given: dict[str, bool]) -> None:
    Settings.model_validate(given)
    with pytest.raises(ValidationError, match="is about texts, and `of` is image"):
        Settings.model_validate({"of": "image", **given})
