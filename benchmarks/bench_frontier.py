"""Memory and time of a crawl that knows a million addresses.

Twice: of the frontier alone, which is filled as by pages of 50 links each over several hosts,
opened again, admitted and gone through; and of a whole crawl, to which sitemaps of 50,000 addresses
each give as many, of which it fetches 100 and gives a row for all.

    python benchmarks/bench_frontier.py --addresses 1000000

Prints one JSON line. Times are CPU-seconds, memory is the peak of the process.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_HOSTS = 20
_LINKS = 50
_IN_SITEMAP = 50_000
_FETCHED = 100
_GOAL_MIB = 300


def address(number: int) -> str:
    """An address as sites have them, on one of the hosts."""
    return (
        f"http://host{number % _HOSTS}.example.org/docs/2026/section-{number % 977}/{number}.html"
    )


def peak_mib() -> int:
    """The most memory that this process had."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def fill(path: Path, addresses: int) -> dict[str, float]:
    """A crawl's first level, with links that lead to all addresses."""
    from tilth.web.frontier import Frontier, Outcome

    began = time.process_time()
    with closing(Frontier(path)) as frontier:
        pages = [f"http://start.example.org/{n}" for n in range(addresses // _LINKS)]
        frontier.add(pages, 0)
        frontier.admit(0, lambda _: None, addresses)
        numbers = iter(range(addresses))
        for page in pages:
            found = [
                (address(number), 1) for number, _ in zip(numbers, range(_LINKS), strict=False)
            ]
            frontier.settle([Outcome(page, content_type="text/html")], found, "0:0")
        known = frontier.counts()[1]
    spent = time.process_time() - began
    return {"known": known, "fill_s": round(spent, 2), "adds_per_s": round(known / spent)}


def go_on(path: Path) -> dict[str, float]:
    """Open it again, admit all, and ask for what is next on a host."""
    from tilth.web.frontier import Frontier, Outcome

    began = time.process_time()
    with closing(Frontier(path)) as frontier:
        opened = time.process_time()
        level = frontier.next_level()
        assert level == (1, False)
        frontier.admit(1, lambda _: None, 1 << 40)
        admitted = time.process_time()
        host, last, num = "http://host7.example.org", "", 0
        while found := frontier.next_admitted(1, host, last):
            last = found[-1]
            num += len(found)
        asked = time.process_time()
        settled = 0
        for url in frontier.next_admitted(1, host, ""):
            frontier.settle([Outcome(url, content_type="text/html")], (), "0:0")
            frontier.next_level()
            settled += 1
        ended = time.process_time()
    return {
        "open_s": round(opened - began, 2),
        "admit_s": round(admitted - opened, 2),
        "next_ms_for_256": round((asked - admitted) / (num / 256) * 1000, 2),
        "settle_and_next_level_ms": round((ended - asked) / settled * 1000, 3),
    }


class _Site(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    addresses = 0

    def do_GET(self) -> None:
        root = f"http://{self.headers['Host']}"
        kind, body = "text/html", f"<p>{self.path}</p>"
        if self.path == "/robots.txt":
            num = -(-self.addresses // _IN_SITEMAP)
            kind = "text/plain"
            body = "".join(f"Sitemap: {root}/sitemap-{n}.xml\n" for n in range(num))
        elif self.path.startswith("/sitemap-"):
            first = int(self.path[9:-4]) * _IN_SITEMAP
            numbers = range(first, min(first + _IN_SITEMAP, self.addresses))
            kind = "text/xml"
            listed = (f"<url><loc>{root}/docs/{n % 977}/{n}.html</loc></url>" for n in numbers)
            body = f"<urlset>{''.join(listed)}</urlset>"
        data = body.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def serve(addresses: int) -> None:
    """The site whose sitemaps list them."""
    _Site.addresses = addresses
    with ThreadingHTTPServer(("127.0.0.1", 0), _Site) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()


def crawl(root: str) -> dict[str, float]:
    """The whole crawl; its rows are counted."""
    from tilth.collect import crawl
    from tilth.context import Context

    settings = crawl.Settings(
        start=(f"{root}/",), allow_hosts=("127.0.0.1",), max_pages=_FETCHED, delay_s=0
    )
    began = time.process_time()
    rows, first = 0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        for batch in crawl.read(settings, "bench", Context(work=Path(folder))):
            first = first or time.process_time()
            rows += len(batch)
    ended = time.process_time()
    return {
        "rows": rows,
        "crawl_s": round(first - began, 1),
        "rows_s": round(ended - first, 1),
    }


def _printed(*given: str) -> dict[str, Any]:
    command = [sys.executable, __file__, *given]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--addresses", type=int, default=1_000_000)
    parser.add_argument("--role", choices=("all", "fill", "go on", "serve", "crawl"), default="all")
    parser.add_argument("--at", default="", help="file, or root, of a role")
    given = parser.parse_args()
    if given.role == "serve":
        serve(given.addresses)
        return
    if given.role != "all":
        found: dict[str, float] = (
            fill(Path(given.at), given.addresses)
            if given.role == "fill"
            else go_on(Path(given.at))
            if given.role == "go on"
            else crawl(given.at)
        )
        print(json.dumps({**found, f"{given.role.replace(' ', '_')}_peak_mib": peak_mib()}))
        return
    num = f"--addresses={given.addresses}"
    result: dict[str, Any] = {"name": "known addresses", "goal_peak_mib": _GOAL_MIB}
    with tempfile.TemporaryDirectory() as folder:
        at = f"--at={folder}/frontier.sqlite"
        result |= _printed("--role=fill", num, at)
        result["file_mib"] = round(Path(folder, "frontier.sqlite").stat().st_size / 2**20)
        result |= _printed("--role=go on", at)
    command = [sys.executable, __file__, "--role=serve", num]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            port = server.stdout.readline().strip() if server.stdout else ""
            result |= _printed("--role=crawl", f"--at=http://127.0.0.1:{port}")
        finally:
            server.kill()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
