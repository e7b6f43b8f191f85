"""What a page shows and plays is found in its markup, in whatever form pages write it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.growth.measure import assert_linear
from tilth.web.links import read_markup
from tilth.web.media import (
    IN_PAGE,
    NOWHERE,
    ONE_PIXEL,
    TOO_DEEP,
    UNREAD,
    Mention,
    Shown,
)
from tilth.web.media_markup import MAX_TEXT, largest

_URL = "https://a.example/p/q.html"
_BOTH = frozenset(("image", "audio"))


def _shown(body: str, kinds: frozenset[str] = _BOTH) -> Shown:
    page = f"<html><head><title>t</title></head><body>{body}</body></html>"
    found = read_markup(page.encode(), _URL, "text/html; charset=utf-8", kinds=kinds).shows
    assert found is not None
    return found


def _urls(body: str) -> list[str]:
    return [one.url.removeprefix("https://a.example") for one in _shown(body).mentions]


def test_a_picture_has_what_its_page_says_of_it() -> None:
    shown = _shown(
        '<figure><img src="a.png" alt="A  hill" title="Seen &amp; drawn"><figcaption>The hill, '
        "<i>from</i> the south</figcaption>"
        '<a rel="license" href="https://creativecommons.org/licenses/by/4.0/">CC</a></figure>'
        '<img src="/b.jpg"><img src="c.gif" alt="">'
    )
    assert shown.mentions == (
        Mention(
            "https://a.example/p/a.png",
            "image",
            "A hill",
            "Seen & drawn",
            "The hill, from the south",
            "CC-BY-4.0",
        ),
        Mention("https://a.example/b.jpg", "image"),
        Mention("https://a.example/p/c.gif", "image", ""),
    )
    assert shown.license == "CC-BY-4.0"
    assert shown.passed == ()


def test_a_caption_is_of_the_figure_that_it_is_in() -> None:
    shown = _shown(
        "<figure><figure><img src=1.png><figcaption>inner</figcaption></figure><img src=2.png>"
        "<figcaption>outer</figcaption></figure><img src=3.png><figcaption>none</figcaption>"
    )
    assert [one.caption for one in shown.mentions] == ["inner", "outer", None]
    long = _shown(f"<figure><img src=1.png><figcaption>{'ab ' * 9999}</figcaption></figure>")
    assert len(long.mentions[0].caption or "") == MAX_TEXT


@pytest.mark.parametrize(
    ("several", "own", "taken"),
    [
        ("s.png 480w, l.png 1200w, m.png 800w", "o.png", "l.png"),
        ("a.png, b.png 2x", "o.png", "b.png"),
        ("b.png 2x,c.png 1.5x", None, "b.png"),
        ("", "o.png", "o.png"),
        ("a.png 0.5x", "o.png", "o.png"),
        ("a,b.png 1x", None, "a,b.png"),
        ("a.png (w, h) 3x, b.png 2x", None, "a.png"),
        ("data:image/png;base64,AA 2x, b.png 1.5x", "data:x", "b.png"),
        (" , ,", None, None),
        ("a.png 99999999999w, b.png 2w", "o.png", "a.png"),
    ],
)
def test_of_several_sizes_the_largest_is_taken(
    several: str, own: str | None, taken: str | None
) -> None:
    assert largest(several, own) == taken


def test_pictures_in_several_forms_are_one() -> None:
    body = (
        '<picture><source type="image/svg+xml" srcset="v.svg"><source type="image/webp" srcset='
        '"w.webp 2x"><img src="i.jpg" srcset="i2.jpg 2x" alt="x"></picture>'
        '<picture><source srcset="only.avif"></picture>'
        '<picture><source srcset="s.webp"><img alt="no src"></picture>'
    )
    assert _urls(body) == ["/p/i2.jpg", "/p/only.avif", "/p/s.webp"]


def test_lazy_pictures_are_found() -> None:
    body = (
        '<img src="data:image/gif;base64,R0" data-src="a.png" alt="lazy">'
        '<img src="blank.gif" data-original="b.png">'
        '<img src="blank.gif" data-srcset="c1.png 1x, c2.png 2x">'
        '<noscript><img src="a.png" alt="again"></noscript>'
    )
    assert _urls(body) == ["/p/a.png", "/p/b.png", "/p/c2.png"]
    assert _shown(body).passed == ()


def test_links_to_files_and_what_a_page_names_for_others() -> None:
    shown = _shown(
        '<meta property="og:image" content="/og.jpg"><meta property="og:image:alt" content="all">'
        '<a href="large.JPG?x=1" title="Full"><img src="small.jpg" alt="a hill"></a>'
        '<a href="talk.mp3">The <b>talk</b></a><a rel="nofollow" href="no.png">no</a>'
        '<a href="page.html">page</a><map><area href="area.png" alt="north"></map>'
        '<link rel="icon" href="favicon.png">'
    )
    assert [(one.url[18:], one.kind, one.alt, one.title) for one in shown.mentions] == [
        ("og.jpg", "image", "all", None),
        ("p/small.jpg", "image", "a hill", None),
        ("p/large.JPG?x=1", "image", "a hill", "Full"),
        ("p/talk.mp3", "audio", None, "The talk"),
        ("p/area.png", "image", "north", None),
    ]


def test_sounds() -> None:
    shown = _shown(
        '<audio src="a.wav" title="A bell"></audio>'
        '<figure><audio controls><source src="b.webm" type="audio/webm"><source src="b.ogg" '
        'type="audio/ogg; codecs=opus"><source src="b.mp3">no player</audio>'
        "<figcaption>Two bells</figcaption></figure>"
        '<audio><source src="c.webm" type="audio/webm"></audio>'
        '<video><source src="film.mp4"></video><audio></audio>'
    )
    assert [(one.url[20:], one.title, one.caption) for one in shown.mentions] == [
        ("a.wav", "A bell", None),
        ("b.ogg", None, "Two bells"),
    ]
    assert shown.passed == (UNREAD,)


def test_a_sound_that_a_page_names_for_others() -> None:
    shown = _shown(
        '<meta property="og:audio" content="/og.mp3"><meta name="og:audio:url" content="/2.mp3">'
    )
    assert [(one.url[18:], one.kind) for one in shown.mentions] == [
        ("og.mp3", "audio"),
        ("2.mp3", "audio"),
    ]


def test_what_is_not_taken_has_its_reason() -> None:
    shown = _shown(
        '<img src="data:image/png;base64,AAAA"><img src="t.gif" width="1" height="1">'
        '<img src="u.gif" width="0"><img src="ftp://a.example/x.png"><img src=""><img>'
        '<img src="wide.png" width="100%"><img src="e.png" width="1e">'
    )
    assert [one.url[20:] for one in shown.mentions] == ["wide.png"]
    assert shown.passed == (IN_PAGE, ONE_PIXEL, NOWHERE)


def test_only_what_is_looked_for_is_found() -> None:
    body = '<img src="a.png"><audio src="a.wav"></audio><img src="data:image/png;,">'
    assert [one.kind for one in _shown(body, frozenset(("image",))).mentions] == ["image"]
    only = _shown(body, frozenset(("audio",)))
    assert [one.kind for one in only.mentions] == ["audio"]
    assert only.passed == ()
    assert read_markup(body.encode(), _URL, None).shows is None


def test_addresses_go_by_the_base_of_the_page_and_are_there_once() -> None:
    body = '<base href="https://cdn.example/x/"><img src="a.png"><img src="a.png#b" alt="named">'
    assert _shown(body).mentions == (Mention("https://cdn.example/x/a.png", "image", "named"),)


def test_pictures_are_found_at_any_depth_and_that_captions_are_not_is_told() -> None:
    shown = _shown("<div>" * 5000 + '<img src="deep.png" alt="deep">' + "</div>" * 5000)
    assert [(one.url[20:], one.alt) for one in shown.mentions] == [("deep.png", "deep")]
    assert shown.passed == (TOO_DEEP,)


_PARTS: dict[str, Callable[[int], str]] = {
    "captions": lambda n: "<figure><figcaption><img src=a.png>" * n,
    "figures": lambda n: "<figure><img src=x.png><i></i><figcaption>a</figcaption></figure>" * n,
    "links": lambda n: "<a href=x.png><b>x</b>" * n,
    "sizes": lambda n: f'<img srcset="{"a 1w," * n}">',
    "brackets": lambda n: f'<img srcset="{"a (" * n}">',
    "blanks": lambda n: f'<img srcset="a{" " * n}" width="{" " * n}1">',
    "sources": lambda n: "<picture><source srcset=a.png>" * n,
    "sounds": lambda n: "<audio>" + "<source src=a.mp3>" * n,
}


@pytest.mark.parametrize("form", sorted(_PARTS))
def test_time_is_linear_in_the_page(form: str) -> None:
    def make(num: int) -> Callable[[], object]:
        body = _PARTS[form](num)
        return lambda: _shown(body)

    assert_linear(make, 100, 1500)
