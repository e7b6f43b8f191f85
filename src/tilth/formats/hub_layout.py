"""Which files of a data set of the Hugging Face hub are which split.

The README.md says so, or else the names of the files and folders do.
Source: huggingface.co/docs/hub, "Data files configuration" and "File names and splits".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final

from tilth.formats.hub_card import CardError, Config

# What may be data: records, which are read; and what is a sample each, or holds some.
RECORDS: Final = (".parquet", ".arrow", ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".txt")
_PACKED: Final = ("", ".gz", ".bz2", ".xz", ".zst")
ENDINGS: Final = tuple(one + packed for one in RECORDS for packed in _PACKED)
_NO_DATA: Final = ("dataset_infos.json", "dataset_info.json", "state.json", "dataset_dict.json")
_MAGIC: Final = frozenset("*?[")
_SHARD: Final = re.compile(r"data/(\w+(?:\.\w+)*)-(\d{5,})-of-(\d{5,})\.[^/]*")
_NUMBERED: Final = re.compile(r"(.*)-(\d{5,})-of-(\d{5,})(\.[^/]*)")
_WORDS: Final = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
# A word counts where it is not a part of another, as in `contest`.
_WORD: Final = {
    split: re.compile(f"(?:^|[^a-zA-Z])(?:{'|'.join(words)})(?:$|[^a-zA-Z])", re.I)
    for split, words in _WORDS.items()
}


def is_data(name: str) -> bool:
    """Whether a path inside may be a file of records."""
    base = name.rpartition("/")[2]
    return name.lower().endswith(ENDINGS) and base not in _NO_DATA


def splits_of(names: Sequence[str], config: Config) -> dict[str, list[str]]:
    """The files of each split, in the order in which they are read.

    Args:
        names: Paths inside, with forward slashes.
        config: The table that is read.

    Raises:
        CardError: A pattern of the README.md fits no file, or a file two splits.
    """
    if config.files:
        found = {split: _fitting(names, config, split) for split in config.files}
    else:
        inside = [name for name in names if is_data(name) and _is_in(name, config.folder)]
        found = _by_names(_of_one_type(inside), config.folder)
    _require_one(found)
    return found


def missing_of(names: Iterable[str]) -> list[str]:
    """The files that are not there, of sets such as `train-00000-of-00002.parquet`."""
    there = set(names)
    missing = set()
    for match in filter(None, map(_NUMBERED.fullmatch, there)):
        start, number, of, end = match.groups()
        if int(of) > 1_000_000:
            continue
        # Each looks at the one before it, and the last one for the end: linear in the files.
        if int(number) > 0:
            missing.add(f"{start}-{int(number) - 1:0{len(number)}d}-of-{of}{end}")
        missing.add(f"{start}-{int(of) - 1:0{len(number)}d}-of-{of}{end}")
    return sorted(missing - there)


def _of_one_type(names: Sequence[str]) -> list[str]:
    """Those of the type that most are of: a data set is of one, and the others explain it."""
    types = Counter(map(_type, names))
    most = max(types, key=lambda one: (types[one], -RECORDS.index(one)), default="")
    return [name for name in names if _type(name) == most]


def _type(name: str) -> str:
    return next(one for one in RECORDS if f"{one}." in f"{name.lower()}."[-12:])


def _is_in(name: str, folder: str) -> bool:
    return not folder or name.startswith(f"{folder}/")


def _fitting(names: Sequence[str], config: Config, split: str) -> list[str]:
    found: dict[str, None] = {}
    there: frozenset[str] = frozenset()
    for pattern in config.files[split]:
        whole = f"{config.folder}/{pattern}" if config.folder else pattern
        whole = whole.removeprefix("./")
        # A list of a thousand files is looked up, not gone through a thousand times.
        there = there or frozenset(names)
        if _MAGIC.isdisjoint(whole):
            matching = [whole] * (whole in there)
        else:
            matching = [name for name in names if _fits(name, whole)]
        if not matching:
            raise CardError(f"its `data_files` name `{whole[:80]}`, which no file fits")
        found |= dict.fromkeys(matching)
    return list(found)


def _by_names(names: Sequence[str], folder: str) -> dict[str, list[str]]:
    """By the first that says any: `data/SPLIT-00000-of-00001.parquet`, folders, names of files."""
    found: dict[str, list[str]] = {}
    inner = {name: name[len(folder) + 1 :] if folder else name for name in names}
    for name, inside in inner.items():
        if match := _SHARD.fullmatch(inside):
            found.setdefault(match[1], []).append(name)
    if found:
        return found
    for part in (0, 2):
        for name, inside in inner.items():
            told = inside.rpartition("/")[part]
            for split in (split for split, word in _WORD.items() if _says(told, word)):
                found.setdefault(split, []).append(name)
        if found:
            return {split: found[split] for split in _WORDS if split in found}
    return {"train": list(names)} if names else {}


def _says(told: str, word: re.Pattern[str]) -> bool:
    return any(word.search(one) for one in told.split("/"))


def _require_one(found: Mapping[str, Sequence[str]]) -> None:
    owner: dict[str, str] = {}
    for split, names in found.items():
        for name in names:
            if owner.setdefault(name, split) != split:
                raise CardError(f"`{name[:80]}` would be of the splits {owner[name]} and {split}")


def _fits(name: str, pattern: str) -> bool:
    """A pattern of `fsspec`: `*` and `?` stay within a folder, `**` does not."""
    wanted = pattern.split("/")
    if any("**" in part and part != "**" for part in wanted):
        return fnmatchcase(name, pattern)
    # Which beginnings of the pattern fit what was read of the name.
    reached = _past_any({0}, wanted)
    for part in name.split("/"):
        found = set()
        for at in reached:
            if at < len(wanted) and wanted[at] == "**":
                found.add(at)
            elif at < len(wanted) and fnmatchcase(part, wanted[at]):
                found.add(at + 1)
        reached = _past_any(found, wanted)
    return len(wanted) in reached


def _past_any(reached: set[int], wanted: Sequence[str]) -> set[int]:
    """`**` may also stand for no folder."""
    found, left = set(reached), list(reached)
    while left:
        at = left.pop()
        if at < len(wanted) and wanted[at] == "**" and at + 1 not in found:
            found.add(at + 1)
            left.append(at + 1)
    return found
