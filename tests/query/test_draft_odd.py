"""What a draft makes of what is odd: damaged files, unequal pairs, names that differ in case."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.engine.inline import inline, run_inline
from tests.query.test_draft import (
    _class_folders,
    _pairs,
    lines,
    picture,
    plain,
    records,
    sentence,
    sound,
    write,
)
from tilth.errors import DataError
from tilth.query.draft import draft

pytestmark = pytest.mark.usefixtures("inline")
__all__ = ["inline"]


def test_what_cannot_be_read_is_not_without_a_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folders say the split of all the others, so there is nothing to hold out, and it runs."""
    monkeypatch.chdir(tmp_path)
    _class_folders(tmp_path / "pictures")
    whole = tmp_path / "pictures" / "train" / "cat" / "0.png"
    whole.write_bytes(whole.read_bytes()[:60])
    for split in ("train", "test"):
        for label in ("yes", "no"):
            for n in range(5):
                write(tmp_path / "sounds" / split / label / f"{n}.wav", sound(n))
    write(tmp_path / "sounds" / "train" / "yes" / "0.wav", b"RIFF\x24\0\0\0WAVEfmt ")
    for name in ("pictures", "sounds"):
        found = draft(name, "mine")
        assert "hold_out" not in found.text
        assert "1 of them could not be" in plain(found.text)
        run_inline(found.text, tmp_path / f"run-{name}")


def test_a_hold_out_with_nothing_to_draw_is_seen_in_the_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one file outside the splits is the damaged one."""
    monkeypatch.chdir(tmp_path)
    _class_folders(tmp_path / "data")
    write(tmp_path / "data" / "more" / "cat" / "9.png", picture(9)[:60])
    assert "hold_out" not in draft("data", "mine").text


def test_facts_are_told_and_not_only_perhaps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _pairs(tmp_path / "pairs")
    write(tmp_path / "pairs" / "more.en", "one\ntwo\n")
    write(tmp_path / "pairs" / "more.de", "eins\n")
    told = " ".join(draft("pairs", "mine").about)
    assert "left out: more.de has 1 line and more.en has 2 lines" in told
    _class_folders(tmp_path / "data")
    (tmp_path / "data" / "test" / "cat").rename(tmp_path / "data" / "test" / "Cat")
    assert "`Cat` and `cat` differ only in case: 2 and 8 files" in " ".join(
        draft("data", "mine").about
    )


def test_fields_that_may_be_joined_or_be_the_id_are_those_that_are_there(tmp_path: Path) -> None:
    found = [{"review_id": n, **one} for n, one in enumerate(records(30))]
    write(
        tmp_path / "a.jsonl", lines([{k: v for k, v in one.items() if k != "ref"} for one in found])
    )
    text = plain(draft(str(tmp_path / "a.jsonl"), "mine").text)
    assert "as `text: [title, body]`" in text
    assert "`review_id` names each record once: `id: review_id`" in text
    write(
        tmp_path / "b.jsonl", lines([{"head": one["title"], "main": one["body"]} for one in found])
    )
    assert "as `text: [head, main]`" in plain(draft(str(tmp_path / "b.jsonl"), "mine").text)


def test_one_sample_is_spoken_of_as_one(tmp_path: Path) -> None:
    write(tmp_path / "data" / "a.html", f"<p>{sentence(1)}</p>")
    text = plain(draft(str(tmp_path / "data"), "mine").text)
    assert "1 sample from its beginning was read" in text
    assert "1 text: too few to say which languages these are" in text


def test_what_a_browser_saves_beside_a_page_is_no_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for n in range(4):
        write(tmp_path / "web" / "pages" / f"{n}.html", f"<p>{sentence(n)}</p>".encode())
        write(tmp_path / "web" / "notes" / f"{n}.txt", sentence(n).encode())
    assert "labels: folder" in draft("web", "mine").text
    write(tmp_path / "web" / "pages" / "1_files" / "logo.png", picture(1))
    assert "labels: folder" not in draft("web", "mine").text


@pytest.mark.parametrize(
    ("name", "layout"),
    [
        ("de/validated.tsv", "common_voice"),
        ("dev/84/1/84-1.trans.txt", "librispeech"),
        ("data/train/wav.scp", "kaldi"),
        ("testing_list.txt", "speech_commands"),
    ],
)
def test_a_list_of_a_known_corpus_names_the_source_that_reads_it(
    name: str, layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for n in range(4):
        write(tmp_path / "voices" / "clips" / f"{n}.wav", sound(n))
    assert "speech_corpus" not in draft("voices", "mine").text
    write(tmp_path / "voices" / name, b"a\tb\n")
    told = plain(draft("voices", "mine").text)
    assert f"{name} is a list of the layout `{layout}`" in told
    assert "`speech_corpus` reads them" in told


def test_a_source_that_gives_nothing_is_left_out_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One empty archive among many files is no reason to refuse them all."""
    monkeypatch.chdir(tmp_path)
    for n in range(8):
        write(tmp_path / "data" / f"{n}.md", f"# Title {n}\n\nwords of page {n}\n".encode())
    write(tmp_path / "data" / "0.warc", b"")
    found = draft("data", "mine")
    assert list(found.sources.values()) == ["files"]
    told = "data/0.warc is left out: `web_archive` says the source is empty"
    assert told in plain(found.text)
    with pytest.raises(DataError, match="empty"):
        draft("data/0.warc", "mine")


def test_records_that_cannot_be_read_are_no_draft_without_a_source(tmp_path: Path) -> None:
    path = tmp_path / "twice.jsonl"
    path.write_text('{"text": "words that are there", "text": "twice"}\n' * 3)
    with pytest.raises(DataError, match="no record of what is there may be a sample") as caught:
        draft(str(path), "mine")
    assert caught.value.where == str(path)


def test_a_table_of_what_python_cannot_hold_is_looked_at(tmp_path: Path) -> None:
    kinds = pa.array([2**60 + 1, 1, None], pa.timestamp("ns"))
    texts = ["words of the first", "words of the second", "words of the third"]
    pq.write_table(pa.table({"body": texts, "when": kinds}), tmp_path / "a.parquet")
    assert "text: body" in draft(str(tmp_path / "a.parquet"), "mine").text


def test_shards_of_webdataset_are_read_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shards").mkdir()
    for shard in range(2):
        with tarfile.open(tmp_path / "shards" / f"{shard}.tar", "w") as archive:
            for n in range(6):
                for ending, data in (("png", picture(6 * shard + n)), ("cls", str(n % 2).encode())):
                    entry = tarfile.TarInfo(f"in.a.folder/{n:03d}.{ending}")
                    entry.size = len(data)
                    archive.addfile(entry, io.BytesIO(data))
    found = draft("shards", "mine")
    assert list(found.sources.values()) == ["webdataset"]
    assert "12 of 12 names have several members" in plain(found.text)
    run_inline(found.text, tmp_path / "run")
    # Pictures of a name each are pictures.
    with tarfile.open(tmp_path / "plain.tar", "w") as archive:
        for n in range(6):
            entry = tarfile.TarInfo(f"{n}.png")
            entry.size = len(data := picture(n))
            archive.addfile(entry, io.BytesIO(data))
    assert "webdataset" not in draft("plain.tar", "mine").sources.values()
