"""What an operation says of itself, a nested dict of its own shape, as small tables.

An operation adds a figure by returning it; nothing has to be taught here. Shapes that mean
something everywhere are drawn as what they are: `{"edges", "counts"}` is a histogram, `{"mean" or
"value", "low", "high"}` an estimate with its interval, `"simulated": true` a badge.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from tilth.foreign import shorten
from tilth.report.charts import NARROW, WIDE, histogram
from tilth.report.text import (
    ABSENT,
    count,
    decimals_for,
    duration,
    finite,
    fixed,
    number,
    percent,
    plural,
)
from tilth.tasks.registry import metrics

MAX_ROWS, MAX_COLUMNS, MAX_ITEMS, MAX_DEPTH = 50, 14, 24, 5

# What tells the rows of a table apart stands first.
_NAMES = ("", "name", "function", "annotator", "source", "rule", "label", "class")

# A float between 0 and 1 under such a name is a share.
_SHARES = ("share", "rate", "coverage", "conflict", "overlap", "fraction", "percent")


@dataclass(frozen=True)
class Cell:
    """One field of a table: its text, and whether it is a number (aligned right)."""

    text: str
    numeric: bool = False


@dataclass(frozen=True)
class Table:
    """A table that says what it left out."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: int

    @property
    def numeric(self) -> tuple[bool, ...]:
        """For each column, whether all that stands in it are numbers."""
        return tuple(
            any(row[at].numeric for row in self.rows)
            and all(row[at].numeric or row[at].text == ABSENT for row in self.rows)
            for at in range(len(self.columns))
        )


@dataclass(frozen=True)
class Chart:
    """One picture, drawn for a wide and a narrow page, with its numbers as a table."""

    title: str
    caption: str
    wide: Markup
    narrow: Markup
    table: Table | None = None


@dataclass(frozen=True)
class Block:
    """One figure under its heading: pairs, a table, a chart or a text; or a group of blocks."""

    title: str = ""
    pairs: tuple[tuple[str, str], ...] = ()
    table: Table | None = None
    chart: Chart | None = None
    text: str = ""
    blocks: tuple[Block, ...] = ()
    simulated: bool = False
    note: str = ""


def humane(key: str) -> str:
    """A key as a heading: `num_in_common` becomes `num in common`."""
    return shorten(key.replace("_", " ").strip() or "(no name)", 80)


# Of figures that no task declares.
_NAMED = {
    "signature": "signature of sacreBLEU",
    "top1": "top-1 accuracy (%)",
}


def named(key: str) -> str:
    """A figure's name as the field writes it: `chrf` becomes chrF."""
    known = metrics().get(key)
    return _NAMED.get(key) or (known.heading if known else humane(key))


def scalar(value: Any, key: str = "") -> Cell | None:
    """A value that fits one field, or None."""
    if value is None:
        return Cell(ABSENT)
    if isinstance(value, bool):
        return Cell("yes" if value else "no")
    if isinstance(value, int):
        return Cell(count(value) if key not in ("seed", "seeds") else str(value), True)
    if isinstance(value, float):
        return Cell(_float(value, key.lower()), True)
    if isinstance(value, str):
        return Cell(shorten(value[:301], 300))
    if isinstance(value, Mapping):
        return _interval(value)
    return None


def _float(value: float, key: str) -> str:
    if key.endswith(("_s", "seconds")):
        return duration(value)
    if 0 <= value <= 1 and any(word in key for word in _SHARES):
        return percent(value)
    return number(value)


def _interval(value: Mapping[str, Any]) -> Cell | None:
    low, high = finite(value.get("low")), finite(value.get("high"))
    mean = finite(value.get("mean", value.get("value")))
    if low is None or high is None or mean is None:
        return None
    if set(value) - {"mean", "value", "low", "high", "n"}:
        return None
    decimals = decimals_for((high - low) / 2)
    text = f"{fixed(mean, decimals)} [{fixed(low, decimals)}, {fixed(high, decimals)}]"
    return Cell(text + (f", n = {count(value['n'])}" if value.get("n") else ""), True)


def table(
    columns: Sequence[str], rows: Sequence[Sequence[Cell]], total: int | None = None
) -> Table:
    """A table of at most 50 rows that knows of how many."""
    kept = tuple(tuple(row) for row in rows[:MAX_ROWS])
    return Table(tuple(columns), kept, len(rows) if total is None else total)


def figure_blocks(figures: Any, key: str) -> tuple[Block, ...]:
    """The blocks of an operation's figures.

    Args:
        figures: Whatever `describe` returned.
        key: Unique in the page; charts are addressed by it.
    """
    if not isinstance(figures, Mapping):
        return () if figures in (None, [], "") else (_block("", figures, key, 1),)
    whole = _block("", figures, key, 0)
    flat = replace(whole, blocks=())
    own = flat.pairs or flat.table or flat.chart or flat.text or flat.note or flat.simulated
    return (*((flat,) if own else ()), *whole.blocks)


def _block(title: str, value: Any, key: str, depth: int) -> Block:
    if isinstance(value, Mapping):
        return _mapping(title, value, key, depth)
    if isinstance(value, list | tuple):
        return _sequence(title, value, key, depth)
    cell = scalar(value, title)
    return Block(humane(title), text=cell.text if cell else "")


def _mapping(title: str, value: Mapping[str, Any], key: str, depth: int) -> Block:
    heading, simulated = humane(title) if title else "", value.get("simulated") is True
    chart = _histogram(heading, value, key)
    if chart:
        return Block(heading, chart=chart, simulated=simulated)
    if depth > MAX_DEPTH:
        return Block(heading, text=shorten(json.dumps(value), 600), note="nested too deep to draw")
    if depth and value and all(isinstance(item, Mapping) for item in value.values()):
        rows = [{"": name, **item} for name, item in value.items()]
        if made := _records(rows):
            return Block(heading, table=made[0], note=made[1], simulated=simulated)
    pairs: list[tuple[str, Cell]] = []
    nested: list[Block] = []
    for name, item in value.items():
        if name == "simulated" and simulated:
            continue  # the heading says it
        if cell := scalar(item, name):
            pairs.append((humane(name), cell))
        else:
            nested.append(_block(name, item, f"{key}-{len(nested)}", depth + 1))
    made_table = None
    if len(pairs) > 10 and all(cell.numeric for _, cell in pairs):
        made_table = table(("", "value"), [(Cell(name), cell) for name, cell in pairs])
        pairs = []
    return Block(
        heading,
        pairs=tuple((name, cell.text) for name, cell in pairs[:MAX_ROWS]),
        table=made_table,
        blocks=tuple(nested[:MAX_ITEMS]),
        simulated=simulated,
        note="; ".join(
            filter(
                None,
                (
                    _left_out(len(pairs), MAX_ROWS, "figure"),
                    _left_out(len(nested), MAX_ITEMS, "table"),
                ),
            )
        ),
    )


def _sequence(title: str, value: Sequence[Any], key: str, depth: int) -> Block:
    heading = humane(title)
    if not value:
        return Block(heading, text="none")
    if all(isinstance(item, Mapping) for item in value) and (made := _records(value)):
        simulated = any(item.get("simulated") is True for item in value)
        return Block(heading, table=made[0], note=made[1], simulated=simulated)
    if all(isinstance(item, list | tuple) and item for item in value):
        cells = [[scalar(item) for item in row[:MAX_COLUMNS]] for row in value[:MAX_ROWS]]
        wide = len(cells[0])
        if all(len(row) == wide and None not in row for row in cells):
            rows = [[cell for cell in row if cell] for row in cells]
            columns = [str(position + 1) for position in range(wide)]
            return Block(heading, table=table(columns, rows, len(value)))
    found = [scalar(item) for item in value[:MAX_ITEMS]]
    if all(found):
        text = ", ".join(cell.text for cell in found if cell)
        return Block(heading, text=text, note=_left_out(len(value), MAX_ITEMS, "value"))
    if depth > MAX_DEPTH:
        return Block(heading, text=shorten(json.dumps(value), 600), note="nested too deep to draw")
    inner = [
        _block(f"{title} {position + 1}", item, f"{key}-{position}", depth + 1)
        for position, item in enumerate(value[:MAX_ITEMS])
    ]
    return Block(heading, blocks=tuple(inner), note=_left_out(len(value), MAX_ITEMS, "item"))


def _left_out(total: int, limit: int, noun: str) -> str:
    return f"{limit} of {plural(total, noun)} shown" if total > limit else ""


def _records(rows: Sequence[Mapping[str, Any]]) -> tuple[Table, str] | None:
    """A table of records, and what it leaves out; None where nothing in them is a scalar."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    made = {name: [scalar(row.get(name), name) for row in rows[:MAX_ROWS]] for name in names}
    flat = {
        name: [cell for cell in cells if cell] for name, cells in made.items() if None not in cells
    }
    if not flat or (len(flat) == 1 and len(names) > 1):
        return None
    columns = sorted(flat, key=lambda name: _place(name, flat[name]))[:MAX_COLUMNS]
    nested = [humane(name) for name in names if name not in flat]
    note = f"in report.json: {', '.join(nested[:MAX_ITEMS])}" if nested else ""
    cells = [[flat[name][at] for name in columns] for at in range(len(rows[:MAX_ROWS]))]
    titles = [humane(name) if name else "" for name in columns]
    left = _left_out(len(flat), MAX_COLUMNS, "column")
    return table(titles, cells, len(rows)), "; ".join(filter(None, (left, note)))


def _place(name: str, cells: Sequence[Cell]) -> int:
    """Where a column belongs: names, short words, numbers, sentences.

    Figures come out of a file whose keys are sorted, so their own order says nothing.
    """
    if name in _NAMES:
        return 0
    if any(cell.numeric for cell in cells):
        return 2
    return 1 if all(len(cell.text) <= 24 for cell in cells) else 3


def _histogram(heading: str, value: Mapping[str, Any], key: str) -> Chart | None:
    edges, counts = value.get("edges"), value.get("counts")
    if not isinstance(edges, list | tuple) or not isinstance(counts, list | tuple):
        return None
    bounds = [edge for item in edges if (edge := finite(item)) is not None]
    amounts = [amount for item in counts if (amount := finite(item)) is not None]
    sound = len(bounds) == len(edges) == len(amounts) + 1 and len(counts) == len(amounts)
    if not (sound and amounts and min(amounts) >= 0 and sorted(set(bounds)) == bounds):
        return None
    if len(amounts) > 200:
        return None
    drawn = [
        Markup(  # noqa: S704 - every foreign text in it went through svg.escape
            histogram(
                bounds,
                amounts,
                key=f"{key}-{width}",
                width=width,
                title=heading,
                description=f"{heading}: {count(sum(amounts))} samples in {len(amounts)} bins",
                x_label=heading,
            )
        )
        for width in (WIDE, NARROW)
    ]
    rows = [
        [Cell(number(low), True), Cell(number(high), True), Cell(count(amount), True)]
        for (low, high), amount in zip(pairwise(bounds), amounts, strict=True)
    ]
    return Chart(heading, "", drawn[0], drawn[1], table(("from", "to", "count"), rows))
