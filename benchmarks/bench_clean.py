"""Signals and rules: documents per CPU-second on documents of 1.5 kB; the goal is 20,000.

Run `python benchmarks/bench_clean.py [DOCUMENTS] [--json]`. The text is the interpreter's own
documentation and source comments, cut into documents of 1,500 bytes at line ends, so that lines,
code, lists and prose are all in it, and every run on the same Python measures the same text.
"""

from __future__ import annotations

import json
import pydoc
import sys
import time
from collections.abc import Iterator, Sequence

import pyarrow as pa

from tilth.clean import rules, signals

GOAL = 20_000
DOCUMENT_BYTES = 1500
BATCH_ROWS = 1000
MODULES = (
    "argparse", "asyncio", "collections", "concurrent.futures", "configparser", "csv", "ctypes",
    "datetime", "decimal", "difflib", "doctest", "email", "enum", "fractions", "functools",
    "heapq", "http.client", "imaplib", "inspect", "io", "ipaddress", "itertools", "json",
    "logging", "mailbox", "multiprocessing", "numbers", "optparse", "os", "pathlib", "pdb",
    "pickle", "pickletools", "platform", "random", "re", "shutil", "smtplib", "socket",
    "sqlite3", "ssl", "statistics", "string", "subprocess", "tarfile", "textwrap", "threading",
    "tkinter", "turtle", "typing", "unittest", "urllib.request", "uuid", "zipfile",
)  # fmt: skip


def documents(count: int) -> list[str]:
    """So many documents of about 1,500 bytes, all lines of the modules' help texts in turn."""
    cut = list(_cut(MODULES))
    return [cut[i % len(cut)] for i in range(count)]


def _cut(modules: Sequence[str]) -> Iterator[str]:
    document: list[str] = []
    size = 0
    for module in modules:
        try:
            text = pydoc.plain(pydoc.render_doc(module))
        except ImportError:
            continue
        for line in text.splitlines():
            document.append(line)
            size += len(line.encode()) + 1
            if size >= DOCUMENT_BYTES:
                yield "\n".join(document)
                document, size = [], 0


def measure(count: int) -> dict[str, float | int | str]:
    """CPU seconds for all shipped signals, then all shipped rule sets, over batches."""
    texts = documents(count)
    batches = [
        pa.RecordBatch.from_pydict(
            {
                "id": [str(row) for row in range(start, min(start + BATCH_ROWS, count))],
                "text": pa.array(texts[start : start + BATCH_ROWS], pa.large_string()),
            }
        )
        for start in range(0, count, BATCH_ROWS)
    ]
    measure_all = signals.Settings()
    decide_all = rules.Settings(files=rules.shipped_rule_sets())
    rules.apply(signals.apply(batches[0], measure_all), decide_all)
    start_s = time.process_time()
    measured = [signals.apply(batch, measure_all) for batch in batches]
    middle_s = time.process_time()
    decided = [rules.apply(batch, decide_all) for batch in measured]
    end_s = time.process_time()
    kept = sum(batch.column("drop.rule").null_count for batch in decided)
    num_bytes = sum(len(text.encode()) for text in texts)
    return {
        "name": "signals and rules",
        "unit": "documents per CPU-second",
        "value": round(count / (end_s - start_s)),
        "goal": GOAL,
        "documents": count,
        "mean_bytes": round(num_bytes / count),
        "signals_cpu_s": round(middle_s - start_s, 3),
        "rules_cpu_s": round(end_s - middle_s, 3),
        "megabytes_per_cpu_s": round(num_bytes / 1e6 / (end_s - start_s), 1),
        "kept_share": round(kept / count, 3),
    }


def main() -> int:
    """Print the result as JSON and as a table row; exit code 1 below the goal."""
    numbers = [int(argument) for argument in sys.argv[1:] if argument.isdigit()]
    result = measure(numbers[0] if numbers else 20_000)
    print(json.dumps(result))
    if "--json" not in sys.argv:
        print(f"| {result['name']} | {result['value']:,} {result['unit']} | goal {GOAL:,} |")
    return 0 if float(result["value"]) >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
