"""Gold is hidden part by part, and what comes of it makes the confidence of every item."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from tilth.label.answers import Answers, encode
from tilth.label.decide import decide, on_gold

NUM_GOLD, NUM = 20, 50


def test_gold_is_hidden_a_fifth_at_a_time_and_its_curve_is_that_of_all() -> None:
    answers = encode(
        [["ann"]] * NUM, [["ab"[n % 2]] for n in range(NUM)], ["a"] * NUM_GOLD + [None] * 30
    )
    hidden: list[list[int]] = []

    def take(given: Answers) -> Any:
        hidden.append([n for n in range(NUM_GOLD) if given.known[n] == -1])
        said = np.zeros(NUM, np.int64)
        said[given.items] = given.labels
        return np.where(given.known >= 0, given.known, said), np.full(NUM, 0.9)

    gold = on_gold(answers, take, learns=True)
    assert gold is not None
    assert [len(part) for part in hidden] == [NUM_GOLD // 5] * 5
    assert Counter(n for part in hidden for n in part) == dict.fromkeys(range(NUM_GOLD), 1)
    # Where it is hidden half of it comes out right, whatever is known of it otherwise.
    assert gold.is_right.mean() == 0.5
    found = decide(answers, take, learns=True)
    assert np.array_equal(found.confidence, gold.calibration.of(np.full(NUM, 0.9)))
    assert found.confidence.max() < 0.8
