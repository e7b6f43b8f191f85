"""From bytes to characters: as they are said to be meant, or by a mark, or as they look."""

from __future__ import annotations

import codecs
import difflib
import re
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import AfterValidator

from tilth.context import Note
from tilth.decode.encodings import all_labels, decode, name_of

AUTO: Final = "auto"
# What `chardet` looks at (its `max_bytes`).
LOOK_BYTES: Final = 200_000
# By Python's name what the web has under another, or has not: spelt otherwise by `chardet`, or in
# recipes of before.
_SPELT: Final = {
    "latin-1": "windows-1252",
    "ascii": "windows-1252",
    "utf-8-sig": "utf-8",
    "utf-16": "utf-16le",
    "utf-32be": "utf-32-be",
    "utf-32le": "utf-32-le",
    "utf-16-le": "utf-16le",
    "utf-16-be": "utf-16be",
    "big5-hkscs": "big5",
    "big5hkscs": "big5",
    "cp949": "euc-kr",
    "uhc": "euc-kr",
    "cp932": "shift_jis",
    "shift-jis-2004": "shift_jis",
    "shift_jis_2004": "shift_jis",
    "shift_jisx0213": "shift_jis",
    "shift-jisx0213": "shift_jis",
    "euc-jis-2004": "euc-jp",
    "euc_jis_2004": "euc-jp",
    "euc-jisx0213": "euc-jp",
    "cp874": "windows-874",
    "tis-620": "windows-874",
    "mac-roman": "macintosh",
    "macroman": "macintosh",
    "mac-cyrillic": "x-mac-cyrillic",
    "maccyrillic": "x-mac-cyrillic",
    "iso2022-jp": "iso-2022-jp",
    "iso2022-jp-2": "iso-2022-jp",
    "iso-2022-jp-2": "iso-2022-jp",
    "iso2022-jp-2004": "iso-2022-jp",
    "iso2022-jp-ext": "iso-2022-jp",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "cp936": "gb18030",
}
# Of files on a disk, never of a page's header: what no browser reads and Python does.
_ON_DISK: Final = frozenset(
    (
        *("utf-32-le", "utf-32-be", "utf-32", "johab", "ptcp154", "kz1048", "hp-roman8"),
        *("koi8-t", "cp1006", "cp720", "mac-latin2", "mac-greek", "mac-iceland", "mac-turkish"),
        *(f"cp{number}" for number in (273, 424, 437, 500, 720, 737, 775, 850, 852, 855, 856)),
        *(f"cp{number}" for number in (857, 858, 860, 861, 862, 863, 864, 865, 869, 875)),
        *(f"cp{number}" for number in (1026, 1125, 1140)),
        *("cp037", "iso-2022-kr"),
    )
)
# The longer before what it begins with.
MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16le"),
    (codecs.BOM_UTF16_BE, "utf-16be"),
)
# Of UTF-16 in which nothing but ASCII is UTF-8 as well, so many pairs have a zero.
_MOST_PAIRS: Final = 0.75
_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\ufffe\uffff]")
How = Literal["mark", "told", "utf-8", "guess"]


class UndecodableError(ValueError):
    """The bytes are not text in any encoding that they or their transport name.

    Attributes:
        start: The first byte that is none.
    """

    def __init__(self, cause: str, start: int = 0) -> None:
        super().__init__(cause)
        self.start = start


@dataclass(frozen=True)
class Decoded:
    """What bytes say.

    Attributes:
        text: The characters, without a byte order mark.
        encoding: In which encoding: the web's name, or Python's for what the web has not.
        how: Whether a mark at their begin says so, whoever asks, the bytes themselves (`utf-8`:
            nothing else is valid so by chance), or nothing but statistics.
    """

    text: str
    encoding: str
    how: How

    @property
    def note(self) -> str:
        """What to tell of it: that it was guessed, and as what; else empty."""
        return guessed(self.encoding) if self.how == "guess" else ""


def guessed(encoding: str) -> Note:
    """What to tell of a text that does not say how it is encoded, and is no UTF-8."""
    return Note(f"text that states no encoding, read as {encoding}: a guess")


def known_encoding(label: str) -> str:
    """The encoding that a recipe names, or `auto`.

    Raises:
        ValueError: There is none of that name.
    """
    found = label if label == AUTO else named(label)
    if not found:
        names = [AUTO, *all_labels(), *_SPELT, *sorted(_ON_DISK)]
        near = difflib.get_close_matches(label[:40].lower(), names, 1)
        raise ValueError(
            f"no encoding `{label[:40]}`{f' (did you mean `{near[0]}`?)' if near else ''}: a name "
            "of the web's (encoding.spec.whatwg.org), such as windows-1252, or `auto`"
        )
    return found


Encoding = Annotated[str, AfterValidator(known_encoding)]


def named(name: str, *, on_web: bool = False) -> str:
    """The encoding that a name means, the web's or Python's; empty: none.

    Args:
        name: A label, or what `chardet` or Python calls it.
        on_web: Whether a page says so, which can name only what a browser reads.
    """
    found = name_of(name).replace("replacement", "")
    if found or on_web:
        return found
    spelt = name.strip().lower().replace("_", "-")
    if found := _SPELT.get(spelt) or name_of(spelt).replace("replacement", ""):
        return found
    spelt = spelt.replace("ibm", "cp", 1) if spelt.startswith("ibm") else spelt
    return spelt if spelt in _ON_DISK else ""


def decode_text(data: bytes, encoding: str = "utf-8") -> str:
    """The characters, every byte of them meant.

    Args:
        data: The bytes, without a byte order mark.
        encoding: By any of its names.

    Raises:
        UndecodableError: Some are none; with the place and value of the first byte that is not.
    """
    if encoding == "utf-8":
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise undecodable(error, encoding) from None
    name = named(encoding)
    try:
        return decode(data, name) if name not in _ON_DISK else data.decode(name)
    except UnicodeDecodeError as error:
        raise undecodable(error, name) from None
    except LookupError:
        raise UndecodableError(f"no encoding {encoding!r}") from None


def decode_loosely(data: bytes, encoding: str = "utf-8") -> str:
    """The characters, each that cannot be read as U+FFFD: for what is shown, or may be broken."""
    if encoding in ("utf-8", "utf-8-sig"):
        return data.decode(encoding, "replace")
    name = named(encoding)
    if name in _ON_DISK:
        return data.decode(name, "replace")
    return decode(data, name, loosely=True)


def utf16_of(head: bytes) -> tuple[str, bytes]:
    """Which UTF-16 a text is in that begins so, and its byte order mark; both empty: none.

    Without a mark it is told by the zeros that letters, blanks and digits of the West have, all of
    them in one half of the pairs. Few of them in what is UTF-8 otherwise are zeros in a text.
    """
    for mark, name in MARKS:
        if head.startswith(mark):
            return (name, mark) if name.startswith("utf-16") else ("", b"")
    pairs = len(head) // 2
    big, little = head[0 : 2 * pairs : 2].count(0), head[1 : 2 * pairs : 2].count(0)
    for name, zeros, others in (("utf-16le", little, big), ("utf-16be", big, little)):
        # Lines, blanks and marks at least.
        if not others and pairs and zeros >= 0.1 * pairs:
            if zeros < _MOST_PAIRS * pairs and is_text_with_zeros(head):
                return "", b""
            text = decode_loosely(head[: 2 * pairs - 2 * (pairs > 1)], name)
            if "\ufffd" not in text and not _CONTROL.search(text):
                return name, b""
    return "", b""


def without(data: bytes, mark: bytes) -> bytes:
    """What follows a byte order mark at the begin, however often it stands there."""
    while mark and data.startswith(mark):
        data = data[len(mark) :]
    return data


def in_utf8(data: bytes) -> bytes:
    """A whole text that is read as UTF-8, without its byte order mark, and as that where it is
    UTF-16: by lines of bytes this would be a text with zeros. Half of a pair leaves it as it is.
    """
    name, mark = utf16_of(data)
    if not name:
        return without(data, codecs.BOM_UTF8)
    try:
        return decode_text(without(data, mark), name).encode()
    except UndecodableError:
        return data


def begins_as_utf8(data: bytes) -> bool:
    """Whether first bytes are UTF-8; of their last character a part may be missing."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return False
    return True


def is_text_with_zeros(data: bytes) -> bool:
    """Whether it is UTF-8 without a sign of control but zeros, of which some are there.

    UTF-16 is not: half of each pair says in which block a letter is, which for most blocks is such
    a sign, or no UTF-8 beside the other half.

    Args:
        data: A text, or its first bytes.
    """
    rest = data.replace(b"\0", b"")
    if len(rest) == len(data) or not begins_as_utf8(rest):
        return False
    return not _CONTROL.search(rest.decode("utf-8", "ignore"))


def is_rather_utf8(data: bytes) -> bool:
    """Whether it is UTF-8 that is broken here and there: that beats a guess."""
    text = data.decode("utf-8", "replace")
    return sum(char >= "\x80" for char in text) > 2 * text.count("\ufffd")


def undecodable(error: UnicodeDecodeError, encoding: str) -> UndecodableError:
    """The error of the first byte that is none."""
    byte = error.object[error.start]
    cause = f"invalid {encoding.upper()} at byte {error.start} (0x{byte:02x})"
    return UndecodableError(cause, error.start)
