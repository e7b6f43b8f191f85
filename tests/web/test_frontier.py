"""The frontier: levels, budget, and what a closed file remembers."""

from __future__ import annotations

from contextlib import closing, suppress
from pathlib import Path

from tilth.web.frontier import Frontier, Outcome
from tilth.web.warc_store import Place

_A, _B, _C, _D = (f"http://example.org/{name}" for name in "abcd")


def test_levels_and_budget(tmp_path: Path) -> None:
    with closing(Frontier(tmp_path / "f.sqlite")) as frontier:
        frontier.add([_C, _A, _B, _D], 0)
        frontier.add([_A], 3)
        assert frontier.next_level() == (0, False)
        assert list(frontier.found(0)) == [_A, _B, _C, _D]
        frontier.admit(0, lambda url: Outcome(url, "robots", "x") if url == _A else None, 2)
        assert frontier.next_level() == (0, True)
        assert frontier.next_admitted(0, "http://example.org", "") == [_B, _C]
        assert frontier.next_admitted(0, "http://example.org", _B) == [_C]
        assert frontier.next_admitted(0, "http://example.or", "") == []
        frontier.settle([Outcome(_B), Outcome(_C)], [], "0:0")
        assert frontier.next_level() is None
        assert frontier.counts() == (4, 4)
        ends = {end.url: (end.rule, end.value) for end in frontier.outcomes()}
    assert ends == {
        _A: ("robots", "x"),
        _B: (None, None),
        _C: (None, None),
        _D: ("max-pages", "2"),
    }


def test_what_is_not_settled_is_open_again(tmp_path: Path) -> None:
    with closing(Frontier(tmp_path / "f.sqlite")) as frontier:
        frontier.add([_A, _B], 0)
        frontier.admit(0, lambda _: None, 10)
        frontier.settle([Outcome(_A)], [(_C, 1), (_A, 1)], "0:10")
        frontier.set_robots("http://example.org", None)
    with closing(Frontier(tmp_path / "f.sqlite")) as frontier:
        assert frontier.next_level() == (0, True)
        assert list(frontier.admitted(0)) == [_B]
        assert list(frontier.found(1)) == [_C]
        assert frontier.fact("archive") == "0:10"
        assert frontier.counts() == (1, 3)
        assert frontier.robots() == {"http://example.org": None}


def test_a_failing_batch_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail(url: str) -> Outcome | None:
        if url == _B:
            raise KeyboardInterrupt
        return None

    with closing(Frontier(tmp_path / "f.sqlite")) as frontier:
        frontier.add([_A, _B], 0)
        with suppress(KeyboardInterrupt):
            frontier.admit(0, fail, 10)
        assert frontier.next_level() == (0, False)
        assert list(frontier.found(0)) == [_A, _B]


def test_a_canonical_page_stands_for_its_copies_and_a_circle_for_itself(tmp_path: Path) -> None:
    place = Place(0, 0, 1)
    with closing(Frontier(tmp_path / "f.sqlite")) as frontier:
        urls = [f"http://example.org/{n}" for n in range(6)]
        frontier.add(urls, 0)
        frontier.admit(0, lambda _: None, 10)
        ends = [
            Outcome(urls[0], place=place),
            Outcome(urls[1], canonical=urls[0], place=place),
            # Each names the other: both stay.
            Outcome(urls[2], canonical=urls[3], place=place),
            Outcome(urls[3], canonical=urls[2], place=place),
            # The canonical page is not there: this one stays.
            Outcome(urls[4], canonical=urls[5], place=place),
            Outcome(urls[5], "http-status", "404"),
        ]
        frontier.settle(ends, [], "0:1")
        rules = [end.rule for end in frontier.outcomes()]
    assert rules == [None, "canonical", None, None, None, "http-status"]
