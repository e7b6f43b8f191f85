"""A file is read through once, and again as soon as anybody has written to it."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.growth.measure import least_s
from tilth.store import digests
from tilth.store.digests import (
    UnreadError,
    Watch,
    derived,
    digest_of,
    digests_of,
    remembering,
    watching,
)

_SMALL = b"a few bytes"


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if what the test writes were of yesterday."""
    monkeypatch.setattr(digests, "_SETTLED_NS", 0)


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def write(path: Path, data: bytes = _SMALL) -> Path:
    path.write_bytes(data)
    return path


def is_known(memo: Path, path: Path) -> bool:
    with remembering(memo, read=False):
        try:
            return digest_of(path) == sha(path.read_bytes())
        except UnreadError:
            return False


def later(path: Path) -> None:
    """Wait until the clock of the file system has moved on."""
    state, beside = path.stat(), path.with_name("clock")
    while write(beside).stat().st_ctime_ns <= state.st_ctime_ns:
        time.sleep(0.001)


def test_the_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    data = os.urandom((9 << 20) + 1)
    assert digest_of(write(tmp_path / "a", data)) == sha(data)
    assert digest_of(str(write(tmp_path / "b", b""))) == sha(b"")


@pytest.mark.usefixtures("settled")
def test_what_was_read_is_known_in_the_next_process_too(tmp_path: Path) -> None:
    memo, path = tmp_path / "memo", write(tmp_path / "a")
    assert not is_known(memo, path)
    with remembering(memo):
        assert digest_of(path) == sha(_SMALL)
        with pytest.raises(UnreadError) as caught, remembering(memo, read=False):
            digest_of(path)
        assert caught.value.path == str(path)
    assert is_known(memo, path)


@pytest.mark.usefixtures("settled")
def test_a_relative_path_is_that_of_one_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "a", folder.encode())
    with remembering(tmp_path / "memo"):
        for folder in ("one", "two"):
            monkeypatch.chdir(tmp_path / folder)
            assert digest_of("a") == sha(folder.encode())
    assert is_known(tmp_path / "memo", tmp_path / "one" / "a")


def _rewrite(path: Path) -> None:
    path.write_bytes(_SMALL.upper())


def _rewrite_in_place(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"A")


def _replace(path: Path) -> None:
    os.replace(write(path.with_name("other"), _SMALL.upper()), path)


def _shorten(path: Path) -> None:
    os.truncate(path, 3)


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("edit", [_rewrite, _rewrite_in_place, _replace, _shorten])
@pytest.mark.parametrize("keeps_times", [False, True])
def test_every_edit_shows(edit: Callable[[Path], None], keeps_times: bool, tmp_path: Path) -> None:
    """Also one of the same size after which the time of modification is put back."""
    memo, path = tmp_path / "memo", write(tmp_path / "a")
    with remembering(memo):
        digest_of(path)
    later(path)
    state = path.stat()
    edit(path)
    if keeps_times:
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
        assert path.stat().st_mtime_ns == state.st_mtime_ns
    assert not is_known(memo, path)
    with remembering(memo):
        assert digest_of(path) == sha(path.read_bytes())


def test_what_was_written_just_now_is_not_remembered(tmp_path: Path) -> None:
    """It could be written to again before the clock moves on, and nothing would show."""
    memo, path = tmp_path / "memo", write(tmp_path / "a")
    with remembering(memo):
        digest_of(path)
    assert not memo.exists()
    assert not is_known(memo, path)
    # Nor where only the one time is of long ago.
    os.utime(path, ns=(5, 5))
    with remembering(memo):
        digest_of(path)
    assert not is_known(memo, path)


@pytest.mark.usefixtures("settled")
def test_what_is_written_to_while_it_is_read_is_not_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memo, path = tmp_path / "memo", write(tmp_path / "a", bytes(3 << 20))

    class Hash:
        """Another writes at the end while the file is read."""

        def __init__(self) -> None:
            self._hash = hashlib.new("sha256")

        def update(self, data: bytes) -> None:
            self._hash.update(data)
            if path.stat().st_size < 4 << 20:
                with path.open("ab") as file:
                    file.write(bytes(1 << 20))

        def hexdigest(self) -> str:
            return self._hash.hexdigest()

    with monkeypatch.context() as patch, remembering(memo):
        patch.setattr(hashlib, "sha256", Hash)
        digest_of(path)
    assert not memo.exists()


@pytest.mark.usefixtures("settled")
def test_anew_reads_what_is_known(tmp_path: Path) -> None:
    memo, path = tmp_path / "memo", write(tmp_path / "a")
    with remembering(memo):
        digest_of(path)
    with remembering(memo, read=False), pytest.raises(UnreadError):
        digest_of(path, anew=True)


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("damage", [b"", b"tilth digests 1\n", b"tilth digests 9\n" + bytes(99)])
def test_a_damaged_memo_is_forgotten(damage: bytes, tmp_path: Path) -> None:
    memo, path = tmp_path / "memo", write(tmp_path / "a")
    write(memo, damage)
    with remembering(memo):
        assert digest_of(path) == sha(_SMALL)
    assert is_known(memo, path)
    data = bytearray(memo.read_bytes())
    # One digit of a digest: nothing but the sum over all of it tells.
    data[-3] ^= 1
    write(memo, bytes(data))
    assert not is_known(memo, path)


@pytest.mark.usefixtures("settled")
def test_a_memo_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    write(tmp_path / "file")
    with remembering(tmp_path / "file" / "memo"):
        assert digest_of(tmp_path / "file") == sha(_SMALL)


@pytest.mark.usefixtures("settled")
def test_the_memo_is_written_only_where_there_is_news(tmp_path: Path) -> None:
    memo, path = tmp_path / "memo", write(tmp_path / "a")
    with remembering(memo):
        digest_of(path)
    state = memo.stat()
    with remembering(memo):
        digest_of(path)
    assert memo.stat() == state


@pytest.mark.usefixtures("settled")
def test_two_at_once_keep_what_the_other_found(tmp_path: Path) -> None:
    memo = tmp_path / "memo"
    one, other = (write(tmp_path / name) for name in ("a", "b"))
    with remembering(memo):
        digest_of(one)
        with remembering(memo):
            digest_of(other)
    assert is_known(memo, one)
    assert is_known(memo, other)


@pytest.mark.usefixtures("settled")
def test_a_memo_does_not_grow_with_what_is_asked_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "_MOST_UNASKED", 4)
    memo = tmp_path / "memo"
    files = [write(tmp_path / f"file{number}") for number in range(9)]
    with remembering(memo):
        digests_of(files)
    size = memo.stat().st_size
    later = write(tmp_path / "later")
    with remembering(memo):
        digests_of([files[0], later])
    assert memo.stat().st_size < size / 2
    assert is_known(memo, files[0])
    assert is_known(memo, later)
    assert not is_known(memo, files[1])


@pytest.mark.usefixtures("settled")
def test_a_memo_names_no_file(tmp_path: Path) -> None:
    memo = tmp_path / "memo"
    with remembering(memo):
        digest_of(write(tmp_path / "greta.holm@mailbox.se"))
    assert b"greta" not in memo.read_bytes()


@pytest.mark.usefixtures("settled")
def test_an_interrupt_keeps_what_was_read(tmp_path: Path) -> None:
    memo, path = tmp_path / "memo", write(tmp_path / "a")

    def stop() -> None:
        with remembering(memo):
            digest_of(path)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert is_known(memo, path)


def test_what_is_no_file_is_told_and_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("nowhere")
    given = [tmp_path / "pipe", tmp_path / "link", tmp_path, write(tmp_path / "a")]
    for read in (True, False):
        with remembering(None, read=read):
            found = digests_of(given[: 4 if read else 3])
            told = [one.strerror for one in found if isinstance(one, OSError)]
            assert told == [
                "a pipe or a device, not a file",
                "No such file or directory",
                "Is a directory",
            ]
    with pytest.raises(FileNotFoundError):
        digest_of(tmp_path / "link")


@pytest.mark.usefixtures("settled")
def test_many_files_are_read_side_by_side_and_told_of(tmp_path: Path) -> None:
    data = {tmp_path / f"{number}": os.urandom(number * 700) for number in range(200)}
    for path, content in data.items():
        write(path, content)
    told: list[float | None] = []
    alive = threading.active_count()
    with remembering(tmp_path / "memo", progress=lambda done, of, _: told.extend([done, of])):
        assert digests_of(list(data)) == [sha(content) for content in data.values()]
    total = sum(map(len, data.values()))
    assert told[-2:] == [total, total]
    assert threading.active_count() == alive
    with remembering(tmp_path / "memo", read=False):
        assert digests_of(list(data)) == [sha(content) for content in data.values()]


def test_whoever_stops_listening_stops_the_reading(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(40 << 30)

    def stop(done: float, total: float | None, note: str) -> None:
        raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), remembering(None, progress=stop):
        digests_of([tmp_path / name for name in ("a", "b", "c")])
    assert time.monotonic() - began < 10


@pytest.mark.usefixtures("settled")
def test_what_is_derived_is_remembered_with_the_bytes(tmp_path: Path) -> None:
    memo, path, made = tmp_path / "memo", write(tmp_path / "a"), []

    def make() -> str:
        made.append(path.read_bytes().decode())
        return made[-1][::-1]

    for _ in range(2):
        with remembering(memo):
            assert derived(path, "backwards", make) == _SMALL.decode()[::-1]
    assert len(made) == 1
    # Touched, it is read; what is derived from the same bytes stays.
    later(path)
    path.touch()
    with remembering(memo):
        derived(path, "backwards", make)
        assert len(made) == 1
        derived(path, "something else", make)
        assert len(made) == 2
    write(path, b"other")
    with remembering(memo, read=False), pytest.raises(UnreadError):
        derived(path, "backwards", make)
    with remembering(memo):
        assert derived(path, "backwards", make) == "rehto"
        with remembering(memo, read=False), pytest.raises(UnreadError):
            derived(path, "never made", make)


def test_an_edit_that_is_undone_is_seen_by_who_watched(tmp_path: Path) -> None:
    path, other = write(tmp_path / "a"), write(tmp_path / "b")
    with watching() as seen:
        before = digest_of(path)
    assert not seen.changed()
    later(path)
    state = path.stat()
    _rewrite(path)
    write(path)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert digest_of(path) == before
    assert seen.changed() == [str(path)]
    # The first state counts, and what is not there yet is a state too.
    watch = Watch([other, tmp_path / "c"])
    later(other)
    other.touch()
    watch.add([other])
    assert watch.changed() == [str(other)]
    write(tmp_path / "c")
    assert watch.changed() == [str(other), str(tmp_path / "c")]


@pytest.mark.usefixtures("settled")
def test_a_hundred_thousand_files_are_known_in_a_second(tmp_path: Path) -> None:
    """In time of the processor; what the disk takes to answer is its own affair."""
    paths = [str(tmp_path / f"{number:03d}" / f"{name}") for number in range(100) for name in "abc"]
    for path in paths:
        Path(path).parent.mkdir(exist_ok=True)
        write(Path(path))
    memo = tmp_path / "memo"
    with remembering(memo):
        digests_of(paths)
    many = paths * 334

    def look() -> None:
        with remembering(memo, read=False):
            assert set(digests_of(many)) == {sha(_SMALL)}

    assert least_s(look, 2) < 2
