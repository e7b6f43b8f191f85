"""Ids and keys of a batch of rows at once: `schema.sample_id` of each, in a fraction of its time.

A key is of a text whose runs of white space are one space, as `" ".join(text.split())` has it. That
makes an object of each word; here the texts of a batch are gone through as one array of bytes.

Where there are many bytes a compiled kernel does all of it, which takes a second to load; of a few
records the standard library makes the same digests.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_SPACES = bytes(32 if 9 <= byte <= 13 or 28 <= byte <= 31 else byte for byte in range(256))
# First bytes of the white space that has more than one in UTF-8.
_WIDE = (0xC2, 0xE1, 0xE2, 0xE3)
# So many bytes are gone through at once that they stay in the processor's cache.
_BYTES_AT_ONCE = 1 << 17
# Of a source that has as many the kernel has made up for its loading, or nearly.
_MANY_BYTES = 16 << 20
_KERNEL = "tilth.kernels.digests"


def pays(num_bytes: int) -> bool:
    """Whether the kernel is worth its loading, or is loaded anyway, after so many bytes."""
    return num_bytes >= _MANY_BYTES or _KERNEL in sys.modules


def id_column(source: str, names: pa.Array, payloads: pa.Array) -> pa.Array:
    """`sample_id(source, name, payload)` of each, by the kernel.

    Args:
        source: The source's name.
        names: Text or bytes, no null among them.
        payloads: Likewise.
    """
    from tilth.kernels.digests import named_digests

    begin = _part(source.encode("utf-8", "surrogatepass"))
    return _hex_column(named_digests(begin, _strings(names), _strings(payloads)))


def key_column(texts: pa.Array) -> pa.Array:
    """`sample_id("content", " ".join(text.split()))` of each text, by the kernel."""
    from tilth.kernels.digests import word_digests

    return _hex_column(word_digests(_part(b"content"), _strings(texts)))


def _strings(array: pa.Array) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Bytes and offsets of a column of text or bytes without null."""
    _, offsets, data = array.cast(pa.large_binary()).buffers()
    starts = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    return np.frombuffer(data or b"", np.uint8), starts


def _hex_column(digits: npt.NDArray[np.uint8]) -> pa.Array:
    offsets = np.arange(0, len(digits) + 1, 32, dtype=np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(digits)]
    return pa.Array.from_buffers(pa.string(), len(offsets) - 1, buffers)


def ids_of(
    source: str, names: Sequence[str], payloads: Sequence[bytes], num_bytes: int = 0
) -> list[str]:
    """`sample_id(source, name, payload)` of each, of a source that had so many bytes before."""
    if pays(num_bytes):
        kind = pa.large_binary()
        called = pa.array([name.encode("utf-8", "surrogatepass") for name in names], kind)
        ids: list[str] = id_column(source, called, pa.array(payloads, kind)).to_pylist()
        return ids
    begun = hashlib.blake2b(_part(source.encode("utf-8", "surrogatepass")), digest_size=16)
    found = []
    for name, payload in zip(names, payloads, strict=True):
        digest = begun.copy()
        told = _part(name.encode("utf-8", "surrogatepass"))
        digest.update(told + len(payload).to_bytes(8, "little"))
        digest.update(payload)
        found.append(digest.hexdigest())
    return found


def content_keys(texts: Sequence[bytes], num_bytes: int = 0) -> list[str]:
    """`sample_id("content", " ".join(text.split()))` of each text, in UTF-8; likewise."""
    if pays(num_bytes):
        keys: list[str] = key_column(pa.array(texts, pa.large_binary())).to_pylist()
        return keys
    begun = hashlib.blake2b(_part(b"content"), digest_size=16)
    found = []
    for words in normal(texts):
        digest = begun.copy()
        digest.update(len(words).to_bytes(8, "little"))
        digest.update(words)
        found.append(digest.hexdigest())
    return found


def normal(texts: Iterable[bytes]) -> Iterator[bytes]:
    """Each text, in UTF-8, with one space for each run of white space and none at its ends."""
    group: list[bytes] = []
    num_bytes = 0
    for text in texts:
        if len(text) > _BYTES_AT_ONCE:
            yield from _normal(group)
            group, num_bytes = [], 0
            yield _words(text)
            continue
        group.append(text)
        num_bytes += len(text)
        if num_bytes > _BYTES_AT_ONCE:
            yield from _normal(group)
            group, num_bytes = [], 0
    yield from _normal(group)


def _normal(texts: Sequence[bytes]) -> list[bytes]:
    ends = np.cumsum([len(text) + 1 for text in texts])
    starts = ends - [len(text) for text in texts]
    whole = b" %b " % b" ".join(texts)
    data = np.frombuffer(whole.translate(_SPACES), np.uint8)
    if not whole.isascii():
        data = _narrow(data)
    is_space = data == 32
    again = is_space[1:] & is_space[:-1]
    gone = np.flatnonzero(again) + 1
    kept = np.concatenate((data[:1], data[1:][~again])).tobytes()
    first = (starts - np.searchsorted(gone, starts)).tolist()
    last = (ends - np.searchsorted(gone, ends)).tolist()
    return [kept[a:b].removesuffix(b" ") for a, b in zip(first, last, strict=True)]


def _narrow(data: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """UTF-8 with blanks for the bytes of what `str.split` takes for white space beside ASCII's."""
    is_first = data == _WIDE[0]
    for byte in _WIDE[1:]:
        is_first |= data == byte
    at = np.flatnonzero(is_first)
    at = at[at < len(data) - 2]
    first, second, third = data[at], data[at + 1], data[at + 2]
    two = (first == 0xC2) & ((second == 0x85) | (second == 0xA0))
    ends = (third <= 0x8A) | (third == 0xA8) | (third == 0xA9) | (third == 0xAF)
    three = (first == 0xE1) & (second == 0x9A) & (third == 0x80)
    three |= (first == 0xE2) & (second == 0x80) & ends
    three |= (first == 0xE2) & (second == 0x81) & (third == 0x9F)
    three |= (first == 0xE3) & (second == 0x80) & (third == 0x80)
    found = data.copy()
    for width, where in ((2, two), (3, three)):
        for byte in range(width):
            found[at[where] + byte] = 32
    return found


def _words(text: bytes) -> bytes:
    return " ".join(text.decode("utf-8", "surrogatepass").split()).encode("utf-8", "surrogatepass")


def _part(data: bytes) -> bytes:
    return len(data).to_bytes(8, "little") + data
