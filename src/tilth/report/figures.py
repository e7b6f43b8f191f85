"""What an operation says of itself, a nested dict of its own shape, as small tables.

An operation adds a figure by returning it; nothing has to be taught here. What it declares of it
(`tilth.figures`) decides its name and how it is written, and is said on hover. Shapes that mean
something everywhere are drawn as what they are: `{"edges", "counts"}` is a histogram, `{"mean" or
"value", "low", "high"}` an estimate with its interval, `"simulated": true` a badge.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple

from markupsafe import Markup

from tilth.figures import Definition
from tilth.foreign import shorten
from tilth.query.figures import definitions, find, said
from tilth.query.found import NAMES
from tilth.report.charts import NARROW, WIDE, histogram
from tilth.report.text import ABSENT, count, duration, finite, fixed, number, percent, plural
from tilth.spell import decimals_apart, decimals_of
from tilth.tasks.registry import metrics

MAX_ROWS, MAX_COLUMNS, MAX_ITEMS, MAX_DEPTH = 50, 14, 24, 5

MAX_IMAGE = 64_000
# Bitmaps only: an SVG image could hold anything.
IMAGE = re.compile(r"data:image/(?:png|jpeg|webp|gif);base64,[A-Za-z0-9+/]+={0,2}")

# Of a figure that nobody declared: a number from 0 to 1 under such a name is a share.
_SHARES = ("share", "rate", "coverage", "conflict", "overlap", "fraction", "percent")


def as_image(value: str | None) -> str:
    """A bitmap as a data URI that a page may hold; empty where it is none."""
    return value if value and len(value) <= MAX_IMAGE and IMAGE.fullmatch(value) else ""


class Term(str):
    """A figure's name as it is shown, with what it is.

    Attributes:
        about: Said on hover; empty where nobody declared it.
    """

    __slots__ = ("about",)
    about: str

    def __new__(cls, shown: str, about: str = "") -> Term:
        """A name, which is a text like any other."""
        made = super().__new__(cls, shown)
        made.about = about
        return made


class _At(NamedTuple):
    """Where one of an operation's figures stands: all that is declared, and the keys to it."""

    known: Mapping[str, Definition]
    names: tuple[str, ...] = ()

    def below(self, name: str) -> _At:
        """One key further."""
        return self._replace(names=(*self.names, name))

    @property
    def told(self) -> Definition | None:
        """What the figure is, or the table that it is a cell of."""
        return find(self.known, self.names)[0]

    def term(self) -> str:
        """How the figure is headed."""
        one, depth = find(self.known, self.names)
        key = humane(self.names[-1]) if self.names else ""
        if one is None or depth:
            return key
        return Term(shorten(one.heading, 80), shorten(said(one), 800))


@dataclass(frozen=True)
class Cell:
    """One field of a table: its text, and whether it is a number (aligned right); or a picture."""

    text: str
    numeric: bool = False
    image: str = ""


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


def scalar(value: Any, key: str = "", told: Definition | None = None) -> Cell | None:
    """A value that fits one field, or None.

    Args:
        value: Of a figure.
        key: Under which it stands.
        told: What it is, where that is declared.
    """
    if value is None:
        return Cell(ABSENT)
    if isinstance(value, bool):
        return Cell("yes" if value else "no")
    if isinstance(value, int | float) and told is not None and (told.share or told.unit == "s"):
        return Cell(percent(value) if told.share else duration(value), True)
    if isinstance(value, int):
        return Cell(count(value) if key not in ("seed", "seeds") else str(value), True)
    if isinstance(value, float):
        return Cell(_float(value, key.lower()) if told is None else _number(value), True)
    if isinstance(value, str):
        image = as_image(value) if key == "image" else ""
        return Cell("", image=image) if image else Cell(shorten(value[:301], 300))
    if isinstance(value, Mapping):
        return _interval(value, is_share=told is not None and told.share)
    return None


def _float(value: float, key: str) -> str:
    if key.endswith(("_s", "seconds")):
        return duration(value)
    if 0 <= value <= 1 and any(word in key for word in _SHARES):
        return percent(value)
    return _number(value)


def _number(value: float) -> str:
    """Three significant digits, and more of what is not 1, which may be a bound of what it can be.

    An agreement of 0.9996 is not one of all with all.
    """
    text = number(value)
    looks_like_one = value != 1 and text in ("1.00", "1.000")
    return fixed(value, decimals_apart((value,), 3, (1.0,))) if looks_like_one else text


def _interval(value: Mapping[str, Any], *, is_share: bool) -> Cell | None:
    low, high = finite(value.get("low")), finite(value.get("high"))
    mean = finite(value.get("mean", value.get("value")))
    if low is None or high is None or mean is None:
        return None
    if is_share:
        mean, low, high = 100 * mean, 100 * low, 100 * high
    if set(value) - {"mean", "value", "low", "high", "n"}:
        return None
    bounds = (0.0, 100.0) if is_share else (0.0, 1.0)
    decimals = decimals_apart((mean, low, high), decimals_of((high - low) / 2), bounds)
    text = f"{fixed(mean, decimals)} [{fixed(low, decimals)}, {fixed(high, decimals)}]"
    text += "\u202f%" * is_share
    return Cell(text + (f", n = {count(value['n'])}" if value.get("n") else ""), True)


def table(
    columns: Sequence[str], rows: Sequence[Sequence[Cell]], total: int | None = None
) -> Table:
    """A table of at most 50 rows that knows of how many."""
    kept = tuple(tuple(row) for row in rows[:MAX_ROWS])
    return Table(tuple(columns), kept, len(rows) if total is None else total)


def figure_blocks(figures: Any, key: str, op: str = "") -> tuple[Block, ...]:
    """The blocks of an operation's figures.

    Args:
        figures: Whatever `describe` returned.
        key: Unique in the page; charts are addressed by it.
        op: The operation, which may have declared what they are.
    """
    at = _At(definitions(op) if figures else {})
    if not isinstance(figures, Mapping):
        return () if figures in (None, [], "") else (_block(at, figures, key, 1),)
    whole = _block(at, figures, key, 0)
    flat = replace(whole, blocks=())
    own = flat.pairs or flat.table or flat.chart or flat.text or flat.note or flat.simulated
    return (*((flat,) if own else ()), *whole.blocks)


def _block(at: _At, value: Any, key: str, depth: int) -> Block:
    if isinstance(value, Mapping):
        return _mapping(at, value, key, depth)
    if isinstance(value, list | tuple):
        return _sequence(at, value, key, depth)
    cell = scalar(value, at.names[-1] if at.names else "", at.told)
    return Block(at.term() or humane(""), text=cell.text if cell else "")


def _mapping(at: _At, value: Mapping[str, Any], key: str, depth: int) -> Block:
    heading, simulated = at.term(), value.get("simulated") is True
    chart = _histogram(heading, value, key)
    if chart:
        return Block(heading, chart=chart, simulated=simulated)
    if depth > MAX_DEPTH:
        return Block(heading, text=shorten(json.dumps(value), 600), note="nested too deep to draw")
    if depth and value and all(isinstance(item, Mapping) for item in value.values()):
        rows = [{"": name, **item} for name, item in value.items()]
        if made := _records(rows, at):
            return Block(heading, table=made[0], note=made[1], simulated=simulated)
    pairs: list[tuple[str, Cell]] = []
    nested: list[Block] = []
    for name, item in value.items():
        if name == "simulated" and simulated:
            continue  # the heading says it
        here = at.below(name)
        if cell := scalar(item, name, here.told):
            pairs.append((here.term(), cell))
        else:
            nested.append(_block(here, item, f"{key}-{len(nested)}", depth + 1))
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


def _sequence(at: _At, value: Sequence[Any], key: str, depth: int) -> Block:
    heading, title = at.term() or humane(""), at.names[-1] if at.names else ""
    if not value:
        return Block(heading, text="none")
    if all(isinstance(item, Mapping) for item in value) and (made := _records(value, at)):
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
        _block(at.below(f"{title} {position + 1}"), item, f"{key}-{position}", depth + 1)
        for position, item in enumerate(value[:MAX_ITEMS])
    ]
    return Block(heading, blocks=tuple(inner), note=_left_out(len(value), MAX_ITEMS, "item"))


def _left_out(total: int, limit: int, noun: str) -> str:
    return f"{limit} of {plural(total, noun)} shown" if total > limit else ""


def _records(rows: Sequence[Mapping[str, Any]], at: _At) -> tuple[Table, str] | None:
    """A table of records, and what it leaves out; None where nothing in them is a scalar."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    told = {name: at.below(name).told for name in names}
    made = {
        name: [scalar(row.get(name), name, told[name]) for row in rows[:MAX_ROWS]] for name in names
    }
    flat = {
        name: [cell for cell in cells if cell] for name, cells in made.items() if None not in cells
    }
    if not flat or (len(flat) == 1 and len(names) > 1):
        return None
    columns = sorted(flat, key=lambda name: _place(name, flat[name]))[:MAX_COLUMNS]
    nested = [humane(name) for name in names if name not in flat]
    note = f"in report.json: {', '.join(nested[:MAX_ITEMS])}" if nested else ""
    cells = [[flat[name][at] for name in columns] for at in range(len(rows[:MAX_ROWS]))]
    titles = [at.below(name).term() if name else "" for name in columns]
    left = _left_out(len(flat), MAX_COLUMNS, "column")
    return table(titles, cells, len(rows)), "; ".join(filter(None, (left, note)))


def _place(name: str, cells: Sequence[Cell]) -> int:
    """Where a column belongs: names, short words, numbers, sentences.

    Figures come out of a file whose keys are sorted, so their own order says nothing.
    """
    if any(cell.numeric for cell in cells):
        return 2
    if name in ("", *NAMES):
        return 0
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
