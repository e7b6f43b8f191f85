"""A real web site on loopback: the documentation of Python and numpy, as installed here.

Around the pages of `demo_pages` stand the things that a crawler meets: a robots.txt that forbids a
part, a sitemap with pages that nothing links, a redirect, a link to nowhere, pages that opt out, an
exact copy, near-copies, stubs, lists and pages in other languages.

``python -m tilth.demo.site --port 0`` prints the address as its first line. The server is a
process of its own, since it imports the whole standard library; `serve` starts one and ends it.
"""

from __future__ import annotations

import argparse
import contextlib
import html
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tilth.errors import MissingError

# Linked, and forbidden by robots.txt.
_PRIVATE = ("_collections_abc", "_compat_pickle", "_markupbase", "_weakrefset")
_ARCHIVED = ("argparse", "bisect", "csv", "heapq", "shlex", "textwrap")
_COPIED = "statistics"
_START_TIMEOUT_S = 60.0

_NOTICES = {
    "de": (
        "Hinweis zur Sprache",
        "Diese Seiten beschreiben die Module der Standardbibliothek so, wie sie auf diesem Rechner "
        "installiert sind. Die Beschreibungen liegen nur auf Englisch vor, denn sie stammen aus "
        "dem Quelltext der Module selbst. Wer eine Übersetzung sucht, findet sie bei den "
        "Übersetzungsgruppen der jeweiligen Sprache.",
    ),
    "fr": (
        "Note sur la langue",
        "Ces pages décrivent les modules de la bibliothèque standard tels qu'ils sont installés "
        "sur cette machine. Les descriptions n'existent qu'en anglais, car elles viennent du code "
        "source des modules eux-mêmes. Les traductions sont l'affaire des groupes de traduction "
        "de chaque langue.",
    ),
}


class MovedError(Exception):
    """The path has moved."""

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.target = target


class Site:
    """Paths and what they answer.

    Pages are rendered in a thread of their own, a folder's one after the other once the first of
    them is asked for, always in the same order, so that a page does not depend on which other one
    was asked for before; a request waits for its page.
    """

    def __init__(self) -> None:
        from tilth.demo import packages as demo_packages
        from tilth.demo import pages as demo_pages

        self._pages = demo_pages
        self._renderer = ThreadPoolExecutor(1)
        self._lock = threading.Lock()
        self._found: dict[str, Future[bytes]] = {}
        self._folders: dict[str, dict[str, Callable[[], bytes]]] = {}
        modules = demo_pages.stdlib_modules()
        objects = demo_pages.numpy_objects()
        linked = {name: f"/stdlib/{name}.html" for name in modules}
        linked |= {name: f"/numpy/{name}.html" for name in objects}
        topics = _topics()
        extras = self._extras(linked)
        self._add("/", demo_pages.page, "Documentation", "<h1>Documentation</h1>\n")
        self._add("/numpy/", self._index, "numpy", objects, linked, {})
        self._add("/stdlib/", self._index, "Python standard library", modules, linked, extras)
        for path, render in extras.items():
            self._add(path, render)
        for name in modules:
            self._add(linked[name], demo_pages.render, name, demo_pages.load(name), linked)
        for name, value in objects.items():
            self._add(linked[name], demo_pages.render, name, value, linked)
        for name in topics:
            self._add(f"/stdlib/topics/{name}.html", _topic, name, topics[name])
        self._add("/packages.jsonl", demo_packages.packages)
        self._unlinked = [f"/stdlib/topics/{name}.html" for name in topics]

    def _add(self, path: str, render: Callable[..., bytes], *args: Any) -> None:
        self._folders.setdefault(_folder(path), {})[path] = partial(render, *args)

    def _extras(self, linked: dict[str, str]) -> dict[str, Callable[[], bytes]]:
        """The pages beside the documentation, by path."""
        pages = self._pages
        extras: dict[str, Callable[[], bytes]] = {
            f"/stdlib/mirror/{_COPIED}.html": partial(_module, _COPIED, linked),
            "/stdlib/draft.html": partial(
                pages.page,
                "Draft",
                "<h1>Draft</h1>\n<p>This page is being written and asks not to be collected.</p>\n",
                head='<meta name="robots" content="noindex, nofollow">\n',
            ),
            "/stdlib/glossary.html": partial(pages.page, "Glossary", "<h1>Glossary</h1>\n<p>-</p>"),
            "/stdlib/names.html": partial(
                pages.page, "All names", "<h1>All names</h1>\n" + pages.listing(linked, {})
            ),
        }
        for name in _PRIVATE:
            extras[f"/stdlib/private/{name}.html"] = partial(_module, name, linked)
        for name in _ARCHIVED:
            extras[f"/stdlib/archive/{name}.html"] = partial(_archived, name, linked)
        for language, (title, text) in _NOTICES.items():
            body = f"<h1>{html.escape(title)}</h1>\n<p>{html.escape(text)}</p>\n"
            extras[f"/stdlib/notice.{language}.html"] = partial(
                pages.page, title, body, language=language
            )
        return extras

    def _index(self, title: str, names: Any, linked: dict[str, str], extras: Any) -> bytes:
        body = f"<h1>{title}</h1>\n{self._pages.listing(names, linked)}"
        if extras:
            # One has moved, one was removed.
            others = [*extras, "/stdlib/os.path.html", "/stdlib/removed.html"]
            body += f"<h2>Other pages</h2>\n{self._pages.listing(others, {o: o for o in others})}"
        return self._pages.page(title, body)

    @property
    def paths(self) -> list[str]:
        """The paths of all pages, in the order of their rendering."""
        return [path for folder in self._folders.values() for path in folder]

    def answer(self, path: str, host: str) -> tuple[str, bytes] | None:
        """Content type and body at a path; None where there is nothing.

        Raises:
            MovedError: The path has moved.
        """
        if path == "/stdlib/os.path.html":
            raise MovedError("/stdlib/posixpath.html")
        if path == "/robots.txt":
            rules = "User-agent: *\nDisallow: /stdlib/private/\n\n"
            return "text/plain", f"{rules}Sitemap: http://{host}/sitemap.xml\n".encode()
        if path == "/sitemap.xml":
            places = "".join(
                f"<url><loc>http://{host}{place}</loc></url>\n"
                for place in ("/stdlib/", "/numpy/", *self._unlinked)
            )
            space = "http://www.sitemaps.org/schemas/sitemap/0.9"
            return "application/xml", (
                f'<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="{space}">\n{places}'
                "</urlset>\n"
            ).encode()
        folder = self._folders.get(_folder(path), {})
        if path not in folder:
            return None
        with self._lock:
            if path not in self._found:
                for each, render in folder.items():
                    self._found[each] = self._renderer.submit(render)
            found = self._found[path]
        kind = "application/jsonl" if path.endswith(".jsonl") else "text/html; charset=utf-8"
        return kind, found.result()


def _folder(path: str) -> str:
    return path.rpartition("/")[0].partition("/")[2].partition("/")[0]


def _module(name: str, linked: dict[str, str]) -> bytes:
    from tilth.demo import pages as demo_pages

    return demo_pages.render(name, demo_pages.load(name), linked)


def _archived(name: str, linked: dict[str, str]) -> bytes:
    """The page of a module as an archive would have it: another heading, a note, the same text."""
    note = f"<p>An archived copy of the page on {name}; it is no longer kept up to date.</p>\n"
    text = _module(name, linked).decode()
    return re.sub(r"<h1>.*?</h1>\n", f"<h1>Archive: {name}</h1>\n{note}", text, count=1).encode()


def _topics() -> dict[str, str]:
    """The chapters of the language reference that `pydoc` carries: name -> text."""
    from pydoc_data.topics import topics

    return dict(sorted(topics.items()))


def _topic(name: str, text: str) -> bytes:
    from tilth.demo import pages as demo_pages

    return demo_pages.page(name, f"<h1>{html.escape(name)}</h1>\n{demo_pages.paragraphs(text)}")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    # Header and body leave in one piece; the base class flushes after each request.
    wbufsize = -1
    site: Site

    def do_GET(self) -> None:
        host = re.sub(r"[^\w.:-]", "", self.headers.get("Host") or "")
        try:
            found = self.site.answer(self.path.partition("?")[0], host)
        except MovedError as moved:
            self._send(301, "text/plain", b"", ("Location", moved.target))
            return
        if found is None:
            self._send(404, "text/html; charset=utf-8", b"<h1>There is no such page</h1>")
        else:
            self._send(200, *found)

    def do_HEAD(self) -> None:
        self.do_GET()

    def _send(self, status: int, kind: str, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (("Content-Type", kind), ("Content-Length", str(len(body))), *headers):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    parent = 0

    def service_actions(self) -> None:
        # Called twice a second. A crawler that is killed cannot end its server, so the server
        # looks whether its parent is still the one that started it.
        if self.parent and os.getppid() != self.parent:
            os._exit(0)


def run(port: int = 0, parent: int = 0, host: str = "127.0.0.1") -> None:
    """Serve until interrupted; print the address as the first line.

    Args:
        port: TCP port; 0 takes a free one.
        parent: Process id of the parent with which to end, or 0.
        host: Address to listen at.

    Raises:
        MissingError: The port is taken.
    """
    try:
        server = _Server((host, port), _Handler)
    except OSError as error:
        raise MissingError(
            f"port {port} cannot be used: {error.strerror}", hint="--port 0 takes a free one"
        ) from error
    server.parent = parent
    _Handler.site = Site()
    # Not `sys.stdout`: the renderer redirects it while it imports.
    print(f"http://{host}:{server.server_address[1]}/", file=sys.__stdout__, flush=True)
    with server, contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()
    # The renderer may still have pages to do that nobody waits for.
    os._exit(0)


@contextlib.contextmanager
def serve() -> Iterator[tuple[str, int]]:
    """The demo site in a process of its own, for the time of the `with` block.

    Yields:
        Address and port, on loopback.

    Raises:
        MissingError: It did not start.
    """
    # -P keeps the current folder off the import path: a user's `random.py` is not Python's.
    command = [sys.executable, "-P", "-m", "tilth.demo.site", "--parent", str(os.getpid())]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    ) as process:
        watch = threading.Timer(_START_TIMEOUT_S, process.kill)
        watch.start()
        try:
            line = process.stdout.readline().strip() if process.stdout else ""
            watch.cancel()
            if not line.startswith("http://"):
                raise MissingError(
                    "the demo site did not start", hint="`tilth demo-site` shows what is wrong"
                )
            host, _, port = line.removeprefix("http://").rstrip("/").partition(":")
            yield host, int(port)
        finally:
            watch.cancel()
            process.kill()


def main() -> None:
    """Serve the demo site, as ``python -m tilth.demo.site``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--parent", type=int, default=0, help="end with this parent process")
    settings = parser.parse_args()
    try:
        run(settings.port, settings.parent)
    except MissingError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
