"""What it is worth to choose which samples are labelled: the least sure against a draw.

Run `python -m benchmarks.least_sure [--data DIR] [--seeds 8] [--labels 300] [--round 50]`. On
banking77 (10,003 questions of 77 intents, 3,080 to test on): both arms begin with the same 100
labels at random, and go on by rounds to 300. One takes those of which the classifier of
`tilth.label.classifier` is least sure (the lowest probability of its likeliest class, or with
`--by margin` the smallest lead over the second), the other the next at random. Accuracy on the test
set, paired by seed, with a Student-t 95 % interval of the difference.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import stats

from tilth.label.classifier import learn

DATA = Path(os.environ.get("TILTH_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
FIRST = 100


def read(path: Path) -> tuple[list[str], list[str]]:
    """Texts and labels of a file."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = [*csv.reader(file)][1:]
    return [row[0] for row in rows], [row[1] for row in rows]


def accuracy_of(
    texts: list[str],
    labels: npt.NDArray[np.int64],
    test: tuple[list[str], npt.NDArray[np.int64]],
    seed: int,
    by: str,
    num_labels: int,
    size: int,
) -> float:
    """Of a classifier that learnt from so many labels, chosen by `by`."""
    order = np.random.default_rng(seed).permutation(len(texts))
    chosen = order[:FIRST].tolist()
    num_classes = int(labels.max()) + 1
    while len(chosen) < num_labels:
        wanted = min(size, num_labels - len(chosen))
        left = order[~np.isin(order, chosen)]
        if by != "random":
            fit = learn([texts[row] for row in chosen], labels[chosen], num_classes)
            found = np.sort(fit.probabilities([texts[row] for row in left.tolist()]), 1)
            sure = found[:, -1] - (found[:, -2] if by == "margin" else 0)
            left = left[np.argsort(sure, kind="stable")]
        chosen += left[:wanted].tolist()
    fit = learn([texts[row] for row in chosen], labels[chosen], num_classes)
    return float((fit.probabilities(test[0]).argmax(1) == test[1]).mean())


def main() -> None:
    """Print each seed, the mean of both arms, and the difference with its interval."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--data", type=Path, default=DATA / "banking77")
    asked.add_argument("--seeds", type=int, default=8)
    asked.add_argument("--labels", type=int, default=300)
    asked.add_argument("--round", type=int, default=50)
    asked.add_argument("--by", choices=("sure", "margin"), default="sure")
    given = asked.parse_args()
    start = time.process_time()
    texts, names = read(given.data / "train.csv")
    asked_texts, asked_names = read(given.data / "test.csv")
    code = {name: number for number, name in enumerate(sorted(set(names)))}
    labels = np.array([code[name] for name in names], np.int64)
    test = asked_texts, np.array([code[name] for name in asked_names], np.int64)
    differences = []
    for seed in range(given.seeds):
        both = [
            accuracy_of(texts, labels, test, seed, by, given.labels, given.round)
            for by in ("random", given.by)
        ]
        differences.append(100 * (both[1] - both[0]))
        print(f"seed {seed}: random {both[0]:.4f}, least {given.by} {both[1]:.4f}", flush=True)
    mean, sd = np.mean(differences), np.std(differences, ddof=1)
    reach = stats.t.ppf(0.975, given.seeds - 1) * sd / given.seeds**0.5
    print(
        f"{given.labels} labels, {given.seeds} seeds: least {given.by} less random "
        f"{mean:+.2f} points [{mean - reach:+.2f}, {mean + reach:+.2f}], "
        f"{time.process_time() - start:.0f} CPU-s"
    )


if __name__ == "__main__":
    main()
