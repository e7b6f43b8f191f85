"""Killed at any moment and run again, a crawl has every page, and each once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

from tests.web.sites import Site, running

_CRAWL = """
import json, sys
from pathlib import Path
from tilth.collect import crawl
from tilth.context import Context

root, work = sys.argv[1:]
settings = crawl.Settings(
    start=(root + "/",), allow_hosts=("127.0.0.1",), delay_s=0, retry_s=0.05, concurrency=8
)
rows = []
for batch in crawl.read(settings, "docs", Context(work=Path(work))):
    rows += batch.select(["id", "uri", "drop.rule", "error"]).to_pylist()
print(json.dumps(rows))
"""


def _site(pages: int) -> Site:
    """A tree of pages, each linking its children, its parent and some others."""
    site = Site()
    for n in range(pages):
        links = [f"/{child}" for child in range(3 * n + 1, 3 * n + 4) if child < pages]
        links += ["/", f"/{(n * 17) % pages}", f"/gone{n % 5}"]
        site.html(f"/{n}" if n else "/", *links, text=f"page {n} " * 200, wait_s=0.001)
    return site


def _start(site: Site, work: Path) -> subprocess.Popen[str]:
    work.mkdir(exist_ok=True)
    # To a file: nobody reads a pipe while the test waits for the moment to kill.
    with open(work / "rows.json", "w") as out:
        return subprocess.Popen(
            [sys.executable, "-c", _CRAWL, site.root, str(work)], stdout=out, text=True
        )


def _finish(site: Site, work: Path) -> list[dict[str, str | None]]:
    with _start(site, work) as process:
        process.wait(timeout=60)
    assert process.returncode == 0
    rows: list[dict[str, str | None]] = json.loads((work / "rows.json").read_text())
    return rows


def _check_kills(tmp_path: Path, pages: int, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    with running(_site(pages)) as site:
        undisturbed = _finish(site, tmp_path / "undisturbed")
        total = sum(site.asked.values())
        work, killed = tmp_path / "killed", 0
        for _ in range(kills):
            site.asked.clear()
            # At a random request, and a random moment after it, commits included.
            victim = _start(site, work)
            at, wait_s = chance.randrange(1, 2 * total // kills), chance.random() * 0.02
            deadline = time.monotonic() + 60
            while victim.poll() is None and time.monotonic() < deadline:
                if sum(site.asked.values()) >= at:
                    time.sleep(wait_s)
                    os.kill(victim.pid, signal.SIGKILL)
                    killed += 1
                    break
                time.sleep(0.0005)
            victim.wait(timeout=60)
        resumed = _finish(site, work)
    assert killed >= kills // 2
    assert resumed == undisturbed
    kept = sorted(str(row["uri"]) for row in resumed if not row["drop.rule"])
    assert len(kept) == pages
    assert not any(row["error"] for row in resumed)
    archived = []
    for path in sorted((work / "crawl" / "warc").iterdir()):
        with open(path, "rb") as file:
            archived += [r.rec_headers.get_header("WARC-Target-URI") for r in ArchiveIterator(file)]
    assert sorted(archived) == kept


def test_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    _check_kills(tmp_path, pages=300, kills=4, seed=1)


@pytest.mark.slow
def test_twenty_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    _check_kills(tmp_path, pages=3000, kills=20, seed=2)
