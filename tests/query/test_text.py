from __future__ import annotations

from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from tests.growth.measure import least_s
from tilth.query.text import excerpt, markup_excerpt, text_changes


@given(st.text(max_size=300), st.integers(1, 50))
def test_an_excerpt_is_short_and_safe(text: str, limit: int) -> None:
    short = excerpt(text, limit)
    assert len(short) <= limit
    assert all(ord(c) >= 32 and not 0x7F <= ord(c) <= 0x9F for c in short)


def test_white_space_is_one_blank() -> None:
    assert excerpt("a  b\n\tc") == "a b c"


def test_tags_are_left_out() -> None:
    assert markup_excerpt(b"<p>a</p><style>p{}</style><!-- no -->b") == "a b"
    assert markup_excerpt(b"<" * 100_000).startswith("<")


def test_a_page_is_shown_in_its_own_encoding() -> None:
    said = "Größe für Möbel und Türen"
    page = f"<meta charset='windows-1252'><p>{said}</p>"
    assert markup_excerpt(page.encode("cp1252")) == said
    assert markup_excerpt(page.replace("windows-1252", "utf-8").encode()) == said
    assert "\ufffd" in markup_excerpt(b"<meta charset='utf-8'><p>Gr\xf6\xdfe")


@given(st.binary(max_size=300))
def test_any_bytes_are_shown(page: bytes) -> None:
    assert len(markup_excerpt(page, 80)) <= 80


@given(st.text(max_size=200))
def test_equal_texts_have_no_changes(text: str) -> None:
    assert text_changes(text, text) == ()


def test_changes_are_shown_sentence_by_sentence() -> None:
    assert text_changes("One. Two. Three.", "One. Zwei. Three.") == ("- Two. ", "+ Zwei. ")
    assert text_changes("One. Two.", "One. ") == ("- Two.",)


def test_a_long_line_is_cut_to_where_it_differs() -> None:
    minus, plus = text_changes("x" * 5000 + "a" + "y" * 5000, "x" * 5000 + "b" + "y" * 5000)
    assert len(minus) < 200
    assert "a" in minus
    assert "b" in plus


def test_many_changes_end_with_a_word() -> None:
    before, after = ("\n".join(f"{word} {i}" for i in range(500)) for word in ("a", "b"))
    lines = text_changes(before, after)
    assert len(lines) == 41
    assert lines[-1] == "… and more"


def test_markup_that_nothing_closes_costs_no_time() -> None:
    for page in (b"<script " * 6000, b"<!--" * 12_000):
        assert least_s(partial(markup_excerpt, page), 0.5) < 0.5
    assert markup_excerpt(b"a<script>b") == "a"
