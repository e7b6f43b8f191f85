"""Whether a sound file is whole, by how its format is built: what libraries that play it pass over.

A player plays what is there. A recording that was cut off, or lost a stretch, sounds like a shorter
one, so its container is gone through before it is decoded.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

# What a writer leaves that cannot go back to fill in the length: nothing, all ones, or a large
# round number less what its header takes.
_OPEN_FROM: Final = 0x7FFF0000
_PCM: Final = (1, 3)
_EXTENSIBLE: Final = 0xFFFE
# RFC 9639, section 8.2: magic, block header, STREAMINFO.
_FLAC_MAGIC: Final = b"fLaC"
_STREAMINFO_BYTES: Final = 34
_ID3V1_BYTES: Final = 128
# What fills up a frame or a chunk, and is not worth a word.
_PADDING: Final = 8
_REVERSED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
# ISO/IEC 11172-3, table of 2.4.2.3, and 13818-3: kbit/s of layers by index 1 to 14.
_RATES: Final = {
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_HERTZ: Final = (44_100, 48_000, 32_000)


class SoundError(ValueError):
    """The bytes are no sound, or not a whole one; says why."""


class Whole(NamedTuple):
    """A file of sound that was gone through.

    Attributes:
        data: What is to be decoded.
        samples: How many a channel must come of it; None: not said.
        after: Bytes behind the sound that are neither of it, nor notes, nor padding of a few bytes.
    """

    data: bytes
    samples: int | None
    after: int = 0


def kind_of(data: bytes) -> str:
    """WAV, FLAC, OGG, MP3 or M4A, by what the bytes are, whatever the file is called.

    Raises:
        SoundError: It is none of these.
    """
    at = _after_id3(data)
    head = data[at : at + 12]
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return "WAV"
    if head[:4] == _FLAC_MAGIC:
        return "FLAC"
    if head[:4] == b"OggS":
        return "OGG"
    if head[4:8] == b"ftyp":
        return "M4A"
    if _mpeg_frame(data, _first_frame(data)) is not None:
        return "MP3"
    raise SoundError(f"no WAV, FLAC, OGG, MP3 or M4A: it starts with 0x{data[:4].hex()}")


def require_whole(data: bytes, kind: str) -> Whole:
    """Go through a file of sound without decoding it.

    Args:
        data: All of it.
        kind: As `kind_of` says.

    Raises:
        SoundError: It is cut off, lost a part, or holds nothing.
    """
    look: Mapping[str, Callable[[bytes], Whole]] = {
        "WAV": _wav,
        "FLAC": _flac,
        "OGG": _ogg,
        "MP3": _mp3,
        "M4A": _m4a,
    }
    return look[kind](data if kind == "MP3" else data[_after_id3(data) :])


def _wav(data: bytes) -> Whole:
    """Multimedia Programming Interface and Data Specifications 1.0 (1991), chapter 3.

    Of RF64 (EBU Tech 3306) the size in `ds64` counts.
    """
    place, found, wide = 12, None, 0
    while place + 8 <= len(data):
        name, size = data[place : place + 4], struct.unpack_from("<I", data, place + 4)[0]
        body = place + 8
        if name == b"fmt " and size >= 16 and body + 16 <= len(data):
            found = struct.unpack_from("<HHIIHH", data, body)
            if found[0] == _EXTENSIBLE and size >= 26 and body + 26 <= len(data):
                found = (*struct.unpack_from("<H", data, body + 24), *found[1:])
        if name == b"ds64" and size >= 24 and body + 24 <= len(data):
            (wide,) = struct.unpack_from("<Q", data, body + 8)
        if name == b"data":
            if found is None:
                raise SoundError("WAV without a format before its samples")
            tag, channels, rate, _, frame_bytes, bits = found
            if not channels or not rate or not frame_bytes:
                raise SoundError(f"WAV of {channels} channels at {rate} Hz")
            if size == 0xFFFFFFFF and wide:
                size = wide
            there = len(data) - body
            left_open = size >= _OPEN_FROM and size > there
            if left_open or (not size and not _ends(data, body)):
                data, size = _closed(data, place, there), there
            if size > there:
                raise SoundError(f"cut off: {there:,} of {size:,} bytes of samples are there")
            if size < frame_bytes:
                raise SoundError("WAV without a single sample")
            after = 0 if _are_chunks(data, body + size) else _behind(data, body + size)
            if after is None:
                raise SoundError(
                    f"it says {size:,} bytes of samples, and {there - size:,} more bytes follow"
                )
            exact = tag in _PCM and frame_bytes == channels * bits // 8
            return Whole(data, size // frame_bytes if exact else None, after)
        place = body + size + size % 2  # chunks are padded to an even length
    raise SoundError("WAV without samples, or cut off within its header")


def _closed(data: bytes, place: int, size: int) -> bytes:
    """The same file with the lengths that its writer left open."""
    head = b"RIFF" + struct.pack("<I", len(data) - 8) + data[8 : place + 4]
    return head + struct.pack("<I", size) + data[place + 8 :]


def _ends(data: bytes, place: int) -> bool:
    """Whether no sound follows."""
    return _are_chunks(data, place) or _behind(data, place) is not None


def _are_chunks(data: bytes, place: int) -> bool:
    """Whether nothing follows but further chunks."""
    for at in (place, place + 1):
        start = at
        while start + 8 <= len(data) and all(32 <= byte < 127 for byte in data[start : start + 4]):
            (size,) = struct.unpack_from("<I", data, start + 4)
            start += 8 + size + size % 2
        # The last chunk's byte of padding is often missing.
        if start > at and start in (len(data), len(data) + 1):
            return True
        if start > at and not data[start:].strip(b"\0") and start < len(data):
            return True
    return False


def _behind(data: bytes, place: int) -> int | None:
    """Bytes behind the sound that are no notes of a tagger; None: they are not to be passed over.

    Notes are ID3v1 (128 bytes), ID3v2 and APEv2, which say how long they are, and Lyrics3.
    """
    if not _is_tag(data, place):
        return None
    at, end = place, len(data)
    if end - at >= _ID3V1_BYTES and data[end - _ID3V1_BYTES :][:3] == b"TAG":
        end -= _ID3V1_BYTES
    while at < end:
        if data[at : at + 3] == b"ID3":
            size = _after_id3(data[at:end])
        elif data[at : at + 8] == b"APETAGEX" and at + 16 <= end:
            # Its size leaves out its header.
            size = 32 + int.from_bytes(data[at + 12 : at + 16], "little")
        elif data[at : at + 11] == b"LYRICSBEGIN" and (found := data.find(b"LYRICS200", at)) > 0:
            size = found + 9 - at
        else:
            break
        if at + size > end:
            break
        at += size
    return _more_than_padding(end - at)


def _more_than_padding(size: int) -> int:
    return size if size > _PADDING else 0


def _flac(data: bytes) -> Whole:
    """RFC 9639, section 8.2. Its frames have checksums, which its decoder looks at.

    It is decoded as one that does not say how many samples it has, so that all are counted.
    """
    if len(data) < 8 + _STREAMINFO_BYTES or data[4] & 0x7F:
        raise SoundError("FLAC cut off within its header")
    bits = int.from_bytes(data[18:26], "big")
    if not bits >> 44:
        raise SoundError("FLAC at 0 Hz")
    said = bits & (1 << 36) - 1
    end = len(data) - _ID3V1_BYTES if data[-_ID3V1_BYTES:][:3] == b"TAG" else len(data)
    # One copy, not two: a recording may be a gigabyte.
    parts = (data[:18], (bits - said).to_bytes(8, "big"), memoryview(data)[26:end])
    return Whole(b"".join(parts), said or None)


def _ogg(data: bytes) -> Whole:
    """RFC 3533, section 6: pages with a checksum and a number each, the last of which says so."""
    place, number, first, ended = 0, 0, b"", False
    while place < len(data) and not ended:
        if data[place : place + 5] != b"OggS\0" or place + 27 > len(data):
            raise SoundError(f"damaged or cut off: no page of Ogg at byte {place:,}")
        flags, serial = data[place + 5], data[place + 14 : place + 18]
        table = data[place + 27 : place + 27 + data[place + 26]]
        end = place + 27 + data[place + 26] + sum(table)
        if end > len(data) or len(table) < data[place + 26]:
            raise SoundError(f"cut off: {len(data) - place:,} bytes of a page of Ogg are there")
        page = data[place : place + 22] + bytes(4) + data[place + 26 : end]
        if _ogg_crc(page) != int.from_bytes(data[place + 22 : place + 26], "little"):
            raise SoundError(f"damaged: wrong checksum of the page of Ogg at byte {place:,}")
        if not place:
            first = serial
        if serial != first or (flags & 2 and place):
            raise SoundError("several streams in one Ogg, of which only the first would be heard")
        (said,) = struct.unpack_from("<I", data, place + 18)
        if place and said != number:
            raise SoundError(f"damaged: page {number} of Ogg is missing")
        number, place, ended = said + 1, end, bool(flags & 4)
    if not ended:
        raise SoundError("cut off: no page of Ogg is its last")
    if data[place:].strip(b"\0"):
        raise SoundError("several streams in one Ogg, of which only the first would be heard")
    return Whole(data, None, _more_than_padding(len(data) - place))


def _ogg_crc(page: bytes) -> int:
    """RFC 3533, appendix: generator 0x04c11db7, nothing reflected, from 0; through zlib's, which is
    reflected and inverted.
    """
    turned = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(turned.to_bytes(4, "little").translate(_REVERSED), "big")


def _after_id3(data: bytes) -> int:
    """Where what follows an ID3v2 tag begins (id3.org, ID3v2.4.0, section 3.1)."""
    at = 0
    while data[at : at + 3] == b"ID3" and at + 10 <= len(data):
        size = 0
        for byte in data[at + 6 : at + 10]:
            size = size << 7 | byte & 0x7F
        at += 10 + size + 10 * bool(data[at + 5] & 0x10)
    return at


def _first_frame(data: bytes) -> int:
    """Where the frames of an MP3 begin: a tag may be followed by padding."""
    at = _after_id3(data)
    while at and data[at : at + 1] == b"\0":
        at += 1
    return at


def _mpeg_frame(data: bytes, at: int) -> tuple[int, int, bytes] | None:
    """Bytes of a frame of MPEG audio, where its notes may begin, and what all frames share."""
    if at + 4 > len(data):
        return None
    word = int.from_bytes(data[at : at + 4], "big")
    version, layer = word >> 19 & 3, 4 - (word >> 17 & 3)
    rate, hertz, padding = word >> 12 & 15, word >> 10 & 3, word >> 9 & 1
    known = _RATES.get((1 if version == 3 else 2, 3 if layer == 2 and version != 3 else layer))
    if word >> 21 != 0x7FF or version == 1 or not 1 <= rate <= 14 or hertz == 3 or known is None:
        return None
    samples = 72 if layer == 3 and version != 3 else 144
    slower = {3: 1, 2: 2, 0: 4}[version]
    size = samples * known[rate - 1] * 1000 * slower // _HERTZ[hertz] + padding
    one_channel = word >> 6 & 3 == 3
    notes = {True: (17, 9), False: (32, 17)}[one_channel][version != 3] + 4
    return size, notes, bytes((data[at + 1] & 0xFE, data[at + 2] & 0x0C))


def _mp3(data: bytes) -> Whole:
    """ISO/IEC 11172-3, section 2.4.1: frames one after another; a Xing header has their number."""
    place, frames, told, shared, after = _first_frame(data), 0, None, b"", 0
    while place < len(data):
        found = _mpeg_frame(data, place)
        if found is None or (frames and found[2] != shared):
            behind = _behind(data, place)
            if behind is not None:
                after = behind
                break
            raise SoundError(f"damaged: no frame of MP3 at byte {place:,}")
        size, notes, shared = found
        if place + size > len(data):
            raise SoundError(f"cut off: {len(data) - place:,} of {size:,} bytes of its last frame")
        at = place + notes
        if not frames and told is None and data[at : at + 4] in (b"Xing", b"Info"):
            flags, said = struct.unpack_from(">II", data, at + 4)
            told = said if flags & 1 else 0
        else:
            frames += 1
        place += size
    if told and frames < told:
        raise SoundError(f"cut off: {frames:,} of {told:,} frames of MP3 are there")
    if not frames:
        raise SoundError("MP3 without a single frame")
    return Whole(data, None, after)


def _is_tag(data: bytes, place: int) -> bool:
    """Whether the rest of a file is padding, or begins as the notes that taggers append."""
    head = data[place : place + 11]
    known = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"ID3")
    return head.startswith(known) or not data[place:].strip(b"\0")


def _m4a(data: bytes) -> Whole:
    """ISO/IEC 14496-12, section 4.2: boxes with their sizes; `moov` says where samples are."""
    place, names = 0, set()
    while place < len(data):
        if place + 8 > len(data):
            raise SoundError("cut off within the header of a box of MP4")
        size, name = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        if size == 1 and place + 16 <= len(data):
            size = int.from_bytes(data[place + 8 : place + 16], "big")
        size = size or len(data) - place
        if size < 8 or place + size > len(data):
            raise SoundError(f"cut off: {len(data) - place:,} of {size:,} bytes of {name!r} in MP4")
        names.add(name)
        place += size
    if b"moov" not in names:
        raise SoundError("cut off: an MP4 without `moov`")
    return Whole(data, None)
