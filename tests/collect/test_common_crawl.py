"""Pages out of an archive by its index, from a server on loopback that speaks the protocol."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.formats.web_archives import DATE, page, record
from tests.web.index_server import INDEX, Archive, serving
from tilth.collect import common_crawl
from tilth.context import Context
from tilth.errors import DataError, MissingError

Row = dict[str, Any]


def digest(body: bytes) -> str:
    return base64.b32encode(hashlib.sha1(body).digest()).decode()


def records(*names: str) -> dict[str, bytes]:
    return {f"http://{name}": record(f"http://{name}", page(name)) for name in names}


@pytest.fixture
def archive() -> Iterator[Archive]:
    found = Archive()
    found.add("crawl/1.warc.gz", records("e.org/1", "e.org/a/2", "www.e.org/3", "f.org/4"))
    found.add("crawl/2.warc.gz", records("e.org/5", "e.org/a/6", "noe.org/7"))
    with serving(found):
        yield found


def given(archive: Archive, **more: Any) -> dict[str, Any]:
    return {
        "index": INDEX,
        "url": "*.e.org/*",
        "index_server": archive.root,
        "data_server": archive.root + "/",
        "allow_hosts": ["127.0.0.1"],
        "delay_s": 0,
        "retry_s": 0.01,
        **more,
    }


def read(
    archive: Archive, work: Path, limit: int | None = None, **more: Any
) -> tuple[list[Row], list[tuple[str, str]]]:
    told: list[tuple[str, str]] = []
    settings = common_crawl.Settings.model_validate(given(archive, **more))
    context = Context(work, limit=limit, passes_over=lambda *one: told.append(one))
    batches = common_crawl.read(settings, "s", context)
    return [row for one in batches for row in one.to_pylist()], told


def names(rows: list[Row]) -> list[str]:
    return [row["uri"].partition("://")[2] for row in rows]


def test_a_domain_a_folder_and_a_page(archive: Archive, tmp_path: Path) -> None:
    rows, told = read(archive, tmp_path / "1")
    assert names(rows) == ["e.org/1", "e.org/a/2", "www.e.org/3", "e.org/5", "e.org/a/6"]
    assert [row["html"] for row in rows] == [page(name) for name in names(rows)]
    assert rows[0]["content_type"] == "text/html; charset=utf-8"
    assert rows[0]["fetched_at"] == DATE
    assert told == []
    assert archive.together == 1
    assert names(read(archive, tmp_path / "2", url="e.org/a/*")[0]) == ["e.org/a/2", "e.org/a/6"]
    assert names(read(archive, tmp_path / "3", url="f.org/4")[0]) == ["f.org/4"]


def test_only_the_bytes_of_a_capture_are_asked_for(archive: Archive, tmp_path: Path) -> None:
    read(archive, tmp_path, url="e.org/a/*")
    ranges = [one for _, one in archive.asked if one]
    lines = [one for one in archive.captures if "/a/" in one["url"]]
    assert ranges == [
        f"bytes={one['offset']}-{int(one['offset']) + int(one['length']) - 1}" for one in lines
    ]


def test_a_limit_asks_for_no_more(archive: Archive, tmp_path: Path) -> None:
    assert names(read(archive, tmp_path / "1", max_pages=2)[0]) == ["e.org/1", "e.org/a/2"]
    asked = len(archive.asked)
    # The number of pages, one page of the index, and two captures.
    assert asked == 4
    assert names(read(archive, tmp_path / "2", limit=1)[0]) == ["e.org/1"]
    assert len(archive.asked) - asked == 3


def test_a_server_that_is_busy_is_asked_again(archive: Archive, tmp_path: Path) -> None:
    archive.busy = 3
    assert len(read(archive, tmp_path / "1")[0]) == 5
    archive.busy = 3
    with pytest.raises(MissingError, match="does not answer as one: HTTP status 503"):
        read(archive, tmp_path / "2", retries=1)


def test_what_was_fetched_is_not_asked_for_again(archive: Archive, tmp_path: Path) -> None:
    def fail(number: int) -> None:
        if number > 5:
            raise ConnectionError

    archive.on_request = fail
    with pytest.raises(MissingError, match="the archive cannot be read"):
        read(archive, tmp_path, retries=0)
    archive.on_request = None
    # As if it was killed while it wrote.
    with open(tmp_path / "common_crawl" / "captures.warc.gz", "ab") as file:
        file.write(b"half of a rec")
    with open(tmp_path / "common_crawl" / "fetched.txt", "ab") as file:
        file.write(b"12")
    before = len(archive.asked)
    rows, _ = read(archive, tmp_path, license="CC0")
    assert [row["html"] for row in rows] == [page(name) for name in names(rows)]
    assert len(rows) == 5
    ranges = [one for _, one in archive.asked if one]
    assert len(archive.asked) - before == 3
    assert len(set(ranges[-3:])) == 3
    again = [{**row, "license": "CC0"} for row in read(archive, tmp_path)[0]]
    assert again == rows
    assert len(archive.asked) - before == 3
    # Others are asked for anew.
    assert len(read(archive, tmp_path, url="e.org/a/*")[0]) == 2


def test_what_is_not_as_the_index_says_is_quarantined(archive: Archive, tmp_path: Path) -> None:
    sound = page("g.org/1")
    archive.add("crawl/3.warc.gz", records("g.org/1"), digest=digest(sound))
    archive.add("crawl/3.warc.gz", records("g.org/2"), digest=digest(sound))
    archive.add("crawl/3.warc.gz", records("g.org/3"))
    archive.captures[-1]["offset"] = "7"
    archive.add("crawl/3.warc.gz", records("g.org/4"))
    archive.captures[-1]["filename"] = "crawl/none.warc.gz"
    archive.add("crawl/3.warc.gz", records("g.org/5"))
    rows, _ = read(archive, tmp_path, url="g.org/*")
    assert [row["error"] and row["error"].rpartition(": ")[2] for row in rows] == [
        None,
        "the page is not the one that the index has the digest of",
        "no whole record stands where the index says",
        "the data server does not have it",
        None,
    ]
    assert "crawl/none.warc.gz" in rows[3]["error"]


def test_what_is_no_page_is_passed_over_unfetched(archive: Archive, tmp_path: Path) -> None:
    archive.add("crawl/3.warc.gz", records("g.org/1", "g.org/2"))
    archive.add("crawl/3.warc.gz", records("g.org/3"), **{"mime-detected": "application/pdf"})
    archive.captures[-2]["offset"] = "a stranger's"
    rows, told = read(archive, tmp_path, url="g.org/*")
    assert names(rows) == ["g.org/1"]
    assert [why for _, why in told] == [
        "a line of the index that names no capture",
        "of a type that this source does not read (application/pdf)",
    ]
    # Told again where nothing is asked.
    asked = len(archive.asked)
    assert read(archive, tmp_path, url="g.org/*")[1] == told
    assert len(archive.asked) == asked


def test_an_index_that_has_nothing_or_is_none(archive: Archive, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the index has nothing of `h\.org"):
        read(archive, tmp_path, url="h.org/*")
    with pytest.raises(DataError, match="the index has nothing") as caught:
        read(archive, tmp_path, index="CC-MAIN-2024-23")
    assert "is its name right" in caught.value.hint
    archive.page_lines = -3
    with pytest.raises(MissingError, match="its number of pages is none"):
        read(archive, tmp_path)


@pytest.mark.slow
def test_the_toolkit_of_others_reads_the_same(archive: Archive, tmp_path: Path) -> None:
    toolkit = pytest.importorskip("cdx_toolkit", reason="cdx_toolkit is installed where it is run")
    client = toolkit.CDXFetcher(source=f"{archive.root}/{INDEX}-index")
    theirs = [one["url"] for one in client.iter("*.e.org/*", filter="=status:200")]
    rows, _ = read(archive, tmp_path)
    assert [row["uri"] for row in rows] == theirs
