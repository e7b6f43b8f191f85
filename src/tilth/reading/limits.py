"""A limit, shared out over the splits and classes of a source: what a trial run reads of it.

The first rows of a sorted file are of one class, and of a tree of pictures all are for testing. So
the records are counted first, by what they say of themselves, and then of each kind every so
many-th is taken, in the order of the source. Nothing but the counts is held.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, TypeVar

from tilth.reading.records import RecordError
from tilth.schema import Row

# Beyond so many kinds the classes are no classes but, say, names: they count as one.
_MAX_KINDS = 10_000


class Kind(NamedTuple):
    """What a limit keeps apart.

    Attributes:
        split: As the record states it; None: it does not.
        label: Its class, or the one that most people gave it; None: there is none.
        is_bad: It will be no sample: of these a limit takes its share and never more.
    """

    split: str | None = None
    label: str | None = None
    is_bad: bool = False


BAD = Kind(is_bad=True)

Takes = Callable[[Kind], bool]


def kind_of(row: Row | RecordError) -> Kind:
    """The kind of a record, by its columns or by what is wrong with it."""
    if isinstance(row, RecordError):
        return BAD
    label = row.get("label")
    if label is None and row.get("annotations"):
        said = (answer["label"] for answer in row["annotations"])
        answers = Counter(label for label in said if label is not None)
        label = min(answers, key=lambda answer: (-answers[answer], answer), default=None)
    return Kind(row.get("split"), label)


def sharing(limit: int | None, kinds: Callable[[], Iterable[Kind]]) -> Takes:
    """Says of each record, in the order of the source, whether it is read.

    Args:
        limit: Records to read at most; None: all of them.
        kinds: Goes through the source once and gives the kind of every record; not called where
            there is no limit.
    """
    return (lambda _: True) if limit is None else _Sharing(limit, kinds())


class _Sharing:
    def __init__(self, limit: int, kinds: Iterable[Kind]) -> None:
        self._counts: Counter[Kind] = Counter()
        for kind in kinds:
            self._counts[self._known(kind)] += 1
        self._takes_all = self._counts.total() <= limit
        self._shares = share_out(self._counts, limit)
        self._seen: Counter[Kind] = Counter()

    def __call__(self, kind: Kind) -> bool:
        """Whether the next record, which is of this kind, is read."""
        kind = self._known(kind)
        number, share = self._seen[kind], self._shares.get(kind, 0)
        self._seen[kind] += 1
        # Of n numbers exactly `share` have it so, evenly spread and the first among them.
        return self._takes_all or number * share % max(self._counts[kind], 1) < share

    def _known(self, kind: Kind) -> Kind:
        if kind in self._counts or len(self._counts) < _MAX_KINDS:
            return kind
        return kind._replace(label=None)


def share_out(counts: Mapping[Kind, int], limit: int) -> dict[Kind, int]:
    """How many of each kind are read: its share, and at least one while there is room.

    Where there is room for some only, classes come by their names, each in all splits.

    Args:
        counts: Records of each kind, at least one.
        limit: Records to read at most.

    Returns:
        Numbers that sum to the limit, or to all records.
    """
    total = sum(counts.values())
    limit = min(limit, total)
    shares = {kind: limit * count // total for kind, count in counts.items() if kind.is_bad}
    sound = sorted((kind for kind in counts if not kind.is_bad), key=_order)
    limit = min(limit - sum(shares.values()), sum(counts[kind] for kind in sound))
    if limit <= len(sound):
        return shares | dict.fromkeys(sound[:limit], 1)
    splits: dict[str | None, list[Kind]] = {}
    for kind in sound:
        splits.setdefault(kind.split, []).append(kind)
    sizes = {split: sum(counts[kind] for kind in kinds) for split, kinds in splits.items()}
    least = {split: len(kinds) for split, kinds in splits.items()}
    for split, room in _apportion(sizes, least, limit).items():
        kinds = splits[split]
        shares |= _apportion({kind: counts[kind] for kind in kinds}, dict.fromkeys(kinds, 1), room)
    return shares


Part = TypeVar("Part")


def _apportion(sizes: Mapping[Part, int], least: Mapping[Part, int], seats: int) -> dict[Part, int]:
    """Numbers in proportion to sizes, by largest remainders, none below its least."""
    total = sum(sizes.values())
    given = {part: max(least[part], seats * size // total) for part, size in sizes.items()}
    missing = seats - sum(given.values())
    by_remainder = sorted(sizes, key=lambda part: -(seats * sizes[part] % total))
    for part in [part for part in by_remainder if given[part] < sizes[part]][: max(missing, 0)]:
        given[part] += 1
    # Those with the most to spare give what the smallest need.
    spare = [(least[part] - given[part], number) for number, part in enumerate(sizes)]
    parts = list(sizes)
    heapq.heapify(spare)
    for _ in range(-missing):
        left, number = spare[0]
        given[parts[number]] -= 1
        heapq.heapreplace(spare, (left + 1, number))
    return given


def _order(kind: Kind) -> tuple[bool, str, int]:
    """By the names of classes, so that two sources of the same classes are read for the same."""
    splits = {"train": 0, "validation": 1, "test": 2}
    return kind.label is None, kind.label or "", splits.get(kind.split or "", len(splits))
