"""How patiently a crawl asks, and whether what failed is to be asked for again more patiently.

How long an answer is waited for and how often is asked decide of no page that was had, so nothing
of a crawl hangs on them but what failed. Where they are more patient than when that failed, it is
asked for again, and all else stays.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from tilth.spell import plural
from tilth.web.frontier import FAILED, Frontier

# Settings, and whether more of one is the more patient.
_IS_MORE: Final[Mapping[str, bool]] = {
    "timeout_s": True,
    "retries": True,
    "retry_s": True,
    "delay_s": True,
    "connections_per_host": False,
    "concurrency": False,
}
# The facts of how patiently what failed was asked for, and that it is being asked for again.
PATIENCE, FURTHER = "patience", "further"
_COMPLETE: Final = "complete"


def patience(settings: Any) -> str:
    """How patiently settings ask, as it is written down."""
    return json.dumps({name: getattr(settings, name) for name in _IS_MORE})


def note_patience(frontier: Frontier, now: str) -> None:
    """A crawl goes on, maybe less patiently, or is of a version that did not write it down."""
    if frontier.fact(PATIENCE) is None or frontier.fact(_COMPLETE) is None:
        frontier.set_fact(PATIENCE, now)


def asks_again(frontier: Frontier, now: str) -> bool:
    """Whether something failed that may be had by now."""
    return bool(_more_patient(frontier.fact(PATIENCE), now)) and bool(frontier.count_failed())


def why_further(path: Path, now: str) -> str:
    """Why a crawl that was read asks for something again, in words; empty: it does not.

    Args:
        path: Its frontier, which is only looked at.
        now: How patiently it would be asked.
    """
    names = (PATIENCE, FURTHER, FAILED, _COMPLETE)
    # Nothing is to be made beside the file; where a run was killed, what it left belongs to it.
    is_closed = not path.with_name(f"{path.name}-wal").exists()
    address = f"file:{quote(str(path))}?mode=ro{'&immutable=1' * is_closed}"
    try:
        with closing(sqlite3.connect(address, uri=True)) as db:
            query = f"SELECT name, value FROM facts WHERE name IN ({', '.join('?' * len(names))})"  # noqa: S608 (marks)
            facts = dict(db.execute(query, names).fetchall())
    except sqlite3.Error:
        return ""
    if FURTHER in facts and _COMPLETE not in facts:
        # Who asks less patiently by now may have what was there.
        is_less = _more_patient(now, facts.get(PATIENCE, now))
        return "" if is_less else "what failed is asked for again, which was not finished"
    more = _more_patient(facts.get(PATIENCE), now)
    if not more or _COMPLETE not in facts or not int(facts.get(FAILED, 0)):
        return ""
    told = ", ".join(f"`{name}: {value:g}`" for name, value in more.items())
    return f"{plural(int(facts[FAILED]), 'request')} failed, and may be answered with {told}"


def _more_patient(then: str | None, now: str) -> dict[str, float]:
    """The settings that are more patient than those of before."""
    before, after = json.loads(then or now), json.loads(now)
    return {
        name: after[name]
        for name, is_more in _IS_MORE.items()
        if (after[name] > before[name] if is_more else after[name] < before[name])
    }
