"""The clocks of a crawl's hosts: every request to a host waits here for its turn.

A host is a name or an address, whatever the port: behind all of them stands one machine. Robots,
sitemaps, redirects, further tries and pages of every level go through its one lane.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from tilth.web.client import Answer, Client, FetchError
from tilth.web.retry import TRANSIENT_STATUSES, retry_after_s
from tilth.web.urls import host_of

# A host that asks for a longer pause than this is left alone in this run.
MAX_HOLD_S = 3600.0
# What is asked for beyond a day is a slip or a trap.
_MAX_WISH_S = 86_400.0
_MAX_PAUSE_S = 120.0
# A host that is slow to answer is left alone for as long as that took, and no longer than this.
_MAX_SLOW_S = 10.0
# RFC 9309 section 2.3.1.2: five hops and more are followed for a robots.txt.
_MAX_HOPS = 6
# Statuses by which a server says that it is asked too much, or not now (RFC 6585, RFC 9110).
_OVERLOADED = frozenset({429, 503})

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[object]]
Check = Callable[[str], Awaitable[None]]


class LeftAloneError(FetchError):
    """The host asked for a pause that a run does not sit out."""

    def __init__(self, host: str, wait_s: float) -> None:
        super().__init__(f"{host} asks not to be asked for {wait_s:,.0f} s", transient=False)


class TimeIsUpError(FetchError):
    """The time in which a host may be asked would be over before its turn comes."""

    def __init__(self, host: str) -> None:
        super().__init__(f"there is no time left to ask {host}", transient=False)


class Lane:
    """One host's clock, and how many requests are under way to it.

    Where that is one, the pause counts from the end of an answer, so that no two requests arrive
    at less than it, however long the first was on its way; and it is no shorter than the answer
    took, so that a host which is busy has half of its time for others. Where they may be several,
    it counts from when they are sent.

    Args:
        host: Its name.
        pace_s: Least number of seconds between two requests; `slow` makes it longer.
        connections: Requests under way at a time.
        slots: One for each host that may be asked at a time.
        was_asked: It may have been asked just before this run: its first pause counts from now.
        clock: Seconds that never go back.
        sleep: Lets so many of them go by.
        end: When, by the clock, a host is asked nothing more.
    """

    def __init__(
        self,
        host: str,
        pace_s: float,
        connections: int,
        slots: asyncio.Semaphore,
        *,
        was_asked: bool = False,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        end: Callable[[str], float] = lambda _: float("inf"),
    ) -> None:
        self.host = host
        self.pace_s = pace_s
        # Statuses in a row that say that it is asked too much.
        self.refusals = 0
        self._slots = slots
        self.clock = clock
        self.sleep = sleep
        self._end = end
        self._is_single = connections == 1
        self._free = asyncio.Semaphore(connections)
        self._gate = asyncio.Lock()
        self._under_way = 0
        self._last = clock() if was_asked else float("-inf")
        # Seconds that the last answer took.
        self._took_s = 0.0
        self._held_until = float("-inf")

    @property
    def wait_s(self) -> float:
        """Seconds until it may be asked; 0 where it may be now."""
        return max(self._last + self._pause_s, self._held_until) - self.clock()

    @property
    def _pause_s(self) -> float:
        """Seconds between the last request and the next; who asks for none gets none."""
        slow_s = min(self._took_s, _MAX_SLOW_S) if self._is_single and self.pace_s else 0.0
        return max(self.pace_s, slow_s)

    @property
    def held_s(self) -> float:
        """Seconds of a pause that the host itself asked for."""
        return max(self._held_until - self.clock(), 0.0)

    def slow(self, pace_s: float) -> None:
        """Keep at least this pace from now on."""
        self.pace_s = max(self.pace_s, pace_s)

    def hold(self, pause_s: float) -> None:
        """Ask nothing for so many seconds."""
        self._held_until = max(self._held_until, self.clock() + pause_s)

    def rest(self, pause_s: float) -> None:
        """Somebody else has just asked it, and is to be followed after so many seconds."""
        self._last = max(self._last, self.clock() + pause_s - self.pace_s)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """The time in which one request may be made and answered.

        Raises:
            LeftAloneError: The host asked for a pause of more than `MAX_HOLD_S`.
            TimeIsUpError: It would not come before nothing more is asked.
        """
        async with self._free:
            async with self._gate:
                await self._take_turn()
            began = self._last
            try:
                yield
            finally:
                if self._is_single:
                    self._last = self.clock()
                    self._took_s = self._last - began
                self._under_way -= 1
                if not self._under_way:
                    self._slots.release()

    async def _take_turn(self) -> None:
        while True:
            # A clock may wake a sleeper a little early, and a pause may grow meanwhile.
            while (pause := max(self.wait_s, 0.0)) or self._is_over(pause):
                if self._is_over(pause):
                    raise TimeIsUpError(self.host)
                if self.held_s > MAX_HOLD_S:
                    raise LeftAloneError(self.host, self.held_s)
                await self.sleep(pause)
            if not self._under_way:
                await self._slots.acquire()
                if self.wait_s > 0:
                    self._slots.release()
                    continue
            self._under_way += 1
            self._last = self.clock()
            return

    def _is_over(self, pause_s: float) -> bool:
        return self.clock() + pause_s >= self._end(self.host)


class Lanes:
    """The lanes of all hosts of a crawl.

    Args:
        pace_s: Least number of seconds between two requests to any host.
        connections: Requests under way to a host at a time.
        hosts: Hosts that are asked at a time.
        were_asked: The crawl goes on from an earlier run, which may have ended just now.
        held: Host -> seconds for which it asked to be left alone.
        clock: As of a lane.
        sleep: As of a lane.
    """

    def __init__(
        self,
        pace_s: float,
        connections: int,
        hosts: int,
        *,
        were_asked: bool = False,
        held: Iterable[tuple[str, float]] = (),
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._pace_s = pace_s
        self._connections = connections
        self._slots = asyncio.Semaphore(hosts)
        self._were_asked = were_asked
        self.clock = clock
        self.sleep = sleep
        # When, by the clock, a host is asked nothing more.
        self.end: Callable[[str], float] = lambda _: float("inf")
        self._lanes: dict[str, Lane] = {}
        # Host -> how it is told, once it is met, what it is owed for the requests of others.
        self._owed: dict[str, list[Callable[[Lane], None]]] = {}
        for host, pause_s in held:
            self.of(host).hold(pause_s)

    def __getitem__(self, url: str) -> Lane:
        """The lane of an address or of an origin."""
        return self.of(host_of(url))

    def of(self, host: str) -> Lane:
        """The lane of a host, by its name."""
        if host not in self._lanes:
            self._lanes[host] = Lane(
                host,
                self._pace_s,
                self._connections,
                self._slots,
                was_asked=self._were_asked,
                clock=self.clock,
                sleep=self.sleep,
                end=lambda host: self.end(host),
            )
            for tell in self._owed.pop(host, ()):
                tell(self._lanes[host])
        return self._lanes[host]

    def owe(self, host: str, tell: Callable[[Lane], None]) -> None:
        """Once a host is met, tell its lane."""
        self._owed.setdefault(host, []).append(tell)

    @property
    def waiting(self) -> list[Lane]:
        """Those that may not be asked just now."""
        return [lane for lane in self._lanes.values() if lane.wait_s > 0]

    @property
    def slowest(self) -> Lane | None:
        """The lane that waits longest."""
        return max(self._lanes.values(), key=lambda lane: lane.wait_s, default=None)


@dataclass(frozen=True)
class PoliteClient:
    """A client of which every request goes through the lane of its host.

    Attributes:
        client: The HTTP client.
        lanes: The hosts' clocks.
        retries: Further tries after the first.
        retry_s: Pause before the second try; doubled for each further one, up to two minutes.
        note_hold: Told of a host and for how many seconds it asked to be left alone.
    """

    client: Client
    lanes: Lanes
    retries: int
    retry_s: float
    note_hold: Callable[[str, float], None]

    def pause_s(self, attempt: int) -> float:
        """Seconds between a try, counted from 0, and the one that follows it."""
        return min(self.retry_s * 2.0 ** min(attempt, 30), _MAX_PAUSE_S)

    async def once(
        self,
        url: str,
        max_bytes: int,
        *,
        html_only: bool = False,
        besides: Callable[[str], bool] | None = None,
        cuts: bool = False,
        conditions: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request, as `Client.get`, in the host's turn.

        A status after which is asked again holds all that is asked of the host, for as long as
        its Retry-After says. One that says that it is asked too much does so where it says nothing
        too: as long as before a further try.

        Raises:
            LeftAloneError: The host asked for a pause of more than `MAX_HOLD_S`.
            TimeIsUpError: There is no time left for it.
            AddressRefusedError, FetchError, TooLargeError: As of `Client.get`.
        """
        lane = self.lanes[url]
        async with lane.turn():
            answer = await self.client.get(
                url,
                max_bytes,
                html_only=html_only,
                besides=besides,
                cuts=cuts,
                conditions=conditions,
            )
            # Before the turn ends, so that nobody is next.
            if answer.status in _OVERLOADED:
                self._hold(lane, _wish_of(answer), self.pause_s(min(lane.refusals, self.retries)))
                lane.refusals += 1
            else:
                lane.refusals = 0
                if answer.status in TRANSIENT_STATUSES:
                    self._hold(lane, _wish_of(answer))
        return answer

    async def get(
        self,
        url: str,
        max_bytes: int,
        *,
        cuts: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """As `once`, tried again; the last failure is raised, the last bad status returned."""
        for attempt in range(self.retries):
            try:
                answer = await self.once(url, max_bytes, cuts=cuts, conditions=headers)
            except FetchError as error:
                if not error.transient:
                    raise
            else:
                if answer.status not in TRANSIENT_STATUSES:
                    return answer
            await self.lanes.sleep(self.pause_s(attempt))
        return await self.once(url, max_bytes, cuts=cuts, conditions=headers)

    async def get_through(
        self, url: str, max_bytes: int, check: Check | None = None, *, cuts: bool = False
    ) -> Answer:
        """As `get`, with redirects followed; for a site's own files, which no frontier holds.

        Args:
            url: The address.
            max_bytes: Of each answer.
            cuts: As of `Client.get`.
            check: Called with each address on the way before it is asked for; raises where it
                may not be.

        Returns:
            The first answer that is no redirect, or the last redirect of a chain without end.
        """
        target: str | None = url
        for _ in range(_MAX_HOPS + 1):
            if target is None:
                break
            if check is not None:
                await check(target)
            answer = await self.get(target, max_bytes, cuts=cuts)
            target = answer.target
        return answer

    def _hold(self, lane: Lane, wish_s: float, pause_s: float = 0.0) -> None:
        lane.hold(max(wish_s, pause_s))
        if wish_s:
            self.note_hold(lane.host, wish_s)


def _wish_of(answer: Answer) -> float:
    """Seconds for which a host asks to be left alone; 0 where it does not."""
    now = datetime.now(UTC)
    wishes = (retry_after_s(v, now) for k, v in answer.headers if k.lower() == "retry-after")
    return min(max(wishes, default=0.0), _MAX_WISH_S)
