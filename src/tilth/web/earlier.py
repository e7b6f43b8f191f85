"""Pages of an earlier crawl that are asked for again: only what has changed is sent (RFC 9110, 13).

A page is named by the validators of its archived answer. Where the server says that it is as it
was (304), or sends the same bytes once more, the archived page stays.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from tilth.errors import DataError
from tilth.web.client import Answer
from tilth.web.frontier import Outcome
from tilth.web.page_reader import Meaning
from tilth.web.warc_store import read_answer

NOT_MODIFIED = 304
# RFC 9110, 8.8.3; servers refuse long headers.
_ETAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{0,1000}"')
_DATE = re.compile(r"[A-Za-z]{3}, [0-9]{2} [A-Za-z]{3} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT")
# What describes a body is that of the archived one.
_OF_THE_BODY = ("content-", "transfer-", "x-crawler-")


@dataclass(frozen=True)
class EarlierPage:
    """A page as an earlier crawl has archived it.

    Attributes:
        kept: How its address ended then.
        answer: The archived answer.
    """

    kept: Outcome
    answer: Answer

    @property
    def conditions(self) -> dict[str, str]:
        """The headers that ask for the page only where it is another one by now."""
        etag, modified = self.answer.header("etag"), self.answer.header("last-modified")
        found = {}
        if _ETAG.fullmatch(etag):
            found["If-None-Match"] = etag
        if _DATE.fullmatch(modified):
            found["If-Modified-Since"] = modified
        return found

    def updated(self, answer: Answer) -> Answer:
        """The archived answer, where the new one says that it still holds, with the headers of the
        new one (RFC 9111, 4.3.4); else the new one."""
        if answer.status != NOT_MODIFIED:
            return answer
        told = [one for one in answer.headers if not one[0].lower().startswith(_OF_THE_BODY)]
        names = {name.lower() for name, _ in told}
        # Of a page that was rendered: what its scripts make of it is seen anew.
        sent = self.answer.sent or self.answer
        rest = [one for one in sent.headers if one[0].lower() not in names]
        return replace(sent, headers=(*rest, *told))

    def stays(self, meaning: Meaning, answer: Answer) -> Meaning:
        """What an answer means, with the archived page where that is the same."""
        is_same = (meaning.outcome.content_type, answer.body) == (
            self.kept.content_type,
            self.answer.body,
        )
        if not meaning.is_page or not is_same:
            return meaning
        place, day = self.kept.place, self.kept.fetched_at
        return replace(meaning, outcome=replace(meaning.outcome, place=place, fetched_at=day))


def archived(archive: Path, kept: Outcome, max_bytes: int) -> Answer | None:
    """The archived answer to an address; None where it cannot be read, or is too large by now.

    How the latter is said hangs on how it is sent.
    """
    if kept.place is None:
        return None
    try:
        answer = read_answer(archive, kept.place)
    except DataError:
        return None
    if len(answer.body) > max_bytes:
        return None
    # A header beyond ASCII is not in the archive as it was sent.
    kind = ("Content-Type", kept.content_type or "")
    return replace(answer, headers=(kind, *answer.headers))
