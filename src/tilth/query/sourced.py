"""Which source reads what was seen, with which settings, and what speaks for it."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tilth.collect import image_folder, item_rows, webdataset
from tilth.errors import DataError
from tilth.formats.signatures import KINDS
from tilth.query.aligned import aligned
from tilth.query.heard import corpora, heard
from tilth.query.labelled import join_labels
from tilth.query.roles import guess, shown
from tilth.query.seen import IDX, WEB_ARCHIVE, File, Seen
from tilth.query.source import (
    MAX_LISTED,
    Source,
    are_classes,
    beside,
    classes_of,
    count_by_type,
    is_main,
    is_readable,
    spelled_twice,
    split_of,
    splits_told,
)
from tilth.query.tabled import mixed, tables_read
from tilth.records import Plain, PlainObject
from tilth.spell import counted, plural

_PICTURE: Final = re.compile(
    rf"^data:image/|(?:{'|'.join(map(re.escape, image_folder.SUFFIXES))})$", re.I
)


# A key of WebDataset ends at the first point of a member's name.
_MEMBER: Final = re.compile(r"((?:.*/)?[^/.]+)\.([^/]+)", re.S)
_TAR: Final = re.compile(r"\.(?:tar|tgz|tbz2|txz)(?:\.[a-z0-9]+)?$", re.I)
_SHARDED: Final = {
    "image": webdataset.PICTURES,
    "audio": webdataset.SOUNDS,
    "text": ("txt",),
    "label": ("cls",),
}
_MOST: Final = 0.9


# Share of all files that are of one kind, from which on the others stand beside them; and so many
# others do in any case.
def sources_of(seen: Seen) -> list[Source]:
    """The sources that read it.

    Raises:
        DataError: Nothing can be read, or no field of its records may be the text.
    """
    if not any(map(is_readable, seen.files)):
        raise _nothing(seen)
    for rule in (
        *(_web_archives, _idx, _shards, _pairs, _tasks, _pictures, _sounds, tables_read),
        _one_text,
    ):
        if found := rule(seen):
            return _named(found)
    if found := mixed(seen):
        return _named(found)
    raise DataError(
        "no record of what is there may be a sample: none can be read, or none has a text",
        where=seen.path,
        hint="`tilth explain files` says what is read; a source names the text under `fields:`",
        code="no-text",
    )


def _nothing(seen: Seen) -> DataError:
    reasons = Counter(
        item_rows.reason_for(KINDS[one.kind], frozenset())
        for one in seen.files
        if one.kind in KINDS
    )
    told = [counted(number, reason) for reason, number in (reasons + seen.passed).most_common(6)]
    return DataError(
        f"nothing there that Tilth reads: {'; '.join(told) or 'it is empty'}",
        where=seen.path,
        hint="`tilth explain files` says what is read; point at the folder that holds the data",
        code="empty-source",
    )


def _web_archives(seen: Seen) -> list[Source]:
    files = [one for one in seen.of_kind(WEB_ARCHIVE) if not one.within]
    if not is_main(files, seen):
        return []
    about = [f"{plural(len(files), 'web archive')} (WARC, ARC, WET, WAT or WACZ)"]
    about += beside(files, seen)
    source = Source("pages", "web_archive", {"path": seen.path}, about)
    source.has = frozenset({"html", "text"})
    source.perhaps.append("pages of other statuses than 200: `statuses: [200, 404]`")
    return [source]


def _idx(seen: Seen) -> list[Source]:
    pairs: dict[str, dict[str, str]] = {}
    for file in seen.of_kind(IDX):
        name = file.name.rpartition("/")[2]
        for part in ("images", "labels"):
            if part in name and not file.within:
                pairs.setdefault(name.partition(part)[0], {})[part] = file.uri
    files: list[PlainObject] = []
    for start, pair in sorted(pairs.items(), reverse=True):
        if len(pair) == 2:
            split = split_of(start) or ("test" if start.startswith("t10k") else "train")
            parts = {part: {"path": pair[part]} for part in ("images", "labels")}
            files.append({"split": split, **parts})
    if not files:
        return []
    about = [f"{plural(len(files), 'pair')} of IDX files, images and labels, by their names"]
    source = Source("images", "idx", {"files": files}, about)
    source.perhaps.append(
        "`set: mnist` with `path:` instead of `files` checks the digests of MNIST itself"
    )
    source.has, source.has_splits = frozenset({"image", "label"}), True
    return [source]


def _shards(seen: Seen) -> list[Source]:
    """Tar archives of which a sample is several members of one name, as WebDataset has them."""
    files = [one for one in seen.files if one.within and _TAR.search(one.within)]
    samples: dict[tuple[str, str], set[str]] = {}
    for file in files:
        found = _MEMBER.fullmatch(file.name)
        if found is None:
            return []
        samples.setdefault((file.within, found[1]), set()).add(found[2].lower())
    endings = [ending for one in samples.values() for ending in one]
    num_parted = sum(len(one) > 1 for one in samples.values())
    # Members of one name are one: else a file that is there in two formats would be two samples.
    if not is_main(files, seen) or num_parted < _MOST * len(samples):
        return []
    has = {column for column, kinds in _SHARDED.items() if any(one in kinds for one in endings)}
    if not has & {"image", "audio", "text"}:
        return []
    about = [
        f"{plural(len({one.within for one in files}), 'tar archive')} in which "
        f"{num_parted:,} of {plural(len(samples), 'name')} have several members, as WebDataset has"
    ]
    about += beside(files, seen)
    source = Source("samples", "webdataset", {"path": seen.path}, about, has=frozenset(has))
    source.perhaps.append("if each member is a sample of its own: `files: {path: ...}`")
    return [source]


def _pairs(seen: Seen) -> list[Source]:
    found = aligned(seen)
    if found is None or not is_main(found.members, seen):
        return []
    files: list[PlainObject] = []
    for stem, (source_file, target_file) in found.pairs.items():
        split = split_of(stem)
        files.append(
            {
                **({"split": split} if split else {}),
                "source": {"path": source_file},
                "target": {"path": target_file},
            }
        )
    about = [
        f"{plural(len(files), 'pair')} of files of equally many lines, one in {found.source}, one "
        f"in {found.target}, by their endings",
        *found.left_out,
        *beside(found.members, seen),
    ]
    source = Source("pairs", "parallel", {"files": files}, about)
    source.perhaps = [
        f"which language is translated from is a guess: exchange `source` and `target` for "
        f"{found.target} to {found.source}",
        *found.doubts,
    ]
    source.has = frozenset({"text", "target"})
    source.has_splits = all("split" in pair for pair in files)
    return [source]


def _tasks(seen: Seen) -> list[Source]:
    """Exports of Label Studio."""
    found = []
    for table in seen.tables:
        if not table.label_studio or table.file.within:
            continue
        data = [_object(task["data"]) for task in table.records]
        about = [
            f"{shown(table.file.name)} is a Label Studio export: its first "
            f"{plural(len(data), 'task')} with `data` and answers"
        ]
        source = Source("tasks", "label_studio", {"path": table.file.uri}, about)
        controls = Counter(name for task in table.records for name in _controls(task))
        if len(controls) > 1:
            control, *others = [name for name, _ in controls.most_common()]
            source.settings["control"] = control
            source.why["control"] = ["the control tag with most answers"]
            source.perhaps += [f"`control: {shown(one)}`" for one in others[:MAX_LISTED]]
        payload, key, why = _payload(data)
        source.has = frozenset({payload, "annotations"})
        if key not in ("", payload):
            source.settings[payload] = key
            source.why[payload] = [why]
        found.append(source)
    return found if len(found) == len([t for t in seen.tables if not t.file.within]) else []


def _object(value: Plain) -> PlainObject:
    return dict(value) if isinstance(value, Mapping) else {}


def _controls(task: PlainObject) -> Iterator[str]:
    """The control tags that a task's answers come from."""
    answers = task.get("annotations", task.get("completions"))
    for answer in answers if isinstance(answers, list) else ():
        results = _object(answer).get("result")
        for result in results if isinstance(results, list) else ():
            if isinstance(result, Mapping) and "from_name" in result:
                yield str(result["from_name"])


def _payload(data: Sequence[PlainObject]) -> tuple[str, str, str]:
    """What tasks show: (image or text, the key of their data that has it, what speaks for it)."""
    keys = dict.fromkeys(str(key) for one in data for key in one)
    pictures = [
        key
        for key in keys
        if data and all(_PICTURE.search(str(one.get(key, ""))) is not None for one in data)
    ]
    if "image" in keys or pictures:
        key = "image" if "image" in keys else pictures[0]
        return "image", key, "the key of `data` whose values are called like pictures"
    if "text" in keys:
        return "text", "text", ""
    name = guess(data).fields.get("text", "")
    return "text", name if name in keys else "", "the key of `data` with the longest text"


def _pictures(seen: Seen) -> list[Source]:
    files = seen.of_group("picture")
    if not is_main(files, seen):
        return []
    places, num_without, splits = classes_of(files)
    about = [f"{count_by_type(files)} of {plural(len(seen.files), 'file')}", *beside(files, seen)]
    source = Source("pictures", "image_folder", {"path": seen.path}, about)
    source.has = frozenset({"image"})
    source.has_splits = splits.total() == len(files)
    if splits:
        about.append(f"folders name the split: {splits_told(splits)}")
    if are_classes(files, places, num_without):
        source.has |= {"label"}
        about += spelled_twice(files)
        is_unique = all(len(paths) == 1 for paths in places.values())
        source.settings["labels"] = "folder" if is_unique else "path"
        source.why["labels"] = [
            f"the pictures lie in {plural(len(places), 'class folder')}"
            if is_unique
            else "folders of one name lie in different folders, so that the path is the class"
        ]
        source.perhaps.append("if the folders are no classes: `labels: none`")
        if _has_empty_class(files, seen):
            source.settings["include"] = _endings_of(files)
            source.why["include"] = [
                "a folder beside the classes holds no picture; without `include` that is an error"
            ]
    else:
        source.settings["labels"] = "none"
        source.why["labels"] = [
            f"{num_without:,} of {plural(len(files), 'picture')} lie in no class folder"
            if num_without and places
            else "there are no folders that are classes"
        ]
        if places:
            source.perhaps.append("if their folders are classes: `labels: folder`")
    join_labels(source, files, seen)
    return [source]


def _has_empty_class(files: Sequence[File], seen: Seen) -> bool:
    folders = {one.uri.rpartition("/")[0] for one in files}
    parents = {folder.rpartition("/")[0] for folder in folders}
    others = {one.uri.rpartition("/")[0] for one in seen.files} - folders
    return any(
        one.rpartition("/")[0] in parents and not any(f.startswith(f"{one}/") for f in folders)
        for one in others
    )


def _endings_of(files: Sequence[File]) -> str:
    endings = sorted({os.path.splitext(one.name)[1].lower().lstrip(".") for one in files})
    return rf"(?i)\.({'|'.join(map(re.escape, endings))})$"


def _sounds(seen: Seen) -> list[Source]:
    files = seen.of_group("sound")
    if not is_main(files, seen):
        return []
    about = [f"{count_by_type(files)} of {plural(len(seen.files), 'file')}"]
    source = Source("sounds", "audio", {"path": seen.path}, about, has=frozenset({"audio"}))
    source.perhaps += corpora(seen)
    transcripts = heard(files, seen)
    if transcripts is not None:
        source.settings["transcripts"] = transcripts.path
        source.why["transcripts"] = [
            f"its lines `name TAB text` name {transcripts.num_named:,} of "
            f"{plural(len(files), 'sound')}"
        ]
        source.unread = 1 - transcripts.num_named / len(files)
        source.has |= {"target"}
        about += beside([*files, transcripts.file], seen)
        return [source]
    about += beside(files, seen)
    places, num_without, splits = classes_of(files)
    if are_classes(files, places, num_without) and all(len(one) == 1 for one in places.values()):
        source.op = "files"
        source.settings |= {"types": ["sounds"], "labels": "folder"}
        source.why["labels"] = [f"the sounds lie in {plural(len(places), 'class folder')}"]
        source.perhaps.append("if the folders are no classes: `labels: none`")
        source.has |= {"label"}
        about += spelled_twice(files)
        if splits:
            source.settings["split"] = "folder"
            source.why["split"] = [f"folders name the split: {splits_told(splits)}"]
            source.has_splits = splits.total() == len(files)
    else:
        source.perhaps.append(
            "if the names say what is said, or who speaks, `name:` reads it off them "
            "(`tilth explain audio`)"
        )
    join_labels(source, files, seen)
    return [source]


def _one_text(seen: Seen) -> list[Source]:
    """One file of plain text."""
    if seen.is_folder or len(seen.files) != 1 or seen.files[0].kind not in ("text", "markdown"):
        return []
    source = Source("text", "text_file", {"path": seen.path})
    with open(os.path.expanduser(seen.path), "rb") as stream:
        head = stream.read(1 << 20)
    num_lines = head.count(b"\n")
    num_paragraphs = len(re.findall(rb"\n\s*\n", head))
    is_packed = seen.files[0].name.lower().endswith((".gz", ".bz2", ".xz", ".zst"))
    record = "file" if is_packed or num_lines < 20 else "line"
    record = "paragraph" if num_paragraphs >= 20 and not is_packed else record
    source.settings["record"] = record
    source.about = [f"one text of {seen.num_bytes:,} bytes"]
    source.why["record"] = [
        f"{num_paragraphs:,} blank lines and {num_lines:,} lines in its first {len(head):,} bytes"
    ]
    source.perhaps.append("`record: file`, `line` or `paragraph`, whatever one sample is")
    return [source]


def _named(sources: list[Source]) -> list[Source]:
    """Sources with names that a recipe may give, each once."""
    seen: Counter[str] = Counter()
    for source in sources:
        plain = re.sub(r"[^A-Za-z0-9_-]+", "-", source.name).strip("-_")[:40] or "data"
        seen[plain] += 1
        source.name = plain if seen[plain] == 1 else f"{plain}-{seen[plain]}"
    return sources
