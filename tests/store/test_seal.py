"""What many read was made once, and whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tilth.store import seal as module
from tilth.store.seal import SEAL, is_whole, seal


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "tokens.bin").write_bytes(bytes(range(256)) * 20)
    (tmp_path / "facts.json").write_text("{}")
    (tmp_path / "empty.bin").touch()
    seal(tmp_path)
    return tmp_path


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[1000] ^= 1
    path.write_bytes(data)


_DAMAGES: dict[str, Callable[[Path], object]] = {
    "one bit": lambda f: _flip(f / "train" / "tokens.bin"),
    "cut": lambda f: (f / "train" / "tokens.bin").write_bytes(b"\0" * 100),
    "gone": lambda f: (f / "empty.bin").unlink(),
    "one more": lambda f: (f / "train" / "more.bin").write_bytes(b""),
    "renamed": lambda f: (f / "facts.json").rename(f / "fact.json"),
    "no seal": lambda f: (f / SEAL).unlink(),
    "a broken seal": lambda f: (f / SEAL).write_text("{"),
    "an empty seal": lambda f: (f / SEAL).write_text("{}"),
}


@pytest.mark.parametrize("how", _DAMAGES)
def test_what_is_not_as_it_was_sealed_is_noticed(how: str, folder: Path) -> None:
    assert is_whole(folder)
    _DAMAGES[how](folder)
    assert not is_whole(folder)


def test_sealed_again_it_is_whole(folder: Path) -> None:
    (folder / "more.json").write_text("[]")
    seal(folder)
    assert is_whole(folder)


def test_a_folder_that_is_not_there_is_not_whole(tmp_path: Path) -> None:
    assert not is_whole(tmp_path / "none")


def test_of_a_large_file_the_size_has_to_do(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_READ_UP_TO", 1024)
    seal(folder)
    _flip(folder / "train" / "tokens.bin")
    assert is_whole(folder)
    (folder / "train" / "tokens.bin").write_bytes(b"\0" * 2000)
    assert not is_whole(folder)
