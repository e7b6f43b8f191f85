"""What code of a user's own opened is kept task by task, and two contents of a file are none."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tilth.engine.reads import are_as_they_were, forget_reads, keep_reads, reads_of
from tilth.errors import DataError
from tilth.reads import as_now


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_what_tasks_opened_is_what_their_step_did(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "clean.signals-0"
    assert reads_of(folder, "s") == {}
    keep_reads(folder, "map_shard", 0, {"a.txt": "1"})
    keep_reads(folder, "map_shard", 1, {"a.txt": "1", "b.txt": ""})
    assert reads_of(folder, "s") == {"a.txt": "1", "b.txt": ""}
    keep_reads(folder, "map_shard", 2, {"a.txt": "2"})
    with pytest.raises(DataError, match=r"a\.txt") as caught:
        reads_of(folder, "s")
    assert (caught.value.code, caught.value.where) == ("source-changed", "s")
    forget_reads(folder)
    assert reads_of(folder, "s") == {}


def test_what_goes_on_found_what_is_there(tmp_path: Path) -> None:
    folder, words = tmp_path / "data" / "clean.signals-0", tmp_path / "words.txt"
    words.write_text("a")
    keep_reads(folder, "map_shard", 0, {str(words): _digest("a")})
    assert are_as_they_were(folder, "s")
    words.write_text("b")
    assert not are_as_they_were(folder, "s")


def test_each_file_is_what_it_holds_now(tmp_path: Path) -> None:
    there, gone = tmp_path / "a", tmp_path / "b"
    there.write_text("words")
    assert as_now([str(gone), str(there)]) == {str(there): _digest("words"), str(gone): ""}
    # Of a folder the names count, but for what the run itself puts there.
    before = as_now([f"{tmp_path}/"], [tmp_path / "runs" / "r"])
    (tmp_path / "runs").mkdir()
    assert as_now([f"{tmp_path}/"], [tmp_path / "runs" / "r"]) == before
    gone.touch()
    assert as_now([f"{tmp_path}/"], [tmp_path / "runs" / "r"]) != before
