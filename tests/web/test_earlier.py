"""An archived page, and what is asked and made of it when it is asked for again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tilth.web.client import Answer
from tilth.web.earlier import EarlierPage
from tilth.web.frontier import Outcome
from tilth.web.page_reader import Meaning
from tilth.web.warc_store import Place

_HTML = ("Content-Type", "text/html")
_DAY = "Mon, 01 Jan 2024 00:00:00 GMT"


def _page(*headers: tuple[str, str]) -> EarlierPage:
    kept = Outcome(
        "http://h/", content_type="text/html", fetched_at="2024-01-01", place=Place(0, 1, 2)
    )
    return EarlierPage(kept, Answer(200, "", (_HTML, *headers), b"<p>body"))


@pytest.mark.parametrize(
    ("name", "value", "sent"),
    [
        ("ETag", '"a"', {"If-None-Match": '"a"'}),
        ("etag", 'W/"a,b;c"', {"If-None-Match": 'W/"a,b;c"'}),
        ("ETag", '""', {"If-None-Match": '""'}),
        ("ETag", "a", {}),
        ("ETag", '"a"\r\nX: y', {}),
        ("ETag", '"a"\n', {}),
        ("ETag", '"a b"', {}),
        ("ETag", '"a", "b"', {}),
        ("ETag", "*", {}),
        ("ETag", '"' + "a" * 1000 + '"', {"If-None-Match": '"' + "a" * 1000 + '"'}),
        ("ETag", '"' + "a" * 1001 + '"', {}),
        ("Last-Modified", _DAY, {"If-Modified-Since": _DAY}),
        ("Last-Modified", "yesterday", {}),
        ("Last-Modified", _DAY + "\n", {}),
        ("Last-Modified", "Mon, \u0660\u0661 Jan 2024 00:00:00 GMT", {}),
    ],
)
def test_what_is_sent_is_what_a_validator_may_be(
    name: str, value: str, sent: dict[str, str]
) -> None:
    assert _page((name, value)).conditions == sent


def test_both_validators_are_sent() -> None:
    page = _page(("ETag", '"a"'), ("Last-Modified", _DAY))
    assert page.conditions == {"If-None-Match": '"a"', "If-Modified-Since": _DAY}


def test_an_answer_that_it_still_holds_brings_its_headers() -> None:
    page = _page(("ETag", '"a"'), ("X-Robots-Tag", "all"), ("Server", "s"))
    told = (("x-robots-tag", "noai"), ("Content-Type", "text/plain"), ("Content-Length", "0"))
    found = page.updated(Answer(304, "", told, b""))
    assert (found.status, found.body, found.content_type) == (200, b"<p>body", "text/html")
    assert found.header("x-robots-tag") == "noai"
    assert found.header("server") == "s"
    other = Answer(200, "", (_HTML,), b"other")
    assert page.updated(other) is other


def test_what_is_the_same_keeps_its_place_and_day() -> None:
    page = _page()
    answer = Answer(200, "OK", (_HTML,), b"<p>body")
    new = Outcome("http://h/", content_type="text/html", fetched_at="2026-01-01", consent="c")
    meaning = Meaning(new, is_page=True)
    stays = page.stays(meaning, answer).outcome
    assert stays == replace(new, place=Place(0, 1, 2), fetched_at="2024-01-01")
    for one, other in (
        (replace(meaning, is_page=False), answer),
        (meaning, replace(answer, body=b"<p>other")),
        (replace(meaning, outcome=replace(new, content_type="text/html; charset=x")), answer),
    ):
        assert page.stays(one, other) is one
