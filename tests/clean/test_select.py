"""Elements of pages: those that parsel finds, however deep, each a sample that knows its page."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import parsel
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.growth.measure import assert_linear, least_s
from tilth.clean import select as module
from tilth.clean.select import MAX_DEPTH, NOTHING_FOUND, Settings, column_of, fills, wanted
from tilth.engine.parts import with_parts
from tilth.schema import sample_id, with_columns

ADDRESS = "http://shop.test/list/1.html"
PAGE = """<html lang=en><head><title>Things</title><base href="/goods/"><base href="/other/"></head>
<body><nav>Menu</nav>
<div class="data-item" id="a1"><h1>First <em>thing</em></h1>
  <span class="price">1 <b>EUR</b></span> <a href=" one.html ">more</a><img src="pics\\i.png">
  <script>let x = "<p>never</p>";</script><style>p { color: red }</style>
  <p>A line<br>and another.</p><ul><li>red<li>blue</ul></div>
<div class="data-item"><h1>Second</h1><a name=x>no address</a></div>
<div class="data-item" id="select-7"><a href="http://[">bad</a>third</div>
<table><tr class=row><td>1<td>2<tr class=row><td>3<td>4</table>
</body></html>"""


def _run(pages: list[str | bytes | None], given: Any, **columns: list[Any]) -> list[dict[str, Any]]:
    html = [page.encode() if isinstance(page, str) else page for page in pages]
    batch = pa.RecordBatch.from_pydict(
        {
            "id": [sample_id(str(n)) for n in range(len(pages))],
            "source": ["s"] * len(pages),
            "uri": [ADDRESS] * len(pages),
            "html": pa.array(html, pa.large_binary()),
        }
    )
    batch = with_columns(batch, columns)
    css = {"css": given} if isinstance(given, str) else given
    made = module.part(batch, Settings.model_validate(css))
    found: list[dict[str, Any]] = with_parts(batch, made, "clean.select, shard 0").to_pylist()
    return found


def test_an_element_is_a_sample_and_its_page_gives_way() -> None:
    fields = {
        "title": "h1", "price": "span.price::text", "link": "a::attr(href)",
        "meta.image": "img::attr(src)", "me": "::attr(id)", "license": "small",
    }  # fmt: skip
    page, *items = _run(
        [PAGE],
        {"css": "div.data-item", "fields": fields},
        license=["CC0"], subject=["ada"], split=["test"], language=["en"],
        **{"meta.title": ["Things"], "meta.author": ["Bo"]},
    )  # fmt: skip
    assert (page["drop.rule"], page["drop.value"], page.get("html")) == ("parted", "into 3", None)
    assert [item["uri"] for item in items] == [
        f"{ADDRESS}#a1", f"{ADDRESS}#select-2", f"{ADDRESS}#select-3",
    ]  # fmt: skip
    assert {item["part_of"] for item in items} == {page["id"]}
    first, second, third = items
    assert first["text"] == (
        "First thing\n\n1 EUR more\n\nA line\nand another.\n\n  • red\n  • blue"
    )
    assert [first[f"meta.{name}"] for name in ("title", "price", "link", "image", "me")] == [
        "First thing", "1", "http://shop.test/goods/one.html",
        "http://shop.test/goods/pics/i.png", "a1",
    ]  # fmt: skip
    assert [second[f"meta.{name}"] for name in ("title", "price", "link", "me")] == [
        "Second", None, None, None,
    ]  # fmt: skip
    assert third["meta.link"] == "http://["
    for item in items:
        assert (item["license"], item["subject"], item["split"]) == ("CC0", "ada", "test")
        assert (item["language"], item["meta.author"]) == ("en", "Bo")
    assert third["meta.title"] is None


@pytest.mark.parametrize(
    ("css", "texts"),
    [
        ("td", ["1", "2", "3", "4"]),
        ("tr.row", ["1\t\t2", "3\t\t4"]),
        ("li", ["red", "blue"]),
        ("title", ["Things"]),
        ("h1, .data-item > h1", ["First thing", "Second"]),
        ("div:has(img) h1", ["First thing"]),
        ("div:not(.data-item, nav)", []),
        ("script", [""]),
    ],
)
def test_what_the_text_of_an_element_is(css: str, texts: list[str]) -> None:
    page, *found = _run([PAGE], css)
    assert [row["text"] for row in found] == texts
    assert [row["drop.rule"] for row in found] == [None if text else "no-text" for text in texts]
    if not texts:
        assert (page["drop.rule"], page["drop.value"]) == (NOTHING_FOUND, css)


def test_what_is_no_page_stays_and_what_cannot_be_read_is_set_aside() -> None:
    pages = [None, "<p>one</p>", b"\0\1", "", "plain words", "<p>two</p>"]
    rows = _run(pages, "p", text=["a text", None, None, None, None, None])
    found = [
        (row["part_of"] is not None, row["drop.rule"], bool(row["error"]), row["text"])
        for row in rows
    ]
    assert found == [
        (False, None, False, "a text"),
        (False, "parted", False, None), (True, None, False, "one"),
        (False, None, True, None),
        (False, NOTHING_FOUND, False, None), (False, NOTHING_FOUND, False, None),
        (False, "parted", False, None), (True, None, False, "two"),
    ]  # fmt: skip


_TAGS = st.sampled_from(["div", "span", "section", "b"])
_CLASSES = st.sampled_from(["", "a", "b", "a b"])


@st.composite
def _pages(draw: st.DrawFn) -> str:
    """A tree of elements that every parser takes for the same, numbered in their order."""
    numbers: Iterator[int] = iter(range(1000))

    def element(depth: int) -> str:
        tag, kind, number = draw(_TAGS), draw(_CLASSES), next(numbers)
        inner = [
            draw(st.sampled_from(["x", "y z", ""]))
            if depth > 4 or draw(st.booleans())
            else element(depth + 1)
            for _ in range(draw(st.integers(0, 3)))
        ]
        # No block within what is none: parsers mend that in their own ways.
        tag = "span" if any("<" in one for one in inner) and tag == "b" else tag
        return f'<{tag} class="{kind}" n="{number}">{"".join(inner)}</{tag}>'

    return "<html><body>" + "".join(element(0) for _ in range(draw(st.integers(0, 3)))) + "</body>"


@given(
    _pages(),
    st.sampled_from(
        ["div", ".a", "div .b", "div > span", ".a, div, [n]", "span:first-child", "div + div",
         "*[n]", "section .a.b", "b, b"]
    ),
)  # fmt: skip
@settings(max_examples=150)
def test_the_elements_and_fields_are_those_that_parsel_finds(page: str, css: str) -> None:
    fields = {"n": "::attr(n)", "own": "::text", "inner": ".b::attr(n)", "whole": "span"}
    given = {"css": css, "fields": fields, "text": "::attr(n)"}
    found = [row for row in _run([page], given) if row.get("part_of")]
    expected = parsel.Selector(text=page).css(css)
    assert [row["text"] for row in found] == [one.attrib["n"] for one in expected]
    for row, one in zip(found, expected, strict=True):
        assert row["meta.n"] == one.attrib["n"]
        assert row["meta.own"] == " ".join("".join(one.xpath("text()").getall()).split())
        assert row["meta.inner"] == one.css(".b::attr(n)").get()
        inside = one.css("span")
        text = None if not inside else "".join(inside[0].xpath(".//text()").getall())
        assert text is None or row["meta.whole"].replace(" ", "") == text.replace(" ", "")
        assert (text is None) == (row["meta.whole"] is None)


def _deep(levels: int) -> str:
    return "<div>" * levels + "<p class=x>found</p>" + "</div>" * levels


@pytest.mark.parametrize("levels", [260, 2100, MAX_DEPTH - 10])
def test_an_element_is_found_however_deep_it_is(levels: int) -> None:
    """lxml loses what is deeper than 253, and parsel what is deeper than about 2,040."""
    assert [row["text"] for row in _run([_deep(levels)], "p.x")[1:]] == ["found"]
    if levels > 2100:
        assert parsel.Selector(text=_deep(levels)).css("p.x").getall() == []


def test_what_is_deeper_than_is_searched_is_set_aside_with_the_reason() -> None:
    pages = (_deep(MAX_DEPTH + 10), _deep(20_000), "<i>" * 200_000)

    def search() -> None:
        for css in ("p.x", "section p", "div:has(b) p", "div"):
            for page in pages:
                (row,) = _run([page], css)
                assert row["error"] == (
                    "the page cannot be searched: its elements are nested deeper than 5000"
                )

    assert least_s(search, 20) < 20


def test_elements_within_one_another_are_each_a_sample_up_to_a_bound() -> None:
    inner, outer = "<div>b</div>", "<div>a<div>b</div></div>"
    assert [row["text"] for row in _run([outer], "div")[1:]] == ["a\nb", "b"]
    assert len(_run([inner * 1000], "div")) == 1001
    (row,) = _run([_deep(3000)], "div")
    assert "elements of `div` lie in one another too often" in row["error"]


def test_an_element_too_deep_to_read_is_born_and_set_aside() -> None:
    page = "<p>one</p><article>" + _deep(2500) + "</article>"
    _, one, article = _run([page], "body > p, article")
    assert (one["text"], one["error"]) == ("one", None)
    assert article["error"] == "elements are nested deeper than 2000"


def test_ten_times_the_elements_take_ten_times_as_long() -> None:
    item = "<div class=x><h2>t</h2> <b>b</b></div>"
    given = {"css": "div.x", "fields": {"t": "h2"}}
    assert len(_run([item * 5000], given)) == 5001
    assert_linear(lambda count: partial(_run, [item * count], given), 100, 1600)


def test_names_are_ids_where_these_are_unique_and_can_stand_in_an_address() -> None:
    ids = ["a", "b", "b", "x y", "select-1", "é", "a#b", ""]
    page = "".join(f'<p id="{name}">t</p>' for name in ids)
    assert [row["uri"].partition("#")[2] for row in _run([page], "p")[1:]] == [
        "a", "select-2", "select-3", "select-4", "select-5", "é", "select-7", "select-8",
    ]  # fmt: skip


def test_what_a_field_asks_for() -> None:
    assert wanted(" h1 ").css == "h1"
    assert (wanted("h1::text").css, wanted("h1::text").own) == ("h1", True)
    assert wanted("a::attr( data-x )").attribute == "data-x"
    assert wanted("::attr(id)").css == ""
    for wrong in ("", "h1::text, h2", "a::attr()", "a::attr(b)c", "a::before"):
        with pytest.raises(ValueError, match="selector"):
            wanted(wrong)
    assert [column_of(name) for name in ("label", "price", "meta.price")] == [
        "label", "meta.price", "meta.price",
    ]  # fmt: skip
    given = Settings.model_validate({"css": "p", "fields": {"label": "b", "x": "i"}})
    assert fills(given)[:3] == ("text", "label", "meta.x")
