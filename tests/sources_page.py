"""The table of what `files` reads where, written by reading each.

`python -m tests.reference` (`make reference`) writes it into docs/guides/sources.md.
"""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from tests.collect.archives import tar, zip_, zstd
from tests.collect.test_files import TYPES, made
from tests.web.stores import KEYS, bucket
from tilth.collect import files
from tilth.collect.item_rows import EXTRAS
from tilth.context import Context
from tilth.errors import DataError
from tilth.formats.signatures import KINDS, Kind, kind_of, package_of

PAGE = Path(__file__).parents[1] / "docs" / "guides" / "sources.md"
MARK = "<!-- From here on made by `make reference`, which reads each. -->\n"
_ARCHIVES: Mapping[str, Callable[[], bytes]] = {
    "tar": lambda: tar([("a.txt", b"a text")]),
    "zip": lambda: zip_([("a.txt", b"a text")]),
}
_WAYS = ("folder", "glob", "in tar", "in tar.gz", "in zip", ".zst", "`s3://`")
_COLUMNS = ("image", "audio", "html", "text")


def table() -> str:
    """The table as Markdown: a row a type, and how it is read, or why not, a column."""
    lines = [
        f"| type | into | {' | '.join(_WAYS)} | extra |",
        f"| {' | '.join('---' for _ in range(len(_WAYS) + 3))} |",
    ]
    for ending in (*TYPES, *_ARCHIVES):
        is_archive = ending in _ARCHIVES
        data, payloads = (_ARCHIVES[ending](), ["a text"]) if is_archive else made(ending, 1)
        with TemporaryDirectory() as folder:
            found = [
                _read(way, ending, data, payloads, Path(folder) / way.strip("`:/")) for way in _WAYS
            ]
        column = next(one for one, _ in found if one)
        kind = _kind(data, ending)
        extra = f"`{EXTRAS[kind.name][1]}`" if kind.name in EXTRAS else "none"
        what = f"{kind.what.removeprefix('a ')} (`.{ending}`)"
        cells = (what, f"`{column}`", *(said for _, said in found), extra)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _kind(data: bytes, ending: str) -> Kind:
    kind = kind_of(data, f"a.{ending}", is_whole=True)
    return package_of(io.BytesIO(data)) if kind == KINDS["zip"] else kind


def _read(way: str, ending: str, data: bytes, payloads: list[Any], at: Path) -> tuple[str, str]:
    """The column that is filled, and that all is as expected; or nothing, and why it is not."""
    at.mkdir()
    name, packed = f"a.{ending}", data
    if way == ".zst":
        name, packed = f"{name}.zst", zstd(data)
    elif way.startswith("in "):
        members = [(name, data)]
        name = f"b.{way.removeprefix('in ')}"
        packed = zip_(members) if way == "in zip" else tar(members)
        packed = gzip.compress(packed) if way == "in tar.gz" else packed
    reasons: list[str] = []
    context = Context(at, passes_over=lambda _, reason: reasons.append(reason))
    rows: list[dict[str, Any]] = []
    with ExitStack() as stack:
        stack.enter_context(suppress(DataError))
        if way == "`s3://`":
            store = stack.enter_context(bucket())
            stack.enter_context(patch.dict(os.environ, KEYS))
            store.put(name, packed)
            settings = files.Settings.model_validate({"path": f"{store.uri}/", **store.access()})
        else:
            (at / name).write_bytes(packed)
            settings = files.Settings(path=str(at / "*") if way == "glob" else str(at))
        for batch in files.read(settings, "s", context):
            rows += batch.to_pylist()
    if reasons or not rows:
        return "", "; ".join(sorted(set(reasons)))
    assert not [row["error"] for row in rows if row["error"]], (way, ending)
    column = next(one for one in _COLUMNS if rows[0].get(one) is not None)
    assert [row[column] for row in rows] == payloads, (way, ending)
    return column, "read"


def write() -> None:
    """Write the page's table anew."""
    head = PAGE.read_text("utf-8").partition(MARK)[0]
    PAGE.write_text(f"{head}{MARK}\n{table()}", "utf-8")
