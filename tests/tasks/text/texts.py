"""Short labelled texts whose class a word tells, and a data set of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests.training.samples import write_dataset
from tilth.schema import sample_id

KEYS = {"card": "where is my card", "money": "send money abroad", "pin": "forgot the pin code"}


def labelled_rows(count: int) -> list[dict[str, Any]]:
    """Texts of the classes in turn; the last fifth is the test split."""
    generator = np.random.default_rng(0)
    rows = []
    for number in range(count):
        label = list(KEYS)[number % len(KEYS)]
        words = [*KEYS[label].split(), *generator.choice(["please", "now", "I", "the", "how"], 4)]
        generator.shuffle(words)
        rows.append(
            {
                "id": sample_id("labelled", str(number)),
                "source": "a",
                "text": " ".join(words),
                "label": label,
                "split": "test" if number >= 0.8 * count else "train",
            }
        )
    return rows


def labelled_dataset(folder: Path, count: int = 90) -> Path:
    """A data set of `labelled_rows`."""
    return write_dataset(folder, labelled_rows(count))
