"""What bytes are that say nowhere how they are meant: as they look."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from tilth.decode.text import (
    AUTO,
    LOOK_BYTES,
    MARKS,
    Decoded,
    UndecodableError,
    decode_loosely,
    decode_text,
    is_rather_utf8,
    is_text_with_zeros,
    named,
    undecodable,
    utf16_of,
    without,
)

_CHUNK: Final = 1 << 16
_BEFORE_BYTES: Final = 1000
_MOST_ZEROS: Final = 0.375


def read_text(data: bytes, encoding: str = AUTO) -> Decoded:
    """A text that lies on a disk, or came without a word of how it is meant.

    Args:
        data: All of it.
        encoding: Of what has no byte order mark; `auto`: UTF-8 where it is that, else by `chardet`.

    Raises:
        UndecodableError: It is binary, or in none that can be told, or not in what was named.
    """
    for mark, name in MARKS:
        if data.startswith(mark):
            # Of a file that was put together of two, or saved with a mark twice.
            return Decoded(decode_text(without(data, mark), name), name, "mark")
    if encoding != AUTO:
        return Decoded(decode_text(data, encoding), encoding, "told")
    if (name := utf16_of(data[:_CHUNK])[0]) and len(data) % 2 == 0:
        return Decoded(decode_text(data, name), name, "guess")
    # Both are valid UTF-8 in what is not: UTF-16 has zeros, ISO-2022 escapes.
    if b"\0" not in data and b"\x1b" not in data:
        try:
            return Decoded(data.decode(), "utf-8", "utf-8")
        except UnicodeDecodeError as error:
            if is_rather_utf8(data):
                raise undecodable(error, "utf-8") from None
    name, text = _guessed(data)
    return Decoded(text, name, "utf-8" if name == "utf-8" else "guess")


def _guessed(data: bytes) -> tuple[str, str]:
    """The encoding that it looks like, and its text in it.

    Raises:
        UndecodableError: None.
    """
    failed = None
    for window in _windows(data):
        name = guess(window)
        try:
            return name, decode_text(data, name)
        except UndecodableError as error:
            failed = failed or error
    assert failed is not None
    raise UndecodableError(f"states no encoding; by its look, {failed}")


def _windows(data: bytes) -> Iterator[bytes]:
    """Its begin, and around where that turns out to have misled."""
    yield data[:LOOK_BYTES]
    if len(data) > LOOK_BYTES:
        try:
            data.decode()
        except UnicodeDecodeError as error:
            # Letters of ASCII before it say nothing of the others.
            start = max(0, error.start - _BEFORE_BYTES)
            yield data[start : start + LOOK_BYTES]


def guess(data: bytes) -> str:
    """The encoding that bytes look like, by `chardet`, of which 200,000 count.

    Raises:
        UndecodableError: They are binary, or look like none that is known.
    """
    import chardet

    found, most = chardet.detect(data)["encoding"], len(data) // 1000
    # Of UTF-16 and UTF-32 in which nothing but ASCII is, half and more of the bytes are zeros.
    if 0 < data.count(b"\0") < _MOST_ZEROS * len(data) and is_text_with_zeros(data):
        # Any two letters are one of Chinese in UTF-16.
        found, most = None, max(1, most)
    if found is None and data.count(b"\0") <= most:
        # A letter of control in a text is not yet a program.
        with suppress(UnicodeDecodeError):
            data.decode()
            return "utf-8"
    if found is None:
        raise UndecodableError("the bytes are binary, not text")
    if found == "ascii":
        return "utf-8"
    name = named(found)
    # EBCDIC gives every byte a letter: it is what damaged texts of others look like.
    if not name or decode_loosely(b"a", name) not in ("a", "\ufffd"):
        raise UndecodableError(f"looks like {found}, which is not read unless it is named")
    return name
