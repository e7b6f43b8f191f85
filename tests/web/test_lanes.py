"""Every request to a host waits for its turn; a clock of the test's own says when that is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.web.clocks import Clock
from tilth.web.client import Answer, Client, FetchError
from tilth.web.lanes import MAX_HOLD_S, Lane, Lanes, LeftAloneError, PoliteClient


class _Server:
    """Answers after a while, and notes when it was asked for what, and when it had answered."""

    def __init__(self, clock: Clock, takes_s: float = 0.0) -> None:
        self.clock = clock
        self.takes_s = takes_s
        self.asked: list[tuple[float, str]] = []
        self.answered: list[float] = []
        self.answers: dict[str, list[Answer | FetchError]] = {}
        self.under_way = self.most_under_way = 0

    async def get(self, url: str, max_bytes: int, **_: Any) -> Answer:
        self.asked.append((self.clock.now, url))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        if self.takes_s:
            await self.clock.sleep(self.takes_s)
        self.under_way -= 1
        self.answered.append(self.clock.now)
        queued = self.answers.get(url)
        found = queued.pop(0) if queued else _answer(200)
        if isinstance(found, FetchError):
            raise found
        return found


def _answer(status: int, **headers: str) -> Answer:
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Answer(status, "", named, b"")


def _lanes(clock: Clock, pace_s: float, **changes: Any) -> Lanes:
    given: dict[str, Any] = {"connections": 1, "hosts": 16, **changes}
    return Lanes(pace_s, **given, clock=clock, sleep=clock.sleep)


def _client(server: _Server, lanes: Lanes, retries: int = 0) -> PoliteClient:
    return PoliteClient(cast(Client, server), lanes, retries, 1.0, lambda *_: None)


def _gaps(server: _Server) -> list[float]:
    return [after - before for (before, _), (after, _) in pairwise(server.asked)]


def _ask_all(clock: Clock, client: PoliteClient, *urls: str) -> None:
    async def ask() -> None:
        await asyncio.gather(*(client.once(url, 1) for url in urls))

    clock.run(ask())


@settings(max_examples=30, deadline=None)
@given(
    pace=st.floats(0.01, 100),
    takes=st.floats(0, 50),
    wishes=st.lists(st.floats(0, 100), max_size=3),
    num=st.integers(2, 8),
)
def test_no_request_comes_before_its_pause_is_over(
    pace: float, takes: float, wishes: list[float], num: int
) -> None:
    clock = Clock()
    server, lanes = _Server(clock, takes), _lanes(clock, pace)
    for wish in wishes:
        lanes["http://a/"].slow(wish)
    # By whatever scheme and port, and whatever is asked for.
    _ask_all(clock, _client(server, lanes), *(f"http{'s' * (n % 2)}://a:{n}/" for n in range(num)))
    asked = [at for at, _ in server.asked]
    assert len(asked) == num
    assert server.most_under_way == 1
    for answered, following in zip(server.answered, asked[1:], strict=False):
        assert following >= answered + max(pace, *wishes, 0)


@pytest.mark.parametrize(
    ("pace", "takes", "gap"),
    [(0.5, 0.1, 0.6), (0.5, 3.0, 6.0), (2.0, 3.0, 6.0), (5.0, 3.0, 8.0), (0.5, 60.0, 70.0)],
)
def test_a_host_that_is_slow_is_left_alone_for_as_long_as_it_took(
    pace: float, takes: float, gap: float
) -> None:
    clock = Clock()
    server = _Server(clock, takes)
    _ask_all(clock, _client(server, _lanes(clock, pace)), *["http://a/"] * 4)
    assert _gaps(server) == pytest.approx([gap] * 3)
    # Quick again, it is asked at the pace again.
    server.takes_s = 0.1
    _ask_all(clock, _client(server, _lanes(clock, pace)), *["http://a/"] * 3)
    assert _gaps(server)[-1] == pytest.approx(pace + 0.1)


def test_who_asks_for_no_pause_gets_none_of_a_slow_host() -> None:
    clock = Clock()
    server = _Server(clock, 3.0)
    _ask_all(clock, _client(server, _lanes(clock, 0.0)), *["http://a/"] * 3)
    assert _gaps(server) == [3.0, 3.0]


def test_of_several_connections_each_is_sent_after_the_pause() -> None:
    clock = Clock()
    server = _Server(clock, 5.0)
    _ask_all(clock, _client(server, _lanes(clock, 2.0, connections=2)), *["http://a/"] * 6)
    assert [at for at, _ in server.asked] == [0, 2, 5, 7, 10, 12]
    assert server.most_under_way == 2


def test_hosts_do_not_wait_for_each_other_and_so_many_are_asked_at_a_time() -> None:
    clock = Clock()
    server = _Server(clock, 1.0)
    urls = [f"http://{host}/{n}" for host in "abc" for n in range(2)]
    _ask_all(clock, _client(server, _lanes(clock, 10.0)), *urls)
    assert [at for at, _ in server.asked] == [0, 0, 0, 11, 11, 11]
    clock = Clock()
    server = _Server(clock, 1.0)
    _ask_all(clock, _client(server, _lanes(clock, 10.0, hosts=2)), *urls)
    # The third waits for no clock, and for one of the two that are allowed.
    assert [at for at, _ in server.asked[:3]] == [0, 0, 1]
    assert server.most_under_way == 2


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_host_that_says_when_is_not_asked_before(status: int) -> None:
    clock = Clock()
    server = _Server(clock)
    twice = Answer(status, "", (("Retry-After", "2"), ("Retry-After", "20.5")), b"")
    server.answers["http://a/0"] = [twice]
    _ask_all(clock, _client(server, _lanes(clock, 0.5)), "http://a/0", "http://a/1")
    assert _gaps(server) == [20.5]


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("headers", "pause"),
    [({"Retry_After": "20"}, 20.0), ({}, 1.0), ({"Retry_After": "soon"}, 1.0)],
)
def test_a_host_that_is_asked_too_much_is_left_alone_as_a_whole(
    status: int, headers: Mapping[str, str], pause: float
) -> None:
    clock = Clock()
    server = _Server(clock)
    server.answers["http://a/0"] = [_answer(status, **headers)]
    _ask_all(clock, _client(server, _lanes(clock, 0.5)), "http://a/0", "http://a/1", "http://b/")
    assert server.asked == [(0, "http://a/0"), (0, "http://b/"), (pause, "http://a/1")]


@pytest.mark.parametrize("answer", [_answer(500), _answer(404, Retry_After="20")])
def test_a_status_of_another_kind_holds_nobody(answer: Answer) -> None:
    clock = Clock()
    server = _Server(clock)
    server.answers["http://a/0"] = [answer]
    _ask_all(clock, _client(server, _lanes(clock, 0.5)), "http://a/0", "http://a/1")
    assert _gaps(server) == [0.5]


def test_further_tries_are_requests_like_any_other() -> None:
    clock = Clock()
    server = _Server(clock)
    failures: list[Answer | FetchError] = [
        FetchError("broken off", transient=True),
        _answer(502),
        _answer(429, Retry_After="30"),
    ]
    server.answers["http://a/robots.txt"] = failures

    async def ask() -> None:
        client = _client(server, _lanes(clock, 3.0), retries=3)
        assert (await client.get("http://a/robots.txt", 1)).status == 200

    clock.run(ask())
    # The pause of the host, that of a further try, and what the host asks for: the longest.
    assert _gaps(server) == [3, 3, 30]


def test_a_host_that_wants_to_be_left_alone_for_long_is_not_asked_again() -> None:
    clock = Clock()
    server = _Server(clock)
    server.answers["http://a/"] = [_answer(503, Retry_After=str(int(MAX_HOLD_S) + 1))]
    told: list[tuple[str, float]] = []
    lanes = _lanes(clock, 0.5)

    async def ask() -> None:
        client = PoliteClient(cast(Client, server), lanes, 0, 1.0, lambda *one: told.append(one))
        await client.once("http://a/", 1)
        with pytest.raises(LeftAloneError, match="a asks not to be asked for 3,601 s"):
            await client.once("http://a/x", 1)
        await client.once("http://b/", 1)

    clock.run(ask())
    assert [url for _, url in server.asked] == ["http://a/", "http://b/"]
    assert told == [("a", MAX_HOLD_S + 1)]
    assert clock.now == 0


def test_a_wish_beyond_a_day_is_one_for_a_day() -> None:
    clock = Clock()
    server, lanes = _Server(clock), _lanes(clock, 0)
    server.answers["http://a/"] = [_answer(429, Retry_After="9" * 39)]
    _ask_all(clock, _client(server, lanes), "http://a/")
    assert lanes["http://a/"].held_s == 86_400


def test_a_run_that_goes_on_asks_nobody_at_once() -> None:
    clock = Clock()
    server = _Server(clock)
    lanes = _lanes(clock, 2.0, were_asked=True, held=[("b", 60.0), ("c", -5.0)])
    _ask_all(clock, _client(server, lanes), "http://a/", "http://b/", "http://c/")
    assert server.asked == [(2, "http://a/"), (2, "http://c/"), (60, "http://b/")]


def test_a_request_that_is_given_up_gives_its_turn_back() -> None:
    clock = Clock()
    slots = asyncio.Semaphore(1)
    lane = Lane("a", 1.0, 1, slots, clock=clock, sleep=clock.sleep)
    times: list[float] = []

    async def work() -> None:
        async def turn(takes_s: float) -> None:
            async with lane.turn():
                times.append(clock.now)
                await clock.sleep(takes_s)

        stuck = asyncio.create_task(turn(1e6))
        waiting = asyncio.create_task(turn(0))
        await clock.sleep(5)
        stuck.cancel()
        waiting.cancel()
        await asyncio.gather(stuck, waiting, return_exceptions=True)
        await turn(0)

    clock.run(work())
    # For so long it was asked in vain, and so long it is left alone.
    assert times == [0, 10]
    assert not slots.locked()
