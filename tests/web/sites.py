"""A small web site on loopback whose every answer a test decides."""

from __future__ import annotations

import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Reply:
    """One answer: body, status, headers, and seconds to wait before it."""

    body: bytes = b""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "text/html; charset=utf-8"),)
    wait_s: float = 0.0
    # Bytes of the body after which the connection is dropped.
    cut: int | None = None


Answerer = Callable[[int], Reply]


@dataclass
class Site:
    """Paths, what they answer (fixed, or by how often they were asked), and what was asked."""

    pages: dict[str, Reply | Answerer] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    agents: set[str] = field(default_factory=set)
    headers: list[dict[str, str]] = field(default_factory=list)
    # When each request came, by the monotonic clock, and for what.
    log: list[tuple[float, str]] = field(default_factory=list)
    on_request: Callable[[int], None] | None = None
    port: int = 0
    host: str = "127.0.0.1"

    @property
    def root(self) -> str:
        return f"http://{self.host}:{self.port}"

    def html(self, path: str, *links: str, text: str = "", head: str = "", **reply: Any) -> None:
        """Put an HTML page at a path."""
        anchors = "".join(f'<a href="{link}">{link}</a>\n' for link in links)
        body = f"<html><head><title>{path}</title>{head}</head><body>{text}{anchors}</body></html>"
        self.pages[path] = Reply(body.encode(), **reply)


def redirect(target: str, status: int = 302) -> Reply:
    return Reply(status=status, headers=(("Location", target),))


@contextmanager
def running(
    site: Site, port: int = 0, host: str = "127.0.0.1", tls: Path | None = None
) -> Iterator[Site]:
    """The site, answering on a free port of 127.0.0.1, or of another address of this machine.

    Args:
        tls: By https, with the key and certificate in this file.
    """
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_GET(self) -> None:
            with lock:
                site.log.append((time.monotonic(), self.path))
                site.asked[self.path] += 1
                count = site.asked[self.path]
                total = sum(site.asked.values())
                site.agents.add(self.headers.get("User-Agent", ""))
                site.headers.append({k.lower(): v for k, v in self.headers.items()})
            if site.on_request is not None:
                site.on_request(total)
            found = site.pages.get(self.path, Reply(b"no such page", 404))
            reply = found if isinstance(found, Reply) else found(count)
            time.sleep(reply.wait_s)
            try:
                self.send_response(reply.status)
                for name, value in reply.headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body[: reply.cut])
                self.wfile.flush()
            except OSError:
                self.close_connection = True
            if reply.cut is not None:
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass

    with Server((host, port), Handler) as server:
        site.host, site.port = host, server.server_address[1]
        if tls is not None:
            way = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            way.load_cert_chain(tls)
            server.socket = way.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()
