"""A small server of OpenAI's protocol, on loopback: real HTTP, counted request by request."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# From what is asked to an answer: its text, or a status with a body and headers.
Answer = str | tuple[int, dict[str, Any], dict[str, str]]
Says = Callable[[str], Answer]
TOKENS = (11, 3)
KEY = "sk-very-secret-value"


@dataclass
class ModelServer:
    """What it was asked.

    Attributes:
        asked: The last message of each request that came in, how often.
        answered: The same, of those whose answer was written to the end.
        documents: The requests' JSON.
        keys: What stood in Authorization.
        most: Requests at once, at most.
    """

    says: Says
    asked: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    documents: list[dict[str, Any]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    paths: set[str] = field(default_factory=set)
    most: int = 0
    url: str = ""
    _open: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, handler: BaseHTTPRequestHandler) -> str:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        document = json.loads(body)
        question: str = document["messages"][-1]["content"]
        with self._lock:
            self.documents.append(document)
            self.keys.add(handler.headers.get("Authorization", ""))
            self.paths.add(handler.path)
            self.asked[question] += 1
            self._open += 1
            self.most = max(self.most, self._open)
        return question

    def end(self, question: str, *, done: bool) -> None:
        with self._lock:
            self._open -= 1
            self.answered[question] += done


def completion(content: str | None, **message: Any) -> dict[str, Any]:
    """The JSON of an answer."""
    return {
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": content, **message},
            }
        ],
        "usage": {"prompt_tokens": TOKENS[0], "completion_tokens": TOKENS[1]},
    }


def labelled(name: str) -> str:
    """An answer by the schema."""
    return json.dumps({"label": name})


@contextmanager
def serving(says: Says) -> Iterator[ModelServer]:
    """A server, stopped at the end."""
    state = ModelServer(says)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            question = state.begin(self)
            done = False
            try:
                said = state.says(question)
                headers: dict[str, str] = {}
                status = 200
                document = completion(said) if isinstance(said, str) else {}
                if not isinstance(said, str):
                    status, document, headers = said
                body = json.dumps(document).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                done = status == 200
            except OSError:
                self.close_connection = True  # whoever asked is gone
            finally:
                state.end(question, done=done)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
