"""Samples a CPU-second of Tilth's loaders beside torch on plain files, webdataset and datasets.

    python -m benchmarks.bench_loaders [--peers FOLDER] [--rounds N] [--only jpeg-32,texts]

`--peers` (or LOADER_PEERS) is a folder into which the two libraries were installed, as by
`pip install --target FOLDER webdataset datasets`; what is not there is left out, and the file says
so. Writes loaders.json and loaders.md beside this file.

All take turns in one process, back and forth, on one thread and without workers. A first epoch
begins from nothing: it has what a library does before its first sample, as making a cache or a
copy. The least processor time of several rounds counts; a ratio is the median of those within a
round. A figure below its goal is reported as such; nothing fails.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import torch

from benchmarks.loader_arms import (
    BATCH,
    WINDOW,
    Data,
    Epochs,
    arms_of,
    arms_of_texts,
    lay_out,
    many_texts,
)
from tilth.machine import describe_machine

FOLDER = Path(__file__).parent
KINDS: Mapping[str, int] = {"jpeg-32": 2000, "jpeg-224": 500, "sound": 500, "windows": 2000}
TITLES: Mapping[str, str] = {
    "jpeg-32": "JPEG, 32 x 32",
    "jpeg-224": "JPEG, 224 x 224",
    "sound": "FLAC, 16 kHz, 1 to 3 s",
    "windows": f"windows of {WINDOW} tokens",
}
_TEXTS: Final = 1_000_000
FIRST_BATCH_S: Final = 2.0
OURS: Final = ("to_torch", "to_torch_windows", "to_torch_loader", "to_torch_loader(window=)")


def seconds() -> float:
    """Processor time of this process and of those that it waited for."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def _in_turns(
    arms: Mapping[str, Callable[[], Epochs]], rounds: int
) -> Iterator[tuple[str, Callable[[], Epochs]]]:
    for number in range(rounds):
        # Back and forth, so that none is always the first.
        yield from list(arms.items())[:: 1 if number % 2 == 0 else -1]


def measure(
    arms: Mapping[str, Callable[[], Epochs]], data: Data, rounds: int
) -> dict[str, dict[str, list[float]]]:
    """Samples a CPU-second in the first epoch and in the second, of each round.

    Raises:
        SystemExit: An arm gives no batch, or other than all samples.
    """
    found: dict[str, dict[str, list[float]]] = {name: {"first": [], "second": []} for name in arms}
    for name, start in _in_turns(arms, rounds):
        data.forget()
        gc.collect()
        begun = seconds()
        epochs = start()
        count = _length(epochs(0))
        found[name]["first"].append(count / (seconds() - begun))
        if data.kind != "windows" and count != data.num:
            raise SystemExit(f"{data.kind}: {name} gives {count:,} of {data.num:,} samples")
        begun = seconds()
        count = _length(epochs(1))
        found[name]["second"].append(count / (seconds() - begun))
        del epochs
        print(f"{data.kind} {name}: {found[name]['first'][-1]:,.0f}", file=sys.stderr, flush=True)
    return found


def _length(batches: Iterator[Any]) -> int:
    count = 0
    for batch in batches:
        values = batch.values() if isinstance(batch, dict) else batch
        count += len(next(iter(values)))
    return count


def measure_first_batch(
    arms: Mapping[str, Callable[[], Epochs]], data: Data, rounds: int
) -> dict[str, dict[str, list[float]]]:
    """CPU-seconds and seconds to the first batch, from nothing and again."""
    found: dict[str, dict[str, list[float]]] = {
        name: {"first": [], "first_wall": [], "again": [], "again_wall": []} for name in arms
    }
    for name, start in _in_turns(arms, rounds):
        data.forget()
        for time_of in ("first", "again"):
            gc.collect()
            begun, begun_wall = seconds(), time.perf_counter()
            next(start()(0))
            found[name][time_of].append(seconds() - begun)
            found[name][f"{time_of}_wall"].append(time.perf_counter() - begun_wall)
        print(f"texts {name}: {found[name]['first'][-1]:.2f} s", file=sys.stderr, flush=True)
    return found


def rank_correlation(data: Data) -> float:
    """Spearman's, of the order on disk and that of `to_torch_loader`; of a full permutation."""
    from tilth.loaders import Dataset

    found = Dataset(data.tilth)
    places = {name: at for at, name in enumerate(found.to_arrow(["id"]).column(0).to_pylist())}
    loader = found.to_torch_loader(BATCH, 1, columns=["id"])
    seen = torch.tensor([places[name] for batch in loader for name in batch["id"]])
    if len(seen) != len(set(seen.tolist())) or len(seen) != len(places):
        raise SystemExit("the order is no permutation")
    return float(torch.corrcoef(torch.stack([torch.arange(len(seen)), seen]).double())[0, 1])


def ratios(figures: Mapping[str, Mapping[str, Sequence[float]]], of: str) -> dict[str, float]:
    """Of each of our arms and each peer: ours over theirs, the median of the rounds."""
    return {
        f"{own} / {peer}": statistics.median(
            one / other for one, other in zip(figures[own][of], figures[peer][of], strict=True)
        )
        for own in figures
        if own in OURS
        for peer in figures
        if peer not in OURS
    }


def table(results: Mapping[str, Any]) -> str:
    """The results as Markdown, every figure as it was measured."""
    machine = results["machine"]
    peers = ", ".join(f"{name} {found or 'not there'}" for name, found in results["peers"].items())
    lines = [
        "# Loaders",
        "",
        f"`make bench-loaders` on {results['date']}: {machine['cores']} cores "
        f"({machine['processor']}), {machine['memory_gib']} GiB, Python {machine['python']}, "
        f"{peers}. Load average before it began: {results['load']}; what the machine does beside "
        "this slows all alike, so the ratios say more than the samples a second.",
        "",
        f"Batches of {BATCH}, shuffled, one thread, no workers. Samples a CPU-second, the best of "
        f"{results['rounds']} rounds; a ratio is the median of those within a round. The first "
        "epoch has all that a library does before its first sample: the cache of `datasets`, our "
        "index and copies. Tokens of windows are made in it by all.",
    ]
    for kind, figures in results["kinds"].items():
        lines += ["", f"## {TITLES[kind]}: {results['samples'][kind]:,}", ""]
        lines += ["| | first epoch | second epoch |", "| --- | ---: | ---: |"]
        for name, found in figures.items():
            best = [f"{max(found[of]):,.0f}" for of in ("first", "second")]
            lines.append(f"| {name} | {' | '.join(best)} |")
        lines += ["", "| ratio | first epoch | second epoch |", "| --- | --- | ---: |"]
        second = ratios(figures, "second")
        for name, ratio in ratios(figures, "first").items():
            reached = "ahead" if ratio >= 1 else "behind"
            lines.append(f"| {name} | {ratio:.2f}: {reached} | {second[name]:.2f} |")
    if (texts := results.get("texts")) is not None:
        lines += ["", f"## First batch of {texts['num']:,} texts", ""]
        lines += ["| | CPU-s, first time | s | CPU-s, again | s |"]
        lines += ["| --- | ---: | ---: | ---: | ---: |"]
        for name, found in texts["arms"].items():
            cells = [f"{min(one):.2f}" for one in found.values()]
            lines.append(f"| {name} | {' | '.join(cells)} |")
        slowest = max(
            min(texts["arms"][name]["first_wall"]) for name in texts["arms"] if name in OURS
        )
        lines += [
            "",
            f"Goal: ours within {FIRST_BATCH_S:g} s: "
            f"{'reached' if slowest <= FIRST_BATCH_S else 'not reached'}. Rank correlation of the "
            f"order on disk with that of `to_torch_loader`: {texts['rank_correlation']:.5f} "
            "(goal: below .02, either way), of a full permutation.",
        ]
    return "\n".join(lines) + "\n"


def versions() -> dict[str, str | None]:
    """Of what is compared; None: it is not there."""
    found: dict[str, str | None] = {}
    for name in ("torch", "webdataset", "datasets"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def main() -> None:
    """Measure all, and write it down."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--peers", default=os.environ.get("LOADER_PEERS", ""))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=",".join([*KINDS, "texts"]))
    parser.add_argument("--share", type=float, default=1.0, help="of the samples, for a trial")
    parser.add_argument("--to", type=Path, default=FOLDER)
    given = parser.parse_args()
    if given.peers:
        # Behind what is installed: only what is not there is taken of it.
        sys.path.append(given.peers)
    torch.set_num_threads(1)
    results: dict[str, Any] = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": describe_machine().as_json(),
        "load": f"{os.getloadavg()[0]:.1f}",
        "peers": versions(),
        "rounds": given.rounds,
        "samples": {},
        "kinds": {},
    }
    for kind in given.only.split(","):
        with tempfile.TemporaryDirectory() as work:
            if kind == "texts":
                data = many_texts(int(_TEXTS * given.share), Path(work))
                arms = _there(arms_of_texts(data))
                results["texts"] = {
                    "num": data.num,
                    "arms": measure_first_batch(arms, data, given.rounds),
                    "rank_correlation": rank_correlation(data),
                }
                continue
            data = lay_out(kind, int(KINDS[kind] * given.share), Path(work))
            results["samples"][kind] = data.num
            results["kinds"][kind] = measure(_there(arms_of(data)), data, given.rounds)
    (given.to / "loaders.json").write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    text = table(results)
    (given.to / "loaders.md").write_text(text, "utf-8")
    print(text)


def _there(arms: Mapping[str, Callable[[], Epochs]]) -> dict[str, Callable[[], Epochs]]:
    """Without those whose library is not there."""
    return {
        name: start
        for name, start in arms.items()
        if name not in ("webdataset", "datasets") or find_spec(name) is not None
    }


if __name__ == "__main__":
    main()
