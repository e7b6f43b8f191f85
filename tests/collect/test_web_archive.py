"""Web archives as a source: pages, and all that is none of them with its reason."""

from __future__ import annotations

import gzip
import io
import json
import os
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import brotli  # type: ignore[import-untyped]
import pyarrow as pa
import pytest
from fastwarc.warc import ArchiveIterator
from warcio.archiveiterator import ArchiveIterator as Warcio

from tests.collect.tabular import read_with
from tests.engine.inline import places, plan_of, run_inline, use_inline
from tests.formats.web_archives import DATE, answer, arc, page, plain_record, record, wacz
from tilth.clean import extract, rules
from tilth.collect import web_archive
from tilth.context import Context
from tilth.errors import DataError
from tilth.formats.http_answer import AnswerError, TooLongError, decode, join_chunks
from tilth.store import Dataset

ROOT = Path(__file__).parents[2]
Row = dict[str, Any]


def read(path: Path, **given: Any) -> tuple[list[Row], list[tuple[str, str]]]:
    """The rows, and place and reason of what was passed over."""
    told: list[tuple[str, str]] = []
    context = Context(path.parent / "work", passes_over=lambda *one: told.append(one))
    settings = web_archive.Settings.model_validate({"path": str(path), **given})
    rows = [row for one in web_archive.read(settings, "s", context) for row in one.to_pylist()]
    return rows, [(place.removeprefix(f"{path}:"), reason) for place, reason in told]


def write(folder: Path, name: str, *parts: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"".join(parts))
    return folder / name


def test_a_text_is_decoded_strictly(tmp_path: Path) -> None:
    def text(name: str, data: bytes, kind: str = "text/plain") -> bytes:
        return record(f"http://e.org/{name}", data, "conversion", content_type=kind)

    path = write(
        tmp_path,
        "a.warc.wet.gz",
        text("good", "Grüße".encode()),
        text("bad", "Grüße".encode("latin-1")),
        text("marked", "\ufeffGrüße".encode()),
        text("said", "Grüße".encode("latin-1"), "text/plain; charset=ISO-8859-1"),
        text("odd", "Grüße".encode(), "text/plain; charset=klingon"),
    )
    rows, _ = read(path)
    assert [row["text"] for row in rows] == ["Grüße", None, "Grüße", "Grüße", "Grüße"]
    assert rows[1]["error"].endswith(": invalid UTF-8 at byte 2 (0xfc)")


def test_every_record_is_a_row_or_has_its_reason(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "a.warc.gz",
        *(record("http://e.org/q", b"", kind) for kind in ("request", "metadata", "continuation")),
        record("http://e.org/", page()),
        record("http://e.org/x", page(), content_type="application/xhtml+xml"),
        record("http://e.org/gone", page(), status="404 Not Found"),
        record("http://e.org/a.png", b"x", content_type="image/png"),
        record("http://e.org/odd", b"x", content_type="a secret of 123"),
        record("dns:e.org", b"e.org. 1 IN A 1.2.3.4", "response", content_type="text/dns"),
        record("http://e.org/r", page("egret"), "resource", content_type="text/html"),
        record("http://e.org/t", "Grüße".encode(), "conversion", content_type="text/plain"),
        record("http://e.org/n", b"x", "novelty"),
        record("http://e.org/s", page(), fields={"WARC-Segment-Number": "1"}),
    )
    rows, told = read(path)
    assert [row["uri"][13:] for row in rows] == ["", "x", "r", "t"]
    assert rows[0]["html"] == page()
    assert rows[0]["content_type"] == "text/html; charset=utf-8"
    assert {row["fetched_at"] for row in rows} == {DATE}
    assert (rows[3]["text"], rows[3]["html"]) == ("Grüße", None)
    assert Counter(reason for _, reason in told) == Counter(
        [
            *(f"a record of the kind {one}" for one in ("request", "metadata", "continuation")),
            "an answer of the HTTP status 404",
            "of a type that this source does not read (image/png)",
            "of a type that this source does not read (unknown)",
            "of a type that this source does not read (text/dns)",
            "a record of the kind unknown",
            "a part of a record that was parted",
        ]
    )
    # Each at the place where an independent reader finds it.
    archive = Warcio(io.BytesIO(path.read_bytes()))
    places = [str(archive.get_record_offset()) for _ in archive]
    assert [place for place, _ in told] == [places[n] for n in (0, 1, 2, 5, 6, 7, 8, 11, 12)]


@pytest.mark.parametrize("suffix", [".warc", ".warc.gz"])
def test_the_pages_are_those_that_others_read(suffix: str, tmp_path: Path) -> None:
    parts = [
        record(f"http://e.org/{n}", page(str(n)), packed=suffix.endswith("gz")) for n in range(30)
    ]
    path = write(tmp_path, f"a{suffix}", *parts)
    rows, _ = read(path)
    theirs = [
        (one.headers["WARC-Target-URI"], one.reader.read())
        for one in ArchiveIterator(io.BytesIO(path.read_bytes()), parse_http=True)
    ]
    assert [(row["uri"], row["html"]) for row in rows] == theirs


def test_a_record_that_lies_in_two_files_is_two_rows_of_one_page(tmp_path: Path) -> None:
    one = record("http://e.org/", page())
    folder = tmp_path / "in"
    for name, data in (
        ("a.warc.gz", one),
        ("b.warc.gz", one + record("http://e.org/", page("egret"))),
        ("c.wacz", wacz({"a.warc.gz": one, "b.warc.gz": one})),
    ):
        write(folder, name, data)
    rows, _ = read(folder)
    assert len({row["id"] for row in rows}) == 5
    assert [row["html"] for row in rows].count(page()) == 4
    # A page that was changed where it lies is another one.
    write(folder, "a.warc.gz", record("http://e.org/", page("egret")))
    again, _ = read(folder)
    assert [row["id"] for row in again[1:]] == [row["id"] for row in rows[1:]]
    assert again[0]["id"] != rows[0]["id"]


CODED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data),
    "x-gzip": lambda data: gzip.compress(data[:50]) + gzip.compress(data[50:]),
    "deflate": zlib.compress,
    "deflate, raw": lambda data: zlib.compress(data)[2:-4],
    "br": lambda data: bytes(brotli.compress(data, quality=1)),
    "zstd": lambda data: pa.compress(data, codec="zstd", asbytes=True),
}


def chunked(data: bytes, size: int = 100) -> bytes:
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(b"%x;a=b\r\n%s\r\n" % (len(one), one) for one in [*parts, b""])


@pytest.mark.parametrize("coding", CODED)
@pytest.mark.parametrize("in_chunks", [True, False])
def test_codings_are_undone(coding: str, in_chunks: bool, tmp_path: Path) -> None:
    body = CODED[coding](page())
    header = [f"Content-Encoding: {coding.partition(',')[0]}"]
    if in_chunks:
        body, header = chunked(body), [*header, "Transfer-Encoding: chunked"]
    (row,), _ = read(write(tmp_path, "a.warc", plain_record(answer(body, *header))))
    assert row["html"] == page()


@pytest.mark.parametrize("coding", CODED)
def test_a_coded_page_that_is_damaged_or_a_bomb_is_quarantined(coding: str, tmp_path: Path) -> None:
    name = coding.partition(",")[0]
    pages = {
        "cut": CODED[coding](page())[:-9],
        "bomb": CODED[coding](bytes(2 << 20)),
        "noise": (b"\x1f\x8b" if "gzip" in name else b"\x78\x9c") + os.urandom(200),
    }
    parts = [
        plain_record(answer(body, f"Content-Encoding: {name}"), target_uri=f"http://e.org/{one}")
        for one, body in pages.items()
    ]
    parts.append(plain_record(answer(page())))
    rows, _ = read(write(tmp_path, "a.warc", *parts), max_record_bytes=1 << 20)
    assert [row["error"] is None for row in rows] == [False, False, False, True]
    assert "over 1,048,576 bytes once decompressed" in rows[1]["error"]
    # What a crawler says that it cut short is read as far as it goes.
    if coding != "deflate, raw":
        fields = {"truncated": "length"}
        cut = plain_record(answer(pages["cut"], f"Content-Encoding: {name}"), **fields)
        (row,), _ = read(write(tmp_path, "b.warc", cut))
        assert row["error"] is None
        assert page().startswith(row["html"])


def test_what_is_coded_no_longer_is_as_it_is(tmp_path: Path) -> None:
    header = ("Content-Encoding: gzip", "Transfer-Encoding: chunked")
    (row,), _ = read(write(tmp_path, "a.warc", plain_record(answer(page(), *header))))
    assert row["html"] == page()


def test_chunks_that_are_damaged() -> None:
    data = chunked(page())
    assert join_chunks(data) == page()
    for bad in (data[:-5], data[:150], data[:108] + b"zz" + data[110:]):
        with pytest.raises(AnswerError):
            join_chunks(bad)
    assert page().startswith(bytes(join_chunks(data[:150], is_cut=True)))


def test_bodies_of_many_small_members_take_no_long_time() -> None:
    body = gzip.compress(b"x") * 20_000
    assert decode(body, "gzip", 1 << 20) == b"x" * 20_000
    with pytest.raises(TooLongError):
        decode(body, "gzip", 1000)


def test_an_answer_that_is_none_and_a_page_too_long_are_quarantined(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "a.warc",
        plain_record(b"<html>no head"),
        plain_record(answer(b"x" * 5000)),
        plain_record(answer(b"x" * 5000, kind="image/png")),
    )
    rows, told = read(path, max_record_bytes=1000)
    assert [row["error"].rpartition(f"{path}:")[2] for row in rows] == [
        "0: it does not begin with the status of an HTTP answer",
        f"{len(plain_record(b'<html>no head'))}: 5,044 bytes, above `max_record_bytes` of 1,000",
    ]
    assert [reason for _, reason in told] == [
        "of a type that this source does not read (image/png)"
    ]


def revisit(uri: str, **fields: str) -> bytes:
    named = {f"WARC-{name.replace('_', '-').title()}": value for name, value in fields.items()}
    return record(uri, b"", "revisit", fields={"WARC-Date": "2025-01-01T00:00:00Z", **named})


def test_a_page_that_was_met_again_is_the_page_that_it_was(tmp_path: Path) -> None:
    first = record("http://e.org/1", page())
    parsed = next(iter(ArchiveIterator(io.BytesIO(first), parse_http=False)))
    digest, name = parsed.headers["WARC-Payload-Digest"], parsed.headers["WARC-Record-ID"]
    folder = tmp_path / "in"
    write(
        folder,
        "a.warc.gz",
        revisit("http://e.org/2", payload_digest=digest),
        revisit("http://e.org/3", refers_to=name),
        revisit("http://e.org/4", refers_to_target_uri="http://e.org/1", refers_to_date=DATE),
        revisit("http://e.org/5", payload_digest="sha1:" + "A" * 32),
        revisit("http://e.org/6"),
        record("http://e.org/b.png", b"x", content_type="image/png"),
        revisit("http://e.org/7", refers_to_target_uri="http://e.org/b.png", refers_to_date=DATE),
    )
    write(folder, "b.warc.gz", first)
    rows, told = read(folder)
    assert [(row["uri"][-1], row["fetched_at"][:4]) for row in rows] == [
        ("1", "2024"),
        *[(one, "2025") for one in "342"],
    ]
    assert {row["html"] for row in rows} == {page()}
    assert len({row["id"] for row in rows}) == 4
    assert Counter(reason for _, reason in told) == {
        "a revisit of what is not in these files": 2,
        "a revisit of what is not read": 1,
        "of a type that this source does not read (image/png)": 1,
    }


def test_arc_files(tmp_path: Path) -> None:
    pages = {f"http://e.org/{n} of {n}": page(str(n)) for n in range(3)}
    for name, packed in (("a.arc", False), ("b.arc.gz", True)):
        path = write(tmp_path, name, arc(pages, packed=packed))
        rows, told = read(path)
        theirs = [
            (one.rec_headers.get_header("WARC-Target-URI"), one.content_stream().read())
            for one in Warcio(io.BytesIO(path.read_bytes()), arc2warc=True)
            if one.rec_type == "response"
        ]
        assert [(row["uri"], row["html"]) for row in rows] == theirs
        assert {row["fetched_at"] for row in rows} == {"2014-02-16T05:02:21Z"}
        assert told == [("0", "a record of the kind warcinfo")]


def test_wacz_files(tmp_path: Path) -> None:
    archives = {
        f"data-{n}.warc.gz": record(f"http://e.org/{n}", page(str(n))) + record("x", b"", "request")
        for n in range(2)
    }
    path = write(tmp_path, "a.wacz", wacz(archives))
    rows, told = read(path)
    assert [row["html"] for row in rows] == [page("0"), page("1")]
    assert Counter(reason for _, reason in told) == {
        "a record of the kind request": 2,
        "part of a WACZ beside its archives": 2,
    }


def test_a_wacz_that_is_not_what_it_says(tmp_path: Path) -> None:
    archives = {"data.warc.gz": record("http://e.org/", page())}
    for said, cause in (
        ({"hash": f"sha256:{'0' * 64}"}, "and datapackage.json says 0000"),
        ({"bytes": 7}, "and datapackage.json says 7"),
    ):
        rows, _ = read(write(tmp_path, "a.wacz", wacz(archives, data=said)))
        assert [row["error"] is None for row in rows] == [False, True]
        assert cause in rows[0]["error"]
        assert rows[1]["html"] == page()
    sound = wacz(archives)
    for bad, cause in (
        (sound[: len(sound) // 2], "its directory is cut off or damaged"),
        (gzip.compress(sound), "no record begins here"),
        (b"PK\x05\x06" + bytes(18), "a zip, but no WACZ"),
    ):
        (row,), _ = read(write(tmp_path, "b.wacz", bad))
        assert cause in row["error"]


def test_a_folder_a_glob_and_a_file_of_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write(folder / "deep", "a.warc.gz", record("http://e.org/1", page()))
    write(folder, "b.arc", arc({"http://e.org/2": page()}))
    write(folder, "c.wacz", wacz({"c.warc.gz": record("http://e.org/3", page())}))
    write(
        folder,
        "d.warc.wet.gz",
        record("http://e.org/4", b"x", "conversion", content_type="text/plain"),
    )
    write(folder, "e.warc")
    write(folder, "f.warc.wat.gz", record("http://e.org/5", b"{}", "metadata"))
    rows, told = read(folder)
    assert [row["uri"][-1] for row in rows] == ["2", "3", "4", "1"]
    assert (f"{folder}/e.warc", "empty: not one record") in told
    assert (f"{folder}/f.warc.wat.gz:0", "a record of the kind metadata") in told
    assert [place for place, _ in told].count(f"{folder}/f.warc.wat.gz") == 0
    assert [row["uri"][-1] for row in read(folder / "*" / "*.gz")[0]] == ["1"]
    odd = write(tmp_path, "no-suffix", record("http://e.org/5", page()))
    assert [row["uri"][-1] for row in read(odd)[0]] == ["5"]


def test_no_page_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not one record"):
        read(write(tmp_path, "a.warc.gz", record("http://e.org/", b"", "request")))


def test_a_limit_takes_the_first(tmp_path: Path) -> None:
    parts = [record(f"http://e.org/{n}", page()) for n in range(9)]
    path = write(tmp_path, "a.warc.gz", *parts)
    rows = read_with(web_archive, tmp_path, 4, path=str(path))
    assert [row["uri"][-1] for row in rows] == ["0", "1", "2", "3"]


def test_texts_are_extracted_as_after_a_crawl(tmp_path: Path) -> None:
    latin = "<meta charset=iso-8859-1><article><p>" + "Grüße aus Köln. " * 40
    path = write(
        tmp_path,
        "a.warc.gz",
        record("http://e.org/1", page()),
        record("http://e.org/2", latin.encode("latin-1"), content_type="text/html"),
        record("http://e.org/3", b"already text", "conversion", content_type="text/plain"),
    )
    settings = web_archive.Settings(path=str(path))
    (batch,) = web_archive.read(settings, "s", Context(tmp_path / "work"))
    texts = extract.apply(batch, extract.Settings()).column("text").to_pylist()
    assert "A heron stands" in texts[0]
    assert "Grüße aus Köln." in texts[1]
    assert texts[2] == "already text"


def test_the_guide_of_archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first recipe, run twice: the second time nothing is read again."""
    guide = (ROOT / "docs" / "guides" / "web-archives.md").read_text("utf-8")
    recipe = guide.partition("```yaml\n")[2].partition("```")[0]
    use_inline(monkeypatch)
    monkeypatch.chdir(tmp_path)
    archives = tmp_path / "archives"
    write(archives, "heron.wacz", wacz({"a.warc.gz": record("http://e.org/1", page())}))
    for n in range(3):
        path = f"{n}.warc.gz"
        request = record(f"http://e.org/{n}", b"", "request")
        write(archives, path, request, record(f"http://e.org/1{n}", page(f"bird {n}")))
    text = f"tilth: 1\nname: r\n{recipe}"
    run_inline(text, tmp_path / "runs")
    last = Dataset(places(tmp_path / "runs", plan_of(text))[-1]).to_arrow().to_pylist()
    assert [(row["uri"][13:], row["license"]) for row in last] == [
        ("1", None),
        *((f"1{n}", "CC-BY-4.0") for n in range(3)),
    ]
    assert all("stands in the shallow water" in row["text"] for row in last)
    monkeypatch.setattr(web_archive, "read", None)
    run_inline(text, tmp_path / "runs")


def test_what_else_a_record_says_travels(tmp_path: Path) -> None:
    known = {"WARC-Identified-Content-Language": "eng,deu", "WARC-IP-Address": "127.0.0.1"}
    path = write(
        tmp_path,
        "a.wet.gz",
        record("http://e.org/t", b"Hi", "conversion", content_type="text/plain", fields=known),
    )
    (row,), _ = read(path)
    assert row["meta.warc-identified-content-language"] == "eng,deu"
    assert row["meta.warc-ip-address"] == "127.0.0.1"
    assert row["meta.warc-record-id"].startswith("<urn:uuid:")
    assert not {"meta.warc-target-uri", "meta.warc-date", "meta.content-type"} & row.keys()
    (batch,) = web_archive.read(web_archive.Settings(path=str(path)), "s", Context(tmp_path))
    for language, is_kept in (("eng,deu", True), ("deu", False)):
        asked = {"where": [f"meta['warc-identified-content-language'] == '{language}'"]}
        (marked,) = rules.apply(batch, rules.Settings.model_validate(asked)).to_pylist()
        assert (marked.get("drop.rule") is None) == is_kept
    (row,), _ = read(path, meta=["warc-ip-address"])
    assert [name for name in row if name.startswith("meta.")] == ["meta.warc-ip-address"]
    (row,), told = read(path, meta="none")
    assert not any(name.startswith("meta.") for name in row)
    assert "a field that `fields.meta` leaves out" in dict(told).values()
    with pytest.raises(DataError, match="`warc-ip-adress`, which is not there"):
        read(path, meta=["warc-ip-adress"])


def with_pages(data: bytes, pages: bytes) -> bytes:
    """A WACZ with another list of pages."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            new.writestr(name, pages if name == "pages/pages.jsonl" else old.read(name))
    return out.getvalue()


def test_the_pages_of_a_wacz_have_their_titles(tmp_path: Path) -> None:
    parts = [record(f"http://e.org/{name}", page(name)) for name in "abc"]
    lines = [
        {"format": "json-pages-1.0", "title": "All"},
        {"url": "http://e.org/a", "ts": "2001-01-01T00:00:00Z", "title": "A then"},
        {"url": "http://e.org/a", "ts": f"{DATE[:19]}.250Z", "title": "A now"},
        {"url": "http://e.org/b", "ts": "2001-01-01T00:00:00Z", "title": " B "},
        {"url": "http://e.org/c", "ts": "2001-01-01T00:00:00Z", "title": "\ud800 broken"},
    ]
    listed = "\n".join([*map(json.dumps, lines), "no JSON"]).encode()
    path = write(tmp_path, "a.wacz", with_pages(wacz({"a.warc.gz": b"".join(parts)}), listed))
    rows, told = read(path)
    assert [row["meta.title"] for row in rows] == ["A now", "B", None]
    assert ("pages/pages.jsonl", "lines of a list of pages that are no objects of JSON") in told
    rows, _ = read(path, meta="none")
    assert not any("meta.title" in row for row in rows)
    # It is the title that `extract` finds in a page that says it: what is there stays.
    settings = web_archive.Settings(path=str(path))
    (batch,) = web_archive.read(settings, "s", Context(tmp_path))
    assert extract.apply(batch, extract.Settings())["meta.title"].to_pylist()[0] == "A now"


def test_a_list_of_pages_that_cannot_be_read_costs_nothing_else(tmp_path: Path) -> None:
    data = wacz({"a.warc.gz": record("http://e.org/", page())})
    bad = data.replace(b'"format": "json-pages', b'"format": "JSON-pages')
    (row,), told = read(write(tmp_path, "a.wacz", bad))
    assert row["error"] is None
    assert any("a damaged list of pages" in reason for _, reason in told)


@pytest.mark.parametrize("coding", ["br", "zstd", "deflate", "gzip", "unheard-of"])
def test_a_packing_that_is_undone_already_is_seen_by_the_bytes(coding: str, tmp_path: Path) -> None:
    sent = "<!doctype html><p>Grüße</p>".encode()
    path = write(
        tmp_path,
        "a.warc",
        *(
            plain_record(answer(body, f"Content-Encoding: {coding}"))
            for body in (sent, b"<p>\xff" + sent, b"no page")
        ),
    )
    rows, _ = read(path)
    assert (rows[0]["html"], rows[0]["error"]) == (sent, None)
    assert [row["error"] is None for row in rows[1:]] == [coding == "gzip"] * 2
