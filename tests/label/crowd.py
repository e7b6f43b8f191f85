"""Real people's answers, as arrays."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Crowd:
    """Answers int64 [a] each, gold int64 [num_items]."""

    items: Integers
    workers: Integers
    labels: Integers
    gold: Integers

    @property
    def num_items(self) -> int:
        """Number of items."""
        return len(self.gold)


def load(folder: Path) -> Crowd:
    """labels.csv (item, worker, label) and gold.csv (item, label), numbered from 1."""
    answers, gold = (
        np.array(list(csv.reader((folder / name).read_text().splitlines()))[1:], np.int64) - 1
        for name in ("labels.csv", "gold.csv")
    )
    return Crowd(answers[:, 0], answers[:, 1], answers[:, 2], gold[np.argsort(gold[:, 0]), 1])
