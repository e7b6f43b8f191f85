"""Crawl a web of hosts that redirect, fail, refuse and forbid, and look at what they were asked.

    python -m tests.web.polite --requests 5000

By each host's own log and clock: no two requests nearer to each other than the recipe or its rules
say, none while it asked to be left alone, none for what it forbids (as `protego` reads its rules),
and of every origin robots.txt first. It ends with 1 where one of them does not hold.

The second of two requests is sent a pause after the answer to the first has come, and that is sent
after the first is in the log: no load of the machine makes a gap shorter than it was.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from protego import Protego

from tests.web.sites import Reply, Site, redirect, running
from tilth.collect import crawl
from tilth.context import Context
from tilth.machine import describe_machine

_TEXT = (("Content-Type", "text/plain"),)
_AGENT = "tilth-polite/1.0 (+https://example.org/bot)"
_DELAY_S, _RETRY_S = 0.02, 0.03
# Pages of a site; what else is asked of it comes to a third as many requests.
_PAGES = 80


@dataclass
class Host:
    """One origin, and what it wants.

    Attributes:
        site: It.
        rules: Its robots.txt; None: it has none.
        delay_s: The pause that this asks for.
        holds: From when until when it asked to be left alone.
        told_at: When its rules were given.
    """

    site: Site
    rules: str | None = None
    delay_s: float = 0.0
    holds: list[tuple[float, float]] = field(default_factory=list)
    told_at: float = float("inf")

    def busy(self, chance: random.Random, page: Reply) -> Callable[[int], Reply]:
        """A page that is there at the second try, and how the host asks to wait for it."""
        status = chance.choice((429, 503))
        wish = chance.choice((None, None, None, 1))
        headers = () if wish is None else (("Retry-After", str(wish)),)

        def answer(count: int) -> Reply:
            if count > 1:
                return page
            now = time.monotonic()
            self.holds.append((now, now + (wish or _RETRY_S)))
            return Reply(b"", status, headers)

        return answer

    def told(self, _: int) -> Reply:
        self.told_at = min(self.told_at, time.monotonic())
        if self.rules is None:
            return Reply(b"none", 404)
        return Reply(self.rules.encode(), headers=_TEXT)


def _fill(host: Host, number: int, hosts: list[Host], pages: int, chance: random.Random) -> None:
    site = host.site
    if number % 4 != 3:
        host.delay_s = (0.0, 0.1, 0.04)[number % 3]
        host.rules = (
            "User-agent: *\nDisallow: /no\nAllow: /no/but\nDisallow: /*.pdf$\n"
            + (f"Crawl-delay: {host.delay_s}\n" if host.delay_s else "")
            + f"Sitemap: {site.root}/maps\n"
        )
    site.pages["/robots.txt"] = redirect("/rules") if number % 5 == 2 else host.told
    site.pages["/rules"] = host.told
    site.pages["/maps"] = Reply(b"<sitemapindex><loc>/map</loc><loc>/no/map</loc></sitemapindex>")
    listed = [f"{site.root}{path}" for path in ("/listed", "/no/listed", "/no/but", "/a.pdf")]
    body = "".join(f"<loc>{url}</loc>" for url in listed)
    site.pages["/map"] = Reply(f"<urlset>{body}</urlset>".encode())
    for path in ("/listed", "/no/listed", "/no/but", "/a.pdf"):
        site.html(path)
    for n in range(pages):
        other = chance.choice(hosts).site.root
        links = [f"/{child}" for child in (2 * n + 1, 2 * n + 2) if child < pages]
        links += ["/no/thing", f"{other}/{chance.randrange(pages)}", f"{other}/no/{n}", "/b.pdf"]
        links += [f"/to-{n}"] * (n % 9 == 0)
        path = f"/{n or ''}"
        site.html(path, *links)
        page = site.pages[path]
        assert isinstance(page, Reply)
        if n and n % 17 == 0:
            site.pages[path] = host.busy(chance, page)
        elif n and n % 13 == 0:
            site.pages[path] = _once_failing(page)
        targets = ("/listed", "/no/target", f"{other}/{n}", f"{other}/no/target")
        site.pages[f"/to-{n}"] = redirect(chance.choice(targets))
        site.html("/no/target")


def _once_failing(page: Reply) -> Callable[[int], Reply]:
    return lambda count: page if count > 1 else Reply(b"", 502)


@contextmanager
def hosts_of(num: int, seed: int, pages: int = _PAGES) -> Iterator[list[Host]]:
    """So many origins; each sixth is at another port of the host before it."""
    chance = random.Random(seed)
    hosts = [Host(Site()) for _ in range(num)]
    with ExitStack() as stack:
        for number, host in enumerate(hosts):
            last = number - (number % 6 == 5)
            stack.enter_context(running(host.site, host=f"127.0.1.{last + 1}"))
        for number, host in enumerate(hosts):
            _fill(host, number, hosts, pages, chance)
        yield hosts


def crawl_all(hosts: list[Host], work: Path) -> Counter[str]:
    """How the addresses end."""
    settings = crawl.Settings(
        start=tuple(f"{host.site.root}/" for host in hosts),
        allow_hosts=tuple(dict.fromkeys(host.site.host for host in hosts)),
        user_agent=_AGENT,
        delay_s=_DELAY_S,
        retry_s=_RETRY_S,
        max_depth=1000,
        concurrency=256,
    )
    ends: Counter[str] = Counter()
    for batch in crawl.read(settings, "docs", Context(work=work)):
        for row in batch.select(["drop.rule", "error"]).to_pylist():
            ends[row["drop.rule"] or ("error" if row["error"] else "kept")] += 1
    return ends


def faults(hosts: list[Host]) -> list[str]:
    """What was asked and should not have been, or not then."""
    found = []
    for host in hosts:
        asked = [path for _, path in host.site.log]
        if not asked or asked[0] != "/robots.txt":
            found.append(f"{host.site.root} was asked for {asked[:1]} first")
        rules = Protego.parse(host.rules or "")
        for path in asked:
            if path != "/robots.txt" and not rules.can_fetch(f"{host.site.root}{path}", "tilth"):
                found.append(f"{host.site.root}{path} is forbidden")
    for name in dict.fromkeys(host.site.host for host in hosts):
        there = [host for host in hosts if host.site.host == name]
        log = sorted(one for host in there for one in host.site.log)
        for (before, _), (after, path) in pairwise(log):
            told = [host.delay_s for host in there if host.told_at < after]
            # What was told since the one before holds from its answer on.
            pause_s = max([_DELAY_S, *told])
            if after - before < pause_s:
                found.append(f"{name}{path} after {after - before:.4f} s, not {pause_s:g}")
        for begin, end in (hold for host in there for hold in host.holds):
            found += [
                f"{name}{path} was asked {end - at:.4f} s too early"
                for at, path in log
                if begin < at < end
            ]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    began = time.monotonic()
    with (
        hosts_of(given.requests // _PAGES, given.seed) as hosts,
        tempfile.TemporaryDirectory() as work,
    ):
        ends = crawl_all(hosts, Path(work))
        found = faults(hosts)
    total = sum(len(host.site.log) for host in hosts)
    machine = describe_machine()
    names = {host.site.host for host in hosts}
    print(
        f"{datetime.now(UTC).date()}, {machine.cores} cores ({machine.processor}): {total:,} "
        f"requests to {len(hosts)} origins of {len(names)} hosts in "
        f"{time.monotonic() - began:,.0f} s, {sum(len(host.holds) for host in hosts):,} refusals"
    )
    print(", ".join(f"{rule} {num:,}" for rule, num in sorted(ends.items())))
    print("\n".join(found) or "no gap too short, nothing that is forbidden, robots.txt first")
    raise SystemExit(bool(found) or total < given.requests)


if __name__ == "__main__":
    main()
