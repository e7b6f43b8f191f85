"""How near texts are, against sacreBLEU and jiwer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jiwer import cer, wer
from sacrebleu.metrics.chrf import CHRF

from tilth.kernels.edits import edit_distance
from tilth.label.text_distance import chrf, distance, units

WORDS = st.lists(st.sampled_from(["the", "cat", "sat", "on", "Straße", "a", "猫"]), max_size=8)
_CHRF = CHRF()


@given(WORDS, WORDS)
def test_chrf_is_that_of_sacrebleu(first: list[str], second: list[str]) -> None:
    said, reference = " ".join(first), " ".join(second)
    if "".join(first) and "".join(second):
        expected = _CHRF.sentence_score(said, [reference]).score / 100
        assert chrf(said, reference) == pytest.approx(expected, abs=1e-9)


@given(WORDS.filter(bool), WORDS.filter(bool))
def test_edits_are_those_of_jiwer(first: list[str], second: list[str]) -> None:
    said, reference = " ".join(first), "  ".join(second)
    words = units(said, "wer"), units(reference, "wer")
    assert edit_distance(*words) / len(words[1]) == pytest.approx(wer(reference, said))
    letters = units(said, "cer"), units(reference, "cer")
    expected = cer(" ".join(second), said)
    assert edit_distance(*letters) / len(letters[1]) == pytest.approx(expected)


@given(WORDS, WORDS, st.sampled_from(["wer", "cer", "chrf"]))
def test_a_distance_is_the_same_both_ways(first: list[str], second: list[str], metric: str) -> None:
    a, b = " ".join(first), " ".join(second)
    one = distance(a, b, metric)  # type: ignore[arg-type]
    assert one == pytest.approx(distance(b, a, metric))  # type: ignore[arg-type]
    assert -1e-9 <= one <= 1 + 1e-9
    assert distance(a, a, metric) == pytest.approx(0)  # type: ignore[arg-type]
