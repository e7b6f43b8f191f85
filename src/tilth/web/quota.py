"""The bounds of a crawl that are counted while it goes: bytes, hours, space on the disk.

Which pages fit into so many bytes is a question of the site alone: they are counted by distance and
address, whichever was answered first. Hours are of a run, and so they end the asking and not the
crawl: what was not reached is told, and asked for once there are more of them.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import accumulate, islice
from pathlib import Path

from tilth.errors import StorageError
from tilth.web.bounds import (
    MAX_BYTES_PER_HOST,
    MAX_HOURS,
    MAX_HOURS_PER_HOST,
    MAX_TOTAL_BYTES,
    Bounds,
)
from tilth.web.frontier import Frontier, Outcome
from tilth.web.urls import host_of, origin

_HOUR_S = 3600.0
_NEVER = float("inf")
# Facts: seconds that the crawl has asked, and how many of them had gone by when a host was first
# asked. Both are forgotten where it begins to ask again.
_SPENT, _BEGUN = "spent", "begun "


class ByteQuota:
    """Bytes of the pages of a crawl, and of each host.

    Args:
        bounds: Of the crawl.
        settled: Address and bytes of the pages that are in it already.
    """

    def __init__(self, bounds: Bounds, settled: Iterable[tuple[str, int]]) -> None:
        self._total, self._per_host = bounds.max_total_bytes, bounds.max_bytes_per_host
        self.is_set = (self._total, self._per_host) != (None, None)
        self._bytes = 0
        self._of_hosts: Counter[str] = Counter()
        for url, size in settled if self.is_set else ():
            self.take(url, size)
        self.begin_level()

    def take(self, url: str, size: int) -> None:
        """Count a page, in its order."""
        self._bytes += size
        self._of_hosts[host_of(url)] += size

    def full(self, url: str) -> Outcome | None:
        """How an address ends before which, in their order, the pages are as large as may be."""
        if self._total is not None and self._bytes >= self._total:
            return Outcome(url, MAX_TOTAL_BYTES, str(self._total))
        if self._per_host is not None and self._of_hosts[host_of(url)] >= self._per_host:
            return Outcome(url, MAX_BYTES_PER_HOST, str(self._per_host))
        return None

    def begin_level(self) -> None:
        """Nothing is known of the next level."""
        self._near: Counter[str] = Counter()
        self._near_hosts: Counter[str] = Counter()
        self._near_bytes = 0
        # The origin within which the pages known so far reach the total.
        self._last: str | None = None

    def note(self, url: str, size: int) -> None:
        """A page of the level is known, which is counted once all before it are."""
        if not size:
            return
        place = f"{origin(url)}/"
        self._near[place] += size
        self._near_hosts[host_of(url)] += size
        self._near_bytes += size
        if self._total is not None and self._bytes + self._near_bytes >= self._total:
            places = sorted(self._near)
            sums = accumulate((self._near[place] for place in places), initial=self._bytes)
            reached = (
                one
                for one, total in zip(places, islice(sums, 1, None), strict=True)
                if total >= self._total
            )
            self._last = next(reached)

    def is_beyond(self, url: str) -> bool:
        """Whether an address lies behind the bounds by what is known of the level so far.

        Right for sure where what is known of its own host stands before it: whatever else turns
        out to stand there makes it more.
        """
        place = f"{origin(url)}/"
        if self._last is not None and place >= self._last:
            return True
        host = host_of(url)
        there = self._of_hosts[host] + self._near_hosts[host]
        return self._per_host is not None and there >= self._per_host


class Hours:
    """How long a crawl has asked, over all its runs, and when it has asked long enough.

    Args:
        bounds: Of the crawl.
        frontier: Keeps what was spent; a crawl that begins to ask again has spent nothing.
        clock: Seconds that never go back.
    """

    def __init__(self, bounds: Bounds, frontier: Frontier, clock: Callable[[], float]) -> None:
        self._total, self._per_host = bounds.max_hours, bounds.max_hours_per_host
        self._frontier = frontier
        self._clock = clock
        self._begun = clock() - float(frontier.fact(_SPENT) or 0)
        self._firsts: dict[str, float] = {}
        self._is_on = False

    @property
    def _spent_s(self) -> float:
        return self._clock() - self._begun

    def begin(self) -> None:
        """From now on they count; what a crawl asks before, it asks in any case."""
        self._is_on = True

    def keep(self) -> None:
        """Keep for a run to come what was spent."""
        if (self._total, self._per_host) != (None, None):
            self._frontier.set_fact(_SPENT, f"{self._spent_s:.3f}")

    def end_of(self, host: str) -> float:
        """When nothing more is asked of a host, by the clock."""
        return min(self._ends(host)) if self._is_on else _NEVER

    def outcome(self, url: str) -> Outcome:
        """How an address ends for which there is no time."""
        whole, here = self._ends(host_of(url))
        if whole <= here:
            return Outcome(url, MAX_HOURS, f"{self._total:g}")
        return Outcome(url, MAX_HOURS_PER_HOST, f"{self._per_host:g}")

    def _ends(self, host: str) -> tuple[float, float]:
        whole = here = _NEVER
        if self._total is not None:
            whole = self._begun + self._total * _HOUR_S
        if self._per_host is not None:
            here = self._begun + self._first(host) + self._per_host * _HOUR_S
        return whole, here

    def _first(self, host: str) -> float:
        if host not in self._firsts:
            name = f"{_BEGUN}{host}"
            kept = self._frontier.fact(name)
            if kept is None:
                self._frontier.set_fact(name, f"{self._spent_s:.3f}")
            self._firsts[host] = self._spent_s if kept is None else float(kept)
        return self._firsts[host]


class FreeSpace:
    """The space that stays free on a crawl's disk.

    Args:
        folder: On the disk.
        min_bytes: What stays free; None: as it comes.
    """

    def __init__(self, folder: Path, min_bytes: int | None) -> None:
        self._folder = folder
        self._min_bytes = min_bytes

    def check(self) -> None:
        """Stop where there is less.

        Raises:
            StorageError: There is; what was fetched is kept.
        """
        if self._min_bytes is None:
            return
        free = shutil.disk_usage(self._folder).free
        if free < self._min_bytes:
            raise StorageError(
                f"{free:,} bytes are free on the disk, and `min_free_bytes` keeps "
                f"{self._min_bytes:,}",
                where=str(self._folder),
                hint="free space or lower it, then run again to go on: what was fetched is kept",
                code="min-free-bytes",
            )
