"""Files of folders and archives: each whole, within limits, and no name leads outside."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tilth.collect import files, members
from tilth.context import Context
from tilth.errors import DataError, MissingError

FILES = {"train/cat/1.png": b"one", "train/dog/2.png": b"two", "readme.txt": b"no picture"}


def tree(folder: Path) -> Path:
    for name, data in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def tar(path: Path, mode: str, extra: list[tarfile.TarInfo] = []) -> Path:  # noqa: B006
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in FILES.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
        for entry in extra:
            archive.addfile(entry)
    return path


def read(path: Path, **given: Any) -> list[members.Member]:
    settings = files.FileSettings(path=str(path), **given)
    return list(members.read_members(settings, (".png",), Context(path.parent)))


@pytest.mark.parametrize("kind", ["folder", "w", "w:gz", "w:xz", "w:bz2", "zip"])
def test_a_folder_and_every_archive_hold_the_same(kind: str, tmp_path: Path) -> None:
    if kind == "folder":
        path = tree(tmp_path / "tree")
    elif kind == "zip":
        path = tmp_path / "a.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in FILES.items():
                archive.writestr(name, data)
    else:
        path = tar(tmp_path / f"a.tar.{kind[2:] or 'x'}".removesuffix(".x"), kind)
    found = read(path)
    assert [(one.name, one.data) for one in found] == [
        ("train/cat/1.png", b"one"),
        ("train/dog/2.png", b"two"),
    ]
    assert found[0].uri in (f"{path}:train/cat/1.png", f"{path}/train/cat/1.png")


def test_links_and_devices_are_passed_over(tmp_path: Path) -> None:
    link, device = tarfile.TarInfo("train/cat/link.png"), tarfile.TarInfo("device.png")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
    device.type = tarfile.CHRTYPE
    path = tar(tmp_path / "a.tar", "w", [link, device])
    assert len(read(path)) == 2


def test_a_member_above_the_limit_is_named_and_not_read(tmp_path: Path) -> None:
    big = tmp_path / "a.zip"
    with zipfile.ZipFile(big, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.png", b"\0" * 10_000_000)
        archive.writestr("small.png", b"ok")
    bomb, small = read(big, max_record_bytes=1_000)
    assert (bomb.data, small.data) == (b"", b"ok")
    assert "above `max_record_bytes`" in bomb.error
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "large.png").write_bytes(b"x" * 200)
    assert "above" in read(tmp_path / "f", max_record_bytes=100)[0].error


@pytest.mark.parametrize("kind", ["w:gz", "w:xz", "w"])
def test_a_cut_archive_is_an_error_with_a_hint(kind: str, tmp_path: Path) -> None:
    path = tar(tmp_path / ("a.tar." + (kind[2:] or "x")).removesuffix(".x"), kind)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match="cut off or damaged"):
        read(path)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(MissingError):
        read(tmp_path / "nowhere.tar")


def test_one_damaged_member_of_a_zip_costs_one_record(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("1.png", "2.png", "3.png"):
            archive.writestr(name, f"content of {name}")
    path.write_bytes(path.read_bytes().replace(b"content of 2", b"c0ntent of 2"))
    found = read(path)
    assert [one.data for one in found] == [b"content of 1.png", b"", b"content of 3.png"]
    assert "damaged" in found[1].error
