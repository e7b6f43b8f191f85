"""Arabic and Hebrew of a PDF: in the order in which they are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tilth.formats import pdf
from tilth.formats.reading_order import Placed, in_reading_order

LINES = (
    "שלום עולם, זהו טקסט בעברית עם מספר 123 ומילה English בתוכו.",
    "مرحبا بالعالم، هذا نص باللغة العربية مع رقم 123 وكلمة English في داخله.",
    "שורה שנייה (בסוגריים) כאן.",
)


def laid_out(visual: str) -> list[Placed]:
    """What stands so from the left, one unit each."""
    return [(char, float(at), at + 0.9) for at, char in enumerate(visual)]


def test_a_page_that_a_browser_printed() -> None:
    """`rtl.pdf` is printed by Chromium, from three paragraphs in DejaVu Sans."""
    pytest.importorskip("pypdfium2")
    data = (Path(__file__).parent / "rtl.pdf").read_bytes()
    _, page = pdf.read(data, 1 << 20)
    assert tuple(page["text"].split("\n")) == LINES


@pytest.mark.parametrize(
    ("visual", "read"),
    [
        ("דגב א", "א בגד"),
        ("ةيبرعلا", "العربية"),
        ("abc def", "abc def"),
        ("123 ןיא", "אין 123"),
        ("1,234.5 ןיא", "אין 1,234.5"),
        ("הנידמה םש New York ריעה", "העיר New York שם המדינה"),
        (")ב( א", "א (ב)"),
        ("", ""),
    ],
)
def test_a_line_is_read_from_the_right(visual: str, read: str) -> None:
    placed = laid_out(visual)
    assert in_reading_order(placed) == read
    # However PDFium orders it.
    assert in_reading_order(placed[::-1]) == (read if read != visual else visual[::-1])


def test_marks_stay_with_their_letters_and_shapes_become_letters() -> None:
    marked = [("\u05b8", 1.2, 1.4), ("ש", 1.0, 1.9), ("ב", 0.0, 0.9)]
    assert in_reading_order(marked) == "ש\u05b8ב"
    assert in_reading_order(marked[::-1]) == "ש\u05b8ב"
    assert in_reading_order(laid_out("\ufefb\ufee3")) == "ملا"


def test_a_word_in_a_line_from_the_left() -> None:
    line = laid_out("the word םולש means peace, they say")
    assert in_reading_order(line) == "the word שלום means peace, they say"
    assert in_reading_order([*line, ("\r", 0, 0), ("\n", 0, 0), *line[:3]]).endswith("say\r\nthe")
