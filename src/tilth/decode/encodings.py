"""The web's encodings: what a label means, what bytes are in each, and what a query is in each.

Source: the WHATWG Encoding Standard, as Chromium keeps it. `encodings.json` has the labels, the
tables of the encodings of one byte, and where the tables of Python's codecs differ in the others;
`benchmarks/encodings.py` makes it, and a test compares every sequence with what Chromium makes.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

# SHA-256 of the tables, which decide what a text is as the code here does.
TABLES: Final = "d22cfe8848ca53e507a1c5c61fb5fcdfaf272212a2a4453f8146ac235fa9bb29"
_REPLACEMENT: Final = "\ufffd"
# What stands for "not in the table" in a table of `codecs.charmap_decode`.
_NOTHING: Final = "\ufffe"
_OWN: Final = {"utf-8": "utf-8", "utf-16be": "utf-16-be", "utf-16le": "utf-16-le"}
_LEADS: Final = rb"[\x00-\x7f]+|[\x81-\xfe][\x00-\xff]?|[\x80\xff]"
# What stands together, by encoding, with a character whole or cut off by the end: so no table has
# to be asked where the next begins.
_GB18030: Final = (
    rb"[\x00-\x7f]+"
    rb"|[\x81-\xfe](?:[\x30-\x39](?:[\x81-\xfe](?:[\x30-\x39]|\Z)|\Z)|[^\x30-\x39])?"
    rb"|[\x80\xff]"
)
_TOKENS: Final = {
    "gbk": re.compile(_GB18030),
    "gb18030": re.compile(_GB18030),
    "big5": re.compile(_LEADS),
    "euc-kr": re.compile(_LEADS),
    "euc-jp": re.compile(
        rb"[\x00-\x7f]+|\x8f[\xa1-\xfe][\x00-\xff]?|[\x8e\x8f\xa1-\xfe][\x00-\xff]?|[\x80-\xff]"
    ),
    "shift_jis": re.compile(rb"[\x00-\x80]+|[\x81-\x9f\xe0-\xfc][\x00-\xff]?|[\xa0-\xff]"),
}
_KANA: Final = {0x8E00 | byte: chr(0xFF61 - 0xA1 + byte) for byte in range(0xA1, 0xE0)}
# Of halfwidth katakana the fullwidth ones, for encodings that lack the former.
_FULLWIDTH: Final = (
    "。「」、・ヲァィゥェォャュョッーアイウエオカキクケコサシスセソタチツテトナニヌネノ"
    "ハヒフヘホマミムメモヤユヨラリルレロワン゛゜"
)
# Characters of one's own once, by the bytes that the standard still writes them as (10.2.2).
_GB_ONCE: Final = {
    **dict(zip("\ue78d\ue78e\ue78f\ue790\ue791\ue792\ue793", range(0xA6D9, 0xA6E0), strict=True)),
    "\ue794": 0xA6EC,
    "\ue795": 0xA6ED,
    "\ue796": 0xA6F3,
    "\ue81e": 0xFE59,
    "\ue826": 0xFE61,
    "\ue82b": 0xFE66,
    "\ue82c": 0xFE67,
    "\ue832": 0xFE6D,
    "\ue843": 0xFE7E,
    "\ue854": 0xFE90,
    "\ue864": 0xFEA0,
}
# Of what stands in a query as it is (URL Standard, 1.3: all but the special-query set).
_UNESCAPED: Final = frozenset(range(0x21, 0x7F)) - frozenset(b"\"#<>'")
_BIG5_LAST: Final = "\u2550\u255e\u2561\u256a\u5341\u5345"


@cache
def _told() -> Mapping[str, Any]:
    path = Path(__file__).with_name("encodings.json")
    found: Mapping[str, Any] = json.loads(path.read_text("utf-8"))
    return found


@cache
def _labels() -> Mapping[str, str]:
    told: Mapping[str, str] = _told()["labels"]
    return {label: name for name, labels in told.items() for label in labels.split()}


def name_of(label: str) -> str:
    """The encoding that a label means, such as ``windows-1252`` for ``latin1``; empty: none.

    ``replacement`` is what labels of encodings mean that do harm (Encoding Standard, 14.1).
    """
    # In capitals of ASCII, not by every letter that has a small one.
    label = label.lower() if label.isascii() else label
    return _labels().get(label.strip("\t\n\f\r "), "")


def all_labels() -> tuple[str, ...]:
    """Every label of the standard, in lower case."""
    return tuple(_labels())


def is_by_byte(encoding: str) -> bool:
    """Whether an ASCII byte is that character wherever it stands, and a line can stand alone."""
    return encoding in ("utf-8", "euc-jp") or encoding in _told()["singles"]


def decode(data: bytes, encoding: str, *, loosely: bool = False) -> str:
    """The characters of bytes; no byte order mark is looked for.

    Args:
        data: The bytes.
        encoding: As `name_of` gives it.
        loosely: Put U+FFFD where the standard does, rather than fail.

    Raises:
        UnicodeDecodeError: Some bytes are no character, and `loosely` is false.
        LookupError: No such encoding, or one that is never decoded.
    """
    if codec := _OWN.get(encoding):
        return data.decode(codec, "replace" if loosely else "strict")
    if (table := _single(encoding)) is not None:
        return codecs.charmap_decode(data, "replace" if loosely else "strict", table)[0]
    if encoding == "iso-2022-jp":
        return "".join(_iso_2022_jp(data, loosely=loosely))
    if encoding not in _TOKENS:
        raise LookupError(f"no encoding {encoding!r}")
    tokens, chars = _TOKENS[encoding], _chars(encoding, loosely)
    try:
        return "".join(map(chars.__getitem__, tokens.findall(data)))
    except KeyError:
        for token in tokens.finditer(data):
            if chars.get(token[0]) is None and not chars.is_known(token[0]):
                raise _no_character(encoding, data, *token.span()) from None
        raise AssertionError from None  # pragma: no cover


def in_query(text: str, encoding: str) -> str:
    """A query as the address of a link in a page has it (URL Standard, 1.3, 4.4).

    Args:
        text: The query; what is ASCII in it stays as it is.
        encoding: Of the page. UTF-16 and what is never decoded count as UTF-8.

    Returns:
        The other characters in the encoding, percent-encoded; each that it lacks as ``&#``, its
        number and ``;``, these percent-encoded too.
    """
    if text.isascii():
        return text
    is_utf8 = encoding in ("utf-8", "utf-16be", "utf-16le") or not is_written(encoding)
    known = {} if is_utf8 else _bytes_of(encoding)
    found = []
    for char in text:
        if char < "\x80":
            found.append(char)
            continue
        there = char.encode("utf-8", "replace") if is_utf8 else known.get(char)
        if there is None and encoding == "gb18030" and char != "\ue5e5":
            there = char.encode("gb18030", "ignore")
        if there:
            found += [chr(one) if one in _UNESCAPED else f"%{one:02X}" for one in there]
        else:
            found.append(f"%26%23{ord(char)}%3B")
    return "".join(found)


def is_written(encoding: str) -> bool:
    """Whether characters are put into an encoding, and it is not only read."""
    return encoding in _TOKENS or encoding == "iso-2022-jp" or _single(encoding) is not None


def _no_character(encoding: str, data: bytes, start: int, end: int) -> UnicodeDecodeError:
    return UnicodeDecodeError(encoding, data, start, end, "no character")


@cache
def _single(encoding: str) -> str | None:
    """The 256 characters of an encoding of one byte."""
    if encoding == "x-user-defined":
        upper = "".join(chr(0xF780 + place) for place in range(128))
    elif (upper := _told()["singles"].get(encoding, "")) == "":
        return None
    return bytes(range(128)).decode("ascii") + upper.replace(_REPLACEMENT, _NOTHING)


class _Chars(dict[bytes, str]):
    """What stands together, and the characters that it is."""

    def __init__(self, encoding: str, loosely: bool) -> None:
        super().__init__(_table(encoding))
        self._loosely = loosely
        self._beyond = 0x81 if encoding == "shift_jis" else 0x80
        self._four = _told()["differ"]["gb18030"] if encoding in ("gbk", "gb18030") else None

    def is_known(self, token: bytes) -> bool:
        """Whether it is characters, of the table or beside it."""
        try:
            self[token]
        except KeyError:
            return False
        return True

    def __missing__(self, token: bytes) -> str:
        # Runs of ASCII are not kept: there is no end of them.
        if token[0] < self._beyond:
            return token.decode("latin-1")
        if self._four is not None and len(token) == 4:
            if (told := self._four.get(token.hex())) is not None:
                return str(told)
            try:
                return token.decode("gb18030")
            except UnicodeDecodeError:
                pass
        if not self._loosely:
            raise KeyError(token)
        last = token[-1]
        is_given_back = last < 0x80 and (self._four is None or not 0x30 <= last <= 0x39)
        return _REPLACEMENT + (chr(last) if is_given_back and len(token) > 1 else "")


@cache
def _chars(encoding: str, loosely: bool) -> _Chars:
    return _Chars(encoding, loosely)


@cache
def _table(encoding: str) -> Mapping[bytes, str]:
    """The characters of one, two and three bytes beyond ASCII, in the order of the bytes."""
    codec, differ = _told()["codecs"][encoding], _told()["differ"][encoding]
    found: dict[bytes, str] = {}
    if encoding == "gbk" or encoding == "gb18030":
        found[b"\x80"] = "\u20ac"
    if encoding == "shift_jis":
        found |= {bytes((byte & 0xFF,)): char for byte, char in _KANA.items()}
        found[b"\x80"] = "\x80"
    starts = [b"", b"\x8f"] if encoding == "euc-jp" else [b""]
    for start in starts:
        for lead in range(0xA1 if start else 0x81, 0xFF):
            for trail in range(0xA1 if start else 0x30, 0xFF):
                token = start + bytes((lead, trail))
                told = differ.get(token.hex())
                if told is None and not (encoding == "shift_jis" and 0xA0 <= lead <= 0xDF):
                    try:
                        told = token.decode(codec)
                    except UnicodeDecodeError:
                        continue
                if told:
                    found[token] = told
    return found


@cache
def _bytes_of(encoding: str) -> Mapping[str, bytes]:
    """Of each character beyond ASCII the bytes that the standard's encoder gives it."""
    if (table := _single(encoding)) is not None:
        return {char: bytes((byte,)) for byte, char in enumerate(table) if char != _NOTHING}
    base = "euc-jp" if encoding == "iso-2022-jp" else encoding
    found: dict[str, bytes] = {}
    for token, char in _table(base).items():
        lead = token[0]
        if base == "big5" and (lead < 0xA1 or char in _BIG5_LAST):
            if lead >= 0xA1:
                found[char] = token
            continue
        # Rows of NEC's that repeat IBM's, characters of one's own, and JIS X 0212 are only read.
        if base == "shift_jis" and (0xED <= lead <= 0xEF or "\ue000" <= char <= "\uf8ff"):
            continue
        if base == "euc-jp" and len(token) == 3:
            continue
        if base == "gb18030" and token == b"\x80":
            continue
        found.setdefault(char, token)
    if base in ("gbk", "gb18030"):
        found |= {char: pair.to_bytes(2, "big") for char, pair in _GB_ONCE.items()}
    if base == "gb18030":
        fours = {token: char for token, char in _told()["differ"][base].items() if len(token) == 8}
        found |= {char: bytes.fromhex(token) for token, char in fours.items()}
    if base in ("euc-jp", "shift_jis"):
        found["\u2212"] = found["\uff0d"]
        found |= {"\u00a5": b"\\", "\u203e": b"~"}
    if encoding == "iso-2022-jp":
        found |= {chr(0xFF61 + place): found[char] for place, char in enumerate(_FULLWIDTH)}
        found = {
            char: b"\x1b$B" + bytes(byte & 0x7F for byte in token) + b"\x1b(B"
            for char, token in found.items()
        }
        found |= {"\u00a5": b"\x1b(J\\\x1b(B", "\u203e": b"\x1b(J~\x1b(B"}
    return found


_ESCAPES: Final = {b"(B": "ascii", b"(J": "roman", b"(I": "kana", b"$@": "lead", b"$B": "lead"}


def _iso_2022_jp(data: bytes, *, loosely: bool) -> Iterator[str]:
    """The standard's decoder (Encoding Standard, 12.2.1), byte by byte."""
    table = _table("euc-jp")
    state, at, lead, is_fresh = "ascii", 0, -1, False
    while at < len(data):
        byte, start, char = data[at], at, ""
        at += 1
        if byte == 0x1B:
            is_cut = lead >= 0
            lead = -1
            if is_cut:
                char, at = _REPLACEMENT, at - 1
            elif (said := _ESCAPES.get(data[at : at + 2])) is not None:
                state, at = said, at + 2
                # Two in a row, with nothing between, are how a filter is deceived.
                char, is_fresh = (_REPLACEMENT if is_fresh else ""), True
            else:
                char, is_fresh = _REPLACEMENT, False
        elif state == "lead":
            is_fresh = False
            if lead >= 0:
                char = table.get(bytes((lead | 0x80, byte | 0x80)), _REPLACEMENT)
                char = char if 0x21 <= byte <= 0x7E else _REPLACEMENT
                lead = -1
            elif 0x21 <= byte <= 0x7E:
                lead = byte
            else:
                char = _REPLACEMENT
        else:
            is_fresh, char = False, _REPLACEMENT
            if state == "kana":
                char = chr(0xFF61 - 0x21 + byte) if 0x21 <= byte <= 0x5F else char
            elif byte < 0x80 and byte not in (0x0E, 0x0F):
                char = chr(byte)
                if state == "roman":
                    char = {"\\": "\u00a5", "~": "\u203e"}.get(char, char)
        if char == _REPLACEMENT and not loosely:
            raise _no_character("iso-2022-jp", data, start, at)
        yield char
    if lead >= 0:
        if not loosely:
            raise _no_character("iso-2022-jp", data, len(data) - 1, len(data))
        yield _REPLACEMENT
