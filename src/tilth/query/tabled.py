"""Sources of tables, and of folders in which there is some of everything."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from tilth.collect import csv, item_rows, jsonl, parquet
from tilth.errors import DataError
from tilth.formats.signatures import KINDS
from tilth.query.heard import corpora
from tilth.query.roles import Roles, guess, shown
from tilth.query.seen import WEB_ARCHIVE, File, Seen, Table
from tilth.query.source import (
    MAX_LISTED,
    Source,
    are_classes,
    beside,
    classes_of,
    count_by_type,
    is_company,
    is_main,
    is_readable,
    spelled_twice,
    split_of,
    splits_told,
)
from tilth.records import PlainObject
from tilth.spell import counted, plural

_PAYLOADS: Final = {
    "text": "text",
    "document": "text",
    "records": "text",
    "page": "html",
    "picture": "image",
    "sound": "audio",
}


_MAX_SOURCES: Final = 10
# Folders that browsers save a page's pictures in, in the languages that have their own.
_SAVED: Final = ("_files", "-Dateien", "_fichiers", "_archivos", ".files")
_TABLE_OPS: Final = {
    "jsonl": ("jsonl", jsonl.SUFFIXES),
    "json": ("jsonl", jsonl.WHOLE),
    "csv": ("csv", csv.SUFFIXES),
    "tsv": ("csv", csv.SUFFIXES),
    "parquet": ("parquet", parquet.SUFFIXES),
}


def _op_of(table: Table, seen: Seen) -> str:
    """The source of tables of its kind; `files` where none knows it by its name."""
    op, suffixes = _TABLE_OPS.get(table.file.kind, ("files", ("",)))
    is_called_so = not seen.is_folder or table.file.name.lower().endswith(suffixes)
    # One document that is one record is no list of them.
    has_records = table.file.kind != "json" or bool(table.path)
    return op if is_called_so and has_records and not table.file.within else "files"


def tables_read(seen: Seen) -> list[Source]:
    files = seen.of_group("records")
    tables = [table for table in seen.tables if table.records and not table.label_studio]
    if not tables or not is_main(files, seen):
        return []
    with_roles = [(table, guess(table.records)) for table in tables]
    usable = [(t, r) for t, r in with_roles if "text" in r.fields or r.image]
    if not usable:
        raise _no_text(tables)
    if any(table.file.within for table in tables) or len(usable) > _MAX_SOURCES:
        return _alike(usable, files, seen)
    splits = [split_of(table.file.name) for table, _ in usable]
    sources = [
        _of_table(table, roles, seen, split)
        for (table, roles), split in zip(usable, splits, strict=True)
    ]
    left = [table for table, roles in with_roles if (table, roles) not in usable]
    first = sources[0]
    is_one = len(files) == len(tables) == len(usable) and not any(splits)
    if len(sources) > 1 and is_one and all(_same(first, one) for one in sources[1:]):
        first.settings["path"] = seen.path
        first.about = [f"{count_by_type(files)}, all with the same fields", *beside(files, seen)]
        return [first]
    for table in left:
        first.perhaps.append(
            f"{shown(table.file.name)} is not read: no field of it may be the text"
        )
    read = [table.file for table, _ in usable]
    first.about += beside([*read, *(table.file for table in left)], seen)
    return sources


def _same(one: Source, other: Source) -> bool:
    def rest(source: Source) -> PlainObject:
        return {key: value for key, value in source.settings.items() if key != "path"}

    return one.op == other.op and rest(one) == rest(other) and one.op != "files"


def _no_text(tables: Sequence[Table]) -> DataError:
    table = tables[0]
    names = dict.fromkeys(str(name) for record in table.records for name in record)
    listed = ", ".join(f"`{shown(one)}`" for one in [*names][:12])
    return DataError(
        f"no field of {shown(table.file.name)} may be the text of a sample",
        where=table.file.uri,
        hint=f"there are {listed}; a table of labels belongs to a source of what it labels"
        if names
        else "its records have no fields",
        code="no-text",
    )


def _of_table(table: Table, roles: Roles, seen: Seen, split: str = "") -> Source:
    op = _op_of(table, seen)
    path = table.file.uri if seen.is_folder else seen.path
    stem = re.split(r"[.]", table.file.name.rpartition("/")[2])[0]
    source = Source(stem, op, {"path": path}, has=frozenset())
    num = len(table.records)
    source.about = [f"{KINDS[table.file.kind].what}; looked at: the first {num:,} records"]
    if op == "jsonl" and table.path:
        source.settings["records"] = table.path
        source.why["records"] = ["where in the document the records are"]
    if op == "csv":
        by_name = "\t" if ".tsv" in table.file.name.lower() else ","
        if table.delimiter != by_name:
            source.settings["delimiter"] = table.delimiter
        if not table.header:
            source.settings |= {"header": False, "columns": list(table.columns)}
            source.why["header"] = [
                "its first line does not look like names of columns; if it is, leave `header` and "
                "`columns` out"
            ]
    _set_fields(source, roles)
    if split and not roles.has_splits:
        source.settings["split"] = split
        source.why["split"] = ["its name says so"]
        source.has_splits = True
    return source


def _set_fields(source: Source, roles: Roles) -> None:
    if roles.image and source.op == "parquet":
        source.settings["image"] = roles.image
        source.why["image"] = [f"`{shown(roles.image)}` {roles.why['image']}"]
    if roles.fields:
        source.settings["fields"] = dict(roles.fields)
        for key, name in roles.fields.items():
            source.why[f"fields.{key}"] = [f"`{shown(name)}` {roles.why[key]}"]
    source.perhaps += roles.doubts
    source.has |= {"image"} if roles.image else {"text"}
    source.has |= {key for key in ("label", "annotations", "target") if key in roles.fields}
    source.has_splits = roles.has_splits


def _alike(
    usable: Sequence[tuple[Table, Roles]], files: Sequence[File], seen: Seen
) -> list[Source]:
    """One source of many tables, or of tables in an archive: by the fields of the first."""
    table, roles = usable[0]
    op = _op_of(table, seen)
    ops = {_op_of(one, seen) for one, _ in usable}
    if ops != {op} or op == "files":
        return []
    source = _of_table(table, roles, seen)
    source.settings["path"] = seen.path
    source.about = [
        f"{count_by_type(files)}; the fields are those of {shown(table.file.name)}",
        *beside(files, seen),
    ]
    return [source]


def mixed(seen: Seen) -> list[Source]:
    """Files of any kind, by `files`; tables that do not fit the others apart."""
    readable = [one for one in seen.files if is_readable(one)]
    source = Source("files", "files", {"path": seen.path}, has=frozenset())
    source.about = [f"{count_by_type(readable)} of {plural(len(seen.files), 'file')}"]
    unread = [one for one in seen.files if not is_readable(one)]
    reasons = Counter(
        item_rows.reason_for(KINDS[one.kind], frozenset()) for one in unread if one.kind in KINDS
    )
    source.about += [f"passed over: {counted(n, reason)}" for reason, n in reasons.most_common(6)]
    if seen.of_group("sound"):
        source.perhaps += corpora(seen)
    exclude, apart = _tables_apart(source, seen)
    read = [one for one in readable if one.name not in exclude and one.kind in KINDS]
    company = {one.name.rpartition("/")[2] for one in read if is_company(one)}
    if company and len(company) < len(read):
        exclude += sorted(company)[:MAX_LISTED]
        source.why.setdefault("exclude", []).append("what is about the data is no sample")
    if exclude:
        patterns = [re.sub(r"([*?[])", r"[\1]", name) for name in exclude]
        source.settings["exclude"] = patterns
    read = [one for one in read if one.name.rpartition("/")[2] not in company]
    source.has |= {_PAYLOADS[one.group] for one in read if one.group in _PAYLOADS}
    samples = [one for one in read if one.group != "records"]
    places, num_without, splits = classes_of(samples)
    is_classed = are_classes(samples, places, num_without) and len(samples) == len(read)
    # Folders of what belongs to a page are no classes, and so the others are in doubt.
    is_classed = is_classed and not any(one.endswith(_SAVED) for one in places)
    if is_classed and all(len(paths) == 1 for paths in places.values()):
        source.settings["labels"] = "folder"
        source.why["labels"] = [
            f"all files lie in {len(places):,} folders; if they are no classes: none"
        ]
        source.has |= {"label"}
        source.about += spelled_twice(samples)
    if splits:
        source.settings["split"] = "folder"
        source.why["split"] = [f"folders name the split: {splits_told(splits)}"]
        source.has_splits = splits.total() == len(read)
    if archives := [one for one in seen.of_kind(WEB_ARCHIVE) if not one.within]:
        apart.append(
            Source(
                "pages",
                "web_archive",
                {"path": archives[0].uri if len(archives) == 1 else seen.path},
                [plural(len(archives), "web archive")],
                has=frozenset({"html", "text"}),
            )
        )
    return [*([source] if read else []), *apart]


def _tables_apart(source: Source, seen: Seen) -> tuple[list[str], list[Source]]:
    """Give `files` the fields of its first table; the tables that it leaves out, and what reads
    those of other fields.
    """
    exclude: list[str] = []
    apart: list[Source] = []
    chosen: str | None = None
    known = {table.file.uri for table in seen.tables}
    for table in seen.tables:
        roles = guess(table.records)
        text = roles.fields.get("text")
        name = table.file.name
        pattern = f"{table.file.within.rpartition('/')[2]}:{name}" if table.file.within else name
        if text is None or table.label_studio:
            exclude.append(pattern)
            _say_once(source, "exclude", "tables in which no field may be the text")
        elif chosen is None and not _needs_own(table):
            chosen = text
            _set_fields(source, Roles(roles.fields, roles.why, roles.doubts))
            source.has_splits = False
        elif text != chosen or _needs_own(table):
            exclude.append(pattern)
            if not table.file.within and len(apart) < _MAX_SOURCES:
                apart.append(_of_table(table, roles, seen))
                _say_once(source, "exclude", "tables of other fields are sources of their own")
    for file in seen.of_group("records"):
        if file.uri not in known and not file.within and is_readable(file) and file.opened:
            exclude.append(file.name)
            _say_once(source, "exclude", "what holds no records gives no sample")
    return exclude, apart


def _say_once(source: Source, key: str, sentence: str) -> None:
    told = source.why.setdefault(key, [])
    if sentence not in told:
        told.append(sentence)


def _needs_own(table: Table) -> bool:
    """Whether `files` would not read it as it is meant."""
    is_plain = table.header and table.delimiter != "|"
    return not is_plain or table.path not in ("", "[*]") or table.is_object
