"""An index of what web archives hold, asked by address: the CDX server protocol, as pywb speaks it.

The index of Common Crawl is asked so. Its answers come in pages of JSON lines, and each line says
in which file a capture stands, where it begins and how long it is.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

from tilth.decode.objects import is_text
from tilth.errors import DataError, MissingError
from tilth.web.client import Answer
from tilth.web.retry import PatientClient

# A page of Common Crawl's is 15,000 lines of some 500 bytes.
_MAX_PAGE_BYTES: Final = 64 << 20
_MAX_LINE: Final = 1 << 16


@dataclass(frozen=True)
class Capture:
    """What an index says of one capture.

    Attributes:
        url: Its address.
        filename: The file that it stands in, as the data server has it.
        offset, length: Where in it, in bytes.
        digest: Of its payload: SHA-1 in base 32; empty where the index has none.
        media_type: As the server stated it, or as it was found to be.
    """

    url: str
    filename: str
    offset: int
    length: int
    digest: str
    media_type: str

    @property
    def place(self) -> str:
        """File and byte."""
        return f"{self.filename}:{self.offset}"


async def captures(
    client: PatientClient, address: str, url: str, filters: Sequence[str], delay_s: float = 0.0
) -> AsyncIterator[Capture | str]:
    """What an index has of an address or a pattern of addresses, in its order.

    Args:
        client: Asks, one page after another.
        address: Of the index.
        url: What is looked for, as ``*.example.org/*`` or ``example.org/a/*``.
        filters: Such as ``=status:200``; all of them hold.
        delay_s: Seconds from one page to the next.

    Yields:
        Captures, and for a line that is none what is wrong with it.

    Raises:
        MissingError: The index does not answer as one.
        DataError: It has nothing of the kind.
    """
    asked = [("url", url), ("output", "json"), *(("filter", one) for one in filters)]

    async def ask(*more: tuple[str, str]) -> Answer:
        query = urlencode([*asked, *more], quote_via=quote, safe="*")
        return await client.get(f"{address}?{query}", _MAX_PAGE_BYTES)

    answer = await ask(("showNumPages", "true"))
    if answer.status == 404:
        raise _nothing(address, url)
    num_pages = _num_pages(answer, address)
    found = False
    for page in range(num_pages):
        await asyncio.sleep(delay_s)
        answer = await ask(("page", str(page)))
        if answer.status == 404:
            continue  # Nothing of this page passes the filters.
        if answer.status != 200:
            raise _no_index(address, f"HTTP status {answer.status} for page {page}")
        for number, line in enumerate(answer.body.split(b"\n"), start=1):
            if line.strip():
                found = True
                yield _capture(line) or f"page {page}, line {number}: no capture"
    if not found:
        raise _nothing(address, url)


def _num_pages(answer: Answer, address: str) -> int:
    if answer.status != 200:
        raise _no_index(address, f"HTTP status {answer.status}")
    try:
        # Some servers answer with the number alone.
        said = json.loads(answer.body[:_MAX_LINE])
        pages = int(said if isinstance(said, int) else said["pages"])
        if pages < 0:
            raise ValueError
        return pages
    except (ValueError, TypeError, KeyError, RecursionError):
        raise _no_index(address, "its number of pages is none") from None


def _capture(line: bytes) -> Capture | None:
    try:
        said: Any = json.loads(line) if len(line) <= _MAX_LINE else None
        found = Capture(
            url=str(said["url"]),
            filename=str(said["filename"]),
            offset=int(said["offset"]),
            length=int(said["length"]),
            digest=str(said.get("digest") or "").removeprefix("sha1:"),
            media_type=str(said.get("mime-detected") or said.get("mime") or "").lower(),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    if not (is_text(found.url) and is_text(found.filename)):
        return None
    within = ".." not in found.filename.split("/") and "://" not in found.filename
    return found if found.offset >= 0 and found.length > 0 and within else None


def _no_index(address: str, cause: str) -> MissingError:
    return MissingError(
        f"the index does not answer as one: {cause}",
        where=address,
        hint="is its name right? https://index.commoncrawl.org lists those of Common Crawl; if it "
        "is busy, run again later",
        code="index",
    )


def _nothing(address: str, url: str) -> DataError:
    return DataError(
        f"the index has nothing of `{url}`",
        where=address,
        hint="is its name right? `*.example.org/*` is a domain with all below it, "
        "`example.org/a/*` a folder",
        code="empty-source",
    )
