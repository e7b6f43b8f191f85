"""A source that a draft names, and what tells which files it is about."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tilth.collect import item_rows
from tilth.formats.signatures import KINDS
from tilth.hints import spelled_alike
from tilth.query.seen import IDX, WEB_ARCHIVE, File, Seen
from tilth.reading.records import SPLITS
from tilth.records import PlainObject

_MOST: Final = 0.9
_FEW_OTHERS: Final = 5
_BESIDE: Final = re.compile(
    r"(?:readme|licen[cs]e|copying|notice|authors|changelog|citation)\b", re.I
)
MAX_LISTED: Final = 5


@dataclass
class Source:
    """A source of the recipe.

    Attributes:
        name: In the recipe.
        op: Its operation.
        settings: Of it, in the order in which they are written.
        about: What was seen, in sentences.
        why: Key of `settings`, or of `fields` inside, -> sentences that stand above it.
        perhaps: Settings that may be meant instead, in sentences.
        has: The columns that its rows have: text, html, image, audio, annotations, label.
        has_splits: Whether all of them say their split.
        unread: Share of the rows that are known to be quarantined.
    """

    name: str
    op: str
    settings: PlainObject
    about: list[str] = field(default_factory=list)
    why: dict[str, list[str]] = field(default_factory=dict)
    perhaps: list[str] = field(default_factory=list)
    has: frozenset[str] = frozenset({"text"})
    has_splits: bool = False
    unread: float = 0.0


def is_readable(file: File) -> bool:
    """Whether a source reads files of its type."""
    if file.kind in (WEB_ARCHIVE, IDX):
        return True
    return not item_rows.reason_for(KINDS[file.kind], frozenset())


def count_by_type(files: Iterable[File]) -> str:
    """`4,213 JPEG, 2 CSV`."""
    counts = Counter(KINDS[one.kind].what if one.kind in KINDS else one.kind for one in files)
    listed = [f"{number:,} {what}" for what, number in counts.most_common(MAX_LISTED)]
    rest = counts.total() - sum(number for _, number in counts.most_common(MAX_LISTED))
    return ", ".join([*listed, *([f"{rest:,} of other types"] if rest else [])])


def main_files(seen: Seen) -> list[File]:
    """The files that are no mere company: no README, no program, nothing unknown."""
    return [one for one in seen.files if is_readable(one) and not is_company(one)]


def is_company(file: File) -> bool:
    """Whether it is about the data, by its name."""
    return bool(_BESIDE.match(file.name.rpartition("/")[2])) and file.group in ("text", "page")


def is_main(files: Sequence[File], seen: Seen) -> bool:
    """Whether files are what all of it is about."""
    num_others = len([one for one in main_files(seen) if one not in set(files)])
    num_all = len(files) + num_others
    few = num_others <= _FEW_OTHERS and len(files) >= num_others
    return bool(files) and (len(files) >= _MOST * num_all or few)


def beside(files: Sequence[File], seen: Seen) -> list[str]:
    """What else is there, and is passed over."""
    read = set(files)
    others = [one for one in seen.files if one not in read]
    return [f"passed over: {count_by_type(others)}"] if others else []


def split_of(name: str) -> str:
    """The split that a file's name names; empty: none, or several."""
    stem = name.rpartition("/")[2].lower()
    words = re.split(r"[^a-z]+", stem)
    found = {SPLITS[word] for word in words if word in SPLITS}
    return found.pop() if len(found) == 1 else ""


def classes_of(files: Sequence[File]) -> tuple[dict[str, set[str]], int, Counter[str]]:
    """What the folders of files say.

    Returns:
        Last folder -> the paths of folders that end with it, below a split; files that are in no
        such folder; how many files each split has.
    """
    places: dict[str, set[str]] = {}
    num_without, splits = 0, Counter[str]()
    for file in files:
        folders = file.name.split("/")[:-1]
        at = next((at for at, one in enumerate(folders) if one.lower() in SPLITS), -1)
        if at >= 0:
            splits[SPLITS[folders[at].lower()]] += 1
        below = folders[at + 1 :]
        if below and below[-1].lower() not in SPLITS:
            places.setdefault(below[-1], set()).add("/".join(below))
        else:
            num_without += 1
    return places, num_without, splits


def are_classes(files: Sequence[File], places: Mapping[str, Any], num_without: int) -> bool:
    """Whether folders are likely classes: several, each with several files, and no file in none."""
    return len(places) >= 2 and not num_without and len(files) >= 2 * len(places)


def spelled_twice(files: Sequence[File]) -> list[str]:
    """Of class folders, which differ only in case."""
    places = [file.name.split("/")[-2:-1] for file in files]
    return spelled_alike(Counter(name for one in places for name in one), "file", "class")


def splits_told(splits: Counter[str]) -> str:
    return ", ".join(f"{name} {splits[name]:,}" for name in ("train", "validation", "test"))
