"""A clock that goes on only when everybody waits for it, so that a test hangs on no real time."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Coroutine
from typing import Any

# More turns of the loop than anything takes to come from one wait to its next.
_TURNS = 50


class Clock:
    """Seconds since the test began; call it to read it, `sleep` to let some go by."""

    def __init__(self) -> None:
        self.now = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._num = 0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Wait until so many seconds have gone by."""
        woken = asyncio.get_running_loop().create_future()
        self._num += 1
        heapq.heappush(self._sleepers, (self.now + seconds, self._num, woken))
        await woken

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run to the end, going on to the next sleeper's time whenever all wait."""

        async def main() -> None:
            task = asyncio.ensure_future(work)
            while True:
                for _ in range(_TURNS):
                    await asyncio.sleep(0)
                if task.done():
                    return task.result()
                assert self._sleepers, "all wait, and none of them for the clock"
                self.now, _, woken = heapq.heappop(self._sleepers)
                if not woken.done():
                    woken.set_result(None)

        asyncio.run(main())
