"""What an address gives: its host's answer, one that is there already, or a failure.

Whatever an answer does to its readers, it costs one address. Which addresses belong to the crawl,
and what is written down of them, is not decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from tilth.errors import TilthError
from tilth.web.address import AddressRefusedError
from tilth.web.client import Answer, FetchError, TimedOutError, TooLargeError, describe
from tilth.web.earlier import EarlierPage, archived
from tilth.web.frontier import Frontier, Outcome
from tilth.web.hosts import Host
from tilth.web.lanes import LeftAloneError, PoliteClient, TimeIsUpError
from tilth.web.page_reader import Meaning, PageReader
from tilth.web.quota import FreeSpace
from tilth.web.render import Renderer
from tilth.web.retry import TRANSIENT_STATUSES
from tilth.web.warc_store import WarcStore, read_original


class FailedError(Exception):
    """A request failed as it would if the site were down."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.error)
        self.outcome = outcome


class Answers:
    """What addresses give, each asked of its host at most once a try.

    Args:
        client: Asks the hosts.
        reader: Says what an answer means.
        frontier: What is known of each address.
        store: The archive of pages.
        archive: Its folder.
        max_bytes: Of a page.
        space: What stays free on the disk.
        time_is_up: How an address ends for which there is no time.
        renderer: Opens pages in a browser; None: none is.
    """

    def __init__(
        self,
        client: PoliteClient,
        reader: PageReader,
        frontier: Frontier,
        store: WarcStore,
        archive: Path,
        max_bytes: int,
        space: FreeSpace,
        time_is_up: Callable[[str], Outcome],
        renderer: Renderer | None = None,
    ) -> None:
        self._client = client
        self._reader = reader
        self._frontier = frontier
        self._store = store
        self._archive = archive
        self._max_bytes = max_bytes
        self._space = space
        self._time_is_up = time_is_up
        self._renderer = renderer
        self._is_refresh = frontier.is_refresh

    def recall(self, url: str, host: Host) -> tuple[Outcome, tuple[str, ...]] | None:
        """How an address ended that is answered already, and where it leads; None if it is not."""
        kept = self._frontier.answer(url)
        if kept is None:
            return None
        if kept.place is None:
            return kept, _lines(kept.leads)
        if kept.leads is not None:
            return replace(kept, leads=None), _lines(kept.leads)
        answer = archived(self._archive, kept, self._max_bytes)
        return None if answer is None else self.as_it_was(EarlierPage(kept, answer), host)

    def as_it_was(self, page: EarlierPage, host: Host) -> tuple[Outcome, tuple[str, ...]]:
        """How an address ends whose archived answer counts, and where it leads."""
        kept = page.kept
        meaning = self._reader.read(kept.url, page.answer, host.robots, kept.fetched_at or "")
        if not meaning.is_page:
            return meaning.outcome, meaning.links
        # A header beyond ASCII is not in the archive as it was sent.
        outcome = replace(
            meaning.outcome, consent=kept.consent, place=kept.place, size=len(page.answer.body)
        )
        return outcome, meaning.links

    def earlier(self, url: str) -> EarlierPage | None:
        """The page at an address as it was before a refresh."""
        kept = self._frontier.earlier(url) if self._is_refresh else None
        answer = kept and archived(self._archive, kept, self._max_bytes)
        return EarlierPage(kept, answer) if kept and answer else None

    async def ask(self, url: str, host: Host) -> tuple[Meaning, Answer | None]:
        """What a request gives.

        Raises:
            FailedError: It failed as it would if the site were down.
            StorageError: There is no space for it.
        """
        self._space.check()
        earlier = self.earlier(url)
        conditions = None if earlier is None else earlier.conditions
        try:
            answer = await self._once(url, conditions)
            if answer.target == url and answer.has_new_cookies:
                # It wants to see whether they come back.
                answer = await self._once(url, conditions)
        except AddressRefusedError as error:
            return Meaning(Outcome(url, "address", error.address)), None
        except TooLargeError as error:
            host.failures = host.hangs = 0
            return Meaning(Outcome(url, "max-bytes", str(error))), None
        except TimeIsUpError:
            return Meaning(self._time_is_up(url)), None
        except LeftAloneError as error:
            host.silent = str(error)
            raise FailedError(Outcome(url, error=str(error))) from error
        except FetchError as error:
            failed = Outcome(url, error=str(error))
            if not error.transient:
                return Meaning(failed), None
            host.failures += 1
            host.hangs = host.hangs + 1 if isinstance(error, TimedOutError) else 0
            raise FailedError(failed) from error
        host.hangs = 0
        if answer.status in TRANSIENT_STATUSES:
            host.failures += 1
            raise FailedError(Outcome(url, error=f"HTTP status {answer.status}"))
        host.failures = 0
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        try:
            if earlier is not None:
                answer = earlier.updated(answer)
            meaning = self._reader.read(url, answer, host.robots, now)
            renderer = self._renderer
            if renderer is not None and meaning.is_page and renderer.takes(url, answer):
                rendered = await renderer.render(url, answer)
                if rendered.answer is None:
                    return rendered.ended(url, now), None
                answer = rendered.answer
                meaning = self._reader.read(url, answer, host.robots, now)
            return meaning if earlier is None else earlier.stays(meaning, answer), answer
        except TilthError:
            # The settings, not the answer.
            raise
        except Exception as error:
            # Whatever an answer does to its readers, it costs one address.
            cause = f"the answer cannot be read: {describe(error)}"
            return Meaning(Outcome(url, error=cause)), None

    async def _once(self, url: str, conditions: Mapping[str, str] | None) -> Answer:
        return await self._client.once(
            url,
            self._max_bytes,
            html_only=True,
            besides=partial(self._reader.takes, url),
            conditions=conditions,
        )

    def kept(self, meaning: Meaning, answer: Answer | None) -> Outcome:
        """The outcome, its page in the archive, or else with what it leads to."""
        outcome = meaning.outcome
        if meaning.is_page and answer is not None:
            outcome = replace(outcome, size=len(answer.body))
        if outcome.place is not None:
            # As it lies there already.
            return outcome
        if meaning.is_page and answer is not None:
            try:
                # What was committed is in the file, whoever reads it.
                sent = answer.sent or answer
                known = self._frontier.place_of(sent.digest) if sent.body else None
                same = known and read_original(self._archive, known, sent.body)
                place = self._store.append(outcome.url, answer, outcome.fetched_at or "", same)
            except OSError:
                raise
            except Exception as error:
                # Its headers, for which the archive has no form.
                cause = f"the answer cannot be read: {describe(error)}"
                return Outcome(outcome.url, error=cause)
            return replace(outcome, place=place, digest=None if same else sent.digest)
        return replace(outcome, leads="\n".join(meaning.links)) if meaning.links else outcome


def _lines(text: str | None) -> tuple[str, ...]:
    return tuple(text.split("\n")) if text else ()
