"""Asking a language model: what is tried again, and after what pause."""

from __future__ import annotations

import asyncio

import pytest

from tests.label.model_server import TOKENS, Answer, serving
from tilth.errors import MissingError, UsageError
from tilth.web.address import allowed_places
from tilth.web.chat import Endpoint, Reply
from tilth.web.client import Client

ASKED = b'{"messages": [{"role": "user", "content": "?"}]}'


def ask(answers: list[Answer], retries: int = 9) -> tuple[Reply, list[float]]:
    """What comes of these answers, and the pauses between."""
    paused: list[float] = []

    async def pause(seconds: float) -> None:
        paused.append(seconds)

    async def run(url: str) -> Reply:
        places = allowed_places(["127.0.0.1"], [url])
        async with Client("test", 30, places) as client:
            endpoint = Endpoint(client, f"{url}/chat/completions", retries, 1, pause)
            return await endpoint.ask(ASKED)

    turns = iter(answers)
    with serving(lambda _: next(turns)) as server:
        return asyncio.run(run(server.url)), paused


def test_a_server_is_waited_for_as_long_as_it_says_and_longer_each_time() -> None:
    busy: Answer = (429, {"error": {"message": "slow down"}}, {"Retry-After": "7"})
    for_ever: Answer = (429, {}, {"Retry-After": "100000"})
    down: Answer = (503, {}, {})
    reply, paused = ask([busy, down, down, down, for_ever, "cat"])
    assert reply == Reply("cat", "", *TOKENS)
    assert paused == [7, 2, 4, 8, 120]


def test_which_servers_are_busy() -> None:
    busy = (408, 425, 429, 500, 502, 503, 504, *range(520, 525))
    reply, paused = ask([*((status, {}, {}) for status in busy), "cat"], retries=len(busy))
    assert (reply.content, len(paused)) == ("cat", len(busy))
    for status in (501, 505, 525):
        with pytest.raises(UsageError, match=f"it answers {status}"):
            ask([(status, {}, {}), "cat"])


def test_tries_are_counted() -> None:
    with pytest.raises(MissingError, match=r"tried 3 times"):
        ask([(500, {}, {})] * 3, retries=2)


def test_tokens_that_are_no_number_are_none() -> None:
    for odd in (-1, True, "7", 1 << 50, None):
        message = {"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": odd}}
        assert ask([(200, message, {})])[0] == Reply("x", "", 0, 0)
