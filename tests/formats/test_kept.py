"""What comes through an extraction as it was meant: joiners, exponents, formulas, lines of code."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.clean.extract import Settings, extract
from tilth.formats.kept import Kept

PROSE = "A page that tells at some length what was found there, so that there is a text to keep. "


def extracted(html: str, method: str) -> str:
    page = (
        f"<html><body><article><p>{PROSE * 4}</p>{html}<p>{PROSE * 4}</p></article></body></html>"
    )
    text = extract(page, Settings.model_validate({"method": method}))
    return text.replace(PROSE.strip(), "").strip()


@pytest.mark.parametrize("method", ["trafilatura", "resiliparse"])
@pytest.mark.parametrize(
    ("html", "text"),
    [
        (
            "<p>می\u200cخواهم این کتاب&zwnj;ها را، क्&#x200D;ष.</p>",
            "می\u200cخواهم این کتاب\u200cها را، क्\u200dष.",
        ),
        (
            "<p>E = mc<sup>2</sup>, 10<sup> -3 </sup> m, H<sub>2</sub>O.</p>",
            "E = mc², 10⁻³ m, H₂O.",
        ),
        (
            "<p>请看<b>中</b><a href='x'>国</a>的<i>&#22320;</i>图<b>。</b>"
            "价格 <b> 5</b><i>€</i>.</p>",
            "请看中国的地图。价格 5€.",
        ),
        ("<p>The 21<sup>st</sup> century<sup>[1]</sup>.</p>", "The 21st century[1]."),
        (
            "<p>この<ruby>漢<rt>かん</rt>字<rp>(</rp><rt>じ</rt><rp>)</rp></ruby>と"
            "<ruby>本<rt><i>ほん</i></ruby>です。</p>",
            "この漢字と本です。",
        ),
        (
            "<p>So <math><mfrac><mn>1</mn><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow></mfrac>"
            "<mo>=</mo><msup><mi>x</mi><mi>k</mi></msup></math> holds.</p>",
            "So 1/(a + b) = x^k holds.",
        ),
        (
            "<p>So <math alttext='y'><semantics><mi>α</mi><annotation encoding="
            "'application/x-tex'>\\alpha &lt; 3</annotation></semantics></math> holds.</p>",
            "So \\(\\alpha < 3\\) holds.",
        ),
        ("<p>So <math alttext='\\beta'><mi>β</mi></math> holds.</p>", "So \\(\\beta\\) holds."),
        (
            "<pre><code>def f(x):\n    if x:\n        return 1\n\n    return 2\n</code></pre>",
            "def f(x):\n    if x:\n        return 1\n\n    return 2",
        ),
        (
            "<div class=highlight><table><tr><td class=linenos><pre>1\n2\n3</pre></td><td><pre>"
            "<span>if</span> x &lt; 3:\n    y = 1\n    z = 2\n</pre></td></tr></table></div>",
            "if x < 3:\n    y = 1\n    z = 2",
        ),
        (
            "<p>So <script type='math/tex'>a < b</script> and <script type=\"math/tex; "
            'mode=display">% <![CDATA[\n\\sum_i x_i %]]></script></p>',
            "So \\(a < b\\) and \\[\\sum_i x_i\\]",
        ),
    ],
)
def test_as_a_reader_would_expect(html: str, text: str, method: str) -> None:
    assert extracted(html, method) == text


def test_formulas_as_they_would_be_typed() -> None:
    for html, text in (
        ("<msqrt><mi>y</mi><mo>-</mo><mn>1</mn></msqrt>", "√(y - 1)"),
        ("<mroot><mi>y</mi><mn>3</mn></mroot>", "³√y"),
        ("<msub><mi>x</mi><mi>i</mi></msub>", "x_i"),
        ("<msubsup><mo>∑</mo><mn>0</mn><mi>n</mi></msubsup>", "∑₀ⁿ"),
        (
            "<mtable><mtr><mtd>a</mtd><mtd>b</mtd></mtr><mtr><mtd>c</mtd></mtr></mtable>",
            "[a, b; c]",
        ),
        ("<mi>a</mi><mo>&lt;</mo><mi>b</mi>", "a &lt; b"),
        ("", ""),
    ):
        assert Kept(f"<math>{html}</math>").page == text
    deep = "<mrow>" * 3000 + "x" + "</mrow>" * 3000
    assert "x" in Kept(f"<math>{deep}</math>").page


@pytest.mark.parametrize("method", ["trafilatura", "resiliparse"])
def test_lines_of_code_in_a_table_of_more(method: str) -> None:
    table = (
        "<table><tr><th>old</th><th>new</th></tr><tr><td><pre>a = 1\n  b = 2</pre></td>"
        "<td><pre>c = 3<br>d = 4</pre></td></tr><tr><td>5</td><td>6</td></tr></table>"
    )
    text = extracted(table, method)
    assert "a = 1\n  b = 2" in text
    assert "c = 3\nd = 4" in text
    assert "5" in text


def test_a_table_of_numbers_alone_stays() -> None:
    table = "<table><tr><td><pre>1</pre></td><td><pre>2</pre></td></tr></table>"
    assert Kept(table).page == table
    page = "<pre>a</pre><table><tr><td>b\nc</td></tr></table>"
    assert Kept(page).page == page


def test_a_letter_that_the_page_has_stands_for_nothing() -> None:
    page = "\U00010080a\u200cb"
    kept = Kept(page)
    assert "\u200c" not in kept.page
    assert kept.restored(kept.page) == page
    everything = "".join(map(chr, range(0x10080, 0x100FB))) + "a\u200cb"
    assert Kept(everything).page == everything


@given(st.text(st.sampled_from("a\n \u200c\u200d&<>/"), max_size=60))
def test_what_was_put_in_is_taken_out(text: str) -> None:
    page = f"<pre>{text}</pre>{text}"
    kept = Kept(page)
    assert kept.restored(kept.page).replace(" ", "") == page.replace(" ", "")
