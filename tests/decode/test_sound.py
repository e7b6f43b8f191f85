"""Sound as a person hears it, held against soundfile's own samples."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.augment.sounds import RATE, tone
from tests.decode.sounds import FILES, KINDS, encode, m4a
from tilth.decode.sound import CANCELLED, SoundError, check_sound, decode_sound, seconds_of

CODINGS = ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW", "IMA_ADPCM")


def heard(data: bytes) -> npt.NDArray[np.float32]:
    """What soundfile reads, its channels averaged."""
    samples, _ = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    found: npt.NDArray[np.float32] = samples.mean(axis=1)
    return found


@pytest.mark.parametrize("kind", [*CODINGS, *KINDS])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_sound_is_the_samples_of_soundfile(kind: str, channels: int) -> None:
    # Opus knows channels of one speaker or two here, and MP3 no more.
    if channels == 3 and kind in ("Vorbis", "Opus", "MP3", "IMA_ADPCM"):
        channels = 1
    tones = np.stack([tone(300 * (n + 1), 0.3) * (0.5 + 0.1 * n) for n in range(channels)], 1)
    data = encode(kind, tones, RATE)
    samples, rate = decode_sound(data)
    assert rate == RATE
    assert samples.dtype == np.float32
    # Where soundfile seeks before it reads, as it does here, MP3 differs in its last bit.
    np.testing.assert_allclose(samples, heard(data), rtol=0, atol=1e-7 if kind == "MP3" else 0)
    found = check_sound(data)
    assert (found.samples, found.channels, found.loudest) == (len(samples), channels, -1)
    assert found.peak == pytest.approx(float(np.abs(samples).max()), abs=1e-7)
    assert found.seconds == len(samples) / RATE


@pytest.mark.parametrize("kind", ["WAV", "FLAC"])
def test_sixteen_bits_come_back_exactly(kind: str) -> None:
    samples = np.arange(-32768, 32768, 7).astype(np.int16)
    found, _ = decode_sound(encode(kind, samples))
    np.testing.assert_array_equal(found * 32768, samples)


def test_m4a_is_what_was_recorded() -> None:
    data = m4a()
    samples, rate = decode_sound(data)
    assert rate == 16_000
    assert check_sound(data).kind == "M4A"
    # AAC begins with a frame of its own, and is lossy.
    expected = decode_sound(FILES["WAV"])[0]
    delay = int(np.correlate(samples, expected[2000:8000], "valid").argmax()) - 2000
    found = samples[delay + 2000 : delay + 8000]
    assert np.corrcoef(found, expected[2000:8000])[0, 1] > 0.8


def test_m4a_without_its_extra_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    data = m4a()
    monkeypatch.setattr("tilth.decode.sound.reads_m4a", lambda: False)
    with pytest.raises(SoundError, match=r"tilth\[m4a\]"):
        check_sound(data)


def test_another_name_changes_nothing() -> None:
    """What is decoded is told by content: an MP3 that is called WAV is an MP3."""
    assert check_sound(FILES["MP3"]).kind == "MP3"


@settings(max_examples=40, deadline=None)
@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 50), st.integers(1, 3)),
        elements=st.floats(-(2.0**15), 2.0**15, width=32),
    )
)
def test_what_goes_above_full_scale_is_divided_by_its_peak(samples: Any) -> None:
    data = encode("FLOAT", samples)
    found, _ = decode_sound(data)
    sound = check_sound(data)
    mixed = heard(data) if sound.loudest < 0 else samples[:, sound.loudest]
    peak = float(np.abs(mixed).max())
    assert sound.peak == pytest.approx(peak, rel=1e-6)
    np.testing.assert_allclose(found, mixed / max(peak, 1.0), rtol=1e-5, atol=1e-12)
    assert np.abs(found).max() <= 1


def test_channels_that_cancel_each_other_are_heard() -> None:
    left = tone(300, 0.5)
    for right, loudest in ((-left, 0), (-0.9 * left, 0), (-1.1 * left, 1)):
        data = encode("FLOAT", np.stack([left, right], 1).astype(np.float32) * 0.5)
        assert check_sound(data).loudest == loudest
        found, _ = decode_sound(data)
        np.testing.assert_allclose(found, 0.5 * (left, right)[loudest], atol=1e-6)


def test_channels_that_cancel_for_a_while_or_beneath_noise_are_heard() -> None:
    rng = np.random.default_rng(0)
    said = np.tile(tone(300, 0.5), 12)
    turned = np.where(np.arange(len(said)) < 0.7 * len(said), said, -said)
    hiss = rng.normal(0, 0.25, (2, len(said)))
    for left, right in ((said, turned), (said + hiss[0], hiss[1] - said)):
        samples = np.stack([left, right], 1).astype(np.float32) * 0.4
        sound = check_sound(encode("FLOAT", samples))
        assert sound.unheard == (CANCELLED,)
        found, _ = decode_sound(encode("FLOAT", samples))
        np.testing.assert_allclose(found, samples[:, sound.loudest], atol=1e-6)


@pytest.mark.parametrize("num", [2000, 2400, 4000, 8191, 20_000])
@pytest.mark.parametrize("where", ["first", "second", "middle"])
def test_channels_that_cancel_in_half_of_a_short_clip_are_heard(num: int, where: str) -> None:
    said = np.sin(np.arange(num) / 7) + 0.5 * np.sin(np.arange(num) / 31)
    start = {"first": 0, "second": num - num // 2, "middle": num // 4}[where]
    sign = np.ones(num)
    sign[start : start + num // 2] = -1
    samples = 0.4 * np.stack([said, 0.9 * sign * said], 1).astype(np.float32)
    assert check_sound(encode("FLOAT", samples)).unheard == (CANCELLED,)
    np.testing.assert_allclose(decode_sound(encode("FLOAT", samples))[0], samples[:, 0], atol=1e-6)


@pytest.mark.parametrize("num", [600, 4000, 8191])
def test_two_voices_in_a_short_clip_are_averaged(num: int) -> None:
    rng = np.random.default_rng(num)
    voices = rng.normal(0, 0.1, (num, 2)).astype(np.float32)
    at = np.arange(num)
    tones = 0.3 * np.stack([np.sin(at / 9), np.sin(at / 23)], 1).astype(np.float32)
    for samples in (voices, tones, voices + tones):
        assert check_sound(encode("FLOAT", samples)).loudest == -1


def test_channels_that_do_not_cancel_are_averaged() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.1, (8000, 8)).astype(np.float32)
    silence = np.zeros(8000, np.float32)
    quiet = np.stack([noise[:, 0], *[silence] * 7], 1)
    half = np.stack([noise[:, 0], -0.2 * noise[:, 0]], 1)
    for samples in (noise, quiet, half, np.stack([silence] * 2, 1)):
        data = encode("FLOAT", samples)
        assert check_sound(data).loudest == -1
        np.testing.assert_allclose(decode_sound(data)[0], heard(data), rtol=0, atol=1e-7)


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_a_sample_that_is_no_number(odd: float) -> None:
    with pytest.raises(SoundError, match="no number"):
        check_sound(encode("FLOAT", np.array([0, odd, 0], np.float32)))


def test_a_bomb_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """FLAC packs silence: what unfolds into hours is given up at its bound, and held nowhere."""
    data = encode("FLAC", np.zeros(1 << 16, np.int16))
    frames = data[data.index(b"\xff\xf8") :]
    with pytest.raises(SoundError, match="it says 65,536 samples, and 3,342,336 are there"):
        check_sound(data + frames * 50)
    monkeypatch.setattr("tilth.decode.sound.MOST_SAMPLES", 1 << 20)
    with pytest.raises(SoundError, match="more than 1,048,576 samples"):
        check_sound(data + frames * 50)


@pytest.mark.parametrize("kind", list(KINDS))
def test_blocks_are_one_sound(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """None begins with what a decoder does not know of the one before."""
    monkeypatch.setattr("tilth.decode.sound._AT_ONCE", 1000)
    samples, _ = decode_sound(FILES[kind])
    np.testing.assert_allclose(samples, heard(FILES[kind]), rtol=0, atol=1e-7)


def test_a_recording_of_too_many_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tilth.decode.sound.MOST_SAMPLES", 11_999)
    with pytest.raises(SoundError, match="more than 11,999 samples"):
        check_sound(FILES["FLAC"])
    monkeypatch.setattr("tilth.decode.sound.MOST_SAMPLES", 12_000)
    assert check_sound(FILES["FLAC"]).samples == 12_000


def test_what_saying_a_text_takes() -> None:
    assert seconds_of("") == 0
    assert seconds_of("abbccc") == pytest.approx(0.02 * 9)
