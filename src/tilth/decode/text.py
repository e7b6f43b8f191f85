"""From bytes to characters, where it is known how they are meant."""

from __future__ import annotations


class UndecodableError(ValueError):
    """The bytes are not text in any encoding that they or their transport name."""


def decode_text(data: bytes, encoding: str = "utf-8") -> str:
    """The characters, every byte of them meant.

    Raises:
        UndecodableError: Some are none; with the place and value of the first byte that is not.
    """
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise UndecodableError(
            f"invalid {error.encoding.upper()} at byte {error.start} (0x{byte:02x})"
        ) from None


def decode_loosely(data: bytes, encoding: str = "utf-8") -> str:
    """The characters, each that cannot be read as U+FFFD: for what is shown, or may be broken."""
    return data.decode(encoding, "replace")
