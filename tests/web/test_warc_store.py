"""The archive: places, a torn tail, and other readers."""

from __future__ import annotations

import io
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from warcio.archiveiterator import ArchiveIterator
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from tilth.errors import DataError
from tilth.web.client import Answer
from tilth.web.warc_store import (
    Place,
    WarcStore,
    is_whole,
    read_answer,
    read_original,
    read_page,
)

_WHEN = "2026-01-02T03:04:05Z"
_LATER = "2026-01-02T03:04:06Z"


class _Record(NamedTuple):
    kind: str
    fields: dict[str, str]
    status: str
    http: dict[str, str]
    payload: bytes


def _answer(body: bytes) -> Answer:
    headers = (("Content-Type", "text/html"), ("Content-Encoding", "gzip"), ("X-Odd", "\xe9"))
    request = (("Host", "example.org"), ("User-Agent", "tilth/1 (me)"))
    return Answer(200, "OK", headers, body, request=request, address="192.0.2.7")


def _records(folder: Path) -> list[_Record]:
    """All records, as `warcio` reads them, once it has found their digests right."""
    found = []
    for path in sorted(folder.glob("*.warc.gz")):
        with open(path, "rb") as file:
            for one in ArchiveIterator(file, check_digests="raise"):
                http = one.http_headers
                status = "" if http is None else f"{http.protocol} {http.statusline}"
                headers = {} if http is None else dict(http.headers)
                fields = dict(one.rec_headers.headers)
                assert one.rec_headers.protocol == "WARC/1.1"
                payload = one.content_stream().read()
                found.append(_Record(one.rec_type, fields, status, headers, payload))
    return found


def test_pages_come_back_from_their_places(tmp_path: Path) -> None:
    bodies = [b"<p>%d" % number * 50 for number in range(5)] + [b"", bytes(range(256))]
    with closing(WarcStore(tmp_path)) as store:
        places = [
            store.append(f"http://example.org/{n}", _answer(b), _WHEN) for n, b in enumerate(bodies)
        ]
        store.sync()
    assert [read_page(tmp_path, place) for place in places] == bodies


def test_an_answer_comes_back_with_its_headers(tmp_path: Path) -> None:
    with closing(WarcStore(tmp_path)) as store:
        place = store.append("http://example.org/", _answer(b"<p>"), _WHEN)
        store.flush()
        answer = read_answer(tmp_path, place)
    assert (answer.status, answer.body, answer.content_type) == (200, b"<p>", "text/html")
    # The transfer is over.
    assert answer.header("content-encoding") == ""


def test_an_answer_comes_back_however_long_its_headers_are(tmp_path: Path) -> None:
    long = tuple((f"Link-{number}", "x" * (100 << 10)) for number in range(20))
    with closing(WarcStore(tmp_path)) as store:
        sent = replace(_answer(b"<p>"), headers=long)
        place = store.append("http://example.org/", sent, _WHEN)
        store.flush()
        answer = read_answer(tmp_path, place)
    assert (answer.body, answer.headers[: len(long)]) == (b"<p>", long)


def test_another_reader_reads_it(tmp_path: Path) -> None:
    with closing(WarcStore(tmp_path, about={"robots": "obey"})) as store:
        store.append("http://example.org/x?q=\xe9", _answer(b"<p>body"), _WHEN)
        store.sync()
    info, page, asked = _records(tmp_path)
    assert (info.kind, page.kind, asked.kind) == ("warcinfo", "response", "request")
    assert info.fields["WARC-Filename"] == "crawl-00000.warc.gz"
    told = dict(line.split(": ", 1) for line in info.payload.decode().splitlines())
    assert told["robots"] == "obey"
    assert told["software"].startswith("tilth/")
    assert told["format"] == "WARC File Format 1.1"
    for one in (page, asked):
        assert one.fields["WARC-Target-URI"] == "http://example.org/x?q=\xe9"
        assert one.fields["WARC-Date"] == _WHEN
        assert one.fields["WARC-IP-Address"] == "192.0.2.7"
    assert asked.fields["WARC-Concurrent-To"] == page.fields["WARC-Record-ID"]
    assert page.http["X-Crawler-Content-Encoding"] == "gzip"
    assert page.payload == b"<p>body"
    # As `sha1sum` and `base32` have it.
    assert page.fields["WARC-Payload-Digest"] == "sha1:ZVYHKVEMHAQ3O6X5KYNBYUNCCIECT6MA"
    assert page.fields["WARC-Block-Digest"].startswith("sha1:")
    assert asked.status == "GET /x?q=%C3%A9 HTTP/1.1"
    assert asked.http == {"Host": "example.org", "User-Agent": "tilth/1 (me)"}


def test_each_file_and_each_run_says_who_wrote_it(tmp_path: Path) -> None:
    end = ""
    for agent in ("one/1", "two/2"):
        about = {"http-header-user-agent": agent}
        with closing(WarcStore(tmp_path, end, 1500, about)) as store:
            for n in range(3):
                store.append(f"http://example.org/{agent}{n}", _answer(b"x" * n), _WHEN)
            end = store.end
    records = _records(tmp_path)
    assert sum(one.kind == "response" for one in records) == 6
    told, files = "", set()
    for one in records:
        if one.kind == "warcinfo":
            told = one.payload.decode()
            files.add(one.fields["WARC-Filename"])
        else:
            agent = one.fields["WARC-Target-URI"].removeprefix("http://example.org/")[:5]
            assert f"http-header-user-agent: {agent}\r\n" in told
    assert files == {path.name for path in tmp_path.iterdir()}
    assert len(files) > 1


def test_a_body_that_is_there_is_stored_once(tmp_path: Path) -> None:
    body = bytes(range(256)) * 40
    with closing(WarcStore(tmp_path)) as store:
        first = store.append("http://example.org/1", _answer(body), _WHEN)
        store.flush()
        same = read_original(tmp_path, first, body)
        assert same is not None
        assert read_original(tmp_path, first, body[:-1]) is None
        again = store.append("http://example.org/2", _answer(body), _LATER, same)
        store.sync()
    assert again.length < first.length
    assert read_page(tmp_path, again) == body
    answer = read_answer(tmp_path, again)
    assert (answer.body, answer.content_type) == (body, "text/html")
    # A revisit is no original.
    assert read_original(tmp_path, again, body) is None
    _, page, _, visit, asked = _records(tmp_path)
    assert visit.kind == "revisit"
    assert visit.fields["WARC-Profile"].endswith("/warc/1.1/revisit/identical-payload-digest")
    assert visit.fields["WARC-Payload-Digest"] == page.fields["WARC-Payload-Digest"]
    assert visit.fields["WARC-Refers-To"] == page.fields["WARC-Record-ID"]
    assert visit.fields["WARC-Refers-To-Target-URI"] == "http://example.org/1"
    assert visit.fields["WARC-Refers-To-Date"] == _WHEN
    assert (visit.http["Content-Type"], visit.payload) == ("text/html", b"")
    assert asked.fields["WARC-Concurrent-To"] == visit.fields["WARC-Record-ID"]


@pytest.mark.parametrize("body", [b"another", None])
def test_a_revisit_of_another_body_is_damaged(body: bytes | None, tmp_path: Path) -> None:
    with closing(WarcStore(tmp_path)) as store:
        first = store.append("http://example.org/1", _answer(b"one"), _WHEN)
        other = store.append("http://example.org/2", _answer(body or b"x"), _WHEN)
        store.flush()
        same = read_original(tmp_path, first, b"one")
        assert same is not None
        place = other if body else Place(7, 0, 9)
        visit = store.append(
            "http://example.org/3", _answer(b"one"), _LATER, same._replace(place=place)
        )
        store.flush()
    with pytest.raises(DataError, match="another body" if body else "cannot be read"):
        read_page(tmp_path, visit)


def test_an_archive_of_before_is_read_and_goes_on(tmp_path: Path) -> None:
    """Of WARC/1.0, with responses and nothing else."""
    path, places = tmp_path / "crawl-00000.warc.gz", []
    with open(path, "wb") as file:
        for n in range(2):
            start, body = file.tell(), b"<p>%d" % n
            status = StatusAndHeaders("200 OK", [("Content-Type", "text/html")], "HTTP/1.1")
            writer = WARCWriter(file, gzip=True)
            record = writer.create_warc_record(
                f"http://example.org/{n}",
                "response",
                io.BytesIO(body),
                len(body),
                http_headers=status,
            )
            writer.write_record(record)
            places.append(Place(0, start, file.tell() - start))
    with closing(WarcStore(tmp_path, f"0:{path.stat().st_size}")) as store:
        same = read_original(tmp_path, places[1], b"<p>1")
        places.append(store.append("http://example.org/2", _answer(b"<p>1"), _WHEN, same))
        store.sync()
    assert [read_page(tmp_path, place) for place in places] == [b"<p>0", b"<p>1", b"<p>1"]
    assert all(is_whole(tmp_path, place) for place in places)


def test_a_page_is_whole_with_its_request(tmp_path: Path) -> None:
    with closing(WarcStore(tmp_path)) as store:
        place = store.append("http://example.org/1", _answer(b"one"), _WHEN)
        store.sync()
    assert is_whole(tmp_path, place)
    path = tmp_path / "crawl-00000.warc.gz"
    data = path.read_bytes()
    for damaged in (data[:-1], data[:-60] + bytes(60), data[: place.start] + bytes(place.length)):
        path.write_bytes(damaged)
        assert not is_whole(tmp_path, place)
    assert not is_whole(tmp_path, Place(1, 0, 10))


def test_what_was_not_committed_is_cut_off(tmp_path: Path) -> None:
    with closing(WarcStore(tmp_path)) as store:
        first = store.append("http://example.org/1", _answer(b"one"), _WHEN)
        store.sync()
        end = store.end
        store.append("http://example.org/2", _answer(b"two"), _WHEN)
    path = tmp_path / "crawl-00000.warc.gz"
    path.write_bytes(path.read_bytes()[:-7])
    with closing(WarcStore(tmp_path, end)) as store:
        third = store.append("http://example.org/3", _answer(b"three"), _WHEN)
        store.sync()
    # Behind what says who goes on.
    assert third.start > first.start + first.length
    assert read_page(tmp_path, first) == b"one"
    assert read_page(tmp_path, third) == b"three"
    kinds = ["warcinfo", "response", "request"]
    assert [one.kind for one in _records(tmp_path)] == 2 * kinds


def test_files_are_rotated(tmp_path: Path) -> None:
    with closing(WarcStore(tmp_path, max_file_bytes=300)) as store:
        places = [store.append(f"http://example.org/{n}", _answer(b"x"), _WHEN) for n in range(4)]
        end = store.end
    assert {place.file for place in places} == {0, 1, 2, 3}
    (tmp_path / "crawl-00007.warc.gz").write_bytes(b"left by a kill")
    with closing(WarcStore(tmp_path, end, max_file_bytes=300)) as store:
        assert store.end == end
    assert len(list(tmp_path.iterdir())) == 4


def test_a_damaged_archive_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="archive is damaged"):
        WarcStore(tmp_path, "0:1000")
    (tmp_path / "crawl-00000.warc.gz").write_bytes(b"no gzip" * 10)
    with pytest.raises(DataError, match=r"no record|cannot be read"):
        read_page(tmp_path, Place(0, 0, 70))
    with pytest.raises(DataError, match="cannot be read"):
        read_page(tmp_path, Place(3, 0, 70))
