"""Archives of every format, whole and damaged in each of the ways that they can be."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

Members = Sequence[tuple[str, bytes]]


def zstd(data: bytes) -> bytes:
    """One frame of zstd."""
    return bytes(pa.compress(data, codec="zstd", asbytes=True))


_PACKERS: Mapping[str, Callable[[bytes], bytes]] = {
    ".tar": bytes,
    ".tar.gz": gzip.compress,
    ".tar.bz2": bz2.compress,
    ".tar.xz": lzma.compress,
    ".tar.zst": zstd,
}
TARS = tuple(_PACKERS)
FORMATS = (*TARS, ".zip")


def tar(members: Members, entries: Sequence[tarfile.TarInfo] = ()) -> bytes:
    """A tar archive, with entries that have no content behind the members."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for entry in entries:
            archive.addfile(entry)
    return out.getvalue()


def zip_(members: Members, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive."""
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", method) as archive:
        warnings.filterwarnings("ignore", "Duplicate name")
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def pack(folder: Path, ending: str, members: Members) -> Path:
    """An archive of the format that its ending says."""
    path = folder / f"a{ending}"
    path.write_bytes(zip_(members) if ending == ".zip" else _PACKERS[ending](tar(members)))
    return path


def pack_tar(folder: Path, ending: str, data: bytes) -> Path:
    """What is, or should be, a tar archive, compressed as the ending says."""
    path = folder / f"a{ending}"
    path.write_bytes(_PACKERS[ending](data))
    return path


def pack_damaged(folder: Path, ending: str, members: Members, damaged: str) -> Path:
    """As `pack`, one member being damaged and the others as they were."""
    if ending != ".zip":
        data = tar(members)
        # The name is part of the header, which has a checksum.
        at = data.index(damaged.encode())
        return pack_tar(folder, ending, data[:at] + b"?" + data[at + 1 :])
    content = dict(members)[damaged]
    path = folder / "a.zip"
    data = zip_(members, zipfile.ZIP_STORED)
    at = data.index(content)
    path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    return path


def set_in_headers(data: bytes, name: str, *, local: int, central: int, value: bytes) -> bytes:
    """A zip archive with a field of one member's two headers set; places are from their start."""
    changed = bytearray(data)
    for start, size, place in ((b"PK\x03\x04", 30, local), (b"PK\x01\x02", 46, central)):
        at = data.index(start)
        while data[at + size : at + size + len(name)] != name.encode():
            at = data.index(start, at + 1)
        changed[at + place : at + place + len(value)] = value
    return bytes(changed)


def encrypted(data: bytes, name: str) -> bytes:
    """A zip archive in which one member says that it is encrypted (APPNOTE 4.4.4, bit 0)."""
    return set_in_headers(data, name, local=6, central=8, value=struct.pack("<H", 1))


def lying(data: bytes, name: str, size: int) -> bytes:
    """A zip archive in which one member says another size than it unpacks to."""
    return set_in_headers(data, name, local=22, central=24, value=struct.pack("<I", size))
