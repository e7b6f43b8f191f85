"""The sites of a crawl: their rules, their pace, and whether they still answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from tilth.decode.text import decode_loosely
from tilth.web.address import AddressRefusedError, joined, place_of
from tilth.web.client import FetchError, describe
from tilth.web.frontier import Frontier, Outcome
from tilth.web.retry import PatientClient
from tilth.web.robots import MAX_ROBOTS_BYTES, RobotsFile, decode_robots
from tilth.web.usage import MAX_TDMREP_BYTES, TDMREP_PATH

_AT_A_TIME = 16


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
        pace_s: Seconds between two pages.
        ready_at: When the next page may be asked for, by the monotonic clock.
        failing: Failed pages that are not written down yet: the site may be down.
        down: The site has stopped answering.
    """

    robots: RobotsFile
    unreachable: str = ""
    refused: str = ""
    refusal: str = ""
    refused_place: str = ""
    pace_s: float = 0.0
    ready_at: float = 0.0
    failing: list[Outcome] = field(default_factory=list)
    down: bool = False

    def verdict(self, url: str) -> Outcome | None:
        """The outcome of an address that this host forbids or cannot give, or None."""
        if self.refused:
            return Outcome(url, "address", self.refused)
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
        delay_s: The least number of seconds between two pages of a host.
    """

    def __init__(
        self, client: PatientClient, frontier: Frontier, agent: str, delay_s: float
    ) -> None:
        self._client = client
        self._frontier = frontier
        self._agent = agent
        self._delay_s = delay_s
        self._met: dict[str, Host] = {}

    def __getitem__(self, origin: str) -> Host:
        return self._met[origin]

    @property
    def down(self) -> list[str]:
        """The origins that have stopped answering."""
        return sorted(origin for origin, host in self._met.items() if host.down)

    async def meet(self, origins: Iterable[str]) -> None:
        """Read the robots.txt of each origin that was not met yet."""
        kept = self._frontier.robots()
        gate = asyncio.Semaphore(_AT_A_TIME)

        async def meet(origin: str) -> None:
            async with gate:
                self._met[origin] = await self._meet(origin, kept)

        await asyncio.gather(*(meet(origin) for origin in sorted(set(origins) - set(self._met))))

    async def answers(self, origin: str) -> bool:
        """Whether a site is there at all: whether its robots.txt is answered."""
        try:
            await self._robots_text(origin)
        except (AddressRefusedError, FetchError):
            return False
        return True

    async def _meet(self, origin: str, kept: dict[str, str | None]) -> Host:
        nothing = RobotsFile(None, self._agent)
        if origin in kept:
            text = kept[origin]
        else:
            try:
                text = await self._robots_text(origin)
            except AddressRefusedError as error:
                is_own = error.place == joined(*place_of(origin))
                told = str(error) if is_own else f"its robots.txt leads away: {error}"
                return Host(nothing, refused=error.address, refusal=told, refused_place=error.place)
            except FetchError as error:
                return Host(nothing, unreachable=str(error))
            self._frontier.set_robots(origin, text)
        try:
            robots = RobotsFile(text, self._agent)
            if tdmrep := await self._tdmrep(origin, robots):
                robots = RobotsFile(text, self._agent, tdmrep)
            return Host(robots, pace_s=max(self._delay_s, robots.delay_s))
        except Exception as error:
            # A file that its parser cannot take may forbid anything, so it forbids everything.
            return Host(nothing, unreachable=f"robots.txt: {describe(error)}")

    async def _tdmrep(self, origin: str, robots: RobotsFile) -> bytes | None:
        """An origin's tdmrep.json; None where it has none, or none that can be had."""
        url, fact = f"{origin}{TDMREP_PATH}", f"tdmrep {origin}"
        if (kept := self._frontier.fact(fact)) is not None:
            return kept.encode()
        if not robots.allows(url):
            return None
        try:
            answer = await self._client.get_through(url, MAX_TDMREP_BYTES, cuts=True)
        except (AddressRefusedError, FetchError):
            # Hardly a site has one, and some stumble over being asked for what they have not.
            return None
        if answer.status >= 500:
            return None
        text = decode_loosely(answer.body, "utf-8-sig") if answer.status == 200 else ""
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
        return decode_robots(answer.body) if answer.status == 200 else None
