"""How many pages a CPU-second the crawler fetches, with its durable frontier and its archive.

A static server in another process gives pages of one size (20 kB unless told otherwise) with 70
links each, or those of a folder of documentation. What is counted is all CPU time of the crawling
process, from its start to its last row: imports, HTTP, parsing, SQLite with WAL, compressed WARC,
reading back.

    python benchmarks/bench_crawl.py --pages 5000
    CRAWL_DOCS=FOLDER SCRAPY_PYTHON=python python benchmarks/bench_crawl.py --pages 2000 --rounds 3

CRAWL_DOCS is a folder of HTML with an `index.html`, as a package of documentation has it.
SCRAPY_PYTHON is a Python that has Scrapy: it takes turns with ours over the same pages, by the same
server, its frontier and its archive durable too (see `scrapy_arm`). The best of the rounds counts,
for both; the ratio is the median of those within a round.

Prints one JSON line.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_WORDS = (
    "Return the arithmetic mean of the elements along the given axis of the array, by default over "
    "the flattened array, otherwise over the specified axis, in the precision of the input. "
)


def body(number: int, pages: int, num_links: int, num_bytes: int) -> bytes:
    """A page of documentation of a given size with links to others."""
    targets = {(number * 7 + k * 131) % pages for k in range(num_links - 3)}
    targets |= {(3 * number + k) % pages for k in (1, 2, 3)}
    links = "".join(
        f'<li><a href="/docs/{t}.html#top">page {t}</a></li>\n' for t in sorted(targets)
    )
    head = f"<html><head><title>Page {number}</title></head><body><ul>{links}</ul>"
    filler = f"<p>{number}: {_WORDS}</p>\n"
    room = max(num_bytes - len(head), 0)
    return (head + filler * (room // len(filler)) + "</body></html>").encode()


def made_pages(pages: int, num_links: int, num_bytes: int) -> Callable[[bytes], bytes | None]:
    """The pages of a made site: the body at a path, or None."""

    def page(path: bytes) -> bytes | None:
        name = path.rpartition(b"/")[2].removesuffix(b".html") or b"0"
        if not name.isdigit() or int(name) >= pages:
            return None
        return body(int(name), pages, num_links, num_bytes)

    return page


def pages_of(folder: Path) -> Callable[[bytes], bytes | None]:
    """The pages of a folder: the body at a path, or None."""
    paths = {
        f"/docs/{path.relative_to(folder).as_posix()}": path for path in folder.rglob("*.html")
    }

    def page(path: bytes) -> bytes | None:
        found = paths.get(path.decode("latin-1"))
        return None if found is None else found.read_bytes()

    return page


def serve(page: Callable[[bytes], bytes | None]) -> None:
    """Answer as fast as can be, so that the server is not what is measured."""
    answers: dict[bytes, bytes] = {}

    def answer(path: bytes) -> bytes:
        if path not in answers:
            content = page(path)
            if content is None:
                return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
            head = (
                "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"
                f"Content-Length: {len(content)}\r\n\r\n"
            )
            answers[path] = head.encode() + content
        return answers[path]

    class Connection(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            self.transport.write(answer(data.split(b" ", 2)[1]))

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    asyncio.run(run())


def crawl(start: str, pages: int, concurrency: int, listed: Path) -> dict[str, Any]:
    """Crawl in this process and say what it took.

    Args:
        start: The address of the first page.
        pages: Addresses to ask for at most.
        concurrency: The setting.
        listed: Gets a page a line: its address and the SHA-1 of its bytes.
    """
    from tilth.collect import crawl
    from tilth.context import Context

    settings = crawl.Settings(
        start=(start,),
        allow_hosts=("127.0.0.1",),
        max_pages=pages,
        max_depth=1000,
        delay_s=0,
        concurrency=concurrency,
    )
    began = time.perf_counter()
    found: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        num_bytes = 0
        for batch in crawl.read(settings, "bench", Context(work=Path(folder))):
            kept = batch.filter(batch.column("drop.rule").is_null())
            bodies = kept.column("html").to_pylist()
            num_bytes += sum(map(len, bodies))
            for url, one in zip(kept.column("uri").to_pylist(), bodies, strict=True):
                found[url] = hashlib.sha1(one, usedforsecurity=False).hexdigest()
    wall_s = time.perf_counter() - began
    usage = resource.getrusage(resource.RUSAGE_SELF)
    lines = (f"{url} {digest}\n" for url, digest in sorted(found.items()))
    listed.write_text("".join(lines), "utf-8")
    return {
        "pages": len(found),
        "megabytes": round(num_bytes / 1e6, 1),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
        "wall_s": round(wall_s, 2),
        "peak_mib": round(usage.ru_maxrss / 1024),
    }


@contextmanager
def _serving(command: list[str]) -> Iterator[str]:
    """The root of the site, served by a process of its own."""
    with subprocess.Popen([*command, "--role=serve"], stdout=subprocess.PIPE, text=True) as server:
        try:
            port = server.stdout.readline().strip() if server.stdout else ""
            yield f"http://127.0.0.1:{port}/docs/"
        finally:
            server.kill()


def _printed(command: list[str]) -> dict[str, Any]:
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(told, file=sys.stderr, flush=True)
    return told


def measure(command: list[str], first: str, rounds: int, scrapy: str) -> dict[str, Any]:
    """Crawl in turns, and what that took.

    Args:
        command: This script, with what it is to serve.
        first: The start page below the root.
        rounds: How often.
        scrapy: A Python that has Scrapy; empty: without.

    Raises:
        SystemExit: They have not the same pages.
    """
    ours: list[dict[str, Any]] = []
    theirs: list[dict[str, Any]] = []
    arm = str(Path(__file__).with_name("scrapy_arm.py"))
    with _serving(command) as root, tempfile.TemporaryDirectory() as work:
        start, listed = root + first, f"{work}/pages"
        for number in range(rounds):
            ours.append(_printed([*command, "--role=crawl", f"--start={start}", f"--to={listed}"]))
            if scrapy:
                theirs.append(_printed([scrapy, arm, start, listed, f"{work}/{number}"]))
                if not theirs[-1]["are_the_same"]:
                    raise SystemExit(f"not the same pages: {ours[-1]}, {theirs[-1]}")
    best = min(ours, key=lambda one: one["cpu_s"])
    result = {
        **best,
        "pages_per_cpu_s": round(best["pages"] / best["cpu_s"]),
    }
    if theirs:
        other = min(theirs, key=lambda one: one["cpu_s"])
        pairs = zip(ours, theirs, strict=True)
        result |= {
            "rounds": rounds,
            "scrapy": other["scrapy"],
            "scrapy_cpu_s": other["cpu_s"],
            "scrapy_wall_s": other["wall_s"],
            "scrapy_peak_mib": other["peak_mib"],
            "scrapy_pages_per_cpu_s": round(other["pages"] / other["cpu_s"]),
            "times_as_fast_as_scrapy": round(
                statistics.median(their["cpu_s"] / our["cpu_s"] for our, their in pairs), 2
            ),
        }
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--docs", type=Path, default=os.environ.get("CRAWL_DOCS") or None)
    parser.add_argument("--pages", type=int, help="default: 5000, of a folder 2000")
    parser.add_argument("--links", type=int, default=70, help="links on a page")
    parser.add_argument("--bytes", type=int, default=20_000, help="bytes of a page")
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--role", choices=("all", "serve", "crawl"), default="all")
    parser.add_argument("--start", default="")
    parser.add_argument("--to", type=Path)
    given = parser.parse_args()
    pages = given.pages or (2000 if given.docs else 5000)
    if given.role == "serve":
        made = made_pages(pages, given.links, given.bytes)
        serve(pages_of(given.docs) if given.docs else made)
    elif given.role == "crawl":
        print(json.dumps(crawl(given.start, pages, given.concurrency, given.to)))
    else:
        command = [sys.executable, __file__, f"--pages={pages}"]
        command += [
            f"--{name}={getattr(given, name)}" for name in ("links", "bytes", "concurrency")
        ]
        command += [f"--docs={given.docs}"] if given.docs else []
        first = "index.html" if given.docs else "0.html"
        result = measure(command, first, given.rounds, os.environ.get("SCRAPY_PYTHON", ""))
        goal = 800 if given.docs else 500
        print(json.dumps({"name": "crawl", "goal_pages_per_cpu_s": goal, **result}))


if __name__ == "__main__":
    main()
