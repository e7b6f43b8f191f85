"""A stranger's picture, decoded whole and within bounds, as a person sees it.

It is turned as its EXIF says; its colours are brought to sRGB where it has an ICC profile
(perceptual intent); what is transparent lies on white; of an animation the first frame is seen.
Grey of 12 or 16 bits is scaled to 8; grey in float, in 32 bits or with a sign is stretched from its
lowest to its highest value, unless its floats lie between 0 and 1; colour of more than 8 bits is
its high 8 bits.

What is cut off, damaged or too large is an error here, and so at collect. A JPEG has no checksum:
where its middle was overwritten and its end is there, it decodes to what it then shows.
"""

from __future__ import annotations

import io
import re
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from tilth.context import Note

# Above twice its `MAX_IMAGE_PIXELS`, Pillow opens no picture; so this is the most that a setting
# can allow.
MOST_PIXELS: Final = 178_956_970
# Pillow's names. Of the others some start a program (EPS, WMF), and none is what pictures come in.
FORMATS: Final = (
    *("PNG", "JPEG", "GIF", "WEBP", "BMP", "DIB", "TIFF", "PPM", "AVIF", "HEIF"),
    *("JPEG2000", "ICO", "PCX", "SGI", "TGA"),
)
# What a person does not see of a picture that is kept.
LATER_FRAMES: Final = "the frames or pages of a picture after its first"
LOW_BITS: Final = Note("picture whose colours have more than 8 bits, seen by their high 8")
KEYED: Final = Note("picture in which a colour of 16 bits stands for nothing, and is seen")

_GREY: Final = ("1", "L", "LA", "La", "I", "F")
_TRANSPARENT: Final = ("LA", "PA", "RGBA", "La", "RGBa")
_OPAQUE: Final = {"La": "LA", "LA": "LA", "RGBa": "RGBA", "RGBA": "RGBA"}
_COLOUR_BANDS: Final = {"L": b"GRAY", "RGB": b"RGB ", "CMYK": b"CMYK"}
_BITS_PER_SAMPLE: Final = 258
_PHOTOMETRIC: Final = 262
_ORIENTATION: Final = 274
_SAMPLE_FORMAT: Final = 339
_WITH_SIGN: Final = 2
# A profile that moves no colour by more than this, of 255, is sRGB: so much is rounding.
_ROUNDING: Final = 1
_PAPER: Final = 255
_PIXELS_AT_ONCE: Final = 1 << 20
# Where Pillow finds how a picture is turned; of TIFF it does so itself.
_WITH_EXIF: Final = ("exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp")
_PNG: Final = b"\x89PNG\r\n\x1a\n"
# ISO/IEC 23008-12, section 10.2: brands of HEIC; what says `avif` too is Pillow's.
_HEIF_BRANDS: Final = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_ADDRESS: Final = re.compile(r" <[^>]* object at 0x[0-9a-f]+>")

Grey = npt.NDArray[np.uint8]


class TooManyPixelsError(ValueError):
    """The header announces more pixels than may be decoded."""


class PictureError(ValueError):
    """The bytes are no picture, or not a whole one; says why."""


@dataclass(frozen=True)
class Picture:
    """A picture whose pixels are all there, as a person sees it.

    Attributes:
        image: Its first frame, upright, of 8 bits: grey (mode L) or colour (RGB).
        bands: Channels of its file, alpha included.
        unseen: What of its file is not seen: `LATER_FRAMES`, `LOW_BITS`, `KEYED`.
    """

    image: Image.Image
    bands: int
    unseen: tuple[str, ...] = ()


@contextmanager
def open_picture(
    data: bytes, *, max_pixels: int = MOST_PIXELS, formats: tuple[str, ...] | None = None
) -> Iterator[Image.Image]:
    """The picture, its header read and its pixels not decoded yet.

    Args:
        data: The bytes of its file.
        max_pixels: Most that the header may announce, `MOST_PIXELS` at the largest.
        formats: Pillow's names of those that are read; None: `FORMATS`.

    Raises:
        TooManyPixelsError: The header announces more.
        PictureError: It is no picture, of another format, or raises what it may inside the block.
    """
    allowed = FORMATS if formats is None else formats
    if _is_heif(data):
        _with_heif()
    else:
        allowed = tuple(name for name in allowed if name != "HEIF")
    try:
        with warnings.catch_warnings():
            # Where Pillow begins to warn is no bound of ours; and what it cannot read of a
            # picture's notes is none of its pixels, which raise.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=allowed) as image:
                width, height = image.size
                if width * height > max_pixels:
                    raise TooManyPixelsError(f"pixels={width * height}")
                yield image
    except Image.DecompressionBombError as error:
        raise TooManyPixelsError(f"pixels > {MOST_PIXELS}") from error
    except (TooManyPixelsError, PictureError):
        raise
    except UnidentifiedImageError:
        # Its message prints an object's address, which differs from run to run.
        raise PictureError(f"no image in one of {', '.join(allowed)}") from None
    # Pillow's decoders raise whatever their format's parsing runs into.
    except Exception as error:
        cause = _ADDRESS.sub("", str(error)).partition("\n")[0] or type(error).__name__
        raise PictureError(cause[:120]) from None


def decode_picture(
    data: bytes, *, max_pixels: int = MOST_PIXELS, formats: tuple[str, ...] | None = None
) -> Picture:
    """The picture as a person sees it, its file whole.

    Args:
        data, max_pixels, formats: As of `open_picture`.

    Raises:
        TooManyPixelsError: The header announces more; nothing was decoded.
        PictureError: It is no picture, of another format, cut off or damaged; or HEIC, and the
            extra `heif` is not installed.
    """
    with open_picture(data, max_pixels=max_pixels, formats=formats) as image:
        require_whole(data)
        unseen: tuple[str, ...] = (LOW_BITS,) if _is_deep(image, data) else ()
        if unseen and image.mode == "RGB" and "transparency" in image.info:
            unseen = (*unseen, KEYED)
        if image.format not in ("JPEG", "BMP", "PPM") and getattr(image, "n_frames", 1) > 1:
            unseen = (*unseen, LATER_FRAMES)
        image.load()
        grey, depth = _is_grey(image, data), data[24] if image.format == "PNG" else 8
        return Picture(_seen(image, depth, grey=grey), len(image.getbands()), unseen)


def is_grey(data: bytes) -> bool:
    """Whether a picture has no colours, by its header.

    Raises:
        TooManyPixelsError, PictureError: As of `open_picture`.
    """
    with open_picture(data) as image:
        return _is_grey(image, data)


def reads_heif() -> bool:
    """Whether the extra for it is installed."""
    try:
        import pi_heif  # noqa: F401
    except ImportError:
        return False
    return True


def _is_heif(data: bytes) -> bool:
    if data[4:8] != b"ftyp" or data[8:12] not in _HEIF_BRANDS:
        return False
    brands = data[16 : min(int.from_bytes(data[:4], "big"), 256)]
    return b"avif" not in brands


def _with_heif() -> None:
    """Let Pillow open HEIC; it comes turned as its EXIF says, which then says nothing any more."""
    if not reads_heif():
        raise PictureError("HEIC is read with the extra `heif`: pip install 'tilth[heif]'")
    if "HEIF" not in Image.OPEN:
        from pi_heif import register_heif_opener

        register_heif_opener(thumbnails=False)


def _is_grey(image: Image.Image, data: bytes) -> bool:
    # ISO/IEC 15948:2004, table 11.1: grey with alpha, which Pillow opens as colour at 16 bits.
    clear = image.format == "PNG" and data[25:26] == b"\4"
    return clear or image.mode in _GREY or image.mode.startswith("I;16")


def _is_deep(image: Image.Image, data: bytes) -> bool:
    """Whether Pillow gives 8 of the more bits that the file has a channel."""
    if image.mode in ("1", "P", "F", "I") or image.mode.startswith("I;16"):
        return False
    match image.format:
        case "PNG":
            return data[24:25] == b"\x10"
        case "TIFF":
            return bool(np.max(_tags_of(image).get(_BITS_PER_SAMPLE, 8)) > 8)
        case "SGI":
            return data[3:4] == b"\2"
        case "PPM":
            return _largest_of_ppm(data) > 255
        case "AVIF":
            # AV1 in ISOBMFF 1.3.0, section 2.3.3: `high_bitdepth` of the first picture.
            at = data.find(b"av1C")
            return at >= 0 and bool(int.from_bytes(data[at + 6 : at + 7]) & 0x40)
        case "HEIF":
            return int(image.info.get("bit_depth") or 8) > 8
        case "JPEG2000":
            # ISO/IEC 15444-1, A.5.1: `Ssiz` of the first component.
            at = data.find(b"\xff\x4f\xff\x51") + 42
            return 42 <= at < len(data) and data[at] & 0x7F > 7
    return False


def _tags_of(image: Image.Image) -> Any:
    """Of a TIFF its fields by number; else nothing."""
    return getattr(image, "tag_v2", {})


def _largest_of_ppm(data: bytes) -> int:
    """The value of white: the fourth word of a header, between which comments may stand."""
    words = re.sub(rb"#[^\n\r]*", b"", data[:4096]).split(maxsplit=4)
    return int(words[3]) if len(words) > 3 and words[3].isdigit() and len(words[3]) < 9 else 0


def _seen(image: Image.Image, depth: int, *, grey: bool) -> Image.Image:
    """A decoded picture in 8 bits, grey or colour, upright, on white.

    Args:
        image: Its pixels decoded.
        depth: Bits a channel in the file, as far as it is a PNG.
        grey: Whether it has no colours.
    """
    upright = _turned(image)
    profile, clear = image.info.get("icc_profile"), image.info.get("transparency")
    if grey and depth < 8 and isinstance(clear, int):
        # Pillow spreads the levels of few bits over 8, and leaves the clear one as it stands there.
        upright, clear = upright.convert("L"), clear * 255 // ((1 << depth) - 1)
        upright.info["transparency"] = clear
    if _has_other_levels(image):
        alpha = _alpha_of(upright, clear) if isinstance(clear, int) else None
        colours = Image.fromarray(_in_8_bits(upright, image))
    elif image.mode in _TRANSPARENT or clear is not None:
        wanted = "LA" if grey else "RGBA"
        if upright.mode != wanted:
            # Pillow knows the way from an indexed or keyed colour to RGBA only.
            upright = upright.convert(_OPAQUE.get(upright.mode, "RGBA"))
            upright = upright if upright.mode == wanted else upright.convert(wanted)
        alpha = upright.getchannel("A")
        colours = upright.convert("L" if grey else "RGB")
    else:
        alpha = None
        colours = upright if upright.mode in ("L", "RGB", "CMYK") else _plain(upright)
    if profile:
        colours = _in_srgb(colours, profile)
    if colours.mode != ("L" if grey else "RGB"):
        colours = colours.convert("L" if grey else "RGB")
    if alpha is None or alpha.getextrema() == (255, 255):
        return colours
    paper = Image.new(colours.mode, colours.size, _PAPER if grey else (_PAPER,) * 3)
    paper.paste(colours, mask=alpha)
    return paper


def _turned(image: Image.Image) -> Image.Image:
    if image.info.keys().isdisjoint(_WITH_EXIF):
        return image
    # An EXIF that cannot be read says nothing; what follows from the pixels alone is whole.
    with suppress(Exception):
        if image.getexif().get(_ORIENTATION, 1) != 1:
            return ImageOps.exif_transpose(image)
    return image


def _strips(picture: Image.Image) -> Iterator[npt.NDArray[Any]]:
    """Its values some rows at a time: what is computed of all at once is many times the picture."""
    width, height = picture.size
    step = max(1, _PIXELS_AT_ONCE // max(1, width))
    for top in range(0, height, step):
        yield np.asarray(picture.crop((0, top, width, min(height, top + step))))


def _of_strips(
    picture: Image.Image, change: Callable[[npt.NDArray[Any]], npt.NDArray[Any]]
) -> Grey:
    found = np.empty(picture.size[::-1], np.uint8)
    top = 0
    for strip in _strips(picture):
        found[top : top + len(strip)] = change(strip)
        top += len(strip)
    return found


def _alpha_of(picture: Image.Image, clear: int) -> Image.Image:
    return Image.fromarray(_of_strips(picture, lambda strip: np.where(strip != clear, 255, 0)))


def _has_other_levels(image: Image.Image) -> bool:
    """Whether grey is in other numbers than 0 to 255."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return True
    return image.mode == "L" and image.format == "TIFF" and _has_sign(image)


def _has_sign(image: Image.Image) -> bool:
    return _WITH_SIGN in np.atleast_1d(_tags_of(image).get(_SAMPLE_FORMAT, 1))


def _in_8_bits(upright: Image.Image, image: Image.Image) -> Grey:
    """Levels of grey of a picture's values, uint8 [height, width].

    Args:
        upright: The picture.
        image: As it was opened.

    Raises:
        PictureError: One is no number.
    """
    mode, tags = image.mode, _tags_of(image)
    whole = mode.startswith("I;16") or image.format in ("PNG", "PPM", "JPEG2000")
    if whole and mode != "F":
        most = 4095 if tags.get(_BITS_PER_SAMPLE, (16,))[0] == 12 else 0xFFFF

        def scaled(strip: npt.NDArray[Any]) -> npt.NDArray[Any]:
            return (strip.astype(np.int64).clip(0, most) * 255 + most // 2) // most

        grey = _of_strips(upright, scaled)
    else:
        grey = _stretched(upright, image)
    # TIFF 6.0, page 37: 0 is white. Pillow turns the levels of 8 bits and fewer itself.
    return 255 - grey if tags.get(_PHOTOMETRIC) == 0 and mode != "L" else grey


def _as_stored(values: npt.NDArray[Any], image: Image.Image) -> npt.NDArray[Any]:
    """Values with the sign that the file has: Pillow gives all of 32 bits one, none of 8."""
    if image.mode == "L":
        return values.view(np.int8)
    if image.mode == "I" and image.format == "TIFF" and not _has_sign(image):
        return values.astype(np.int32).view(np.uint32)
    return values


def _stretched(upright: Image.Image, image: Image.Image) -> Grey:
    stored = (_as_stored(strip, image) for strip in _strips(upright))
    ends = [(float(strip.min()), float(strip.max())) for strip in stored]
    # The least of some numbers and of what is none may be a number.
    if not np.isfinite(ends).all():
        raise PictureError("a pixel that is no number")
    lowest, highest = min(low for low, _ in ends), max(high for _, high in ends)
    if image.mode == "F" and lowest >= 0 and highest <= 1:
        lowest, highest = 0.0, 1.0

    def spread(strip: npt.NDArray[Any]) -> npt.NDArray[Any]:
        levels = _as_stored(strip, image).astype(np.float64)
        return np.rint((levels - lowest) / ((highest - lowest) or 1.0) * 255)

    return _of_strips(upright, spread)


def _plain(image: Image.Image) -> Image.Image:
    """Of the other ways to say a colour: RGB; of one bit: grey."""
    if image.mode == "LAB":
        lab = ImageCms.createProfile("LAB")
        return _by(ImageCms.buildTransform(lab, _srgb(), "LAB", "RGB"), image)
    return image.convert("L" if image.mode == "1" else "RGB")


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """The same colours in sRGB; as they are where the profile is none, or one of other channels."""
    transform = _transform(profile, image.mode)
    return image if transform is None else _by(transform, image)


def _by(transform: ImageCms.ImageCmsTransform, image: Image.Image) -> Image.Image:
    found: Image.Image | None = ImageCms.applyTransform(image, transform)
    assert found is not None
    return found


@lru_cache(maxsize=1)
def _srgb() -> Any:
    return ImageCms.createProfile("sRGB")


@lru_cache(maxsize=32)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """What brings pixels of a mode to sRGB; None: nothing does, or they are there."""
    # ICC.1:2022, table 17: the colour space of the data.
    if profile[16:20] != _COLOUR_BANDS.get(mode):
        return None
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        transform = ImageCms.buildTransform(opened, _srgb(), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
    return None if mode == "RGB" and _changes_nothing(transform) else transform


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether colours are in sRGB already, whatever a profile is called: names lie ("linear sRGB").

    Looked at are all greys and 17 levels of each channel.
    """
    steps = np.linspace(0, 255, 17).round().astype(np.uint8)
    cube = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(-1, 3)
    greys = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, 1)
    colours = np.concatenate([cube, greys])[None]
    found = np.asarray(_by(transform, Image.fromarray(colours)), np.int16)
    return bool(np.abs(found - colours).max() <= _ROUNDING)


def require_whole(data: bytes) -> None:
    """Look at what Pillow leaves out: a PNG's checksums and end, a GIF's frames after the first.

    Raises:
        PictureError: A checksum is wrong, or the file ends too early.
    """
    if data.startswith(_PNG):
        _whole_png(data)
    elif data[:6] in (b"GIF87a", b"GIF89a"):
        _whole_gif(data)


def _whole_png(data: bytes) -> None:
    """PNG (ISO/IEC 15948:2004), section 5.3: chunks with a CRC each, IEND the last."""
    place, view = len(_PNG), memoryview(data)
    while place + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, place)
        kind, end = data[place + 4 : place + 8], place + 8 + size
        if end + 4 > len(data):
            break
        if zlib.crc32(view[place + 4 : end]) != int.from_bytes(view[end : end + 4], "big"):
            raise PictureError(f"damaged: wrong checksum of the chunk {kind!r} at byte {place}")
        if kind == b"IEND":
            return
        place = end + 4
    raise PictureError(f"cut off: a PNG of {len(data):,} bytes without its end")


def _whole_gif(data: bytes) -> None:
    """GIF89a (CompuServe 1990), sections 15 to 27; one without its trailer lacks nothing else."""
    place = 13 + (3 << (data[10] & 7) + 1 if len(data) > 10 and data[10] & 0x80 else 0)
    while place < len(data):
        block, place = data[place], place + 1
        if block == 0x3B:
            return
        if block == 0x2C:
            if place + 9 > len(data):
                break
            local = data[place + 8]
            place += 10 + (3 << (local & 7) + 1 if local & 0x80 else 0)
        elif block == 0x21:
            place += 1
        else:
            # What stands between blocks is passed over by every reader.
            continue
        while place < len(data) and (size := data[place]):
            place += 1 + size
        place += 1
    if place > len(data) or len(data) < 13:
        raise PictureError(f"cut off: a GIF of {len(data):,} bytes that ends within a block")
