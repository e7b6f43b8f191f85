"""Atomic writes, full disks, locks."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import time
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


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path, left = tmp_path / "f", tmp_path / ".f.7.aside"
    left.mkdir()
    with files.atomic_folder(path) as aside:
        (aside / "deep").mkdir()
        (aside / "deep" / "a").write_text("1")
        assert not path.exists()
    assert (path / "deep" / "a").read_text() == "1"

    def fail_half_way() -> None:
        with files.atomic_folder(path) as aside:
            (aside / "b").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_half_way()
    assert [p.name for p in path.iterdir()] == ["deep"]
    with files.atomic_folder(path) as aside:
        (aside / "b").write_text("2")
    assert [p.name for p in path.iterdir()] == ["b"]
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_removing_takes_files_folders_and_links_and_what_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    files.remove(*(tmp_path / name for name in ("folder", "file", "link", "nothing")))
    assert [p.name for p in tmp_path.iterdir()] == ["elsewhere"]


def test_a_folder_is_gone_at_once_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ledger").mkdir()
    (tmp_path / "ledger" / "00000.json").touch()

    def killed(_: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            files.remove(tmp_path / "ledger")
    assert not (tmp_path / "ledger").exists()
    (tmp_path / ".half.json.7.aside").touch()
    files.sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []
    files.sweep(tmp_path / "nowhere")


def test_what_an_earlier_removal_left_is_no_hindrance(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for path in (folder, files.aside_of(folder, ".leaving")):
        path.mkdir()
        (path / "file").touch()
    files.remove(folder)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_removed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    (tmp_path / "folder").mkdir()
    monkeypatch.setattr("shutil.rmtree", refuse)
    with pytest.raises(StorageError, match="cannot remove: device or resource busy"):
        files.remove(tmp_path / "folder")


_WRITER = """
import sys, time
from pathlib import Path
from tilth.store.files import folder_lock
with folder_lock(Path(sys.argv[1])):
    print("in", flush=True)
    sys.stdin.readline()
    time.sleep(0.3)
    Path(sys.argv[1], "first").touch()
"""


def test_a_second_writer_waits_for_the_first(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _WRITER, str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdin is not None
        assert first.stdout is not None
        assert first.stdout.readline() == "in\n"
        assert files.is_locked(tmp_path)
        first.stdin.write("\n")
        first.stdin.flush()
        with files.folder_lock(tmp_path, timeout_s=60.0):
            assert (tmp_path / "first").exists()
    assert not files.is_locked(tmp_path)


def test_a_second_writer_waits_as_long_as_it_is_told_to_and_no_longer(tmp_path: Path) -> None:
    with files.folder_lock(tmp_path):
        begun = time.monotonic()
        with (
            pytest.raises(StorageError, match="another run is writing here") as caught,
            files.folder_lock(tmp_path, timeout_s=0.4, hint="wait for it"),
        ):
            pytest.fail("two writers")
        assert 0.4 <= time.monotonic() - begun < 10
    assert (caught.value.where, caught.value.hint) == (str(tmp_path), "wait for it")


def test_the_lock_of_a_folder_that_was_removed_locks_the_one_that_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waited for a folder that somebody else removes meanwhile holds nothing."""
    folder = tmp_path / "run"
    lock, removed = fcntl.flock, False

    def remove_before(descriptor: int, how: int) -> None:
        nonlocal removed
        if not removed:
            removed = True
            files.remove(folder)
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", remove_before)
    with files.folder_lock(folder) as held:
        assert os.path.samestat(os.fstat(held), os.stat(folder / ".lock"))
        assert files.is_locked(folder)
        assert os.get_inheritable(held)


def test_a_folder_without_a_lock_is_not_locked(tmp_path: Path) -> None:
    assert not files.is_locked(tmp_path)
    assert not files.is_locked(tmp_path / "nowhere")
    with files.folder_lock(tmp_path / "new"):
        assert files.is_locked(tmp_path / "new")
    assert not files.is_locked(tmp_path / "new")


def test_a_sweep_looks_into_folders_where_it_is_told_to(tmp_path: Path) -> None:
    places = [tmp_path / ".a.7.aside", tmp_path / "deep" / ".b.7.aside"]

    def left(*, below: bool) -> list[bool]:
        for place in places:
            place.parent.mkdir(exist_ok=True)
            place.touch()
        (tmp_path / "a.aside").touch()  # nobody's way to write aside
        files.sweep(tmp_path, below=below)
        assert (tmp_path / "a.aside").exists()
        return [place.exists() for place in places]

    assert left(below=False) == [False, True]
    assert left(below=True) == [False, False]
    (tmp_path / ".a.7.aside").mkdir()
    files.sweep(tmp_path)
    assert not (tmp_path / ".a.7.aside").exists()
