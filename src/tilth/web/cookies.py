"""Cookies of a crawl (RFC 6265), each sent to the origin that set it and to no other.

They stand in the crawl's state, so that a crawl that was stopped goes on as the visitor that it
was, and nowhere else: archive, logs and reports have their names alone.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable, Iterable
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

from tilth.web.secrets import MASK
from tilth.web.urls import origin

TABLE: Final = """
CREATE TABLE IF NOT EXISTS cookies (
    origin TEXT, name TEXT, path TEXT, value TEXT, expires REAL, number INTEGER,
    PRIMARY KEY (origin, name, path)
) WITHOUT ROWID;
"""
# RFC 6265, section 6.1: at least 4096 bytes a cookie, and 50 of a host.
_MAX_COOKIE: Final = 4096
_MAX_COOKIES: Final = 50
# What is sent with a request in all: servers refuse long headers.
_MAX_SENT: Final = 8192
# Digits of an age in seconds: some thirty million years.
_MAX_AGE: Final = 15
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[ -:<-~]*")


class Cookies:
    """The cookies of one crawl.

    Args:
        db: Of the frontier; what is set is committed at once.
        clock: Seconds since 1970.
    """

    def __init__(self, db: sqlite3.Connection, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock
        db.executescript(TABLE)

    def sent_to(self, url: str) -> str:
        """The header `Cookie` of a request to a normalised address; empty: it has none."""
        parts = urlsplit(url)
        rows = self._db.execute(
            "SELECT name, value, path FROM cookies WHERE origin = ?"
            " AND (expires IS NULL OR expires > ?) ORDER BY length(path) DESC, number",
            (origin(url), self._clock()),
        )
        pairs: list[str] = []
        size = 0
        for name, value, path in rows:
            pair = f"{name}={value}"
            size += len(pair) + 2
            if _is_under(parts.path, path) and size <= _MAX_SENT:
                pairs.append(pair)
        return "; ".join(pairs)

    def take(self, url: str, headers: Iterable[str]) -> bool:
        """Keep what an answer sets; whether something is another than it was.

        Args:
            url: The normalised address that was asked.
            headers: The values of its headers `Set-Cookie`.
        """
        before = self.sent_to(url)
        for header in headers:
            self._take(url, header)
        return self.sent_to(url) != before

    def _take(self, url: str, header: str) -> None:
        pair, *rest = header.split(";")
        name, is_pair, value = (part.strip() for part in pair.partition("="))
        if not (is_pair and _NAME.fullmatch(name) and _VALUE.fullmatch(value)):
            return
        if len(name) + len(value) > _MAX_COOKIE:
            return
        said = {}
        for attribute in rest:
            key, _, text = attribute.partition("=")
            said[key.strip().lower()] = text.strip()
        parts = urlsplit(url)
        if "secure" in said and parts.scheme != "https":
            return
        host, domain = parts.hostname or "", said.get("domain", "").lstrip(".").lower()
        if domain and host != domain and not host.endswith(f".{domain}"):
            return
        path = said.get("path", "")
        if not path.startswith("/"):
            path = parts.path.rpartition("/")[0] or "/"
        place = (origin(url), name, path)
        expires = self._end_of(said)
        if expires is not None and expires <= self._clock():
            query = "DELETE FROM cookies WHERE origin = ? AND name = ? AND path = ?"
            self._db.execute(query, place)
            return
        query = "SELECT count(*), max(number) FROM cookies WHERE origin = ?"
        count, last = self._db.execute(query, place[:1]).fetchone()
        query = "SELECT number FROM cookies WHERE origin = ? AND name = ? AND path = ?"
        known = self._db.execute(query, place).fetchone()
        if known is None and count >= _MAX_COOKIES:
            # The oldest makes way (RFC 6265, 5.3).
            self._db.execute(
                "DELETE FROM cookies WHERE origin = ?1 AND number ="
                " (SELECT min(number) FROM cookies WHERE origin = ?1)",
                place[:1],
            )
        number = known[0] if known is not None else (last or 0) + 1
        self._db.execute(
            "INSERT OR REPLACE INTO cookies VALUES (?, ?, ?, ?, ?, ?)",
            (*place, value, expires, number),
        )

    def _end_of(self, said: dict[str, str]) -> float | None:
        """When a cookie ends; None: with the crawl (RFC 6265, 5.2.1 and 5.2.2)."""
        age = said.get("max-age", "")
        if age.isascii() and age.removeprefix("-").isdecimal():
            # Of a number too long for any clock the begin is long enough.
            seconds = int(age[:_MAX_AGE])
            return self._clock() + seconds if seconds > 0 else 0.0
        try:
            # Many write the zone, and the day, as RFC 850 does.
            return parsedate_to_datetime(said["expires"][:60].replace("-", " ")).timestamp()
        except (KeyError, ValueError, TypeError, IndexError, OverflowError):
            return None


def without_value(header: str) -> str:
    """A header `Set-Cookie` as it may be written down: without its value."""
    pair, semicolon, rest = header.partition(";")
    name, is_pair, _ = pair.partition("=")
    return f"{name if is_pair else ''}={MASK}{semicolon}{rest}"


def _is_under(path: str, folder: str) -> bool:
    """RFC 6265, 5.1.4."""
    path = path or "/"
    if path == folder:
        return True
    return path.startswith(folder if folder.endswith("/") else f"{folder}/")
