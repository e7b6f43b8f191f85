"""Whole WAV and FLAC files, and the ways in which they are not."""

from __future__ import annotations

import io

import numpy as np
import pytest

from tests.collect.test_audio import wav
from tilth.collect.records import RecordError
from tilth.collect.sound_header import Sound, read_header


def flac() -> bytes:
    soundfile = pytest.importorskip("soundfile")
    out = io.BytesIO()
    soundfile.write(out, np.zeros((441, 2), np.int16), 44_100, format="FLAC")
    return out.getvalue()


def test_what_a_header_says() -> None:
    assert read_header(wav(80, 16_000)) == Sound(16_000, 1, 80)
    assert read_header(flac()) == Sound(44_100, 2, 441)


@pytest.mark.parametrize("end", [0, 3, 11, 20, 40, 44, 100])
def test_cut_off(end: int) -> None:
    with pytest.raises(RecordError):
        read_header(wav()[:end])


def test_flac_cut_off() -> None:
    with pytest.raises(RecordError, match="cut off"):
        read_header(flac()[:30])


def test_wav_that_holds_nothing() -> None:
    with pytest.raises(RecordError, match="without a single sample"):
        read_header(wav(0))
    silent = wav()
    with pytest.raises(RecordError, match="0 channels"):
        read_header(silent[:22] + b"\0\0" + silent[24:])
    with pytest.raises(RecordError, match="without a format"):
        read_header(silent[:12] + silent[36:])
