"""A server on loopback that answers with exactly the bytes a test gives, right or wrong."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

_TIMEOUT_S = 10.0


def page(*links: str, text: str = "", head: str = "") -> bytes:
    """A sound answer: an HTML page with links."""
    anchors = "".join(f'<a href="{link}">x</a>\n' for link in links)
    return answer(f"<html><head>{head}</head><body>{text}{anchors}</body></html>".encode())


def answer(
    body: bytes = b"",
    *headers: bytes,
    status: bytes = b"200 OK",
    kind: bytes | None = b"text/html",
    length: bytes | None = None,
) -> bytes:
    """An answer of these parts, put together without a look at them."""
    lines = [b"HTTP/1.1 " + status, b"Connection: close", *headers]
    if kind is not None:
        lines.append(b"Content-Type: " + kind)
    lines.append(b"Content-Length: " + (str(len(body)).encode() if length is None else length))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


@contextmanager
def answering(answers: Mapping[str, bytes]) -> Iterator[tuple[str, Counter[str]]]:
    """The server's address and how often each path was asked; other paths are 404."""
    asked: Counter[str] = Counter()
    missing = answer(b"no such page", status=b"404 Not Found")

    def serve(connection: socket.socket) -> None:
        with connection:
            connection.settimeout(_TIMEOUT_S)
            try:
                head = b""
                while b"\r\n\r\n" not in head and (piece := connection.recv(1 << 16)):
                    head += piece
                path = head.split(b" ")[1].decode("latin-1")
                asked[path] += 1
                connection.sendall(answers.get(path, missing))
            except (OSError, IndexError):
                pass

    def accept(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
        finally:
            # Closing alone does not wake a thread that waits in `accept`.
            listener.shutdown(socket.SHUT_RDWR)
