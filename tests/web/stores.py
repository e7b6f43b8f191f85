"""A real S3 server on loopback, and a proxy before it that refuses, cuts, delays and lies.

The server (moto) checks no keys and never fails: what goes wrong is the proxy's doing.
"""

from __future__ import annotations

import http.client
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from itertools import count
from threading import Lock, Thread
from urllib.parse import quote

import pytest

from tilth.web import stores

_COUNT = count()
KEYS = {
    "AWS_ACCESS_KEY_ID": "the-key",
    "AWS_SECRET_ACCESS_KEY": "the-secret",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
# What the server takes for a signature, and lets anybody read afterwards.
_SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request, "
    "SignedHeaders=host, Signature=0",
    "x-amz-acl": "public-read",
}


@cache
def _server() -> tuple[str, int]:
    """One for the whole process: what is in it is told apart by bucket."""
    import logging

    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    with redirect_stdout(StringIO()):
        server.start()
    host, port = server.get_host_and_port()
    return str(host), int(port)


@dataclass
class Fault:
    """What happens to some of the requests.

    Attributes:
        act: refuse (403), busy (503), missing (404), cut (of the body half, or `keep` bytes), slow,
            lie (another byte).
        at: What stands in the request's line.
        times: How many of them.
        wait_s: Of slow: seconds before the answer.
    """

    act: str
    at: str = ""
    times: int = 1 << 30
    keep: int | None = None
    wait_s: float = 0.0


@dataclass
class Bucket:
    """A bucket, and the address of the proxy before it.

    Attributes:
        asked: Lines of the requests, each with its range.
    """

    name: str
    endpoint: str
    faults: list[Fault] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @property
    def uri(self) -> str:
        return f"s3://{self.name}"

    def access(self) -> dict[str, object]:
        """Settings by which a source reaches it."""
        return {"storage": {"endpoint": self.endpoint}, "allow_hosts": ["127.0.0.1"]}

    def put(self, key: str, data: bytes) -> str:
        """Put an object there; gives its address."""
        _send("PUT", f"/{self.name}/{quote(key)}", data)
        return f"{self.uri}/{key}"

    def get(self, key: str) -> bytes:
        return _send("GET", f"/{self.name}/{quote(key)}")

    def names(self) -> list[str]:
        """Keys of all objects in it."""
        listed = _send("GET", f"/{self.name}?list-type=2").decode()
        return re.findall("<Key>(.*?)</Key>", listed)

    def remove(self, key: str) -> None:
        _send("DELETE", f"/{self.name}/{quote(key)}")

    def num_asked(self, *words: str) -> int:
        """How many requests have all of the words in their line."""
        return sum(all(word in line for word in words) for line in self.asked)


def _send(method: str, path: str, data: bytes = b"") -> bytes:
    connection = http.client.HTTPConnection(*_server(), timeout=60)
    try:
        connection.request(method, path, data or None, _SIGNED)
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status < 300, (answer.status, method, path, body)
        return body
    finally:
        connection.close()


@contextmanager
def bucket() -> Iterator[Bucket]:
    """A new bucket, behind a proxy of its own."""
    name = f"bucket-{next(_COUNT)}"
    _send("PUT", f"/{name}")
    made = Bucket(name, "")
    lock = Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is printed."""

        def _fault(self) -> Fault | None:
            line = f"{self.command} {self.path} {self.headers.get('Range', '')}".rstrip()
            with lock:
                made.asked.append(line)
                for fault in made.faults:
                    if fault.at in line and fault.times > 0:
                        fault.times -= 1
                        return fault
            return None

        def _answer(self) -> None:
            fault = self._fault()
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if fault is not None and fault.act == "slow":
                time.sleep(fault.wait_s)
            statuses = {"refuse": (403, "AccessDenied"), "busy": (503, "ServiceUnavailable")}
            statuses["missing"] = (404, "NoSuchBucket")
            if fault is not None and fault.act in statuses:
                status, code = statuses[fault.act]
                said = f"<Error><Code>{code}</Code><Message>{code}, by the proxy</Message></Error>"
                self._say(status, [("Content-Type", "application/xml")], said.encode())
                return
            onward = http.client.HTTPConnection(*_server(), timeout=60)
            sent = {name: value for name, value in self.headers.items() if name != "Expect"}
            onward.request(self.command, self.path, body or None, sent)
            answer = onward.getresponse()
            data = answer.read()
            headers = [(k, v) for k, v in answer.getheaders() if k.lower() not in _HOP]
            onward.close()
            if fault is not None and fault.act == "lie" and data:
                data = bytes([data[0] ^ 1]) + data[1:]
            if fault is not None and fault.act == "cut":
                kept = len(data) // 2 if fault.keep is None else fault.keep
                self._say(answer.status, headers, data[:kept], len(data))
                self.close_connection = True
                return
            self._say(answer.status, headers, data)

        def _say(
            self, status: int, headers: list[tuple[str, str]], data: bytes, size: int | None = None
        ) -> None:
            self.send_response_only(status)
            told = {name.lower(): value for name, value in headers}
            for name, value in headers:
                if name.lower() != "content-length":
                    self.send_header(name, value)
            length = len(data) if size is None else size
            if self.command == "HEAD":
                length = int(told.get("content-length", 0))
            self.send_header("Content-Length", str(length))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy.daemon_threads = True
    thread = Thread(target=proxy.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    made.endpoint = f"http://127.0.0.1:{proxy.server_port}"
    try:
        yield made
    finally:
        proxy.shutdown()
        proxy.server_close()
        thread.join()


@pytest.fixture
def store() -> Iterator[Bucket]:
    """A bucket, for a test that imports this."""
    with bucket() as made:
        yield made


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys in the environment, and nothing else of the machine's own."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(stores, "RETRY_S", 0.01)


_HOP = frozenset(("connection", "transfer-encoding", "server", "date"))
