"""What goes out of a run's folder: nothing personal, no secret; the same for every writer.

Whatever step a text comes from: one that was dropped before `redact` never met it, and a recipe
need not have it at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, overload
from urllib.parse import unquote, unquote_plus

from tilth.clean.personal import FINDERS
from tilth.clean.redact import redact
from tilth.records import Json, Plain
from tilth.web.secrets import masked

# Two numbers side by side are neither of them to the finders, which must not take what is nobody's.
# In what is only looked at nothing is lost by being strict: a payment card has at least 12 digits.
_NUMBERS: Final = re.compile(r"\d{3,}+(?:[ -]\d{2,})*+")
_MIN_DIGITS: Final = 12
# Without any of these neither the finders nor the masks have anything to find.
_SUSPECT: Final = re.compile(r"[@\uFF20?&;#%]|//|:[0-9A-Fa-f]*+:|\d(?:[^\d\n]{0,3}\d){3}")
# Between these the finders see a word by itself: in a path or a query a number has no white space.
_PARTS: Final = re.compile(r"[^/?&=#;:,\s]++")
# What a value is called in a query, which says of a number what it is.
_KEY: Final = re.compile(r"([A-Za-z]{2,20})=$")
# The finder of IP addresses is stopped by none of them, but told by what stands before.
_IN_PARTS: Final = tuple(kind for kind in FINDERS if kind != "ip")
_MAX_NESTED: Final = 3
_PICTURE: Final = "data:image/png;base64,"


@overload
def shareable(text: str) -> str: ...
@overload
def shareable(text: None) -> None: ...
@overload
def shareable(text: Any) -> Any: ...
def shareable(text: Any) -> Any:
    """A text with placeholders for personal data, and masks for secrets in its addresses."""
    if not isinstance(text, str) or _SUSPECT.search(text) is None:
        return text
    return redact(masked(text), tuple(FINDERS))[0]


@overload
def shareable_address(text: str) -> str: ...
@overload
def shareable_address(text: None) -> None: ...
@overload
def shareable_address(text: Any) -> Any: ...
def shareable_address(text: Any) -> Any:
    """As `shareable`, for an address, a file name, or a message that may hold them: also what is
    percent-encoded, what stands between slashes, and every long number."""
    return _address(text, _MAX_NESTED) if isinstance(text, str) else text


def _address(text: str, nested: int) -> str:
    def part(match: re.Match[str]) -> str:
        given = match.group()
        if _SUSPECT.search(given) is None:
            return given
        for plain in (unquote(given), unquote_plus(given)) if nested else ():
            if plain != given and (clean := _address(plain, nested - 1)) != plain:
                return clean
        key = _KEY.search(text, max(0, match.start() - 21), match.start())
        name = f"{key[1]}: " if key else ""
        return redact(name + given, _IN_PARTS)[0].removeprefix(name)

    text = shareable(text)
    return _NUMBERS.sub(_hidden, _PARTS.sub(part, text))


def _hidden(match: re.Match[str]) -> str:
    num_digits = sum(char.isdecimal() for char in match.group())
    return "[NUMBER]" if num_digits >= _MIN_DIGITS else match.group()


def shareable_document(document: Mapping[str, Plain]) -> Json:
    """A copy of nested mappings and lists with every string `shareable`, keys too.

    Who was told apart still is: of names that become one, such as annotators' e-mail addresses,
    the second and those after it are numbered in the order in which they stand, which says nothing
    of the name and is the same whenever the document is. Pictures (`image`) stay.
    """
    copy: Json = _Names().copy(document)
    return copy


class _Names:
    """The strings of one document that were changed, each with what stands for it."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._count: dict[str, int] = {}

    def copy(self, value: Any, key: str = "") -> Any:
        if isinstance(value, str):
            is_picture = key == "image" and value.startswith(_PICTURE)
            return value if is_picture else self._name(value)
        if isinstance(value, Mapping):
            made: dict[Any, Any] = {}
            for name, item in value.items():
                shown = self._name(name) if isinstance(name, str) else name
                while shown in made:
                    # It is the name of something else already, as it stands.
                    shown = f"{shown}'"
                made[shown] = self.copy(item, name)
            return made
        if isinstance(value, list | tuple):
            return [self.copy(item, key) for item in value]
        return value

    def _name(self, text: str) -> str:
        if (known := self._known.get(text)) is not None:
            return known
        shown = shareable(text)
        if shown == text:
            return text
        number = self._count[shown] = self._count.get(shown, 0) + 1
        self._known[text] = shown if number == 1 else f"{shown} ({number})"
        return self._known[text]
