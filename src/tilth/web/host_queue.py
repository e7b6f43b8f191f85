"""What is to be asked of one host, in order: its part of a level, further tries, what is ahead."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass

from tilth.web.lanes import Lane

# Addresses held of what is ahead, and the longest; what is more comes with its level.
_MAX_AHEAD, _MAX_LENGTH = 1024, 256


@dataclass(frozen=True)
class Todo:
    """One address to be asked for.

    Attributes:
        url: The address.
        depth: Its level.
        attempt: How often it was tried.
        is_ahead: Its level has not begun.
    """

    url: str
    depth: int
    attempt: int = 0
    is_ahead: bool = False


class HostQueue:
    """The addresses of one host, for whoever works on it.

    Args:
        lane: The host's clock.
        more: More of an origin's admitted addresses of a level, behind one of them, in order.
        is_open: Whether an origin is asked at all.
        may_go_ahead: Whether what is ahead may be asked for now.
    """

    def __init__(
        self,
        lane: Lane,
        more: Callable[[int, str, str], list[str]],
        is_open: Callable[[str], bool],
        may_go_ahead: Callable[[], bool],
    ) -> None:
        self.lane = lane
        # Set while nothing of the level is left to be asked or under way.
        self.idle = asyncio.Event()
        self.idle.set()
        self._more = more
        self._is_open = is_open
        self._may_go_ahead = may_go_ahead
        self._depth = 0
        self._origins: deque[str] = deque()
        self._last = ""
        self._next: deque[str] = deque()
        # (when it is due, address, origin, how often it was tried)
        self._later: list[tuple[float, str, str, int]] = []
        self._ahead: list[tuple[int, str]] = []
        self._under_way = 0
        self._woken = asyncio.Event()

    def begin(self, depth: int, origins: Collection[str]) -> None:
        """Ask for what is admitted of these origins at a level."""
        self._depth, self._origins, self._last = depth, deque(sorted(origins)), ""
        self.idle.clear()
        self._woken.set()

    def offer(self, url: str, depth: int) -> None:
        """An address that a level to come may have."""
        if len(self._ahead) < _MAX_AHEAD and len(url) <= _MAX_LENGTH:
            heapq.heappush(self._ahead, (depth, url))
            self._woken.set()

    def look_ahead(self) -> None:
        """Ask whether it may go ahead once more."""
        self._woken.set()

    def turn_back(self) -> None:
        """Forget what is ahead."""
        self._ahead.clear()

    def again(self, todo: Todo, origin: str, pause_s: float) -> None:
        """Ask for an address of the level once more after a pause; others come meanwhile."""
        due = self.lane.clock() + pause_s
        heapq.heappush(self._later, (due, todo.url, origin, todo.attempt + 1))

    def done(self, todo: Todo) -> None:
        """What was given by `next` is settled, or comes again."""
        if not todo.is_ahead:
            self._under_way -= 1
            # Others that work on the host may wait for nothing but this.
            self._woken.set()

    async def next(self) -> Todo:
        """The next address, as soon as there is one."""
        while True:
            self._woken.clear()
            todo = self._take()
            if todo is not None:
                return todo
            if not self._later:
                await self._woken.wait()
                continue
            woken = asyncio.ensure_future(self._woken.wait())
            due = asyncio.ensure_future(self.lane.sleep(self._later[0][0] - self.lane.clock()))
            try:
                await asyncio.wait({woken, due}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                woken.cancel()
                due.cancel()

    def _take(self) -> Todo | None:
        while self._later and self._later[0][0] <= self.lane.clock():
            _, url, origin, attempt = heapq.heappop(self._later)
            if self._is_open(origin):
                self._under_way += 1
                return Todo(url, self._depth, attempt)
        if (admitted := self._admitted()) is not None:
            self._under_way += 1
            return Todo(admitted, self._depth)
        if not self._later and not self._under_way:
            self.idle.set()
        if self._ahead and self._may_go_ahead():
            depth, url = heapq.heappop(self._ahead)
            return Todo(url, depth, is_ahead=True)
        return None

    def _admitted(self) -> str | None:
        while self._origins:
            origin = self._origins[0]
            if self._is_open(origin):
                if not self._next:
                    self._next.extend(self._more(self._depth, origin, self._last))
                if self._next:
                    self._last = self._next.popleft()
                    return self._last
            self._origins.popleft()
            self._next.clear()
            self._last = ""
        return None
