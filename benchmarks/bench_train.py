"""How fast training is beside a hand-written step, transformers' Trainer, and Keras.

    python -m benchmarks.bench_train --trainer-python PATH --keras-python PATH

Writes train.json and train.md beside this file. All that is compared runs in turns, in processes
of one thread that stay alive between turns, so that what else the machine does meets all alike.
What an interpreter lacks is left out, and the file says so. The data is looked for in TILTH_MIRROR,
or in `shared/data` beside the checkout. A figure below its goal is reported as such; nothing fails.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import bench_mnist
from benchmarks.train_arms import BATCH, CONTEXT, HEADS, LAYERS, MATMUL, WIDTH
from benchmarks.train_table import table
from tilth.machine import describe_machine

ROOT = Path(__file__).parents[1]
FOLDER = Path(__file__).parent
TOKENS = BATCH * CONTEXT  # of a step
WARMUP = 20
# Of the arms, those that need transformers.
THEIRS = ("bare-gpt2", "trainer", "trainer-sdpa")
# (arm, arm it is compared with, least ratio of tokens a second)
GOALS = (("tilth", "bare", 0.97), ("tilth", "trainer", 1.0), ("tilth", "trainer-sdpa", 1.0))


class Arm:
    """A process that trains, and halts after every stretch of steps.

    Args:
        name: One of `train_arms.ARMS`.
        python: The interpreter.
        options: Of `train_arms`.
    """

    def __init__(self, name: str, python: str, options: Sequence[str]) -> None:
        self.name = name
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "OMP_WAIT_POLICY": "PASSIVE",
            "TRANSFORMERS_VERBOSITY": "error",
        }
        self._process = subprocess.Popen(
            [python, "-m", "benchmarks.train_arms", name, *options],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.about: dict[str, Any] = {}

    def wait(self) -> None:
        """Wait until it has started and warmed up."""
        self.about = self._answer()

    def turn(self) -> tuple[float, float]:
        """Let it train on for a stretch; returns seconds and CPU-seconds."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        seconds, cpu_seconds = self._answer()
        return seconds, cpu_seconds

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(("[", "{")):
                return json.loads(line)
        raise RuntimeError(f"the arm {self.name} ended before its time")


def measure_steps(
    tokens: Path, precision: str, pythons: Mapping[str, str], rounds: int, stretch: int
) -> dict[str, Any]:
    """Tokens a second of each arm, and ratios of arms within a round.

    Args:
        tokens: uint16 array, .npy.
        precision: fp32, fp32-fast or bf16.
        pythons: The interpreter of each arm.
        rounds: Turns of each arm.
        stretch: Steps a turn.
    """
    options = [str(tokens), "--precision", precision, "--warmup", str(WARMUP)]
    options += ["--rounds", str(rounds), "--stretch", str(stretch)]
    arms: list[Arm] = []
    turns: dict[str, list[tuple[float, float]]] = {name: [] for name in pythons}
    try:
        for name, python in pythons.items():
            arms.append(Arm(name, python, options))
        for arm in arms:
            arm.wait()
        for number in range(rounds):
            # Back and forth, so that none is always the first.
            for arm in arms if number % 2 == 0 else reversed(arms):
                turns[arm.name].append(arm.turn())
            print(f"{precision} round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    finally:
        for arm in arms:
            arm.close()
    return {"precision": precision, "matmul": MATMUL[precision]} | compare(
        turns, stretch * TOKENS, {arm.name: arm.about for arm in arms}
    )


def compare(
    turns: Mapping[str, Sequence[tuple[float, float]]],
    tokens: int,
    about: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """The figures of some turns.

    Args:
        turns: Of each arm, seconds and CPU-seconds of each turn; as many for each.
        tokens: Of a turn.
        about: What else is known of each arm.
    """
    arms = {}
    for name, measured in turns.items():
        speeds = [tokens / seconds for seconds, _ in measured]
        arms[name] = {
            **about[name],
            "tokens_per_s": round(statistics.median(speeds)),
            "tokens_per_s_range": [round(min(speeds)), round(max(speeds))],
            "tokens_per_cpu_s": round(statistics.median(tokens / cpu for _, cpu in measured)),
        }
    ratios = []
    pairs = [("tilth", other) for other in turns if other != "tilth"]
    pairs += [("trainer", "bare-gpt2")] if "trainer" in turns else []
    goals = {(one, other): least for one, other, least in GOALS}
    for one, other in pairs:
        both = list(zip(turns[one], turns[other], strict=True))
        of_time, of_cpu = ([theirs[k] / ours[k] for ours, theirs in both] for k in (0, 1))
        median, goal = statistics.median(of_time), goals.get((one, other))
        ratios.append(
            {
                "arm": one,
                "over": other,
                "tokens_per_s": _spread(of_time),
                "tokens_per_cpu_s": _spread(of_cpu),
                "goal": goal,
                "reached": None if goal is None else median >= goal,
            }
        )
    return {"arms": arms, "ratios": ratios}


def _spread(ratios: Sequence[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(ratios), 3),
        "least": round(min(ratios), 3),
        "most": round(max(ratios), 3),
    }


def write_tokens(text: Path, out: Path) -> None:
    """Lay down a text's characters as numbers from 1 on, uint16; 0 parts documents."""
    characters = np.array(list(text.read_text("utf-8")))
    np.save(out, (np.unique(characters, return_inverse=True)[1] + 1).astype(np.uint16))


def find_data() -> Path:
    """The folder of the public data sets."""
    return Path(os.environ.get("TILTH_MIRROR") or ROOT.parent / "shared" / "data")


def _find_text() -> Path:
    for name in ("tinyshakespeare/input.txt", "input.txt"):
        if (find_data() / name).is_file():
            return find_data() / name
    sys.exit(f"no tinyshakespeare/input.txt in {find_data().name}/; set TILTH_MIRROR to its folder")


def _versions(python: str, names: Sequence[str]) -> dict[str, str]:
    """Versions of packages in another interpreter; empty where one is missing."""
    code = (
        "import importlib.metadata as m, json, sys; "
        "print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"
    )
    done = subprocess.run([python, "-c", code, *names], capture_output=True, text=True, check=False)
    found: dict[str, str] = json.loads(done.stdout) if done.returncode == 0 else {}
    return found


def _measure_all(given: argparse.Namespace) -> Iterator[tuple[str, Any]]:
    """The parts of the results, in order."""
    python = given.trainer_python
    theirs = _versions(python, ("torch", "transformers", "accelerate")) if python else {}
    pythons = dict.fromkeys(("bare", "tilth"), sys.executable)
    if theirs:
        pythons |= dict.fromkeys(THEIRS, python)
        yield "trainer", theirs
    else:
        reason = "its interpreter lacks one of them" if python else "no --trainer-python"
        yield (
            "trainer",
            f"skipped: {reason}. `pip install transformers accelerate` into an environment, and "
            "`make bench-train TRAINER_PYTHON=ITS/bin/python`",
        )
    yield (
        "network",
        {
            "layers": LAYERS,
            "width": WIDTH,
            "heads": HEADS,
            "context": CONTEXT,
            "batch": BATCH,
        },
    )
    yield "rounds", {"rounds": given.rounds, "steps_a_turn": given.stretch, "warmup": WARMUP}
    with tempfile.TemporaryDirectory() as folder:
        tokens = Path(folder) / "tokens.npy"
        write_tokens(_find_text(), tokens)
        yield (
            "steps",
            [
                measure_steps(tokens, precision, pythons, given.rounds, given.stretch)
                for precision in MATMUL
            ],
        )
    from benchmarks.train_loader import measure_loaders

    yield "loaders", measure_loaders(given.quick)
    mnist = find_data() / "mnist"
    if given.mnist_rounds and (mnist / "train-images-idx3-ubyte.gz").is_file():
        keras = given.keras_python or sys.executable
        yield "keras", _versions(keras, ("tensorflow-cpu", "keras"))
        yield "mnist", bench_mnist.measure(mnist, given.mnist_rounds, keras)
    else:
        yield "mnist", "skipped: no mnist/train-images-idx3-ubyte.gz in the data, or 0 rounds"


def main() -> None:
    """Measure all, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    environment = os.environ.get
    parser.add_argument("--trainer-python", default=environment("TRAINER_PYTHON", ""))
    parser.add_argument("--keras-python", default=environment("KERAS_PYTHON", ""))
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--stretch", type=int, default=50, help="steps a turn")
    parser.add_argument("--mnist-rounds", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="few steps, only to see that it runs")
    parser.add_argument("--out", type=Path, default=FOLDER)
    given = parser.parse_args()
    if given.quick:
        given.rounds, given.stretch, given.mnist_rounds = 2, 5, 0
    results: dict[str, Any] = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": describe_machine().as_json(),
        "load": round(os.getloadavg()[0], 1),
        "versions": {name: version(name) for name in ("torch", "numpy")},
        "quick": given.quick,
    }
    for part, figures in _measure_all(given):
        results[part] = figures
        # After each part: a run that is cut short leaves what it has measured.
        (given.out / "train.json").write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    text = table(results)
    (given.out / "train.md").write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
