"""What a report says of a crawl's hosts and statuses is what its rows say."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

import tilth
from tests.engine.inline import use_inline
from tests.figures.lines import command
from tests.web.sites import Reply, Site, redirect, running
from tilth.api import Run
from tilth.query.runs import open_run
from tilth.recipe.load import parse_recipe
from tilth.schema import DROP_RULE, DROP_VALUE, ERROR
from tilth.web import fates


@pytest.fixture(scope="module")
def sites() -> Iterator[list[Site]]:
    """A site with every kind of end, and a small one."""
    with running(Site()) as one, running(Site(), host="127.0.0.2") as other:
        one.html(
            "/",
            "/a",
            "/b",
            "/gone",
            "/gone2",
            "/teapot",
            "/moved",
            "/private/x",
            "/broken",
            "/left-out",
        )
        one.html("/a", "/off", "/deep")
        one.html("/b")
        one.html("/off", head='<meta name="robots" content="noindex">')
        one.html("/deep", "/deeper")
        one.html("/deeper")
        one.pages["/teapot"] = Reply(status=418)
        one.pages["/broken"] = Reply(status=503)
        one.pages["/moved"] = redirect("/a", 301)
        one.pages["/robots.txt"] = Reply(b"User-agent: *\nDisallow: /private/\n")
        other.html("/", "/file.pdf")
        other.pages["/file.pdf"] = Reply(b"%PDF", headers=(("Content-Type", "application/pdf"),))
        yield [one, other]


@pytest.fixture(scope="module")
def done(sites: list[Site], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A crawl of both, as a run with its report."""
    settings = {
        "start": [f"{site.root}/" for site in sites],
        "allow_hosts": [f"{site.host}:{site.port}" for site in sites],
        "max_depth": 2,
        "delay_s": 0,
        "retries": 0,
        "retry_s": 0.01,
        "exclude": ["*/left-out"],
    }
    given = {"name": "hosts", "error_budget": 0.5, "collect": {"site": {"crawl": settings}}}
    with pytest.MonkeyPatch.context() as patch:
        use_inline(patch)
        folder = tmp_path_factory.mktemp("runs")
        return tilth.run(parse_recipe(json.dumps(given)), runs=folder, progress=False)


def _balances(figures: Any, counts: Any) -> bool:
    """Whether hosts and outcomes are all of the books, each address once."""
    hosts = figures["hosts"]
    sums = {end: sum(row[end] for row in hosts) for end in fates.ENDS}
    rows = all(row["addresses"] == sum(row[end] for end in fates.ENDS) for row in hosts)
    return rows and (
        sum(sums.values())
        == sum(row["addresses"] for row in figures["outcomes"])
        == counts["in"]
        == counts["kept"] + counts["dropped"] + counts["quarantined"]
        and sums["kept"] == counts["kept"]
        and sums["failed"] == counts["quarantined"]
    )


def test_hosts_and_outcomes_add_up_to_the_books(done: Run, sites: list[Site]) -> None:
    (step,) = open_run(done.folder).steps
    figures: Any = step.manifest.figures
    counts = step.manifest.counts
    assert counts is not None
    one, other = (f"{site.host}:{site.port}" for site in sites)
    nothing = dict.fromkeys(fates.ENDS, 0)
    large = {"kept": 4, "redirects": 1, "http_errors": 3, "opted_out": 2, "beyond_bounds": 2}
    assert figures["hosts"] == [
        {"host": one, "addresses": 13, **nothing, **large, "failed": 1},
        {"host": other, "addresses": 2, **nothing, "kept": 1, "other_drops": 1},
    ]
    outcomes = {row["outcome"]: row["addresses"] for row in figures["outcomes"]}
    assert outcomes["kept"] == counts.kept == 5
    assert outcomes["http-status 404"] == 2
    assert outcomes["http-status 418"] == 1
    assert outcomes["failed: HTTP status 503"] == counts.quarantined == 1
    assert _balances(figures, counts.as_json())
    by_rule = Counter[str]()
    for name, number in outcomes.items():
        if name != "kept" and not name.startswith("failed"):
            by_rule[name.split()[0]] += number
    assert by_rule == step.manifest.by_rule


def test_report_card_and_status_show_the_hosts(done: Run, sites: list[Site]) -> None:
    folder = done.folder
    host = f"{sites[0].host}:{sites[0].port}"
    page = (folder / "report.html").read_text("utf-8")
    card = (folder / "card.md").read_text("utf-8")
    assert f">{host}<" in page
    assert "http-status 404" in page
    assert f"| site | {host} | 13 | 4 | 8 | 1 |" in card
    shown = " ".join(command("status", str(folder)).split())
    assert f"collect.site: 2 hosts: {host} 4 of 13 addresses kept, " in shown
    figures = {one.path: one.value for one in done.status.figures}
    assert figures["collect.site.num_hosts"] == 2
    assert figures[f"collect.site.hosts[{host}].http_errors"] == 3


def _described(rows: list[dict[str, Any]]) -> Any:
    schema = pa.schema([(name, pa.string()) for name in fates.COLUMNS])
    return fates.describe_fates(iter([pa.RecordBatch.from_pylist(rows, schema)]))


def test_beyond_the_largest_hosts_the_others_are_one() -> None:
    many = fates.MAX_HOSTS + 7
    rows = [
        {"uri": f"https://h{at}.example/{page}", DROP_RULE: "robots" if page % 2 else None}
        for at in range(many)
        for page in range(at + 1)
    ]
    figures = _described(rows)
    last = figures["hosts"][-1]
    assert len(figures["hosts"]) == fates.MAX_HOSTS + 1
    assert figures["num_hosts"] == many
    assert figures["hosts"][0]["host"] == f"h{many - 1}.example"
    assert (last["host"], last["addresses"]) == ("and 7 others", sum(range(1, 8)))
    kept = sum(not row[DROP_RULE] for row in rows)
    counts = {"in": len(rows), "kept": kept, "dropped": len(rows) - kept, "quarantined": 0}
    assert _balances(figures, counts)


def test_beyond_the_commonest_outcomes_the_others_are_one() -> None:
    rows = [
        {"uri": "https://a.example/", DROP_RULE: "http-status", DROP_VALUE: str(status)}
        for status in range(400, 400 + fates.MAX_OUTCOMES + 2)
    ]
    figures = _described(rows)
    assert figures["outcomes"][-1] == {"outcome": "and 2 others", "addresses": 2}
    counts = {"in": len(rows), "kept": 0, "dropped": len(rows), "quarantined": 0}
    assert _balances(figures, counts)


def test_a_host_is_named_without_what_an_address_gives_away() -> None:
    figures = _described(
        [
            {"uri": "https://ann:secret@a.example:8080/?token=x"},
            {"uri": "http://[2001:db8::1]/a:1"},
            {"uri": "http://[2001:db8::1]:81/"},
            {"uri": "http://[", ERROR: "no address: secret"},
            {"uri": "nonsense", ERROR: "HTTP status secret"},
        ]
    )
    assert {row["host"] for row in figures["hosts"]} == {
        *("a.example:8080", "[2001:db8::1]", "[2001:db8::1]:81", "(no host)"),
    }
    assert "secret" not in str(figures)
