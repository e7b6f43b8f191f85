"""How well wrong labels are found: CIFAR-10N, whose labels people gave and whose truth is known.

Run `python -m benchmarks.label_noise [--data DIR] [--work DIR] [--epochs 4] [--limit N]`. The
labels are `random_label1` of CIFAR-10N (17.2 % wrong). A small residual network is trained three
times on two thirds of the 50,000 pictures and asked about the last third (`cross_validate`), and
`label_errors` judges by these predictions. Printed are the accuracy of the predictions, the
precision among so many pictures of the lowest label quality as there are true errors, precision and
recall of what is called an error, and the processor's seconds of the trainings. Work that was
stopped goes on.
"""

from __future__ import annotations

import argparse
import csv
import os
import resource
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

import tilth
from tilth.pretrain.ask import answers, options_for, read_model
from tilth.query.predict import MODEL, model_step
from tilth.query.runs import open_run
from tilth.recipe.load import parse_recipe

DATA = Path(os.environ.get("TILTH_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
FOLDS = 3
# In alphabetical order, as CIFAR-10 numbers them.
CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def write_data(data: Path, work: Path, limit: int | None) -> list[tuple[str, str, str]]:
    """Pictures into a folder, and the table beside it: file, given label, fold; with the truth."""
    noisy = np.load(data / "cifar-10-labels" / "cifar10n-train-labels.npz")
    clean, given = noisy["clean_label"], noisy["random_label1"]
    seen = [0] * len(CLASSES)
    rows = []
    for place, (true, said) in enumerate(zip(clean.tolist(), given.tolist(), strict=True)):
        # A file's number is its place among its class, in the original order.
        rows.append((f"train/{CLASSES[true]}/{seen[true]:04d}.jpg", CLASSES[said], CLASSES[true]))
        seen[true] += 1
        if limit is not None and place + 1 >= limit:
            break
    wanted = {name for name, _, _ in rows}
    if not all((work / name).is_file() for name in wanted):
        with tarfile.open(data / "cifar-10-jpeg" / "cifar-10-jpeg.tar.xz") as archive:
            members = (one for one in archive if one.name.removeprefix("./") in wanted)
            archive.extractall(work, members, filter="data")
    with open(work / "labels.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("file", "label", "fold"))
        table.writerows((name, said, n % FOLDS) for n, (name, said, _) in enumerate(rows))
    return rows


def cpu_s() -> float:
    """Seconds of the processor, those of processes that have ended too."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, kinds))


def recipe(work: Path, name: str, **stages: Any) -> Any:
    """Of the pictures with their given labels."""
    fields = {"label": "label", "subject": "fold"}
    join = {"path": str(work / "labels.csv"), "key": "file", "fields": fields, "missing": "drop"}
    folder = {"path": str(work / "train"), "labels": "none", "join": join}
    tree = {"tilth": 1, "name": name, "collect": {"pictures": {"image_folder": folder}}, **stages}
    return parse_recipe(yaml.safe_dump(tree))


def main() -> None:
    """Train, ask, judge, print."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--data", type=Path, default=DATA)
    asked.add_argument("--work", type=Path, default=Path("label-noise"))
    asked.add_argument("--epochs", type=int, default=4)
    asked.add_argument("--limit", type=int)
    asked.add_argument("--widths", type=int, nargs=3, default=(16, 64, 128))
    given = asked.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    rows = write_data(given.data, given.work, given.limit)
    training = {
        "task": "image-classification",
        "model": {
            "kind": "resnet",
            "widths": [*given.widths],
            "blocks": [1, 1, 1],
            "stem_width": 16,
            "norm_momentum": 0.4,
            "logit_scale": 0.125,
        },
        "cross_validate": "subject",
        "data": {"validation_share": 0},
        "objective": {"label_smoothing": 0.1},
        "optimizer": {
            "kind": "muon",
            "learning_rate": 0.15,
            "momentum": 0.6,
            "adam_share": 0.07,
            "schedule": "one-cycle",
        },
        "loop": {"batch_size": 256, "epochs": given.epochs, "precision": "auto"},
    }
    runs = given.work / "runs"
    start = cpu_s()
    folds = recipe(given.work, "folds", seed=0, threads=1, augment=["flip"], pretrain=training)
    trained = tilth.run(folds, runs=runs)
    folder = model_step(open_run("folds", runs)).folder / MODEL
    fold_of = {str(given.work / name): n % FOLDS for n, (name, _, _) in enumerate(rows)}
    ids = {
        row["uri"]: row["id"]
        for batch in trained.dataset("collect.pictures").batches(["id", "uri"])
        for row in batch.to_pylist()
    }
    found: dict[str, list[Any]] = {"id": [], **{name: [] for name in CLASSES}}
    for fold in range(FOLDS):
        model = read_model(folder if fold == 0 else folder / f"without-{fold}", "folds")
        names = [name for name, of in fold_of.items() if of == fold]
        options = options_for(model, {"batch_size": 250})
        parts = (names[n : n + 250] for n in range(0, len(names), 250))
        for answer in answers(model, parts, options):
            assert answer.result is not None
            found["id"].append(ids[answer.input])
            for name in CLASSES:
                found[name].append((answer.result.scores or {}).get(name, 0.0))
    pq.write_table(pa.table(found), given.work / "predictions.parquet")
    judge = {"label_errors": {"predictions": str(given.work / "predictions.parquet")}}
    done = tilth.run(recipe(given.work, "judged", label=[judge]), runs=runs)
    truth = {ids[str(given.work / name)]: true for name, _, true in rows}
    columns = ["id", "label", *(f"signal.{one}" for one in ("label_quality", "label_error"))]
    columns.append("signal.likeliest_label")
    judged = [
        row
        for batch in done.dataset("label.label_errors").batches(columns)
        for row in batch.to_pylist()
    ]
    wrong = {row["id"] for row in judged if row["label"] != truth[row["id"]]}
    judged.sort(key=lambda row: (row["signal.label_quality"], row["id"]))
    first = {row["id"] for row in judged[: len(wrong)]}
    called = {row["id"] for row in judged if row["signal.label_error"] == 1}
    right = sum(row["signal.likeliest_label"] == truth[row["id"]] for row in judged)
    print(f"{len(judged):,} pictures, {len(wrong):,} labels wrong ({len(wrong) / len(judged):.4f})")
    print(f"predictions right: {right / len(judged):.4f}")
    print(f"precision at {len(wrong):,}: {len(first & wrong) / len(wrong):.4f}")
    print(
        f"called errors: {len(called):,}, precision {len(called & wrong) / len(called):.4f}, "
        f"recall {len(called & wrong) / len(wrong):.4f}"
    )
    print(f"{cpu_s() - start:.0f} CPU-s in all")


if __name__ == "__main__":
    main()
