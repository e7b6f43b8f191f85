"""How the addresses of a crawl ended, by host and in all: counted over its rows, so exact."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

import pyarrow as pa

from tilth.figures import Definition
from tilth.records import PlainObject
from tilth.schema import DROP_RULE, DROP_VALUE, ERROR, column
from tilth.web.urls import host_of

# The largest are told one by one, the others together.
MAX_HOSTS, MAX_OUTCOMES = 20, 40
COLUMNS: Final = ("uri", DROP_RULE, DROP_VALUE, ERROR)
_FAILED: Final = "HTTP status "
_OPTED_OUT: Final = ("robots", "tdm-reservation", "content-usage")
_BOUNDS: Final = ("max-", "url-length", "excluded", "media-scope", "not-gathered")
_ROWS: Final = "all addresses that the crawl found: rows kept, dropped and quarantined"
_TEST: Final = "tests/collect/test_crawl_fates.py::test_hosts_and_outcomes_add_up_to_the_books"

# In which way an address may end; each ends in one of them.
ENDS: Final = {
    "kept": "Pages that are samples.",
    "redirects": "Addresses that lead to another one, which has a row of its own.",
    "http_errors": "Addresses that were answered with a status such as 404; `outcomes` has which.",
    "opted_out": "What robots.txt forbids, and what asks not to be collected.",
    "beyond_bounds": "What the recipe leaves out: by pages, depth, bytes, length, patterns.",
    "other_drops": "Dropped for another reason: no page, a feed, another page's copy.",
    "failed": "Quarantined, each with its error.",
}


def _defined(name: str, heading: str, about: str) -> Definition:
    return Definition(
        name, heading, about, _ROWS, reference="the rows of a crawl, one by one", test=_TEST
    )


FIGURES: Final = (
    _defined("num_hosts", "number of hosts", "Hosts of which an address was found."),
    _defined(
        "hosts",
        "hosts",
        f"How the addresses of each host ended; the {MAX_HOSTS} largest hosts, and the others "
        "together. A host has its port where that is not the usual one.",
    ),
    _defined("hosts.addresses", "addresses", "All that were found of the host."),
    *(_defined(f"hosts.{name}", name.replace("_", " "), said) for name, said in ENDS.items()),
    _defined(
        "outcomes",
        "outcomes",
        "How many addresses ended in which way: kept, by the rule that dropped them with the "
        f"status, or failed; the {MAX_OUTCOMES} commonest, and the others together.",
    ),
    _defined("outcomes.addresses", "addresses", "All that ended so."),
)


def describe_fates(batches: Iterator[pa.RecordBatch]) -> PlainObject:
    """Hosts and outcomes of all rows of a crawl. See `FIGURES`.

    Args:
        batches: Kept, dropped and quarantined rows, of which `COLUMNS` are read.
    """
    hosts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    outcomes: Counter[str] = Counter()
    for batch in batches:
        told = (column(batch, name).to_pylist() for name in COLUMNS)
        for uri, rule, value, error in zip(*told, strict=True):
            end, outcome = _end_of(rule, value, error)
            hosts[_host(uri or "")][end] += 1
            outcomes[outcome] += 1
    by_size = sorted(hosts.items(), key=lambda one: (-one[1].total(), one[0]))
    shown = by_size[:MAX_HOSTS]
    if rest := by_size[MAX_HOSTS:]:
        shown.append((_others(len(rest)), sum((one for _, one in rest), Counter())))
    return {
        "num_hosts": len(hosts),
        "hosts": [
            {"host": name, "addresses": one.total(), **{end: one[end] for end in ENDS}}
            for name, one in shown
        ],
        "outcomes": [{"outcome": name, "addresses": count} for name, count in _commonest(outcomes)],
    }


def _commonest(outcomes: Counter[str]) -> Sequence[tuple[str, int]]:
    by_size = sorted(outcomes.items(), key=lambda one: (-one[1], one[0]))
    shown, rest = by_size[:MAX_OUTCOMES], by_size[MAX_OUTCOMES:]
    return [*shown, *([(_others(len(rest)), sum(n for _, n in rest))] if rest else [])]


def _others(number: int) -> str:
    return f"and {number:,} other{'s' * (number > 1)}"


def _end_of(rule: str | None, value: str | None, error: str | None) -> tuple[str, str]:
    """In which of `ENDS` an address ended, and how exactly."""
    if error is not None:
        # Told by what a server said; of the other errors each may be told in its own words.
        status = error.removeprefix(_FAILED)
        is_status = status != error and status.isdecimal() and len(status) == 3
        return "failed", f"failed: {error}" if is_status else "failed"
    if rule is None:
        return "kept", "kept"
    if rule == "http-status":
        return "http_errors", f"{rule} {value}"
    if rule == "redirect":
        return "redirects", rule
    if rule.startswith(_OPTED_OUT):
        return "opted_out", rule
    return "beyond_bounds" if rule.startswith(_BOUNDS) else "other_drops", rule


def _host(uri: str) -> str:
    """Host of an address, with its port where it has one."""
    host = host_of(uri)
    port = uri.partition("://")[2].partition("/")[0].rpartition("@")[2].rpartition(":")[2]
    shown = f"[{host}]" if ":" in host else host
    return (f"{shown}:{port}" if port.isdecimal() else shown) or "(no host)"
