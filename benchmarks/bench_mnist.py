"""MNIST, 784-128-10, dropout 0.2, Adam, batch 32, 5 epochs: Tilth, a bare PyTorch loop, Keras.

Run `python benchmarks/bench_mnist.py [--rounds 3] [--data DIR] [--keras-python PATH] [--json]`.
The contestants take turns, each in a process of its own; measured is the fit alone, from the first
batch to the last, the costs of a first call included. Keras runs on TensorFlow where the
interpreter (this one, or the one named) has it. The goal is a third of Keras' seconds,
and an accuracy of 97.7 % or more.

`--data` is a folder with the four idx files of MNIST, gzipped.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

EPOCHS, BATCH = 5, 32
GOAL = 3  # times as fast as Keras
ACCURACY = 97.7  # percent, mean over the seeds
DATA = Path(os.environ.get("TILTH_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))


Result = tuple[float, float, float]  # seconds, CPU-seconds, accuracy in percent


def elapsed(start: tuple[float, float]) -> tuple[float, float]:
    """Seconds and CPU-seconds since."""
    return time.perf_counter() - start[0], time.process_time() - start[1]


def read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """An idx file: two zero bytes, type, number of axes, sizes (big-endian), the numbers."""
    data = gzip.decompress(path.read_bytes())
    shape = np.frombuffer(data, ">u4", data[3], 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


def load(folder: Path, part: str) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Images uint8 [n, 28, 28] and labels int64 [n] of `train` or `t10k`."""
    images = read_idx(folder / f"{part}-images-idx3-ubyte.gz")
    labels = read_idx(folder / f"{part}-labels-idx1-ubyte.gz")
    return images, labels.astype(np.int64)


def tilth(folder: Path, seed: int) -> Result:
    """This library's loop, on one thread."""
    from tilth.models.build import build_model
    from tilth.models.facts import Facts, Sizes
    from tilth.models.mlp import MLPSettings
    from tilth.randomness import splitmix64
    from tilth.tasks.build import build_task
    from tilth.tasks.settings import ObjectiveSettings
    from tilth.training.evaluate import evaluate
    from tilth.training.examples import Examples
    from tilth.training.loop import train
    from tilth.training.settings import LoopSettings, OptimizerSettings

    def examples(part: str) -> Examples:
        images, labels = load(folder, part)
        ids = splitmix64(np.arange(len(labels), dtype=np.uint64))
        return Examples(images[:, None].copy(), labels, ids, np.ones(len(labels), np.float32))

    rows, test = examples("train"), examples("t10k")
    pixels = rows.rows / 255
    facts = Facts(
        sizes=Sizes(image=(1, 28, 28), classes=10),
        classes=tuple("0123456789"),
        mean=(float(pixels.mean()),),
        std=(float(pixels.std()),),
    )
    task = build_task("image-classification", facts, ObjectiveSettings())
    del pixels
    settings = MLPSettings(hidden=(128,), dropout=0.2)
    model = build_model(settings, facts.sizes, seed=seed)
    optimizer = OptimizerSettings(kind="adam", betas=(0.9, 0.999), schedule="cooldown")
    loop = LoopSettings(batch_size=BATCH, epochs=EPOCHS, precision="fp32")
    start = time.perf_counter(), time.process_time()
    train(model, task, rows, None, optimizer, loop, seed=seed, threads=1)
    seconds = elapsed(start)
    return *seconds, evaluate(model, task, test).value


def bare(folder: Path, seed: int) -> Result:
    """The loop of a PyTorch tutorial, with the data in memory, on one thread."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    torch.set_num_threads(1)
    sets = [load(folder, part) for part in ("train", "t10k")]
    (x, y), (test_x, test_y) = (
        (torch.from_numpy(images.reshape(-1, 784) / np.float32(255)), torch.from_numpy(labels))
        for images, labels in sets
    )
    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 10))
    optimizer = torch.optim.Adam(model.parameters())
    start = time.perf_counter(), time.process_time()
    for _ in range(EPOCHS):
        for index in torch.split(torch.randperm(len(x)), BATCH):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x[index]), y[index])
            torch.autograd.backward(loss)
            optimizer.step()
    seconds = elapsed(start)
    with torch.inference_mode():
        accuracy = (model.eval()(test_x).argmax(1) == test_y).float().mean().item()
    return *seconds, 100 * accuracy


def keras(folder: Path, seed: int) -> Result:
    """Keras' own `fit`, on TensorFlow with its defaults."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras as k

    k.utils.set_random_seed(seed)
    (x, y), (test_x, test_y) = (load(folder, part) for part in ("train", "t10k"))
    layers = k.layers
    model = k.Sequential(
        [
            layers.Input((28, 28)),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(10),
        ]
    )
    loss = k.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
    pixels, test_pixels = x / np.float32(255), test_x / np.float32(255)
    start = time.perf_counter(), time.process_time()
    model.fit(pixels, y, batch_size=BATCH, epochs=EPOCHS, verbose=0)
    seconds = elapsed(start)
    return *seconds, 100 * float(model.evaluate(test_pixels, test_y, verbose=0)[1])


CONTESTANTS = {"tilth": tilth, "bare_torch": bare, "keras": keras}


def measure(folder: Path, rounds: int, keras_python: str) -> dict[str, Any]:
    """Seconds of the fit and accuracy of each contestant, a seed a round, taking turns."""
    pythons = dict.fromkeys(CONTESTANTS, sys.executable) | {"keras": keras_python}
    results: dict[str, Any] = {
        "name": "MNIST 784-128-10, 5 epochs",
        "unit": "seconds of fit",
        "value": None,
        "goal": None,
        "rounds": rounds,
    }
    found = subprocess.run(
        [keras_python, "-c", "import importlib.util as u, sys; "
         "sys.exit(not (u.find_spec('tensorflow') and u.find_spec('keras')))"],
        check=False,
    )  # fmt: skip
    names = [name for name in CONTESTANTS if name != "keras" or found.returncode == 0]
    if "keras" not in names:
        results["keras"] = f"skipped: {keras_python} has no tensorflow and keras"
    runs: dict[str, list[list[float]]] = {name: [] for name in names}
    for seed in range(rounds):
        for name in names:
            command = [pythons[name], __file__, "--one", name, "--seed", str(seed)]
            command += ["--data", str(folder)]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            runs[name].append(json.loads(output.splitlines()[-1]))
            print(f"{name} seed {seed}: {runs[name][-1]}", file=sys.stderr)
    for name, rows in runs.items():
        seconds, cpu_seconds, accuracies = zip(*rows, strict=True)
        results[name] = {
            "fit_seconds": round(statistics.median(seconds), 2),
            "fit_seconds_all": [round(s, 2) for s in seconds],
            "fit_cpu_seconds": round(statistics.median(cpu_seconds), 2),
            "accuracy_mean": round(statistics.fmean(accuracies), 2),
        }
    results["value"] = results["tilth"]["fit_seconds"]
    if "keras" in runs:
        results["goal"] = round(results["keras"]["fit_seconds"] / GOAL, 2)
        results["times_as_fast_as_keras"] = round(
            results["keras"]["fit_seconds"] / results["value"], 2
        )
    return results


def main() -> int:
    """Print the result as JSON and as a table row; exit code 1 below the goal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, default=DATA / "mnist")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keras-python", default=sys.executable)
    parser.add_argument("--json", action="store_true", help="only the JSON line")
    parser.add_argument("--one", choices=CONTESTANTS, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(CONTESTANTS[given.one](given.data, given.seed)))
        return 0
    if not (given.data / "train-images-idx3-ubyte.gz").is_file():
        sys.exit(f"no MNIST idx files in {given.data}; name their folder with --data")
    result = measure(given.data, given.rounds, given.keras_python)
    print(json.dumps(result))
    if not given.json:
        print(f"| {result['name']} | {result['value']} {result['unit']} | goal {result['goal']} |")
    accurate = result["tilth"]["accuracy_mean"] >= ACCURACY
    return 0 if accurate and result["value"] <= (result["goal"] or math.inf) else 1


if __name__ == "__main__":
    sys.exit(main())
