"""Numbers as people see them: out of a page's tables, a card's, a terminal's, with their digits."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

_NUMBER = re.compile(
    r"(?<![\w.,])(?P<more>[<>])?(?P<sign>[-+−±])?(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
    r"(?P<exponent>e[-+−]?\d+)?(?P<percent>[\s\u202f]?%)?(?![\w]|[.,]\d)"
)
_UNITS = {"bytes": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}


@dataclass(frozen=True)
class Printed:
    """A number as it stands there.

    Attributes:
        value: What it says; of percents as they stand: 12.5 of `12.5 %`.
        step: One in its last digit.
        bound: `<` or `>` before it.
        percent: Whether a percent sign follows.
    """

    value: float
    step: float
    bound: str
    percent: bool

    def says(self, true: float) -> bool:
        """Whether this is how the true number is printed, rounded half one way or the other."""
        if self.bound == "<":
            return 0 < true < self.value
        if self.bound == ">":
            return true > self.value
        return abs(true - self.value) <= self.step / 2 * (1 + 1e-9) + 1e-12 * abs(true)


def printed(text: str) -> list[Printed]:
    """Every number of a text."""
    found = []
    for one in _NUMBER.finditer(text):
        digits = one["digits"].replace(",", "")
        exponent = int((one["exponent"] or "e0")[1:].replace("−", "-"))
        decimals = len(digits.partition(".")[2])
        value = float(digits) * 10.0**exponent * (-1 if one["sign"] in ("-", "−") else 1)
        step = 10.0 ** (exponent - decimals)
        found.append(Printed(value, step, one["more"] or "", bool(one["percent"])))
    return found


def first(text: str) -> Printed:
    """The number that a field begins with."""
    found = printed(text)
    assert found, f"no number in {text!r}"
    return found[0]


def size(text: str) -> Printed:
    """Bytes as `4.1 kB` says them."""
    number, unit = text.split()
    one = first(number)
    return Printed(one.value * _UNITS[unit], one.step * _UNITS[unit], "", False)


# A number with an interval: `2.26 [2.21, 2.31]`.
_PLAIN = r"[-+−]?(?:\d[\d,]*(?:\.\d+)?|inf)"
_ESTIMATE = re.compile(
    rf"(?P<mid>{_PLAIN})[^\[\]\d;]{{0,12}}\[(?P<low>{_PLAIN}), (?P<high>{_PLAIN})\]"
)


@dataclass(frozen=True)
class Estimate:
    """A number with its interval, as it stands there."""

    mid: float
    low: float
    high: float
    text: str


def estimates(text: str) -> list[Estimate]:
    """Every number with an interval of a text."""

    def number(found: str) -> float:
        return float(found.replace(",", "").replace("−", "-"))

    return [
        Estimate(number(one["mid"]), number(one["low"]), number(one["high"]), one.group())
        for one in _ESTIMATE.finditer(text)
        if "interval" not in one.group()  # `95 % interval [2.21, 2.31]`: the number is its level
    ]


@dataclass
class Table:
    """A table under the last heading before it."""

    heading: str
    columns: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)

    def column(self, name: str) -> dict[str, str]:
        """The fields under a head, by what the row begins with."""
        at = self.columns.index(name)
        return {row[0]: row[at] for row in self.rows}


@dataclass
class Part:
    """A section of the page, or the card of a step in it."""

    name: str
    text: str = ""
    tables: list[Table] = field(default_factory=list)
    pairs: list[tuple[str, str, str]] = field(default_factory=list)

    def pair(self, heading: str, key: str) -> str:
        """What a list of facts says under its heading."""
        return next(text for where, name, text in self.pairs if (where, name) == (heading, key))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[Part] = [Part("head")]
        self._waiting = False
        self._heading = self._taking = ""
        self._texts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("style", "svg", "script"):
            self._hidden += 1
        elif tag in ("section", "article"):
            self._waiting = True
            self._heading = ""
        elif tag == "table":
            self.parts[-1].tables.append(Table(self._heading))
        elif tag == "tr" and self.parts[-1].tables:
            self.parts[-1].tables[-1].rows.append([])
        elif tag in ("h2", "h3", "h4", "th", "td", "dt", "dd"):
            self._taking, self._texts = tag, []

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self._texts.append(data)
            self.parts[-1].text += data

    def handle_endtag(self, tag: str) -> None:
        if tag in ("style", "svg", "script"):
            self._hidden -= 1
        self.parts[-1].text += " "
        if tag == "thead":
            table = self.parts[-1].tables[-1]
            table.columns = table.rows.pop()
        if tag != self._taking:
            return
        text, self._taking = " ".join("".join(self._texts).split()), ""
        part = self.parts[-1]
        if tag in ("h2", "h3") and self._waiting:
            self.parts.append(Part(text))
            self._waiting = False
        elif tag in ("h3", "h4"):
            self._heading = text
        elif tag in ("th", "td"):
            part.tables[-1].rows[-1].append(text)
        elif tag == "dt":
            part.pairs.append((self._heading, text, ""))
        elif tag == "dd":
            part.pairs[-1] = (*part.pairs[-1][:2], text)


def parts_of(page: str) -> dict[str, Part]:
    """The sections of a report and the cards of its steps, by heading."""
    reader = _Reader()
    reader.feed(page)
    return {part.name: part for part in reader.parts}


def markdown_tables(card: str) -> list[Table]:
    """The tables of a card."""
    found: list[Table] = []
    heading = ""
    for line in card.splitlines():
        if line.startswith("#"):
            heading, found = line.strip("# "), [*found, Table("")]
        elif line.startswith("|"):
            fields = [
                one.strip().replace("\\", "") for one in re.split(r"(?<!\\)\|", line.strip("|"))
            ]
            if not found or found[-1].heading != heading or not found[-1].columns:
                found = [*found, Table(heading, fields)]
            elif not all(set(one) <= set("-: ") for one in fields):
                found[-1].rows.append(fields)
    return [one for one in found if one.rows]


def terminal_table(text: str) -> Table:
    """The first table of what a verb printed."""
    lines = text.splitlines()
    rule = next(at for at, line in enumerate(lines) if line and set(line) <= set("─-"))
    made = Table("", re.split(r"\s{2,}|(?<=dropped) ", lines[rule - 1].strip()))
    for line in lines[rule + 1 :]:
        if not line.strip():
            break
        made.rows.append(re.split(r"\s{2,}", line.strip()))
    return made


def numbers_in(texts: Sequence[str]) -> Iterator[Printed]:
    """Every number of several texts."""
    for text in texts:
        yield from printed(text)


def is_whole(value: float) -> bool:
    """Whether a number is a finite whole one."""
    return math.isfinite(value) and float(value).is_integer()
