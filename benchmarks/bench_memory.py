"""Peak memory of the clean step at 10,000 and at 200,000 documents of 1.5 kB.

Run `python benchmarks/bench_memory.py [--small N] [--large N]`. Each size runs in a process of its
own: JSON Lines on disk through collect, normalize, signals and rules, with one worker. Reported is
the largest resident size of any process of the run, as the kernel accounts for it; flat means that
twenty times the data costs at most a quarter more.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

GOAL = 1.25
DOCUMENT_BYTES = 1500
RECIPE = """
tilth: 1
name: memory
collect: {{docs: {{jsonl: {{path: {path}}}}}}}
clean:
  - normalize
  - signals
  - rules: {{where: ["word_count >= 50"]}}
"""


def write_documents(path: Path, count: int) -> None:
    """Documents of random words from a fixed vocabulary."""
    rng = random.Random(0)
    letters = "etaoinshrdlucmfw"
    vocabulary = ["".join(rng.choices(letters, k=rng.randint(2, 10))) for _ in range(5000)]
    with path.open("w", encoding="utf-8") as file:
        for _ in range(count):
            text = " ".join(rng.choices(vocabulary, k=DOCUMENT_BYTES // 7))
            file.write(json.dumps({"text": text}) + "\n")


def measure(count: int) -> dict[str, Any]:
    """Run the clean step over `count` documents in this process and its worker."""
    from tilth.engine.run import RunOptions, run_plan
    from tilth.recipe.load import parse_recipe
    from tilth.recipe.plan import build_plan

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "docs.jsonl"
        write_documents(path, count)
        plan = build_plan(parse_recipe(RECIPE.format(path=path)))
        run_plan(plan, Path(folder) / "run", RunOptions(num_workers=1))
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return {"documents": count, "peak_mib": round(max(own, workers) / 1024, 1)}


def main() -> None:
    """Measure both sizes and print one JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--large", type=int, default=200_000)
    parser.add_argument("--one", type=int, help="measure one size in this process")
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.one)))
        return
    sizes = []
    for count in (given.small, given.large):
        command = [sys.executable, __file__, "--one", str(count)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        sizes.append(json.loads(done.stdout))
    ratio = sizes[1]["peak_mib"] / sizes[0]["peak_mib"]
    print(
        json.dumps(
            {
                "name": "clean-memory",
                "value": round(ratio, 3),
                "unit": "times the memory at 20 times the data",
                "goal": GOAL,
                "sizes": sizes,
            }
        )
    )


if __name__ == "__main__":
    main()
