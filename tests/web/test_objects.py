"""Objects of a real S3 server come whole and as they were listed, or not at all."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from tests.web.stores import Bucket, Fault, keys, store
from tilth.errors import DataError, MissingError, UsageError
from tilth.formats.streams import Stored
from tilth.web import objects, stores
from tilth.web.objects import Object, fetch, find, put
from tilth.web.stores import Access, StoppedError, parts_of

_BODY = bytes(range(256)) * 48_000


_fixtures = (keys, store)


def _access(store: Bucket, **changes: Any) -> Access:
    given = {"endpoint": store.endpoint, "allow_hosts": frozenset(("127.0.0.1",))}
    return Access(**{**given, **changes})


def _names(store: Bucket, below: str) -> list[str]:
    return [one.key for one in find(f"{store.uri}{below}", _access(store))]


def test_an_object_a_folder_and_a_pattern_are_found(store: Bucket) -> None:
    for key in ("a.txt", "d/b.txt", "d/e/c.txt", "d/e/c.md", "d/.h.txt", "dd/f.txt", "d/"):
        store.put(key, key.encode())
    assert _names(store, "/a.txt") == ["a.txt"]
    below = ["d/", "d/.h.txt", "d/b.txt", "d/e/c.md", "d/e/c.txt"]
    assert _names(store, "/d") == _names(store, "/d/") == below
    assert _names(store, "") == sorted(["a.txt", *below, "dd/f.txt"])
    assert _names(store, "/*.txt") == ["a.txt"]
    assert _names(store, "/d/*.txt") == ["d/b.txt"]
    assert _names(store, "/d?/*.txt") == ["dd/f.txt"]
    assert _names(store, "/d/**/*.txt") == ["d/b.txt", "d/e/c.txt"]
    assert _names(store, "/**/[bc].txt") == ["d/b.txt", "d/e/c.txt"]
    (found,) = find(f"{store.uri}/a.txt", _access(store))
    assert found.stored.size == 5
    assert found.stored.md5 == hashlib.md5(b"a.txt").hexdigest()


def test_an_object_and_a_folder_of_one_name_are_told_apart(store: Bucket) -> None:
    store.put("both", b"object")
    store.put("both/x", b"below")
    with pytest.raises(DataError, match="an object has this name, and a folder too") as error:
        _names(store, "/both")
    assert f"`{store.uri}/both/`" in error.value.hint
    assert f"`{store.uri}/bot[h]`" in error.value.hint
    assert _names(store, "/both/") == ["both/x"]
    assert _names(store, "/bot[h]") == ["both"]


@pytest.mark.parametrize("key", ["../up.txt", "a/../b.txt", "/first", "a//b", "é ü.txt", "a b+c&d"])
def test_a_key_of_odd_characters_is_had(store: Bucket, tmp_path: Path, key: str) -> None:
    store.put(key, key.encode())
    (found,) = find(f"{store.uri}/", _access(store))
    assert found.key == key
    place = fetch(found, tmp_path / "own", _access(store))
    assert place.read_bytes() == key.encode()
    assert [path.name for path in tmp_path.iterdir()] == ["own"]


def test_what_is_not_there_is_said(store: Bucket) -> None:
    store.put("a.txt", b"a")
    for place in ("/b.txt", "/b/", "/*.md"):
        with pytest.raises(MissingError, match=f"no such object.* in the bucket `{store.name}`"):
            _names(store, place)
    with pytest.raises(MissingError, match="there is no bucket `not-there`"):
        find("s3://not-there/a.txt", _access(store))
    with pytest.raises(MissingError, match=r"no such object or bucket[^$]*hint   the bucket is"):
        find("s3://not-there", _access(store))


def test_an_empty_bucket_holds_nothing(store: Bucket) -> None:
    assert _names(store, "") == []


@pytest.mark.parametrize(
    ("place", "cause"),
    [
        ("memory://a/b", "`memory://` is no store"),
        ("file:///etc/passwd", "`file://` is no store"),
        ("https://example.org/a", "is a `url`"),
        ("simplecache::s3://a-bucket/b", "`simplecache::s3://` is no store"),
        ("s3://", "no name of a bucket"),
        ("s3:///key", "no name of a bucket"),
        ("s3://KEY:SECRET@a-bucket/b", "no name of a bucket"),
    ],
)
def test_other_protocols_are_refused(place: str, cause: str) -> None:
    with pytest.raises(ValueError, match=cause) as error:
        parts_of(place)
    assert "SECRET" not in str(error.value)


def test_a_host_that_is_not_public_needs_a_word(store: Bucket) -> None:
    store.put("a.txt", b"a")
    place, port = f"{store.uri}/a.txt", store.endpoint.rpartition(":")[2]
    for host in ("127.0.0.1", "localhost", "2130706433"):
        endpoint = f"http://{host}:{port}"
        with pytest.raises(UsageError, match="not a public address") as error:
            find(place, Access(endpoint=endpoint))
        assert "allow_hosts" in error.value.hint
    assert not store.asked
    named = Access(endpoint=f"http://localhost:{port}", allow_hosts=frozenset(("localhost",)))
    assert [one.key for one in find(place, named)] == ["a.txt"]


def test_the_environments_own_endpoint_needs_none(
    store: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("a.txt", b"a")
    monkeypatch.setenv("AWS_ENDPOINT_URL", store.endpoint.replace("127.0.0.1", "localhost"))
    assert [one.key for one in find(f"{store.uri}/a.txt", Access())] == ["a.txt"]


def test_without_keys_it_says_how_they_are_had(
    store: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("a.txt", b"a")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(MissingError, match="there are no keys for the store") as error:
        _names(store, "/a.txt")
    assert "anon: true" in error.value.hint
    with pytest.raises(MissingError, match="there are no keys for the store"):
        find(f"{store.uri}/a.txt", _access(store, profile="nobody"))
    found = find(f"{store.uri}/a.txt", _access(store, anon=True))
    assert [one.key for one in found] == ["a.txt"]


def test_a_refusal_is_said_at_once(store: Bucket, tmp_path: Path) -> None:
    store.put("a.txt", b"a")
    (found,) = find(f"{store.uri}/a.txt", _access(store))
    store.faults.append(Fault("refuse"))
    before = len(store.asked)
    with pytest.raises(MissingError, match="the store refuses it") as error:
        fetch(found, tmp_path / "a", _access(store))
    assert error.value.where == f"{store.uri}/a.txt"
    with pytest.raises(MissingError, match="the store refuses it"):
        _names(store, "/d/")
    assert len(store.asked) == before + 2
    assert "the-secret" not in str(error.value)


def test_a_busy_store_is_asked_again(store: Bucket, tmp_path: Path) -> None:
    store.put("a.txt", _BODY)
    store.faults.append(Fault("busy", times=5))
    (found,) = find(f"{store.uri}/a.txt", _access(store))
    store.faults.append(Fault("busy", "GET", times=5))
    place = fetch(found, tmp_path / "a", _access(store))
    assert place.read_bytes() == _BODY


def test_a_store_that_stays_busy_is_given_up(store: Bucket, tmp_path: Path) -> None:
    store.put("a.txt", b"a")
    (found,) = find(f"{store.uri}/a.txt", _access(store))
    store.faults.append(Fault("busy"))
    before = len(store.asked)
    with pytest.raises(MissingError, match="in 6 tries") as error:
        fetch(found, tmp_path / "a", _access(store))
    assert "run it again" in error.value.hint
    assert len(store.asked) == before + 6


def test_a_cut_body_is_gone_on_from(store: Bucket, tmp_path: Path) -> None:
    """What came whole before is not asked for again."""
    store.put("a.txt", _BODY)
    (found,) = find(f"{store.uri}/a.txt", _access(store))
    store.faults.append(Fault("cut", "bytes=4194304-", times=3))
    counted: list[int] = []
    place = fetch(found, tmp_path / "a", _access(store), count=counted.append)
    assert place.read_bytes() == _BODY
    assert sum(counted) == len(_BODY)
    assert store.num_asked("bytes=0-") == 1
    assert store.num_asked("bytes=4194304-") == 4


def test_a_body_that_is_always_cut_is_given_up(store: Bucket, tmp_path: Path) -> None:
    store.put("a.txt", _BODY)
    (found,) = find(f"{store.uri}/a.txt", _access(store))
    store.faults.append(Fault("cut", "bytes=4194304-"))
    with pytest.raises(MissingError, match="in 6 tries"):
        fetch(found, tmp_path / "a", _access(store))
    assert (tmp_path / "a.partial").stat().st_size == 4 << 20
    store.faults.clear()
    assert fetch(found, tmp_path / "a", _access(store)).read_bytes() == _BODY
    assert store.num_asked("bytes=0-") == 1


def test_a_slow_store_is_waited_for_only_so_long(
    store: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("a.txt", b"a text")
    (found,) = find(f"{store.uri}/a.txt", _access(store))
    monkeypatch.setattr(stores, "_TIMEOUT_S", 0.3)
    store.faults.append(Fault("slow", "bytes=", times=1, wait_s=20))
    place = fetch(found, tmp_path / "a", _access(store, region="us-east-1"))
    assert place.read_bytes() == b"a text"
    # Given up and asked again: the answer that is waited for would have come at the first.
    assert store.num_asked("bytes=0-") >= 2


def test_an_object_that_changed_is_not_read(store: Bucket, tmp_path: Path) -> None:
    store.put("a.txt", b"first")
    (found,) = find(f"{store.uri}/a.txt", _access(store))
    store.put("a.txt", b"other")
    with pytest.raises(DataError, match="changed after it was listed"):
        fetch(found, tmp_path / "a", _access(store))
    store.remove("a.txt")
    with pytest.raises(MissingError, match="no such object"):
        fetch(found, tmp_path / "a", _access(store))
    assert not (tmp_path / "a").exists()


def test_an_object_that_changes_between_two_parts_is_not_read(
    store: Bucket, tmp_path: Path
) -> None:
    store.put("a.txt", _BODY)
    (found,) = find(f"{store.uri}/a.txt", _access(store))
    counted: list[int] = []

    def count(num_bytes: int) -> None:
        counted.append(num_bytes)
        if sum(counted) == 4 << 20:
            store.put("a.txt", bytes(len(_BODY)))

    with pytest.raises(DataError, match="changed after it was listed"):
        fetch(found, tmp_path / "a", _access(store), count=count)


def test_what_is_not_what_the_store_says_is_not_taken(store: Bucket, tmp_path: Path) -> None:
    store.put("a.txt", b"a text")
    (found,) = find(f"{store.uri}/a.txt", _access(store))
    store.faults.append(Fault("lie", "bytes=", times=1))
    assert fetch(found, tmp_path / "a", _access(store)).read_bytes() == b"a text"
    store.faults.append(Fault("lie", "bytes="))
    with pytest.raises(DataError, match="by its MD5"):
        fetch(found, tmp_path / "b", _access(store))
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_what_is_left_of_it_may_be_wrong(store: Bucket, tmp_path: Path) -> None:
    store.put("a.txt", b"a text")
    (found,) = find(f"{store.uri}/a.txt", _access(store))
    for left in (b"a", b"no", b"no text", b"longer than it is"):
        (tmp_path / "a.partial").write_bytes(left)
        place = fetch(found, tmp_path / "a", _access(store))
        assert place.read_bytes() == b"a text"
        place.unlink()


def test_it_is_given_up_where_nobody_waits(store: Bucket, tmp_path: Path) -> None:
    store.put("a.txt", b"a text")
    (found,) = find(f"{store.uri}/a.txt", _access(store))
    stop = Event()
    stop.set()
    with pytest.raises(StoppedError):
        fetch(found, tmp_path / "a", _access(store), stop=stop)


_KILLED = """
import sys
from pathlib import Path
from tilth.web.objects import fetch, find
from tilth.web.stores import Access

uri, endpoint, place = sys.argv[1:]
access = Access(endpoint=endpoint, allow_hosts=frozenset(("127.0.0.1",)))
(found,) = find(uri, access)
fetch(found, Path(place), access, count=lambda size: print(size, flush=True))
"""


def test_after_a_kill_it_goes_on(store: Bucket, tmp_path: Path) -> None:
    uri = store.put("a.txt", _BODY)
    store.faults.append(Fault("slow", "bytes=8388608-", times=1, wait_s=8))
    call = [sys.executable, "-c", _KILLED, uri, store.endpoint, str(tmp_path / "a")]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(3)]
        process.send_signal(signal.SIGKILL)
    assert told == ["0\n", "4194304\n", "4194304\n"]
    left = (tmp_path / "a.partial").stat().st_size
    assert left > 0
    store.asked.clear()
    store.faults.clear()
    (found,) = find(uri, _access(store))
    assert fetch(found, tmp_path / "a", _access(store)).read_bytes() == _BODY
    assert store.num_asked("bytes=0-") == 0


def test_a_file_is_put_once(store: Bucket, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a text")
    uri = f"{store.uri}/d/a.txt"
    assert put(tmp_path / "a", uri, _access(store))
    assert store.get("d/a.txt") == b"a text"
    assert not put(tmp_path / "a", uri, _access(store))
    store.faults.append(Fault("busy", "PUT", times=3))
    (tmp_path / "a").write_bytes(b"other text")
    assert put(tmp_path / "a", uri, _access(store))
    assert store.get("d/a.txt") == b"other text"


@pytest.mark.slow
def test_thousands_are_listed_page_by_page(store: Bucket) -> None:
    for number in range(2_500):
        store.put(f"d/{number:04}.txt", b"")
    store.asked.clear()
    assert _names(store, "/d/") == [f"d/{number:04}.txt" for number in range(2_500)]
    assert store.num_asked("list-type=2") == 3


def test_without_its_package_a_store_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    monkeypatch.setitem(sys.modules, "gcsfs.core", None)
    with pytest.raises(MissingError, match="needs the package `gcsfs") as error:
        find("gs://a-bucket/b", Access(anon=True))
    assert "tilth[gs]" in error.value.hint


def test_an_object_of_google_is_read_as_it_was_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its generation, which is compared once it is fetched; here of a store in memory."""
    from fsspec.implementations.memory import MemoryFileSystem

    generations = {"n": 1}

    class Memory(MemoryFileSystem):
        store: dict[str, Any] = {}  # noqa: RUF012

        def info(self, path: str, **kwargs: Any) -> dict[str, Any]:
            found = super().info(path, **kwargs)
            return {**found, "name": found["name"].lstrip("/"), "generation": generations["n"]}

        def open(self, path: str, mode: str = "rb", **kwargs: Any) -> Any:
            opened = super().open(path, mode, **kwargs)
            opened.details = self.info(path)
            return opened

        def find(self, path: str, **kwargs: Any) -> Any:
            names = super().find(path)
            return {name.lstrip("/"): self.info(name) for name in names}

    fs = Memory(skip_instance_cache=True)
    fs.pipe_file("/a-bucket/d/a.txt", b"a text")
    monkeypatch.setattr(stores, "_connected", lambda *_: stores.Store(fs, "gs"))
    (found,) = find("gs://a-bucket/d/", Access())
    assert found == Object("gs://a-bucket/d/a.txt", "d/a.txt", Stored("1", 6))
    assert fetch(found, tmp_path / "a", Access()).read_bytes() == b"a text"
    generations["n"] = 2
    with pytest.raises(DataError, match="changed after it was listed"):
        fetch(found, tmp_path / "b", Access())
    assert objects.look("gs://a-bucket/none", Access()) is None
