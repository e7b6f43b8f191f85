"""What a page looks like: dates and times say nothing, all else does."""

from __future__ import annotations

from tilth.web.links import read_markup

_URL = "http://a.org/calendar/7"


def _look(body: str, url: str = _URL) -> bytes | None:
    return read_markup(body.encode(), url, "text/html; charset=utf-8", looks=True).look


def test_dates_and_times_say_nothing() -> None:
    month = "<h1>Rota {}</h1><p>{} {} 9:30 <script>x = '{}'</script>"
    first = _look(month.format(2026, "1 2 3", "24.12.2026", "token"))
    assert first == _look(month.format(1999, "29 30 31", "2026-12-24", "another"), f"{_URL}7")
    assert first is not None


def test_words_pictures_and_other_numbers_do() -> None:
    pages = [
        "<p>one thing</p>",
        "<p>one things</p>",
        "<p>one thing 12345</p>",
        "<p>one thing 12.5</p>",
        "<p>one thing 3000</p>",
        '<p>one thing</p><img src="/1.png">',
        '<p>one thing</p><img src="/2.png">',
    ]
    assert len({_look(page) for page in pages}) == len(pages)
    # Of another pattern it is another one.
    assert _look(pages[0], "http://a.org/news/7") != _look(pages[0])


def test_what_shows_nothing_or_is_one_of_a_kind_looks_like_nothing() -> None:
    assert _look("<script>draw(7)</script>") is None
    assert _look("<p>words", "http://a.org/about") is None
    # Of what is deeper than is read, nobody knows what it shows.
    assert _look("<div>" * 3000 + "words") is None
    assert read_markup(b"<p>words", _URL, None).look is None
