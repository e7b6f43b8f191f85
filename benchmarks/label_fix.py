"""What it is worth to fix wrong labels of texts: AG News, a share of whose labels is made wrong.

Run `python -m benchmarks.label_fix [--data FILE] [--seeds 8] [--wrong 0.2] [--train 3000]`. For
each seed 3,000 texts are drawn to learn from and 3,000 to test on; a fifth of the training labels
is replaced by another class at random. `label_errors` judges them by its own classifier in folds.
Accuracy of the classifier of `tilth.label.classifier` on the test texts, whose labels are right:
after learning from the labels as they are (the control), without the errors that were found, with
the likeliest label in their place, and from the true labels. Paired by seed, Student-t 95 %.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from scipy import stats

from tilth.label import label_errors
from tilth.label.classifier import learn
from tilth.schema import sample_id

DATA = Path(os.environ.get("TILTH_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
Pair = tuple[str, str]


def judged(texts: list[str], labels: list[str], seed: int) -> list[dict[str, Any]]:
    """What `label_errors` says of each label."""
    ids = [sample_id(str(seed), str(n)) for n in range(len(texts))]
    columns = {"id": ids, "text": pa.array(texts, pa.large_string()), "label": labels}
    batch = pa.RecordBatch.from_pydict(columns)
    settings = label_errors.Settings()
    keys = label_errors.keys(batch, settings)
    keys = keys.append_column("shard", pa.array([0] * len(keys), pa.int32()))
    keys = keys.append_column("position", pa.array(range(len(keys)), pa.int64()))
    decisions = label_errors.resolve(label_errors.reduce(keys, settings), settings)
    found: list[dict[str, Any]] = label_errors.apply(batch, decisions, settings).to_pylist()
    return found


def accuracy(train: list[Pair], test: list[Pair], classes: list[str]) -> float:
    """Of a classifier that learnt from some pairs of text and label, on others."""
    codes = [np.array([classes.index(one) for _, one in part]) for part in (train, test)]
    fit = learn([text for text, _ in train], codes[0], len(classes))
    return float((fit.probabilities([text for text, _ in test]).argmax(1) == codes[1]).mean())


def main() -> None:
    """Print each seed, and each way to fix less the control."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--data", type=Path, default=DATA / "ag-news-test" / "test.csv.gz")
    asked.add_argument("--seeds", type=int, default=8)
    asked.add_argument("--wrong", type=float, default=0.2)
    asked.add_argument("--train", type=int, default=3000)
    given = asked.parse_args()
    start = time.process_time()
    with gzip.open(given.data, "rt", encoding="utf-8", newline="") as file:
        pairs = [(" ".join(row[1:]), row[0]) for row in csv.reader(file)]
    classes = sorted({label for _, label in pairs})
    ways: dict[str, list[float]] = {"dropped": [], "replaced": [], "true labels": []}
    for seed in range(given.seeds):
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(pairs))
        train = [pairs[row] for row in order[: given.train].tolist()]
        test = [pairs[row] for row in order[given.train : 2 * given.train].tolist()]
        is_wrong = rng.random(len(train)) < given.wrong
        others = rng.integers(1, len(classes), len(train))
        noisy = [
            classes[(classes.index(label) + other) % len(classes)] if wrong else label
            for (_, label), wrong, other in zip(train, is_wrong, others.tolist(), strict=True)
        ]
        texts = [text for text, _ in train]
        found = judged(texts, noisy, seed)
        called = np.array([row["signal.label_error"] == 1 for row in found])
        likeliest = [row["signal.likeliest_label"] for row in found]
        rows = [*zip(texts, noisy, likeliest, called.tolist(), strict=True)]
        control = accuracy([(text, label) for text, label, _, _ in rows], test, classes)
        fixed = {
            "dropped": [(text, label) for text, label, _, error in rows if not error],
            "replaced": [(text, best if error else label) for text, label, best, error in rows],
            "true labels": train,
        }
        right = int((called & is_wrong).sum())
        told = []
        for name, learnt in fixed.items():
            value = accuracy(learnt, test, classes)
            ways[name].append(100 * (value - control))
            told.append(f"{name} {value:.4f}")
        print(
            f"seed {seed}: {called.sum()} called wrong, precision {right / called.sum():.3f}, "
            f"recall {right / is_wrong.sum():.3f}; as they are {control:.4f}, {', '.join(told)}",
            flush=True,
        )
    for name, values in ways.items():
        reach = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / len(values) ** 0.5
        mean = np.mean(values)
        print(f"{name}: {mean:+.2f} points [{mean - reach:+.2f}, {mean + reach:+.2f}]")
    print(f"{time.process_time() - start:.0f} CPU-s")


if __name__ == "__main__":
    main()
