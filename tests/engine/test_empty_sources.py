"""Every source is pointed at places where nothing is: one clear error each, and a way on."""

from __future__ import annotations

import gzip
import http.server
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from tests.engine.inline import inline, places, plan_of, run_inline
from tilth.errors import TilthError
from tilth.recipe.operations import Operation, operations
from tilth.store import Dataset

__all__ = ["inline"]

pytestmark = pytest.mark.usefixtures("inline")

SOURCES = [
    pytest.param(op, id=name) for name, op in sorted(operations().items()) if op.kind == "source"
]
# For a source without `path`: settings that point it at nothing, given a folder of empty things.
# A source that makes its own samples has no such place.
ELSEWHERE: dict[str, Callable[[Path], dict[str, Any] | None]] = {
    "crawl": lambda _: {
        "start": ["http://127.0.0.1:9/"],
        "allow_hosts": ["127.0.0.1"],
        "retry_s": 0.01,
    },
    "common_crawl": lambda _: {
        "index": "CC-MAIN-2024-22",
        "url": "e.org/*",
        "index_server": "http://127.0.0.1:9",
        "allow_hosts": ["127.0.0.1"],
        "retries": 1,
        "retry_s": 0.01,
    },
    "parallel": lambda folder: {
        "files": [{side: {"path": str(folder / "a.txt")} for side in ("source", "target")}]
    },
    "demo_digits": lambda _: None,
}


def _empty_things(folder: Path) -> list[Path]:
    """Folders and files of all kinds in which no record is."""
    (folder / "empty").mkdir()
    (folder / "others" / "deep").mkdir(parents=True)
    (folder / "others" / "deep" / "notes.md").write_text("no data")
    names = ("a.txt", "a.jsonl", "a.csv", "a.json", "a.parquet", "a.wav", "a.png", "a.tar", "a.zip")
    for name in names:
        (folder / name).touch()
    (folder / "b.jsonl.gz").write_bytes(gzip.compress(b""))
    (folder / "b.csv").write_text("text,label\n")
    (folder / "b.json").write_text("[]")
    (folder / "b.txt").write_text("\n\n")
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), folder / "b.parquet")
    with tarfile.open(folder / "b.tar", "w"), zipfile.ZipFile(folder / "b.zip", "w"):
        pass
    return sorted(path for path in folder.iterdir())


def _recipe(op: str, given: dict[str, Any]) -> str:
    return yaml.safe_dump({"tilth": 1, "name": "r", "collect": {"a": {op: given}}})


def _try(text: str, folder: Path) -> TilthError | None:
    """What a run ends with; anything but one of Tilth's own errors is a failure."""
    try:
        run_inline(text, folder)
    except TilthError as error:
        return error
    dataset = Dataset(places(folder, plan_of(text))[-1])
    assert dataset.num_rows == len(dataset.to_arrow())
    return None


@pytest.mark.parametrize("op", SOURCES)
def test_where_nothing_is_there_is_one_clear_error(op: Operation, tmp_path: Path) -> None:
    things = _empty_things(tmp_path)
    tries: list[dict[str, Any] | None] = [{"path": str(path)} for path in things]
    if "path" not in op.settings.model_fields or op.name in ELSEWHERE:
        tries = [ELSEWHERE[op.name](tmp_path)]
    for number, given in enumerate(one for one in tries if one is not None):
        text = _recipe(op.name, given)
        error = _try(text, tmp_path / f"run-{number}")
        again = _try(text, tmp_path / f"run-{number}")
        if error is None:
            assert again is None
            continue
        assert error.what, given
        assert getattr(error, "problems", None) or error.where or error.hint, given
        assert str(again) == str(error), given


def test_a_source_that_is_filled_goes_on(tmp_path: Path) -> None:
    place = tmp_path / "a.jsonl"
    place.touch()
    text = _recipe("jsonl", {"path": str(place)})
    error = _try(text, tmp_path / "run")
    assert error is not None
    assert error.code == "empty-source"
    place.write_text('{"text": "there"}\n')
    assert _try(text, tmp_path / "run") is None


@pytest.fixture
def served() -> Iterator[tuple[str, list[bytes]]]:
    """An address, and what it answers: the last of the list."""
    bodies: list[bytes] = [b""]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(bodies[-1])))
            self.end_headers()
            self.wfile.write(bodies[-1])

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/a.jsonl", bodies
        server.shutdown()


def test_an_empty_file_that_was_fetched_is_fetched_anew(
    served: tuple[str, list[bytes]], tmp_path: Path
) -> None:
    address, bodies = served
    text = _recipe("jsonl", {"url": address, "allow_hosts": ["127.0.0.1"]})
    error = _try(text, tmp_path / "run")
    assert error is not None
    assert error.code == "empty-source"
    bodies.append(b'{"text": "there"}\n')
    assert _try(text, tmp_path / "run") is None
