"""Read a Label Studio JSON export: tasks with the answers of several annotators.

The export is one JSON array, often larger than memory because images are in it as data URIs. It is
cut into tasks by its brackets, and only one task is parsed at a time.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import Field, model_validator

from tilth.collect import jsonl, task_images
from tilth.context import Context, PassesOver
from tilth.errors import DataError, TilthError
from tilth.formats.json_path import NotJsonError, cut_items
from tilth.labels import as_label
from tilth.reading import inputs, limits, records
from tilth.reading.carry import Carrier
from tilth.reading.fetching import Place
from tilth.reading.fields import Meta, carried
from tilth.reading.named import Named
from tilth.reading.whole import MAX_PIXELS, MaxPixels
from tilth.schema import Row
from tilth.splits import SplitName
from tilth.store.digests import derived

SUFFIXES = (".json", ".json.gz")

EXPERT = "expert"

_COLUMNS = ("label", "label_confidence", "label_origin", "annotations", "split")


class Settings(inputs.FileSettings):
    """Read a Label Studio JSON export with the answers of several annotators an item.

    Choices become `annotations`; an answer that is marked as ground truth becomes the label.
    Skipped answers are left out; what else a task's data has travels as `meta.NAME`. A malformed
    task is quarantined with its file and number.
    """

    image: str | None = Field(
        None, description="key of a task's data with the image; default: `image` if it is there"
    )
    text: str | None = Field(
        None, description="key of a task's data with the text; default: `text` if it is there"
    )
    control: str | None = Field(
        None, description="name of the control tag (`from_name`) to read, where there are several"
    )
    images: Place = Field(None, description="folder of the images; default: that of the export")
    max_pixels: MaxPixels = MAX_PIXELS
    split: SplitName | None = Field(
        None, description="split of all tasks whose data states none in `split`"
    )
    meta: Meta = "all"

    @model_validator(mode="after")
    def _has_images(self) -> Settings:
        if self.text is not None and self.image is None:
            for name in ("images", "max_pixels"):
                if getattr(self, name) != type(self).model_fields[name].default:
                    raise ValueError(f"`{name}` belongs to `image`, and only `text` is read")
        return self


def fingerprint(settings: Settings) -> str:
    """Names and digests of the exports and of the images that tasks name.

    Of a `url` without a digest the address; before it is fetched nobody knows which images its
    tasks name, and all files in the folder of `images` count.

    Raises:
        MissingError: the exports or the folder of their images are not there.
    """
    found = inputs.fingerprint_files(settings, SUFFIXES)
    if settings.images is not None and not _folder(settings.images).exists():
        raise inputs.not_found(settings.images)
    if settings.image is None and settings.text is not None:
        return found
    exports = inputs.places(settings, SUFFIXES)
    lines = [found, *(_images_of(export, settings) for export in exports)]
    if not exports and settings.images is not None:
        lines.append(task_images.fingerprint(_folder(settings.images), None, settings))
    return "\n".join(filter(None, lines))


def _images_of(export: Path, settings: Settings) -> str:
    """The lines of the images that the tasks of an export name, sound ones or not."""
    try:
        names = _names_of(export, settings)
    except OSError:
        return ""
    return task_images.fingerprint(_root(export, settings), names, settings)


def _names_of(export: Path, settings: Settings) -> list[str]:
    """The files that the tasks of an export name as their images.

    Raises:
        OSError: It cannot be read.
    """
    key, most = settings.image or "image", settings.max_record_bytes

    def make() -> str:
        file, names = inputs.SourceFile(export, export.name, str(export)), dict[str, None]()
        # What is wrong with it is told by who reads it.
        with suppress(TilthError):
            for task in _sound_tasks(file, most):
                name = records.find(task["data"], key)
                if task_images.is_file(name):
                    names[name] = None
        return json.dumps([*names])

    found: list[str] = json.loads(derived(export, f"images {key} {most}", make))
    return found


def fills(settings: Settings) -> tuple[str, ...]:
    """The columns that a row may have, as far as the settings tell."""
    # Which of the two it is may be found in the file only.
    return ("image", "text", "license", *_COLUMNS, *carried(settings.meta))


def read(settings: Settings, source: str, context: Context) -> Iterator[pa.RecordBatch]:
    """The tasks as rows, in the order of file name and task.

    Raises:
        MissingError: no such file.
        DataError: not a JSON array, cut off, no task at all, without what `image`, `text` or
            `control` names, or changed meanwhile.
    """
    beside: dict[str, str] = {}
    apart = replace(context, passes_over=beside.__setitem__)
    with inputs.opened(settings, SUFFIXES, apart) as found:
        _tell(beside, found, settings, context.passes_over)
        settings = _with_payload(settings, found)
        payload = {"image": settings.image, "text": settings.text}
        batcher = records.Batcher(
            source,
            (*(name for name, key in payload.items() if key is not None), *_COLUMNS),
            {"license": settings.license, "split": settings.split},
            context.limit,
        )
        names = _Names(settings)
        payloads = [key for key in payload.values() if key is not None]
        carrier = Carrier(context, settings.meta, {}, [*payloads, "split"])
        takes = limits.sharing(
            context.limit,
            lambda: (
                limits.kind_of(row)
                for file in found
                for _, _, row, _ in _tasks(file, settings, names)
            ),
        )
        meter = inputs.Meter(found, context)
        for file in found:
            if batcher.num_rows == context.limit:
                break
            carrier.begin(file.uri)
            yield from _read_file(
                file, settings, batcher, names, takes, carrier, context.passes_over
            )
            meter.finish(file, batcher.num_rows)
        names.check(settings.path or settings.url or "")
        yield from batcher.flush()
    if batcher.num_rows == 0:
        raise inputs.empty_source(settings.path or settings.url or "")


def _tell(
    beside: Mapping[str, str],
    found: Sequence[inputs.SourceFile],
    settings: Settings,
    passes_over: PassesOver,
) -> None:
    """Tell of what lies beside the exports, less the images that their tasks name."""
    named = set[Path]()
    for file in found if beside and (settings.image is not None or settings.text is None) else ():
        root = _root(file.path, settings)
        with suppress(OSError):
            named.update(task_images.files_of(root, _names_of(file.path, settings)).values())
    for place, reason in beside.items():
        if Path(os.path.realpath(_folder(place))) not in named:
            passes_over(place, reason)


def _with_payload(settings: Settings, found: list[inputs.SourceFile]) -> Settings:
    """The settings with the keys of image and text that the first sound task has.

    All rows of a source have the same columns, so the first task speaks for all.
    """
    if settings.image is not None or settings.text is not None:
        return settings
    for file in found:
        for task in _sound_tasks(file, settings.max_record_bytes):
            keys = {name: name for name in ("image", "text") if name in task["data"]}
            if keys:
                return settings.model_copy(update=keys)
    return settings.model_copy(update={"text": "text"})


def _sound_tasks(file: inputs.SourceFile, max_bytes: int) -> Iterator[Row]:
    """The tasks with data, as far as the file can be read; `_read_file` says where it cannot."""
    with suppress(NotJsonError), inputs.open_bytes(file) as stream:
        for element, num_bytes in cut_items(stream, max_bytes):
            if num_bytes <= max_bytes:
                with suppress(records.RecordError):
                    task = jsonl.parse_line(element)
                    if isinstance(task.get("data"), Mapping):
                        yield task


class _Names:
    """What the settings name of a task's data and answers, and which of it was met."""

    def __init__(self, settings: Settings) -> None:
        keys = (settings.image, settings.text)
        self._keys = Named("image` or `text", filter(None, keys), "key")
        listed = () if isinstance(settings.meta, str) else settings.meta
        self._fields = Named("meta", listed, "field")
        self._controls = Named("control", filter(None, (settings.control,)), "control tag")

    def saw(self, task: Mapping[str, Any]) -> None:
        """What a task has is there."""
        if isinstance(task.get("data"), Mapping):
            self._keys.saw_fields(task["data"])
            self._fields.saw_fields(task["data"])
        answers = task.get("annotations", task.get("completions"))
        for answer in answers if isinstance(answers, list) else ():
            for result in _results(answer):
                if "from_name" in result:
                    self._controls.saw(str(result["from_name"]))

    def check(self, where: str) -> None:
        """Once all tasks were read.

        Raises:
            DataError: No task has what the recipe names.
        """
        self._keys.check(where)
        self._fields.check(where)
        self._controls.check(where)


def _results(answer: Any) -> list[Mapping[str, Any]]:
    results = answer.get("result") if isinstance(answer, Mapping) else None
    found = results if isinstance(results, list) else []
    return [result for result in found if isinstance(result, Mapping)]


def _tasks(
    file: inputs.SourceFile, settings: Settings, names: _Names
) -> Iterator[tuple[int, Mapping[str, Any], Row | records.RecordError, int]]:
    """Number, data, what is answered (or what is wrong) and bytes of each task of an export.

    Raises:
        DataError: It is no JSON array, or cut off.
    """
    number = 0
    try:
        with inputs.open_bytes(file) as stream:
            for element, num_bytes in cut_items(stream, settings.max_record_bytes):
                number += 1
                try:
                    if num_bytes > settings.max_record_bytes:
                        raise records.RecordError(
                            inputs.too_long(num_bytes, settings.max_record_bytes)
                        )
                    task = jsonl.parse_line(element)
                    names.saw(task)
                    row = _answered(task, settings)
                except records.RecordError as error:
                    yield number, {}, error, num_bytes
                    continue
                yield number, task["data"], row, num_bytes
    except NotJsonError as error:
        raise DataError(
            f"not a Label Studio JSON export: {error}",
            where=f"{file.uri}, after task {number}",
            hint="export again as `JSON` (not JSON-MIN or CSV) and check that the file is whole",
            code="damaged-file",
        ) from error


def answered(
    file: inputs.SourceFile, control: str | None, max_bytes: int
) -> Iterator[tuple[int, Mapping[str, Any], Row | records.RecordError, int]]:
    """Number, data, answers (or what is wrong) and bytes of each task, for who has its payload.

    Args:
        file: The export.
        control: The control tag to read, where there are several.
        max_bytes: What a task may have.

    Raises:
        DataError: It is no JSON array, is cut off, or has no such control tag.
    """
    settings = Settings(path=str(file.path), control=control, max_record_bytes=max_bytes)
    names = _Names(settings)
    yield from _tasks(file, settings, names)
    names.check(file.uri)


def _read_file(
    file: inputs.SourceFile,
    settings: Settings,
    batcher: records.Batcher,
    names: _Names,
    takes: limits.Takes,
    carrier: Carrier,
    passes_over: PassesOver,
) -> Iterator[pa.RecordBatch]:
    root = _root(file.path, settings)
    for number, data, row, num_bytes in _tasks(file, settings, names):
        if batcher.is_full:
            return
        if not takes(limits.kind_of(row)):
            continue
        place = f"{file.uri}:{number}"
        try:
            if isinstance(row, records.RecordError):
                raise row
            payload, unseen = _payload(data, root, settings)
            row |= payload
            carrier.fill(data, row)
            for part in unseen:
                passes_over(place, part)
        except records.RecordError as error:
            yield from batcher.add_error(str(error), place)
            continue
        row["id"] = f"{file.name}:{row.get('id', number)}"
        yield from batcher.add(row, place, num_bytes + len(row.get("image", b"")))


def _folder(path: str) -> Path:
    return Path(os.path.expanduser(path))


def _root(export: Path, settings: Settings) -> Path:
    """The folder that the names of an export's images start from."""
    return export.parent if settings.images is None else _folder(settings.images)


def _payload(
    data: Mapping[str, Any], root: Path, settings: Settings
) -> tuple[Row, tuple[str, ...]]:
    """The image, the text or both of a task, by its data; and what of its image is not seen.

    Args:
        data: Of the task.
        root: Folder that relative image paths start from.
        settings: Which keys to read; `image`, `text` or both are set.

    Raises:
        RecordError: it has no payload, or an image that cannot be read.
    """
    row: Row = {}
    unseen: tuple[str, ...] = ()
    if settings.image is not None:
        reference, most = records.lookup(data, settings.image), settings.max_record_bytes
        image, unseen = task_images.load_image(reference, root, most, settings.max_pixels)
        row["image"] = image
    if settings.text is not None:
        row["text"] = records.as_text(records.lookup(data, settings.text), settings.text)
    return row, unseen


def _answered(task: Mapping[str, Any], settings: Settings) -> Row:
    """What is known of one task beside its payload; `id` is its own, if it has one.

    Args:
        task: As in the export: `data`, and `annotations` (`completions` before 2021).
        settings: Which control tag to read.

    Raises:
        RecordError: the task has no data, no list of annotations, or one that is none.
    """
    data = task.get("data")
    if not isinstance(data, Mapping):
        raise records.RecordError("the task has no `data`; was it exported as JSON-MIN?")
    row: Row = {}
    if (split := records.stated(data, "split")) is not None:
        row["split"] = records.as_split(split)
    if "id" in task:
        row["id"] = records.as_text(task["id"], "id")
    answers = task.get("annotations", task.get("completions"))
    if not isinstance(answers, list):
        raise records.RecordError("the task has no list of `annotations`")
    row["annotations"] = []
    for answer in answers:
        _add_answer(answer, row, settings)
    return row


def _add_answer(answer: Any, row: Row, settings: Settings) -> None:
    """One annotator's answer: into `annotations`, or the label if it is the ground truth."""
    if not isinstance(answer, Mapping):
        raise records.RecordError("an annotation is not an object")
    if answer.get("was_cancelled") or answer.get("skipped"):
        return
    label = _choice(answer, settings)
    if label is None:
        return
    if answer.get("ground_truth"):
        if row.get("label", label) != label:
            raise records.RecordError(f"two ground truths: {row['label']} and {label}")
        row.update(label=label, label_confidence=1.0, label_origin=EXPERT)
        return
    row["annotations"].append({"annotator": annotator_of(answer), "label": label})


def _choice(answer: Mapping[str, Any], settings: Settings) -> str | None:
    """The class that was chosen; None where the annotator chose none."""
    results = answer.get("result")
    if not isinstance(results, list):
        raise records.RecordError("an annotation has no list of `result`")
    chosen: set[str] = set()
    controls: set[str] = set()
    for result in results:
        if not isinstance(result, Mapping):
            raise records.RecordError("a result is not an object")
        value = result.get("value")
        if not isinstance(value, Mapping) or "choices" not in value:
            continue
        control = str(result.get("from_name", ""))
        if settings.control is not None and control != settings.control:
            continue
        choices = value["choices"]
        if not isinstance(choices, list) or not all(isinstance(item, str) for item in choices):
            raise records.RecordError("`choices` is not a list of texts")
        labels = (as_label(records.as_text(item, "choices")) for item in choices)
        chosen.update(label for label in labels if label is not None)
        controls.add(control)
    if len(controls) > 1:
        raise records.RecordError(
            f"answers to several controls ({', '.join(sorted(controls))}); set `control`"
        )
    if len(chosen) > 1:
        raise records.RecordError(f"one annotator chose {len(chosen)} classes for one item")
    return next(iter(chosen), None)


def annotator_of(answer: Mapping[str, Any]) -> str:
    """The annotator's name: e-mail or user name where the export has one, else the number."""
    who = answer.get("completed_by")
    if isinstance(who, Mapping):
        for key in ("email", "username"):
            if isinstance(who.get(key), str) and who[key]:
                return _one_name(who[key], key)
        who = who.get("id")
    if who is None:
        raise records.RecordError("an annotation does not say who `completed_by`")
    return _one_name(who, "completed_by")


def _one_name(value: Any, field: str) -> str:
    """A person's name; people are spelt by the rule of labels."""
    text = records.as_text(value, field)
    return as_label(text) or text
