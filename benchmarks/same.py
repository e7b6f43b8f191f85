"""Whether the starters still give the same figures, to the last digit.

    python -m benchmarks.same                    run them all and compare with same.json
    python -m benchmarks.same digits mnist       these
    python -m benchmarks.same digits --write     write what they give now into same.json

A starter that announces up to six minutes runs whole; of the others each training has 20 steps and
each source 600 samples, where they hold what the target needs. Figures depend on the kind of
processor: same.json says which it was made on, and compares with nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from benchmarks.reproduce import RECIPES, ROOT, mirrored
from benchmarks.times import TIMES

SAME = Path(__file__).with_name("same.json")
# Starters whose data or weights nobody has at hand.
_LEFT_OUT = {"gpt2", "imagenet"}
_WHOLE_S = 390.0  # what is announced as about six minutes
_STEPS, _LIMIT = 20, 600
# Starters of which the first samples lack a class, or a split: their sources are read whole.
_UNLIMITED = {
    *("text-transfer", "text-transfer-sms", "text-transfer-ag-news"),
    *("cifar10-transfer", "cifar10-transfer-supervised"),
}
# What a run measures of the machine, and not of the data.
_CLOCKS = {
    "seconds", "cpu_seconds", "training_seconds", "seconds_per_seed", "cost_s", "more_cost_s",
}  # fmt: skip


def main() -> None:
    """Run, and compare or write."""
    names = sorted(path.stem for path in RECIPES.glob("*.yaml") if path.stem not in _LEFT_OUT)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipes", nargs="*", help="names of starters; all by default")
    parser.add_argument("--write", action="store_true", help="write the figures into same.json")
    parser.add_argument("--run", type=Path, help="a whole run of the starter; runs nothing")
    given = parser.parse_args()
    kept = json.loads(SAME.read_text("utf-8")) if SAME.is_file() else {}
    differing = 0
    for name in given.recipes or names:
        with tempfile.TemporaryDirectory() as folder:
            found = figures(given.run or run(name, Path(folder)))
        if given.write:
            kept[name] = found
            write(kept)
            continue
        if name not in kept or kept[name]["machine"] != found["machine"]:
            print(f"{name}: same.json has no figures of this kind of machine")
            continue
        for line in differences(kept[name]["figures"], found["figures"]):
            differing += 1
            print(f"{name}: {line}")
        print(f"{name}: {len(found['figures'])} figures compared")
    sys.exit(1 if differing else 0)


def run(name: str, runs: Path) -> Path:
    """Run a starter, whole or in short; returns the run's folder."""
    tree = yaml.safe_load((RECIPES / f"{name}.yaml").read_text("utf-8"))
    short = not is_whole(name)
    with mirrored() as mirror:
        path = mirror / f"{name}.yaml"
        path.write_text(yaml.safe_dump(shortened(tree) if short else tree, sort_keys=False))
        tilth = str(Path(sys.executable).with_name("tilth"))
        command = [tilth, "run", str(path), "--runs", str(runs), "--mirror", str(mirror)]
        command += ["--limit", str(_LIMIT)] if short and name not in _UNLIMITED else []
        subprocess.run(command, cwd=mirror, check=True, stdout=subprocess.DEVNULL)
    return runs / name


def is_whole(name: str) -> bool:
    """Whether a starter is run whole: it was timed, and takes up to six minutes."""
    timed = json.loads(TIMES.read_text("utf-8")).get(name)
    if timed is None:
        return False
    whole: float = timed["rest"] + sum(step["seconds"] for step in timed["steps"].values())
    return whole < _WHOLE_S


def shortened(tree: dict[str, Any]) -> dict[str, Any]:
    """The recipe with 20 steps a training, two seeds, and one size of the target."""
    for optimizer in _blocks(tree, "optimizer"):
        if "warmup_steps" in optimizer:
            optimizer["warmup_steps"] = min(optimizer["warmup_steps"], _STEPS)
    for loop in _blocks(tree, "loop"):
        for limit in ("epochs", "max_tokens", "max_seconds"):
            loop.pop(limit, None)
        loop |= {"max_steps": _STEPS, "precision": "fp32-fast"}
        if "eval_every" in loop:
            loop["eval_every"] = _STEPS
    if "transfer" in tree:
        tree["transfer"] |= {"seeds": 2, "sizes": tree["transfer"]["sizes"][:1]}
    return tree


def _blocks(tree: Any, name: str) -> Iterator[dict[str, Any]]:
    for key, value in tree.items() if isinstance(tree, dict) else ():
        if key == name:
            yield value
        else:
            yield from _blocks(value, name)


def figures(folder: Path) -> dict[str, Any]:
    """Books, figures and results of every step, flat, and the machine that they were made on."""
    record = json.loads((folder / "run.json").read_text("utf-8"))
    if record["status"] != "done":
        sys.exit(f"the run in {folder} is not a whole one: {record['status']}")
    found: dict[str, Any] = {}
    for step in record["steps"]:
        manifest = json.loads((folder / "data" / step["folder"] / "manifest.json").read_text())
        for part in ("counts", "by_rule", "figures", "result"):
            found |= _flat(manifest.get(part), f"{step['name']}.{part}")
    machine = {key: record["machine"][key] for key in ("processor", "system")}
    machine["torch"] = record["versions"].get("torch", "")
    return {"date": record["started"][:10], "machine": machine, "figures": found}


def _flat(value: Any, name: str) -> dict[str, Any]:
    if isinstance(value, dict):
        items = [(key, one) for key, one in value.items() if key not in _CLOCKS]
    elif isinstance(value, list):
        items = [(str(number), one) for number, one in enumerate(value)]
    else:
        return {} if value is None or isinstance(value, str) else {name: value}
    return {key: one for at, part in items for key, one in _flat(part, f"{name}.{at}").items()}


def differences(kept: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    """A line a figure that is another, or is not there any more. New figures are no difference."""
    for name, value in kept.items():
        if name not in found:
            yield f"{name} is gone (was {value})"
        elif found[name] != value:
            yield f"{name}: {value} -> {found[name]}"


def write(kept: Mapping[str, Any]) -> None:
    """Write the list, a starter a line: it is for machines."""
    lines = [
        f"{json.dumps(name)}: {json.dumps(kept[name], sort_keys=True)}" for name in sorted(kept)
    ]
    SAME.write_text("{\n" + ",\n".join(sorted(lines)) + "\n}\n", "utf-8")


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
