"""What pages state of themselves, and nothing that they do not."""

from __future__ import annotations

import datetime
import json
from functools import partial
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.growth.measure import assert_linear
from tilth.clean import extract, select
from tilth.clean.pages import PageSettings, page_columns
from tilth.clean.stated import MAX_CHARS, Stated, stated
from tilth.schema import GUESSED_ENCODING

DAY = datetime.date(2024, 5, 1)
PARAGRAPH = "<p>" + "This paragraph says something that is worth reading. " * 5 + "</p>"


def linked(value: Any) -> str:
    return f'<script type="application/ld+json">{json.dumps(value)}</script>'


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<title> A \n title </title>", Stated(title="A title")),
        (
            '<title>A - Site</title><meta property="og:title" content="A &amp; b">',
            Stated(title="A & b"),
        ),
        ('<html lang="pt_BR"><p>x', Stated(language="pt-BR")),
        ('<meta http-equiv="Content-Language" content="de">', Stated(language="de")),
        ('<html lang="en"><meta property="og:locale" content="de_AT">', Stated(language="en")),
        ('<html lang="no such thing"><p>x', Stated()),
        (
            '<meta name="author" content="By Ada L."><meta name="author" content="ada l.">'
            '<meta name="dc.creator" content="Bo"><meta property="article:author" '
            'content="https://a.org/bo">',
            Stated(author="Ada L.; Bo"),
        ),
        (
            '<meta property="article:published_time" content="2024-05-01T23:10:00+02:00">',
            Stated(date=DAY),
        ),
        ('<meta name="citation_date" content="2024/05/01">', Stated(date=DAY)),
        ('<meta name="date" content="20240501">', Stated(date=DAY)),
        ('<p><time itemprop="datePublished" datetime="2024-05-01">1 May</time>', Stated(date=DAY)),
        ('<meta name="date" content="0001-01-01"><meta name="pubdate" content="x">', Stated()),
        ('<meta name="date" content="2024-02-30">', Stated()),
        ("<p>Published on 2024-05-01 by Ada Lovelace, CC BY 4.0", Stated()),
        (
            linked(
                {
                    "@type": "NewsArticle",
                    "headline": "A",
                    "datePublished": "2024-05-01",
                    "author": [{"name": "Ada"}, "Bo"],
                }
            ),
            Stated("A", "Ada; Bo", DAY),
        ),
        (
            "<body>"
            + linked(
                {
                    "@graph": [
                        {"@type": ["BlogPosting"], "author": {"@id": "#a"}},
                        {"@id": "#a", "name": "Ada"},
                        {"@type": "Product", "datePublished": "2024-05-01", "author": "Eve"},
                    ]
                }
            ),
            Stated(author="Ada"),
        ),
        ('<a rel="license" href="//creativecommons.org/licenses/by-sa/4.0/deed.de">x</a>',
         Stated(license="CC-BY-SA-4.0")),
        ('<link rel="license" href="https://creativecommons.org/publicdomain/zero/1.0/">',
         Stated(license="CC0-1.0")),
        ('<a rel="nofollow license" href="https://a.org/terms">x</a>',
         Stated(license="https://a.org/terms")),
        ('<a rel="license" href="/terms">x</a>', Stated()),
        (
            '<a rel="license" href="https://creativecommons.org/licenses/by/4.0/">x</a>'
            '<a rel="license" href="https://creativecommons.org/licenses/by-nc/4.0/">y</a>',
            Stated(),
        ),
        ("", Stated()),
    ],
)  # fmt: skip
def test_what_a_page_states(page: str, expected: Stated) -> None:
    assert stated(page) == expected


CC = "https://creativecommons.org"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (f"{CC}/licenses/by/3.0/", "CC-BY-3.0"),
        ("HTTP://www.CreativeCommons.org/licenses/BY-NC-nd/2.5/deed.pt_BR#x", "CC-BY-NC-ND-2.5"),
        ("creativecommons.org/licenses/by/4.0/legalcode", "CC-BY-4.0"),
        (f"{CC}/publicdomain/mark/1.0/deed.en", "CC-PDM-1.0"),
        (f"{CC}/licenses/by/3.0/de/", "CC-BY-3.0-DE"),
        (f"{CC}/licenses/by-sa/3.0/igo", "CC-BY-SA-3.0-IGO"),
        *(
            (other, other)
            for other in (
                f"{CC}/licenses/by/3.0/fr/",
                f"{CC}/licenses/by/7.0/",
                f"{CC}/licenses/by/4.0/evil",
                f"{CC}/licenses/by-nc/4.01/",
                "//creativecommons.org/licenses/by/2.0/xx/",
                "https://evil.example/?x=creativecommons.org/licenses/by/4.0",
                "https://evil.example/creativecommons.org/licenses/by/4.0",
                "https://notcreativecommons.org/licenses/by/4.0",
                "https://creativecommons.org.evil.example/licenses/by/4.0",
                "https://creativecommons.org@evil.example/licenses/by/4.0",
            )
        ),
        ("x creativecommons.org/licenses/by/4.0", None),
    ],
)
def test_a_licence_is_that_of_its_address(address: str, expected: str | None) -> None:
    assert stated(f'<a rel="license" href="{address}">x</a>').license == expected


def test_half_a_surrogate_pair_states_nothing() -> None:
    half, told = "\ud800 broken", {"@type": "Article", "@id": "#a"}
    for field in ("headline", "author", "datePublished"):
        page = linked({**told, field: half}) + "<title>t</title>"
        assert stated(page) == Stated(title="t")
    assert stated(linked({**told, "author": [half, {"name": half}, {"@id": half}]})) == Stated()
    whole = linked({**told, "headline": "\U0001f600"})
    assert "\\ud83d" in whole
    assert stated(whole).title == "\U0001f600"


@pytest.mark.parametrize("value", ["[" * 50_000, '{"@type": 3, "author": {"@id": []}}', "1", "{"])
def test_json_that_says_nothing_costs_nothing_else(value: str) -> None:
    page = f'<title>t</title><script type="application/ld+json">{value}</script>'
    assert stated(page) == Stated(title="t")


def test_json_beyond_the_bound_is_left_alone() -> None:
    long = {"@type": "Article", "author": "Ada", "articleBody": "x" * MAX_CHARS}
    assert stated(linked(long)) == Stated()


@given(st.text("<>\"'/=!-metaconthrld ", max_size=80))
def test_any_page_states_something_or_nothing(page: str) -> None:
    assert isinstance(stated(page), Stated)


@pytest.mark.parametrize(
    ("piece", "start"),
    [
        ('<meta name="author" content="a">', 1_600),
        ('<a rel="license" href="x">', 1_600),
        # So quick that what fits in the caches would be compared with what does not.
        ("<div>", 100_000),
        ("<title>", 100_000),
        (linked({}), 1_600),
    ],
)
def test_time_grows_with_the_page_alone(piece: str, start: int) -> None:
    assert_linear(lambda times: partial(stated, piece * times), start, max(start, 12_800))


PAGE = (
    '<html lang="en"><head><title>Page</title><meta name="author" content="Ada">'
    '<meta name="date" content="2024-05-01"></head><body>'
    f"<h1>Page</h1><div class=one>{PARAGRAPH}<b>B</b></div>{PARAGRAPH}"
    '<a rel="license" href="https://creativecommons.org/licenses/by/4.0/">x</a></body></html>'
)
ALL = ("license", "meta.title", "meta.author", "meta.date", "meta.language")


def batch(**columns: Any) -> pa.RecordBatch:
    given = {"id": ["1", "2"], "uri": ["u", "v"], "html": [PAGE.encode(), None], **columns}
    return pa.RecordBatch.from_pydict(given)


@pytest.mark.parametrize("method", ["trafilatura", "resiliparse"])
def test_the_same_fields_whatever_extracts(method: Any) -> None:
    settings = extract.Settings(method=method)
    assert {*extract.fills(settings)} == {"text", GUESSED_ENCODING, *ALL}
    rows = extract.apply(batch(), settings).to_pylist()
    assert [rows[0][name] for name in ALL] == ["CC-BY-4.0", "Page", "Ada", DAY, "en"]
    assert [rows[1][name] for name in ALL] == [None] * 5


def test_what_a_row_has_already_stays() -> None:
    given = batch(
        license=["own", "other"],
        **{"meta.title": pa.array([None, "T"]), "meta.date": pa.array([None, "last week"])},
    )
    rows = extract.apply(given, extract.Settings()).to_pylist()
    assert [rows[0][name] for name in ALL] == ["own", "Page", "Ada", "2024-05-01", "en"]
    assert [rows[1][name] for name in ALL] == ["other", "T", None, "last week", None]


def test_none_of_it_where_the_recipe_says_so() -> None:
    for settings in (PageSettings(meta="none"), extract.Settings(meta="none")):
        assert page_columns(settings) == (GUESSED_ENCODING,)
    names = extract.apply(batch(), extract.Settings(meta="none")).schema.names
    assert not {*ALL} & {*names}


def test_plain_text_states_nothing() -> None:
    given = batch(content_type=["text/plain", None])
    assert extract.apply(given, extract.Settings()).column("meta.title").null_count == 2


def test_elements_have_the_fields_of_their_page_unless_they_have_their_own() -> None:
    settings = select.Settings.model_validate({"css": ".one", "fields": {"date": "b"}})
    pages, parts = select.part(batch(), settings)
    assert pages.to_pylist()[0]["meta.title"] == "Page"
    assert "meta.date" not in pages.schema.names
    assert parts.to_pylist()[0]["meta.date"] == "B"
    license_ = select.Settings.model_validate({"css": ".one", "fields": {"license": "i"}})
    assert select.part(batch(), license_)[1].to_pylist()[0]["license"] == "CC-BY-4.0"
