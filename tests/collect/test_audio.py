"""Sound files: who says what stands in the name or beside; a bad file costs one row."""

from __future__ import annotations

import io
import struct
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from tests.decode.sounds import FILES, encode, m4a
from tilth.collect import audio
from tilth.context import Context
from tilth.decode.sound import ABOVE, CANCELLED
from tilth.errors import DataError, MissingError
from tilth.reading.inputs import OTHER_TYPE

NAME = r"(?P<target>\d)_(?P<subject>[a-z]+)_(?P<index>\d+)\.wav"


def wav(samples: int = 3200, rate: int = 8000) -> bytes:
    data = struct.pack(f"<{samples}h", *(number % 100 for number in range(samples)))
    form = struct.pack("<HHIIHH", 1, 1, rate, 2 * rate, 2, 16)
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(data))
    return b"RIFF" + struct.pack("<I", len(body) + len(data)) + body + data


def read(work: Path, limit: int | None = None, **given: Any) -> list[dict[str, Any]]:
    settings = audio.Settings.model_validate(given)
    found = audio.read(settings, "s", Context(work, limit=limit))
    rows: list[dict[str, Any]] = pa.Table.from_batches(list(found)).to_pylist()
    return rows


def fill(folder: Path, members: Mapping[str, bytes]) -> Path:
    for name, data in members.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def pack(path: Path, members: dict[str, bytes], mode: str = "w:xz") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def test_what_the_name_says(tmp_path: Path) -> None:
    folder = fill(tmp_path / "in", {"a/1_ann_5.wav": wav(), "a/0_bob_0.wav": wav(3210)})
    rows = read(
        tmp_path,
        path=str(folder),
        name=NAME,
        words={"spelling": {"0": "zero", "1": "one"}},
        splits={"test": [0, 4], "train": [5, 49]},
    )
    assert [(r["target"], r["subject"], r["split"]) for r in rows] == [
        ("zero", "bob", "test"),
        ("one", "ann", "train"),
    ]
    assert rows[1]["audio"] == wav()
    assert rows[1]["uri"] == f"{folder}/a/1_ann_5.wav"
    assert len({row["id"] for row in rows}) == 2


def test_what_is_not_read_does_not_count_and_transcripts_do(tmp_path: Path) -> None:
    folder = fill(tmp_path / "in", {"a/1_ann_5.wav": wav(), "a/0_bob_0.wav": wav(3210)})
    (tmp_path / "said.txt").write_text("1_ann_5\tone\n")
    given = {"path": str(folder), "only": "_ann_", "transcripts": f"{tmp_path}//said.txt"}
    settings = audio.Settings.model_validate(given)
    assert settings.transcripts == f"{tmp_path}/said.txt"
    before = audio.fingerprint(settings)
    (folder / "a/0_bob_0.wav").write_bytes(wav(70))
    assert audio.fingerprint(settings) == before
    (tmp_path / "said.txt").write_text("1_ann_5\ttwo\n")
    assert audio.fingerprint(settings) != before


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_an_archive_gives_the_same_as_its_folder(tmp_path: Path, mode: str) -> None:
    ending = mode.replace("w", "tar").replace(":", ".")
    path = pack(
        tmp_path / f"x.{ending}",
        {"./a/1_0.wav": wav(), "README": b"x", "a/0_0.wav": wav(3210)},
        mode,
    )
    rows = read(
        tmp_path,
        path=str(path),
        name=r"(?P<target>[01_]+)\.wav",
        words={"spelling": {"0": "no", "1": "yes"}},
        splits={"train": [0, 0], "test": [1, 1]},
    )
    # By place in the order of names, whatever the order of the archive.
    assert [(r["target"], r["split"], r["uri"]) for r in rows] == [
        ("yes no", "test", f"{path}:a/1_0.wav"),
        ("no no", "train", f"{path}:a/0_0.wav"),
    ]


def test_some_files_only(tmp_path: Path) -> None:
    members = {"0_ann_0.wav": wav(), "1_bob_0.wav": wav(3210), "readme.wav": b"x"}
    path = pack(tmp_path / "x.tar", members, "w")
    rows = read(tmp_path, path=str(path), name=NAME, only="_bob_")
    assert [row["subject"] for row in rows] == ["bob"]
    folder = fill(tmp_path / "in", members)
    assert len(read(tmp_path, path=str(folder), only="_(ann|bob)_")) == 2


def test_a_bad_file_is_one_quarantined_row(tmp_path: Path) -> None:
    members = {
        "0_ann_0.wav": wav(),
        "1_ann_0.wav": wav()[:-7],
        "2_ann_0.wav": b"MZ..",
        "3_ann_0.wav": b"",
        "4_ann_0.wav": wav(9000),
        "7_ann_0.wav": wav(),
        "8_ann_99.wav": wav(),
        "nine.wav": wav(),
    }
    rows = read(
        tmp_path,
        path=str(pack(tmp_path / "x.tar", members, "w")),
        name=NAME,
        words={"spelling": dict.fromkeys("012348", "x")},
        splits={"test": [0, 4]},
        max_record_bytes=8192,
    )
    errors = [row["error"].rpartition(".wav: ")[2] for row in rows if row["error"]]
    assert errors == [
        "cut off: 6,393 of 6,400 bytes of samples are there",
        "no WAV, FLAC, OGG, MP3 or M4A: it starts with 0x4d5a2e2e",
        "18,044 bytes, above `max_record_bytes` of 8,192",
        "no word for `7` of its name",
        "index 99 is in none of `splits`",
        f"its name does not fit `{NAME}`",
    ]
    # What is empty is passed over, as `tests/reading/test_members.py` has it.
    assert len(rows) == 7


def test_transcripts_beside(tmp_path: Path) -> None:
    folder = fill(tmp_path / "in", {"a.wav": wav(), "b.wav": wav(3210), "c.wav": wav(3220)})
    lines = tmp_path / "text.tsv"
    lines.write_text("a\thello  there\nb.wav\tgood bye\n")
    rows = read(tmp_path, path=str(folder), transcripts=str(lines))
    assert [row["target"] for row in rows] == ["hello there", "good bye", None]
    assert rows[2]["error"].endswith(f"no line for it in {lines}")
    lines.write_bytes(b"\xef\xbb\xbfa\thello\r\n\r\nb\tgood bye\r\nc\tyes\r\n \r\n")
    rows = read(tmp_path, path=str(folder), transcripts=str(lines))
    assert [row["target"] for row in rows] == ["hello", "good bye", "yes"]
    lines.write_bytes(b"a\thello\rb\tgood bye\rc\tyes\r")
    rows = read(tmp_path, path=str(folder), transcripts=str(lines))
    assert [row["target"] for row in rows] == ["hello", "good bye", "yes"]
    lines.write_bytes("a\thello\r\nb\tgo\u0a0ad\r\nc\tyes\r\n".encode("utf-16"))
    rows = read(tmp_path, path=str(folder), transcripts=str(lines))
    assert [row["target"] for row in rows] == ["hello", "go\u0a0ad", "yes"]
    for wrong in ("a hello", "a\tx\na\ty"):
        lines.write_text(wrong)
        with pytest.raises(DataError, match=r"TAB|second time"):
            read(tmp_path, path=str(folder), transcripts=str(lines))


def test_a_name_is_the_same_however_its_accents_are_spelt(tmp_path: Path) -> None:
    composed, apart = "caf\u00e9", "cafe\u0301"
    assert composed != apart
    for in_list, on_disk in ((composed, apart), (apart, composed)):
        folder = fill(tmp_path / in_list, {f"{on_disk}.wav": wav()})
        (tmp_path / "t.tsv").write_text(f"{in_list}\tvoila\n")
        (row,) = read(tmp_path, path=str(folder), transcripts=str(tmp_path / "t.tsv"))
        assert (row["target"], row["error"]) == ("voila", None)
    (tmp_path / "t.tsv").write_text(f"{composed}\tone\n{apart}\ttwo\n")
    with pytest.raises(DataError, match="second time"):
        read(tmp_path, path=str(folder), transcripts=str(tmp_path / "t.tsv"))


def test_what_nobody_says_in_so_short_a_time_is_one_quarantined_row(tmp_path: Path) -> None:
    sounds = {"short": 479, "enough": 480, "same": 480, "silent": 1}
    folder = fill(tmp_path / "in", {f"{name}.wav": wav(num) for name, num in sounds.items()})
    said = {"short": "abc", "enough": "abc", "same": "aac", "silent": ""}
    lines = tmp_path / "t.tsv"
    lines.write_text("".join(f"{name}\t{text}\n" for name, text in said.items()))
    rows = {
        Path(row["uri"]).stem: row
        for row in read(tmp_path, path=str(folder), transcripts=str(lines))
    }
    assert {name for name, row in rows.items() if row["error"]} == {"short", "same"}
    told = "too short for its transcript: 0.0599 s for 3 characters, of which each takes 20 ms"
    assert told in rows["short"]["error"]


def test_sounds_of_every_kind_are_read_whatever_their_ending(tmp_path: Path) -> None:
    folder = fill(tmp_path / "in", {f"{kind}.wav": data for kind, data in FILES.items()})
    fill(folder, {"a.mp3": FILES["MP3"], "b.opus": FILES["Opus"], "c.oga": FILES["Vorbis"]})
    fill(folder, {"d.FLAC": FILES["FLAC"], "e.ogg": FILES["WAV"], "f.mp3": FILES["MP3"][:-100]})
    rows = {Path(row["uri"]).name: row for row in read(tmp_path, path=str(folder))}
    assert len(rows) == 11
    assert [name for name, row in rows.items() if row["error"]] == ["f.mp3"]
    assert "cut off" in rows["f.mp3"]["error"]
    assert rows["MP3.wav"]["audio"] == FILES["MP3"]


def test_m4a_is_read_or_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = fill(tmp_path / "in", {"a.m4a": m4a(), "b.wav": wav(), "c.wav": m4a()})
    told: list[tuple[str, str]] = []
    assert [row["error"] for row in told_of(folder, told)] == [None] * 3
    assert told == []
    monkeypatch.setattr("tilth.collect.audio.reads_m4a", lambda: False)
    monkeypatch.setattr("tilth.decode.sound.reads_m4a", lambda: False)
    sound, other = told_of(folder, told)
    assert told == [(f"{folder}/a.m4a", f"{OTHER_TYPE} without the extra `m4a` (.m4a)")]
    assert sound["error"] is None
    assert "M4A is read with the extra `m4a`" in other["error"]


def test_what_is_not_heard_is_told(tmp_path: Path) -> None:
    left = 0.5 * np.sin(np.arange(4000) / 7).astype(np.float32)
    folder = fill(tmp_path / "in", {"a.wav": encode("PCM_16", np.stack([left, -left], 1))})
    fill(folder, {"b.wav": encode("FLOAT", 9 * left), "c.wav": encode("PCM_16", left)})
    told: list[tuple[str, str]] = []
    assert len(told_of(folder, told)) == 3
    assert told == [(f"{folder}/a.wav", CANCELLED), (f"{folder}/b.wav", ABOVE)]


def told_of(folder: Path, told: list[tuple[str, str]]) -> list[dict[str, Any]]:
    """The rows of a folder; beside, what was passed over."""
    settings = audio.Settings.model_validate({"path": str(folder)})
    context = Context(folder, passes_over=lambda place, reason: told.append((place, reason)))
    rows: list[dict[str, Any]] = []
    for batch in audio.read(settings, "s", context):
        rows += batch.to_pylist()
    return rows


@pytest.mark.parametrize(
    ("mode", "end"), [("w:xz", -2000), ("w:gz", -2000), ("w", 9 * 512), ("w", 9 * 512 + 100)]
)
def test_a_cut_archive_is_an_error(tmp_path: Path, mode: str, end: int) -> None:
    path = pack(tmp_path / "x.tar", {f"{n}.wav": wav(2000 + n) for n in range(50)}, mode)
    path.write_bytes(path.read_bytes()[:end])
    with pytest.raises(DataError, match="cut off or damaged"):
        read(tmp_path, path=str(path))


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(MissingError):
        read(tmp_path, path=str(tmp_path / "absent"))
    with pytest.raises(DataError, match="not one record"):
        read(tmp_path, path=str(pack(tmp_path / "x.tar", {"README": b"x"}, "w")))


def test_a_limit_is_kept(tmp_path: Path) -> None:
    path = pack(tmp_path / "x.tar", {f"{n}.wav": wav() for n in range(5)}, "w")
    assert len(read(tmp_path, path=str(path), limit=3)) == 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "("}, "no regular expression"),
        ({"name": "(?P<who>x)"}, "no group `who`"),
        ({"name": "(?P<target>x)", "transcripts": "t"}, "exclude each other"),
        ({"name": "(?P<split>x)", "splits": {"test": [0, 1]}}, "exclude each other"),
    ],
)
def test_wrong_settings(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        audio.Settings.model_validate({"path": "x", **given})


def test_spoken_digits_and_yesno(shared_data: Path, tmp_path: Path) -> None:
    archive = shared_data / "free-spoken-digit-dataset" / "recordings.tar.xz"
    digits = read(tmp_path, path=str(archive), name=NAME, splits={"test": [0, 4], "train": [5, 49]})
    assert len(digits) == 3000
    assert sum(row["split"] == "test" for row in digits) == 300
    assert len({row["subject"] for row in digits}) == 6
    archive = shared_data / "yesno" / "waves_yesno.tar.xz"
    yesno = read(tmp_path, path=str(archive), name=r"(?P<target>[01_]+)\.wav")
    assert len(yesno) == 60
    assert {len(row["target"].split()) for row in yesno} == {8}


def test_transcripts_inside_of_the_folder_are_not_passed_over(tmp_path: Path) -> None:
    """They are read, by whatever path they are named; what nobody names is told of."""
    folder = fill(tmp_path / "in", {"a.wav": wav(), "said.tsv": b"a\thello\n", "b.tsv": b"a\tx\n"})
    told: list[tuple[str, str]] = []
    context = Context(tmp_path, passes_over=lambda place, reason: told.append((place, reason)))
    given = {"path": str(folder), "transcripts": str(tmp_path / "in" / ".." / "in" / "said.tsv")}
    assert list(audio.read(audio.Settings.model_validate(given), "s", context))
    assert told == [(f"{folder}/b.tsv", "of a type that this source does not read (.tsv)")]
