"""Hosts that other crawls of the same run have just asked: between two crawls lies the pause too.

The sources of a run are read one after the other, each with its own frontier, beside each other.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tilth.web.frontier import HELD, RESTS, Frontier
from tilth.web.lanes import Lane, Lanes

# What is asked for beyond a day is not kept either.
_MAX_S = 86_400.0


def mind(lanes: Lanes, work: Path) -> None:
    """Keep the pauses that the crawls beside this one owe to hosts.

    Args:
        lanes: Of this crawl.
        work: The folder of its step's work.
    """
    for path in sorted(work.parent.parent.glob(f"*/{work.name}/crawl/frontier.sqlite")):
        if path.parent.parent == work:
            continue
        try:
            with closing(Frontier(path)) as frontier:
                rests, held = frontier.facts(RESTS), frontier.facts(HELD)
        except sqlite3.Error:
            # Of another version, or damaged: its own step says so.
            continue
        for host, until in rests:
            lanes.owe(host, _rest(float(until)))
        for host, until in held:
            lanes.owe(host, _hold(float(until)))


def _rest(until: float) -> Callable[[Lane], None]:
    return lambda lane: lane.rest(_left_s(until))


def _hold(until: float) -> Callable[[Lane], None]:
    return lambda lane: lane.hold(_left_s(until))


def _left_s(until: float) -> float:
    # A clock that was set back is no reason to wait for ever.
    return min(until - time.time(), _MAX_S)


def note(lanes: Lanes, frontier: Frontier) -> None:
    """Keep until when each host is to be left alone after what this crawl asked of it."""
    for lane in lanes.waiting:
        frontier.set_fact(f"{RESTS}{lane.host}", str(time.time() + lane.wait_s))
