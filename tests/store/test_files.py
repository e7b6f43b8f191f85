"""Atomic writes, full disks, locks."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tilth.errors import StorageError
from tilth.store import files


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    files.write_json(path, {"x": 1})

    def fail_half_way() -> None:
        with files.atomic_file(path) as file:
            file.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert files.read_json(path) == {"x": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_disk_that_refuses_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StorageError, match=os.strerror(number).lower()) as caught:
        files.write_bytes(tmp_path / "a", b"x")
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_pyarrow_without_errno_is_understood(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no space left"), files.storage_errors(tmp_path):
        raise OSError("Error writing bytes to file. Detail: No space left on device")


def test_the_lock_is_held_by_one(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tilth.store.files import folder_lock\n"
        "with folder_lock(Path(sys.argv[1]), timeout_s=0.1): pass"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with files.folder_lock(tmp_path):
        other = subprocess.run(command, capture_output=True, text=True)
        assert "another run is writing here" in other.stderr
    assert subprocess.run(command).returncode == 0


def test_json_is_stable_and_strict(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    files.write_json(path, {"b": "\ud800", "a": [1.5]})
    assert path.read_bytes().index(b'"a"') < path.read_bytes().index(b'"b"')
    assert files.read_json(path) == {"b": "\ud800", "a": [1.5]}
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(path, float("nan"))
