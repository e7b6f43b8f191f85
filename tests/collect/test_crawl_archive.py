"""The archive that a crawl leaves: what was asked and answered, readable for others."""

from __future__ import annotations

import gzip
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from warcio.archiveiterator import ArchiveIterator

from tests.web.sites import Reply, Site, running
from tilth.collect import crawl, web_archive
from tilth.context import Context
from tilth.web.frontier import Frontier

_BODY = "the same words on every page of this kind " * 60


def _settings(site: Site, **changes: Any) -> crawl.Settings:
    given: dict[str, Any] = {
        "start": (f"{site.root}/",),
        "allow_hosts": ("127.0.0.1",),
        "delay_s": 0,
    }
    return crawl.Settings(**{**given, **changes})


def _crawl(settings: crawl.Settings, work: Path) -> list[dict[str, Any]]:
    batches = crawl.read(settings, "docs", Context(work=work))
    return [row for batch in batches for row in batch.to_pylist()]


def _archive(work: Path) -> Path:
    return work / "crawl" / "warc" / "crawl-00000.warc.gz"


def _records(work: Path, kind: str) -> dict[str, Any]:
    """The records of a kind by the path that they are of."""
    with open(_archive(work), "rb") as file:
        return {
            "/" + str(one.rec_headers.get_header("WARC-Target-URI")).split("/", 3)[-1]: one
            for one in ArchiveIterator(file, check_digests="raise")
            if one.rec_type == kind
        }


def _twins() -> Site:
    """Five pages of which three have one body."""
    site = Site()
    site.html("/", "/a", "/b", "/c", "/d")
    for path in ("/a", "/c", "/d"):
        site.pages[path] = Reply(f"<p>{_BODY}".encode())
    site.html("/b")
    return site


def test_what_was_sent_is_in_the_archive_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"A_TOKEN": "xQ9", "A_KEY": "long-and-secret-4711"}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    site = Site()
    with running(site):
        site.pages["/?view=1&token=xQ9"] = Reply(b"<a href=/a>a</a>")
        site.html("/a", text=_BODY)
        start = f"{site.root}/?view=1&token=${{A_TOKEN}}"
        headers = {"X-Api-Key": "${A_KEY}", "X-Team": "Bearer ${A_TOKEN}", "Accept-Language": "de"}
        rows = _crawl(
            _settings(site, start=(start,), headers=headers, user_agent="odd/1 (me@example.org)"),
            tmp_path,
        )
    assert sum(row["html"] is not None for row in rows) == 2
    sent = next(one for one in site.headers if "x-api-key" in one)
    assert (sent["x-api-key"], sent["x-team"]) == (values["A_KEY"], "Bearer xQ9")
    asked = dict(_records(tmp_path, "request")["/a"].http_headers.headers)
    told = {name.lower(): value for name, value in asked.items()}
    # All that was sent, and nothing else.
    assert told.keys() == sent.keys()
    hidden = {"x-api-key": "${A_KEY}", "x-team": "Bearer ${A_TOKEN}"}
    assert told == {**sent, **hidden}
    assert "/?view=1&token=${A_TOKEN}" in _records(tmp_path, "response")
    data = gzip.decompress(_archive(tmp_path).read_bytes())
    for value in values.values():
        assert value.encode() not in data
    assert b"http-header-user-agent: odd/1 (me@example.org)\r\n" in data
    assert b"WARC-IP-Address: 127.0.0.1\r\n" in data


def test_a_body_that_several_pages_have_is_there_once(tmp_path: Path) -> None:
    with running(_twins()) as site:
        rows = _crawl(_settings(site), tmp_path)
    pages = {row["uri"]: row["html"] for row in rows}
    assert len(pages) == 5
    assert [pages[f"{site.root}/{name}"] for name in "acd"] == 3 * [f"<p>{_BODY}".encode()]
    assert len(_records(tmp_path, "response")) == 3
    assert len(_records(tmp_path, "revisit")) == 2
    assert len(_records(tmp_path, "request")) == 5
    # As a source of its own it has the same pages.
    told: list[tuple[str, str]] = []
    context = Context(tmp_path / "work", passes_over=lambda *one: told.append(one))
    settings = web_archive.Settings(path=str(_archive(tmp_path)))
    found = [
        row for batch in web_archive.read(settings, "it", context) for row in batch.to_pylist()
    ]
    assert {row["uri"]: row["html"] for row in found} == pages
    kinds = [reason for _, reason in told]
    assert sorted(kinds) == ["a record of the kind request"] * 5 + ["a record of the kind warcinfo"]


def test_a_crawl_that_goes_on_knows_the_bodies_of_before(tmp_path: Path) -> None:
    with running(_twins()) as site:
        # The start, and the first of its links.
        _crawl(_settings(site, max_pages=2), tmp_path)
        rows = _crawl(_settings(site), tmp_path)
        anew = _crawl(_settings(site), tmp_path / "anew")
        # Read from the archive, by bounds that a revisit must pass as any page.
        fewer = _crawl(_settings(site, max_bytes=len(_BODY)), tmp_path)
        assert fewer == _crawl(_settings(site, max_bytes=len(_BODY)), tmp_path / "fewer")
    assert rows == anew
    assert _records(tmp_path, "revisit").keys() == {"/c", "/d"}


def test_a_body_that_was_lost_is_no_original(tmp_path: Path) -> None:
    """A loss of power took it and all behind it, the pages of the same body too."""
    with running(_twins()) as site:
        whole = _crawl(_settings(site), tmp_path)
        path = tmp_path / "crawl" / "frontier.sqlite"
        with closing(Frontier(path)) as frontier:
            places = {end.url: end.place for end in frontier.outcomes() if end.place}
            lost = places[f"{site.root}/a"]
            frontier.set_fact("hardened", f"0:{lost.start}")
        with closing(sqlite3.connect(path)) as db:
            db.execute("DELETE FROM facts WHERE name = 'complete'")
            db.commit()
        archive = _archive(tmp_path)
        archive.write_bytes(archive.read_bytes()[: lost.start + 40])
        assert _crawl(_settings(site), tmp_path) == whole
    assert _records(tmp_path, "response").keys() == {"/", "/a", "/b"}


def test_an_original_that_is_damaged_is_none(tmp_path: Path) -> None:
    """It costs the rows of its own, and no page that comes later."""
    with running(_twins()) as site:
        _crawl(_settings(site, max_pages=2), tmp_path)
        with closing(Frontier(tmp_path / "crawl" / "frontier.sqlite")) as frontier:
            (place,) = (
                end.place for end in frontier.outcomes() if end.url.endswith("/a") and end.place
            )
        data = bytearray(_archive(tmp_path).read_bytes())
        data[place.start + 30 : place.start + 60] = bytes(30)
        _archive(tmp_path).write_bytes(data)
        rows = _crawl(_settings(site), tmp_path)
    assert [row["uri"] for row in rows if row["error"]] == []
    assert sum(row["html"] is not None for row in rows) == 5


def test_nothing_but_what_may_be_kept_is_in_it(tmp_path: Path) -> None:
    with running(Site()) as site:
        site.html("/", "/wish", "/said", "/gone", "/moved", "/data", text="may be kept")
        site.html("/wish", head='<meta name="robots" content="noindex">', text="secret words")
        html = ("Content-Type", "text/html")
        site.html("/said", text="secret words", headers=(html, ("X-Robots-Tag", "noai")))
        site.pages["/gone"] = Reply(b"secret words", 404)
        site.pages["/moved"] = Reply(b"secret words", 301, (html, ("Location", "/")))
        site.pages["/data"] = Reply(b"secret words", headers=(("Content-Type", "text/plain"),))
        _crawl(_settings(site), tmp_path)
    archived = gzip.decompress(_archive(tmp_path).read_bytes())
    assert b"may be kept" in archived
    assert b"secret words" not in archived
