"""The archive: places, a torn tail, and other readers."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

from tilth.errors import DataError
from tilth.web.client import Answer
from tilth.web.warc_store import Place, WarcStore, read_answer, read_page

_WHEN = "2026-01-02T03:04:05Z"


def _answer(body: bytes) -> Answer:
    headers = (("Content-Type", "text/html"), ("Content-Encoding", "gzip"), ("X-Odd", "\xe9"))
    return Answer(200, "OK", headers, body)


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


def test_another_reader_reads_it(tmp_path: Path) -> None:
    with closing(WarcStore(tmp_path)) as store:
        store.append("http://example.org/x", _answer(b"<p>body"), _WHEN)
        store.sync()
    with open(tmp_path / "crawl-00000.warc.gz", "rb") as file:
        records = [
            (
                record.rec_headers.get_header("WARC-Target-URI"),
                record.rec_headers.get_header("WARC-Date"),
                record.http_headers.get_header("X-Crawler-Content-Encoding"),
                record.content_stream().read(),
            )
            for record in ArchiveIterator(file)
        ]
    assert records == [("http://example.org/x", _WHEN, "gzip", b"<p>body")]


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
    assert third.start == first.length
    assert read_page(tmp_path, first) == b"one"
    assert read_page(tmp_path, third) == b"three"
    with open(path, "rb") as file:
        assert sum(1 for _ in ArchiveIterator(file)) == 2


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
