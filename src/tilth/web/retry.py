"""Requests that are tried again, with growing pauses, where another try may help."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from tilth.web.client import Answer, Client, FetchError

TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})
MAX_PAUSE_S = 120.0
_SECONDS = re.compile(
    r"\+?(\d{1,40}(?:\.\d{0,40})?)\s*+(?:s|sec|secs|second|seconds)?(?:[,;].*)?", re.A | re.I
)


@dataclass(frozen=True)
class PatientClient:
    """A client with retries.

    Attributes:
        client: The HTTP client.
        retries: Further tries after the first.
        retry_s: Pause before the second try; doubled for each further one. A server that names a
            longer one (Retry-After, in seconds or as a date) is obeyed, up to two minutes.
    """

    client: Client
    retries: int
    retry_s: float

    async def get(
        self,
        url: str,
        max_bytes: int,
        *,
        html_only: bool = False,
        part: tuple[int, int] | None = None,
        cuts: bool = False,
    ) -> Answer:
        """As `Client.get`; the last failure is raised, the last bad status returned."""
        attempt = 0
        while True:
            pause = min(self.retry_s * 2**attempt, MAX_PAUSE_S)
            try:
                answer = await self.client.get(
                    url, max_bytes, html_only=html_only, part=part, cuts=cuts
                )
            except FetchError as error:
                if not error.transient or attempt == self.retries:
                    raise
            else:
                if answer.status not in TRANSIENT_STATUSES or attempt == self.retries:
                    return answer
                wish = retry_after_s(answer.header("retry-after"), datetime.now(UTC))
                pause = min(max(pause, wish), MAX_PAUSE_S)
            await asyncio.sleep(pause)
            attempt += 1


def retry_after_s(value: str, now: datetime) -> float:
    """Seconds that a Retry-After header asks for (RFC 9110 section 10.2.3); 0 where it is neither
    a number nor a date, or is past.

    Also as servers write it that do not keep to the RFC: with a fraction, a unit, quotation marks,
    as a list (of which the first counts), or a date of ISO 8601.
    """
    value = value.strip().strip("\"'")[:40]
    if number := _SECONDS.fullmatch(value):
        return float(number[1])
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            date = read(value)
            # A date without a zone is of UTC, as all of HTTP's are.
            return max((date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds(), 0.0)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return 0.0
