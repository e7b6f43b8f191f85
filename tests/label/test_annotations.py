"""Samples get the accepted answers of a ledger, by their ids."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from tests.table.samples import Row, applied, batch
from tilth.errors import DataError, MissingError
from tilth.label import annotations as operation
from tilth.label.accepted import FILE, Accepted, read_accepted, terms_of, write_accepted
from tilth.label.annotations import Settings
from tilth.schema import sample_id

ONE, TWO, GONE = sample_id("0"), sample_id("1"), "f" * 32
ANSWERS = [
    Accepted(ONE, "annotator-a", "cat", "accepted"),
    Accepted(ONE, "annotator-b", "dog", "held"),
    Accepted(GONE, "annotator-a", "cat", "accepted"),
]
Event = Callable[[str], None]


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    folder = tmp_path / "ledger"
    (folder / "rounds").mkdir(parents=True)
    (folder / "rounds" / "0001.json").write_text("{}")
    write_accepted(folder, ANSWERS, "rule")
    return folder


def said(rows: list[Row]) -> list[list[tuple[str, str]]]:
    return [[(one["annotator"], one["label"]) for one in row["annotations"] or ()] for row in rows]


def survey(ledger: Path, samples: pa.RecordBatch) -> list[str]:
    return operation.survey(iter([samples]), Settings(ledger=str(ledger)))


def test_a_sample_gets_what_was_accepted_and_held_where_asked(ledger: Path) -> None:
    samples = batch([{"text": "a"}, {"text": "b"}])
    assert said(applied("annotations", samples, ledger=str(ledger))) == [
        [("annotator-a", "cat")],
        [],
    ]
    both = said(applied("annotations", samples, ledger=str(ledger), held=True))
    assert both[0] == [("annotator-a", "cat"), ("annotator-b", "dog")]


def test_answers_that_were_there_stay_and_nothing_else_changes(ledger: Path) -> None:
    given = [{"annotator": "w", "label": "cow"}]
    rows = [{"text": "a", "annotations": given}, {"text": "b", "annotations": given}]
    found = applied("annotations", batch(rows), ledger=str(ledger))
    assert said(found) == [[("w", "cow"), ("annotator-a", "cat")], [("w", "cow")]]
    assert [row["text"] for row in found] == ["a", "b"]
    # Also where none of a batch was answered.
    (alone,) = applied("annotations", batch(rows).slice(1), ledger=str(ledger))
    assert alone["annotations"] == given


def test_without_a_ledger_no_sample_gets_one_and_that_is_said(tmp_path: Path) -> None:
    settings = Settings(ledger=str(tmp_path / "none"))
    samples = batch([{"text": "a"}])
    assert said(applied("annotations", samples, ledger=settings.ledger)) == [[]]
    assert "nothing was ordered" in operation.warns(settings)
    (told,) = survey(tmp_path / "none", samples)
    assert "no answer" in told


def test_samples_that_are_not_there_are_counted(ledger: Path) -> None:
    (told,) = survey(ledger, batch([{"text": "a"}]))
    assert told.startswith("of the 2 samples")
    assert "1 is not among these" in told
    assert operation.warns(Settings(ledger=str(ledger))) == ""


def test_its_identity_is_what_it_takes(ledger: Path, tmp_path: Path) -> None:
    plain, held = Settings(ledger=str(ledger)), Settings(ledger=str(ledger), held=True)
    before = operation.fingerprint(plain)
    assert before != operation.fingerprint(held)
    # A held answer more is another identity for who takes these alone.
    more = [*ANSWERS, Accepted(TWO, "annotator-b", "dog", "held")]
    with_held = operation.fingerprint(held)
    write_accepted(ledger, more, "rule")
    assert operation.fingerprint(plain) == before
    assert operation.fingerprint(held) != with_held
    # So is an event without an answer none for anybody.
    (ledger / "rounds" / "0002.json").write_text("{}")
    write_accepted(ledger, more, "rule")
    assert operation.fingerprint(plain) == before
    moved = tmp_path / "moved"
    ledger.rename(moved)
    other = Settings(ledger=str(moved))
    assert operation.fingerprint(other) == before
    assert other.normal() == plain.normal()


def test_what_is_behind_its_events_is_not_taken_for_the_whole(ledger: Path) -> None:
    assert terms_of(ledger) == "rule"
    (ledger / "imports").mkdir()
    (ledger / "imports" / "0001.json").write_text("{}")
    assert terms_of(ledger) is None
    with pytest.raises(DataError, match="stopped while it wrote"):
        operation.fingerprint(Settings(ledger=str(ledger)))
    (ledger / FILE).unlink()
    with pytest.raises(DataError, match="stopped while it wrote"):
        list(read_accepted(ledger, held=True))


def test_another_answer_is_damage_and_no_other_answer(ledger: Path) -> None:
    path = ledger / FILE
    path.write_text(path.read_text().replace('"cat"', '"car"'))
    with pytest.raises(DataError, match="its digest is that of other answers"):
        operation.fingerprint(Settings(ledger=str(ledger)))


@pytest.mark.parametrize("line", ["{", "[1, 2]", '{"a": 1}', ""])
def test_a_damaged_line_is_an_error(ledger: Path, line: str) -> None:
    path = ledger / FILE
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(DataError, match="cannot be read"):
        operation.fingerprint(Settings(ledger=str(ledger)))


def test_a_file_is_no_ledger(ledger: Path) -> None:
    with pytest.raises(MissingError, match="a folder, and here is a file"):
        operation.fingerprint(Settings(ledger=str(ledger / FILE)))
