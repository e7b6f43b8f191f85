"""One odd answer of a server costs one row of the books, and no time."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from tests.web.raw_site import answer, answering, page
from tilth.collect import crawl
from tilth.context import Context
from tilth.errors import DataError, MissingError, TilthError
from tilth.web.fetch import MIRROR_VARIABLE, download


def _crawl(root: str, work: Path, **changes: Any) -> dict[str, dict[str, Any]]:
    """The rows by path, which every address has once."""
    settings = crawl.Settings(
        start=(f"{root}/",),
        allow_hosts=("127.0.0.1",),
        delay_s=0,
        retry_s=0.01,
        retries=1,
        timeout_s=5,
        **changes,
    )
    batches = list(crawl.read(settings, "docs", Context(work=work)))
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert len({row["uri"] for row in rows}) == len(rows)
    return {row["uri"].removeprefix(root): row for row in rows}


# Each answer, and how its address ends: kept, or the rule or the beginning of the error.
_ODD: dict[str, tuple[bytes, str]] = {
    "retry-after-superscript": (
        answer(b"", "Retry-After: ²".encode(), status=b"503 Slow"),
        "HTTP status 503",
    ),
    "retry-after-latin-1": (
        answer(b"", b"Retry-After: \xb2", status=b"503 Slow"),
        "HTTP status 503",
    ),
    "retry-after-negative": (
        answer(b"", b"Retry-After: -5", status=b"503 Slow"),
        "HTTP status 503",
    ),
    "retry-after-past": (
        answer(b"", b"Retry-After: Wed, 21 Oct 2015 07:28:00 GMT", status=b"429 Many"),
        "HTTP status 429",
    ),
    "retry-after-no-date": (
        answer(b"", b"Retry-After: Wed, 99 Foo 99999999999 99:99:99 +99999", status=b"429 Many"),
        "HTTP status 429",
    ),
    "location-bracket": (answer(b"", b"Location: http://[", status=b"302 Found"), "redirect"),
    "location-empty": (answer(b"", b"Location: ", status=b"302 Found"), "redirect"),
    "location-absent": (answer(b"", status=b"302 Found"), "redirect"),
    "location-port": (
        answer(b"", b"Location: http://h:99999/", status=b"301 Moved"),
        "redirect",
    ),
    "location-digits": (
        answer(b"", "Location: http://h:²/".encode(), status=b"301 Moved"),
        "redirect",
    ),
    "location-blanks": (
        answer(b"", b"Location:  http:// a b / c", status=b"307 Moved"),
        "redirect",
    ),
    "location-idn": (
        answer(b"", "Location: http://\u2100.\u00ad.test/".encode(), status=b"302 Found"),
        "redirect",
    ),
    "location-bytes": (answer(b"", b"Location: /\xff\xfe\x80", status=b"302 Found"), "redirect"),
    "location-labels": (
        answer(b"", b"Location: http://" + b"1a." * 60 + b"a_/", status=b"302 Found"),
        "redirect",
    ),
    "reason-utf-8": (page().replace(b"200 OK", "200 Größe".encode()), "kept"),
    "reason-latin-1": (page().replace(b"200 OK", b"200 Gr\xf6\xdfe"), "kept"),
    "reason-absent": (page().replace(b"200 OK", b"200"), "kept"),
    "status-words": (page().replace(b"200 OK", b"two hundred"), "error"),
    "status-superscript": (page().replace(b"200 OK", "²00 OK".encode()), "error"),
    "status-0": (page().replace(b"200 OK", b"000 Nothing"), "any"),
    "status-999": (page().replace(b"200 OK", b"999 Denied"), "http-status"),
    "no-http": (b"220 mail.test ESMTP\r\n", "error"),
    "nothing": (b"", "error"),
    "nul": (b"\0" * 200, "error"),
    "length-superscript": (answer(b"x", length="²".encode()), "error"),
    "length-negative": (answer(b"x", length=b"-1"), "error"),
    "length-huge": (answer(b"x", length=b"9" * 5000), "error"),
    "length-beyond": (answer(b"x", length=b"9" * 15), "max-bytes"),
    "length-twice": (answer(b"x", b"Content-Length: 7"), "error"),
    "chunk-superscript": (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n"
        + "²\r\nab\r\n0\r\n\r\n".encode(),
        "error",
    ),
    "header-without-colon": (answer(b"<p>x", b"nonsense"), "any"),
    "header-latin-1": (answer(b"<p>x", b"X-\xe9: \xff\xfe", b"X-Word: \xff"), "any"),
    "header-value-latin-1": (answer(b"<p>x", b"X-Word: \xff\xfe"), "kept"),
    "cookie": (answer(b"<p>x", b"Set-Cookie: \xff;=;;=; a\x7f=\x01"), "any"),
    "type-empty": (answer(b"<p>x", kind=b""), "content-type"),
    "type-bytes": (answer(b"<p>x", kind=b"\xff/\xfe; =;"), "content-type"),
    "charset-superscript": (answer(b"<p>x", kind="text/html; charset=²".encode()), "kept"),
    "charset-nul": (answer(b"<p>x", kind=b'text/html; charset="a\\0b\x7f"'), "kept"),
    "charset-codec": (answer(b"<p>x", kind=b"text/html; charset=rot13"), "kept"),
    "charset-long": (answer(b"<p>x", kind=b"text/html; charset=" + b"x" * 5000), "kept"),
    "encoding-unknown": (answer(b"<p>x", b"Content-Encoding: \xb2"), "error"),
    "encoding-lie": (answer(b"<p>x", b"Content-Encoding: gzip"), "error"),
    "robots-tag": (answer(b"<p>x", b"X-Robots-Tag: \xff:,:,unavailable_after: 99"), "kept"),
    "base": (page("a", head='<base href="http://["><base href="//h:²/">'), "kept"),
    "links": (
        page(
            *("http://[", "http://[::1%eth0]/", "http://h:99999/", "//h:²/", "http://\u2100.test"),
            *(f"http://{'é' * 5000}/", f"http://{'1a.' * 60}a_/", "http:///", "//", " "),
        ),
        "kept",
    ),
    "canonical": (page(head='<link rel="canonical" href="http://[">'), "kept"),
}


def test_each_odd_answer_is_one_row_among_good_pages(tmp_path: Path) -> None:
    answers = {f"/{name}": raw for name, (raw, _) in _ODD.items()}
    answers["/"] = page("/good", *answers)
    answers["/good"] = page(text="sound")
    with answering(answers) as (root, _):
        rows = _crawl(root, tmp_path)
    # Where the redirect and the base lead, beside what was linked.
    assert set(rows) == {*answers, "/%FF%FE%80", "/a"}
    for path in ("/", "/good"):
        assert rows[path]["html"] is not None
    for name, (_, expected) in _ODD.items():
        row = rows[f"/{name}"]
        rule, error, kept = row["drop.rule"], row["error"], row["html"] is not None
        assert [rule is not None, error is not None, kept].count(True) == 1, (name, row)
        if expected == "kept":
            assert kept, (name, row)
        elif expected == "error":
            assert error, (name, row)
        elif expected.startswith("HTTP"):
            assert error == expected, (name, row)
        elif expected != "any":
            assert rule == expected, (name, row)
        # One line that a person can read, whatever was sent.
        assert len(error or "") < 500
        assert "\n" not in (error or "")


@pytest.mark.parametrize(
    "robots",
    [
        "User-agent: *\nCrawl-delay: ²\nRequest-rate: ²/²\nVisit-time: ²\n",
        "User-agent: *\nCrawl-delay: 1e999\n",
        "User-agent: *\nCrawl-delay: 1e300\n",
        "User-agent: *\nCrawl-delay: nan\nRequest-rate: nan/inf\n",
        "User-agent: *\nCrawl-delay: -1e9\n",
        f"User-agent: *\nRequest-rate: 1/{'9' * 400}\n",
        f"User-agent: *\nRequest-rate: {'9' * 400}/1\n",
        "Sitemap: http://[\nSitemap: //h:²/\nSitemap: \nSitemap:\x01\n",
        "Disallow: /\nUser-agent\nUser-agent:\nDisallow: http://[\n\x00\x85\u2028",
        "User-agent: *\nDisallow: /\udcff%zz%\n" * 3,
    ],
)
def test_no_robots_file_ends_a_crawl(robots: str, tmp_path: Path) -> None:
    answers = {
        "/": page("/good", "/good-too"),
        "/good": page(),
        "/good-too": page(),
        "/robots.txt": answer(robots.encode("utf-8", "surrogateescape"), kind=b"text/plain"),
    }
    with answering(answers) as (root, _):
        rows = _crawl(root, tmp_path)
    assert all(rows[path]["html"] is not None for path in ("/", "/good"))
    # A sitemap at no address is told as it was written.
    for bad in set(rows) - {"/", "/good", "/good-too"}:
        assert rows[bad]["error"].startswith("the sitemap cannot be read: "), rows[bad]


@pytest.mark.parametrize(
    "body",
    [
        b"<urlset><url><loc>" + b" " * 2000,
        b"<urlset>" + b"<loc>" * 2000,
        b"<urlset><loc>&#" + b"9" * 5000 + b";</loc><loc>ROOT/good</loc></urlset>",
        b"<urlset><loc>http://[</loc><loc>\xff\xfe</loc><loc>http://h:\xb2/</loc></urlset>",
        b"http://[\nhttp://h:\xc2\xb2/\n",
        b"\x1f\x8b" + b"\0" * 40,
        gzip.compress(b"<urlset><loc>")[:-9],
        gzip.compress(b"") * 5000,
    ],
)
def test_no_sitemap_ends_a_crawl(body: bytes, tmp_path: Path) -> None:
    answers = {
        "/": page("/good"),
        "/good": page(),
        "/robots.txt": answer(b"Sitemap: /map\n", kind=b"text/plain"),
        "/map": answer(body, kind=b"text/xml"),
    }
    with answering(answers) as (root, _):
        rows = _crawl(root, tmp_path)
    assert all(rows[path]["html"] is not None for path in ("/", "/good"))
    if "/map" in rows:
        assert rows["/map"]["error"].startswith("the sitemap cannot be read: ")


@pytest.mark.parametrize("body", [b"", b"\0" * 40, b'{"items": []}', b"<opml></opml>"])
def test_a_named_sitemap_that_is_no_list_is_told(body: bytes, tmp_path: Path) -> None:
    """One that nobody names is one try among others."""
    answers = {
        "/": page(),
        "/robots.txt": answer(b"Sitemap: /map\n", kind=b"text/plain"),
        "/map": answer(body, kind=b"text/xml"),
    }
    with answering(answers) as (root, _):
        rows = _crawl(root, tmp_path / "named")
        told = "the sitemap cannot be read: it is no list of addresses"
        assert rows["/map"]["error"] == told
        answers["/sitemap.xml"] = answers.pop("/map")
        answers["/robots.txt"] = answer(b"User-agent: *\n", kind=b"text/plain")
        assert set(_crawl(root, tmp_path / "guessed")) == {"/"}


def test_a_crawl_stopped_after_an_odd_sitemap_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tilth.web.frontier import Frontier

    settle = Frontier.settle

    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    answers = {"/": page(), "/robots.txt": answer(b"Sitemap: http://[\n", kind=b"text/plain")}
    with answering(answers) as (root, _):
        monkeypatch.setattr(Frontier, "settle", stopped)
        with pytest.raises(KeyboardInterrupt):
            _crawl(root, tmp_path)
        monkeypatch.setattr(Frontier, "settle", settle)
        rows = _crawl(root, tmp_path)
    assert rows["/"]["html"] is not None


@pytest.fixture
def no_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MIRROR_VARIABLE, raising=False)


@pytest.mark.usefixtures("no_mirror")
@pytest.mark.parametrize("name", sorted(_ODD))
def test_a_single_file_is_had_or_told_clearly(name: str, tmp_path: Path) -> None:
    """One file: the bytes that were sent, or one error that names the address."""
    answers = {"/file": _ODD[name][0], "/c": page()}
    with answering(answers) as (root, _):
        path, told = tmp_path / "file", None
        try:
            download(
                f"{root}/file", dest=path, allow_hosts=("127.0.0.1",), retry_s=0.001, timeout_s=2
            )
        except TilthError as error:
            told = error
    if told is None:
        assert path.is_file()
    else:
        assert isinstance(told, MissingError | DataError), told
        assert "/file" in str(told)
        assert "allow_hosts" not in told.hint


@pytest.mark.usefixtures("no_mirror")
def test_a_validator_cut_short_is_none(tmp_path: Path) -> None:
    (tmp_path / "file.partial").write_bytes(b"ab")
    (tmp_path / "file.partial.etag").write_text('"\\"x')
    with answering({"/file": answer(b"abc", kind=None)}) as (root, _):
        path = download(f"{root}/file", dest=tmp_path / "file", allow_hosts=("127.0.0.1",))
    assert path.read_bytes() == b"abc"
