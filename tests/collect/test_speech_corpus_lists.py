"""Lists of speech corpora: how they are read, and what they say otherwise of one another."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.collect.corpora import CORPORA, LAYOUTS, ROWS, TABLE, said
from tests.collect.test_audio import pack
from tests.collect.test_speech_corpus import changed, errors, read, told
from tilth.reading import inputs
from tilth.reading.corpora import common_voice, kaldi
from tilth.reading.corpora import corpus as books
from tilth.reading.corpora.layouts import LAYOUTS as MODULES


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("ends", [b"\r", b"\r\n"])
def test_a_list_is_read_however_its_lines_end(layout: str, ends: bytes, tmp_path: Path) -> None:
    is_list = MODULES[layout].is_list  # type: ignore[index]
    given = CORPORA[layout].items()
    more = {name: data.replace(b"\n", ends) for name, data in given if is_list(name)}
    rows, _ = read(layout, changed(tmp_path / "in", layout, more))
    assert not errors(rows)
    key = lambda row: tuple(map(str, row))  # noqa: E731
    assert sorted(told(rows), key=key) == sorted(ROWS[layout], key=key)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_list_in_utf_16_is_read_as_it_is_meant(layout: str, tmp_path: Path) -> None:
    """As programs on Windows write it; its bytes are UTF-8 as well, with zeros between."""
    is_list = MODULES[layout].is_list  # type: ignore[index]
    given = CORPORA[layout].items()
    more = {name: data.decode().encode("utf-16") for name, data in given if is_list(name)}
    rows, _ = read(layout, changed(tmp_path / "in", layout, more))
    assert not errors(rows)
    key = lambda row: tuple(map(str, row))  # noqa: E731
    assert sorted(told(rows), key=key) == sorted(ROWS[layout], key=key)


@pytest.mark.parametrize(
    ("layout", "name", "error"),
    [
        ("speech_commands", "sc/testing_list.txt", None),
        ("librispeech", "LS/dev-clean/84/121/84-121.trans.txt", "no list says what is said"),
        ("common_voice", "cv/sr/train.tsv", "it is in no table"),
        ("kaldi", "k/data/test/text", "no line for it in `text`"),
        ("subtitles", "t/talk.srt", None),
        ("subtitles", "t/gone.vtt", None),
    ],
)
def test_an_empty_list_is_one_and_is_told(
    layout: str, name: str, error: str | None, tmp_path: Path
) -> None:
    # Of the clips of `train` nothing else says anything.
    folder = changed(tmp_path / "in", layout, {name: b"", "cv/sr/validated.tsv": None})
    files = [path for path in folder.rglob("*") if path.is_file()]
    inside = {str(path.relative_to(folder)): path.read_bytes() for path in files}
    tar = pack(tmp_path / "x.tar", inside)
    for path in (folder, tar):
        rows, passed = read(layout, path)
        assert passed[name] == inputs.EMPTY
        assert all(error is not None and error in one for one in errors(rows))
        assert bool(errors(rows)) == (error is not None)
        if layout == "speech_commands":
            assert {row["split"] for row in rows} == {"train", "validation"}


def test_lines_that_say_otherwise_of_a_speaker_do_not_count(tmp_path: Path) -> None:
    more = {"LS/SPEAKERS.TXT": b"84|F|x|8|N\n19|M|x|8|N\n84|F|y|8|N\n19|M|x|8|N\n19|F|x|8|N\n"}
    rows, passed = read("librispeech", changed(tmp_path / "a", "librispeech", more))
    assert [row["meta.sex"] for row in rows] == ["F", "F", None]
    assert passed == {
        "LS/README.TXT": books.OF_NO_LAYOUT,
        **{f"LS/SPEAKERS.TXT:{line}": books.OTHERWISE for line in (2, 4, 5)},
    }
    more = {"k/data/train/spk2gender": b"ann f\nbob m\nann m\nbob m\ncleo f\nd\n"}
    rows, passed = read("kaldi", changed(tmp_path / "b", "kaldi", more), parts=["train"])
    assert [row["meta.gender"] for row in rows if not row["error"]] == [None, "m"]
    assert [error.rpartition(":")[2] for error in errors(rows)] == [" a speaker without a gender"]
    told_of = {place: why for place, why in passed.items() if "spk2gender" in place}
    assert told_of == {
        "k/data/train/spk2gender:1": books.OTHERWISE,
        "k/data/train/spk2gender:3": books.OTHERWISE,
        "k/data/train/spk2gender:5": kaldi.NO_SPEAKER,
    }


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        (b"", "no line for it in `utt2spk`"),
        (b"u1\n", "no speaker in its line of `utt2spk`"),
        (b"u1 \xff\n", "invalid UTF-8 at byte 0 (0xff)"),
    ],
)
def test_an_utterance_of_no_speaker_is_quarantined(line: bytes, cause: str, tmp_path: Path) -> None:
    more = {"k/data/train/utt2spk": line + b"u2 bob\nu9 bob\n"}
    rows, passed = read("kaldi", changed(tmp_path / "in", "kaldi", more), parts=["train"])
    (error,) = errors(rows)
    assert error.endswith(f"segments:1: {cause}")
    assert [row["subject"] for row in rows if not row["error"]] == ["bob"]
    number = 3 if line else 2
    assert passed[f"k/data/train/utt2spk:{number}"] == kaldi.NO_UTTERANCE_OF


def test_tables_that_say_otherwise_of_a_clip(tmp_path: Path) -> None:
    """Of another sentence, of another speaker, and good in one table and bad in the other."""
    row = "{}\t{}.mp3\t{}\t2\t\t\t\tsr\n".format
    given = {
        "train": [("u1", "a", "Go"), ("u2", "b", "Go"), ("u3", "c", "Go"), ("u4", "d", "Go")],
        "validated": [("u1", "a", "No"), ("u9", "b", "Go"), ("u3", "c", "Go"), ("u4", "d", " Go")],
        "invalidated": [("u3", "c", "Go"), ("u5", "e", "Go")],
        "other": [("u5", "e", "Go"), ("u6", "f", "Go")],
    }
    more = {
        f"cv/sr/{part}.tsv": (TABLE + "".join(row(*one) for one in rows)).encode()
        for part, rows in given.items()
    }
    more["cv/sr/validated.tsv"] += b"u6\td.mp3\n"
    clips = {f"cv/sr/clips/{name}.mp3": said(n, "MP3") for n, name in enumerate("abcdef")}
    folder = changed(tmp_path / "in", "common_voice", {**more, **clips})
    rows, passed = read("common_voice", folder, parts=list(given))
    assert sorted(row["target"] for row in rows if not row["error"]) == ["Go", "Go"]
    found = [error.replace(f"{folder}/cv/sr/", "") for error in errors(rows)]
    assert found == [
        "validated.tsv:6: 2 cells, where the table has 8",
        "clips/a.mp3: train.tsv:2: it is listed twice: train.tsv:2 and validated.tsv:2",
        "clips/b.mp3: train.tsv:3: it is listed twice: train.tsv:3 and validated.tsv:3",
        "clips/c.mp3: train.tsv:4: it is listed twice: train.tsv:4 and invalidated.tsv:2",
        "clips/e.mp3: invalidated.tsv:3: it is listed twice: invalidated.tsv:3 and other.tsv:2",
    ]
    known = [place for place, reason in passed.items() if reason == common_voice.KNOWN]
    assert known == ["cv/sr/validated.tsv:4", "cv/sr/validated.tsv:5"]
