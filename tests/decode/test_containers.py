"""Whole files of sound, and the ways in which they are not."""

from __future__ import annotations

import io
import struct
from contextlib import suppress

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.collect.test_audio import wav
from tests.decode.sounds import FILES, KINDS, NOISE, encode, m4a
from tilth.decode.containers import SoundError, kind_of, require_whole
from tilth.decode.sound import AFTER, check_sound


@pytest.mark.parametrize("kind", [*KINDS, "M4A"])
def test_what_a_file_is_its_content_says(kind: str) -> None:
    data = m4a() if kind == "M4A" else FILES[kind]
    named = KINDS.get(kind, (kind,))[0]
    assert kind_of(data) == named
    tag = b"ID3\x04\0\0\0\0\x02\x01" + bytes(257)
    assert kind_of(tag + data) == named
    require_whole(data, named)


@pytest.mark.parametrize("data", [b"", b"RIFF", b"x" * 1000, b"\xff\xfe", b"\xff\xd8\xff\xe0" * 9])
def test_what_is_no_sound(data: bytes) -> None:
    with pytest.raises(SoundError, match="no WAV, FLAC, OGG, MP3 or M4A"):
        kind_of(data)


@pytest.mark.parametrize("kind", [*KINDS, "M4A"])
def test_a_file_that_is_cut_off_is_none(kind: str) -> None:
    data = m4a() if kind == "M4A" else FILES[kind]
    for end in {0, 3, 11, 20, 40, *range(50, len(data), len(data) // 25), len(data) - 1}:
        with pytest.raises(SoundError):
            check_sound(data[:end])


@pytest.mark.parametrize("kind", ["FLAC", "Vorbis", "Opus"])
def test_a_file_that_lost_a_stretch_is_none(kind: str) -> None:
    data, rng = FILES[kind], np.random.default_rng(1)
    for place in rng.integers(60, len(data) - 40, 30):
        changed = data[:place] + bytes(byte ^ 0x55 for byte in data[place : place + 30])
        with pytest.raises(SoundError):
            check_sound(changed + data[place + 30 :])
        with pytest.raises(SoundError):
            check_sound(data[:place] + data[place + 31 :])


def test_an_mp3_that_lost_a_stretch_is_none() -> None:
    data = FILES["MP3"]
    for place in range(600, len(data) - 200, 501):
        with pytest.raises(SoundError):
            check_sound(data[:place] + data[place + 30 :])


def test_a_page_of_ogg_that_is_missing() -> None:
    data = encode("Vorbis", np.tile(NOISE, 6))
    pages = [place for place in range(len(data)) if data[place : place + 5] == b"OggS\0"]
    assert len(pages) > 4
    with pytest.raises(SoundError, match="page 3 of Ogg is missing"):
        check_sound(data[: pages[3]] + data[pages[4] :])
    with pytest.raises(SoundError, match="no page of Ogg is its last"):
        check_sound(data[: pages[-1]])
    with pytest.raises(SoundError, match="several streams"):
        check_sound(data + data)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_a_file_holds_is_sound_or_an_error(data: st.DataObject) -> None:
    changed = bytearray(FILES[data.draw(st.sampled_from(["WAV", "FLAC", "Vorbis", "Opus"]))])
    for _ in range(data.draw(st.integers(1, 5))):
        changed[data.draw(st.integers(0, min(len(changed) - 1, 400)))] = data.draw(
            st.integers(0, 255)
        )
    with suppress(SoundError):
        assert check_sound(bytes(changed)).samples


def parts(data: bytes) -> tuple[bytes, bytes, bytes]:
    """A WAV's bytes before the length of the file, from there to the length of the data, after."""
    at = data.index(b"data") + 4
    return data[:4], data[8:at], data[at + 4 :]


@pytest.mark.parametrize("left", [0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFFFFF - 36, 0x80000000])
def test_a_length_that_a_pipe_left_open_is_that_of_the_file(left: int) -> None:
    whole = check_sound(FILES["WAV"])
    magic, head, rest = parts(FILES["WAV"])
    open_end = struct.pack("<I", left)
    assert check_sound(magic + open_end + head + open_end + rest) == whole


def test_rf64() -> None:
    out = io.BytesIO()
    soundfile.write(out, NOISE, 16_000, format="RF64", subtype="PCM_24")
    data = out.getvalue()
    assert check_sound(data).samples == len(NOISE)
    with pytest.raises(SoundError, match="cut off"):
        check_sound(data[:-6000])


def test_a_length_that_is_not_that_of_the_samples() -> None:
    magic, head, rest = parts(FILES["WAV"])
    less = struct.pack("<I", len(rest) // 2)
    with pytest.raises(SoundError, match="more bytes follow"):
        check_sound(magic + less + head + less + rest)
    more = struct.pack("<I", len(rest) + 2)
    with pytest.raises(SoundError, match="cut off: 24,000 of 24,002 bytes"):
        check_sound(magic + more + head + more + rest)


@pytest.mark.parametrize(
    "after",
    [
        b"LIST\x04\0\0\0INFO",
        b"id3 \x03\0\0\0abc",
        b"\0" * 8,
        b"TAG" + bytes(125),
        b"ID3\x04\0\0\0\0\1\1" + b"x" * 129,
        b"APETAGEX" + struct.pack("<4I", 2000, 40, 0, 0) + b"x" * 48 + b"TAG" + bytes(125),
        b"LYRICSBEGINxx000013LYRICS200TAG" + bytes(125),
    ],
)
def test_what_may_follow_the_samples(after: bytes) -> None:
    assert check_sound(FILES["WAV"] + after) == check_sound(FILES["WAV"])
    mp3 = FILES["MP3"]
    if not after.startswith((b"LIST", b"id3")):
        assert check_sound(mp3 + after) == check_sound(mp3)


@pytest.mark.parametrize("after", [b"\0" * 9, b"ID3\x04" * 9, b"TAG" + bytes(9), b"APETAGEX" * 9])
def test_bytes_behind_the_sound_are_said(after: bytes) -> None:
    for kind in ("WAV", "MP3"):
        found = check_sound(FILES[kind] + after)
        assert found.unheard == (AFTER,)
        assert (found.samples, found.after) == (check_sound(FILES[kind]).samples, len(after))
    with pytest.raises(SoundError):
        check_sound(FILES["FLAC"] + after)


@pytest.mark.parametrize("kind", list(KINDS))
def test_bytes_behind_the_sound_that_may_be_sound_are_an_error(kind: str) -> None:
    for after in (b"more of it" * 20, FILES[kind]):
        if kind != "MP3" or after != FILES[kind]:
            with pytest.raises(SoundError):
                check_sound(FILES[kind] + after)


def test_wav_that_holds_nothing() -> None:
    with pytest.raises(SoundError, match="without a single sample"):
        check_sound(wav(0))
    silent = wav()
    with pytest.raises(SoundError, match="0 channels"):
        check_sound(silent[:22] + b"\0\0" + silent[24:])
    with pytest.raises(SoundError, match="without a format"):
        check_sound(silent[:12] + silent[36:])


def test_flac_of_unknown_length_is_whole_by_its_frames() -> None:
    data = bytearray(FILES["FLAC"])
    data[21:26] = bytes((data[21] & 0xF0, 0, 0, 0, 0))
    assert require_whole(bytes(data), "FLAC")[1] is None
    assert check_sound(bytes(data)).samples == len(NOISE)
    with pytest.raises(SoundError):
        check_sound(bytes(data[:-10]))


@pytest.mark.parametrize("rate", [0, 7, 999, 768_001, 0xFFFFFFFF])
def test_absurd_rates(rate: int) -> None:
    data = FILES["WAV"]
    with pytest.raises(SoundError):
        check_sound(data[:24] + struct.pack("<I", rate) + data[28:])


def test_absurd_numbers_of_channels() -> None:
    for channels in (65, 1000):
        with pytest.raises(SoundError, match="channels"):
            check_sound(encode("PCM_16", np.zeros((4, channels), np.int16)))
    assert check_sound(encode("PCM_16", np.zeros((4, 64), np.int16))).channels == 64
