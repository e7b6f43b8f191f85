"""Common Crawl: which captures are taken, whom is asked for them, and how patiently."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.formats.web_archives import page, record
from tests.table.entries import effect, extreme, idle, name, unordered
from tests.table.sources import read
from tests.table.whole import said
from tests.web.index_server import INDEX, Archive, serving
from tilth.errors import DataError, MissingError
from tilth.recipe.operations import operation
from tilth.settings import acting

Tree = dict[str, Any]


@pytest.fixture
def archive() -> Iterator[Archive]:
    found = Archive()
    for number, status in ((1, "200"), (2, "404"), (3, "200")):
        url = f"http://e.org/{number}"
        found.add("1.gz", {url: record(url, page(), status=f"{status} Said")}, status=status)
    with serving(found):
        yield found


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between requests, which are not waited for.

    A sleep of 0 lets others of the loop run, whoever asks for it: it is no pause.
    """
    found: list[float] = []
    sleep = asyncio.sleep

    async def at_once(delay: float, *_: Any) -> None:
        if delay > 0:
            found.append(delay)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", at_once)
    return found


def tree(archive: Archive, **given: Any) -> Tree:
    servers = {"index_server": archive.root, "data_server": archive.root}
    ways = {"allow_hosts": ["127.0.0.1"], "delay_s": 0, "retry_s": 0, "timeout_s": 5}
    return {"index": INDEX, "url": "*.e.org/*", **servers, **ways, **given}


def pages(archive: Archive, work: Path, **given: Any) -> list[str]:
    rows = read("common_crawl", work, tree(archive, **given))
    return [row["error"] or row["uri"][-1] for row in rows]


def wrong(**given: Any) -> str:
    settings = {"index": INDEX, "url": "e.org/*", **given}
    return said({"collect": {"a": {"common_crawl": settings}}})


@effect("collect.common_crawl.index", "collect.common_crawl.url")
@name("collect.common_crawl.index", "collect.common_crawl.url")
def test_an_index_is_asked_for_addresses(archive: Archive, tmp_path: Path) -> None:
    assert pages(archive, tmp_path / "1") == ["1", "3"]
    assert pages(archive, tmp_path / "2", url="e.org/3") == ["3"]
    for number, given in enumerate(({"index": "CC-MAIN-2024-21"}, {"url": "*.f.org/*"}), start=3):
        with pytest.raises(DataError, match="the index has nothing"):
            pages(archive, tmp_path / str(number), **given)
    assert "index" in wrong(index="../CC")
    assert "url" in wrong(url="")


@effect("collect.common_crawl.index_server", "collect.common_crawl.data_server")
@name("collect.common_crawl.index_server", "collect.common_crawl.data_server")
def test_each_server_is_asked_for_its_own(path: str, archive: Archive, tmp_path: Path) -> None:
    server = path.rpartition(".")[2]
    with serving(Archive()) as other:
        given = {server: other.root}
        if server == "index_server":
            with pytest.raises(DataError, match="the index has nothing"):
                pages(archive, tmp_path, **given)
        else:
            (error, _) = pages(archive, tmp_path, **given)
            assert "the data server does not have it" in error
        assert other.asked
    assert "only http and https are fetched" in wrong(**{server: "ftp://e.org"})
    assert "127.0.0.1" in wrong(**{server: "http://127.0.0.1"})


@effect("collect.common_crawl.allow_hosts")
@name("collect.common_crawl.allow_hosts")
def test_a_host_here_is_asked_where_it_is_allowed(archive: Archive, tmp_path: Path) -> None:
    assert pages(archive, tmp_path, allow_hosts=["127.1"]) == ["1", "3"]
    given = tree(archive, allow_hosts=["127.0.0.2"])
    assert "which is not a public address" in wrong(**given)
    assert "not a host name" in wrong(allow_hosts=["a/b"])


@effect("collect.common_crawl.headers")
def test_headers_are_sent(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TABLE_KEY", "opensesame")
    pages(archive, tmp_path, headers={"X-Key": "${TABLE_KEY}"})
    assert {one["x-key"] for one in archive.headers} == {"opensesame"}


@unordered("collect.common_crawl.headers")
def test_headers_have_no_order(archive: Archive, tmp_path: Path) -> None:
    given = [{f"X-{one}": one for one in names} for names in ("ab", "ba")]
    trees = [tree(archive, headers=one) for one in given]
    first, second = (read("common_crawl", tmp_path / str(n), one) for n, one in enumerate(trees))
    assert first == second
    known = operation("common_crawl").settings
    acts, also = (acting(known.model_validate(one)) for one in trees)
    assert acts == also


@name("collect.common_crawl.headers")
def test_a_secret_that_is_not_set_and_a_header_that_is_none() -> None:
    assert "the secret ${TABLE_NO_SUCH} is not set" in wrong(headers={"X-Key": "${TABLE_NO_SUCH}"})
    assert "`Host` is not a header that a source may set" in wrong(headers={"Host": "b.org"})


@effect("collect.common_crawl.statuses")
@extreme("collect.common_crawl.statuses")
def test_answers_of_these_statuses_are_read(archive: Archive, tmp_path: Path) -> None:
    assert pages(archive, tmp_path / "1", statuses=[404]) == ["2"]
    assert pages(archive, tmp_path / "2", statuses=[100, 200, 404, 599]) == ["1", "2", "3"]
    for bad in ([], [99], [600]):
        assert "statuses" in wrong(statuses=bad)


@effect("collect.common_crawl.truncated")
def test_pages_that_were_cut_short(archive: Archive, tmp_path: Path) -> None:
    url = "http://e.org/4"
    archive.add("2.gz", {url: record(url, page(), fields={"WARC-Truncated": "length"})})
    assert pages(archive, tmp_path, truncated="read") == ["1", "3", "4"]
    asked = len(archive.asked)
    assert pages(archive, tmp_path, truncated="pass_over") == ["1", "3"]
    assert len(archive.asked) == asked


@effect("collect.common_crawl.max_pages")
@extreme("collect.common_crawl.max_pages")
def test_no_more_captures(archive: Archive, tmp_path: Path) -> None:
    assert pages(archive, tmp_path / "1", max_pages=1) == ["1"]
    assert pages(archive, tmp_path / "2", max_pages=1_000_000) == ["1", "3"]
    for bad in (0, 1_000_001):
        assert "max_pages" in wrong(max_pages=bad)


@effect("collect.common_crawl.max_record_bytes")
@extreme("collect.common_crawl.max_record_bytes")
def test_longer_records_are_not_fetched(archive: Archive, tmp_path: Path) -> None:
    longest = max(int(one["length"]) for one in archive.captures)
    # Packed it is shorter than the bound, unpacked it is not.
    (error, _) = pages(archive, tmp_path / "1", max_record_bytes=longest)
    assert "above `max_record_bytes`" in error
    with pytest.raises(DataError, match="not one record"):
        pages(archive, tmp_path / "2", max_record_bytes=64)
    assert pages(archive, tmp_path / "3", max_record_bytes=1 << 31) == ["1", "3"]
    for bad in (63, (1 << 31) + 1):
        assert "max_record_bytes" in wrong(max_record_bytes=bad)


@effect("collect.common_crawl.license")
def test_rows_have_the_licence(archive: Archive, tmp_path: Path) -> None:
    rows = read("common_crawl", tmp_path, tree(archive, license="CC-BY-4.0"))
    assert {row["license"] for row in rows} == {"CC-BY-4.0"}


@effect("collect.common_crawl.delay_s")
@extreme("collect.common_crawl.delay_s")
def test_requests_are_that_far_apart(archive: Archive, tmp_path: Path, pauses: list[float]) -> None:
    pages(archive, tmp_path / "1", delay_s=86_400)
    # Before the page of the index, and between the captures.
    assert pauses == [86_400, 86_400]
    pages(archive, tmp_path / "2", delay_s=0)
    assert pauses[2:] == []
    for bad in (-1, 86_401):
        assert "delay_s" in wrong(delay_s=bad)


@effect("collect.common_crawl.retries", "collect.common_crawl.retry_s")
@extreme("collect.common_crawl.retries", "collect.common_crawl.retry_s")
def test_a_server_that_is_busy_is_asked_again(
    archive: Archive, tmp_path: Path, pauses: list[float]
) -> None:
    archive.busy = 2
    assert pages(archive, tmp_path / "1", retries=10, retry_s=120) == ["1", "3"]
    assert pauses[:2] == [120, 120]
    archive.busy = 1
    with pytest.raises(MissingError, match="HTTP status 503"):
        pages(archive, tmp_path / "2", retries=0, retry_s=0)
    for bad in (-1, 11):
        assert "retries" in wrong(retries=bad)
    for pause in (-1, 121):
        assert "retry_s" in wrong(retry_s=pause)


@effect("collect.common_crawl.timeout_s")
@extreme("collect.common_crawl.timeout_s")
def test_an_answer_that_does_not_come(archive: Archive, tmp_path: Path) -> None:
    assert pages(archive, tmp_path / "1", timeout_s=86_400) == ["1", "3"]
    archive.wait_s = 0.4
    with pytest.raises(MissingError, match=r"no complete answer within 0.1 s"):
        pages(archive, tmp_path / "2", timeout_s=0.1, retries=0)
    for bad in (0, -1, 86_401):
        assert "timeout_s" in wrong(timeout_s=bad)


@effect("collect.common_crawl.user_agent")
@name("collect.common_crawl.user_agent")
def test_the_crawler_says_who_it_is(archive: Archive, tmp_path: Path) -> None:
    pages(archive, tmp_path, user_agent="reader/1 (ann@e.org)")
    assert archive.agents == {"reader/1 (ann@e.org)"}
    for bad in ("", "/1", " a", "a\n"):
        assert "user_agent" in wrong(user_agent=bad)


@effect("collect.common_crawl.meta")
def test_what_else_a_record_says(archive: Archive, tmp_path: Path) -> None:
    for number, meta in enumerate(("all", "none")):
        found = read("common_crawl", tmp_path / str(number), {**tree(archive), "meta": meta})
        assert ("meta.warc-record-id" in found[0]) == (meta == "all")


WAYS: dict[str, list[Any]] = {
    "allow_hosts": [["127.1"], ["127.0.0.1", "b.org"]],
    "delay_s": [0.001],
    "retries": [0, 3],
    "retry_s": [0.001],
    "timeout_s": [2, 50],
    "user_agent": ["reader/1"],
}


@idle(*[f"collect.common_crawl.{setting}" for setting in WAYS])
def test_how_politely_it_is_asked_says_nothing(path: str, archive: Archive, tmp_path: Path) -> None:
    setting = path.rpartition(".")[2]
    known = operation("common_crawl").settings
    was = tree(archive)
    rows = read("common_crawl", tmp_path / "1", was)
    asked = len(archive.asked)
    for number, value in enumerate(WAYS[setting]):
        now = {**was, setting: value}
        assert acting(known.model_validate(now)) == acting(known.model_validate(was))
        assert read("common_crawl", tmp_path / f"2-{number}", now) == rows
        # Nor is anything asked again.
        again = len(archive.asked)
        assert read("common_crawl", tmp_path / "1", now) == rows
        assert len(archive.asked) == again
    assert len(archive.asked) > asked
