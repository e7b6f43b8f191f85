"""A small proxy on loopback: absolute addresses, CONNECT, and a password where it wants one."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


@dataclass
class Proxy:
    """What is asked of it, and what it wants.

    Attributes:
        password: `user:password`; empty: it asks for none.
        asked: Each request line's method and target.
        shown: What came as `Proxy-Authorization`.
        elsewhere: Host and port -> where that is for this proxy.
        refuses: What it answers to CONNECT; 0: it does what it is asked.
    """

    password: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    elsewhere: dict[str, tuple[str, int]] = field(default_factory=dict)
    port: int = 0
    refuses: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def place(self, host: str, port: int) -> tuple[str, int]:
        return self.elsewhere.get(f"{host}:{port}", (host, port))


@contextmanager
def proxying(proxy: Proxy) -> Iterator[Proxy]:
    """The proxy, listening on a free port of 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _may(self) -> bool:
            shown = self.headers.get("Proxy-Authorization", "")
            proxy.asked.append((self.command, self.path))
            proxy.shown.append(shown)
            wanted = f"Basic {base64.b64encode(proxy.password.encode()).decode()}"
            if not proxy.password or shown == wanted:
                return True
            self.send_response(407)
            self.send_header("Proxy-Authenticate", "Basic")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return False

        def do_GET(self) -> None:
            if not self._may():
                return
            parts = urlsplit(self.path)
            place = proxy.place(parts.hostname or "", parts.port or 80)
            with closing(HTTPConnection(*place, timeout=10)) as way:
                own = {k: v for k, v in self.headers.items() if not k.startswith("Proxy-")}
                way.request("GET", parts._replace(scheme="", netloc="").geturl(), headers=own)
                got = way.getresponse()
                body = got.read()
                self.send_response_only(got.status, got.reason)
                for name, value in got.getheaders():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        def do_CONNECT(self) -> None:
            if not self._may():
                return
            if proxy.refuses:
                self.send_response(proxy.refuses)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            host, _, port = self.path.rpartition(":")
            with socket.create_connection(proxy.place(host, int(port)), timeout=10) as way:
                self.send_response_only(200)
                self.end_headers()
                back = threading.Thread(target=_pump, args=(way, self.connection))
                back.start()
                _pump(self.connection, way)
                back.join()
            self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        proxy.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()


def _pump(source: socket.socket, to: socket.socket) -> None:
    """Hand on what comes until it ends."""
    try:
        while data := source.recv(1 << 16):
            to.sendall(data)
        to.shutdown(socket.SHUT_WR)
    except OSError:
        pass
