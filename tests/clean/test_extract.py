"""Extraction: verdicts, layouts, hostile pages, and F1 on real articles."""

from __future__ import annotations

import gzip
import json
import pydoc
import re
import statistics
import textwrap
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from tests.growth.measure import least_s
from tilth.clean import extract
from tilth.clean.extract import Settings
from tilth.clean.page import MAX_DEPTH

PARAGRAPH = "This paragraph says something that is worth reading about in some detail. " * 3
PAGE = f"""<html><head><title>Doc</title></head><body>
<nav><a href=x>Home</a> <a href=y>Imprint</a></nav><main><h1>The function</h1><p>{PARAGRAPH}</p>
<pre>def f(x):
    return 1</pre><dl><dt>width</dt><dd>The maximum <b>width</b>.</dd></dl>
<table><tr><th>Name</th><th>Value</th></tr><tr><td>alpha</td><td>17</td></tr></table>
<ul><li>one</li><li>two<ul><li>nested</li></ul></li></ul><p>{PARAGRAPH}</p></main>
<footer>Copyright notice</footer></body></html>"""


def run(
    pages: list[bytes | None], settings: Settings | None = None, **columns: list[str | None]
) -> pa.RecordBatch:
    batch = pa.RecordBatch.from_pydict({"html": pa.array(pages, pa.large_binary()), **columns})
    return extract.apply(batch, settings or Settings())


@pytest.mark.parametrize("method", ["trafilatura", "resiliparse"])
def test_main_text_of_a_page(method: str) -> None:
    result = run([PAGE.encode()], Settings.model_validate({"method": method}))
    text = result["text"][0].as_py()
    for part in (PARAGRAPH.strip(), "def f(x):\n    return 1", "maximum width", "alpha"):
        assert part in text
    for part in ("Imprint", "Copyright", "<"):
        assert part not in text
    assert "html" not in result.schema.names


@pytest.mark.parametrize("method", ["trafilatura", "resiliparse"])
def test_what_stands_behind_the_end_of_a_page_is_read(method: str) -> None:
    chosen = Settings.model_validate({"method": method})
    pages = [PAGE, PAGE.replace("</pre>", "</pre></body></html>")]
    whole, ended = run([page.encode() for page in pages], chosen)["text"].to_pylist()
    assert ended == whole


def test_verdicts() -> None:
    result = run(
        [PAGE.encode(), b"<html><body></body></html>", b"", b"\x00\x01\x02", b"x" * 2000, None],
        Settings(max_bytes=1500),
        text=[None, None, None, None, None, "as it was"],
    )
    assert result["drop.rule"].to_pylist() == [
        None,
        "no-text",
        "no-text",
        None,
        "html_bytes <= 1500",
        None,
    ]
    assert result["drop.value"][4].as_py() == "html_bytes=2000"
    assert result["error"].to_pylist()[3] == "the bytes are binary, not text"
    assert result["error"].null_count == 5
    assert result["text"][5].as_py() == "as it was"


def test_rows_without_html_pass_unchanged() -> None:
    batch = pa.RecordBatch.from_pydict({"text": pa.array(["a", None], pa.large_string())})
    assert extract.apply(batch, Settings())["text"].to_pylist() == ["a", None]


def test_short_pages_and_plain_text() -> None:
    pages: list[bytes | None] = [b"<p>Hi there</p>", b"just text", b"1 < 2 <b>\n  x"]
    result = run(pages, content_type=[None, None, "text/plain; charset=utf-8"])
    assert result["text"].to_pylist() == ["Hi there", "just text", "1 < 2 <b>\n  x"]


def test_an_xml_declaration_is_no_obstacle() -> None:
    page = b'<?xml version="1.0" encoding="iso-8859-1"?><html><body><p>caf\xe9</p></body></html>'
    assert run([page])["text"].to_pylist() == ["café"]


@pytest.mark.parametrize("module", [textwrap, statistics])
def test_pages_laid_out_with_tables_are_readable(module: object) -> None:
    html = pydoc.HTMLDoc()
    page = html.page("module", html.document(module))
    text = run([page.encode()])["text"][0].as_py()
    assert "|" not in text.replace("||", "").split("Functions")[0][:2000]
    plain = " ".join(re.sub(r"[^\w ]", " ", pydoc.plain(pydoc.render_doc(module))).split())
    words, wanted = Counter(re.findall(r"\w+", text)), Counter(plain.split())
    assert sum((words & wanted).values()) >= 0.75 * sum(wanted.values())


def test_documentation_keeps_its_lines() -> None:
    html = pydoc.HTMLDoc()
    text = run([html.page("module", html.document(textwrap)).encode()])["text"][0].as_py()
    text = text.replace("\xa0", " ")
    assert "fix_sentence_endings (default: false)\n    Ensure that" in text


@pytest.mark.parametrize("method", ["trafilatura", "resiliparse"])
def test_deep_nesting_costs_no_more_than_the_page(method: str) -> None:
    deep = b"<div>" * 100_000 + b"text"
    fine = b"<div>" * (MAX_DEPTH // 2) + b"text" + b"</div>" * (MAX_DEPTH // 2)
    settings = Settings.model_validate({"method": method})
    result = run([deep, fine], settings)
    assert "nested" in result["error"][0].as_py()
    assert result["text"][1].as_py() == "text"
    assert least_s(lambda: run([deep, fine], settings), 10) < 10


@pytest.mark.parametrize("levels", [100, 240, 260, 1000, 1900])
def test_an_article_is_read_whole_however_deep_it_is(levels: int) -> None:
    """libxml2 ends at 254: trafilatura gave what stood before, and said nothing."""

    def paragraphs(kind: str) -> str:
        return "".join(
            f"<p>{kind}{n} is number {n} of the {kind} sentences, each with words enough.</p>"
            for n in range(6)
        )

    inside = "<div>" * levels + paragraphs("inner") + "</div>" * levels
    page = f"<article>{paragraphs('first')}{inside}{paragraphs('last')}</article>"
    (text,) = run([f"<html><body>{page}</body></html>".encode()])["text"].to_pylist()
    for kind in ("first", "inner", "last"):
        assert all(f"{kind}{n} is number" in text for n in range(6)), (kind, levels)


@pytest.mark.parametrize("method", ["trafilatura", "resiliparse"])
@pytest.mark.parametrize("tag", ["custom", "li", "x-y"])
def test_any_element_counts_where_it_is_nested_too_deep(tag: str, method: str) -> None:
    page = f"<ul><{tag}>" * (MAX_DEPTH + 1) + "text"
    result = run([page.encode()], Settings.model_validate({"method": method}))
    assert "nested deeper than 2000" in result["error"][0].as_py()


def shingles(text: str) -> Counter[tuple[str, ...]]:
    words = re.findall(r"\w+", text)
    return Counter(tuple(words[i : i + 4]) for i in range(max(1, len(words) - 3)) if words)


@pytest.mark.parametrize(
    ("method", "floor", "every"),
    [
        pytest.param("trafilatura", 0.95, 1, marks=pytest.mark.slow),
        ("trafilatura", 0.95, 6),
        ("resiliparse", 0.90, 1),
    ],
)
def test_f1_on_articles(
    method: str, floor: float, every: int, shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """181 pages or every sixth, 4-token shingles, F1 of mean precision and mean recall."""
    settings = Settings.model_validate({"method": method})
    folder = shared_data / "article-extraction-benchmark"
    truth = dict([*json.loads((folder / "ground-truth.json").read_text()).items()][::every])
    pages = [gzip.decompress((folder / f"html/{key}.html.gz").read_bytes()) for key in truth]
    texts = run(list(pages), settings)["text"].to_pylist()
    precisions, recalls = [], []
    for key, text in zip(truth, texts, strict=True):
        found, wanted = shingles(text or ""), shingles(truth[key]["articleBody"])
        both = sum((found & wanted).values())
        precisions.append(both / max(1, sum(found.values())))
        recalls.append(both / max(1, sum(wanted.values())))
    precision, recall = statistics.mean(precisions), statistics.mean(recalls)
    f1 = 2 * precision * recall / (precision + recall)
    with capsys.disabled():
        print(f"\n{method}: precision {precision:.3f} recall {recall:.3f} F1 {f1:.3f}")
    assert f1 >= floor
