"""Run every benchmark and write `results.json` and `results.md` beside this file.

Each benchmark is a script that prints one JSON object as a line. A figure stands there with its
goal, reached or not; nothing fails.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tilth.machine import describe_machine

FOLDER = Path(__file__).parent
SCRIPTS = (
    *("bench_clean", "bench_deduplicate", "bench_crawl", "bench_frontier", "bench_readers"),
    *("bench_memory", "bench_mnist"),
)


def run(script: str) -> dict[str, Any] | None:
    """The last JSON object that a script printed; None if it printed none."""
    print(f"{script} ...", file=sys.stderr, flush=True)
    command = [sys.executable, str(FOLDER / f"{script}.py")]
    if script == "bench_mnist" and (keras := os.environ.get("KERAS_PYTHON")):
        command += ["--keras-python", keras]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return json.loads(lines[-1]) if lines else None


def table(results: dict[str, Any]) -> str:
    """The results as Markdown: one section a benchmark, every figure as it was printed."""
    machine = results["machine"]
    out = [
        "# Benchmarks",
        "",
        f"`make bench` on {results['date']}: {machine['cores']} cores ({machine['processor']}), "
        f"{machine['memory_gib']} GiB, Python {machine['python']}.",
    ]
    for script, figures in results["results"].items():
        out += ["", f"## {script}", ""]
        if figures is None:
            out.append("did not run")
            continue
        out += ["| figure | value |", "| --- | --- |"]
        out += [f"| {key} | {json.dumps(value)} |" for key, value in figures.items()]
    return "\n".join(out) + "\n"


def main() -> None:
    """Run all and write the results."""
    results = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": describe_machine().as_json(),
        "results": {script: run(script) for script in SCRIPTS},
    }
    (FOLDER / "results.json").write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    text = table(results)
    (FOLDER / "results.md").write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
