"""Speech corpora in the layouts that they come in: what is read, quarantined and passed over."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from pydantic import ValidationError

from tests.collect.corpora import CORPORA, LAYOUTS, LONG, RATE, ROWS, TABLE, said
from tests.collect.test_audio import fill, pack
from tests.decode.sounds import encode, m4a
from tilth.collect import speech_corpus
from tilth.context import Context
from tilth.errors import DataError
from tilth.reading import inputs
from tilth.reading.corpora import common_voice, kaldi, librispeech, speech_commands, subtitles
from tilth.reading.corpora import corpus as books
from tilth.reading.corpora.layouts import LAYOUTS as MODULES

Rows = list[dict[str, Any]]


def read(
    layout: str, path: Path, limit: int | None = None, **given: Any
) -> tuple[Rows, dict[str, str]]:
    """Its rows, and what it passed over: place below the path -> reason."""
    settings = speech_corpus.Settings.model_validate({"layout": layout, "path": str(path), **given})
    passed: dict[str, str] = {}

    def passes_over(place: str, reason: str) -> None:
        assert place not in passed
        passed[place.removeprefix(f"{path}")[1:]] = reason

    speech_corpus.fingerprint(settings)
    context = Context(path.parent, limit=limit, passes_over=passes_over)
    batches = list(speech_corpus.read(settings, "s", context))
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert len({row["id"] for row in rows}) == len(rows)
    return rows, passed


def changed(folder: Path, layout: str, more: Mapping[str, bytes | None]) -> Path:
    members = {**CORPORA[layout], **more}
    return fill(folder, {name: data for name, data in members.items() if data is not None})


def errors(rows: Rows) -> list[str]:
    return [row["error"] for row in rows if row["error"]]


def told(rows: Rows) -> list[tuple[Any, ...]]:
    return [(row["target"], row.get("subject"), row.get("split")) for row in rows]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_the_lists_say_of_a_folder_and_of_archives(layout: str, tmp_path: Path) -> None:
    folder = fill(tmp_path / "in", CORPORA[layout])
    rows, passed = read(layout, folder)
    by_time = sorted(rows, key=lambda row: row["uri"].split("#")[0])
    assert not errors(rows)
    key = lambda row: tuple(map(str, row))  # noqa: E731
    assert sorted(told(by_time), key=key) == sorted(ROWS[layout], key=key)
    turned = dict(reversed([*CORPORA[layout].items()]))
    tar = pack(tmp_path / "x.tar.xz", {f"./{name}": data for name, data in turned.items()})
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name, data in turned.items():
            archive.writestr(name, data)
    for path in (tar, tmp_path / "x.zip"):
        again, passed_again = read(layout, path)
        assert sorted(told(again), key=key) == sorted(ROWS[layout], key=key)
        assert passed_again == passed
        assert {row["audio"] for row in again} == {row["audio"] for row in rows}
        assert all(row["uri"].startswith(f"{path}:") for row in again)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_file_is_in_the_books(layout: str, tmp_path: Path) -> None:
    folder = changed(tmp_path / "in", layout, {"further/notes.doc": b"x", ".hidden": b"x"})
    rows, passed = read(layout, folder)
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    is_list = next(one.is_list for name, one in MODULES.items() if name == layout)
    lists = {name for name in files if is_list(name)}
    sounds = {row["uri"].removeprefix(f"{folder}/").split("#")[0] for row in rows}
    assert lists | sounds | passed.keys() == files
    assert not sounds & passed.keys()
    assert passed["further/notes.doc"] == books.OF_NO_LAYOUT
    assert passed[".hidden"] == inputs.HIDDEN


def test_what_else_is_known_travels(tmp_path: Path) -> None:
    row, *_ = read("librispeech", fill(tmp_path / "a", CORPORA["librispeech"]))[0]
    assert {name: row[name] for name in row if name.startswith("meta.")} == {
        "meta.part": "dev-clean",
        "meta.chapter": "121",
        "meta.sex": "F",
        "meta.speaker_minutes": "8.02",
        "meta.speaker_name": "Christie | Nowak",
    }
    rows, _ = read("common_voice", fill(tmp_path / "b", CORPORA["common_voice"]))
    assert [row["meta.up_votes"] for row in rows] == ["2", "3"]
    assert [row["meta.gender"] for row in rows] == [None, "female"]
    assert {row["meta.locale"] for row in rows} == {"sr"}
    assert rows[0]["audio"] == CORPORA["common_voice"]["cv/sr/clips/a.mp3"]
    rows, _ = read("ljspeech", fill(tmp_path / "c", CORPORA["ljspeech"]))
    assert [row["meta.transcription"] for row in rows] == ['He paid "5', None]
    rows, _ = read("kaldi", fill(tmp_path / "d", CORPORA["kaldi"]))
    assert [row.get("meta.gender") for row in rows] == ["f", "m", None]
    assert [row["meta.utterance"] for row in rows] == ["u1", "u2", "two"]
    rows, _ = read("speech_commands", fill(tmp_path / "e", CORPORA["speech_commands"]))
    assert [(row["label"], row["label_origin"]) for row in rows] == [
        ("no", "given"),
        ("yes", "given"),
        ("yes", "given"),
    ]


@pytest.mark.parametrize("layout", ["kaldi", "subtitles"])
def test_stretches_are_cut_to_the_sample(layout: str, tmp_path: Path) -> None:
    folder = fill(tmp_path / "in", CORPORA[layout])
    rows = [row for row in read(layout, folder)[0] if "#t=" in row["uri"]]
    name = "k/waves/one.wav" if layout == "kaldi" else "t/talk.wav"
    times = {"kaldi": ["0.5,1.25", "1.2"], "subtitles": ["0.5,1.25", "1.25,3"]}[layout]
    assert [row["uri"] for row in rows] == [f"{folder}/{name}#t={time}" for time in times]
    ends = {"kaldi": [(8_000, 20_000), (19_200, 64_000)]}.get(
        layout, [(8_000, 20_000), (20_000, 48_000)]
    )
    for row, (first, end) in zip(rows, ends, strict=True):
        samples, rate = soundfile.read(io.BytesIO(row["audio"]), dtype="int16", always_2d=True)
        assert rate == RATE
        assert np.array_equal(samples, LONG[first:end])
        assert soundfile.info(io.BytesIO(row["audio"])).format == "FLAC"
    if layout == "subtitles":
        assert (rows[0]["meta.start"], rows[0]["meta.end"], rows[0]["meta.cue"]) == (
            *(0.5, 1.25),
            "first",
        )


def test_every_sample_that_a_part_of_the_time_falls_on_is_in(tmp_path: Path) -> None:
    """Between two of them: floor of the start, ceiling of the end; exact where floats are not."""
    segments = "".join(f"u{n} one {n / 10:.1f} {n / 10 + 0.7:.1f}\n" for n in range(30))
    segments += "v one 0.00004 0.50001\n"
    text = "".join(f"{line.split()[0]} x\n" for line in segments.splitlines())
    folder = changed(
        tmp_path / "in",
        "kaldi",
        {
            "k/data/train/segments": segments.encode(),
            "k/data/train/text": text.encode(),
            "k/data/train/utt2spk": None,
        },
    )
    rows, _ = read("kaldi", folder, parts=["train"])
    found = {row["meta.utterance"]: soundfile.info(io.BytesIO(row["audio"])) for row in rows}
    assert {found[f"u{n}"].frames for n in range(30)} == {11_200}
    assert found["v"].frames == 8_001


STATES = {
    "librispeech": "LS/dev-clean/84/121/84-121-0000.flac",
    "common_voice": "cv/sr/clips/a.mp3",
    "ljspeech": "LJ/wavs/LJ-1.wav",
    "speech_commands": "sc/no/c1_nohash_1.wav",
}


@pytest.mark.parametrize("layout", STATES)
def test_a_sound_that_is_cut_off_costs_one_row_and_one_that_is_gone_is_told(
    layout: str, tmp_path: Path
) -> None:
    name = STATES[layout]
    data = CORPORA[layout][name]
    rows, _ = read(layout, changed(tmp_path / "a", layout, {name: data[: len(data) // 2]}))
    assert len(rows) == len(ROWS[layout])
    (error,) = errors(rows)
    assert f"{tmp_path}/a/{name}: " in error
    rows, passed = read(layout, changed(tmp_path / "b", layout, {name: None}))
    assert len(rows) == len(ROWS[layout]) - 1
    (place,) = [place for place, reason in passed.items() if reason == books.NO_SOUND]
    assert place.rpartition(":")[2].isdecimal()


@pytest.mark.parametrize(
    ("layout", "name", "cause"),
    [
        ("librispeech", "LS/dev-clean/84/121/84-121-0009.flac", "no list says what is said in it"),
        ("common_voice", "cv/sr/clips/z.mp3", "it is in no table"),
        ("ljspeech", "LJ/wavs/LJ-9.wav", "no list says what is said in it"),
        ("speech_commands", "x.wav", "it lies in no folder that is a word"),
    ],
)
def test_a_sound_of_which_nothing_is_said_is_quarantined(
    layout: str, name: str, cause: str, tmp_path: Path
) -> None:
    rows, _ = read(layout, changed(tmp_path / "in", layout, {name: said(5)}))
    assert errors(rows) == [f"{tmp_path}/in/{name}: {cause}"]


def test_a_recording_of_which_nothing_is_said_is_passed_over(tmp_path: Path) -> None:
    _, passed = read("subtitles", fill(tmp_path / "a", CORPORA["subtitles"]))
    assert passed == {"t/other.wav": subtitles.NOT_BESIDE}
    folder = changed(tmp_path / "b", "kaldi", {"k/waves/three.wav": said(4)})
    assert read("kaldi", folder)[1]["k/waves/three.wav"] == "a sound of which no utterance is taken"
    _, passed = read("speech_commands", fill(tmp_path / "c", CORPORA["speech_commands"]))
    assert passed["sc/_background_noise_/rain.wav"] == speech_commands.NOISE


def test_a_line_that_cannot_be_read_costs_its_record(tmp_path: Path) -> None:
    place = "LS/train-clean-100/19/198/"
    lines = b"19-198-0000 NORTH\n19-198-0001 \xff\nno\n19-198-0002\n19-198-0003 %s\n" % (
        b"x" * 70_000
    )
    sounds = {f"{place}19-198-000{n}.flac": said(n) for n in (1, 2, 3)}
    folder = changed(tmp_path / "a", "librispeech", {f"{place}19-198.trans.txt": lines, **sounds})
    rows, _ = read("librispeech", folder)
    list_of = f"{folder}/{place}19-198.trans.txt"
    assert sorted(errors(rows)) == sorted(
        [
            f"{list_of}:3: a line that is not `SPEAKER-CHAPTER-NUMBER TRANSCRIPT`",
            f"{folder}/{place}19-198-0001.flac: {list_of}:2: invalid UTF-8 at byte 0 (0xff)",
            f"{folder}/{place}19-198-0002.flac: {list_of}:4: its transcript is empty",
            f"{folder}/{place}19-198-0003.flac: {list_of}:5: a line of more than 65,536 bytes",
        ]
    )
    table = TABLE.encode() + b"u1\ta.mp3\tGo\nu9\t\tGo\nu1\tb.mp3\t\t2\t\t\t\tsr\n"
    folder = changed(tmp_path / "b", "common_voice", {"cv/sr/train.tsv": table})
    rows, _ = read("common_voice", folder, parts=["train"])
    found = "\n".join(errors(rows))
    assert "train.tsv:2: 3 cells, where the table has 8" in found
    assert "train.tsv:3: a row without `path`" in found
    assert "train.tsv:4: its transcript is empty" in found
    folder = changed(
        tmp_path / "c", "ljspeech", {"LJ/metadata.csv": b"LJ-1|one\nLJ-2|a|b|c\nLJ-2| \n"}
    )
    rows, _ = read("ljspeech", folder)
    assert len(rows) == 3
    assert "metadata.csv:2: a line of 4 parts, not `ID|TRANSCRIPTION`" in errors(rows)[0]
    assert "its transcript is empty" in errors(rows)[1]


@pytest.mark.parametrize(
    ("layout", "name", "data", "cause"),
    [
        ("ljspeech", "LJ/metadata.csv", b"LJ-1,one\nLJ-2,two\n", "not one line is `ID|TRANS"),
        ("librispeech", "LS/dev-clean/84/121/84-121.trans.txt", b"\xffGO\n", "invalid UTF-8"),
        ("common_voice", "cv/sr/train.tsv", b"path,sentence\na,b\n", "no column `path`"),
        ("common_voice", "cv/sr/train.tsv", b"path\ttext\na\tb\n", "no column `sentence`"),
        ("speech_commands", "sc/testing_list.txt", None, "there is validation_list.txt, and no"),
    ],
)
def test_lists_of_another_build_are_one_error(
    layout: str, name: str, data: bytes | None, cause: str, tmp_path: Path
) -> None:
    folder = changed(tmp_path / "in", layout, {name: data, **_without_other_lists(layout, name)})
    with pytest.raises(DataError, match=cause[:20].replace("|", r"\|")) as caught:
        read(layout, folder)
    assert cause in caught.value.what
    assert str(folder) in caught.value.where


def _without_other_lists(layout: str, name: str) -> dict[str, bytes | None]:
    if layout != "librispeech":
        return {}
    return {one: None for one in CORPORA[layout] if one.endswith(".trans.txt") and one != name}


def test_what_is_listed_twice_is_quarantined(tmp_path: Path) -> None:
    lines = CORPORA["ljspeech"]["LJ/metadata.csv"] + b"LJ-2|Go away.\n"
    rows, _ = read("ljspeech", changed(tmp_path / "a", "ljspeech", {"LJ/metadata.csv": lines}))
    (error,) = errors(rows)
    assert error.endswith("metadata.csv:2 and %s/LJ/metadata.csv:3" % (tmp_path / "a"))
    row = b"u1\ta.mp3\tGo\t2\t\t\t\tsr\n"
    folder = changed(tmp_path / "b", "common_voice", {"cv/sr/test.tsv": TABLE.encode() + row})
    (error,) = errors(read("common_voice", folder)[0])
    assert "train.tsv:2" in error
    assert "test.tsv:2" in error
    both = {"sc/testing_list.txt": b"yes/b1_nohash_0.wav\n"}
    (error,) = errors(read("speech_commands", changed(tmp_path / "c", "speech_commands", both))[0])
    assert "it is listed twice" in error


def test_no_command_of_kaldi_is_run_and_no_path_leads_outside(tmp_path: Path) -> None:
    outside = tmp_path / "outside.wav"
    outside.write_bytes(said(8))
    ran = tmp_path / "ran"
    inside = tmp_path / "in/k/waves/one.wav"
    scp = (
        f"a touch {ran} |\nb | touch {ran}\nc {outside}\nd ../../../../outside.wav\n"
        f"e raw.ark:12\nf -\ng waves/x.sph\nh {inside}\ni waves/gone.wav\n"
    )
    text = "".join(f"{name} go\n" for name in "abcdefghij")
    more = {"k/data/test/wav.scp": scp.encode(), "k/data/test/text": text.encode()}
    folder = changed(tmp_path / "in", "kaldi", more)
    rows, passed = read("kaldi", folder, parts=["test"])
    assert not ran.exists()
    causes = [error.partition("wav.scp:")[2] for error in errors(rows)]
    assert [cause[:40] for cause in causes] == [
        "1: a command, and none is run: write its output to a sound file"[:40],
        "2: a command, and none is run: write its output to a sound file"[:40],
        f"3: `{outside}` lies outside"[:40],
        "4: `../../../../outside.wav` lies outside of the corpus"[:40],
        "5: a place in an archive of Kaldi, which is not read"[:40],
        "6: no file is named",
        "7: `waves/x.sph` has no ending of a sound that is read"[:40],
    ]
    assert [row["meta.utterance"] for row in rows if not row["error"]] == ["h"]
    assert passed["k/data/test/wav.scp:9"] == books.NO_SOUND
    assert passed["k/data/test/text:10"] == kaldi.NO_UTTERANCE


def test_recordings_that_no_segment_names(tmp_path: Path) -> None:
    scp = b"one waves/one.wav\ntwo waves/two.wav\nthree sox x.wav -t wav - |\n"
    folder = changed(tmp_path / "in", "kaldi", {"k/data/train/wav.scp": scp})
    rows, passed = read("kaldi", folder, parts=["train"])
    assert passed["k/data/train/wav.scp:2"] == kaldi.NO_SEGMENT
    assert [error for error in errors(rows) if "wav.scp:3: a command" in error]


def test_segments_that_are_none(tmp_path: Path) -> None:
    lines = (
        "a one 1.5 1.0\nb one 1 1\nc one x 1\nd two 0 1\ne one 0\nf one 9 10\ng one 3 4.6\n"
        "h one 3 4.4\ni one 0 1 1\nj one 0 1 0\nk one 0 0.03\n"
    )
    text = "".join(f"{name} go\n" for name in "abcdefghijk")
    more = {
        "k/data/train/segments": lines.encode(),
        "k/data/train/text": text.encode(),
        "k/data/train/utt2spk": None,
    }
    rows, passed = read("kaldi", changed(tmp_path / "in", "kaldi", more), parts=["train"])
    causes = {error.split(": ", 1)[1][:45] for error in errors(rows)}
    assert causes == {
        "it ends before it begins",
        "it ends where it begins",
        "its times cannot be read: `x 1`",
        "no recording `two` in wav.scp",
        "a segment of 2 parts, not recording, start an",
        "it begins behind the end of the recording, wh",
        "it ends behind the recording, which has 4.000",
        "channel 1 of 1, counted from 0",
        "too short for its transcript: 0.03 s for 2 ch",
    }
    assert [row["meta.utterance"] for row in rows if not row["error"]] == ["j", "h"]
    assert passed["k/waves/one.wav#t=3,4.4"] == speech_corpus.BEYOND


def test_what_is_said_of_speakers_and_cannot_be_read(tmp_path: Path) -> None:
    """It is no record: a line is passed over. Two speakers of one utterance are its fault."""
    more = {"LS/SPEAKERS.TXT": b"84 | F\n19 | M | x | 1 | \xff\n84 | F | x | 8 | Nowak\n"}
    folder = changed(tmp_path / "a", "librispeech", more)
    rows, passed = read("librispeech", folder)
    assert [row["meta.sex"] for row in rows] == ["F", "F", None]
    assert {passed[f"LS/SPEAKERS.TXT:{line}"] for line in (1, 2)} == {librispeech.NO_SPEAKER}
    twice = {"k/data/train/utt2spk": b"u1 ann\nu2 bob\nu1 cleo\n"}
    (error,) = errors(read("kaldi", changed(tmp_path / "b", "kaldi", twice))[0])
    assert "utt2spk:1 and " in error


def test_parts_of_a_data_folder_are_not_read_twice(tmp_path: Path) -> None:
    copies = {
        f"k/data/train/split2/1/{name}": CORPORA["kaldi"][f"k/data/train/{name}"]
        for name in ("wav.scp", "text", "segments")
    }
    rows, passed = read(
        "kaldi", changed(tmp_path / "in", "kaldi", {**copies, "k/data/lang/text": b"a b\n"})
    )
    assert not errors(rows)
    assert len(rows) == 3
    assert passed["k/data/train/split2/1/wav.scp"] == kaldi.PART_OF
    assert passed["k/data/lang/text"] == kaldi.NO_TABLE


def test_cues_have_their_reasons(tmp_path: Path) -> None:
    cues = (
        b"1\n00:00:00,000 --> 00:00:01,000\nfine\n\n2\n00:00:02,000 --> 00:00:01,500\nback\n\n"
        b"3\n00:00:02,000 --> 00:00:03,000\n\n4\n00:00:02,500 --> 00:00:03,500\none\n\n"
        b"5\n00:00:03,000 --> 00:00:03,900\ntwo\n\n6\n00:01:00,000 --> 00:01:01,000\nfar\n\n"
        b"7\n00:00:03,9xx --> 00:00:04,000\nthree\n"
    )
    more = {"t/talk.vtt": None, "t/talk.srt": cues, "t/gone.srt": cues, "t/other.srt": b"nothing\n"}
    rows, passed = read("subtitles", changed(tmp_path / "in", "subtitles", more))
    assert [row["target"] for row in rows if not row["error"]] == ["fine"]
    found = [error.replace(f"{tmp_path}/in/t/", "") for error in errors(rows)]
    assert found == [
        "other.srt: no cue is in it: no SRT or WebVTT?",
        "talk.srt:6: it ends before it begins",
        "talk.srt:10: a cue without a word",
        "talk.srt:25: its times cannot be read: `00:00:03,9xx --> 00:00:04,000`",
        "talk.wav#t=2.5,3.5: talk.srt:13: it overlaps the cue at line 17",
        "talk.wav#t=3,3.9: talk.srt:17: it overlaps the cue at line 13",
        "talk.wav#t=60,61: it begins behind the end of the recording, which has 4.000 s",
    ]
    assert passed["t/gone.srt"] == books.NO_SOUND
    assert passed["t/other.srt:1"] == subtitles.NO_CUE


def test_subtitles_in_several_languages_and_formats(tmp_path: Path) -> None:
    cue = b"WEBVTT\n\n00:00.000 --> 00:01.000\n<v Ann>oui</v> <v Bob>non</v>\n"
    srt = b"1\n00:00:00,000 --> 00:00:01,000\nyes\n"
    more = {"t/talk.fr.vtt": cue, "t/talk.srt": srt, "t/talk.xyzzy.srt": srt, "t/o.wav": said(1)}
    rows, passed = read("subtitles", changed(tmp_path / "in", "subtitles", more))
    french = [row for row in rows if row["meta.language"] == "fr"]
    assert [(row["target"], row["subject"]) for row in french] == [("oui non", None)]
    assert french[0]["meta.voices"] == ["Ann", "Bob"]
    assert len(rows) == 3
    assert passed["t/talk.srt"] == subtitles.SECOND
    assert passed["t/talk.xyzzy.srt"] == books.NO_SOUND
    # Without a WebVTT of the same name it may be that of the language, or another.
    more = {"t/talk.en.vtt": cue, "t/talk.de.srt": srt, "t/talk.srt": srt}
    folder = changed(tmp_path / "other", "subtitles", {**more, "t/talk.vtt": None})
    rows, passed = read("subtitles", folder)
    assert sorted(row["meta.language"] for row in rows if "talk" in row["uri"]) == [*("de", "en")]
    assert passed["t/talk.srt"] == subtitles.UNNAMED


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_that_does_not_fit_is_refused_and_the_likely_one_told(
    layout: str, tmp_path: Path
) -> None:
    other = "ljspeech" if layout != "ljspeech" else "librispeech"
    with pytest.raises(DataError, match=f"`layout: {other}` does not fit") as caught:
        read(other, fill(tmp_path / "in", CORPORA[layout]))
    assert caught.value.hint == f"it looks like `layout: {layout}`"


def test_a_limit_has_all_splits_and_words(tmp_path: Path) -> None:
    rows, _ = read("speech_commands", fill(tmp_path / "a", CORPORA["speech_commands"]), 2)
    assert {row["label"] for row in rows} == {"no", "yes"}
    rows, _ = read("kaldi", fill(tmp_path / "b", CORPORA["kaldi"]), 2)
    assert Counter(row["split"] for row in rows) == {"train": 1, "test": 1}
    rows, _ = read("librispeech", fill(tmp_path / "c", CORPORA["librispeech"]), 2)
    assert {row["split"] for row in rows} == {"train", "validation"}


def test_parts_are_of_layouts_that_have_some() -> None:
    for layout in ("ljspeech", "speech_commands", "subtitles"):
        with pytest.raises(ValidationError, match="`parts` are of librispeech, common_voice, kal"):
            speech_corpus.Settings.model_validate({"layout": layout, "path": "x", "parts": ["a"]})


def test_common_voice_without_the_usual_tables_asks_for_parts(tmp_path: Path) -> None:
    none = {f"cv/sr/{part}.tsv": None for part in ("train", "dev", "test")}
    folder = changed(tmp_path / "in", "common_voice", none)
    with pytest.raises(DataError, match=r"there is none of train.tsv, dev.tsv, test.tsv") as caught:
        read("common_voice", folder)
    assert "`parts: [validated]`" in caught.value.hint
    rows, _ = read("common_voice", folder, parts=["validated"])
    assert [row["split"] for row in rows] == [None] * 3


def test_what_validated_has_besides_is_added(tmp_path: Path) -> None:
    folder = fill(tmp_path / "in", CORPORA["common_voice"])
    _, passed = read("common_voice", folder)
    assert passed["cv/sr/clips/c.mp3"] == books.LEFT_OUT
    assert passed["cv/sr/validated.tsv"] == books.LEFT_OUT
    rows, passed = read("common_voice", folder, parts=["train", "validated"])
    assert [(row["meta.part"], row["split"]) for row in rows] == [
        ("train", "train"),
        ("validated", None),
        ("validated", None),
    ]
    assert not passed.keys() & {"cv/sr/clips/b.mp3", "cv/sr/clips/c.mp3"}
    assert passed["cv/sr/validated.tsv:2"] == common_voice.KNOWN


def test_what_the_lists_say_counts(tmp_path: Path) -> None:
    folder = fill(tmp_path / "in", CORPORA["ljspeech"])
    settings = speech_corpus.Settings.model_validate({"layout": "ljspeech", "path": str(folder)})
    before = speech_corpus.fingerprint(settings)
    (folder / "LJ/metadata.csv").write_bytes(b"LJ-1|one\nLJ-2|two\n")
    assert speech_corpus.fingerprint(settings) != before


def test_a_list_or_a_sound_that_stands_twice_in_an_archive_is_told(tmp_path: Path) -> None:
    members = dict(CORPORA["ljspeech"].items())
    path = pack(tmp_path / "x.tar", {**members, "./LJ/metadata.csv": b"LJ-9|x\n"}, "w")
    rows, _ = read("ljspeech", path)
    assert len(rows) == 3
    assert "a second member of this name" in errors(rows)[0]


def test_a_list_above_the_bound_is_told(tmp_path: Path) -> None:
    lines = CORPORA["ljspeech"]["LJ/metadata.csv"] + b"x" * 40_000
    folder = changed(tmp_path / "in", "ljspeech", {"LJ/metadata.csv": lines})
    rows, _ = read("ljspeech", folder, max_record_bytes=30_000)
    assert len(errors(rows)) == 3
    assert "metadata.csv: 40,0" in errors(rows)[0]
    assert "max_record_bytes" in errors(rows)[0]


def test_a_long_recording_is_not_held_as_samples(tmp_path: Path) -> None:
    """What is held is its file and one stretch: not the 13 MB that its samples are as floats."""
    seconds = 200
    data = encode("FLAC", np.zeros(seconds * RATE, np.int16), RATE)
    cues = "".join(
        f"{n}\n00:{n // 60:02}:{n % 60:02},000 --> 00:{n // 60:02}:{n % 60:02},500\nx\n\n"
        for n in range(0, seconds, 20)
    )
    folder = fill(tmp_path / "in", {"talk.flac": data, "talk.srt": cues.encode()})
    read("subtitles", folder)
    tracemalloc.start()
    try:
        rows, _ = read("subtitles", folder)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(rows) == 10
    assert not errors(rows)
    assert peak < 6 << 20


def test_a_damaged_recording_quarantines_its_stretches(tmp_path: Path) -> None:
    data = CORPORA["subtitles"]["t/talk.wav"]
    rows, _ = read("subtitles", changed(tmp_path / "a", "subtitles", {"t/talk.wav": data[:-9000]}))
    assert len(errors(rows)) == 2
    assert all("cut off" in error for error in errors(rows))
    folder = changed(tmp_path / "b", "subtitles", {"t/talk.wav": None, "t/talk.mp3": b"no sound"})
    assert all("no WAV, FLAC" in error for error in errors(read("subtitles", folder)[0]))


def test_a_damaged_frame_near_the_end_quarantines_what_comes_before(tmp_path: Path) -> None:
    """It may be left out by its decoder, and all that follows is then of another time."""
    data = bytearray(encode("FLAC", LONG, RATE))
    data[-1000] ^= 0xFF
    more = {"t/talk.wav": None, "t/talk.flac": bytes(data)}
    rows, _ = read("subtitles", changed(tmp_path / "in", "subtitles", more))
    assert [error.partition("#")[2][:8] for error in errors(rows)] == ["t=0.5,1.", "t=1.25,3"]


def test_silence_and_unknown_are_labels_without_a_transcript(tmp_path: Path) -> None:
    """So is the set for testing: a folder a word, and two that are none."""
    sounds = {f"{label}/{n}.wav": said(n) for n, label in enumerate(("_silence_", "_unknown_"))}
    rows, _ = read("speech_commands", fill(tmp_path / "in", {**sounds, "yes/1.wav": said(3)}))
    assert [(row["label"], row["target"], row["split"]) for row in rows] == [
        ("_silence_", None, None),
        ("_unknown_", None, None),
        ("yes", "yes", None),
    ]


def test_m4a_is_read_or_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = changed(
        tmp_path / "in",
        "ljspeech",
        {"LJ/wavs/LJ-1.wav": None, "LJ/wavs/LJ-1.m4a": m4a()},
    )
    rows, _ = read("ljspeech", folder)
    assert [row["target"] for row in rows] == [row[0] for row in ROWS["ljspeech"]]
    monkeypatch.setattr(speech_corpus, "reads_m4a", lambda: False)
    rows, passed = read("ljspeech", folder)
    assert len(rows) == 1
    assert "without the extra `m4a`" in passed["LJ/wavs/LJ-1.m4a"]


def test_names_are_the_same_however_their_accents_are_spelt(tmp_path: Path) -> None:
    more = {"LJ/wavs/e\u0301.wav": said(3)}
    lines = CORPORA["ljspeech"]["LJ/metadata.csv"] + "\u00e9|oui\n".encode()
    folder = changed(tmp_path / "in", "ljspeech", {**more, "LJ/metadata.csv": lines})
    rows, passed = read("ljspeech", folder)
    assert not errors(rows)
    assert len(rows) == 3
    assert passed == {"LJ/README": books.OF_NO_LAYOUT}


def test_a_transcript_that_nobody_says_in_so_short_a_time(tmp_path: Path) -> None:
    lines = b"LJ-1|" + b"word " * 100 + b"\nLJ-2|Go on.\n"
    rows, _ = read("ljspeech", changed(tmp_path / "in", "ljspeech", {"LJ/metadata.csv": lines}))
    (error,) = errors(rows)
    assert "too short for its transcript" in error


@pytest.mark.parametrize("layout", ["librispeech", "kaldi"])
def test_parts_that_are_not_there_are_missed_in_the_corpus(layout: str, tmp_path: Path) -> None:
    """Not in whichever of its lists comes first."""
    folder = changed(tmp_path / "in", layout, {})
    with pytest.raises(DataError) as error:
        read(layout, folder, parts=["no-such-part"])
    assert error.value.where == str(folder)
