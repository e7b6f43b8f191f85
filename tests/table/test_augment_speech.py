"""The transforms of speech: what each setting does to what training hears, and its ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.table.entries import effect, refused
from tests.table.seen import MELS, augment, heard, utterances
from tests.table.whole import said
from tilth.augment.chain import from_recipe
from tilth.augment.sounds import Spectra
from tilth.randomness import keys_for
from tilth.recipe.operations import operations

Floats = npt.NDArray[np.float32]
WORDS = ["b"] * 60
SENTENCES = ["ab ca bc", "ca bc ab cb"] * 20


def _plain() -> list[Floats]:
    return heard([], utterances(WORDS))[0]


def _changed(name: str, **given: float) -> list[Floats]:
    return heard(augment(name, **given), utterances(WORDS))[0]


def _lengths(frames: list[Floats]) -> npt.NDArray[np.float64]:
    return np.array([len(one) for one in frames], np.float64)


def _centre(frames: list[Floats]) -> npt.NDArray[np.float64]:
    """The band around which the tone of each utterance lies, in its middle."""
    energy = [np.exp(3.0 * one[len(one) // 2]) for one in frames]
    return np.array([(one * np.arange(MELS)).sum() / one.sum() for one in energy])


@refused("augment.speed.max_change", "augment.audio_noise.probability")
@pytest.mark.parametrize("gone", ["gain", "audio_shift"])
def test_what_the_features_undo_is_no_transform(gone: str) -> None:
    """Volume, and silence at the ends, make no difference to a spectrum: nothing changes them."""
    assert gone not in operations()
    recipe = {
        "collect": {"a": {"audio": {"path": "a"}}},
        "augment": [gone],
        "pretrain": {"task": "speech-recognition", "model": {"kind": "ctc"}},
    }
    assert f"there is no operation `{gone}` for `augment`" in said(recipe)


@effect("augment.speed.max_change")
def test_speed_moves_length_and_pitch_together() -> None:
    plain = _plain()
    for most in (0.05, 0.3):
        fast = _changed("speed", max_change=most)
        ratio = _lengths(plain) / _lengths(fast)
        # The window's own 25 ms stay as long as they are.
        assert 1 - most - 0.06 < ratio.min() < 1 - 0.6 * most + 0.03
        assert 1 + 0.6 * most - 0.03 < ratio.max() < 1 + most + 0.06
        higher = _centre(fast) / _centre(plain)
        assert np.corrcoef(ratio, higher)[0, 1] > 0.7


@effect("augment.stretch.max_change")
def test_stretch_moves_length_alone() -> None:
    plain = _plain()
    for most in (0.1, 0.4):
        long = _changed("stretch", max_change=most)
        ratio = _lengths(long) / _lengths(plain)
        assert 1 - most - 0.02 < ratio.min() < 1 - 0.8 * most
        assert 1 + 0.8 * most < ratio.max() < 1 + most + 0.02
        assert np.abs(_centre(long) - _centre(plain)).max() < 0.2


@effect("augment.warp.max_change")
def test_warp_moves_pitch_alone() -> None:
    plain, far = _plain(), []
    for most in (0.05, 0.3):
        warped = _changed("warp", max_change=most)
        np.testing.assert_array_equal(_lengths(warped), _lengths(plain))
        far.append(float(np.abs(_centre(warped) / _centre(plain) - 1).max()))
    assert far[0] < 0.15 < 0.25 < far[1] < 0.45


@effect("augment.tilt.strength")
def test_tilt_is_a_curve_over_the_bands() -> None:
    far = []
    for strength in (0.2, 1.0):
        curves = [
            (new - old).std(axis=1).mean()
            for old, new in zip(_plain(), _changed("tilt", strength=strength), strict=True)
        ]
        far.append(float(np.mean(curves)))
    assert 0 < 3 * far[0] < far[1]


@effect("augment.spec_augment.band_stripes", "augment.spec_augment.frame_stripes")
def test_so_many_stripes_are_hidden(path: str) -> None:
    name = path.rpartition(".")[2]
    counts = [
        _stripes(name, **{name: number}, max_bands=1, max_frames=1, max_share=1)
        for number in (0, 1, 4)
    ]
    assert [max(found) for found in counts] == [0, 1, 4]
    assert np.mean(counts[1]) < np.mean(counts[2])


@effect("augment.spec_augment.max_bands", "augment.spec_augment.max_frames")
def test_a_stripe_is_as_wide_as_it_may_be(path: str) -> None:
    name = path.rpartition(".")[2]
    stripes = "band_stripes" if name == "max_bands" else "frame_stripes"
    for most in (0, 2, 9):
        widths = _stripes(stripes, **{stripes: 1, name: most, "max_share": 1})
        assert (min(widths), max(widths)) == (0, most)


@effect("augment.spec_augment.max_share")
def test_no_stripe_hides_more_than_its_share() -> None:
    for most in (0.0, 0.1, 0.5):
        widths = _stripes("frame_stripes", frame_stripes=1, max_frames=1000, max_share=most)
        shares = np.array(widths) / LENGTHS
        assert 0.9 * most <= shares.max() <= most


LENGTHS = np.arange(20, 100)


def _stripes(name: str, **given: float) -> list[int]:
    """How many bands, or frames, of each utterance are hidden all along: they have its mean."""
    values = np.random.default_rng(0).normal(size=(80, 99, MELS)).astype(np.float32)
    transform = from_recipe(
        augment("spec_augment", **{"band_stripes": 0, "frame_stripes": 0, **given}), "features"
    )
    assert transform is not None
    changed = transform(Spectra(values, LENGTHS), keys_for(0, 0, np.arange(80, dtype=np.uint64)))
    found = []
    for old, new, length in zip(values, changed.values, LENGTHS, strict=True):
        hidden = (old != new)[:length]
        assert np.allclose(new[:length][hidden], old[:length].mean(), atol=1e-5)
        found.append(int(hidden.all(axis=0 if name == "band_stripes" else 1).sum()))
    return found


@effect("augment.audio_noise.probability")
def test_a_share_of_utterances_is_noisy() -> None:
    plain = _plain()
    for share in (0.0, 0.3, 1.0):
        noisy = _changed("audio_noise", probability=share)
        changed = [
            a.shape != b.shape or np.abs(a - b).max() > 1e-3
            for a, b in zip(plain, noisy, strict=True)
        ]
        assert np.mean(changed) == pytest.approx(share, abs=0.15)


@effect("augment.audio_noise.min_snr_db", "augment.audio_noise.max_snr_db")
def test_noise_is_as_loud_as_it_may_be() -> None:
    loud, between, soft = (
        [
            float(np.abs(new[: len(old)] - old[: len(new)]).mean())
            for old, new in zip(
                _plain(),
                _changed("audio_noise", probability=1, min_snr_db=low, max_snr_db=high),
                strict=True,
            )
        ]
        for low, high in ((15, 15), (15, 40), (40, 40))
    )
    assert np.mean(soft) < np.mean(between) < np.mean(loud)
    # A draw between the two is as soft, or as loud, as those.
    assert min(between) < 2 * np.mean(soft)
    assert max(between) > 0.8 * np.mean(loud)


@refused("augment.audio_noise.min_snr_db", "augment.audio_noise.max_snr_db")
def test_the_loudest_noise_is_no_softer_than_the_softest() -> None:
    recipe = {
        "collect": {"a": {"audio": {"path": "a"}}},
        "augment": [{"audio_noise": {"min_snr_db": 41}}],
    }
    assert "min_snr_db must not exceed max_snr_db" in said(recipe)


def _said(**given: Any) -> list[str]:
    """What is left of the transcripts; the sound is cut along with them."""
    data = utterances(SENTENCES, given.pop("pause_s", 0.15), hum_db=given.pop("hum_db", None))
    before, _ = heard([], data)
    after, texts = heard(augment("span", **given), data)
    for old, new, whole, text in zip(before, after, SENTENCES, texts, strict=True):
        letters = len(text.replace(" ", "")) / len(whole.replace(" ", ""))
        assert len(new) / len(old) == pytest.approx(letters, abs=0.25)
    return texts


@effect("augment.span.probability")
def test_a_share_of_utterances_is_cut_to_some_words() -> None:
    for share in (0.0, 0.5, 1.0):
        cut = [
            text != whole for text, whole in zip(_said(probability=share), SENTENCES, strict=True)
        ]
        # A whole span may be drawn too: one in nine of three words, one in eight of four.
        assert np.mean(cut) == pytest.approx(share * 0.85, abs=0.15)


@effect("augment.span.min_pause_ms")
def test_a_shorter_pause_is_none() -> None:
    assert _said(probability=1, min_pause_ms=100) != SENTENCES
    assert _said(probability=1, min_pause_ms=200) == SENTENCES
    assert _said(probability=1, min_pause_ms=200, pause_s=0.3) != SENTENCES


@effect("augment.span.silence_db")
def test_a_pause_is_so_far_below_the_loudest() -> None:
    """All along there is a hum 30 dB below the words: silence at 20 dB, none at 40."""
    assert _said(probability=1, silence_db=20, hum_db=30) != SENTENCES
    assert _said(probability=1, silence_db=40, hum_db=30) == SENTENCES
    assert _said(probability=1, silence_db=40) != SENTENCES
