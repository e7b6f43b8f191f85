"""A WACZ by its description, by Tilth's own reader, and by the tools of others."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.web.sites import Reply, Site, running
from tilth.collect import crawl, web_archive
from tilth.context import Context
from tilth.errors import DataError
from tilth.export.wacz import Page, sort_key, write_wacz

_WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
_ODD = ("/Upper/Case?b=2&a=1", "/a//b/?q", "/p?x=%C3%A9&X=2", "/www1.html/", "/q?b&a=&a")


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """The folder of a crawl's archive, and its pages by address."""
    work, site = tmp_path_factory.mktemp("crawl"), Site()
    twins = ("/twin", "/Twin")
    site.html("/", *_ODD, *twins)
    for path in _ODD:
        site.html(path)
    for path in twins:
        site.pages[path] = Reply(b"<p>the same" * 50)
    with running(site):
        settings = crawl.Settings(start=(f"{site.root}/",), allow_hosts=("127.0.0.1",), delay_s=0)
        batches = crawl.read(settings, "docs", Context(work=work))
        rows = [row for batch in batches for row in batch.to_pylist()]
    pages = {row["uri"]: row["html"] for row in rows}
    assert len(pages) == 8
    assert all(pages.values())
    return work / "crawl" / "warc", pages


def _write(crawled: tuple[Path, dict[str, bytes]], to: Path) -> dict[str, bytes]:
    """A WACZ of it, by the names of what is in it."""
    folder, pages = crawled
    files = {path: path.stat().st_size for path in sorted(folder.iterdir())}
    listed = [Page(url, "2026-01-02T03:04:05Z") for url in pages]
    written = write_wacz(to, files, listed, "of a test", _WHEN)
    assert written == (1, 8, 8, 0)
    with zipfile.ZipFile(to) as archive:
        assert {one.compress_type for one in archive.infolist()} == {zipfile.ZIP_STORED}
        return {name: archive.read(name) for name in archive.namelist()}


def _lines(index: bytes) -> list[tuple[str, str, dict[str, Any]]]:
    found = [line.split(" ", 2) for line in index.decode().splitlines()]
    return [(key, date, json.loads(told)) for key, date, told in found if key != "!meta"]


def test_all_of_it_is_what_its_description_says(
    crawled: tuple[Path, dict[str, bytes]], tmp_path: Path
) -> None:
    files = _write(crawled, tmp_path / "one.wacz")
    described = json.loads(files.pop("datapackage.json"))
    assert described["wacz_version"] == "1.1.1"
    assert described["created"] == "2026-01-02T03:04:05Z"
    files.pop("datapackage-digest.json")
    assert {one["path"] for one in described["resources"]} == files.keys()
    for one in described["resources"]:
        data = files[one["path"]]
        assert one["hash"] == f"sha256:{hashlib.sha256(data).hexdigest()}"
        assert one["bytes"] == len(data)
    head, *pages = [json.loads(line) for line in files["pages/pages.jsonl"].splitlines()]
    assert head["format"] == "json-pages-1.0"
    assert [page["url"] for page in pages] == list(crawled[1])
    # Where the index says so, the record is.
    lines = _lines(gzip.decompress(files["indexes/index.cdx.gz"]))
    assert len(lines) == 8
    assert lines == sorted(lines, key=lambda one: one[:2])
    for _, _, told in lines:
        start, data = int(told["offset"]), files[f"archive/{told['filename']}"]
        record = gzip.decompress(data[start : start + int(told["length"])])
        assert f"WARC-Target-URI: {told['url']}\r\n".encode() in record
    assert sum(told["mime"] == "warc/revisit" for *_, told in lines) == 1


def test_an_index_is_parted_into_blocks(
    crawled: tuple[Path, dict[str, bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tilth.export.wacz._BLOCK_LINES", 3)
    files = _write(crawled, tmp_path / "one.wacz")
    data, found = files["indexes/index.cdx.gz"], []
    for key, date, told in _lines(files["indexes/index.idx"]):
        block = gzip.decompress(data[told["offset"] : told["offset"] + told["length"]])
        assert block.startswith(f"{key} {date} ".encode())
        found.append(block)
    assert len(found) == 3
    assert b"".join(found) == gzip.decompress(data)


def test_it_comes_back_as_a_source(crawled: tuple[Path, dict[str, bytes]], tmp_path: Path) -> None:
    _write(crawled, tmp_path / "one.wacz")
    settings = web_archive.Settings(path=str(tmp_path / "one.wacz"), check_digests=True)
    batches = web_archive.read(settings, "it", Context(tmp_path / "work"))
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert {row["uri"]: row["html"] for row in rows} == crawled[1]
    assert not any(row.get("error") for row in rows)


def test_the_same_archive_is_the_same_bytes(
    crawled: tuple[Path, dict[str, bytes]], tmp_path: Path
) -> None:
    for name in ("one", "two"):
        _write(crawled, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize("damage", ["cut", "zeros"])
def test_a_damaged_archive_is_one_error(
    damage: str, crawled: tuple[Path, dict[str, bytes]], tmp_path: Path
) -> None:
    data = next(crawled[0].iterdir()).read_bytes()
    path = tmp_path / "crawl-00000.warc.gz"
    path.write_bytes(data[:-9] if damage == "cut" else data[:900] + bytes(60) + data[960:])
    with pytest.raises(DataError, match=r"damaged|too soon"):
        write_wacz(tmp_path / "one.wacz", {path: len(data)}, [], "", _WHEN)
    # What was written behind the last commit does not count.
    path.write_bytes(data + b"torn")
    assert write_wacz(tmp_path / "two.wacz", {path: len(data)}, [], "", _WHEN).records == 8


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("http://www.Example.org:80/", "org,example)/"),
        ("https://www2.a.example.org/A/b/?B=2&a", "org,example,a)/a/b?a&b=2"),
        ("https://example.org:8080/x?", "org,example:8080)/x"),
        ("http://127.0.0.1:80", "1,0,0,127)/"),
    ],
)
def test_addresses_are_sorted_by_their_hosts(url: str, key: str) -> None:
    assert sort_key(url) == key


def _peer(name: str, *arguments: str | Path, cwd: Path) -> str:
    """What a tool of others prints; it is installed apart, by `.ci/peers`."""
    folder = os.environ.get("TILTH_ARCHIVE_PEERS")
    if folder is None:
        if os.environ.get("TILTH_REQUIRE_PEERS"):
            pytest.fail("TILTH_ARCHIVE_PEERS names no folder")
        pytest.skip(f"`{name}` is a peer, installed by .ci/peers")
    command = [str(Path(folder) / name), *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_warcio_finds_all_digests_right(
    crawled: tuple[Path, dict[str, bytes]], tmp_path: Path
) -> None:
    told = _peer("warcio", "check", "-v", *crawled[0].iterdir(), cwd=tmp_path)
    # What tells of them, 7 pages, a revisit and 8 requests; that a revisit names the body of
    # another record is for no checker of one.
    assert told.count("WARC-Record-ID") == 17
    assert told.count("digest pass") == 16
    assert told.count("digest present but not checked (revisit)") == 1


@pytest.mark.parametrize("indexer", ["cdxj-indexer", "pywb"])
def test_the_index_is_that_of_others(
    indexer: str, crawled: tuple[Path, dict[str, bytes]], tmp_path: Path
) -> None:
    (path,) = crawled[0].iterdir()
    if indexer == "pywb":
        _peer("wb-manager", "init", "it", cwd=tmp_path)
        _peer("wb-manager", "add", "it", path, cwd=tmp_path)
        index = tmp_path / "collections" / "it" / "indexes" / "index.cdxj"
        theirs = _lines(index.read_bytes())
    else:
        theirs = _lines(_peer(indexer, "--sort", path, cwd=tmp_path).encode())
    ours = _lines(gzip.decompress(_write(crawled, tmp_path / "it.wacz")["indexes/index.cdx.gz"]))

    def plain(lines: list[tuple[str, str, dict[str, Any]]]) -> list[object]:
        # The one puts the kind before a digest, and the other does not; pywb has no status of a
        # revisit.
        digest = [(k, d, {**t, "digest": t["digest"].removeprefix("sha1:")}) for k, d, t in lines]
        return [
            (k, d, {n: v for n, v in t.items() if n != "status" or indexer != "pywb"})
            for k, d, t in digest
        ]

    assert plain(ours) == plain(theirs)


def test_wacz_finds_it_valid(crawled: tuple[Path, dict[str, bytes]], tmp_path: Path) -> None:
    _write(crawled, tmp_path / "it.wacz")
    told = _peer("wacz", "validate", "-f", tmp_path / "it.wacz", cwd=tmp_path)
    assert "Validation succeeded" in told
