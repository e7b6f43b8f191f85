"""A web archive with its index on loopback, which speaks the CDX server protocol as pywb does."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

INDEX = "CC-MAIN-2024-22"


@dataclass
class Archive:
    """Files, what stands in them, and how they are answered for.

    Attributes:
        files: Bytes by name.
        captures: Lines of the index, in its order.
        page_lines: Lines of one page.
        busy: How many of the next requests are answered by 503.
        asked: Path and query, and the range, of every request.
        together: The most requests that were under way at a time.
        on_request: Called with the number of each.
        wait_s: Seconds before each answer.
        agents: Who asked.
        headers: Of every request, their names in lower case.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    captures: list[dict[str, str]] = field(default_factory=list)
    page_lines: int = 3
    busy: int = 0
    asked: list[tuple[str, str]] = field(default_factory=list)
    together: int = 0
    on_request: Any = None
    wait_s: float = 0.0
    agents: set[str] = field(default_factory=set)
    headers: list[dict[str, str]] = field(default_factory=list)
    port: int = 0

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def add(self, name: str, records: Mapping[str, bytes], **said: Any) -> None:
        """A file with a record for each address; `said` is what each line says besides."""
        data = self.files.get(name, b"")
        for url, record in records.items():
            line = {"url": url, "status": "200", "mime": "text/html", "filename": name}
            line |= {"offset": str(len(data)), "length": str(len(record)), "timestamp": "2024"}
            self.captures.append(line | said)
            data += record
        self.files[name] = data

    def found(self, query: dict[str, list[str]]) -> list[dict[str, str]]:
        """The lines that a query is answered with."""
        pattern = query["url"][0]
        if pattern.startswith("*."):
            domain = pattern[2:].partition("/")[0]
            host = re.compile(rf"(?:.*\.)?{re.escape(domain)}")
            lines = [one for one in self.captures if host.fullmatch(urlsplit(one["url"]).netloc)]
        else:
            start = pattern.removesuffix("*")
            lines = [
                one
                for one in self.captures
                if (plain := one["url"].partition("://")[2]) == start
                or (pattern.endswith("*") and plain.startswith(start))
            ]
        for rule in query.get("filter", []):
            name, _, value = rule[1:].partition(":")
            lines = [
                one
                for one in lines
                if (one.get(name) == value if rule[0] == "=" else re.match(value, one[name]))
            ]
        return lines


@contextmanager
def serving(archive: Archive) -> Iterator[Archive]:
    """The archive, answering on a free port of 127.0.0.1."""
    lock, under_way = threading.Lock(), [0]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            with lock:
                under_way[0] += 1
                archive.together = max(archive.together, under_way[0])
                archive.asked.append((self.path, self.headers.get("Range", "")))
                archive.agents.add(self.headers.get("User-Agent", ""))
                archive.headers.append({k.lower(): v for k, v in self.headers.items()})
                archive.busy -= 1
            time.sleep(archive.wait_s)
            try:
                if archive.on_request is not None:
                    archive.on_request(len(archive.asked))
                if archive.busy >= 0:
                    self.answer(503, b"slow down")
                elif self.path.startswith(f"/{INDEX}-index?"):
                    self.index(parse_qs(urlsplit(self.path).query))
                else:
                    self.part(archive.files.get(self.path[1:]))
            finally:
                with lock:
                    under_way[0] -= 1

        def index(self, query: dict[str, list[str]]) -> None:
            lines = archive.found(query)
            if not lines:
                self.answer(404, b'{"message": "No Captures found for: x"}')
            elif "showNumPages" in query:
                pages = -(-len(lines) // archive.page_lines)
                self.answer(200, json.dumps({"pages": pages, "pageSize": 5}).encode())
            else:
                start = int(query["page"][0]) * archive.page_lines
                chosen = lines[start : start + archive.page_lines]
                self.answer(200, b"".join(json.dumps(one).encode() + b"\n" for one in chosen))

        def part(self, data: bytes | None) -> None:
            asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            if data is None or asked is None:
                self.answer(404, b"")
                return
            start, end = int(asked[1]), int(asked[2]) + 1
            if start >= len(data):
                self.answer(416, b"")
            else:
                self.answer(206, data[start:end])

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        archive.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield archive
        finally:
            server.shutdown()
            thread.join()
