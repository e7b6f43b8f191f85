"""Every source reads from a store what it reads from a folder, within the same books."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import tilth
from tests.collect.archives import tar
from tests.collect.test_files import made
from tests.engine.inline import inline
from tests.engine.test_again import bytes_in, plan_of, read
from tests.web.stores import Bucket, Fault, keys, store
from tilth.cli.main import main
from tilth.collect import (
    audio,
    csv,
    files,
    idx,
    image_folder,
    jsonl,
    label_studio,
    parallel,
    parquet,
    text_file,
    web_archive,
)
from tilth.context import Context
from tilth.errors import DataError, MissingError
from tilth.reading import inputs, remote
from tilth.recipe.operations import operations

ROOT = Path(__file__).parents[2]
_fixtures = (inline, keys, store)
_HTML = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html><p>a page</p></html>"
ONE_PAGE = (
    b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:1>\r\n"
    b"WARC-Date: 2026-01-01T00:00:00Z\r\nWARC-Target-URI: http://example.org/\r\n"
    b"Content-Type: application/http; msgtype=response\r\n"
    + f"Content-Length: {len(_HTML)}\r\n\r\n".encode()
    + _HTML
    + b"\r\n\r\n"
)


def _given(store: Bucket, **settings: Any) -> dict[str, Any]:
    return {**store.access(), **settings}


def _rows(
    module: Any, given: dict[str, Any], work: Path, limit: int | None = None
) -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
    passed: list[tuple[str, str]] = []
    context = Context(work, limit=limit, passes_over=lambda *told: passed.append(told))
    settings = module.Settings.model_validate(given)
    assert module.fingerprint(settings) == module.fingerprint(settings)
    rows = [row for batch in module.read(settings, "s", context) for row in batch.to_pylist()]
    return rows, passed


def _idx(*shape: int) -> bytes:
    head = bytes([0, 0, 8, len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape)
    size = 1
    for n in shape:
        size *= n
    return head + bytes(i % 2 for i in range(size))


def _sources() -> dict[str, tuple[Any, dict[str, bytes], Callable[[str], dict[str, Any]]]]:
    """Of each source the module, its files, and its settings for the folder that they are in."""
    task = {"data": {"text": "a text"}, "annotations": []}

    def path(folder: str) -> dict[str, Any]:
        return {"path": folder}

    return {
        "jsonl": (jsonl, {"a.jsonl": b'{"text": "one"}\n', "b.jsonl": b'{"text": "two"}\n'}, path),
        "csv": (csv, {"a.csv": b"text,year\none,2015\n"}, path),
        "parquet": (parquet, {"a.parquet": made("parquet", 1)[0]}, path),
        "text_file": (text_file, {"a.txt": b"one\n", "d/b.txt.gz": gzip.compress(b"two\n")}, path),
        "files": (
            files,
            {"a.txt": b"a text", "b.png": made("png", 1)[0], "c.tar": tar([("d.txt", b"in it")])},
            path,
        ),
        "image_folder": (
            image_folder,
            {"x/a.png": made("png", 1)[0], "y/b.jpg": made("jpg", 1)[0]},
            path,
        ),
        "audio": (
            audio,
            {"w/a.wav": made("wav", 1)[0], "said.tsv": b"a\thello\n"},
            lambda folder: {"path": f"{folder}/w", "transcripts": f"{folder}/said.tsv"},
        ),
        "label_studio": (
            label_studio,
            {"a.json": json.dumps([task]).encode()},
            lambda folder: {"path": folder, "text": "text"},
        ),
        "web_archive": (web_archive, {"a.warc": ONE_PAGE}, path),
        "parallel": (
            parallel,
            {"a.en": b"one\ntwo\n", "a.de": b"eins\nzwei\n"},
            lambda folder: {
                "files": [
                    {"source": {"path": f"{folder}/a.en"}, "target": {"path": f"{folder}/a.de"}}
                ]
            },
        ),
        "idx": (
            idx,
            {"i.gz": gzip.compress(_idx(2, 4, 4)), "l": _idx(2)},
            lambda folder: {
                "files": [
                    {
                        "split": "train",
                        "images": {"path": f"{folder}/i.gz"},
                        "labels": {"path": f"{folder}/l"},
                    }
                ]
            },
        ),
    }


@pytest.mark.parametrize("name", _sources())
def test_a_source_reads_from_a_store_what_it_reads_here(
    store: Bucket, tmp_path: Path, name: str
) -> None:
    module, held, given = _sources()[name]
    here = tmp_path / "here"
    for key, data in held.items():
        (here / key).parent.mkdir(parents=True, exist_ok=True)
        (here / key).write_bytes(data)
        store.put(f"d/{key}", data)
    local, _ = _rows(module, given(str(here)), tmp_path / "w1")
    place = f"{store.uri}/d"
    far, _ = _rows(module, _given(store, **given(place)), tmp_path / "w2")
    assert local
    assert not [row["error"] for row in local if row["error"]]

    def moved(row: dict[str, Any]) -> dict[str, Any]:
        return {**row, "uri": row["uri"].replace(str(here), place)}

    assert far == [moved(row) for row in local]


def test_what_is_not_read_is_told(store: Bucket, tmp_path: Path) -> None:
    for key in ("d/", "d/a.jsonl", "d/.b.jsonl", "d/c.xyz", "d/e.jsonl", "d/v?versionId=1.jsonl"):
        store.put(key, b'{"text": "one"}\n' if key == "d/a.jsonl" else b"")
    rows, passed = _rows(jsonl, _given(store, path=f"{store.uri}/"), tmp_path)
    assert [row["uri"] for row in rows] == [f"{store.uri}/d/a.jsonl:1"]
    assert {place.removeprefix(f"{store.uri}/d/"): reason for place, reason in passed} == {
        "": remote.FOLDER,
        ".b.jsonl": inputs.HIDDEN,
        "c.xyz": f"{inputs.OTHER_TYPE} (.xyz)",
        "e.jsonl": inputs.NOTHING_IN_IT,
        "v?versionId=1.jsonl": remote.VERSION,
    }


def test_a_key_leads_nowhere_outside(store: Bucket, tmp_path: Path) -> None:
    picture = made("png", 1)[0]
    for key in ("../../up/a.png", "x/../../b.png", "/etc/c.png", "x/d.png"):
        store.put(key, picture)
    rows, _ = _rows(image_folder, _given(store, path=f"{store.uri}/"), tmp_path / "work")
    good = [row for row in rows if not row["error"]]
    assert [row["uri"] for row in good] == [f"{store.uri}/x/d.png"]
    errors = [row["error"] for row in rows if row["error"]]
    assert len(errors) == 3
    assert all("its name leads out" in error or "absolute" in error for error in errors), errors
    assert [path.name for path in tmp_path.iterdir()] == ["work"]


@pytest.mark.parametrize("name", ["jsonl", "csv", "parquet", "text_file", "files"])
def test_with_a_limit_no_more_is_fetched_than_is_read(
    store: Bucket, tmp_path: Path, name: str
) -> None:
    module, ending = _sources()[name][0], {"text_file": "txt", "files": "txt"}.get(name, name)
    data = made(ending, 1)[0]
    for number in range(6):
        store.put(f"d/{number:02}.{ending}", data)
    rows, _ = _rows(module, _given(store, path=f"{store.uri}/d"), tmp_path, limit=2)
    assert len(rows) == 2
    assert store.num_asked("bytes=") <= 2


def test_what_could_not_be_had_is_no_bad_record(store: Bucket, tmp_path: Path) -> None:
    """A source that quarantines what it cannot open does not so here: it may be there next time."""
    store.put("d/a.txt", b"a text")
    store.put("d/b.txt", b"another")
    store.faults.append(Fault("busy", "GET /" + f"{store.name}/d/b.txt"))
    given = _given(store, path=f"{store.uri}/d")
    with pytest.raises(MissingError, match="in 6 tries"):
        _rows(files, given, tmp_path)
    store.faults.clear()
    asked = store.num_asked("bytes=", "a.txt")
    rows, _ = _rows(files, given, tmp_path)
    assert [row["text"] for row in rows] == ["a text", "another"]
    assert store.num_asked("bytes=", "a.txt") == asked == 1


def test_an_object_that_changes_while_it_is_read_is_an_error(store: Bucket, tmp_path: Path) -> None:
    for number in range(20):
        store.put(f"d/{number:02}.jsonl", b'{"text": "one"}\n')
    settings = jsonl.Settings.model_validate(_given(store, path=f"{store.uri}/d"))
    before = jsonl.fingerprint(settings)

    def read() -> None:
        with inputs.opened(settings, (".jsonl",), Context(tmp_path)) as found:
            store.put("d/19.jsonl", b'{"text": "two"}\n')
            for file in found:
                inputs.here(file)

    with pytest.raises(DataError, match="changed after it was listed"):
        read()
    assert jsonl.fingerprint(settings) != before


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        ({"path": "memory://a/b"}, "`memory://` is no store"),
        ({"path": "https://example.org/a.csv"}, "is a `url`"),
        ({"path": "simplecache::s3://a-bucket/b"}, "is no store"),
        ({"path": "s3://"}, "no name of a bucket"),
        ({"path": "a.csv", "storage": {"anon": True}}, "`storage` belongs to a path at s3://"),
        ({"path": "s3://a-bucket/b", "digest": "content"}, "`digest` belongs to files"),
        ({"path": "gs://a-bucket/b", "storage": {"region": "eu"}}, "belong to s3://"),
        ({"path": "s3://a-bucket/b", "mirror": "m"}, "`mirror` belongs to `url`"),
        (
            {"path": "s3://a-bucket/b", "storage": {"endpoint": "http://10.0.0.1:9000"}},
            "not a public address; list it in `allow_hosts`",
        ),
        (
            {"path": "s3://a-bucket/b", "storage": {"endpoint": "http://k:s@example.org"}},
            "keys belong into the environment",
        ),
        (
            {"path": "s3://a-bucket/b", "storage": {"endpoint": "file:///etc"}},
            "only http and https",
        ),
    ],
)
def test_settings_that_could_not_act_are_refused(given: dict[str, Any], cause: str) -> None:
    with pytest.raises(ValidationError, match=cause):
        csv.Settings.model_validate(given)


def test_a_place_that_is_read_here_only_says_so() -> None:
    with pytest.raises(ValidationError, match="a path on this machine"):
        label_studio.Settings.model_validate({"path": "a.json", "images": "s3://a-bucket/b"})


def test_a_path_of_a_store_stays_as_it_is() -> None:
    given = csv.Settings.model_validate({"path": "S3://a-bucket/./a//b/"})
    assert given.path == "s3://a-bucket/./a//b/"


def test_a_run_reads_a_store_and_knows_what_changed(
    store: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store.put("d/a.jsonl", b'{"text": "one", "year": 2015}\n')
    recipe = tmp_path / "r.yaml"
    recipe.write_text(
        f"name: r\ncollect:\n  far:\n    jsonl:\n      path: {store.uri}/d\n"
        f"      storage: {{endpoint: '{store.endpoint}'}}\n      allow_hosts: [127.0.0.1]\n"
    )
    first = [row["text"] for row in tilth.run(recipe).dataset("train").to_arrow().to_pylist()]
    assert first == ["one"]
    tilth.run(recipe)
    assert store.num_asked("bytes=") == 1
    store.put("d/b.jsonl", b'{"text": "two"}\n')
    again = [row["text"] for row in tilth.run(recipe).dataset("train").to_arrow().to_pylist()]
    assert again == ["one", "two"]
    for path in (tmp_path / "runs").rglob("*"):
        held = path.read_bytes() if path.is_file() else b""
        assert b"the-secret" not in held
        assert b"the-key" not in held


@pytest.mark.usefixtures("inline")
@pytest.mark.parametrize("source", ["here", "there", "beside"])
def test_a_joined_table_in_a_store(
    store: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """Of a source here by its own settings; of one in that store, by those of the source."""
    monkeypatch.chdir(tmp_path)
    store.put("d/x/a.png", made("png", 1)[0])
    store.put("d/x/metadata.csv" if source == "beside" else "t.csv", b"file_name,kind\na.png,one\n")
    join: dict[str, Any] = {"fields": {"label": "kind"}}
    given: dict[str, Any] = {"labels": "none", "path": f"{store.uri}/d", **store.access()}
    if source != "beside":
        join["path"] = f"{store.uri}/t.csv"
    if source == "here":
        (tmp_path / "a.png").write_bytes(made("png", 1)[0])
        given = {"labels": "none", "path": "a.png"}
        join |= store.access()
    recipe = {"name": "r", "collect": {"a": {"image_folder": {**given, "join": join}}}}
    (tmp_path / "r.yaml").write_text(json.dumps(recipe))
    first = tilth.run("r.yaml").dataset("train").to_arrow()
    assert first["label"].to_pylist() == ["one"]
    if source == "here":
        store.put("t.csv", b"file_name,kind\na.png,two\n")
        again = tilth.run("r.yaml").dataset("train").to_arrow()
        assert again["label"].to_pylist() == ["two"]


@pytest.mark.parametrize(
    ("join", "cause"),
    [
        ({"path": "memory://a/b"}, "`memory://` is no store"),
        ({"path": "https://example.org/a.csv"}, "is a `url`"),
        ({"path": "a.csv", "storage": {"anon": True}}, "`storage` belongs to a path at s3://"),
        ({"path": "s3://a-bucket/b", "digest": "content"}, "`digest` belongs to files"),
        ({"storage": {"anon": True}}, "without it those of the source act"),
        (
            {"path": "s3://a-bucket/b", "storage": {"endpoint": "http://10.0.0.1:9000"}},
            "not a public address; list it in `allow_hosts`",
        ),
    ],
)
def test_a_join_that_could_not_act_is_refused(join: dict[str, Any], cause: str) -> None:
    with pytest.raises(ValidationError, match=cause):
        operations()["csv"].settings.model_validate({"path": "a.csv", "join": join})


@pytest.mark.usefixtures("inline")
def test_the_guide_of_stores(
    store: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its recipe as it stands, but for where the stores are."""
    monkeypatch.chdir(tmp_path)
    store.put("articles/a.jsonl.gz", gzip.compress(b'{"text": "one"}\n'))
    store.put("2026/b.txt", b"two")
    guide = (ROOT / "docs" / "guides" / "remote.md").read_text("utf-8")
    recipe = re.findall(r"```yaml\n(.*?)```", guide, re.S)[0]
    monkeypatch.setenv("AWS_ENDPOINT_URL", store.endpoint)
    for there, here in (
        ("s3://my-bucket", store.uri),
        ("s3://deliveries", store.uri),
        ("http://minio.example:9000", store.endpoint),
        ("minio.example", "127.0.0.1"),
    ):
        assert there in recipe
        recipe = recipe.replace(there, here)
    (tmp_path / "remote.yaml").write_text(recipe)
    rows = tilth.run("remote.yaml").dataset("train").to_arrow().to_pylist()
    assert {(row["uri"], row["text"]) for row in rows} == {
        (f"{store.uri}/articles/a.jsonl.gz:1", "one"),
        (f"{store.uri}/2026/b.txt", "two"),
    }
    command = re.findall(r"```bash\n(.*?)```", guide, re.S)[0].replace("s3://my-bucket", store.uri)
    monkeypatch.setattr(sys, "argv", command.split())
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in (0, None)
    lines = store.get("remote/train/train.jsonl").decode().splitlines()
    assert sorted(json.loads(line)["text"] for line in lines) == ["one", "two"]


def test_a_pattern_asks_for_no_hidden_name_and_a_folder_is_not_told_of_itself(
    store: Bucket, tmp_path: Path
) -> None:
    """As on disk: what is not asked for is not listed either."""
    for key in ("d/", "d/old/", "d/a.jsonl", "d/.b.jsonl"):
        store.put(key, b'{"text": "one"}\n' if key.endswith("l") else b"")
    (tmp_path / "here").mkdir()
    for name in ("a.jsonl", ".b.jsonl"):
        (tmp_path / "here" / name).write_bytes(b'{"text": "one"}\n')
    far, passed = _rows(jsonl, _given(store, path=f"{store.uri}/d/*.jsonl"), tmp_path / "w1")
    local, unread = _rows(jsonl, {"path": f"{tmp_path}/here/*.jsonl"}, tmp_path / "w2")
    assert len(far) == len(local) == 1
    assert passed == unread == []
    _, passed = _rows(jsonl, _given(store, path=f"{store.uri}/d/"), tmp_path / "w3")
    assert passed == [
        (f"{store.uri}/d/.b.jsonl", inputs.HIDDEN),
        (f"{store.uri}/d/old/", remote.FOLDER),
    ]


def test_of_a_store_only_new_objects_are_fetched(store: Bucket, tmp_path: Path) -> None:
    for name in "abcd":
        store.put(f"docs/{name}.jsonl", b'{"text": "%b", "n": 1}\n' % name.encode())
    plan = plan_of("jsonl", f"{store.uri}/docs", **store.access())
    read(plan, tmp_path / "one")
    store.put("docs/b.jsonl", b'{"text": "another"}\n')
    store.put("docs/aa.jsonl", b'{"text": "new"}\n')
    store.remove("docs/d.jsonl")
    store.asked.clear()
    read(plan, tmp_path / "two", tmp_path / "one")
    assert [name for name in ("a", "aa", "b", "c") if store.num_asked("GET", f"/{name}.jsonl")] == [
        "aa",
        "b",
    ]
    read(plan, tmp_path / "anew")
    for folder in ("two", "anew"):
        shutil.rmtree(tmp_path / folder / "work")
    assert bytes_in(tmp_path / "two") == bytes_in(tmp_path / "anew")
