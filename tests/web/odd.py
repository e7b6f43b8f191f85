"""Answers of a server that are odd in some byte, built from a source of chance."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from random import Random

import pyarrow as pa

_TOKENS = (
    *(b"", b" ", b"\0", b"\xff", b"\xfe\xff", "²".encode(), b"\xb2", b"-1", b"1e999", b"9" * 40),
    *(
        b"%",
        b"%zz",
        b"[",
        b"]",
        b"http://[",
        b"//",
        b"http://h:99999/",
        b"http://\xff/",
        b";",
        b"=",
    ),
    *(b"\t", b"\x0b", b"\x85", "\u2028".encode(), "\ud800".encode("utf-8", "surrogatepass")),
    *(b"\xed\xa0\x80", b"a" * 300, b"<", b">", b"&#x110000;", b"&#55296;", b"'", b'"', b"\\", b":"),
)
_STATUSES = (
    *(b"200 OK", b"200", b"404 No", b"301 Moved", b"302 Found", b"503 Slow", b"429 Many"),
    *(b"206 Part", b"304 Same", b"100 Continue", b"000 Nothing", b"999 Denied", b"99999 x"),
)
_NAMES = (
    *(b"Content-Type", b"Content-Encoding", b"Content-Length", b"Transfer-Encoding", b"Location"),
    *(b"Retry-After", b"X-Robots-Tag", b"TDM-Reservation", b"Content-Usage", b"Content-Signal"),
    *(
        b"Set-Cookie",
        b"Link",
        b"Connection",
        b"Content-Location",
        b"Refresh",
        b"Upgrade",
        b"X-Word",
    ),
)
_VALUES = (
    *(b"text/html", b"text/html; charset=utf-16", b'text/html; charset="x\\', b"application/xml"),
    *(b"gzip", b"deflate", b"br", b"zstd", b"gzip, br", b"identity", b"chunked", b"close", b"0"),
    *(b"/good", b"/%ff", b"//[::1", b"noindex", b"none, noai", b"unavailable_after: 99", b"a:b:c"),
    *(b"train-ai=n", b"ai-train=no", b"Wed, 99 Foo 9999 99:99:99 GMT", b"0;url=/good", b"h2c"),
)
_MARKUP = (
    *(b"<html>", b"<head>", b"<body>", b"<p>words", b'<a href="/good">x</a>', b"<a href='"),
    *(
        b'<base href="',
        b'<meta name="robots" content="',
        b'<meta http-equiv=refresh content="0;url=',
    ),
    *(b'<link rel="canonical" href="', b'<link rel=alternate type="application/rss+xml" href="'),
    *(
        b"<iframe src=",
        b"<frame src=",
        b"<!--",
        b"<![CDATA[",
        b"<script>",
        b'<meta charset="',
        b'">',
    ),
)
_SITEMAP = (
    *(b"<?xml version='1.0'?>", b"<urlset>", b"<sitemapindex>", b"<url><loc>", b"</loc></url>"),
    *(b"<rss>", b"<item><link>", b"</link></item>", b"<feed><entry><link href='", b"'/></entry>"),
    *(b"/good\n", b"http://h/\n", b"<loc>/good</loc>", b"<!DOCTYPE x [<!ENTITY a 'b'>]>", b"&a;"),
)
_ROBOTS = (
    *(
        b"User-agent: *\n",
        b"User-agent: tilth\n",
        b"Allow: /\n",
        b"Disallow: /never\n",
        b"Sitemap: ",
    ),
    *(
        b"Crawl-delay: 1e999\n",
        b"Request-rate: 1/",
        b"Content-Usage: ",
        b"Disallow: *$*",
        b"\n",
        b"#",
    ),
)


def _mixed(chance: Random, words: Sequence[bytes], most: int) -> bytes:
    """Words in a row, with something odd between them."""
    parts = []
    for _ in range(chance.randrange(most + 1)):
        parts.append(chance.choice(words if chance.random() < 0.8 else _TOKENS))
    return b"".join(parts)


def odd_body(chance: Random) -> bytes:
    """A page, a sitemap, a robots.txt, or bytes."""
    kind = chance.randrange(5)
    if kind == 0:
        return chance.randbytes(chance.randrange(200))
    if kind == 1:
        return _mixed(chance, _SITEMAP, 12)
    if kind == 2:
        return _mixed(chance, _ROBOTS, 12)
    return _mixed(chance, _MARKUP, 12)


def odd_robots(chance: Random) -> bytes:
    """A robots.txt."""
    return _mixed(chance, _ROBOTS, 20)


def odd_sitemap(chance: Random) -> bytes:
    """A sitemap, packed or not."""
    body = _mixed(chance, _SITEMAP, 20)
    return gzip.compress(body) if chance.random() < 0.3 else body


def _packed(chance: Random, body: bytes) -> tuple[bytes, bytes]:
    coding = chance.choice((b"gzip", b"deflate", b"br", b"zstd"))
    if coding == b"gzip":
        body = gzip.compress(body)
    elif coding == b"deflate":
        body = zlib.compress(body)
    else:
        codec = "brotli" if coding == b"br" else "zstd"
        body = pa.compress(body, codec=codec, asbytes=True)
    if chance.random() < 0.3:
        at = chance.randrange(len(body))
        body = body[:at] + chance.choice(_TOKENS) + body[at + 1 :]
    return body, coding


def odd_answer(chance: Random) -> bytes:
    """A whole answer, wrong in none, one or several of its bytes."""
    if chance.random() < 0.03:
        return chance.randbytes(chance.randrange(100))
    body = odd_body(chance)
    lines = [b"HTTP/1.1 " + chance.choice(_STATUSES[:1] * 6 + _STATUSES), b"Connection: close"]
    if chance.random() < 0.8:
        lines.append(b"Content-Type: text/html")
    if chance.random() < 0.3:
        body, coding = _packed(chance, body)
        lines.append(b"Content-Encoding: " + coding)
    for _ in range(chance.choice((0, 0, 1, 2, 5))):
        value = chance.choice(_VALUES) if chance.random() < 0.6 else _mixed(chance, _VALUES, 3)
        lines.append(chance.choice(_NAMES) + b": " + value)
    if chance.random() < 0.8:
        lines.append(b"Content-Length: " + str(len(body)).encode())
    elif chance.random() < 0.5:
        lines.append(b"Transfer-Encoding: chunked")
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    answer = b"\r\n".join(lines) + b"\r\n\r\n" + body
    for _ in range(chance.choice((0, 0, 0, 1, 1, 3))):
        at = chance.randrange(len(answer))
        answer = answer[:at] + chance.choice(_TOKENS) + answer[at + chance.randrange(3) :]
    if chance.random() < 0.05:
        answer = answer[: chance.randrange(len(answer))]
    return answer
