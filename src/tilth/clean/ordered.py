"""The numbers that a list has by its own words: from where, which way, in what signs.

resiliparse counts every list from 1 upwards in digits. HTML (4.4.5, 4.4.8) has `start`, `reversed`
and `type` of `<ol>`, and `value` of `<li>`, which a reader sees.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

_OWN: Final = re.compile(
    r"<ol\b[^<>]{0,200}?\s(?:start|reversed|type)\b|<li\b[^<>]{0,200}?\svalue\b", re.I
)
_TAG: Final = re.compile(r"<(/?)(ol|ul|menu|li)\b([^<>]{0,300})>", re.I)
_ATTRIBUTE: Final = re.compile(
    r"(?<![^\s\"'])(start|value|type)\s{0,5}=\s{0,5}[\"']?\s{0,5}([-+]?\d{1,9}|[aAiI1])\b", re.I
)
_REVERSED: Final = re.compile(r"(?<![^\s\"'])reversed\b", re.I)
_ROMAN: Final = (
    *((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l")),
    *((40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i")),
)
_MAX_ROMAN: Final = 3999


@dataclass
class _List:
    """A list, and of each item where its contents begin and the number that it says it has."""

    start: int | None
    is_reversed: bool
    kind: str
    items: list[tuple[int, int | None]] = field(default_factory=list)

    def is_plain(self) -> bool:
        """Whether it counts as any list does."""
        is_plain = self.start in (None, 1) and not self.is_reversed and self.kind in ("", "1")
        return is_plain and all(value is None for _, value in self.items)


def has_own_numbers(page: str) -> bool:
    """Whether a list of the page may count otherwise than from 1 upwards in digits."""
    return _OWN.search(page) is not None


def marked(page: str, letter: str) -> str:
    """The page with the number of each item of such lists before it, between two letters.

    Args:
        page: A decoded page.
        letter: One that the page has not.
    """
    marks = sorted(
        (begin, number) for one in _lists(page) if not one.is_plain() for begin, number in _of(one)
    )
    found: list[str] = []
    done = 0
    for begin, number in marks:
        found += (page[done:begin], letter, number, ".", letter)
        done = begin
    return "".join([*found, page[done:]])


def numbered(text: str, letter: str) -> str:
    """The text that was extracted of a marked page: each number in place of the one that was
    counted."""
    counted = re.compile(
        rf"(?:(?<!\S)\d+\.\s{{0,5}})?{letter}([^{letter}]{{1,20}}){letter}\s{{0,5}}"
    )
    return counted.sub(r"\1 ", text)


def _lists(page: str) -> list[_List]:
    found: list[_List] = []
    inside: list[_List | None] = []
    for tag in _TAG.finditer(page):
        is_end, name, words = tag[1], tag[2].lower(), tag[3]
        if name == "li":
            if not is_end and inside and (current := inside[-1]) is not None:
                current.items.append((tag.end(), _whole(_told(words).get("value", ""))))
        elif is_end:
            del inside[-1:]
        elif name == "ol":
            told = _told(words)
            kind = told.get("type", "")
            is_reversed = _REVERSED.search(words) is not None
            found.append(_List(_whole(told.get("start", "")), is_reversed, kind[-1:]))
            inside.append(found[-1])
        else:
            inside.append(None)
    return found


def _told(words: str) -> dict[str, str]:
    return {one[1].lower(): one[2] for one in _ATTRIBUTE.finditer(words)}


def _whole(text: str) -> int | None:
    return int(text) if text.lstrip("+-").isdecimal() else None


def _of(one: _List) -> list[tuple[int, str]]:
    """Of each item where its contents begin, and its number as it is shown."""
    step = -1 if one.is_reversed else 1
    number = one.start
    if number is None:
        number = len(one.items) if one.is_reversed else 1
    found = []
    for begin, value in one.items:
        number = number if value is None else value
        found.append((begin, _spelt(number, one.kind)))
        number += step
    return found


def _spelt(number: int, kind: str) -> str:
    """A number in digits, letters or Roman numerals; in digits where there are no such ones."""
    if number < 1 or kind not in ("a", "A", "i", "I"):
        return str(number)
    if kind in ("a", "A"):
        letters = ""
        while number:
            number, last = divmod(number - 1, 26)
            letters = chr(ord(kind) + last) + letters
        return letters
    if number > _MAX_ROMAN:
        return str(number)
    roman = ""
    for worth, signs in _ROMAN:
        roman += signs * (number // worth)
        number %= worth
    return roman if kind == "i" else roman.upper()
