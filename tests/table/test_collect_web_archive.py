"""Web archives: which answers are pages, and what of damage is looked for."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from tests.formats.web_archives import page, record
from tests.table.entries import effect, extreme
from tests.table.sources import read
from tests.table.whole import said


def rows(folder: Path, *parts: bytes, **given: Any) -> list[dict[str, Any]]:
    path = folder / "a.warc.gz"
    path.write_bytes(b"".join(parts))
    return read("web_archive", folder, {"path": str(path), **given})


@effect("collect.web_archive.statuses")
@extreme("collect.web_archive.statuses")
def test_answers_of_these_statuses_are_read(tmp_path: Path) -> None:
    parts = [
        record(f"http://e.org/{status}", page(), status=f"{status} Said")
        for status in (100, 200, 404, 599)
    ]
    for statuses in ([200], [404], [200, 404], [100, 599]):
        found = rows(tmp_path, *parts, statuses=statuses)
        assert [row["uri"] for row in found] == [f"http://e.org/{one}" for one in statuses]
    assert [row["uri"] for row in rows(tmp_path, *parts)] == ["http://e.org/200"]
    for bad in ([], [99], [600], ["ok"]):
        tree = {"path": "a.warc", "statuses": bad}
        assert "statuses" in said({"collect": {"a": {"web_archive": tree}}})


@effect("collect.web_archive.truncated")
@pytest.mark.parametrize("how", ["read", "pass_over"])
def test_pages_that_were_cut_short(how: str, tmp_path: Path) -> None:
    cut = record("http://e.org/1", page(), fields={"WARC-Truncated": "length"})
    found = rows(tmp_path, cut, record("http://e.org/2", page()), truncated=how)
    assert [row["uri"][-1] for row in found] == (["1", "2"] if how == "read" else ["2"])


@effect("collect.web_archive.check_digests")
def test_pages_are_compared_with_their_digests(tmp_path: Path) -> None:
    bad = record("http://e.org/", page(), packed=False).replace(b"heron", b"egret")
    (row,) = rows(tmp_path, gzip.compress(bad))
    assert row["error"] is None
    (row,) = rows(tmp_path, gzip.compress(bad), check_digests=True)
    assert "its block is not the one that its digest is of" in row["error"]


@effect("collect.web_archive.meta")
def test_what_else_a_record_says(tmp_path: Path) -> None:
    one = record("http://e.org/", page(), fields={"WARC-IP-Address": "127.0.0.1"})
    (row,) = rows(tmp_path, one)
    assert row["meta.warc-ip-address"] == "127.0.0.1"
    (row,) = rows(tmp_path, one, meta="none")
    assert not any(name.startswith("meta.") for name in row)
