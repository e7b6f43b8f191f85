"""The crawl itself: level by level, each host at its own pace, every address to an end.

An address ends as a page, dropped by a rule, or failed with an error after its last try. A site
that stops answering while others do costs its own addresses. Where all have stopped, nothing is
ended by it: the crawl stops with an error, and run again it goes on where it was.

Which addresses belong to the crawl is decided level by level. A host that is done with a level does
not wait for the others: it goes ahead to what it has found, and what it is answered is kept aside
until a level admits the address, or none does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterable
from contextlib import nullcontext
from dataclasses import replace
from itertools import chain, groupby
from pathlib import Path

from tilth.context import Progress
from tilth.errors import MissingError, UsageError
from tilth.web.admission import Admission, is_failed
from tilth.web.answers import Answers, FailedError
from tilth.web.bounds import Bounds
from tilth.web.client import Client
from tilth.web.copies import mark_copies
from tilth.web.frontier import HELD, LOST, SITEMAPS, Frontier, Outcome
from tilth.web.gathering import Gathering
from tilth.web.host_queue import HostQueue, Todo
from tilth.web.hosts import Host, Hosts
from tilth.web.lanes import Lanes, PoliteClient
from tilth.web.neighbours import mind, note
from tilth.web.page_reader import PageReader
from tilth.web.patterns import Choice
from tilth.web.quota import ByteQuota, FreeSpace, Hours
from tilth.web.render import Renderer
from tilth.web.rendering import Rendering
from tilth.web.sitemap import collect_sitemaps, sitemaps_of
from tilth.web.telling import Telling
from tilth.web.urls import Scope, host_of, origin
from tilth.web.warc_store import WarcStore

# Two syncs of the disk, after which a loss of power costs nothing of what is before.
_HARDEN_S = 0.5
_STILL_S = 10.0
_MAX_KNOWN, _MAX_KNOWN_LENGTH = 1 << 17, 256
# How often a site that stopped answering may be taken up again within a run.
_MAX_RETURNS = 3
# An address that is asked for ahead just now is looked at again after this.
_MEANWHILE_S = 0.05


class Crawler:
    """One crawl, over a frontier and an archive that may hold a part of it already.

    Args:
        start: Normalised addresses of the first pages.
        scope: What belongs to the crawl.
        choice: Which of it is asked for; the first pages always are.
        bounds: How far and how fast.
        client: The HTTP client.
        frontier: What is known of each address.
        store: The archive of pages.
        archive: Its folder.
        progress: Called with (settled addresses, known addresses, rate).
        gathering: What is taken beside pages.
        rendering: Which pages are opened in a browser; None: none is.
    """

    def __init__(
        self,
        start: Collection[str],
        scope: Scope,
        choice: Choice,
        bounds: Bounds,
        client: Client,
        frontier: Frontier,
        store: WarcStore,
        archive: Path,
        progress: Progress,
        gathering: Gathering,
        rendering: Rendering | None = None,
    ) -> None:
        self._start = tuple(start)
        self._scope = scope
        self._bounds = bounds
        self._secrets = client.secrets
        self._frontier = frontier
        self._store = store
        self._telling = Telling(progress, frontier.counts)
        self._lanes = Lanes(
            bounds.delay_s,
            bounds.connections_per_host,
            bounds.concurrency,
            were_asked=bool(frontier.robots()),
            held=[(host, float(at) - time.time()) for host, at in frontier.facts(HELD)],
        )
        mind(self._lanes, archive.parent.parent)
        self._client = PoliteClient(
            client, self._lanes, bounds.retries, bounds.retry_s, self._note_hold
        )
        self._hours = Hours(bounds, frontier, self._lanes.clock)
        self._lanes.end = self._hours.end_of
        self._bytes = ByteQuota(bounds, frontier.sizes())
        self._hosts = Hosts(self._client, frontier, bounds.agent, self._hours.outcome)
        self._admission = Admission(
            self._start, scope, choice, bounds, frontier, self._hosts, gathering, self._bytes
        )
        self._gathering = self._admission.gathering
        reader = PageReader(
            bounds.agent,
            bounds.drop_opt_outs,
            bounds.follow_canonical,
            client.secrets,
            self._gathering,
            looks=bounds.max_copies is not None,
        )
        self._renderer = None
        if rendering is not None:
            most = bounds.max_bytes
            self._renderer = Renderer(rendering, self._hosts, client.secrets, most)
        self._answers = Answers(
            self._client,
            reader,
            frontier,
            store,
            archive,
            bounds.max_bytes,
            FreeSpace(archive, bounds.min_free_bytes),
            self._hours.outcome,
            self._renderer,
        )
        self._queues: dict[str, HostQueue] = {}
        self._workers: list[asyncio.Task[None]] = []
        # With one host there is nobody that it could be ahead of.
        self._is_alone = len({host_of(f"http://{prefix}") for prefix in scope.prefixes}) == 1
        self._reads_sitemaps = False
        self._is_refresh = frontier.is_refresh
        self._ahead: set[str] = set()
        # Of a level of which the end says what belongs: what is not kept with the answers.
        self._undecided: dict[str, tuple[Outcome, tuple[str, ...]]] = {}
        # Origins of the crawl's pages.
        self._crawled: set[str] = set()
        # Addresses that are in the frontier already: a shortcut, and so bounded.
        self._known: set[str] = set()
        self._hardened_at = time.monotonic()

    async def run(self, *, sitemaps: bool) -> None:
        """Crawl until every address in scope has ended.

        Args:
            sitemaps: Take addresses from the sites' sitemaps too.

        Raises:
            MissingError: No site answers any more; what was fetched is kept, and run again it goes
                on.
            UsageError: The start pages are at addresses that are not allowed.
        """
        self._frontier.add(self._start, 0)
        await self._hosts.meet(map(origin, self._start))
        self._check_start()
        self._hours.begin()
        async with self._renderer or nullcontext(), asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            self._workers.append(tasks.create_task(self._watch()))
            self._reads_sitemaps = sitemaps and self._frontier.fact(SITEMAPS) is None
            reading = tasks.create_task(self._read_sitemaps())
            await self._go_through(reading)
            for worker in self._workers:
                worker.cancel()
        self._harden()
        note(self._lanes, self._frontier)
        self._telling.tell()
        if self._bounds.follow_canonical:
            mark_copies(self._frontier)

    def _check_start(self) -> None:
        hosts = {url: self._hosts[origin(url)] for url in self._start}
        if all(host.refused for host in hosts.values()):
            url, host = next(iter(hosts.items()))
            raise UsageError(
                f"{url} may not be asked: {host.refusal}",
                hint=f'`allow_hosts: ["{host.refused_place}"]` if the address is meant',
                code="address",
            )
        if all(host.unreachable or host.refused for host in hosts.values()):
            url, host = next((url, host) for url, host in hosts.items() if host.unreachable)
            raise MissingError(
                f"{origin(url)} does not answer: {host.unreachable}",
                where=", ".join(self._start),
                hint=f"is the site up? `curl -i {origin(url)}/robots.txt` shows: without that file "
                "nothing of it may be asked for; run again to go on",
                code="site-down",
            )

    async def _read_sitemaps(self) -> None:
        """Find the addresses in the start sites' sitemaps, one level from the start."""
        if not self._reads_sitemaps:
            return
        named: list[str] = []
        guessed: list[str] = []
        for place in sorted({origin(url) for url in self._start}):
            if not self._hosts[place].is_asked:
                continue
            theirs, guess = sitemaps_of(place, self._hosts[place].robots.sitemaps, self._secrets)
            named += theirs
            guessed += guess
        is_lost = False
        async for found in collect_sitemaps(self._hosts, named, guessed, self._scope.contains):
            # A start page that a robots.txt calls a sitemap is a page all the same.
            failed = [outcome for outcome in found.failed if outcome.url not in self._start]
            # In one transaction: an address that cannot even be spelled is never left to be
            # fetched. Of a sitemap at a time, since together they list more than can be held.
            addresses = chain((outcome.url for outcome in failed), found.urls)
            self._frontier.settle(failed, ((url, 1) for url in addresses), self._store.end)
            self._offer(found.urls, 1)
            is_lost = is_lost or found.is_lost
        if is_lost and self._is_refresh:
            # What it would list now nobody knows, so what was there is asked for.
            pages = filter(
                lambda page: self._scope.contains(page[0]), self._frontier.earlier_pages()
            )
            self._frontier.settle((), pages, self._store.end)
        self._frontier.set_fact(SITEMAPS, LOST if is_lost else "read")
        self._reads_sitemaps = False
        for queue in self._queues.values():
            queue.look_ahead()

    async def _go_through(self, reading: asyncio.Task[None]) -> None:
        """Level by level; what sitemaps give is of the first one after the start."""
        while True:
            level = self._frontier.next_level()
            if not reading.done() and (level is None or level[0] > 0):
                await reading
            elif level is None:
                return
            else:
                depth, is_admitted = level
                if not is_admitted:
                    await self._admission.admit(
                        depth, lambda url: self._answers.earlier(url) is not None
                    )
                while not await self._fetch_level(depth):
                    pass

    async def _fetch_level(self, depth: int) -> bool:
        """Fetch the admitted addresses of a level; whether all of them have ended."""
        self._admission.depth = depth
        origins = sorted({origin(url) for url in self._frontier.admitted(depth)}, key=host_of)
        await self._hosts.meet(origins)
        self._crawled.update(origins)
        self._bytes.begin_level()
        queues = []
        for _, places in groupby(origins, host_of):
            here = sorted(places)
            queues.append(self._queue(here[0]))
            queues[-1].begin(depth, here)
        for queue in queues:
            await queue.idle.wait()
        return await self._close_level(depth, origins)

    def _queue(self, place: str) -> HostQueue:
        """The queue of a host, with those who work on it."""
        lane = self._lanes[place]
        if lane.host not in self._queues:
            queue = self._queues[lane.host] = HostQueue(
                lane,
                self._frontier.next_admitted,
                lambda place: self._hosts[place].is_asked,
                self._may_go_ahead,
            )
            for _ in range(self._bounds.connections_per_host):
                self._workers.append(self._tasks.create_task(self._work(queue)))
        return self._queues[lane.host]

    async def _work(self, queue: HostQueue) -> None:
        while True:
            todo = await queue.next()
            try:
                await (self._go_ahead if todo.is_ahead else self._fetch)(todo, queue)
            finally:
                queue.done(todo)

    async def _fetch(self, todo: Todo, queue: HostQueue) -> None:
        """One try of one address of the level."""
        url, place = todo.url, origin(todo.url)
        if not self._hosts.is_met(place):
            await self._hosts.meet([place])
        host = self._hosts[place]
        if url in self._ahead:
            queue.again(replace(todo, attempt=todo.attempt - 1), place, _MEANWHILE_S)
            return
        if host.is_renewed and (forbidden := self._admission.verdict(url)) is not None:
            # Admitted by rules that hold no longer.
            self._commit_failed([forbidden])
            await asyncio.sleep(0)
            return
        if self._bytes.is_set and not todo.attempt and self._bytes.is_beyond(url):
            # The level's end says so. What was asked for once was not beyond then, and may stand
            # before what is known by now.
            await asyncio.sleep(0)
            return
        if (kept := self._recall(url, host)) is not None:
            self._end(*kept, todo.depth)
            # The requests of others go on meanwhile.
            await asyncio.sleep(0)
            return
        try:
            meaning, answer = await self._answers.ask(url, host)
        except FailedError as error:
            if not host.hangs:
                host.hung.clear()
            else:
                host.hung[url] = error.outcome
            if host.may_retry(todo.attempt, self._bounds.retries):
                queue.again(todo, place, self._client.pause_s(todo.attempt))
            else:
                host.failing.append(error.outcome)
            if host.is_hanging and host.is_asked:
                self._give_up(host)
            elif host.is_suspicious:
                await self._look_at(place)
        else:
            host.hung.clear()
            outcome = self._answers.kept(meaning, answer)
            if not is_failed(outcome):
                self._end(outcome, meaning.links, todo.depth)
            else:
                self._commit_failed([outcome])

    async def _go_ahead(self, todo: Todo, queue: HostQueue) -> None:
        """Ask for an address that a level to come may admit, and keep what it answers."""
        url, place, bounds = todo.url, origin(todo.url), self._bounds
        if todo.depth > bounds.max_depth or len(url) > bounds.max_url_length:
            return
        admission = self._admission
        if admission.left_out(url) is not None or admission.copies.left(url) is not None:
            return
        if url in self._ahead or self._frontier.is_decided(url) or self._frontier.answer(url):
            return
        await self._hosts.meet([place])
        host = self._hosts[place]
        if not host.is_asked or self._admission.verdict(url) is not None:
            return
        self._ahead.add(url)
        try:
            meaning, answer = await self._answers.ask(url, host)
            outcome = _aside(self._answers.kept(meaning, answer), meaning.links)
            if outcome.rule == "content-type" and self._gathering.kinds:
                # Whether a page shows it, its level says.
                return
            if outcome.fetched_at is None or outcome.error is not None:
                # No answer that could be kept: what becomes of it, its level says.
                return
            self._store.flush()
            self._frontier.keep_answer(outcome, self._store.end)
            self._offer(filter(self._scope.contains, meaning.links), todo.depth + 1)
        except FailedError:
            # Its level tries again.
            queue.turn_back()
            if host.is_suspicious:
                await self._look_at(place)
        finally:
            self._ahead.discard(url)

    def _recall(self, url: str, host: Host) -> tuple[Outcome, tuple[str, ...]] | None:
        """How an address of the level ended that is answered already, and where it leads."""
        return self._undecided.get(url) or self._answers.recall(url, host)

    def _may_go_ahead(self) -> bool:
        """Whether it is likely that no bound leaves out what is ahead.

        What is asked for in vain was asked of somebody, so half of the pages are left for what is
        not known yet.
        """
        if (
            self._bytes.is_set
            or self._reads_sitemaps
            or all(queue.idle.is_set() for queue in self._queues.values())
        ):
            return False
        return 2 * (self._frontier.counts()[1] + len(self._ahead)) <= self._bounds.max_pages

    def _commit_failed(self, ended: Iterable[Outcome]) -> None:
        """Write down what failed; in a refresh a page that was there stays, and where it leads."""
        failed = []
        for outcome in ended:
            earlier = self._answers.earlier(outcome.url) if is_failed(outcome) else None
            if earlier is not None:
                self._frontier.note_failed(outcome.url, outcome.error or outcome.rule or "")
                stays, links = self._answers.as_it_was(earlier, self._hosts[origin(outcome.url)])
                self._end(stays, links, self._admission.depth)
            elif self._bytes.is_set:
                self._end(outcome, (), self._admission.depth)
            else:
                failed.append(outcome)
        self._commit(failed)

    async def _look_at(self, place: str) -> None:
        """Write failed pages down as failed, unless the site as a whole is down."""
        host = self._hosts[place]
        host.silent = host.silent or await self._hosts.answers(place)
        if not host.silent:
            failing, host.failing, host.failures = host.failing, [], 0
            self._commit_failed(failing)

    def _give_up(self, host: Host) -> None:
        """Ask nothing more of a site of which one request after the other is not answered in time.

        For what it was asked last it had its time, so that is written down: a run that goes on goes
        on behind it.
        """
        ended = {outcome.url: outcome for outcome in host.failing} | host.hung
        host.silent = f"{host.hangs} requests in a row were not answered in time"
        host.returns, host.failing, host.hung = _MAX_RETURNS, [], {}
        self._commit_failed(ended.values())

    async def _close_level(self, depth: int, origins: Collection[str]) -> bool:
        """See to the sites that failed; whether the level has ended.

        Raises:
            MissingError: No site answers any more.
        """
        for place in origins:
            if self._hosts[place].failing:
                await self._look_at(place)
        silent = [place for place in origins if self._hosts[place].silent]
        # While the others went on, one may have come back.
        back = [place for place in silent if await self._is_back(place)]
        silent = [place for place in silent if place not in back]
        if silent and not await self._hosts.any_answers(self._crawled):
            done, known = self._frontier.counts()
            raise MissingError(
                f"{', '.join(silent)} stopped answering: {self._hosts[silent[0]].silent}",
                where=f"{done:,} of {known:,} addresses are done and kept",
                hint="run again to go on when the site is up",
                code="site-down",
            )
        for place in silent:
            host = self._hosts[place]
            host.dead, host.silent = host.silent, ""
        for place in origins:
            self._bury(depth, place)
        if back or not self._bytes.is_set:
            return not back
        return self._settle_in_order(depth)

    def _settle_in_order(self, depth: int) -> bool:
        """Settle a level by address, as far as the bytes go; whether all of it is settled."""
        for url in self._frontier.admitted(depth):
            host = self._hosts[origin(url)]
            if (full := self._bytes.full(url)) is not None:
                self._commit([full])
            elif (kept := self._recall(url, host)) is not None:
                self._settle(*kept, depth)
                self._bytes.take(url, kept[0].size or 0)
            else:
                # Its answer is not in the archive any more.
                return False
        self._undecided.clear()
        return True

    async def _is_back(self, place: str) -> bool:
        host = self._hosts[place]
        if host.returns >= _MAX_RETURNS or await self._hosts.answers(place):
            return False
        # What failed meanwhile is still admitted, and asked for again.
        host.silent, host.failures, host.failing = "", 0, []
        host.returns += 1
        return True

    def _bury(self, depth: int, place: str) -> None:
        """Write down how the addresses of a level end at a site that is not asked any more."""
        host = self._hosts[place]
        failing, host.failing = host.failing, []
        self._commit_failed(failing)
        after = ""
        while not host.is_asked and (rest := self._frontier.next_admitted(depth, place, after)):
            after = rest[-1]
            if self._bytes.is_set:
                rest = [url for url in rest if self._recall(url, host) is None]
            self._commit_failed(host.verdict(url) or Outcome(url, error=host.dead) for url in rest)

    def _end(self, outcome: Outcome, links: tuple[str, ...], depth: int) -> None:
        """An address of a level has ended. Where bytes are counted, whether it belongs to the crawl
        is known when the level is, and what it leads to until then is not."""
        if not self._bytes.is_set:
            self._settle(outcome, links, depth)
            return
        self._bytes.note(outcome.url, outcome.size or 0)
        if outcome.fetched_at is None or outcome.error is not None:
            self._undecided[outcome.url] = (outcome, links)
            return
        self._store.flush()
        self._frontier.keep_answer(_aside(outcome, links), self._store.end)
        self._go_on(1)

    def _settle(self, outcome: Outcome, links: Iterable[str], depth: int) -> None:
        """Write down how an address of a level ended, and the links in scope as found."""
        if len(self._known) > _MAX_KNOWN:
            self._known.clear()
        fresh = [url for url in links if url not in self._known and self._scope.contains(url)]
        self._known.update(url for url in fresh if len(url) <= _MAX_KNOWN_LENGTH)
        self._commit([outcome], fresh, depth + 1)
        self._offer(fresh, depth + 1)

    def _commit(
        self, ended: Collection[Outcome], found: Iterable[str] = (), depth: int = 0
    ) -> None:
        """Make it outlive this process: first the pages, then what is known of them."""
        if not ended:
            return
        self._store.flush()
        self._frontier.settle(ended, ((url, depth) for url in found), self._store.end)
        self._go_on(len(ended))

    def _go_on(self, number: int) -> None:
        """So many more have ended; now and then it is told, and outlives a loss of power."""
        if time.monotonic() - self._hardened_at >= _HARDEN_S:
            self._harden()
        self._telling.count(number)

    def _harden(self) -> None:
        """Make it outlive a loss of power, in the same order."""
        self._store.sync()
        self._frontier.harden(self._store.end)
        self._hours.keep()
        self._hardened_at = time.monotonic()

    def _offer(self, urls: Iterable[str], depth: int) -> None:
        """Tell the hosts of addresses that they may go ahead to."""
        if not self._is_alone:
            for url in urls:
                self._queue(origin(url)).offer(url, depth)

    async def _watch(self) -> None:
        """Say what is waited for where nothing else is said."""
        while True:
            await asyncio.sleep(_STILL_S)
            self._hours.keep()
            lane = self._lanes.slowest
            if lane is not None and self._telling.since_s >= _STILL_S:
                pause = max(lane.wait_s, 0.0)
                self._telling.tell(f"waits {pause:,.0f} s for {lane.host}" if pause else "waits")

    def _note_hold(self, host: str, pause_s: float) -> None:
        """A host's wish to be left alone holds for a run to come as well."""
        self._frontier.set_fact(f"{HELD}{host}", str(time.time() + pause_s))


def _aside(outcome: Outcome, links: Iterable[str]) -> Outcome:
    """An answer as it is kept until its level decides; what its page shows is read again then."""
    is_read_again = outcome.shows is not None or outcome.told
    return replace(outcome, leads=None if is_read_again else "\n".join(links))
