"""A table beside files that says their classes, as the setting `join` that reads it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any, Final

from tilth.query.roles import guess, shown
from tilth.query.seen import File, Seen, Table
from tilth.query.source import MAX_LISTED, Source
from tilth.reading.kinds import is_metadata
from tilth.records import PlainObject
from tilth.spell import plural

# Of the rows that were looked at: less is another table, or one of other files too.
_MOST: Final = 0.9
_ENDING: Final = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,7}$")
_NUMBER: Final = re.compile(r"\s*[-+]?[\d.,]+\s*")
_KEY: Final = "file_name"


def join_labels(source: Source, files: Sequence[File], seen: Seen) -> None:
    """Give a source the table that says the classes of its files, where one plainly does.

    What may be meant, but is in doubt, is told beside it.

    Args:
        source: Of the files.
        files: They.
        seen: All that was seen.
    """
    found = [one for table in seen.tables if (one := _join(table, files)) is not None]
    if len(found) == 1 and "label" not in source.has:
        source.settings["join"], why = found[0]
        source.why["join"] = [why]
        source.has |= {"label"}
        return
    source.perhaps += _named(files, seen)


def _join(table: Table, files: Sequence[File]) -> tuple[PlainObject, str] | None:
    """The setting, and what speaks for it; None: it is not plain what the table says."""
    is_plain = not (table.file.within or table.path or table.is_object or table.label_studio)
    if not (is_plain and table.header and table.records):
        return None
    for key in dict.fromkeys(name for record in table.records for name in record):
        by = _by([record.get(key) for record in table.records], files)
        label = _class([{n: v for n, v in one.items() if n != key} for one in table.records])
        if not by or not label:
            continue
        fields = {"label": label}
        about = (
            f"{shown(table.file.name)} names files in `{shown(str(key))}`, and `{shown(label)}` is "
            "what has few values, as classes have"
        )
        if is_metadata(table.file.name):
            # Which lies among the files, and is read from wherever it lies.
            return ({"fields": fields}, about) if key == _KEY and by == "path" else None
        join: PlainObject = {"path": table.file.uri}
        join |= {"by": by} if by != "path" else {}
        join |= {"key": str(key)} if key != _KEY else {}
        return {**join, "fields": fields}, about
    return None


def _by(values: Sequence[Any], files: Sequence[File]) -> str:
    """By what of the files a column names nearly each a file of its own; empty: it does not."""
    keys = [value.removeprefix("./") for value in values if isinstance(value, str)]
    if len(keys) < len(values) or len(set(keys)) < len(keys):
        return ""
    ends: dict[str, int] = {}
    for file in files:
        parts = file.name.split("/")
        for at in range(len(parts)):
            end = "/".join(parts[at:])
            ends[end] = ends.get(end, 0) + 1
    paths = [ends.get(key, 0) for key in keys]
    if max(paths) <= 1 and sum(paths) >= _MOST * len(keys):
        return "path"
    names = [file.name.rpartition("/")[2] for file in files]
    stems = [_ENDING.sub("", name) for name in names]
    for by, known in (("name", names), ("stem", stems)):
        of_one = set(known) if len(set(known)) == len(known) else set()
        if sum(key.rpartition("/")[2] in of_one for key in keys) >= _MOST * len(keys):
            return by
    return ""


def _class(records: Sequence[PlainObject]) -> str:
    """The column with the class: called so, or the only one that has few values."""
    if label := guess(records).fields.get("label", ""):
        return label
    names = dict.fromkeys(name for record in records for name in record)
    found = [
        str(name)
        for name in names
        if "label" in guess([{"label": one[name]} for one in records if name in one]).fields
        # What only has few values may be a size.
        and not all(_NUMBER.fullmatch(str(one.get(name, "0"))) for one in records)
    ]
    return found[0] if len(found) == 1 and "." not in found[0] else ""


def _named(files: Sequence[File], seen: Seen) -> list[str]:
    """Tables that name the files: what they say of them is likely the labels."""
    known = {
        key
        for one in files
        for key in (one.name, one.name.rpartition("/")[2], os.path.splitext(one.name)[0])
    }
    known |= {os.path.splitext(key)[0] for key in known}
    any_case = {key.casefold() for key in known}
    told = []
    for table in seen.tables:
        names = dict.fromkeys(name for record in table.records for name in record)
        for name in names:
            values = [str(one[name]) for one in table.records if one.get(name) is not None]
            num_named = sum(value in known for value in values)
            num_alike = sum(value.casefold() in any_case for value in values)
            if values and num_alike > len(values) / 2:
                others = [f"`{shown(str(one))}`" for one in names if one != name][:MAX_LISTED]
                join = f"join: {{path: {shown(table.file.name)}, key: {shown(str(name))}}}"
                told.append(
                    f"{shown(table.file.name)} names files in `{shown(str(name))}` "
                    f"({num_alike:,} of its first {plural(len(values), 'row')}), and says of them "
                    f"{', '.join(others) or 'nothing'}: `{join}` reads it, with `fields` or "
                    "`answers` (docs/guides/labels.md)"
                )
                if num_named < num_alike:
                    told[-1] += (
                        f"; {num_alike - num_named:,} in another case than the files have, which "
                        "fit nothing until they are spelt alike"
                    )
                break
    return told
