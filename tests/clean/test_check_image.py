"""Images: measures against known pictures; broken, hostile and huge files."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from pydantic import ValidationError
from scipy.ndimage import laplace

from tilth.clean import check_image
from tilth.clean.check_image import Settings, blur, entropy


def encode(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def run(images: list[bytes | None], settings: Settings | None = None) -> list[dict[str, object]]:
    batch = pa.RecordBatch.from_pydict({"image": pa.array(images, pa.large_binary())})
    rows: list[dict[str, object]] = check_image.apply(batch, settings or Settings()).to_pylist()
    return rows


NOISE = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "JPEG", "WEBP", "TIFF", "PPM"])
def test_measures(kind: str) -> None:
    (row,) = run([encode(NOISE, kind)])
    assert (row["signal.width"], row["signal.height"], row["signal.channels"]) == (30, 40, 3)
    assert float(str(row["signal.entropy"])) > 6
    assert float(str(row["signal.blur"])) > 1000


def test_known_pictures() -> None:
    flat = np.full((5, 5), 7, np.uint8)
    assert entropy(flat) == 0
    assert blur(flat) == 0
    halves = np.repeat(np.array([[0, 255]], np.uint8), 3, 1).repeat(6, 0)
    assert entropy(halves) == 1
    # Of four columns within, two have the Laplacian 0, one 255 and one -255.
    assert blur(halves) == 255**2 / 2
    assert blur(np.zeros((2, 9), np.uint8)) is None


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(
        np.uint8,
        st.tuples(st.integers(1, 8), st.integers(1, 8)),
        elements=st.sampled_from([0, 1, 128, 255]) | st.integers(0, 255),
    )
)
def test_measures_are_those_of_plain_numpy(grey: np.ndarray) -> None:
    (row,) = run([encode(grey)])
    height, width = grey.shape
    assert (row["signal.width"], row["signal.height"], row["signal.channels"]) == (width, height, 1)
    assert row["signal.entropy"] == pytest.approx(Image.fromarray(grey).entropy(), abs=1e-9)
    if min(grey.shape) < 3:
        assert row["signal.blur"] is None
    else:
        inside = laplace(grey.astype(float))[1:-1, 1:-1]
        assert row["signal.blur"] == pytest.approx(inside.var())


def test_blurred_is_less_sharp() -> None:
    image = Image.fromarray(NOISE)
    small = np.asarray(image.resize((15, 20)).resize((30, 40)))
    sharp, soft = run([encode(NOISE), encode(small)])
    assert float(str(soft["signal.blur"])) < float(str(sharp["signal.blur"]))


def test_odd_modes() -> None:
    deep = (NOISE[..., 0].astype(np.uint16) << 8) + 255
    images = [encode(deep), encode(NOISE[..., 0] > 128), encode(NOISE[:1, :1])]
    rows = run(list(images))
    assert rows[0]["signal.channels"] == 1
    assert rows[0]["signal.entropy"] == entropy(np.rint(deep / 257).astype(np.uint8))
    assert rows[1]["signal.entropy"] == pytest.approx(1, abs=0.05)
    assert rows[2]["signal.blur"] is None


def test_broken_files_are_quarantined_with_the_cause() -> None:
    good = encode(NOISE)
    rows = run([good, good[: len(good) // 2], b"", b"no image", None, encode(NOISE, "ICO")])
    assert [row["error"] is None for row in rows] == [True, False, False, False, True, False]
    assert "cut off" in str(rows[1]["error"])
    assert "no image in one of PNG" in str(rows[3]["error"])
    assert rows[1]["signal.width"] is None
    assert all(row["drop.rule"] is None for row in rows)


def test_too_many_pixels_are_not_decoded() -> None:
    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    def bomb(side: int) -> bytes:
        header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        return (
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", header)
            + chunk(b"IDAT", b"")
            + chunk(b"IEND", b"")
        )

    rows = run([bomb(8_000), bomb(12_000), bomb(60_000), encode(NOISE)])
    assert [row["drop.rule"] for row in rows] == ["pixels <= 50000000"] * 3 + [None]
    assert rows[0]["drop.value"] == "pixels=64000000"
    (row,) = run([encode(NOISE)], Settings(max_pixels=1199))
    assert row["drop.value"] == "pixels=1200"


def test_formats_are_those_that_there_are() -> None:
    assert Settings(formats=("png", "ICO")).formats == ("PNG", "ICO")
    with pytest.raises(ValidationError, match="no format `JPGE`; did you mean `JPEG`"):
        Settings(formats=("JPGE",))
    with pytest.raises(ValidationError, match="at least 1"):
        Settings(formats=())


def test_more_pixels_than_pillow_warns_of_may_be_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    # By itself it warns from 89 million on.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)
    file = io.BytesIO()
    Image.new("1", (150, 100)).save(file, "PNG")
    (most,) = run([file.getvalue()], Settings(max_pixels=15_000))
    assert most["drop.rule"] is None
    assert most["signal.width"] == 150
    (less,) = run([file.getvalue()], Settings(max_pixels=14_999))
    assert less["drop.value"] == "pixels=15000"
