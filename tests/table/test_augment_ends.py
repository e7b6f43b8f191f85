"""Every transform at both ends of every setting: no change, the largest that stays in range."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.table.entries import extreme
from tests.table.seen import (
    VOCABULARY,
    augment,
    heard,
    pictures,
    read_texts,
    seen_pictures,
    texts,
    utterances,
)
from tests.table.whole import said
from tilth.augment.registry import kind_of, transforms

# What makes each transform leave everything as it is.
OFF: dict[str, dict[str, float]] = {
    "audio_noise": {"probability": 0},
    "colour": {"brightness": 0, "contrast": 0, "saturation": 0, "hue": 0},
    "crop": {"min_scale": 1},
    "erase": {"probability": 0},
    "flip": {"horizontal": 0, "vertical": 0},
    "noise": {"std": 0},
    "rand_augment": {"strength": 0},
    "shift": {"max_x": 0, "max_y": 0},
    "span": {"probability": 0},
    "spec_augment": {"band_stripes": 0, "frame_stripes": 0},
    "speed": {"max_change": 0},
    "stretch": {"max_change": 0},
    "text_drop": {"share": 0},
    "text_mask": {"share": 0},
    "text_swap": {"distance": 0},
    "tilt": {"strength": 0},
    "warp": {"max_change": 0},
}

# What each setting takes at its ends, and what it does not, with others that it stands beside.
ENDS: dict[str, tuple[tuple[float, ...], tuple[float, ...], dict[str, float]]] = {
    "audio_noise.max_snr_db": ((-60, 100), (-61, 101), {"probability": 1, "min_snr_db": -60}),
    "audio_noise.min_snr_db": ((-60, 40), (-61, 101), {"probability": 1}),
    "audio_noise.probability": ((0, 1), (-0.1, 1.1), {}),
    "colour.brightness": ((0, 1), (-0.1, 1.1), {}),
    "colour.contrast": ((0, 1), (-0.1, 1.1), {}),
    "colour.hue": ((0, 0.5), (-0.1, 0.6), {}),
    "colour.saturation": ((0, 1), (-0.1, 1.1), {}),
    "crop.min_scale": ((1e-9, 1), (0, 1.1), {}),
    "erase.fill": ((0, 1), (-0.1, 1.1), {"probability": 1}),
    "erase.max_area": ((0.02, 1), (0, 1.1), {"probability": 1}),
    "erase.max_aspect": ((1, 1e9), (0.9,), {"probability": 1}),
    "erase.min_area": ((1e-9, 1), (0, 1.1), {"probability": 1, "max_area": 1}),
    "erase.probability": ((0, 1), (-0.1, 1.1), {}),
    "flip.horizontal": ((0, 1), (-0.1, 1.1), {}),
    "flip.vertical": ((0, 1), (-0.1, 1.1), {}),
    "noise.std": ((0, 1), (-0.1, 1.1), {}),
    "rand_augment.operations": ((1, 8), (0, 9, 1.5), {"strength": 1}),
    "rand_augment.strength": ((0, 1), (-0.1, 1.1), {}),
    "shift.fill": ((0, 1), (-0.1, 1.1), {}),
    "shift.max_x": ((0, 65_535), (-1, 65_536, 0.5), {}),
    "shift.max_y": ((0, 65_535), (-1, 65_536, 0.5), {}),
    "span.min_pause_ms": ((1e-9, 1e9), (0,), {"probability": 1}),
    "span.probability": ((0, 1), (-0.1, 1.1), {}),
    "span.silence_db": ((1e-9, 100), (0, 101), {"probability": 1}),
    "spec_augment.band_stripes": ((0, 256), (-1, 257), {"max_bands": 256}),
    "spec_augment.frame_stripes": ((0, 256), (-1, 257), {"max_share": 1}),
    "spec_augment.max_bands": ((0, 256), (-1, 257), {}),
    "spec_augment.max_frames": ((0, 1_000_000), (-1, 1_000_001), {"max_share": 1}),
    "spec_augment.max_share": ((0, 1), (-0.1, 1.1), {"max_frames": 1000}),
    "speed.max_change": ((0, 0.5), (-0.1, 0.6), {}),
    "stretch.max_change": ((0, 0.5), (-0.1, 0.6), {}),
    "text_drop.share": ((0, 0.999999), (-0.1, 1), {}),
    "text_mask.share": ((0, 1), (-0.1, 1.1), {}),
    "text_swap.distance": ((0, 1_000_000), (-1, 1_000_001), {}),
    "tilt.strength": ((0, 10), (-0.1, 11), {}),
    "warp.max_change": ((0, 0.5), (-0.1, 0.6), {}),
}
NO_NUMBERS = (float("nan"), float("inf"), float("-inf"))


def _training(specs: list[dict[str, Any]], kind: str) -> list[Any]:
    """What training sees of each sample; checks that it is finite, and in range."""
    if kind == "images":
        seen = seen_pictures(specs, pictures(40))
        assert seen.min() >= -1e-6
        assert seen.max() <= 1 + 1e-6
        return list(seen)
    if kind == "tokens":
        found = read_texts(specs, texts(100))
        assert all(0 < token < VOCABULARY for text in found for token in text)
        return found
    frames, left = heard(specs, utterances(["ab ca bc", "ca bc ab cb"] * 8))
    assert all(np.isfinite(one).all() for one in frames)
    assert all(left)
    return [*frames, *left]


@pytest.mark.parametrize("name", sorted(transforms()))
def test_at_nothing_it_changes_nothing(name: str) -> None:
    kind = kind_of(name)
    plain, off = (_training(specs, kind) for specs in ([], augment(name, **OFF[name])))
    on = _training(augment(name), kind)
    assert len(plain) == len(off)
    assert all(np.array_equal(a, b) for a, b in zip(plain, off, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(plain, on, strict=True))


@extreme(*(f"augment.{path}" for path in ENDS))
def test_at_its_ends_it_stays_in_range_and_beyond_it_is_refused(path: str) -> None:
    name, _, setting = path.removeprefix("augment.").partition(".")
    accepted, beyond, beside = ENDS[f"{name}.{setting}"]
    kind = kind_of(name)
    for value in accepted:
        given = {**beside, setting: value}
        assert not said(_recipe(kind, name, given)), given
        _training(augment(name, **given), kind)
    for value in (*beyond, *NO_NUMBERS):
        assert f"`{setting}`" in said(_recipe(kind, name, {**beside, setting: value})), value


def _recipe(kind: str, name: str, given: dict[str, float]) -> dict[str, Any]:
    task, model = {
        "images": ("image-classification", "mlp"),
        "tokens": ("text-classification", "gpt"),
    }.get(kind, ("speech-recognition", "ctc"))
    return {
        "collect": {"a": {"jsonl": {"path": "a.jsonl"}}},
        "augment": [{name: given}],
        "pretrain": {"task": task, "model": {"kind": model}},
    }
