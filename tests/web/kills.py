"""Kill a crawl over three hosts again and again, and see what is lost or doubled.

    python -m tests.web.kills --pages 2000 --kills 200 --folder FOLDER

Stopped, or at the end of its `--minutes`, the same command goes on where it was. It ends with 1
where a page is lost, doubled, or another than an undisturbed crawl has.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from warcio.archiveiterator import ArchiveIterator

from tests.web.sites import Site, running
from tilth.machine import describe_machine

# What any crawl asks for before its pages, and may ask for again.
_SITE_FILES = ("/robots.txt", "/sitemap.xml", "/.well-known/tdmrep.json")
# Imports once and forks for each crawl, since they take longer than what is between two kills.
_CRAWLS = """
import json, os, sys, traceback
from pathlib import Path
import tilth.web.client, tilth.web.crawler
from tilth.collect import crawl
from tilth.context import Context

settings = crawl.Settings(
    start=tuple(root + "/" for root in sys.argv[1:]),
    allow_hosts=("127.0.0.1", "127.0.0.2", "127.0.0.3"),
    delay_s=0,
    retry_s=0.05,
)
for line in sys.stdin:
    work = Path(line.strip())
    if not (pid := os.fork()):
        try:
            rows = []
            for batch in crawl.read(settings, "docs", Context(work=work)):
                rows += batch.select(["id", "uri", "drop.rule", "error"]).to_pylist()
            (work / "rows.json").write_text(json.dumps(rows))
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    print(pid, flush=True)
    print(os.waitpid(pid, 0)[1], flush=True)
"""


@contextmanager
def sites_of(pages: int, ports: tuple[int, ...] = (0, 0, 0)) -> Iterator[list[Site]]:
    """A tree of pages over three hosts, each linking its children, its parent and some others."""
    sites = [Site(), Site(), Site()]
    with ExitStack() as stack:
        for number, (site, port) in enumerate(zip(sites, ports, strict=True), 1):
            stack.enter_context(running(site, port, host=f"127.0.0.{number}"))

        def address(n: int) -> str:
            return f"{sites[n % 3].root}/{n if n > 2 else ''}"

        for n in range(pages):
            links = [address(child) for child in range(3 * n + 1, 3 * n + 4) if child < pages]
            links += ["/", address((n * 17) % pages), f"/gone{n % 5}"]
            path = address(n).removeprefix(sites[n % 3].root)
            sites[n % 3].html(path, *links, text=f"page {n} " * 200, wait_s=0.001)
        yield sites


def num_asked(sites: list[Site]) -> int:
    return sum(len(site.log) for site in sites)


class Crawls:
    """Crawls of some sites, one at a time, each a process that may be killed."""

    def __init__(self, sites: list[Site]) -> None:
        command = [sys.executable, "-c", _CRAWLS, *(site.root for site in sites)]
        # Without a buffer, so that what may be read is seen by `select`.
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )

    def __enter__(self) -> Crawls:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.__exit__(kind, error, trace)

    def start(self, work: Path) -> int:
        """Begin, or go on with, the crawl in a folder; its process."""
        work.mkdir(parents=True, exist_ok=True)
        assert self._process.stdin is not None
        self._process.stdin.write(f"{work}\n".encode())
        return self._line(60)

    def is_done(self, wait_s: float) -> bool:
        """Whether the crawl ends within some time, by itself or not."""
        assert self._process.stdout is not None
        return bool(select.select([self._process.stdout], [], [], wait_s)[0])

    def end(self) -> int:
        """How it ended: 0, or the number of a signal or 256 times another status."""
        return self._line(300)

    def _line(self, wait_s: float) -> int:
        assert self._process.stdout is not None
        assert self.is_done(wait_s), "the crawl hangs"
        return int(self._process.stdout.readline())


@dataclass
class Tally:
    """How far a trial is: kept between two calls of the command."""

    pages: int
    kills: int
    seed: int
    ports: tuple[int, ...]
    # Requests of the undisturbed crawl; 0: it was not made.
    total: int = 0
    killed: int = 0
    # Of the crawl that is killed.
    asked: int = 0
    twice: int = 0
    took_s: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, sites: list[Site]) -> None:
        """Take over what the sites were asked, by path, and forget it there."""
        for site in sites:
            for path, count in site.asked.items():
                key = f"{site.host}{path}"
                self.counts[key] = self.counts.get(key, 0) + count
            self.asked += len(site.log)
            site.asked.clear()
            site.log.clear()
            site.headers.clear()
        self.twice = sum(
            count - 1 for path, count in self.counts.items() if not path.endswith(_SITE_FILES)
        )


def kill_again(tally: Tally, folder: Path, until: float = float("inf")) -> bool:
    """Crawl undisturbed and with kills, each at a random request and a random moment after it.

    Args:
        tally: Is kept up, and in the folder.
        folder: Of both crawls.
        until: By the monotonic clock, when to stop between two kills.

    Returns:
        Whether all is done.
    """
    undisturbed, killed = folder / "undisturbed", folder / "killed"
    with sites_of(tally.pages, tally.ports) as sites, Crawls(sites) as crawls:
        tally.ports = tuple(site.port for site in sites)
        if not tally.total:
            # Begun before and stopped, it would not be one.
            shutil.rmtree(undisturbed, ignore_errors=True)
            crawls.start(undisturbed)
            assert crawls.end() == 0
            tally.total = num_asked(sites)
            for site in sites:
                site.asked.clear()
                site.log.clear()
            _keep(tally, folder)
        while tally.killed < tally.kills and time.monotonic() < until:
            _keep(tally, folder)
            began = time.monotonic()
            chance = random.Random(f"{tally.seed} {tally.killed}")
            # Four fifths of the way at the last one.
            at = chance.randrange(1, max(2, round(1.6 * tally.total / tally.kills)))
            wait_s = chance.random() * 0.02
            pid = crawls.start(killed)
            while num_asked(sites) < at and not crawls.is_done(0.0005):
                pass
            if not crawls.is_done(wait_s):
                os.kill(pid, signal.SIGKILL)
            ended = crawls.end()
            assert ended in (0, signal.SIGKILL), f"it ended with {ended}"
            tally.killed += ended == signal.SIGKILL
            tally.count(sites)
            tally.took_s += time.monotonic() - began
            if ended == 0:
                break
        if time.monotonic() >= until:
            return False
        crawls.start(killed)
        assert crawls.end() == 0
        tally.count(sites)
    _keep(tally, folder)
    return True


def _keep(tally: Tally, folder: Path) -> None:
    (folder / "tally.json").write_text(json.dumps(asdict(tally)), "utf-8")


def rows_of(work: Path) -> list[dict[str, str | None]]:
    """The rows of a crawl that is done."""
    rows: list[dict[str, str | None]] = json.loads((work / "rows.json").read_text("utf-8"))
    return rows


def archived(work: Path) -> list[tuple[str, str, str]]:
    """Kind, address and digest of the body of each record of an archive, sorted."""
    found = []
    for path in sorted((work / "crawl" / "warc").iterdir()):
        with open(path, "rb") as file:
            for one in ArchiveIterator(file, check_digests="raise"):
                if one.rec_type != "warcinfo":
                    fields = ("WARC-Target-URI", "WARC-Payload-Digest")
                    found.append((one.rec_type, *map(one.rec_headers.get_header, fields)))
    return sorted(found)


def faults(tally: Tally, folder: Path) -> list[str]:
    """What the killed crawl has otherwise than the undisturbed one, in words."""
    undisturbed, killed = rows_of(folder / "undisturbed"), rows_of(folder / "killed")
    found = []
    kept = [row["uri"] for row in killed if not row["drop.rule"]]
    if len(kept) != tally.pages:
        found.append(f"{len(kept):,} of {tally.pages:,} pages")
    if len(set(kept)) != len(kept):
        found.append(f"{len(kept) - len(set(kept)):,} pages doubled")
    if killed != undisturbed:
        found.append("other rows than undisturbed")
    if any(row["error"] for row in killed):
        found.append("rows with errors")
    if archived(folder / "killed") != archived(folder / "undisturbed"):
        found.append("another archive than undisturbed")
    # Asked for again is only what was under way when it was killed: a request to each host.
    if tally.twice > 3 * tally.killed:
        found.append(f"{tally.twice:,} requests were made twice")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--folder", type=Path, default=Path("runs/crawl-kills"))
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    place = given.folder / "tally.json"
    if place.exists():
        told = json.loads(place.read_text("utf-8"))
        tally = Tally(**{**told, "ports": tuple(told["ports"])})
    else:
        tally = Tally(given.pages, given.kills, given.seed, (0, 0, 0))
    is_done = kill_again(tally, given.folder, time.monotonic() + 60 * given.minutes)
    if not is_done:
        raise SystemExit(f"{tally.killed:,} of {tally.kills:,} kills; the same command goes on")
    found = faults(tally, given.folder)
    machine = describe_machine()
    print(
        f"{datetime.now(UTC).date()}, {machine.cores} cores ({machine.processor}): "
        f"{tally.killed:,} kills in a crawl of {tally.pages:,} pages over three hosts, seed "
        f"{tally.seed}, {tally.took_s:,.0f} s"
    )
    print(
        f"requests: {tally.total:,} undisturbed, {tally.asked:,} with kills, {tally.twice:,} of "
        "them for a page a second time"
    )
    print("; ".join(found) or "no page lost, none doubled, the same bytes")
    raise SystemExit(bool(found))


if __name__ == "__main__":
    main()
