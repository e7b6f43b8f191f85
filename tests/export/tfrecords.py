"""A small reader of TFRecord, by the description of the format: nothing of it is the writer's."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from tilth.kernels.crc32c import plain_crc32c

Value = bytes | int | float


def read_tfrecord(path: Path) -> list[dict[str, Value]]:
    """The examples of a file, each a value by feature; its checksums have to be right."""
    data, found = path.read_bytes(), []
    while data:
        length = struct.unpack("<Q", data[:8])[0]
        assert _unmasked(data[8:12]) == plain_crc32c(data[:8])
        record, data = data[12 : 12 + length], data[12 + length :]
        assert len(record) == length
        assert _unmasked(data[:4]) == plain_crc32c(record)
        data = data[4:]
        found.append(_example(record))
    return found


def _unmasked(stored: bytes) -> int:
    rotated = (int(struct.unpack("<I", stored)[0]) - 0xA282EAD8) % 2**32
    return (rotated << 15 | rotated >> 17) % 2**32


def _example(record: bytes) -> dict[str, Value]:
    ((number, features),) = _fields(record)
    assert number == 1
    found: dict[str, Value] = {}
    for number, entry in _fields(features):
        assert number == 1
        (_, key), (_, feature) = _fields(entry)
        ((kind, values),) = _fields(feature)
        ((_, value),) = _fields(values)
        if kind == 1:
            found[key.decode()] = value
        elif kind == 2:
            found[key.decode()] = struct.unpack("<f", value)[0]
        else:
            whole, rest = _varint(value)
            assert not rest
            found[key.decode()] = whole - 2**64 if whole >= 2**63 else whole
    return found


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    while message:
        key, message = _varint(message)
        assert key % 8 == 2  # a length, then so many bytes
        size, message = _varint(message)
        yield key // 8, message[:size]
        message = message[size:]


def _varint(data: bytes) -> tuple[int, bytes]:
    number, at = 0, 0
    while True:
        number += data[at] % 128 * 128**at
        at += 1
        if data[at - 1] < 128:
            return number, data[at:]
