"""TFRecord: framed records with checksums, each a `tf.train.Example`. Needs no TensorFlow.

Source: tensorflow.org/tutorials/load_data/tfrecord, `tensorflow/core/example/feature.proto`, and
protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

import numpy as np

from tilth.kernels.crc32c import crc32c

Value = bytes | int | float

_LEAST, _MOST = -(1 << 63), (1 << 63) - 1
_MASK_DELTA = 0xA282EAD8
# The numbers of a `Feature`'s lists.
_BYTES, _FLOATS, _INTEGERS = 1, 2, 3


def framed(record: bytes) -> bytes:
    """A record as it stands in the file: length, its checksum, data, its checksum."""
    length = struct.pack("<Q", len(record))
    return length + _checksum(length) + record + _checksum(record)


def example(values: Mapping[str, Value]) -> bytes:
    """A `tf.train.Example` of one value a feature, serialized.

    Args:
        values: bytes as they are, whole numbers and booleans as int64, others as float32.

    Raises:
        ValueError: A whole number does not fit in 64 bits with a sign.
    """
    entries = [
        _field(1, _field(1, name.encode("utf-8", "replace")) + _field(2, _feature(name, value)))
        for name, value in values.items()
    ]
    return _field(1, b"".join(entries))


def _feature(name: str, value: Value) -> bytes:
    if isinstance(value, bytes):
        return _field(_BYTES, _field(1, value))
    if isinstance(value, float):
        with np.errstate(over="ignore"):
            packed = np.array([value], "<f4").tobytes()
        return _field(_FLOATS, _field(1, packed))
    if not _LEAST <= value <= _MOST:
        raise ValueError(f"`{name}` holds {value}, which int64 cannot")
    # A negative number is that of its two's complement.
    return _field(_INTEGERS, _field(1, _varint(int(value) & 0xFFFFFFFFFFFFFFFF)))


def _field(number: int, data: bytes) -> bytes:
    """A field whose length goes before it."""
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def _checksum(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF)
