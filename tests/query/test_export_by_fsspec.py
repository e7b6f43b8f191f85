"""Addresses that fsspec knows: written whole, or an error that says what is lacking."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.export.made import digests
from tilth.errors import DataError, MissingError, TilthError, UsageError
from tilth.query.export import export_splits, export_step
from tilth.query.export_by_fsspec import NOTE
from tilth.query.runs import RunView

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def memory() -> Iterator[Any]:
    fs = fsspec.filesystem("memory")
    yield fs
    fs.store.clear()


def _names(fs: Any) -> list[str]:
    return sorted(name.removeprefix("/out/") for name in fs.find("/out"))


def test_an_export_to_memory_is_the_one_that_is_made_here(
    small: RunView, memory: Any, tmp_path: Path
) -> None:
    here = export_splits(small, tmp_path / "out")
    far = export_splits(small, "memory://out")
    assert [one.files for one in far.splits] == [one.files for one in here.splits]
    assert far.splits[0].folder == "memory://out/train"
    names = [name for name in _names(memory) if name != NOTE]
    assert names == sorted(digests(tmp_path / "out"))
    for name in names:
        assert memory.cat_file(f"/out/{name}") == (tmp_path / "out" / name).read_bytes()
    with pytest.raises(UsageError, match="nothing is overwritten"):
        export_splits(small, "memory://out")


def test_what_was_begun_in_memory_is_gone_on_from(
    small: RunView, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, puts = type(memory).put_file, 0

    def fails(self: Any, *given: Any, **named: Any) -> Any:
        nonlocal puts
        puts += 1
        if puts == 3:
            raise OSError("the line is cut")
        return real(self, *given, **named)

    monkeypatch.setattr(type(memory), "put_file", fails)
    with pytest.raises(MissingError, match=r"could not be written: .*the line is cut"):
        export_step(small, "minhash", "memory://out")
    export_step(small, "minhash", "memory://out")
    whole = {name: memory.cat_file(f"/out/{name}") for name in _names(memory)}
    assert b'"is_whole": true' in whole[NOTE]
    memory.store.clear()
    export_step(small, "minhash", "memory://out")
    assert {name: memory.cat_file(f"/out/{name}") for name in _names(memory)} == whole


def test_what_is_somebodys_stays(small: RunView, memory: Any) -> None:
    memory.pipe_file("/out/a.txt", b"somebody's")
    for to in ("memory://out", "memory://out/a.txt"):
        with pytest.raises(UsageError, match="nothing is overwritten"):
            export_step(small, "minhash", to)
    assert _names(memory) == ["a.txt"]


def test_what_arrives_short_is_noticed(
    small: RunView, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        type(memory), "put_file", lambda self, place, at: self.pipe_file(at, b"short")
    )
    with pytest.raises(DataError, match="not what is there now"):
        export_step(small, "minhash", "memory://out")


def test_a_file_address_is_a_folder_here(small: RunView, tmp_path: Path) -> None:
    export_step(small, "minhash", tmp_path / "path")
    done = export_step(small, "minhash", f"file://{tmp_path}/address")
    assert digests(tmp_path / "address") == digests(tmp_path / "path")
    assert done.folder == f"file://{tmp_path}/address"
    with pytest.raises(UsageError, match="a whole path of this machine"):
        export_step(small, "minhash", "file://out")


@pytest.mark.parametrize(
    ("to", "package", "kind", "told", "hint"),
    [
        ("http://127.0.0.1:9/out", "", UsageError, "can only be read", "s3://"),
        ("https://example.org/out", "", UsageError, "can only be read", "s3://"),
        ("az://box/out", "adlfs", MissingError, "adlfs", "pip install adlfs"),
        ("hf://datasets/me/out", "huggingface_hub", MissingError, "huggingface_hub", "pip install"),
        ("gs://bucket/out", "gcsfs", MissingError, "gcsfs", "tilth[gs]"),
        ("odd://out", "", UsageError, "`odd://` is no store", "export to a folder"),
    ],
)
def test_an_address_that_cannot_be_written_says_why(
    to: str,
    package: str,
    kind: type[TilthError],
    told: str,
    hint: str,
    small: RunView,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if package:
        for name in [one for one in sys.modules if one.partition(".")[0] == package]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, package, None)
        # `fsspec.registry` is the name of a mapping too, which cannot be changed.
        known = sys.modules["fsspec.registry"]._registry
        monkeypatch.delitem(known, to.partition(":")[0], raising=False)
    with pytest.raises(kind, match=told) as caught:
        export_step(small, "minhash", to)
    assert hint in caught.value.hint
