"""The frontier: levels, budget, and what a closed file remembers."""

from __future__ import annotations

import sqlite3
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


def test_an_address_ends_once(tmp_path: Path) -> None:
    with closing(Frontier(tmp_path / "f.sqlite")) as frontier:
        for value in ("first", "second"):
            frontier.settle([Outcome(_A, "max-sitemaps", value)], [(_A, 1)], "0:0")
        assert frontier.counts() == (1, 1)
        assert [end.value for end in frontier.outcomes()] == ["first"]


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


def test_answers_count_for_nothing_until_their_address_is_settled(tmp_path: Path) -> None:
    with closing(Frontier(tmp_path / "f.sqlite")) as frontier:
        frontier.add([_A], 0)
        kept = Outcome(_B, fetched_at="2026-01-02", leads=f"{_C}\n{_D}", place=Place(0, 3, 5))
        frontier.keep_answer(kept, "0:8")
        assert frontier.counts() == (0, 1)
        assert list(frontier.outcomes()) == []
        assert frontier.fact("archive") == "0:8"
        assert (frontier.answer(_A), frontier.answer(_B)) == (None, kept)
    with closing(Frontier(tmp_path / "f.sqlite")) as frontier:
        assert frontier.answer(_B) == kept
        frontier.admit(0, lambda _: None, 9)
        frontier.settle([Outcome(_A)], [(_B, 1)], "0:8")
        assert not frontier.is_decided(_B)
        frontier.admit(1, lambda _: None, 9)
        assert frontier.is_decided(_B)
        frontier.settle([Outcome(_B)], [], "0:8")
        assert frontier.answer(_B) is None


def test_begun_again_it_knows_answers_and_no_address(tmp_path: Path) -> None:
    place = Place(0, 0, 7)
    with closing(Frontier(tmp_path / "f.sqlite")) as frontier:
        frontier.add([_A, _B, _C, _D], 0)
        frontier.admit(0, lambda url: Outcome(url, "robots", "x") if url == _D else None, 9)
        moved = Outcome(_B, "redirect", _D, fetched_at="2026-01-02", leads=_D)
        page = Outcome(_A, content_type="text/html", fetched_at="2026-01-02", place=place)
        failed = Outcome(_C, error="the page cannot be parsed", fetched_at="2026-01-02")
        frontier.settle([page, moved, failed], [("http://example.org/e", 1)], "0:7")
        ahead = Outcome("http://b.org/", fetched_at="2026-01-02", leads=_A, place=place)
        frontier.keep_answer(ahead, "0:7")
        for origin in ("http://example.org", "http://b.org"):
            frontier.set_robots(origin, None)
        frontier.set_fact("complete", "yes")
        frontier.set_fact("held a", "9")
        frontier.begin_again(lambda url: url.startswith("http://b.org"))
        assert frontier.counts() == (0, 0)
        assert frontier.next_level() is None
        # What a page leads to is read from the archive, by what is asked for now.
        assert frontier.answer(_A) == page
        assert frontier.answer(_B) == moved
        # What failed, or was never asked for, is no answer.
        assert frontier.answer(_C) is frontier.answer(_D) is frontier.answer(ahead.url) is None
        assert frontier.robots() == {"http://example.org": None}
        assert (frontier.fact("complete"), frontier.fact("archive")) == (None, "0:7")
        assert frontier.facts("held ") == [("a", "9")]


def test_it_begins_again_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    def killed(_: str) -> bool:
        raise KeyboardInterrupt

    with closing(Frontier(tmp_path / "f.sqlite")) as frontier:
        wish = Outcome(_A, "robots-meta-noai", content_type="text/html", fetched_at="2026-01-02")
        status = Outcome(_B, "http-status", "404", fetched_at="2026-01-02")
        frontier.settle([wish, status], [(_A, 0), (_B, 0)], "0:0")
        frontier.set_fact("identity", "old")
        with suppress(KeyboardInterrupt):
            frontier.begin_again(killed, {"identity": "new"})
        assert (frontier.fact("identity"), frontier.counts()) == ("old", (2, 2))
        frontier.begin_again(facts={"identity": "new"}, has_less_room=True)
        assert (frontier.fact("identity"), frontier.counts()) == ("new", (0, 0))
        # Only what had a body may be too large.
        assert (frontier.answer(_A), frontier.answer(_B)) == (None, status)


def test_pages_that_are_lost_are_open_again(tmp_path: Path) -> None:
    places = [Place(0, 0, 5), Place(0, 5, 5), Place(1, 0, 5)]
    with closing(Frontier(tmp_path / "f.sqlite")) as frontier:
        frontier.add([_A, _B], 0)
        frontier.admit(0, lambda _: None, 9)
        ends = [Outcome(url, place=place) for url, place in zip((_A, _B), places, strict=False)]
        frontier.settle(ends, [], "0:10")
        frontier.keep_answer(Outcome(_C, fetched_at="2026-01-02", place=places[2]), "1:5")
        assert frontier.forget_lost(lambda _: True, Place(0, 0, 0)) is None
        # What was brought onto the disk is not looked at.
        assert frontier.forget_lost(lambda _: False, Place(1, 5, 0)) is None
        assert frontier.forget_lost(lambda place: place == places[0], Place(0, 0, 0)) == places[1]
        assert list(frontier.admitted(0)) == [_B]
        assert frontier.answer(_C) is None
        assert frontier.counts() == (1, 2)


def test_a_file_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "f.sqlite")) as db:
        db.execute(
            "CREATE TABLE pages (url TEXT PRIMARY KEY, depth INTEGER NOT NULL, state INTEGER NOT"
            " NULL, rule TEXT, value TEXT, error TEXT, content_type TEXT, consent TEXT, fetched_at"
            " TEXT, canonical TEXT, file INTEGER, start INTEGER, length INTEGER) WITHOUT ROWID"
        )
        db.execute("INSERT INTO pages (url, depth, state) VALUES (?, 0, 1)", (_A,))
        db.commit()
    with closing(Frontier(tmp_path / "f.sqlite")) as frontier:
        end = Outcome(_A, "redirect", _B, leads=_B, place=Place(0, 1, 2))
        frontier.settle([end], [], "0:3")
        assert [(end.url, end.place) for end in frontier.outcomes()] == [(_A, Place(0, 1, 2))]


def test_what_is_next_is_found_without_reading_what_has_ended(tmp_path: Path) -> None:
    """Whatever is known: a crawl asks for what is next as often as it has pages."""
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    num = 3000
    with closing(Frontier(tmp_path / "f.sqlite")) as frontier:
        frontier.add((f"http://example.org/{n:05d}" for n in range(num)), 0)
        frontier.admit(0, lambda url: Outcome(url, "robots"), num)
        frontier.add([_A, _B], 1)
        frontier.admit(1, lambda _: None, num)
        frontier.add([_C], 2)
        frontier._db.set_progress_handler(step, 10)
        assert frontier.next_level() == (1, True)
        assert frontier.next_admitted(1, "http://example.org", "") == [_A, _B]
        assert list(frontier.admitted(1)) == [_A, _B]
        assert list(frontier.found(2)) == [_C]
    assert steps < num / 10
