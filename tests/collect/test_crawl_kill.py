"""Killed at any moment and run again, a crawl has every page, and each once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

from tests.web.sites import Site, running

_CRAWL = """
import json, sys
from pathlib import Path
from tilth.collect import crawl
from tilth.context import Context

work, *roots = sys.argv[1:]
settings = crawl.Settings(
    start=tuple(root + "/" for root in roots),
    allow_hosts=("127.0.0.1", "127.0.0.2", "127.0.0.3"),
    delay_s=0,
    retry_s=0.05,
)
rows = []
for batch in crawl.read(settings, "docs", Context(work=Path(work))):
    rows += batch.select(["id", "uri", "drop.rule", "error"]).to_pylist()
print(json.dumps(rows))
"""


@contextmanager
def _sites(pages: int) -> Iterator[list[Site]]:
    """A tree of pages over three hosts, each linking its children, its parent and some others."""
    sites = [Site(), Site(), Site()]
    with ExitStack() as stack:
        for number, site in enumerate(sites, 1):
            stack.enter_context(running(site, host=f"127.0.0.{number}"))

        def address(n: int) -> str:
            return f"{sites[n % 3].root}/{n if n > 2 else ''}"

        for n in range(pages):
            links = [address(child) for child in range(3 * n + 1, 3 * n + 4) if child < pages]
            links += ["/", address((n * 17) % pages), f"/gone{n % 5}"]
            path = address(n).removeprefix(sites[n % 3].root)
            sites[n % 3].html(path, *links, text=f"page {n} " * 200, wait_s=0.001)
        yield sites


def _num_asked(sites: list[Site]) -> int:
    return sum(len(site.log) for site in sites)


def _start(sites: list[Site], work: Path) -> subprocess.Popen[str]:
    work.mkdir(exist_ok=True)
    command = [sys.executable, "-c", _CRAWL, str(work), *(site.root for site in sites)]
    # To a file: nobody reads a pipe while the test waits for the moment to kill.
    with open(work / "rows.json", "w") as out:
        return subprocess.Popen(command, stdout=out, text=True)


def _finish(sites: list[Site], work: Path) -> list[dict[str, str | None]]:
    with _start(sites, work) as process:
        process.wait(timeout=120)
    assert process.returncode == 0
    rows: list[dict[str, str | None]] = json.loads((work / "rows.json").read_text())
    return rows


def _check_kills(tmp_path: Path, pages: int, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    with _sites(pages) as sites:
        undisturbed = _finish(sites, tmp_path / "undisturbed")
        total = _num_asked(sites)
        for site in sites:
            site.asked.clear()
        work, killed = tmp_path / "killed", 0
        for _ in range(kills):
            # At a random request, and a random moment after it, commits included.
            at = _num_asked(sites) + chance.randrange(1, 2 * total // kills)
            wait_s = chance.random() * 0.02
            victim = _start(sites, work)
            deadline = time.monotonic() + 60
            while victim.poll() is None and time.monotonic() < deadline:
                if _num_asked(sites) >= at:
                    time.sleep(wait_s)
                    os.kill(victim.pid, signal.SIGKILL)
                    killed += 1
                    break
                time.sleep(0.0005)
            victim.wait(timeout=60)
        resumed = _finish(sites, work)
        twice = sum(
            count - 1
            for site in sites
            for path, count in site.asked.items()
            if path not in ("/robots.txt", "/sitemap.xml")
        )
    assert killed >= kills // 2
    assert resumed == undisturbed
    kept = sorted(str(row["uri"]) for row in resumed if not row["drop.rule"])
    assert len(kept) == pages
    assert not any(row["error"] for row in resumed)
    archived = []
    for path in sorted((work / "crawl" / "warc").iterdir()):
        with open(path, "rb") as file:
            archived += [
                (one.rec_type, one.rec_headers.get_header("WARC-Target-URI"))
                for one in ArchiveIterator(file, check_digests="raise")
                if one.rec_type != "warcinfo"
            ]
    assert sorted(archived) == sorted(
        (kind, uri) for kind in ("request", "response") for uri in kept
    )
    # Asked for again is only what was under way when it was killed: a request to each host.
    assert twice <= 3 * killed


def test_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    _check_kills(tmp_path, pages=240, kills=3, seed=1)


@pytest.mark.slow
def test_forty_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    _check_kills(tmp_path, pages=2000, kills=40, seed=2)
