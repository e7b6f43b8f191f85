"""The books of a run, against the files on disk and the events of its steps."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.query.books import totals
from tilth.query.disk import disk_of
from tilth.query.document import report_document
from tilth.query.found import Figure, figures_of
from tilth.query.runs import RunView
from tilth.query.status import run_status
from tilth.report.steps import build_line, build_steps
from tilth.schema import DROP_RULE

KINDS = {"kept": "kept", "dropped": "dropped", "quarantine": "quarantined"}


def _by_path(run: RunView) -> dict[str, Figure]:
    found = figures_of(run, disk_of(run))
    assert len({one.path for one in found}) == len(found), "a path stands for two figures"
    return {one.path: one for one in found}


def _rows(folder: Path, kind: str) -> list[dict[str, object]]:
    files = sorted((folder / kind).glob("*.parquet"))
    return [row for file in files for row in pq.ParquetFile(file).read().to_pylist()]


@pytest.mark.parametrize("which", ["small", "earlier"])
def test_the_books_are_the_rows_on_disk(which: str, request: pytest.FixtureRequest) -> None:
    run: RunView = request.getfixturevalue(which)
    found = _by_path(run)
    lost = {"dropped": 0, "quarantined": 0}
    for step in run.line():
        at = f"books.{step.name}"
        rows = {name: _rows(step.folder, kind) for kind, name in KINDS.items()}
        for name, there in rows.items():
            assert found[f"{at}.{name}"].value == len(there)
        num_in = sum(map(len, rows.values()))
        assert found[f"{at}.in"].value == num_in
        assert found[f"{at}.kept_share"].value == len(rows["kept"]) / num_in
        for rule in {row[DROP_RULE] for row in rows["dropped"]}:
            dropped = sum(row[DROP_RULE] == rule for row in rows["dropped"])
            assert found[f"{at}.by_rule[{rule}]"].value == dropped
        assert found[f"{at}.sources[docs]"].value == len(rows["kept"])
        for name in lost:
            lost[name] += len(rows[name])
    for name, amount in lost.items():
        assert found[f"books.total.{name}"].value == amount
    assert found["books.total.in"].value == 401
    assert found["books.total.kept"].value == len(_rows(run.end_of_line().folder, "kept"))
    assert found["books.total.kept_share"].value == found["books.total.kept"].value / 401


def test_times_are_those_of_the_events(small: RunView) -> None:
    took: dict[str, float] = {}
    log = (small.folder / "events.jsonl").read_text("utf-8").splitlines()
    for event in map(json.loads, log):
        if event["event"] == "StepFinished" and not event["cached"]:
            took[event["step"]] = event["seconds"]
    found = _by_path(small)
    for step in small.line():
        assert found[f"books.{step.name}.seconds"].value == pytest.approx(took[step.name], abs=1e-3)
    assert found["books.total.seconds"].value == small.record.seconds


def test_a_rate_is_samples_by_seconds(small: RunView) -> None:
    found = _by_path(small)
    for step in small.record.steps:
        rate = found.get(f"books.{step.name}.samples_per_second")
        assert step.counts is not None
        assert (rate is None) == (step.seconds == 0)
        assert rate is None or rate.value * step.seconds == pytest.approx(step.counts.num_in)


def test_bytes_are_those_of_the_files(small: RunView) -> None:
    def size(folder: Path) -> int:
        return sum(
            (Path(place) / name).stat().st_size
            for place, _, names in os.walk(folder)
            for name in names
        )

    found = _by_path(small)
    for step in small.line():
        assert found[f"books.{step.name}.bytes"].value == size(step.folder)
    assert found["books.total.bytes"].value == size(small.folder / "data")
    assert found["books.total.disk"].value == size(small.folder)


def test_terminal_report_and_page_have_the_same_books(small: RunView) -> None:
    report, status = report_document(small), run_status(small)
    line = build_line(build_steps(report.steps))
    assert line is not None
    whole = report.totals
    found = {one.path: one.value for one in status.figures}
    for name, value in whole.as_json().items():
        assert found[f"books.total.{name}"] == value
    page = (line.num_in, line.kept, line.dropped, line.quarantined)
    assert page == (whole.num_in, whole.kept, whole.dropped, whole.quarantined)
    assert status.quarantined == whole.quarantined
    of_report = {one.path: one for one in figures_of(report)}
    of_run = {one.path: one for one in status.figures}
    # The document has the data sets' bytes, and not those of itself.
    assert set(of_run) - set(of_report) == {"books.total.disk"}
    for path, one in of_report.items():
        assert one == of_run[path]


@dataclass(frozen=True)
class _Step:
    kind: str
    num_in: int | None
    kept: int | None
    dropped: int | None
    quarantined: int | None
    born: int = 0
    passed_over: int | None = None
    noted: int = 0


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=4), st.data())
def test_what_came_in_is_kept_dropped_or_set_aside(
    sources: list[tuple[int, int]], data: st.DataObject
) -> None:
    """However many sources there are, and wherever the line was left."""
    line = [_Step("source", kept + bad, kept, 0, bad) for kept, bad in sources]
    left = sum(kept for kept, _ in sources)
    born = 0
    for _ in range(data.draw(st.integers(0, 3)) if sources else 0):
        dropped = data.draw(st.integers(0, left))
        bad = data.draw(st.integers(0, left - dropped))
        line.append(_Step("map", left, left - dropped - bad, dropped, bad))
        left -= dropped + bad
        if data.draw(st.booleans()):
            parts = data.draw(st.integers(0, 9))
            parted = data.draw(st.integers(0, left)) if parts else 0
            line.append(_Step("part", left, left - parted + parts, parted, 0, parts))
            left, born = left - parted + parts, born + parts
    found = totals([*line, _Step("fit", None, None, None, None)])
    if not line:
        assert found is None
        return
    assert found is not None
    assert found.num_in == sum(kept + bad for kept, bad in sources)
    assert found.kept == left
    assert found.born == born
    assert found.num_in + born == found.kept + found.dropped + found.quarantined


@dataclass(frozen=True)
class _Made:
    name: str
    folder: Path
    is_arm: bool


@dataclass(frozen=True)
class _Run:
    folder: Path
    steps: tuple[_Made, ...]


def test_a_data_set_that_an_arm_comes_to_as_well_is_the_lines(tmp_path: Path) -> None:
    """An arm that undoes one step may end with the data of the line; they lie there once."""
    made = tmp_path / "data" / "mix.weights-1"
    made.mkdir(parents=True)
    (made / "manifest.json").write_bytes(b"x" * 70)
    line = _Made("mix.weights", made, is_arm=False)
    arm = _Made("value.even/mix.weights", made, is_arm=True)
    for steps in ((line, arm), (arm, line)):
        disk = disk_of(_Run(tmp_path, steps))  # type: ignore[arg-type]
        assert [(step.name, step.num_bytes) for step in disk.steps] == [("mix.weights", 70)]
        assert disk.data_bytes == 70
