"""Whether a crawler says whom to write to."""

from __future__ import annotations

import pytest

from tilth.collect import common_crawl, crawl
from tilth.web.contact import contact_warning, names_contact


@pytest.mark.parametrize(
    "agent",
    [
        "bot/1.0 (+https://example.org/bot)",
        "bot/1.0 (+http://example.org/bot; me@example.org)",
        "bot/1 me@example.org",
        "bot/1 (mailto:me.too@mail.example.org)",
        "bot/1 [HTTPS://EXAMPLE.ORG]",
        "bot/1 <me@example.org>",
    ],
)
def test_a_contact_is_an_address_of_mail_or_of_a_page(agent: str) -> None:
    assert names_contact(agent)
    assert contact_warning(agent, ["https://a.example/"]) == ""


@pytest.mark.parametrize(
    "agent",
    [
        "bot/1.0",
        "bot/1 (my crawler)",
        "bot/1 (@me)",
        "bot/1 (me@)",
        "bot/1 (me@home)",
        "bot/1 (me@.org)",
        "bot/1 (+https://)",
        "bot/1 (+https://[)",
        "bot/1 (+https://here/bot)",
        "bot/1 (+ftp://example.org)",
    ],
)
def test_what_is_no_contact_is_warned_of_with_how_to_name_one(agent: str) -> None:
    assert not names_contact(agent)
    said = contact_warning(agent, ["https://a.example/"])
    assert "names nobody to write to" in said
    # What it tells to write is a contact itself.
    assert names_contact(said.partition("such as")[2])


def test_of_loopback_there_is_nobody_to_write_to() -> None:
    here = [
        "http://localhost:8000/",
        "http://docs.localhost/",
        "http://127.0.0.3/",
        "http://[::1]/",
    ]
    assert contact_warning("bot/1", here) == ""
    for other in ("http://10.0.0.1/", "https://localhost.example.org/", "http://a.example/"):
        assert contact_warning("bot/1", [*here, other])


def test_every_source_with_a_user_agent_warns() -> None:
    outside = crawl.Settings(start=("https://docs.example.org/",))
    assert "user_agent" in crawl.warns(outside)
    named = outside.model_copy(update={"user_agent": "my/1 (me@example.org)"})
    assert crawl.warns(named) == ""
    inside = crawl.Settings(start=("http://docs.localhost/",))
    assert crawl.warns(inside) == ""
    # Links lead to all of the scope.
    wider = crawl.Settings(
        start=("http://docs.localhost/",), scope=("http://docs.localhost/", "https://a.example/")
    )
    assert "user_agent" in crawl.warns(wider)
    asked = common_crawl.Settings(index="CC-MAIN-2024-22", url="example.org/*")
    assert "user_agent" in common_crawl.warns(asked)
    known = asked.model_copy(update={"user_agent": "my/1 (me@example.org)"})
    assert common_crawl.warns(known) == ""
