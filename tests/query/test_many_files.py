"""Planning many files costs seconds where nothing changed: the promise, at its size."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import tilth
from tests.engine.inline import use_inline

_SOURCES, _FILES = 1_000, 100
# Five seconds where a plain look at the files takes 1.35, which on a machine that others use too
# takes half as long again for a while.
_MOST = 3.7


@pytest.mark.slow
def test_a_thousand_sources_of_a_hundred_thousand_files(monkeypatch: pytest.MonkeyPatch) -> None:
    use_inline(monkeypatch)
    monkeypatch.setattr(os, "fsync", lambda _: None)  # the making is not what is measured
    with tempfile.TemporaryDirectory() as place:
        lines = ["tilth: 1", "name: many", "collect:"]
        for number in range(_SOURCES):
            folder = Path(place, "in", f"s{number}")
            folder.mkdir(parents=True)
            for file in range(_FILES):
                (folder / f"{file}.jsonl").write_text(f'{{"text": "text {number} {file}"}}\n')
            lines.append(f"  s{number}: {{jsonl: {{path: {folder}}}}}")
        recipe = Path(place, "many.yaml")
        recipe.write_text("\n".join([*lines, "clean: [normalize]", ""]))
        runs = Path(place, "runs")
        tilth.run(recipe, runs=runs, progress=False)
        ratios = []
        for _ in range(3):
            plain_s = _cpu_s(lambda: _look_at(Path(place, "in")))
            ratios.append(_cpu_s(lambda: tilth.plan(recipe, runs=runs)) / plain_s)
        assert all(step.cached for step in tilth.plan(recipe, runs=runs).steps)
        assert min(ratios) < _MOST, ratios


def _cpu_s(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def _look_at(folder: Path) -> None:
    """The least that tells whether files are as they were: their state, and a key of each."""
    for inside, _, names in os.walk(folder):
        for name in names:
            path = Path(inside, name)
            told = f"{path} {path.stat().st_mtime_ns}".encode()
            hashlib.blake2b(told, digest_size=16).hexdigest()
