"""Read what comes back: rows of item, annotator, label and seconds, whatever wrote the file.

What a file is, its content says: a list of Label Studio's tasks, SageMaker Ground Truth's output
manifest, MTurk's results, or a long table as CSV, TSV, JSON Lines or a JSON list. Every row is
given: one of which not so much can be read has its reason and its beginning.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tilth.collect.jsonl import parse_line
from tilth.collect.label_studio import annotator_of
from tilth.decode.stream import Undecided
from tilth.decode.text import AUTO
from tilth.errors import DataError, RecordError
from tilth.foreign import shorten
from tilth.formats.json_path import NotJsonError, cut_items
from tilth.formats.streams import SourceFile, open_bytes, read_lines, too_long
from tilth.labels import as_label
from tilth.reading.records import as_text
from tilth.reading.splitter import Splitter
from tilth.schema import Row

LONG: Final = ("item", "annotator", "label")
SECONDS: Final = "seconds"
_ITEM, _WORKER, _TIME, _STATUS = "Input.item", "WorkerId", "WorkTimeInSeconds", "AssignmentStatus"
_ANSWER: Final = "Answer."
_METADATA: Final = "-metadata"
MAX_FILE_BYTES: Final = 1 << 30
_MAX_ROW_BYTES: Final = 16 << 20
_MAX_BEGINNING: Final = 2000

SKIPPED: Final = "its annotator skipped it"
REJECTED: Final = "the requester rejected it on the platform"
BY_MACHINE: Final = "a machine labelled it, nobody answered"
NO_TIME: Final = "its time is no number of seconds and is not used"


@dataclass(frozen=True)
class Incoming:
    """A row: an answer as it was written, or why it cannot be read as one.

    Attributes:
        annotator: The name; empty: nobody is named.
        why: Of a row that cannot be read; empty: it was.
        beginning: Of such a row.
        note: What is to be known of one that was read.
    """

    place: str
    item: str = ""
    annotator: str = ""
    label: str | None = None
    seconds: float | None = None
    why: str = ""
    beginning: str = ""
    note: str = ""


@dataclass(frozen=True)
class Delivery:
    """A file: its form, and its rows."""

    form: str
    rows: list[Incoming]


def read_delivery(path: Path, told: Callable[[str], None]) -> Delivery:
    """All rows of a file.

    Args:
        path: The file, plain or packed.
        told: Hears of an encoding that was guessed.

    Raises:
        MissingError: It is not there.
        DataError: It is none of the forms, damaged, or larger than a GiB.
    """
    file = SourceFile(path, path.name, str(path))
    with open_bytes(file) as stream:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise _unreadable(path, f"it has more than {MAX_FILE_BYTES:,} bytes")
        text = Undecided(stream, AUTO, told)
        first = text.peek(1 << 12).lstrip()[:1]
        if first == b"[":
            return _of_list(text, path)
        if first == b"{":
            return _of_lines(text, path)
        return _of_cells(text, path)


def _unreadable(path: Path, why: str, hint: str = "") -> DataError:
    return DataError(
        f"the answers cannot be read: {why}; nothing of the file was taken",
        where=str(path),
        hint=hint
        or "Label Studio's JSON, SageMaker Ground Truth's output manifest, MTurk's results, or CSV "
        "or JSON Lines with item, annotator and label",
        code="unreadable-answers",
    )


def _of_list(stream: Undecided, path: Path) -> Delivery:
    """Label Studio's tasks, or long rows, as one JSON list."""
    rows: list[Incoming] = []
    form = ""
    try:
        for number, (data, size) in enumerate(cut_items(stream, _MAX_ROW_BYTES), 1):
            place = f"{path.name}:{number}"
            row = _row(data, size, place)
            if isinstance(row, Incoming):
                rows.append(row)
                continue
            is_task = "data" in row
            form = form or ("label_studio" if is_task else "json")
            rows += _of_task(row, place) if is_task else [_of_long(row, place)]
    except NotJsonError as error:
        raise _unreadable(path, f"it is no JSON list: {error}") from None
    return _known(Delivery(form or "json", rows), path)


def _of_lines(stream: Undecided, path: Path) -> Delivery:
    """An output manifest, or long rows, a JSON object a line."""
    rows: list[Incoming] = []
    form = ""
    for number, (line, size) in enumerate(read_lines(stream, _MAX_ROW_BYTES), 1):
        if not line.strip():
            continue
        place = f"{path.name}:{number}"
        row = _row(line, size, place)
        if isinstance(row, Incoming):
            rows.append(row)
            continue
        is_manifest = any(key.endswith(_METADATA) for key in row)
        form = form or ("ground_truth" if is_manifest else "jsonl")
        rows.append((_of_manifest if is_manifest else _of_long)(row, place))
    return _known(Delivery(form or "jsonl", rows), path)


def _known(found: Delivery, path: Path) -> Delivery:
    """The delivery, unless nothing of it is what it seems to be.

    Raises:
        DataError: No row can be read.
    """
    if found.rows and all(row.why and row.why not in (SKIPPED, REJECTED) for row in found.rows):
        first = found.rows[0]
        raise _unreadable(path, f"no row can; {first.place}: {first.why}")
    return found


def _row(data: bytes, size: int, place: str) -> Row | Incoming:
    try:
        if size > _MAX_ROW_BYTES:
            raise RecordError(too_long(size, _MAX_ROW_BYTES))
        return parse_line(data)
    except RecordError as error:
        return Incoming(place, why=str(error), beginning=_beginning(data))


def _beginning(data: object) -> str:
    """The beginning of a row that cannot be read, so that nothing of it is lost."""
    if isinstance(data, bytes):
        data = str(data[:_MAX_BEGINNING], "utf-8", "replace")
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, default=str)
    return shorten(text, _MAX_BEGINNING)


def _of_long(row: Mapping[str, Any], place: str) -> Incoming:
    try:
        lacking = [name for name in LONG if name not in row]
        if lacking:
            raise RecordError(f"it has no `{lacking[0]}`")
        item, annotator, label = (_text(row[name], name) for name in LONG)
    except RecordError as error:
        return Incoming(place, why=str(error), beginning=_beginning(row))
    seconds, note = _seconds(row.get(SECONDS))
    return Incoming(place, item or "", _person(annotator), label, seconds, note=note)


def _text(value: Any, name: str) -> str | None:
    return None if value is None else as_text(value, name)


def _person(name: str | None) -> str:
    """People are spelt by the rule of labels."""
    return "" if name is None else as_label(name) or ""


def _seconds(given: Any) -> tuple[float | None, str]:
    """A time, and what is wrong with it."""
    if given is None or given == "":
        return None, ""
    try:
        seconds = float(given)
    except (TypeError, ValueError):
        return None, NO_TIME
    is_time = math.isfinite(seconds) and seconds >= 0 and not isinstance(given, bool)
    return (seconds, "") if is_time else (None, NO_TIME)


def _of_task(task: Mapping[str, Any], place: str) -> Iterator[Incoming]:
    """The answers to a task of Label Studio; one without any is still to come."""
    data = task.get("data")
    answers = task.get("annotations", task.get("completions"))
    if not isinstance(data, Mapping) or not isinstance(answers, list):
        why = "the task has no `data`, or no list of `annotations`"
        yield Incoming(place, why=why, beginning=_beginning(task))
        return
    for number, answer in enumerate(answers, 1):
        yield _of_answer(data, answer, f"{place}.{number}")


def _of_answer(data: Mapping[str, Any], answer: Any, place: str) -> Incoming:
    try:
        if not isinstance(answer, Mapping):
            raise RecordError("an annotation is not an object")
        if "item" not in data:
            raise RecordError("the data of the task has no `item`, which the order gave it")
        item = _text(data["item"], "item") or ""
        if answer.get("was_cancelled") or answer.get("skipped"):
            raise RecordError(SKIPPED)
        annotator, label = annotator_of(answer), _said(answer)
    except RecordError as error:
        return Incoming(place, why=str(error), beginning=_beginning(answer))
    seconds, note = _seconds(answer.get("lead_time"))
    return Incoming(place, item, annotator, label, seconds, note=note)


def _said(answer: Mapping[str, Any]) -> str | None:
    """The one class that was chosen, or the text that was written."""
    said: list[str] = []
    for result in answer.get("result") or ():
        value = result.get("value") if isinstance(result, Mapping) else None
        for key in ("choices", "text"):
            given = value.get(key) if isinstance(value, Mapping) else None
            given = [given] if isinstance(given, str) else given
            if isinstance(given, list):
                said += [as_text(one, key) for one in given]
    if len({*said}) > 1:
        raise RecordError(f"one annotator gave {len({*said})} answers to one item")
    return said[0] if said else None


def _of_manifest(row: Mapping[str, Any], place: str) -> Incoming:
    """A line of Ground Truth's output manifest: the label that a job made of the workers' answers.

    Source: docs.aws.amazon.com/sagemaker/latest/dg/sms-data-output.html
    """
    try:
        if "item" not in row:
            raise RecordError("it has no `item`, which the order gave it")
        named = [key for key in row if key.endswith(_METADATA)]
        if len(named) > 1:
            raise RecordError(f"it has several labels: {', '.join(sorted(named))}")
        about = row[named[0]]
        if not isinstance(about, Mapping):
            raise RecordError(f"`{named[0]}` is not an object")
        if "failure-reason" in about:
            raise RecordError(f"it has no label: {about['failure-reason']}")
        if about.get("human-annotated") == "no":
            raise RecordError(BY_MACHINE)
        label = about.get("class-name", row.get(named[0].removesuffix(_METADATA)))
        job = _person(_text(about.get("job-name"), "job-name"))
        said, item = _text(label, "class-name"), _text(row["item"], "item") or ""
    except RecordError as error:
        return Incoming(place, why=str(error), beginning=_beginning(row))
    return Incoming(place, item, job, said)


def _of_cells(stream: Undecided, path: Path) -> Delivery:
    """MTurk's results, or a long table, as delimited text."""
    records = _records(stream)
    _, header, _ = next(records, ("", [], ""))
    names = [name.strip() for name in header]
    is_mturk = _WORKER in names and _ITEM in names
    lacking = [name for name in LONG if name not in names]
    if not is_mturk and lacking:
        shown = ", ".join(f"`{shorten(name, 40)}`" for name in names[:12]) or "none"
        raise _unreadable(path, f"it has no column `{lacking[0]}`; its columns are {shown}")
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        raise _unreadable(path, f"it has the column `{twice}` twice")
    if is_mturk:
        answer = _answer_column(names, path)
    rows: list[Incoming] = []
    for number, cells, why in records:
        place = f"{path.name}:{number}"
        if not why and len(cells) != len(names):
            why = f"it has {len(cells)} cells, and the header {len(names)}"
        if why:
            rows.append(Incoming(place, why=why, beginning=_beginning(",".join(cells))))
            continue
        row = dict(zip(names, cells, strict=True))
        rows.append(_of_result(row, answer, place) if is_mturk else _of_long(row, place))
    return _known(Delivery("mturk" if is_mturk else "csv", rows), path)


def _answer_column(names: Sequence[str], path: Path) -> str:
    """The column of MTurk's results that holds the answer.

    Raises:
        DataError: There is none, or several.
    """
    found = [name for name in names if name.startswith(_ANSWER)]
    own = [name for name in found if name in (f"{_ANSWER}label", f"{_ANSWER}label.label")]
    if len(own or found) != 1:
        told = ", ".join(found[:12]) or "none"
        hint = "the order's page calls the answer `label`"
        raise _unreadable(path, f"it is not clear which column is the answer: {told}", hint)
    return (own or found)[0]


def _of_result(row: Mapping[str, str], answer: str, place: str) -> Incoming:
    if row.get(_STATUS) == "Rejected":
        return Incoming(place, why=REJECTED, beginning=_beginning(row))
    seconds, note = _seconds(row.get(_TIME))
    return Incoming(place, row[_ITEM], _person(row[_WORKER]), row[answer], seconds, note=note)


def _records(stream: Undecided) -> Iterator[tuple[str, list[str], str]]:
    """The records of delimited text: line, cells, and why it cannot be read.

    A quotation mark that nothing closes costs its own record: the next begins at the next line.
    """
    delimiter, lines = ",", list(_lines(stream))
    if lines:
        delimiter = max(",\t;", key=lines[0][1].count)
    at = 0
    while at < len(lines):
        number, line, why = lines[at]
        at += 1
        if why or not line.strip():
            if why:
                yield str(number), [line], why
            continue
        splitter, end = Splitter(delimiter, '"'), at
        try:
            is_whole = splitter.feed(line)
            size = len(line)
            while not is_whole and end < len(lines) and size <= _MAX_ROW_BYTES:
                size += len(lines[end][1])
                is_whole = splitter.feed(lines[end][1])
                end += 1
        except RecordError as error:
            yield str(number), [line], str(error)
            continue
        if not is_whole:
            yield str(number), [line], "a quotation mark is never closed"
            continue
        at = end
        yield str(number), splitter.fields, ""


def _lines(stream: Undecided) -> Iterator[tuple[int, str, str]]:
    for number, (line, size) in enumerate(read_lines(stream, _MAX_ROW_BYTES), 1):
        why = too_long(size, _MAX_ROW_BYTES) if size > _MAX_ROW_BYTES else ""
        yield number, str(line, "utf-8", "replace"), why
