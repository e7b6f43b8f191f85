"""Packed streams: all that they hold, or one error; never more than a bound."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.collect.archives import zstd
from tilth.errors import DataError
from tilth.formats import streams

PACKERS: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstd,
}
HOWS = pytest.mark.parametrize("how", PACKERS)


def unpack(data: bytes, how: str) -> bytes:
    return streams.unpacked(io.BytesIO(data), how).read()


@HOWS
@settings(max_examples=25, deadline=None)
@given(parts=st.lists(st.binary(max_size=600), min_size=1, max_size=3))
def test_what_was_packed_comes_out(how: str, parts: list[bytes]) -> None:
    """Of several streams in one file, as `cat a.gz b.gz` makes them, all."""
    packed = b"".join(map(PACKERS[how], parts))
    assert streams.packing(packed[: streams.HEAD_BYTES]) == how
    assert unpack(packed, how) == b"".join(parts)


@HOWS
def test_a_large_one_comes_in_pieces(how: str) -> None:
    data = os.urandom(1000) * 2000
    stream = streams.unpacked(io.BytesIO(PACKERS[how](data)), how)
    assert b"".join(iter(lambda: stream.read(70_001), b"")) == data


@HOWS
@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_a_cut_one_is_damaged(how: str, part: float) -> None:
    packed = PACKERS[how](os.urandom(5000))
    with pytest.raises(streams.DamagedError, match=f"the {how} stream is cut off or damaged"):
        unpack(packed[: int(len(packed) * part)], how)


@HOWS
def test_a_flipped_bit_is_damage(how: str) -> None:
    if how == "zstd":
        pytest.skip("a frame of zstd need not have a checksum (RFC 8878, 3.1.1.1.1.5)")
    packed = bytearray(PACKERS[how](os.urandom(5000)))
    packed[len(packed) // 2] ^= 4
    with pytest.raises(streams.DamagedError):
        unpack(bytes(packed), how)


@HOWS
def test_a_bomb_is_damaged(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "FREE_BYTES", 1 << 20)
    bomb = PACKERS[how](bytes(1 << 20)) * 30
    stream = streams.unpacked(io.BytesIO(bomb), how)
    with pytest.raises(streams.DamagedError, match="over 250 times its size"):
        list(iter(lambda: len(stream.read(1 << 16)), 0))


def test_an_xz_stream_that_asks_for_gigabytes_is_refused() -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 20}]
    packed = bytearray(lzma.compress(b"x", filters=filters))
    at = packed.index(b"\x21\x01") + 2  # filter, size of its properties, size of the dictionary
    packed[at] = 38  # 2 GB
    header = 4 * (packed[12] + 1)
    crc = zlib.crc32(packed[12 : 12 + header - 4]).to_bytes(4, "little")
    packed[12 + header - 4 : 12 + header] = crc
    with pytest.raises(streams.DamagedError, match=r"[Mm]emory usage limit"):
        unpack(bytes(packed), "xz")


@HOWS
def test_a_file_is_known_by_its_bytes(how: str, tmp_path: Path) -> None:
    path = tmp_path / "plain.txt"
    path.write_bytes(PACKERS[how](b"one\ntwo\n"))
    file = streams.SourceFile(path, "plain.txt", "in/plain.txt")
    with streams.open_bytes(file) as stream:
        assert list(streams.read_lines(stream, 100)) == [(b"one", 3), (b"two", 3)]
    path.write_bytes(PACKERS[how](os.urandom(3000))[:-9])
    with (
        pytest.raises(DataError, match="cut off or damaged") as raised,
        streams.open_bytes(file) as stream,
    ):
        stream.read()
    assert raised.value.where == "in/plain.txt"
    assert f"`{how} -t FILE`" in raised.value.hint


def test_what_is_not_packed_stays() -> None:
    for head in (b"", b"B", b"BZhello", b"\x1f", b"(\xb5/", b"plain"):
        assert streams.packing(head) is None
    assert streams.without_packing("a.jsonl.zst") == "a.jsonl"
    assert streams.without_packing("A.TXT.GZ") == "A.TXT"
    assert streams.without_packing("gz") == "gz"


def test_a_path_that_is_there_and_no_file_is_called_what_it_is(tmp_path: Path) -> None:
    """It was missed, and a file of the same name was offered."""
    pipe, link = tmp_path / "pipe.jsonl", tmp_path / "link.jsonl"
    os.mkfifo(pipe)
    link.symlink_to("gone.jsonl")
    assert "neither a file nor a folder" in streams.not_found(str(pipe)).what
    assert streams.not_found(str(link)).what == "a link that leads nowhere: gone.jsonl"
    missing = streams.not_found(str(tmp_path / "pip.jsonl"))
    assert missing.what == "no such file, folder or glob"
    assert missing.hint is not None
    assert "did you mean `pipe.jsonl`" in missing.hint
