"""Pictures as a person sees them, held against plain Pillow and numpy; and what is none."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps

from tilth.decode.picture import (
    FORMATS,
    KEYED,
    LATER_FRAMES,
    LOW_BITS,
    MOST_PIXELS,
    PictureError,
    TooManyPixelsError,
    decode_picture,
    is_grey,
    open_picture,
)

RNG = np.random.default_rng(5)
HEIC = Path(__file__).parent / "heic"
SIDES = {"RGB": 3, "RGBA": 4, "LA": 2, "CMYK": 4, "YCbCr": 3, "LAB": 3}
# By format, the modes that Pillow writes of it, and how.
MADE: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "PNG": (("1", "L", "LA", "P", "RGB", "RGBA", "I;16"), {}),
    "TIFF": (("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16", "I", "F"), {}),
    "JPEG": (("L", "RGB", "CMYK", "YCbCr"), {"quality": 90}),
    "GIF": (("1", "L", "P"), {}),
    "WEBP": (("RGB", "RGBA"), {"lossless": True}),
    "BMP": (("1", "L", "P", "RGB", "RGBA"), {}),
    "PPM": (("1", "L", "RGB", "I", "F"), {}),
    "AVIF": (("L", "RGB", "RGBA"), {}),
    "JPEG2000": (("L", "LA", "RGB", "RGBA", "I;16"), {}),
    "TGA": (("L", "LA", "P", "RGB", "RGBA"), {}),
    "ICO": (("RGBA",), {}),
    "PCX": (("1", "L", "P", "RGB"), {}),
    "SGI": (("L", "RGB", "RGBA"), {}),
}
CASES = [(kind, mode) for kind, (modes, _) in MADE.items() for mode in modes]


def made(mode: str, height: int = 16, width: int = 16) -> Image.Image:
    """Noise in a mode."""
    if mode in SIDES:
        values = RNG.integers(0, 256, (height, width, SIDES[mode]), np.uint8)
        return Image.frombytes(mode, (width, height), values.tobytes())
    if mode == "1":
        return Image.fromarray(RNG.integers(0, 2, (height, width), np.uint8) * 255).convert("1")
    if mode == "P":
        return made("RGB", height, width).quantize(16)
    kinds = {"L": np.uint8, "I;16": np.uint16, "I": np.int32, "F": np.float32}
    values = RNG.integers(0, 256 if mode == "L" else 65536, (height, width)).astype(kinds[mode])
    return Image.fromarray(values)


def encode(image: Image.Image, kind: str, **given: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **given)
    return file.getvalue()


def stated(data: bytes) -> npt.NDArray[np.float64]:
    """What is said of each mode, by plain Pillow and numpy; [height, width] or [..., 3]."""
    with Image.open(io.BytesIO(data)) as opened:
        opened.load()
        kind, image = opened.format, ImageOps.exif_transpose(opened)
        values: npt.NDArray[np.float64] = np.array(image, np.float64)
        if image.mode == "I;16" or (image.mode == "I" and kind == "PPM"):
            return values / 257
        if image.mode in ("I", "F"):
            lowest, highest = float(values.min()), float(values.max())
            return (values - lowest) / (highest - lowest) * 255
        if image.mode in ("LA", "RGBA") or "transparency" in image.info:
            values = np.asarray(image.convert("RGBA"), np.float64)
            share = values[..., 3:] / 255
            laid: npt.NDArray[np.float64] = values[..., :3] * share + 255 * (1 - share)
            return laid[..., 0] if image.mode == "LA" else laid
        if image.mode == "LAB":
            lab, srgb = (ImageCms.createProfile(name) for name in ("LAB", "sRGB"))
            found = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
            return np.array(found, np.float64)
        grey = image.mode in ("1", "L")
        return np.array(image.convert("L" if grey else "RGB"), np.float64)


@pytest.mark.parametrize(("kind", "mode"), CASES)
def test_every_format_and_mode_is_seen_as_stated(kind: str, mode: str) -> None:
    data = encode(made(mode), kind, **MADE[kind][1])
    found = decode_picture(data).image
    expected = stated(data)
    assert found.mode == ("L" if expected.ndim == 2 else "RGB")
    assert is_grey(data) == (found.mode == "L")
    # Half a level of rounding, and one where colours are laid on white.
    assert np.abs(np.asarray(found, np.float64) - expected).max() <= 1


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
def test_a_picture_is_turned_as_its_exif_says(kind: str) -> None:
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[274] = orientation
        data = encode(made("RGB", 8, 24), kind, exif=exif)
        with Image.open(io.BytesIO(data)) as image:
            expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
        np.testing.assert_array_equal(np.asarray(decode_picture(data).image), expected)
        assert expected.shape == ((8, 24, 3) if orientation < 5 else (24, 8, 3))


def test_an_exif_that_is_broken_turns_nothing() -> None:
    data = encode(made("RGB", 8, 24), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert decode_picture(data).image.size == (24, 8)


def profile(space: bytes = b"RGB ", gamma: int = 256, named: str = "made") -> bytes:
    """A profile (ICC.1:2022) whose green is what sRGB has as red; or grey of a gamma of 1/256."""
    red, green, blue = (0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)

    def xyz(values: tuple[float, ...]) -> bytes:
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(one * 65536) for one in values))

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, gamma) + b"\0\0"
    text = named.encode("utf-16-be")
    name = b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(text), 28) + text
    tags = {b"desc": name, b"wtpt": xyz((0.9642, 1.0, 0.8249))}
    if space == b"RGB ":
        tags |= {b"rXYZ": xyz(green), b"gXYZ": xyz(red), b"bXYZ": xyz(blue)}
        tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    else:
        tags[b"kTRC"] = curve
    place, index, body = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for tag, value in tags.items():
        value += bytes(-len(value) % 4)
        index += tag + struct.pack(">II", place + len(body), len(value))
        body += value
    size = struct.pack(">I", place + len(body))
    head = size + b"none\x04\0\0\0mntr" + space + b"XYZ " + bytes(12) + b"acsp" + bytes(28)
    head += struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + index + body


def test_colours_come_to_srgb() -> None:
    image, given_profile = made("RGB"), profile()
    data = encode(image, "PNG", icc_profile=given_profile)
    opened = ImageCms.ImageCmsProfile(io.BytesIO(given_profile))
    expected = ImageCms.profileToProfile(image, opened, ImageCms.createProfile("sRGB"))
    assert expected is not None
    found = np.asarray(decode_picture(data).image)
    np.testing.assert_array_equal(found, np.asarray(expected))
    pure = encode(Image.new("RGB", (2, 2), (255, 0, 0)), "TIFF", icc_profile=given_profile)
    assert decode_picture(pure).image.getpixel((0, 0)) == pytest.approx((0, 255, 0), abs=2)


def test_grey_comes_to_the_curve_of_srgb() -> None:
    data = encode(Image.new("L", (2, 2), 55), "PNG", icc_profile=profile(b"GRAY"))
    # IEC 61966-2-1: linear light of 55/255 is 0.5018 in sRGB.
    light = 1.055 * (55 / 255) ** (1 / 2.4) - 0.055
    assert decode_picture(data).image.getpixel((0, 0)) == pytest.approx(255 * light, abs=1)


@pytest.mark.parametrize(
    "given_profile",
    [
        profile(b"GRAY"),
        b"nothing" * 40,
        profile()[:200],
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    ],
)
def test_a_profile_that_says_nothing_changes_nothing(given_profile: bytes) -> None:
    image = made("RGB")
    data = encode(image, "PNG", icc_profile=given_profile)
    np.testing.assert_array_equal(np.asarray(decode_picture(data).image), np.asarray(image))


def test_what_a_profile_does_counts_and_not_its_name() -> None:
    image = Image.new("RGB", (2, 2), (255, 0, 0))
    data = encode(image, "PNG", icc_profile=profile(named="linear sRGB"))
    assert decode_picture(data).image.getpixel((0, 0)) == pytest.approx((0, 255, 0), abs=2)


def test_floats_between_0_and_1_are_shares_of_white() -> None:
    image = Image.fromarray(np.array([[0.25, 0.5, 0.75]], np.float32))
    found = decode_picture(encode(image, "TIFF")).image
    assert np.asarray(found).tolist() == [[64, 128, 191]]
    flat = Image.fromarray(np.full((2, 2), 7.5, np.float32))
    assert np.asarray(decode_picture(encode(flat, "TIFF")).image).tolist() == [[0, 0], [0, 0]]
    odd = Image.fromarray(np.array([[np.nan, 1.0]], np.float32))
    with pytest.raises(PictureError, match="no number"):
        decode_picture(encode(odd, "TIFF"))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *more: bytes) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + checksum

    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    other = b"".join(chunk(one[:4], one[4:]) for one in more)
    data = chunk(b"IHDR", head) + other + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


def packed(values: npt.NDArray[Any], depth: int) -> bytes:
    """Rows of a PNG, each after the filter 0; of values [height, values] of so many bits."""
    wide = values.astype(">u2").view(np.uint8).reshape(*values.shape, 2)
    bits = np.unpackbits(wide, axis=-1)[..., 16 - depth :].reshape(len(values), -1)
    rows = np.packbits(bits, axis=1)
    return np.concatenate([np.zeros((len(rows), 1), np.uint8), rows], 1).tobytes()


# ISO/IEC 15948:2004, table 11.1: every colour type with every depth it may have, and its channels.
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


@pytest.mark.parametrize(
    ("colour", "depth"), [(colour, depth) for colour, all_ in DEPTHS.items() for depth in all_]
)
def test_every_depth_of_png_is_scaled_to_8_bits(colour: int, depth: int) -> None:
    channels, most = CHANNELS[colour], (1 << depth) - 1
    values = RNG.integers(0, most + 1, (7, 5, channels))
    palette = RNG.integers(0, 256, (most + 1, 3), np.uint8) if colour == 3 else np.zeros((0, 3))
    more = [b"PLTE" + palette.astype(np.uint8).tobytes()] if colour == 3 else []
    data = png(5, 7, depth, colour, packed(values.reshape(7, -1), depth), *more)
    found = decode_picture(data)
    if colour == 3:
        expected: npt.NDArray[Any] = palette[values[..., 0]]
    else:
        levels = values / most * 255
        share = values[..., -1:] / most if colour in (4, 6) else np.ones((7, 5, 1))
        laid = levels[..., : channels - 1 or 1] if colour in (4, 6) else levels
        expected = (laid * share + 255 * (1 - share)).squeeze()
    assert is_grey(data) == (found.image.mode == "L") == (colour in (0, 4))
    assert found.unseen == ((LOW_BITS,) if depth == 16 and colour else ())
    # High bytes are up to one level off, and so is what lies on white.
    assert np.abs(np.asarray(found.image, float) - expected).max() <= (2 if depth == 16 else 1)


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_a_level_that_stands_for_nothing_is_white_at_every_depth(depth: int) -> None:
    most = (1 << depth) - 1
    values = np.arange(min(most, 15) + 1)[None] * max(most // 15, 1)
    clear = int(values[0, 0])
    tag = b"tRNS" + struct.pack(">H", clear)
    data = png(values.shape[1], 1, depth, 0, packed(values, depth), tag)
    expected = np.where(values == clear, 255, values / most * 255)
    assert np.abs(np.asarray(decode_picture(data).image, float) - expected).max() <= 0.5


def test_a_clear_colour_of_16_bits_is_said() -> None:
    rows = b"\0" + struct.pack(">6H", 0x1234, 0x5678, 0x9ABC, 0x1235, 0x5678, 0x9ABC)
    data = png(2, 1, 16, 2, rows, b"tRNS" + struct.pack(">3H", 0x1234, 0x5678, 0x9ABC))
    assert decode_picture(data).unseen == (LOW_BITS, KEYED)


def tiff(values: npt.NDArray[Any], *, white: int = 0, bits: int = 0, raw: bytes = b"") -> bytes:
    """One strip of grey [height, width] as TIFF 6.0 has it, in the order of the values' bytes.

    Args:
        values: Levels; their type is the sample format.
        white: 1 where 0 is white.
        bits: A channel, where it is not that of the values.
        raw: The strip, where it is not the values' bytes.
    """
    order = ">" if values.dtype.byteorder == ">" else "<"
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    strip, (height, width) = raw or values.tobytes(), values.shape
    fields = [(256, width), (257, height), (258, bits or 8 * values.itemsize), (259, 1)]
    fields += [(262, 1 - white), (273, 8 + 2 + 12 * 10 + 4), (277, 1), (278, height)]
    fields += [(279, len(strip)), (339, kind)]
    entries = b"".join(struct.pack(order + "HHII", tag, 4, 1, value) for tag, value in fields)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(fields))
    return head + entries + bytes(4) + strip


@pytest.mark.parametrize("white", [0, 1])
@pytest.mark.parametrize(
    "kind", ["<u1", "<u2", ">u2", "<i2", ">i2", "<u4", "<i4", "<f4", ">f4", "i1"]
)
def test_grey_of_every_kind_of_tiff(kind: str, white: int) -> None:
    dtype = np.dtype(kind)
    if dtype.kind == "f":
        values = RNG.normal(0, 100, (6, 5)).astype(dtype)
    else:
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        values = RNG.integers(low, high, (6, 5), dtype=dtype.newbyteorder("=")).astype(dtype)
    data = tiff(values, white=white)
    levels = values.astype(np.float64)
    if dtype in (np.dtype("u1"), np.dtype("<u2"), np.dtype(">u2")):
        expected = levels / np.iinfo(dtype).max * 255
    else:
        expected = (levels - levels.min()) / (levels.max() - levels.min()) * 255
    try:
        found = decode_picture(data).image
    except PictureError as error:
        # What Pillow does not read is quarantined, and not guessed at.
        if white and "no image in one of" in str(error):
            return
        raise
    assert found.mode == "L"
    wanted = 255 - expected if white else expected
    assert np.abs(np.asarray(found, float) - wanted).max() <= 0.5


def test_grey_of_12_bits_is_scaled() -> None:
    values = np.array([[0, 1000, 2048, 4095]], "<u2")
    bits = "".join(f"{value:012b}" for value in values[0])
    data = tiff(values, bits=12, raw=int(bits, 2).to_bytes(6, "big"))
    assert np.asarray(decode_picture(data).image).tolist() == [[0, 62, 128, 255]]


@pytest.mark.parametrize("most", [1, 3, 100, 255, 256, 1023, 4095, 65535])
@pytest.mark.parametrize("magic", [b"P5", b"P6"])
def test_every_depth_of_pgm_and_ppm(magic: bytes, most: int) -> None:
    side = 3 if magic == b"P6" else 1
    values = RNG.integers(0, most + 1, (4, 5, side)).astype("u1" if most < 256 else ">u2")
    data = magic + b"\n# 1 2 3 4\n5 4\n%d\n" % most + values.tobytes()
    found = decode_picture(data)
    assert found.unseen == ((LOW_BITS,) if side == 3 and most > 255 else ())
    gap = np.asarray(found.image, float).reshape(4, 5, side) - values.astype(float) / most * 255
    assert np.abs(gap).max() <= 1


def test_sgi_of_16_bits_is_said() -> None:
    image = made("L")
    assert decode_picture(encode(image, "SGI", bpc=1)).unseen == ()
    found = decode_picture(encode(image, "SGI", bpc=2))
    assert found.unseen == (LOW_BITS,)
    np.testing.assert_array_equal(np.asarray(found.image), np.asarray(image))


def test_what_is_not_seen_is_said() -> None:
    deep = png(1, 1, 16, 2, b"\0\x12\xff\x80\x00\xfe\x01")
    found = decode_picture(deep)
    assert (found.image.getpixel((0, 0)), found.unseen) == ((0x12, 0x80, 0xFE), (LOW_BITS,))
    frames = [made("RGB") for _ in range(3)]
    for kind in ("GIF", "WEBP", "PNG", "TIFF"):
        data = encode(frames[0], kind, save_all=True, append_images=frames[1:])
        found = decode_picture(data)
        assert found.unseen == (LATER_FRAMES,)
        with Image.open(io.BytesIO(data)) as image:
            np.testing.assert_array_equal(found.image, np.asarray(image.convert("RGB")))
    assert decode_picture(encode(frames[0], "PNG")).unseen == ()


def test_a_colour_that_stands_for_nothing_is_white() -> None:
    grey16 = png(2, 1, 16, 0, b"\0\x10\x00\x80\x00", b"tRNS\x10\x00")
    assert np.asarray(decode_picture(grey16).image).tolist() == [[255, 128]]
    indexed = png(2, 1, 8, 3, b"\0\0\1", b"PLTE\xff\0\0\0\0\xff", b"tRNS\0\xff")
    assert np.asarray(decode_picture(indexed).image).tolist() == [[[255] * 3, [0, 0, 255]]]


@pytest.mark.parametrize("name", ["plain", "turned", "grey"])
def test_heic_is_turned_once(name: str) -> None:
    pytest.importorskip("pi_heif")
    data = (HEIC / f"{name}.heic").read_bytes()
    expected = Image.new("RGB", (64, 48), (255, 255, 255))
    expected.paste((255, 0, 0), (0, 0, 32, 24))
    expected.paste((0, 0, 255), (32, 24, 64, 48))
    expected.paste((0, 255, 0), (0, 24, 32, 48))
    if name == "turned":
        expected = expected.transpose(Image.Transpose.ROTATE_270)
    if name == "grey":
        expected = expected.convert("L")
    found = decode_picture(data).image
    gap = np.abs(np.asarray(found, int) - np.asarray(expected, int))
    # Lossy, and blurred where colours meet.
    assert (found.mode, np.median(gap) <= 2, gap.mean() < 4) == (expected.mode, True, True)
    for end in range(20, len(data) - 1, 40):
        with pytest.raises(PictureError):
            decode_picture(data[:end])


def test_heic_without_its_extra_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tilth.decode.picture.reads_heif", lambda: False)
    with pytest.raises(PictureError, match=r"tilth\[heif\]"):
        decode_picture((HEIC / "plain.heic").read_bytes())


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "PPM", "AVIF"])
def test_a_file_that_is_cut_off_is_none(kind: str) -> None:
    data = encode(made("RGB", 40, 40), kind)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for end in {0, 1, 8, 30, *range(60, len(data) - 3, len(data) // 12), len(data) - 3}:
            with pytest.raises((PictureError, TooManyPixelsError)):
                decode_picture(data[:end])


def test_an_animation_that_is_cut_off_is_none() -> None:
    frames = [made("RGB", 40, 40) for _ in range(3)]
    for kind in ("GIF", "WEBP", "PNG"):
        data = encode(frames[0], kind, save_all=True, append_images=frames[1:])
        for end in range(60, len(data) - 3, len(data) // 9):
            with pytest.raises(PictureError):
                decode_picture(data[:end])


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_a_png_that_was_changed_is_none(data: st.DataObject) -> None:
    sound = bytearray(png(3, 2, 8, 0, b"\0\1\2\3\0\4\5\6"))
    # The bytes before the first chunk's checksum, and all others but the lengths.
    place = data.draw(st.integers(0, len(sound) - 1))
    sound[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises((PictureError, TooManyPixelsError)):
        decode_picture(bytes(sound))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_a_file_holds_costs_that_file_alone(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["GIF", "TIFF", "WEBP", "JPEG", "BMP", "PPM", "TGA"]))
    made_file = bytearray(encode(Image.new("RGB", (9, 7), (1, 2, 3)), kind))
    for _ in range(data.draw(st.integers(1, 6))):
        made_file[data.draw(st.integers(0, len(made_file) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = decode_picture(bytes(made_file), max_pixels=1 << 20).image
    except (PictureError, TooManyPixelsError):
        return
    assert found.mode in ("L", "RGB")


def test_what_is_allowed_is_opened_without_a_word() -> None:
    large = png(10_000, 9_000, 1, 0, b"")
    with (
        warnings.catch_warnings(action="error"),
        open_picture(large, max_pixels=90_000_000) as image,
    ):
        assert image.size == (10_000, 9_000)


def test_what_is_larger_is_not() -> None:
    with pytest.raises(TooManyPixelsError, match="pixels=20"):
        decode_picture(encode(Image.new("1", (5, 4)), "PNG"), max_pixels=19)
    with pytest.raises(TooManyPixelsError, match=f"pixels > {MOST_PIXELS}"):
        decode_picture(png(20_000, 9_000, 1, 0, b""))


def test_the_most_is_what_pillow_opens() -> None:
    assert Image.MAX_IMAGE_PIXELS is not None
    assert MOST_PIXELS == 2 * Image.MAX_IMAGE_PIXELS


def test_other_formats_are_no_pictures() -> None:
    data = encode(Image.new("L", (2, 2)), "PNG")
    assert decode_picture(data, formats=("PNG",)).image.size == (2, 2)
    with pytest.raises(PictureError, match="no image in one of GIF"):
        decode_picture(data, formats=("GIF",))
    # It would start a program.
    with pytest.raises(PictureError, match="no image in one of PNG, JPEG"):
        decode_picture(encode(Image.new("L", (2, 2)), "EPS"))
    assert "EPS" not in FORMATS
