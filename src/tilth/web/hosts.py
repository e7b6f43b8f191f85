"""The sites of a crawl: their rules, their pace, and whether they still answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from tilth.decode.text import decode_loosely
from tilth.web.address import AddressRefusedError, joined, place_of
from tilth.web.bounds import MAX_HOURS
from tilth.web.client import Answer, Client, FetchError, describe
from tilth.web.frontier import ASKED, Frontier, Outcome
from tilth.web.lanes import PoliteClient, TimeIsUpError
from tilth.web.robots import MAX_ROBOTS_BYTES, RobotsFile, decode_robots
from tilth.web.urls import host_of
from tilth.web.usage import MAX_TDMREP_BYTES, TDMREP_PATH

# Failures in a row after which the site itself is asked whether it is still there.
_SUSPICIOUS = 8
# Time-outs in a row after which an address is asked for only once, and those after which the site
# counts as one that does not answer.
_SLOW, _HANGING = 8, 40
# RFC 9309 section 2.4.
_MAX_AGE_S = 86_400.0
# Rules that could not be had again are asked for once more after this.
_AGAIN_S = 3600.0


class ForbiddenError(Exception):
    """The rules of a site forbid an address, or it cannot be asked at all, or there is no time."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.error or f"{outcome.rule}: {outcome.value}")
        self.outcome = outcome


@dataclass
class Host:
    """One origin (scheme, host and port).

    Attributes:
        robots: Its robots.txt.
        unreachable: Why its robots.txt could not be read; empty if it could.
        refused: The address at which the host is, where that is not allowed.
        refusal: That in words: of the host whose address it is, which may be one to which its
            robots.txt leads.
        refused_place: Host and port of that, as `allow_hosts` may have them.
        failing: Failed pages that are not written down yet: the site may be down.
        failures: Failed requests since the last that was answered.
        hangs: Requests for pages since the last that did not run into a time-out.
        hung: Addresses of the level that these were for.
        silent: Why nothing more is asked of it for now; empty if it is.
        dead: Why nothing more is asked of it at all, while other sites answer; empty if it is.
        returns: How often it was silent and then asked again.
        late: How its addresses end where there was no time to ask for its robots.txt; None: there
            was.
        is_renewed: Its robots.txt may be another one than that by which addresses were admitted.
    """

    robots: RobotsFile
    unreachable: str = ""
    refused: str = ""
    refusal: str = ""
    refused_place: str = ""
    failing: list[Outcome] = field(default_factory=list)
    failures: int = 0
    hangs: int = 0
    hung: dict[str, Outcome] = field(default_factory=dict)
    silent: str = ""
    dead: str = ""
    returns: int = 0
    late: Outcome | None = None
    is_renewed: bool = False

    @property
    def is_suspicious(self) -> bool:
        """Whether so much has failed that the site may be down."""
        return max(self.failures, len(self.failing)) >= _SUSPICIOUS

    def may_retry(self, attempt: int, retries: int) -> bool:
        """Whether an address that was tried so often before and failed is tried once more."""
        return self.is_asked and self.hangs < _SLOW and attempt < retries

    @property
    def is_hanging(self) -> bool:
        """Whether so many requests in a row ran into a time-out that nothing more is asked."""
        return self.hangs >= _HANGING

    @property
    def is_asked(self) -> bool:
        """Whether pages may be asked of it."""
        is_gone = self.silent or self.dead or self.unreachable or self.refused
        return not is_gone and self.late is None

    def take_over(self, found: Host) -> None:
        """Go on by rules that were read again, with all else as it is."""
        self.robots, self.is_renewed = found.robots, True
        self.unreachable, self.late = found.unreachable, found.late
        self.refused, self.refusal = found.refused, found.refusal
        self.refused_place = found.refused_place

    def verdict(self, url: str) -> Outcome | None:
        """The outcome of an address that this host forbids or cannot give, or None."""
        if self.refused:
            return Outcome(url, "address", self.refused)
        if self.late is not None:
            return replace(self.late, url=url)
        if self.dead:
            return Outcome(url, error=f"the site stopped answering: {self.dead}")
        if self.unreachable:
            # RFC 9309 section 2.3.1.4: an unreachable robots.txt forbids everything.
            return Outcome(url, error=f"the site does not answer: {self.unreachable}")
        if not self.robots.allows(url):
            return Outcome(url, "robots", "disallowed", consent="robots.txt: disallowed")
        return None

    def reserved(self, url: str) -> Outcome | None:
        """The outcome of an address whose use the site keeps for itself, or None."""
        found = self.robots.reserves(url)
        return found and Outcome(url, *found, consent=f"robots.txt: allowed; {found[1]}")


class Hosts:
    """The hosts met so far, by origin.

    Args:
        client: Asks them.
        frontier: Keeps their robots.txt, so that a crawl taken up again decides as it did.
        agent: The crawler's name in a robots.txt.
        time_is_up: How an address ends for which there is no time.
        now: Seconds by the clock on the wall.
    """

    def __init__(
        self,
        client: PoliteClient,
        frontier: Frontier,
        agent: str,
        time_is_up: Callable[[str], Outcome] = lambda url: Outcome(url, MAX_HOURS),
        now: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._frontier = frontier
        self._agent = agent
        self._time_is_up = time_is_up
        self._now = now
        # When rules that are known here are to be asked for again.
        self._due: dict[str, float] = {}
        self._met: dict[str, Host] = {}
        # By which of what is known.
        self._met_by: dict[str, Host] = {}
        self._doors: dict[str, asyncio.Lock] = {}
        # By their robots.txt alone.
        self._known: dict[str, Host] = {}
        self._porches: dict[str, asyncio.Lock] = {}

    @property
    def client(self) -> Client:
        """The HTTP client itself."""
        return self._client.client

    def __getitem__(self, origin: str) -> Host:
        return self._met[origin]

    def __contains__(self, origin: str) -> bool:
        return origin in self._met

    async def meet(self, origins: Iterable[str]) -> None:
        """Read the robots.txt of each origin that was not met yet, or a day ago."""

        async def meet(origin: str) -> None:
            # Whoever comes while it is asked waits for what it says.
            async with self._doors.setdefault(origin, asyncio.Lock()):
                if not self.is_met(origin):
                    known = await self._know(origin)
                    found = await self._meet(origin, known)
                    self._met_by[origin] = known
                    if origin in self._met:
                        self._met[origin].take_over(found)
                    else:
                        self._met[origin] = found

        unmet = sorted(origin for origin in set(origins) if not self.is_met(origin))
        await asyncio.gather(*map(meet, unmet))

    def is_met(self, origin: str) -> bool:
        """Whether an origin is met, by rules that still count."""
        by = self._met_by.get(origin)
        return by is not None and by is self._known[origin] and not self._is_due(origin)

    def _is_due(self, origin: str) -> bool:
        """Whether rules that were read are a day old by now."""
        return self._now() >= self._due.get(origin, float("inf"))

    async def _know(self, origin: str) -> Host:
        """An origin by its robots.txt alone.

        Behind a door of its own: for this nobody waits for another origin, so that two of which
        each leads to the other do not wait for each other.
        """
        async with self._porches.setdefault(origin, asyncio.Lock()):
            if origin not in self._known or self._is_due(origin):
                self._known[origin] = known = await self._read_robots(origin)
                if known.is_asked:
                    end = self._asked_at(origin) + _MAX_AGE_S
                    self._due[origin] = max(end, self._now() + _AGAIN_S)
                else:
                    self._due.pop(origin, None)
        return self._known[origin]

    async def get_through(self, url: str, max_bytes: int) -> Answer:
        """As `PoliteClient.get_through`, with the robots.txt of each origin on the way asked first.

        Raises:
            ForbiddenError: A site on the way forbids it, or cannot be asked.
            AddressRefusedError, FetchError, TooLargeError: As of `Client.get`.
        """
        try:
            return await self._client.get_through(url, max_bytes, self._check)
        except TimeIsUpError as error:
            raise ForbiddenError(self._time_is_up(url)) from error

    async def ask(self, url: str, max_bytes: int, headers: Mapping[str, str]) -> Answer:
        """As `PoliteClient.get`, with headers, and the robots.txt of the origin asked first.

        Raises:
            ForbiddenError: The site forbids it, or cannot be asked.
            AddressRefusedError, FetchError, TooLargeError: As of `Client.get`.
        """
        await self._check(url)
        return await self._client.get(url, max_bytes, headers=headers)

    async def _check(self, url: str) -> None:
        place = _place_of(url)
        await self.meet([place])
        if (outcome := self._met[place].verdict(url)) is not None:
            raise ForbiddenError(outcome)

    async def _check_known(self, url: str) -> None:
        """As `_check`, by the robots.txt alone."""
        host = await self._know(_place_of(url))
        if (outcome := host.verdict(url)) is not None:
            raise ForbiddenError(outcome)

    async def answers(self, origin: str) -> str:
        """Why a site is not there at all, told by its robots.txt; empty where it is."""
        try:
            await self._robots_text(origin)
        except TimeIsUpError:
            # Nobody knows.
            return ""
        except (AddressRefusedError, FetchError) as error:
            return str(error)
        return ""

    async def any_answers(self, origins: Iterable[str]) -> bool:
        """Whether one of these sites answers, of those that are asked."""
        for origin in sorted(origins):
            if self._met[origin].is_asked and not await self.answers(origin):
                return True
        return False

    async def _read_robots(self, origin: str) -> Host:
        nothing = RobotsFile(None, self._agent)
        is_kept, text = self._frontier.robots_of(origin)
        is_old = is_kept and not 0 <= self._now() - self._asked_at(origin) < _MAX_AGE_S
        if not is_kept or is_old:
            try:
                text = await self._robots_text(origin)
            except AddressRefusedError as error:
                is_own = error.place == joined(*place_of(origin))
                told = str(error) if is_own else f"its robots.txt leads away: {error}"
                return Host(nothing, refused=error.address, refusal=told, refused_place=error.place)
            except TimeIsUpError:
                if not is_old:
                    return Host(nothing, late=self._time_is_up(f"{origin}/"))
            except FetchError as error:
                # RFC 9309 section 2.4: while it cannot be had an old one counts.
                if not is_old:
                    return Host(nothing, unreachable=str(error))
            else:
                self._frontier.set_robots(origin, text)
                self._frontier.set_fact(f"{ASKED}{origin}", str(self._now()))
        try:
            robots = RobotsFile(text, self._agent)
            self._client.lanes[origin].slow(robots.delay_s)
            return Host(robots, is_renewed=is_old)
        except Exception as error:
            # A file that its parser cannot take may forbid anything, so it forbids everything.
            return Host(nothing, unreachable=f"robots.txt: {describe(error)}")

    async def _meet(self, origin: str, host: Host) -> Host:
        if not host.is_asked:
            return host
        try:
            if tdmrep := await self._tdmrep(origin, host):
                _, text = self._frontier.robots_of(origin)
                robots = RobotsFile(text, self._agent, tdmrep)
                return Host(robots, is_renewed=host.is_renewed)
        except Exception as error:
            return Host(host.robots, unreachable=f"{TDMREP_PATH}: {describe(error)}")
        return host

    def _asked_at(self, origin: str) -> float:
        return float(self._frontier.fact(f"{ASKED}{origin}") or 0)

    async def _tdmrep(self, origin: str, host: Host) -> bytes | None:
        """An origin's tdmrep.json; None where it has none, or none that can be had."""
        url, fact = f"{origin}{TDMREP_PATH}", f"tdmrep {origin}"
        kept = self._frontier.fact(fact)
        if kept is not None and not host.is_renewed:
            return kept.encode()
        if not host.robots.allows(url):
            return None
        try:
            answer = await self._client.get_through(
                url, MAX_TDMREP_BYTES, self._check_known, cuts=True
            )
        except (AddressRefusedError, FetchError, ForbiddenError):
            # Hardly a site has one, and some stumble over being asked for what they have not.
            return kept.encode() if kept is not None else None
        if answer.status >= 500:
            return kept.encode() if kept is not None else None
        text = decode_loosely(answer.body, "utf-8-sig") if 200 <= answer.status < 300 else ""
        self._frontier.set_fact(fact, text.replace("\0", ""))
        return text.encode()

    async def _robots_text(self, origin: str) -> str | None:
        """An origin's robots.txt; None where it says that there is none (RFC 9309, 2.3.1.3).

        Raises:
            AddressRefusedError: The host is at an address that is not allowed.
            FetchError: The site does not answer, or only with server errors.
        """
        answer = await self._client.get_through(
            f"{origin}/robots.txt", MAX_ROBOTS_BYTES + 1, cuts=True
        )
        if answer.status >= 500 or answer.status == 429:
            raise FetchError(f"robots.txt: HTTP status {answer.status}", transient=True)
        return decode_robots(answer.body) if 200 <= answer.status < 300 else None


def _place_of(url: str) -> str:
    """The origin of an address that a site named.

    Raises:
        FetchError: It is no address of the web.
    """
    place = "/".join(url.split("/", 3)[:3])
    if not (place.startswith(("http://", "https://")) and host_of(place)):
        raise FetchError(f"not an address to fetch: {url[:100]!r}", transient=False)
    return place
