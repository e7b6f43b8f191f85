"""How far a crawl is, told now and then."""

from __future__ import annotations

import time
from collections.abc import Callable

from tilth.context import Progress

_TELL_S = 0.2


class Telling:
    """Tells how many addresses have ended, and how fast.

    Args:
        progress: Called with (settled addresses, known addresses, rate).
        counts: Settled addresses, and all that are known.
    """

    def __init__(self, progress: Progress, counts: Callable[[], tuple[int, int]]) -> None:
        self._progress = progress
        self._counts = counts
        self._told_at = time.monotonic()
        self._number, self._rate = 0, 0.0

    @property
    def since_s(self) -> float:
        """Seconds since something was told."""
        return time.monotonic() - self._told_at

    def count(self, number: int) -> None:
        """So many more have ended."""
        self._number += number
        if self.since_s >= _TELL_S:
            self.tell()

    def tell(self, note: str = "") -> None:
        """Tell it now, or something else instead of the rate."""
        rate = self._number / max(self.since_s, 1e-6)
        # A moving average over some two seconds.
        self._rate = 0.9 * self._rate + 0.1 * rate if self._rate else rate
        self._number, self._told_at = 0, time.monotonic()
        self._progress(*self._counts(), note or f"{self._rate:,.0f} pages/s")
