"""Diversity: against libraries, and plain lines from the papers."""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.feature_extraction.text import CountVectorizer

from tilth.mix import diversity

WORDS = [f"word{number}" for number in range(3000)]
TEXTS = st.lists(
    st.lists(
        st.sampled_from(["a", "B", "b", "straße", "STRASSE", "ἄλφα", "-", "王"]), max_size=9
    ).map(" ".join),
    max_size=12,
)


def text(seed: int, num_words: int = 100) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=num_words))


@given(st.integers(1, 20), st.floats(0.1, 9))
def test_equal_groups_count_as_many_as_they_are(num: int, size: float) -> None:
    found = diversity.effective_numbers([size] * num + [0.0])
    assert found == pytest.approx({"groups": num, "entropy": num, "simpson": num})


@given(st.lists(st.floats(0, 1e6) | st.just(0.0), max_size=8))
@example([])
@example([0.0])
def test_effective_numbers_are_those_of_scipy(amounts: list[float]) -> None:
    found = diversity.effective_numbers(amounts)
    if not sum(amounts) > 0:
        assert found == {"groups": 0, "entropy": 0, "simpson": 0}
        return
    shares = np.array(amounts) / sum(amounts)
    assert found["groups"] == sum(amount > 0 for amount in amounts)
    assert found["entropy"] == pytest.approx(math.exp(stats.entropy(shares)))
    assert found["simpson"] == pytest.approx(1 / (shares**2).sum())


def test_words_by_hand() -> None:
    found = diversity.word_figures(["A b a b", "a b"], 100)
    assert found == pytest.approx(
        {
            "words": 6,
            "texts": 2,
            "entropy_bits": 1.0,
            "distinct_1": 2 / 6,
            "distinct_2": 2 / 4,
            "distinct_3": 2 / 2,
        }
    )
    assert diversity.word_figures(["one two three four"], 3) == pytest.approx(
        {"words": 3, "texts": 1, "entropy_bits": math.log2(3)}
        | dict.fromkeys(("distinct_1", "distinct_2", "distinct_3"), 1.0)
    )
    assert diversity.word_figures(["", "..."], 3) is None
    assert diversity.word_figures(["same"] * 4, 9) == {
        "words": 4,
        "texts": 4,
        "entropy_bits": 0,
        "distinct_1": 0.25,
    }


@settings(max_examples=50)
@given(TEXTS, st.integers(1, 40))
def test_figures_of_words_are_those_of_plain_lines(texts: list[str], most: int) -> None:
    left, cut = most, []
    for one in texts:
        cut.append([word.casefold() for word in re.findall(r"\w+", one)][:left])
        left -= len(cut[-1])
    words = [word for text in cut for word in text]
    found = diversity.word_figures(texts, most)
    if not words:
        assert found is None
        return
    counts = list(Counter(words).values())
    expected = {
        "words": len(words),
        "texts": sum(map(bool, cut)),
        "entropy_bits": stats.entropy(counts, base=2),
    }
    for n in (1, 2, 3):
        if grams := [
            gram for text in cut for gram in zip(*(text[i:] for i in range(n)), strict=False)
        ]:
            expected[f"distinct_{n}"] = len(set(grams)) / len(grams)
    assert found == pytest.approx(expected)


def vendi_of(similarity: np.ndarray) -> float:
    """Friedman and Dieng 2023, definition 3.1."""
    values = np.linalg.eigvalsh(similarity / len(similarity))
    return float(np.exp(stats.entropy(np.clip(values, 0, None))))


@settings(max_examples=60)
@given(TEXTS)
@example(["王 a", "a", ""] * 9)
@example([f"common {number} " + "b " * number for number in range(40)])
def test_the_vendi_score_is_that_of_its_definition(texts: list[str]) -> None:
    if not texts:
        assert diversity.vendi_score(texts) is None
        return
    # What has no word is alike.
    spoken = [one if re.search(r"\w", one) else "nothing_at_all" for one in texts]
    count = CountVectorizer(token_pattern=r"\w+", lowercase=False, preprocessor=str.casefold)
    vectors = np.sqrt(count.fit_transform(spoken).toarray())
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert diversity.vendi_score(texts) == pytest.approx(vendi_of(vectors @ vectors.T))


@pytest.mark.parametrize("num", [1, 2, 20, 100, 300])
def test_texts_that_share_no_word_count_one_each(num: int) -> None:
    texts = [" ".join(f"t{row}w{word}" for word in range(60)) for row in range(num)]
    assert diversity.vendi_score(texts) == pytest.approx(num)
    if num <= 100:
        assert diversity.vendi_score([*texts, *texts]) == pytest.approx(num)
        assert diversity.vendi_score([texts[0]] * num) == pytest.approx(1)


def test_where_no_blanks_stand_between_words_characters_are_compared() -> None:
    near, far = "我昨天在北京买了三本书", "狗叫"
    changed = near.replace("三", "五")
    assert (diversity.vendi_score([near, changed]) or 0) < 1.4
    assert diversity.vendi_score([near, far]) == pytest.approx(2)
    found = diversity.word_figures(["我爱你 我爱你们"], 10)
    assert found
    assert (found["words"], found["distinct_1"]) == (7, 4 / 7)


def jaccard(one: str, other: str) -> float:
    sets = []
    for text in (one, other):
        words = [word.casefold() for word in re.findall(r"\w+", text)]
        width = min(5, len(words))
        sets.append({tuple(words[i : i + width]) for i in range(len(words) - width + 1) if words})
    union = sets[0] | sets[1]
    return len(sets[0] & sets[1]) / len(union) if union else 0.0


@settings(max_examples=50)
@given(TEXTS, st.sampled_from([0.2, 0.5, 0.8, 1.0]))
@example(["a b c d e f g"] * 3 + ["a b c d e f"], 0.5)
def test_near_duplicates_are_those_of_plain_lines(texts: list[str], threshold: float) -> None:
    expected = [
        any(
            one != other and jaccard(texts[one], texts[other]) >= threshold
            for other in range(len(texts))
        )
        for one in range(len(texts))
    ]
    assert diversity.near_duplicates(texts, threshold).tolist() == expected


def test_near_duplicates_are_found_at_their_threshold_and_not_below() -> None:
    """100 runs of words in both, and 25 or 26 more in one of them."""
    texts = []
    for seed in range(100):
        more = [f"n{number}" for number in range(25 + seed % 2)]
        texts += [text(seed, 104), " ".join([text(seed, 104), *more])]
    similar = diversity.near_duplicates(texts, 0.8)
    assert similar.tolist() == [True, True, False, False] * 50


def test_shares() -> None:
    assert diversity.shares_of({"a": 1.0, None: 3.0}) == {"a": 0.25, None: 0.75}
    assert diversity.shares_of({"a": 0.0}) == {"a": 0.0}


def test_the_interval_is_that_of_student_and_no_certainty_where_samples_agree() -> None:
    values = [3.0, 5.0, 4.5, 4.0]
    ends = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert diversity.over_samples(values, 0, 0, 9) == pytest.approx(
        {"value": 4.125, "low": ends[0], "high": ends[1]}, abs=1e-4
    )
    for num in range(2, 9):
        assert diversity._T[num - 2] == pytest.approx(stats.t.ppf(0.975, num - 1), abs=1e-4)
    assert diversity.over_samples([1.0] * 8, 0.08, 1, 50) == {
        "value": 1.0,
        "low": 1.0,
        "high": 1.03,
    }


@pytest.mark.parametrize("base", [["same words"] * 40, [text(seed, 20) for seed in range(40)]])
def test_no_text_changes_a_figure_by_more_than_is_said(base: list[str]) -> None:
    """Of 40 texts, one is put in place of another: a new one, or a copy of the second."""
    of_words = diversity.word_figures(base, 10_000)
    score = diversity.vendi_score(base)
    assert of_words
    assert score
    for other in ("quite other words " * 7, base[1], " ".join(f"n{i}" for i in range(20))):
        changed = [other, *base[1:]]
        now = diversity.word_figures(changed, 10_000)
        assert now
        step = diversity.step_of_score(score, 40)
        assert abs((diversity.vendi_score(changed) or 0) - score) <= step
        if len(other.split()) > 25:
            continue
        bits = of_words["entropy_bits"]
        step = diversity.step_of_entropy(bits, 1 / 4, of_words["words"])
        assert abs(now["entropy_bits"] - bits) <= step
    assert diversity.step_of_entropy(3, 1, 8) == 3


def covered(figures: np.ndarray, step: Callable[[float], float], most: float) -> float:
    """The share of intervals, of eight samples each, that hold the mean of all."""
    truth, held = figures.mean(), 0
    for eight in figures.reshape(-1, 8).tolist():
        found: Any = diversity.over_samples(eight, max(map(step, eight)), 0, most)
        held += found["low"] - 1e-6 <= truth <= found["high"] + 1e-6
    return held / (len(figures) / 8)


KINDS = {
    "one": lambda rare: [0] * (20_000 - rare) + list(range(1, rare + 1)),
    "pairs": lambda rare: list(range(20_000 - rare)) + list(range(rare)),
    "two": lambda rare: [0] * (20_000 - rare) + [1] * rare,
}


@pytest.mark.slow
@pytest.mark.parametrize("num_texts", [50, 500])
@pytest.mark.parametrize("rare", [2, 60, 200, 1000])
@pytest.mark.parametrize("kind", KINDS)
def test_the_interval_covers(kind: str, rare: int, num_texts: int) -> None:
    """2,000 times, eight samples of 20,000 texts that are equal or share no word.

    Rare ones are in none of the samples, or in one or two: Student's t alone covers 1 to 90 %.
    """
    rng = np.random.default_rng(rare)
    texts = np.array(KINDS[kind](rare))
    scores, distinct = [], []
    for _ in range(16_000):
        # Without replacement, as an epoch draws them.
        times = np.bincount(texts[rng.choice(len(texts), num_texts, replace=False, shuffle=False)])
        part = times[times > 0] / num_texts
        scores.append(math.exp(-(part * np.log(part)).sum()))
        distinct.append(len(part) / num_texts)
    of_score = partial(diversity.step_of_score, num_texts=num_texts)
    assert covered(np.array(scores), lambda score: of_score(max(score, 1)), num_texts) >= 0.94
    assert covered(np.array(distinct), lambda _: 1 / num_texts, 1) >= 0.94


@pytest.mark.slow
def test_the_interval_covers_of_real_texts(shared_data: Path) -> None:
    """2,000 times, eight samples of 30 messages; of the words 500 times."""
    lines = (shared_data / "sms-spam" / "sms.tsv").read_text("utf-8").splitlines()
    texts = [line.partition("\t")[2] for line in lines[:2000]]
    similar = diversity._similarity(texts)
    rng = np.random.default_rng(2)
    scores: list[float] = []
    bits: list[float] = []
    for _ in range(16_000):
        chosen = rng.choice(len(texts), 30, replace=False, shuffle=False)
        values = np.linalg.eigvalsh(similar[np.ix_(chosen, chosen)] / 30)
        scores.append(math.exp(stats.entropy(np.clip(values, 0, None))))
        if len(bits) < 4000:
            found = diversity.word_figures([texts[row] for row in chosen], 300)
            assert found
            bits.append(found["entropy_bits"])
    assert covered(np.array(scores), partial(diversity.step_of_score, num_texts=30), 30) >= 0.94
    step = partial(diversity.step_of_entropy, part=1 / 30, words=300)
    assert covered(np.array(bits), step, 10) >= 0.94
