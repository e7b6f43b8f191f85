"""What sources pass over, through a whole run: every file is read or told of, everywhere alike."""

from __future__ import annotations

import io
import json
import os
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import tilth
from tests.engine.inline import inline
from tilth.cli.main import app
from tilth.errors import DataError
from tilth.query.disk import disk_of
from tilth.query.document import report_document
from tilth.query.found import figures_of
from tilth.query.runs import RunView, open_run
from tilth.query.status import run_status
from tilth.report.card import data_card
from tilth.report.tidy import tidy
from tilth.report.write import render
from tilth.store.manifest import PASSED_OVER

__all__ = ["inline"]

pytestmark = pytest.mark.usefixtures("inline")


def _png(shade: int) -> bytes:
    out = io.BytesIO()
    PIL.Image.fromarray(np.full((8, 8), shade, np.uint8)).save(out, "PNG")
    return out.getvalue()


def _tree(folder: Path) -> None:
    """Notes of several types, pictures in folders and archives, hidden and empty files."""
    notes = folder / "notes"
    for name in ("a.txt", "b.txt", "deep/c.txt"):
        (notes / name).parent.mkdir(parents=True, exist_ok=True)
        (notes / name).write_text(f"The note {name} is a text of some words.")
    for name in ("a.html", "b.html", "deep/c.pdf", "Makefile", "odd.x1 y"):
        (notes / name).write_text("of another type")
    (notes / "empty.txt").write_text("")
    (notes / "blank.txt").write_text(" \n\n")
    (notes / ".cache").mkdir()
    (notes / ".cache" / "d.txt").write_text("hidden with its folder")
    (notes / ".e.txt").write_text("hidden")
    (notes / "link").symlink_to(notes / "deep")
    pets = folder / "pets"
    for number, name in enumerate(("cat/1.png", "cat/2.png", "dog/3.png")):
        (pets / name).parent.mkdir(parents=True, exist_ok=True)
        (pets / name).write_bytes(_png(number))
    (pets / "dog" / "4.svg").write_text("<svg/>")
    (pets / "labels.csv").write_text("a,b\n")
    members = [("owl/1.png", _png(7)), ("owl/._1.png", b"of a Mac"), ("owl/read.me", b"words")]
    with zipfile.ZipFile(pets / "more.zip", "w") as packed:
        for name, data in members:
            packed.writestr(name, data)
    with tarfile.open(pets / "again.tar", "w") as tar:
        for name, data in [("elk/2.png", _png(8)), ("elk/2.xcf", b"layers")]:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))


@pytest.fixture
def run(tmp_path: Path) -> RunView:
    _tree(tmp_path)
    (tmp_path / "mixed.yaml").write_text(
        f"""
tilth: 1
name: mixed
collect:
  notes: {{text_file: {{path: {tmp_path / "notes"}, record: file}}}}
  pets: {{image_folder: {{path: {tmp_path / "pets"}}}}}
deduplicate:
  - exact
"""
    )
    tilth.run(tmp_path / "mixed.yaml", runs=tmp_path / "runs")
    return open_run("mixed", tmp_path / "runs")


def test_every_file_is_read_or_passed_over(run: RunView, tmp_path: Path) -> None:
    for source, folder in (("notes", tmp_path / "notes"), ("pets", tmp_path / "pets")):
        step = run.step(f"collect.{source}")
        passed = dict(step.dataset().passed_over())
        uris = step.dataset().to_arrow(["uri"]).column("uri").to_pylist()
        read = {uri.rpartition(":")[0] if source == "notes" else uri for uri in uris}
        there: set[str] = set()
        for place, folders, names in os.walk(folder):
            hidden = [name for name in folders if name.startswith(".")]
            links = [name for name in folders if Path(place, name).is_symlink()]
            there |= {os.path.join(place, name) for name in (*hidden, *links)}
            folders[:] = [name for name in folders if name not in hidden]
            for name in names:
                path = os.path.join(place, name)
                if name.endswith(".zip"):
                    with zipfile.ZipFile(path) as packed:
                        there |= {f"{path}:{one}" for one in packed.namelist()}
                elif name.endswith(".tar"):
                    with tarfile.open(path) as tar:
                        there |= {f"{path}:{one}" for one in tar.getnames()}
                else:
                    there.add(path)
        assert read | passed.keys() == there
        assert not read & passed.keys()
        assert step.passed_over == len(passed) == sum(step.manifest.passed_over.by_reason.values())


def test_the_reasons_are_told_apart(run: RunView) -> None:
    of_type = "of a type that this source does not read"
    assert run.step("notes").manifest.passed_over.by_reason == {
        f"{of_type} (.html)": 2,
        "hidden: its name begins with a point": 2,
        "empty: not one record": 2,
        f"{of_type} (.pdf)": 1,
        f"{of_type} (no ending)": 1,
        f"{of_type} (other)": 1,
        "a link to a folder, which is not followed": 1,
    }
    assert run.step("pets").manifest.passed_over.by_reason == {
        f"{of_type} (.csv)": 1,
        f"{of_type} (.svg)": 1,
        f"{of_type} (.xcf)": 1,
        f"{of_type} (.me)": 1,
        "hidden: its name begins with a point": 1,
    }


def command(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def test_terminal_status_report_and_card_say_the_same(run: RunView, tmp_path: Path) -> None:
    state = run_status(run)
    assert state.passed_over == 15
    by_path = {one.path: one.value for one in figures_of(run, disk_of(run))}
    assert by_path["books.total.passed_over"] == 15
    assert by_path["books.collect.notes.passed_over"] == 10
    assert by_path["books.collect.notes.passed_by_reason[empty: not one record]"] == 2
    assert "books.deduplicate.exact.passed_over" not in by_path
    report = report_document(run)
    assert {one.path: one.value for one in figures_of(report)}.items() <= by_path.items()
    page = render(report)
    assert "15 places that they were pointed at and do not read" in page
    assert "2 empty: not one record" in page
    card = data_card(tidy(report))
    assert "Sources passed over 15 places that they do not read." in card
    assert "| collect.notes | empty: not one record | 2 |" in card
    told = command("status", "mixed", "--runs", str(tmp_path / "runs")).stdout
    assert "passed over by sources: 15 places" in told
    assert "2 of a type that this source does not read (.html)" in " ".join(told.split())
    assert "collect.notes --passed-over" in told


def test_the_list_is_shown(run: RunView, tmp_path: Path) -> None:
    def show(*given: str) -> Any:
        return command("show", "mixed", *given, "--runs", str(tmp_path / "runs"))

    told = show("collect.notes", "--passed-over", "-n", "3").stdout
    assert told.count("\n    ") == 3
    assert told.splitlines()[-1] == "mixed collect.notes, passed over: 3 of 10 shown"
    found = json.loads(show("notes", "--passed-over", "--json", "-n", "100").stdout)
    listed = [(one["place"], one["reason"]) for one in found["places"]]
    assert listed == list(run.step("notes").dataset().passed_over())
    rest = json.loads(show("notes", "--passed-over", "--json", "--offset", "8").stdout)
    assert [(one["place"], one["reason"]) for one in rest["places"]] == listed[8:]
    assert (
        "is past the end: there are 10" in show("notes", "--passed-over", "--offset", "10").stderr
    )
    assert "is no source" in show("exact", "--passed-over").stderr


def test_what_is_passed_over_later_is_seen(run: RunView, tmp_path: Path) -> None:
    """Another file of another type changes the books of the source, and no data after it."""
    before = {step.name: step.digest for step in run.steps}
    for number, name in enumerate((".hidden", "new.rst"), start=11):
        (tmp_path / "notes" / name).write_text("of another type")
        tilth.run(tmp_path / "mixed.yaml", runs=tmp_path / "runs")
        view = open_run("mixed", tmp_path / "runs")
        assert [step.name for step in view.steps if not step.cached] == ["collect.notes"]
        assert view.step("notes").passed_over == number
        assert {step.name: step.digest for step in view.steps} == before


def test_a_run_may_lie_in_the_folder_that_it_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("One text of a few words.")
    (tmp_path / "here.yaml").write_text(
        "tilth: 1\nname: here\ncollect:\n  a: {text_file: {path: ., record: file}}\n"
    )
    for _ in range(2):
        tilth.run("here.yaml")
        step = open_run("here").step("collect.a")
        assert step.kept == 1
        assert next(place for place, _ in step.dataset().passed_over()) == "./here.yaml"
    assert step.cached
    # Not even what it wrote as text is read.
    (tmp_path / "runs" / "here" / "notes.txt").write_text("of a run")
    tilth.run("here.yaml")
    assert open_run("here").step("collect.a").cached


def test_a_list_that_is_gone_is_damage(run: RunView) -> None:
    dataset = run.step("notes").dataset()
    dataset.verify()
    (dataset.path / PASSED_OVER).unlink()
    with pytest.raises(DataError, match="not what was committed"):
        dataset.verify()


def test_a_source_that_ends_with_nothing_says_why(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("")
    (tmp_path / "in" / "b.rst").write_text("of another type")
    recipe = f"tilth: 1\nname: none\ncollect:\n  a: {{text_file: {{path: {tmp_path}/in}}}}\n"
    (tmp_path / "none.yaml").write_text(recipe)
    with pytest.raises(DataError) as caught:
        tilth.run(tmp_path / "none.yaml", runs=tmp_path / "runs")
    assert "it passed over 1 empty: not one record; 1 of a type that this" in caught.value.hint


def test_what_is_read_by_a_guess_is_no_loss(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    words = "Größe über Straße, schöne Wörter für Füße; café, naïve, Œuvre. " * 20
    for number in range(3):
        (folder / f"{number}.txt").write_bytes(f"{number} {words}".encode("cp1252"))
    (folder / "3.txt").write_text(f"3 {words}", "utf-8")
    (folder / "4.css").write_text("a {}")
    recipe = f"tilth: 1\nname: guess\ncollect:\n  a: {{files: {{path: {folder}}}}}\n"
    (tmp_path / "guess.yaml").write_text(recipe)
    note = "text that states no encoding, read as windows-1252: a guess"
    for number in (3, 4):
        tilth.run(tmp_path / "guess.yaml", runs=tmp_path / "runs")
        view = open_run("guess", tmp_path / "runs")
        step = view.step("a")
        assert (step.kept, step.passed_over, step.noted) == (number + 1, 1, number)
        assert list(step.dataset().passed_over()) == [
            (f"{folder}/4.css", step.manifest.passed_over.commonest()[0][0])
        ]
        assert len(list(step.dataset().noted())) == number
        assert {what for _, what in step.dataset().noted()} == {note}
        step.dataset().verify()
        # Files that are as they were keep what was noted of them.
        (folder / "5.txt").write_bytes(f"5 {words}".encode("cp1252"))
    state = run_status(view)
    by_path = {one.path: one.value for one in figures_of(view, disk_of(view))}
    assert (state.noted, state.passed_over, by_path["books.total.noted"]) == (4, 1, 4)
    assert (
        by_path[f"books.collect.a.noted_by_what[{note}]"] == by_path["books.collect.a.noted"] == 4
    )
    report = report_document(view)
    page = render(report)
    assert "with a guess or a change: 4 places" in " ".join(page.split())
    assert f"4 {note}" in page
    card = data_card(tidy(report))
    assert "Sources read 4 places with a guess or a change." in card
    assert f"| collect.a | {note} | 4 |" in card
    told = " ".join(command("status", "guess", "--runs", str(tmp_path / "runs")).stdout.split())
    assert "read by sources with a guess or a change: 4 places" in told
    assert "4 text that states no encoding, read as" in told.replace("4: ", "4 ")
    shown = command("show", "guess", "a", "--noted", "-n", "1", "--runs", str(tmp_path / "runs"))
    assert note in " ".join(shown.stdout.split())
    assert shown.stdout.splitlines()[-1] == "guess collect.a, read with a note: 1 of 4 shown"


def test_a_list_of_an_earlier_version_is_of_what_was_passed_over(
    run: RunView, tmp_path: Path
) -> None:
    step = run.step("notes")
    path = step.dataset().path / PASSED_OVER
    before = list(step.dataset().passed_over())
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(["read"]), path)
    assert list(step.dataset().passed_over()) == before
    assert list(step.dataset().noted()) == []
