"""The transforms of pictures: what each setting does to what training sees, and its ends."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from tests.table.entries import effect, refused
from tests.table.seen import augment, of_pixels, pictures, seen_pictures
from tests.table.whole import said

Floats = npt.NDArray[np.float32]
GREY = np.array([0.299, 0.587, 0.114])


def _plain(num: int = 200) -> Floats:
    return seen_pictures([], pictures(num))


def _moves(before: Floats, after: Floats) -> list[tuple[int, int]]:
    """How far each picture went to the right and down: the only move that explains it."""
    height, width = before.shape[2:]
    found = []
    for old, new in zip(before, after, strict=True):
        fitting = [
            (right, down)
            for right in range(-5, 6)
            for down in range(-5, 6)
            if np.array_equal(
                new[:, max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)],
                old[
                    :, max(-down, 0) : height - max(down, 0), max(-right, 0) : width - max(right, 0)
                ],
            )
        ]
        assert len(fitting) == 1
        found += fitting
    return found


@effect("augment.shift.max_x", "augment.shift.max_y")
def test_a_shift_goes_as_far_as_it_may(path: str) -> None:
    along = path.rpartition(".")[2]
    across = {"max_x": "max_y", "max_y": "max_x"}[along]
    moved = seen_pictures(augment("shift", **{along: 3, across: 0}), pictures())
    moves = np.array(_moves(_plain(), moved))
    own = ["max_x", "max_y"].index(along)
    assert set(moves[:, own].tolist()) == set(range(-3, 4))
    assert set(moves[:, 1 - own].tolist()) == {0}


@effect("augment.shift.fill", "augment.shift.border")
def test_what_moves_in_from_outside() -> None:
    plain = _plain()
    for fill in (0.0, 0.5):
        moved = seen_pictures(augment("shift", max_x=3, max_y=0, fill=fill), pictures())
        right = max(move[0] for move in _moves(plain, moved))
        row = [move[0] for move in _moves(plain, moved)].index(right)
        assert right == 3
        assert (moved[row, :, :, :right] == np.float32(fill)).all()
    mirrored = seen_pictures(augment("shift", max_x=3, max_y=0, border="reflect"), pictures())
    np.testing.assert_array_equal(mirrored[row, :, :, :right], plain[row, :, :, right:0:-1])


@refused("augment.shift.fill")
def test_a_fill_beside_a_mirrored_border_is_refused() -> None:
    told = said(_recipe({"shift": {"border": "reflect", "fill": 0.5}}))
    assert "`fill` has no effect with `border: reflect`" in told
    assert not said(_recipe({"shift": {"border": "reflect"}}))


@effect("augment.flip.horizontal", "augment.flip.vertical")
def test_a_share_is_mirrored(path: str) -> None:
    name = path.rpartition(".")[2]
    axis = {"horizontal": 3, "vertical": 2}[name]
    plain, rest = _plain(600), {"horizontal": 0, "vertical": 0}
    for share in (0.0, 0.3, 1.0):
        found = seen_pictures(augment("flip", **{**rest, name: share}), pictures(600))
        mirrored = (found == np.flip(plain, axis)).all(axis=(1, 2, 3))
        assert ((found == plain).all(axis=(1, 2, 3)) | mirrored).all()
        assert mirrored.mean() == pytest.approx(share, abs=0.06)


@effect("augment.crop.min_scale")
def test_a_part_is_enlarged() -> None:
    ramp = np.broadcast_to(np.arange(0, 160, 4, dtype=np.uint8), (200, 1, 40, 40))
    for least in (0.4, 0.8):
        found = seen_pictures(augment("crop", min_scale=least), of_pixels(ramp))
        slope = np.diff(found[:, 0, 5, 8:30], axis=1).mean(axis=1) * 255 / 4
        assert least <= slope.min() < least + 0.05
        assert 0.95 < slope.max() <= 1


def _hidden(
    num: int = 400, height: int = 20, width: int = 14, **given: float
) -> npt.NDArray[np.bool_]:
    """Which pixels `erase` hides, bool [n, height, width]."""
    data = pictures(num, 1, height, width)
    given = {"probability": 1, "fill": 0} | given
    found: npt.NDArray[np.bool_] = seen_pictures(augment("erase", **given), data)[:, 0] == 0
    return found


def _sides(hidden: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Height and width of each rectangle, int64 [n, 2]; checks that it is one."""
    sides = np.stack([hidden.any(axis=axis).sum(axis=1) for axis in (2, 1)], axis=1)
    np.testing.assert_array_equal(sides.prod(axis=1), hidden.sum(axis=(1, 2)))
    return sides


@effect("augment.erase.probability")
def test_a_share_of_pictures_is_erased() -> None:
    for share in (0.0, 0.3, 1.0):
        found = _hidden(probability=share).any(axis=(1, 2)).mean()
        assert found == pytest.approx(share, abs=0.07)


@effect("augment.erase.min_area", "augment.erase.max_area")
@pytest.mark.parametrize(("least", "most"), [(0.02, 0.2), (0.1, 0.4), (0.3, 1.0), (1.0, 1.0)])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (20, 14), (6, 30)])
def test_no_less_is_hidden_and_no_more(height: int, width: int, least: float, most: float) -> None:
    areas = _sides(_hidden(300, height, width, min_area=least, max_area=most)).prod(axis=1)
    shares = areas / (height * width)
    assert shares.min() >= least
    assert shares.max() <= most
    # From near the least to near the most, by what a row or a column of pixels makes.
    step = max(height, width) / (height * width)
    assert shares.min() <= least + step
    room = 3 * min(height, width) / max(height, width)  # of a rectangle that is not too long
    assert shares.max() >= max(min(most, room) - 2 * step, least)


@effect("augment.erase.max_aspect")
def test_a_rectangle_is_no_longer_than_it_may_be() -> None:
    for most in (1.0, 2.0, 5.0):
        sides = _sides(_hidden(height=40, width=40, max_aspect=most, max_area=0.1))
        found = sides.max(axis=1) / sides.min(axis=1)
        assert most * 0.8 <= found.max() <= most


@effect("augment.erase.fill")
def test_what_is_hidden_has_that_value() -> None:
    plain = _plain()
    for fill in (0.0, 1.0):
        found = seen_pictures(augment("erase", probability=1, fill=fill), pictures())
        assert ((found == fill) | (found == plain)).all()
        assert (found == fill).any(axis=(1, 2, 3)).all()
    noisy = seen_pictures(augment("erase", probability=1, fill=None), pictures())
    values = noisy[noisy != plain]
    assert len(np.unique(values)) > 1000
    assert values.mean() == pytest.approx(0.5, abs=0.02)


@effect("augment.noise.std")
def test_noise_is_of_that_spread() -> None:
    grey = of_pixels(np.full((50, 1, 20, 20), 128, np.uint8))
    for std in (0.02, 0.1):
        found = seen_pictures(augment("noise", std=std), grey)
        assert found.std() == pytest.approx(std, rel=0.03)
        assert found.mean() == pytest.approx(128 / 255, abs=0.003)


def _light(*, channels: float = 3, **given: float) -> tuple[Floats, Floats]:
    """Pictures before and after `colour` with what is given alone, mild enough not to clip."""
    data = of_pixels(
        (128 + (pictures(300, int(channels)).rows.astype(int) - 128) // 4).astype(np.uint8)
    )
    off = {"brightness": 0, "contrast": 0, "saturation": 0, "hue": 0}
    return seen_pictures([], data), seen_pictures(augment("colour", **{**off, **given}), data)


def _grey(images: Floats) -> Floats:
    found: Floats = np.einsum("nchw,c->nhw", images, GREY)[:, None]
    return found


def _factors(before: Floats, after: Floats) -> npt.NDArray[np.float64]:
    """The one number of each picture by which all of it was multiplied."""
    factors = (before * after).sum(axis=(1, 2, 3)) / (before**2).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(after, before * factors[:, None, None, None], atol=1e-5)
    found: npt.NDArray[np.float64] = factors.astype(np.float64)
    return found


@effect("augment.colour.brightness", "augment.colour.contrast", "augment.colour.saturation")
def test_light_changes_by_a_factor(path: str) -> None:
    name = path.rpartition(".")[2]
    for spread in (0.1, 0.4):
        before, after = _light(**{name: spread})
        if name == "contrast":
            middle = _grey(before).mean(axis=(2, 3), keepdims=True)
            before, after = before - middle, after - middle
        elif name == "saturation":
            middle = _grey(before)
            before, after = before - middle, after - middle
        factors = _factors(before, after)
        assert 1 - spread - 1e-4 < factors.min() < 1 - 0.9 * spread
        assert 1 + 0.9 * spread < factors.max() < 1 + spread + 1e-4


@effect("augment.colour.hue")
def test_hue_turns_the_colour_and_keeps_the_grey() -> None:
    angles = []
    for most in (0.1, 0.5):
        before, after = _light(hue=most)
        np.testing.assert_allclose(_grey(before), _grey(after), atol=1e-3)
        old, new = (_chroma(images) for images in (before, after))
        turns = np.angle((new * old.conj()).sum(axis=(1, 2))) / (2 * np.pi)
        assert 0.9 * most < np.abs(turns).max() <= most + 1e-3
        angles.append(np.abs(turns).max())
    assert angles[0] < angles[1]
    for name in ("hue", "saturation"):
        grey, same = _light(**{"channels": 1, name: 0.5})
        np.testing.assert_array_equal(grey, same)


def _chroma(images: Floats) -> npt.NDArray[np.complex128]:
    """The place of each pixel in the I-Q plane."""
    red, green, blue = images.transpose(1, 0, 2, 3).astype(np.float64)
    i = 0.5959 * red - 0.2746 * green - 0.3213 * blue
    q = 0.2115 * red - 0.5227 * green + 0.3112 * blue
    found: npt.NDArray[np.complex128] = i + 1j * q
    return found


@effect("augment.rand_augment.operations")
def test_so_many_operations_an_image() -> None:
    # One of the fourteen leaves an image as it is; two of two seldom do.
    # (Pillow equalizes nothing where a channel has fewer than 256 pixels.)
    data, same = pictures(400, 3, 18, 18), []
    plain = seen_pictures([], data)
    for number in (1, 2, 8):
        found = seen_pictures(augment("rand_augment", operations=number), data)
        same.append((np.abs(found - plain) < 1e-6).all(axis=(1, 2, 3)).mean())
    assert 0.04 < same[0] < 0.12
    assert same[1] < 0.02
    assert same[2] == 0


@effect("augment.rand_augment.strength")
def test_every_operation_grows_with_its_strength() -> None:
    plain, far = _plain(), []
    for strength in (0.0, 0.1, 0.4, 1.0):
        found = seen_pictures(augment("rand_augment", operations=1, strength=strength), pictures())
        far.append(float(np.abs(found - plain).mean()))
    assert far[0] == 0
    assert far == sorted(far)
    assert far[1] < far[3] / 3


def _recipe(transform: dict[str, object]) -> dict[str, object]:
    return {
        "collect": {"a": {"image_folder": {"path": "a"}}},
        "augment": [transform],
        "pretrain": {"task": "image-classification", "model": {"kind": "mlp"}},
    }
