"""Stretches of a recording are its samples, bit for bit, wherever it is cut."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.decode.sounds import encode, m4a
from tilth.decode import stretches
from tilth.decode.sound import MOST_SAMPLES, SoundError, check_sound
from tilth.decode.stretches import Stretch, cut_sound, fits

NOISE = np.random.default_rng(3).normal(0, 0.1, (150_000, 2))
# What a recording is, what its stretches are, and how far a sample may be from the recording's.
KINDS = {
    "PCM_16": ("FLAC", "PCM_16", 0),
    "PCM_U8": ("FLAC", "PCM_S8", 0),
    "PCM_24": ("FLAC", "PCM_24", 0),
    "PCM_32": ("WAV", "PCM_32", 0),
    "ULAW": ("FLAC", "PCM_16", 0),
    "FLOAT": ("WAV", "FLOAT", 0),
    "FLAC": ("FLAC", "PCM_16", 0),
    "MP3": ("FLAC", "PCM_16", 0.51 / (1 << 15)),
    "Vorbis": ("FLAC", "PCM_16", 0.51 / (1 << 15)),
}


def heard(data: bytes, dtype: str = "float64") -> Any:
    return soundfile.read(io.BytesIO(data), dtype=dtype, always_2d=True)[0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_stretch_is_what_is_there_at_the_rate_and_depth_of_the_recording(kind: str) -> None:
    data = encode(kind, NOISE)
    whole, num = heard(data), check_sound(data).samples
    wanted = [
        Stretch(0, 9),
        Stretch(99, 70_001),
        Stretch(60_000, 140_001, 1),
        Stretch(140_000, num),
    ]
    container, coding, tolerance = KINDS[kind]
    for stretch, cut in zip(wanted, cut_sound(data, wanted), strict=True):
        there = whole[stretch.first : stretch.end]
        there = there if stretch.channel is None else there[:, stretch.channel, None]
        found, info = heard(cut), soundfile.info(io.BytesIO(cut))
        assert (info.format, info.subtype, info.samplerate) == (container, coding, 16_000)
        assert found.shape == there.shape
        assert np.abs(found - there).max() <= tolerance
        check_sound(cut)


def test_a_stretch_of_m4a() -> None:
    data = m4a()
    (cut,) = cut_sound(data, [Stretch(1000, 3000)])
    assert check_sound(cut).samples == 2000
    assert soundfile.info(io.BytesIO(cut)).format == "FLAC"


def test_nothing_is_clipped() -> None:
    loud = np.sin(np.arange(16_000) / 5) * 1.5
    data = encode("Vorbis", loud)
    (cut,) = cut_sound(data, [Stretch(0, 16_000)])
    assert soundfile.info(io.BytesIO(cut)).subtype == "FLOAT"
    assert np.array_equal(heard(cut, "float32"), heard(data, "float32"))


def test_more_channels_or_a_higher_rate_than_flac_has_are_wav() -> None:
    for shape, rate in (((800, 9), 16_000), ((800, 1), 700_000)):
        samples = np.arange(np.prod(shape), dtype=np.int16).reshape(shape)
        (cut,) = cut_sound(encode("PCM_16", samples, rate), [Stretch(10, 700)])
        assert soundfile.info(io.BytesIO(cut)).format == "WAV"
        assert np.array_equal(heard(cut, "int16"), samples[10:700])


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 299), st.integers(1, 300)), max_size=12), st.integers(1, 97)
)
def test_any_stretches_in_the_order_of_their_starts(
    parts: list[tuple[int, int]], at_once: int
) -> None:
    """Overlapping, nested, equal, far apart, whatever pieces the recording comes in."""
    whole = np.arange(300)[:, None]
    blocks = iter([whole[start : start + at_once] for start in range(0, 300, at_once)])
    window = stretches._Window(blocks)
    for first, length in sorted(parts):
        end = min(first + length, 300)
        assert np.array_equal(window.cut(first, end), whole[first:end])


def test_what_ends_too_soon_is_an_error() -> None:
    with pytest.raises(SoundError, match="it ends at sample 12,000, before 12,001"):
        list(cut_sound(encode("FLAC"), [Stretch(0, 12_001)]))


def test_a_stretch_is_bounded_as_a_sound_is() -> None:
    assert fits(Stretch(5, 5 + MOST_SAMPLES), 1)
    assert not fits(Stretch(5, 5 + MOST_SAMPLES), 2)
