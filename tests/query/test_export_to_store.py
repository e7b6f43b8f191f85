"""An export to a store is there whole, or known not to be; nothing is overwritten."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.web.stores import Bucket, Fault, keys, store
from tilth.errors import DataError, MissingError, UsageError
from tilth.formats.streams import Stored
from tilth.query.export import export_splits, export_step
from tilth.query.export_by_fsspec import NOTE
from tilth.query.export_plan import plan_selected
from tilth.query.export_selection import select_splits
from tilth.query.runs import RunView
from tilth.web import objects
from tilth.web.stores import Access

_fixtures = (keys, store)


@pytest.fixture(autouse=True)
def _endpoint(keys: None, store: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", store.endpoint)


def _note(store: Bucket, folder: str) -> dict[str, object]:
    found = json.loads(store.get(f"{folder}/{NOTE}"))
    assert isinstance(found, dict)
    return found


def test_a_step_is_there_as_it_is_here(small: RunView, store: Bucket, tmp_path: Path) -> None:
    here = export_step(small, "minhash", tmp_path / "out")
    far = export_step(small, "minhash", f"{store.uri}/d/out")
    assert far.files == here.files
    assert far.folder == f"{store.uri}/d/out"
    (name,) = here.files
    assert store.get(f"d/out/{name}") == (tmp_path / "out" / name).read_bytes()
    assert store.names() == sorted(f"d/out/{one}" for one in (NOTE, "README.md", name))
    assert _note(store, "d/out")["is_whole"] is True
    puts = [line for line in store.asked if line.startswith("PUT")]
    assert [NOTE in line for line in puts] == [True, False, False, True]


def test_splits_are_a_folder_each(small: RunView, store: Bucket) -> None:
    done = export_splits(small, f"{store.uri}/all/")
    assert [one.folder for one in done.splits] == [
        f"{store.uri}/all/{one.split}" for one in done.splits
    ]
    for one in done.splits:
        (name,) = one.files
        table = pq.read_table(io.BytesIO(store.get(f"all/{one.split}/{name}")))
        assert table.num_rows == one.rows


def test_nothing_is_overwritten(small: RunView, store: Bucket) -> None:
    to = f"{store.uri}/out"
    export_step(small, "minhash", to)
    with pytest.raises(UsageError, match="nothing is overwritten"):
        export_step(small, "minhash", to)
    store.put("other/a.txt", b"somebody's")
    with pytest.raises(UsageError, match="nothing is overwritten"):
        export_step(small, "minhash", f"{store.uri}/other")
    assert store.get("other/a.txt") == b"somebody's"
    # A name that begins the same is another folder.
    export_step(small, "minhash", f"{store.uri}/oth")


def test_beside_or_below_an_object_nothing_is_put(small: RunView, store: Bucket) -> None:
    store.put("y", b"somebody's")
    for to in (f"{store.uri}/y", f"{store.uri}/y/", f"{store.uri}/y/z"):
        with pytest.raises(UsageError, match="an object has the name of a folder") as caught:
            export_step(small, "minhash", to)
        assert (caught.value.where, caught.value.code) == (f"{store.uri}/y", "exists")
    assert store.names() == ["y"]


@pytest.mark.parametrize("key", ["a/../b", "..", "a//b", "/a", "a//", "./a", "a?versionId=1"])
def test_an_address_that_leads_elsewhere(key: str, small: RunView, store: Bucket) -> None:
    with pytest.raises(UsageError) as caught:
        export_step(small, "minhash", f"{store.uri}/{key}")
    assert caught.value.code == "address"
    assert store.names() == []


@pytest.mark.parametrize("start", ["s3://a:qqq", "S3://a:q/qqq", "gs://a:q/qqq", "ftp://a:qqq"])
def test_no_error_tells_a_password(start: str, small: RunView) -> None:
    with pytest.raises(UsageError) as caught:
        export_step(small, "minhash", f"{start}@bkt/folder")
    assert "qq" not in str(caught.value)
    assert "***@bkt/folder" in caught.value.where


def test_what_was_begun_is_gone_on_from(small: RunView, store: Bucket) -> None:
    to = f"{store.uri}/all"
    store.faults.append(Fault("busy", "PUT /" + f"{store.name}/all/train"))
    with pytest.raises(MissingError, match="could not be written"):
        export_splits(small, to)
    assert _note(store, "all")["is_whole"] is False
    with pytest.raises(UsageError, match="nothing is overwritten"):
        export_step(small, "minhash", to)
    store.faults.clear()
    before = [key for key in store.names() if NOTE not in key]
    assert before
    store.asked.clear()
    done = export_splits(small, to)
    assert _note(store, "all")["is_whole"] is True
    assert len([key for key in store.names() if ".parquet" in key]) == len(done.splits)
    for key in before:
        assert store.num_asked("PUT", key) == 0


def test_what_cannot_be_is_said(small: RunView, store: Bucket) -> None:
    with pytest.raises(UsageError, match="`ftp://` is no store"):
        export_step(small, "minhash", "ftp://example.org/a")
    with pytest.raises(MissingError, match="no such object or bucket"):
        export_step(small, "minhash", "s3://not-there-at-all/a")
    store.faults.append(Fault("refuse", "PUT"))
    with pytest.raises(MissingError, match="the store refuses it"):
        export_step(small, "minhash", f"{store.uri}/out")


def test_what_arrives_as_something_else_is_noticed(
    small: RunView, store: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = objects.look

    def look(uri: str, access: Access) -> Stored | None:
        found = real(uri, access)
        return found and Stored(found.version, found.size + 1, found.md5)

    monkeypatch.setattr(objects, "look", look)
    with pytest.raises(DataError, match="what was put is not what is there now"):
        export_step(small, "minhash", f"{store.uri}/out")


def test_bytes_are_told_as_they_are_put(small: RunView, store: Bucket) -> None:
    told: list[tuple[str, int, int]] = []
    export_splits(small, f"{store.uri}/told", progress=lambda *given: told.append(given))
    put = [(done, total) for what, done, total in told if what == "bytes"]
    names = [name for name in store.names() if name.startswith("told/") and NOTE not in name]
    sizes = [len(store.get(name)) for name in names]
    assert {total for _, total in put} == {sum(sizes)}
    assert [done for done, _ in put] == [sum(sizes[:at]) for at in range(len(sizes) + 1)]


def test_a_dry_run_asks_and_puts_nothing(small: RunView, store: Bucket) -> None:
    selected = select_splits(small)
    plan = plan_selected(selected, f"{store.uri}/dry")
    assert [one.folder for one in plan.parts] == [
        f"{store.uri}/dry/{one.split}" for one in plan.parts
    ]
    assert not store.names()
    assert not [line for line in store.asked if line.startswith("PUT")]
    export_splits(small, f"{store.uri}/dry")
    with pytest.raises(UsageError, match="overwritten"):
        plan_selected(selected, f"{store.uri}/dry")
    with pytest.raises(UsageError, match="leads nowhere"):
        plan_selected(selected, f"{store.uri}/a/../b")
