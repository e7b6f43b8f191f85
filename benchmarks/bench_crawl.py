"""How many pages a CPU-second the crawler fetches, with its durable frontier and its archive.

A static server in another process gives pages of one size (20 kB unless told otherwise) with 70
links each. What is counted is all CPU time of the crawling process, from its start to its last row:
imports, HTTP, parsing, SQLite with WAL, compressed WARC, reading back.

    python benchmarks/bench_crawl.py --pages 5000

Prints one JSON line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

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


def serve(pages: int, num_links: int, num_bytes: int) -> None:
    """Answer as fast as can be, so that the server is not what is measured."""
    answers: dict[bytes, bytes] = {}

    def answer(path: bytes) -> bytes:
        if path not in answers:
            name = path.rpartition(b"/")[2].removesuffix(b".html") or b"0"
            if not name.isdigit() or int(name) >= pages:
                return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
            content = body(int(name), pages, num_links, num_bytes)
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


def crawl(port: int, pages: int, concurrency: int) -> dict[str, float]:
    """Crawl in this process and say what it took."""
    from tilth.collect import crawl
    from tilth.context import Context

    settings = crawl.Settings(
        start=(f"http://127.0.0.1:{port}/docs/",),
        allow_hosts=("127.0.0.1",),
        max_pages=pages + 1,
        max_depth=1000,
        delay_s=0,
        concurrency=concurrency,
    )
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        rows = num_bytes = 0
        for batch in crawl.read(settings, "bench", Context(work=Path(folder))):
            rows += batch.column("drop.rule").null_count
            num_bytes += sum(len(page) for page in batch.column("html").to_pylist() if page)
    wall_s = time.perf_counter() - began
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = usage.ru_utime + usage.ru_stime
    return {
        "pages": rows,
        "megabytes": round(num_bytes / 1e6, 1),
        "cpu_s": round(cpu_s, 2),
        "wall_s": round(wall_s, 2),
        "pages_per_cpu_s": round(rows / cpu_s),
        "peak_mib": round(usage.ru_maxrss / 1024),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=5000)
    parser.add_argument("--links", type=int, default=70, help="links on a page")
    parser.add_argument("--bytes", type=int, default=20_000, help="bytes of a page")
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--role", choices=("all", "serve", "crawl"), default="all")
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    if given.role == "serve":
        serve(given.pages, given.links, given.bytes)
    elif given.role == "crawl":
        print(json.dumps(crawl(given.port, given.pages, given.concurrency)))
    else:
        common = [f"--{name}={getattr(given, name)}" for name in ("pages", "links", "bytes")]
        common += [f"--concurrency={given.concurrency}"]
        command = [sys.executable, __file__, *common]
        with subprocess.Popen(
            [*command, "--role=serve"], stdout=subprocess.PIPE, text=True
        ) as server:
            try:
                port = server.stdout.readline().strip() if server.stdout else ""
                done = subprocess.run(
                    [*command, "--role=crawl", f"--port={port}"],
                    stdout=subprocess.PIPE,
                    text=True,
                    check=True,
                )
            finally:
                server.kill()
        result = {"name": "crawl", "goal_pages_per_cpu_s": 500, **json.loads(done.stdout)}
        print(json.dumps(result))


if __name__ == "__main__":
    main()
