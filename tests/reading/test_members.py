"""Files of folders and archives: each whole, within limits, and no name leads outside."""

from __future__ import annotations

import io
import os
import struct
import tarfile
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import PIL.Image
import pyarrow as pa
import pytest

from tests.collect.archives import (
    FORMATS,
    encrypted,
    lying,
    pack,
    pack_damaged,
    pack_tar,
    tar,
    zip_,
)
from tilth.collect import audio, image_folder
from tilth.context import Context
from tilth.errors import DataError
from tilth.reading import inputs, members

FILES = [("train/cat/1.png", b"one"), ("train/dog/2.PNG", b"two"), ("readme.txt", b"no picture")]
WANTED = members.Wanted((".png",))


def found(path: Path) -> list[inputs.SourceFile]:
    return inputs.find_files(inputs.FileSettings(path=str(path)), WANTED.endings)


def read(path: Path, max_bytes: int = 10_000, pattern: str = "") -> list[members.Member]:
    wanted = members.Wanted((".png",), pattern)
    return list(members.read_members(found(path), wanted, max_bytes, Context(path.parent)))


def tree(folder: Path) -> Path:
    for name, data in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@pytest.mark.parametrize("ending", ["", *FORMATS])
def test_a_folder_and_every_archive_hold_the_same(ending: str, tmp_path: Path) -> None:
    path = pack(tmp_path, ending, FILES) if ending else tree(tmp_path / "tree")
    one, two = read(path)
    assert (one.name, one.data, one.error) == ("train/cat/1.png", b"one", "")
    assert (two.name, two.data, two.error) == ("train/dog/2.PNG", b"two", "")
    assert one.uri == f"{path}{':' if ending else '/'}train/cat/1.png"
    assert [member.name for member in read(path, pattern="/dog/")] == ["train/dog/2.PNG"]
    assert members.list_names(found(path), WANTED) == ["train/cat/1.png", "train/dog/2.PNG"]


def test_archives_and_files_of_a_folder_are_told_of_by_bytes(tmp_path: Path) -> None:
    tree(tmp_path / "in")
    pack(tmp_path / "in", ".zip", FILES)
    told: list[tuple[float, float | None, str]] = []
    there = found(tmp_path / "in")
    listening = Context(tmp_path, progress=lambda *one: told.append(one))
    names = [member.name for member in members.read_members(there, WANTED, 100, listening)]
    assert names == ["train/cat/1.png", "train/dog/2.PNG"] * 2
    total = sum(file.path.stat().st_size for file in there)
    assert told[-1] == (total, total, "4 rows")


def test_a_file_above_the_limit_is_named_and_not_read(tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(b"x" * 200)
    (large,) = read(tmp_path, max_bytes=100)
    assert (large.name, large.data) == ("large.png", b"")
    assert large.error == "200 bytes, above `max_record_bytes` of 100"
    assert members.list_names(found(tmp_path), WANTED) == ["large.png"]


def test_hidden_files_are_passed_over_wherever_they_are(tmp_path: Path) -> None:
    hidden = [
        ("__MACOSX/._1.png", b"x"),
        ("__MACOSX/._b.zip", b"x"),
        (".cache/1.png", b"x"),
        ("a/.1.png", b"x"),
    ]
    for name, data in hidden:
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(data)
    (tmp_path / "in" / "1.png").write_bytes(b"one")
    assert [member.name for member in read(tmp_path / "in")] == ["1.png"]
    path = pack(tmp_path, ".zip", [*hidden, ("1.png", b"one")])
    assert [member.name for member in read(path)] == ["1.png"]


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("name", ["./a/1.png", "a/./1.png", "a//1.png", ".//./a/.//1.png"])
def test_parts_of_a_path_that_lead_nowhere(name: str, ending: str, tmp_path: Path) -> None:
    (one,) = read(pack(tmp_path, ending, [(name, b"one")]))
    assert (one.name, one.data, one.error) == ("a/1.png", b"one", "")
    one, two = read(pack(tmp_path, ending, [(name, b"one"), ("a/1.png", b"two")]))
    assert (one.name, one.data) == ("a/1.png", b"one")
    assert two.error == "a second member of this name"


@pytest.mark.parametrize("ending", FORMATS)
def test_an_archive_in_an_archive_is_told_of(ending: str, tmp_path: Path) -> None:
    inner, one = read(pack(tmp_path, ending, [("a/b.tgz", b"x"), ("1.png", b"one")]))
    assert (inner.name, inner.data) == ("", b"")
    assert inner.uri.endswith(":a/b.tgz")
    assert "not opened" in inner.error
    assert one.name == "1.png"


def test_what_stands_in_a_folder_and_is_no_file_costs_itself(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(b"one")
    (tmp_path / "2.png").symlink_to("nowhere.png")
    (tmp_path / "3.png").symlink_to("1.png")
    os.mkfifo(tmp_path / "4.png")
    one, two, three, four = read(tmp_path)
    assert (one.data, three.data) == (b"one", b"one")
    assert (two.name, two.error) == ("2.png", "a link to a file that is not there")
    assert (four.name, four.error) == ("4.png", "a pipe or a device, not a file")
    watched = inputs.Watched(found(tmp_path))
    (tmp_path / "nowhere.png").write_bytes(b"two")
    with pytest.raises(DataError, match="changed"):
        watched.check()


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("name", ["../../x.png", "a/../x.png", "/etc/x.png", "C:/dog/x.png"])
def test_a_name_that_leads_outside_is_an_error(ending: str, name: str, tmp_path: Path) -> None:
    bad, good = read(pack(tmp_path, ending, [(name, b"x"), ("./a/1.png", b"one")]))
    assert (bad.name, bad.data) == ("", b"")
    assert bad.error == "its name leads out of the archive"
    assert bad.uri.endswith(f":{name}")
    assert (good.name, good.data) == ("a/1.png", b"one")
    assert members.list_names(found(tmp_path), WANTED) == ["a/1.png"]


def test_a_name_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    packed = tar([("\udcff.png", b"x"), ("1.png", b"one")])
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / os.fsdecode(b"\xff.png")).write_bytes(b"x")
    for path in (pack_tar(tmp_path, ".tar", packed), tmp_path / "in"):
        bad = read(path)[0]
        assert (bad.name, bad.error) == ("", "its name is not UTF-8")
        assert bad.uri.endswith("[U+DCFF].png")


# What holds for every source that reads members: each with three files that are sound.


def _wav(number: int) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(struct.pack("<80h", *range(number, number + 80)))
    return out.getvalue()


def _png(number: int) -> bytes:
    out = io.BytesIO()
    PIL.Image.new("L", (4, 4), number).save(out, "png")
    return out.getvalue()


Make = Callable[[int], bytes]
SOURCES: list[Any] = [(audio, "audio", ".wav", _wav), (image_folder, "image", ".png", _png)]
sources = pytest.mark.parametrize(("source", "column", "suffix", "make"), SOURCES)
formats = pytest.mark.parametrize("ending", FORMATS)


def rows_of(source: Any, path: Path, **given: Any) -> list[dict[str, Any]]:
    """Every row, by way of the source's own settings."""
    settings = source.Settings(path=str(path), **given)
    batches = source.read(settings, "s", Context(path.parent))
    rows: list[dict[str, Any]] = pa.Table.from_batches(list(batches)).to_pylist()
    assert len({row["id"] for row in rows}) == len(rows)
    return rows


def sound(suffix: str, make: Make) -> list[tuple[str, bytes]]:
    return [(f"c/{number}{suffix}", make(number)) for number in range(3)]


@formats
@sources
def test_every_source_reads_every_format(
    source: Any, column: str, suffix: str, make: Make, ending: str, tmp_path: Path
) -> None:
    given = sound(suffix, make)
    rows = rows_of(source, pack(tmp_path, ending, given))
    assert [row[column] for row in rows] == [data for _, data in given]
    assert not any(row["error"] for row in rows)


@formats
@sources
def test_a_damaged_member_costs_one_row(
    source: Any, column: str, suffix: str, make: Make, ending: str, tmp_path: Path
) -> None:
    given = sound(suffix, make)
    rows = rows_of(source, pack_damaged(tmp_path, ending, given, given[1][0]))
    assert [row[column] for row in rows] == [given[0][1], None, given[2][1]]
    assert "damaged" in rows[1]["error"]


@formats
@sources
def test_a_cut_archive_is_an_error(
    source: Any, column: str, suffix: str, make: Make, ending: str, tmp_path: Path
) -> None:
    path = pack(tmp_path, ending, sound(suffix, make))
    # Within the last member: what fills the archive up is longer than what is in it.
    end = tar(sound(suffix, make)).index(b"c/2") + 600 if ending == ".tar" else -20
    path.write_bytes(path.read_bytes()[:end])
    with pytest.raises(DataError, match="cut off or damaged"):
        rows_of(source, path)


@formats
@sources
def test_a_bomb_costs_one_row(
    source: Any, column: str, suffix: str, make: Make, ending: str, tmp_path: Path
) -> None:
    given = [sound(suffix, make)[0], (f"c/9{suffix}", bytes(1_000_000)), sound(suffix, make)[2]]
    rows = rows_of(source, pack(tmp_path, ending, given), max_record_bytes=4096)
    assert [row[column] for row in rows] == [given[0][1], None, given[2][1]]
    assert rows[1]["error"].endswith("1,000,000 bytes, above `max_record_bytes` of 4,096")


@sources
def test_a_bomb_that_lies_about_its_size_costs_one_row(
    source: Any, column: str, suffix: str, make: Make, tmp_path: Path
) -> None:
    name = f"c/9{suffix}"
    path = tmp_path / "a.zip"
    path.write_bytes(lying(zip_([(name, bytes(1_000_000)), *sound(suffix, make)]), name, 100))
    rows = rows_of(source, path, max_record_bytes=4096)
    assert [bool(row["error"]) for row in rows] == [True, False, False, False]


@sources
def test_an_encrypted_member_costs_one_row(
    source: Any, column: str, suffix: str, make: Make, tmp_path: Path
) -> None:
    given = sound(suffix, make)
    path = tmp_path / "a.zip"
    path.write_bytes(encrypted(zip_(given), given[0][0]))
    rows = rows_of(source, path)
    assert [row[column] for row in rows] == [None, given[1][1], given[2][1]]
    assert "encrypted" in rows[0]["error"]


@formats
@sources
def test_the_first_of_one_name_is_taken_and_the_others_are_told(
    source: Any, column: str, suffix: str, make: Make, ending: str, tmp_path: Path
) -> None:
    given = sound(suffix, make)
    again = [(f"./{given[0][0]}", make(7)), (given[0][0], make(0))]
    rows = rows_of(source, pack(tmp_path, ending, [*given, *again]))
    assert [row[column] for row in rows] == [*(data for _, data in given), None, None]
    assert all("second member of this name" in row["error"] for row in rows[3:])


@formats
@sources
def test_a_name_that_leads_outside_costs_one_row(
    source: Any, column: str, suffix: str, make: Make, ending: str, tmp_path: Path
) -> None:
    given = [(f"../c/1{suffix}", make(1)), *sound(suffix, make)]
    folder = tmp_path / "in"
    folder.mkdir()
    rows = rows_of(source, pack(folder, ending, given))
    assert [bool(row["error"]) for row in rows] == [True, False, False, False]
    assert not list(tmp_path.rglob(f"*{suffix}"))


@pytest.mark.parametrize("ending", ["", ".zip"])
@sources
def test_an_empty_file_is_passed_over(
    source: Any, column: str, suffix: str, make: Make, ending: str, tmp_path: Path
) -> None:
    given = [*sound(suffix, make), (f"c/9{suffix}", b"")]
    path = pack(tmp_path, ending, given) if ending else tmp_path / "in"
    for name, data in [] if ending else given:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    told: list[tuple[str, str]] = []
    context = Context(tmp_path, passes_over=lambda *one: told.append(one))
    batches = source.read(source.Settings(path=str(path)), "s", context)
    assert [row["error"] for row in pa.Table.from_batches(list(batches)).to_pylist()] == [None] * 3
    assert [(place[-len(suffix) - 3 :], reason) for place, reason in told] == [
        (f"c/9{suffix}", "empty")
    ]


@sources
def test_a_link_costs_one_row(
    source: Any, column: str, suffix: str, make: Make, tmp_path: Path
) -> None:
    link = tarfile.TarInfo(f"c/9{suffix}")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
    rows = rows_of(source, pack_tar(tmp_path, ".tar", tar(sound(suffix, make), [link])))
    assert [bool(row["error"]) for row in rows] == [False, False, False, True]
    assert "a link" in rows[3]["error"]


def test_places_by_name_are_those_of_what_can_be_used(tmp_path: Path) -> None:
    """Sounds that are split by their place among the names: another's damage moves none."""
    given = sound(".wav", _wav)
    again = [*given, given[0], ("../0.wav", _wav(5))]
    split = {"test": (0, 0), "train": (1, 2)}
    rows = rows_of(audio, pack(tmp_path, ".tar", again), splits=split)
    assert [row["split"] for row in rows] == ["test", "train", "train", None, None]
