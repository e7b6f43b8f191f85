"""Every byte of a server passes one boundary: what is odd in it becomes an answer or one error."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.web.odd import odd_answer, odd_body, odd_robots, odd_sitemap
from tests.web.raw_site import answer, answering, page
from tilth.collect import crawl
from tilth.context import Context
from tilth.web.address import AddressRefusedError, allowed_places
from tilth.web.client import Answer, Client, FetchError, TooLargeError
from tilth.web.links import header_links, read_markup
from tilth.web.listing import read_listing
from tilth.web.robots import RobotsFile, decode_robots, read_wishes
from tilth.web.urls import join
from tilth.web.usage import read_tdmrep

_BOUND = 1 << 20


@pytest.fixture(scope="module")
def answers() -> Iterator[tuple[str, dict[str, bytes]]]:
    """A server's address, and what it answers, which a test sets."""
    given: dict[str, bytes] = {}
    with answering(given) as (root, _):
        yield root, given


def _got(root: str) -> Answer | Exception:
    async def get() -> Answer:
        async with Client("tilth", 5, allowed_places(["127.0.0.1"], [root])) as client:
            return await client.get(f"{root}/", _BOUND)

    try:
        return asyncio.run(get())
    except (FetchError, TooLargeError, AddressRefusedError) as error:
        return error


def _sound(text: str) -> None:
    """It can be written down: as UTF-8, on a line, and no longer than a line of a report is."""
    text.encode()
    assert len(text) < 500
    assert "\n" not in text


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(chance=st.randoms(use_true_random=False))
def test_any_answer_is_one_or_a_typed_error(
    answers: tuple[str, dict[str, bytes]], chance: Random
) -> None:
    root, said = answers
    said["/"] = odd_answer(chance)
    got = _got(root)
    if isinstance(got, Exception):
        _sound(str(got))
        return
    assert len(got.body) <= _BOUND
    for name, value in got.headers:
        (name + value).encode()
    markup = read_markup(got.body, f"{root}/", got.header("content-type"))
    for link in markup.links:
        link.encode("ascii")
    for href in (*(found := header_links(got.headers))[0], found[1] or ""):
        (join(f"{root}/", href) or "").encode("ascii")
    wishes = read_wishes(got.headers, markup.meta, "tilth")
    (wishes.words + wishes.consent(RobotsFile(None, "tilth"))).encode()


@settings(max_examples=100, deadline=None)
@given(chance=st.randoms(use_true_random=False))
def test_any_bytes_are_a_page_a_robots_file_and_a_reservation(chance: Random) -> None:
    for body in (odd_body(chance), odd_robots(chance)):
        read_markup(body, "http://h/", None)
        robots = RobotsFile(decode_robots(body), "tilth", body)
        robots.allows("http://h/x")
        robots.reserves("http://h/x")
        assert 0 <= robots.delay_s <= 86_400
        " ".join(robots.unheard).encode()
        read_tdmrep(body).find("/x")
    try:
        read_listing(odd_sitemap(chance))
    except (FetchError, TooLargeError) as error:
        _sound(str(error))


def _crawl(root: str, work: Path) -> list[dict[str, Any]]:
    given = crawl.Settings(
        start=(f"{root}/",),
        allow_hosts=("127.0.0.1",),
        delay_s=0,
        retry_s=0.001,
        retries=0,
        timeout_s=5,
        max_depth=2,
    )
    batches = list(crawl.read(given, "docs", Context(work=work)))
    return [row for batch in batches for row in batch.to_pylist()]


def _check_crawl(seed: int, size: int, work: Path) -> None:
    """A crawl of so many odd pages ends, with one row for each."""
    chance = Random(seed)
    odd = {f"/{number}": odd_answer(chance) for number in range(size)}
    robots = odd_robots(chance).replace(b"Crawl-delay", b"Crawl-wish")
    answers = {
        # Whatever its rules, they are not about these pages.
        "/robots.txt": answer(
            b"User-agent: tilth\nAllow: /\nSitemap: /map\n" + robots.replace(b"Disallow", b"Allow"),
            kind=b"text/plain",
        ),
        "/map": answer(odd_sitemap(chance), kind=b"text/xml"),
        "/.well-known/tdmrep.json": odd_answer(chance),
        "/": page("/good", *odd),
        "/good": page(text="sound"),
        **odd,
    }
    with answering(answers) as (root, _):
        rows = _crawl(root, work)
    by_path = {row["uri"].removeprefix(root): row for row in rows}
    assert len(by_path) == len(rows)
    assert by_path.keys() >= {"/", "/good", *odd}
    assert by_path["/good"]["html"] is not None
    for row in rows:
        ends = (row["drop.rule"] is not None, row["error"] is not None, row["html"] is not None)
        assert sum(ends) == 1, row
        _sound(row["error"] or "")


def test_a_crawl_of_odd_answers_ends_with_a_row_for_each(tmp_path: Path) -> None:
    _check_crawl(19, 150, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_crawls_of_twenty_thousand_odd_answers(seed: int, tmp_path: Path) -> None:
    _check_crawl(1000 + seed, 1000, tmp_path)
