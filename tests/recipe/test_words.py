"""A word that Tilth lacks is answered: by the slip that was made, or by what there is instead."""

from __future__ import annotations

import re

import pytest

from tilth.export.names import FORMATS, MODEL_FORMATS
from tilth.formats.archive import ENDINGS
from tilth.query.explain import explain
from tilth.recipe.words import OtherWord, other_word, other_words, unknown_word
from tilth.web.stores import STORES

_CHOICES = ("jsonl", "parquet", "minhash")


@pytest.mark.parametrize("word", ["hugging-face", "hugging_face", "Hugging Face", " HUGGING-FACE "])
def test_a_word_is_found_however_it_is_written(word: str) -> None:
    found = other_word(word)
    assert found is not None
    assert "hugging-face" in found.words


def test_an_ending_is_found_as_the_format_that_it_stands_for() -> None:
    assert other_word(".PDF") == other_word("pdf") != other_word("html")
    # A full stop within a word is not one before it.
    assert other_word("p.df") is None
    assert other_word("") is None


def test_a_slip_is_answered_with_the_word_that_was_meant() -> None:
    assert unknown_word("parqet", _CHOICES) == "did you mean `parquet`?"
    # `pdf` has an answer of its own, and yet is not near what is none of its choices.
    assert "passed over as a scan" in unknown_word("pdf", _CHOICES)
    # A slip outranks an answer: who may choose `pdfs` meant that.
    assert unknown_word("pdf", ("pdfs", *_CHOICES)) == "did you mean `pdfs`?"


def test_a_word_that_nobody_knows_is_answered_with_the_choices() -> None:
    told = unknown_word("xyzzy", _CHOICES)
    assert all(choice in told for choice in _CHOICES)
    many = tuple(f"choice-{number}" for number in range(30))
    assert "tilth explain clean" in unknown_word("xyzzy", many, "tilth explain clean")


def test_the_hint_names_where_to_read_on_in_order() -> None:
    both = OtherWord(("a",), "there is no a", ("b", "c"))
    assert both.hint == "there is no a; `tilth explain b`, `tilth explain c`"
    assert OtherWord(("a",), "there is no a", ()).hint == "there is no a"


def test_every_entry_stands_once_and_under_each_of_its_words() -> None:
    table = other_words()
    words = [word for other in table for word in other.words]
    assert len(words) == len(set(words))
    assert len(table) == len({other.words for other in table}) > 20
    for other in table:
        assert [other_word(word) for word in other.words] == [other] * len(other.words)
        assert other.about in unknown_word(other.words[0], _CHOICES) or other.words[0] == "json"


# Programs of others, and what is written as Python or as a file's name.
_OTHERS = re.compile(r"(pdftotext|pandoc|python|ffmpeg|tilth) |run\.|report\.|\$\{|^(tf|ray)$")


def test_what_an_answer_names_is_there() -> None:
    """Operations, settings and tasks; commands are tried with those of the pages."""
    named = {code for other in other_words() for code in re.findall(r"`([^`]+)`", other.about)}
    assert len(named) > 40
    for code in named:
        if not _OTHERS.search(code):
            whats = {found.what for found in explain(code.rpartition(".")[2])}
            assert whats & {"operation", "stage", "setting", "task"}, code


def test_what_is_said_of_archives_and_buckets_is_so() -> None:
    archives = other_word("zst")
    assert archives is not None
    for packing in ("zip", "tar", "plain", "gzip", "bzip2", "xz"):
        assert packing in archives.about
    assert set(ENDINGS) == {".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst", ".zip"}
    for scheme in STORES:
        bucket = other_word(scheme)
        assert bucket is not None
        assert f"{scheme}://" in bucket.about
        assert "its signature as `${NAME}`" in bucket.about


def test_what_is_said_of_sound_is_so() -> None:
    (audio,) = (found for found in explain("audio") if found.what == "operation")
    for kind in ("wav", "flac", "mp3", "ogg", "opus", "m4a"):
        assert kind in audio.about.lower()
        found = other_word(kind)
        assert found is not None
        assert "convert" not in found.about


@pytest.mark.parametrize("format", [*FORMATS, *MODEL_FORMATS])
def test_every_format_of_an_export_is_explained(format: str) -> None:
    assert explain(format)[0].about


@pytest.mark.parametrize("word", ["serve", "dataloader", "resample", "resume", "to_torch"])
def test_words_of_the_way_out_are_explained(word: str) -> None:
    about = explain(word)[0].about
    assert "tilth " in about or "run.dataset" in about
