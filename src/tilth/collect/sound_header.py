"""Is this a whole sound file? Read from its header alone, so that collecting needs no decoder."""

from __future__ import annotations

import struct
from typing import NamedTuple

from tilth.collect.records import RecordError

# RFC 9639, section 8.2: magic, block header, STREAMINFO.
_FLAC_MAGIC = b"fLaC"
_STREAMINFO_BYTES = 34


class Sound(NamedTuple):
    """What a header says.

    Attributes:
        sample_rate: Samples a second.
        channels: Of each sample.
        samples: How many, a channel; 0: a FLAC stream of unknown length.
    """

    sample_rate: int
    channels: int
    samples: int


def read_header(data: bytes) -> Sound:
    """Look at a whole WAV or FLAC file.

    Raises:
        RecordError: It is neither, is cut off, or holds no sound.
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return _wav(data)
    if data[:4] == _FLAC_MAGIC:
        return _flac(data)
    raise RecordError(f"neither WAV nor FLAC: it starts with 0x{data[:4].hex()}")


def _wav(data: bytes) -> Sound:
    """Multimedia Programming Interface and Data Specifications 1.0 (1991), chapter 3."""
    place, found = 12, None
    while place + 8 <= len(data):
        name, size = data[place : place + 4], struct.unpack_from("<I", data, place + 4)[0]
        body = place + 8
        if name == b"fmt " and size >= 16 and body + 16 <= len(data):
            found = struct.unpack_from("<HHIIHH", data, body)
        if name == b"data":
            if found is None:
                raise RecordError("WAV without a format before its samples")
            _, channels, rate, _, frame_bytes, _ = found
            if not channels or not rate or not frame_bytes:
                raise RecordError(f"WAV of {channels} channels at {rate} Hz")
            if body + size > len(data):
                raise RecordError(
                    f"cut off: {len(data) - body:,} of {size:,} bytes of samples are there"
                )
            if size < frame_bytes:
                raise RecordError("WAV without a single sample")
            return Sound(rate, channels, size // frame_bytes)
        place = body + size + size % 2  # chunks are padded to an even length
    raise RecordError("WAV without samples, or cut off within its header")


def _flac(data: bytes) -> Sound:
    if len(data) < 8 + _STREAMINFO_BYTES or data[4] & 0x7F:
        raise RecordError("FLAC cut off within its header")
    bits = int.from_bytes(data[18:26], "big")
    rate, channels, samples = bits >> 44, (bits >> 41 & 7) + 1, bits & (1 << 36) - 1
    if not rate:
        raise RecordError("FLAC at 0 Hz")
    return Sound(rate, channels, samples)
