"""Transforms of spectra: warp, tilt, stretch, spec_augment."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.augment.sounds import keys, spectra
from tilth.augment.features import spec_augment, stretch, tilt, warp
from tilth.augment.sounds import Spectra

MODULES: list[tuple[Any, Any]] = [
    (warp, warp.Settings()),
    (tilt, tilt.Settings()),
    (stretch, stretch.Settings()),
    (spec_augment, spec_augment.Settings()),
]


@pytest.mark.parametrize(("module", "settings"), MODULES)
def test_a_draw_depends_on_the_key_alone(module: Any, settings: Any) -> None:
    whole = module.transform(spectra(), keys(), settings)
    one = Spectra(spectra().values[2:, :7], spectra().lengths[2:])
    alone = module.transform(one, keys()[2:], settings)
    length = alone.lengths[0]
    assert whole.lengths[2] == length
    np.testing.assert_allclose(whole.values[2, :length], alone.values[0, :length], rtol=1e-6)
    again = module.transform(spectra(), keys(1), settings)
    assert whole.values.shape != again.values.shape or (whole.values != again.values).any()
    assert whole.values.dtype == np.float32


def test_warp_moves_bands_in_proportion() -> None:
    # Band b holds b, so what stands there afterwards is b x factor, up to the last band.
    warped = warp.transform(spectra(), keys(), warp.Settings(max_change=0.2)).values[:, 0]
    factors = warped[:, 8] / 8
    assert ((factors > 0.79) & (factors < 1.21)).all()
    expected = np.minimum(np.arange(16) * factors[:, None], 15)
    np.testing.assert_allclose(warped, expected, atol=1e-4)


def test_tilt_is_the_same_curve_in_every_frame() -> None:
    curves = tilt.transform(spectra(), keys(), tilt.Settings(strength=1)).values - spectra().values
    np.testing.assert_allclose(curves, np.broadcast_to(curves[:, :1], curves.shape), atol=1e-5)
    assert np.abs(curves).max() < 3 * np.sqrt(3)


def test_stretch_keeps_the_ends() -> None:
    before, after = spectra(), stretch.transform(spectra(), keys(), stretch.Settings())
    assert (np.abs(after.lengths / before.lengths - 1) < 0.26).all()
    for row in range(3):
        for place in (0, -1):
            old = before.values[row, : before.lengths[row]][place]
            new = after.values[row, : after.lengths[row]][place]
            np.testing.assert_allclose(old, new, atol=1e-5)


def test_spec_augment_hides_stripes() -> None:
    settings = spec_augment.Settings(
        band_stripes=1, max_bands=4, frame_stripes=1, max_frames=50, max_share=0.5
    )
    hidden = spec_augment.transform(spectra(), keys(3), settings).values != spectra().values
    bands, frames = hidden.all(axis=1), hidden.all(axis=2)
    assert (bands.sum(axis=1) <= 4).all()
    assert (frames.sum(axis=1) <= spectra().lengths / 2).all()
    np.testing.assert_array_equal(hidden, bands[:, None, :] | frames[:, :, None])
