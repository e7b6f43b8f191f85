"""The hosts of a crawl, as its figures have them (`tilth.web.fates`), in a few words."""

from __future__ import annotations

from pydantic import JsonValue

from tilth.records import Json

# Hosts that a line has room for.
_MAX_HOSTS = 3
_NUMBERS = ("addresses", "kept", "failed")

Row = tuple[str, int, int, int, int]


def hosts_of(figures: Json) -> list[Row]:
    """Host, addresses, kept, dropped and quarantined, the largest host first; none of no crawl."""
    given = figures.get("hosts")
    return [row for one in given if (row := _row(one))] if isinstance(given, list) else []


def _row(given: JsonValue) -> Row | None:
    if not isinstance(given, dict):
        return None
    host, (num, kept, failed) = given.get("host"), map(given.get, _NUMBERS)
    if not (isinstance(host, str) and isinstance(num, int)):
        return None
    if not (isinstance(kept, int) and isinstance(failed, int)):
        return None
    return host, num, kept, num - kept - failed, failed


def spell_hosts(figures: Json) -> str:
    """The hosts in a line; empty where there are none."""
    rows, whole = hosts_of(figures), figures.get("num_hosts")
    told = [f"{host} {kept:,} of {num:,}" for host, num, kept, _, _ in rows[:_MAX_HOSTS]]
    if not told or not isinstance(whole, int):
        return ""
    told[0] += " addresses kept"
    if more := whole - len(told):
        told.append(f"and {more:,} other{'s' * (more > 1)}")
    return f"{whole:,} host{'s' * (whole > 1)}: {', '.join(told)}"
