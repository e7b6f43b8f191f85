"""Documents: what the plain library reads, and of hostile ones a reason within bounds."""

from __future__ import annotations

import io
import random
import re
import time
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from lxml import html as lxml_html

from tests.collect.archives import encrypted, lying, zip_
from tests.formats import documents
from tilth.errors import NotReadError, RecordError
from tilth.formats.apart import Apart

mammoth = pytest.importorskip("mammoth")
pdfium = pytest.importorskip("pypdfium2")
calamine = pytest.importorskip("python_calamine")

LONG = 1 << 20


@pytest.fixture(scope="module")
def apart() -> Iterator[Apart]:
    found = Apart()
    yield found
    found.close()


def read(apart: Apart, kind: str, data: bytes, max_bytes: int = LONG) -> list[Any]:
    return list(apart.read(kind, data, max_bytes))


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def test_a_pdf_is_read_page_by_page(apart: Apart) -> None:
    pages = [["Hello (world)", "and more"], [], ["Grüße"]]
    data = documents.pdf(pages, {"Title": "A title", "CreationDate": "D:20240301120000+01'00'"})
    told, *texts = read(apart, "pdf", data)
    assert told == {"title": "A title", "created": "2024-03-01T12:00:00+01:00", "pages": 3}
    plain = pdfium.PdfDocument(data)
    for number, found in enumerate(texts):
        expected = plain[number].get_textpage().get_text_bounded()
        assert found["text"].splitlines() == expected.splitlines()
    assert [found["text"] for found in texts] == ["Hello (world)\nand more", "", "Grüße"]


def test_a_word_that_a_line_parts_is_whole(apart: Apart) -> None:
    data = documents.pdf([["this is a manip-", "ulation of what", "is well-known"]])
    assert "\x02" in pdfium.PdfDocument(data)[0].get_textpage().get_text_bounded()
    _, page = read(apart, "pdf", data)
    assert "a manipulation of" in page["text"]
    assert "well-known" in page["text"]


def test_a_locked_pdf_and_a_broken_one_are_told_apart(apart: Apart) -> None:
    with pytest.raises(NotReadError, match="locked with a password"):
        read(apart, "pdf", documents.pdf([["secret"]], password="x"))
    assert read(apart, "pdf", documents.pdf([["open"]], password=""))[1] == {"text": "open"}
    for broken in (documents.pdf([["a"]])[:200], b"%PDF-1.7 and no more"):
        with pytest.raises(RecordError, match="cut off or damaged") as raised:
            read(apart, "pdf", broken)
        assert not isinstance(raised.value, NotReadError)


def test_a_docx_has_the_words_that_mammoth_reads(apart: Apart) -> None:
    cells = "".join(f"<w:tc><w:p><w:r><w:t>c{n}</w:t></w:r></w:p></w:tc>" for n in range(4))
    body = f"<w:tbl><w:tr>{cells}</w:tr></w:tbl>"
    body += "<w:p><w:ins><w:r><w:t>inserted</w:t></w:r></w:ins></w:p>"
    data = documents.docx(["One & two <three>", "", "Four"], "The title", body=body)
    told, found = read(apart, "docx", data)
    assert told == {"title": "The title"}
    page = mammoth.convert_to_html(io.BytesIO(data)).value
    expected = [one.text_content() for one in lxml_html.fromstring(f"<div>{page}</div>")]
    assert words(found["text"]) == words(" ".join(expected).replace("c0c1c2c3", "c0 c1 c2 c3"))
    assert found["text"].startswith("One & two <three>\n\nFour")


MATH = "http://schemas.openxmlformats.org/officeDocument/2006/math"


def math(inside: str) -> str:
    """A formula of Office, of elements without their prefix."""
    inside = re.sub(r"<(/?)(?=\w)", r"<\1m:", inside)
    return f'<m:oMath xmlns:m="{MATH}">{inside.replace(" val", " m:val")}</m:oMath>'


def test_formulas_of_a_docx_are_in_its_text(apart: Apart) -> None:
    a, b = "<r><t>a</t></r>", "<r><t>b = 1</t></r>"
    formulas = {
        f"<f><fPr/><num>{a}</num><den>{b}</den></f>": "a/(b = 1)",
        f"<sSup><e>{a}</e><sup><r><t>2</t></r></sup></sSup>": "a²",
        f"<rad><radPr/><deg/><e>{b}</e></rad>": "√(b = 1)",
        f"<rad><deg><r><t>3</t></r></deg><e>{a}</e></rad>": "³√a",
        '<nary><naryPr><chr val="∑"/></naryPr><sub><r><t>0</t></r></sub><sup><r><t>n</t></r></sup>'
        f"<e>{a}</e></nary>": "∑₀ⁿa",
        f'<d><dPr><begChr val="["/><endChr val="]"/></dPr><e>{a}</e><e>{a}</e></d>': "[a|a]",
        f"<m><mPr/><mr><e>{a}</e><e>{a}</e></mr><mr><e>{b}</e></mr></m>": "[a, a; b = 1]",
        f"<func><fName><r><t>sin </t></r></fName><e>{a}</e></func>": "sin a",
        "<sSup>" * 90 + a + "</sSup>" * 90: "a",
    }
    runs = "".join(f"<w:r><w:t>{n}:</w:t></w:r>{math(one)}" for n, one in enumerate(formulas))
    body = f'<w:p>{runs}</w:p><w:p><m:oMathPara xmlns:m="{MATH}">{math(a)}</m:oMathPara></w:p>'
    (_, row) = read(apart, "docx", documents.docx(["Formulas"], body=body))
    said = "".join(f"{n}:{text}" for n, text in enumerate(formulas.values()))
    assert row["text"] == f"Formulas\n\n{said}\n\na"


def test_an_epub_is_read_in_the_order_of_its_spine(apart: Apart) -> None:
    chapters = ["<h1>One</h1><p>a&nbsp;b &mdash; c<script/> d</p>", "<p id='x'><a id='y'/>e</p>"]
    told, *texts = read(apart, "epub", documents.epub(chapters))
    assert told == {"title": "A book", "author": "A. Writer", "language": "en", "chapters": 2}
    assert [found["text"] for found in texts] == ["One\n\na\xa0b — c d", "e"]


@pytest.mark.parametrize("make", [documents.xlsx, documents.ods])
def test_a_sheet_has_the_cells_that_calamine_reads(make: Any, apart: Apart) -> None:
    cells = [["text", "n", "m"], ["a", 1, None], [None, None, None], ["b & <c>", 2.5, "x"]]
    data = make({"First": cells, "Second": [["q"], ["r"]]})
    first, rows, second, more = read(apart, "sheets", data)
    assert first == {"sheet": "First", "columns": ["text", "n", "m"]}
    assert rows == {"rows": [[2, ["a", 1, None]], [4, ["b & <c>", 2.5, "x"]]]}
    assert (second, more) == ({"sheet": "Second", "columns": ["q"]}, {"rows": [[2, ["r"]]]})
    book = calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
    expected = book.get_sheet_by_name("First").to_python()
    found = [[cell if cell is not None else "" for cell in row] for _, row in rows["rows"]]
    assert found == [expected[1], expected[3]]


def test_sheets_that_nobody_sees_are_left_alone(apart: Apart) -> None:
    data = documents.xlsx({"A": [["text"], ["a"]], "B": [["text"], ["b"]], "C": []}, hidden=["B"])
    found = read(apart, "sheets", data)
    assert found[2:] == [
        {"sheet": "B", "left": "a hidden sheet"},
        {"sheet": "C", "left": "an empty sheet"},
    ]


def test_rows_have_their_numbers_in_the_sheet(apart: Apart) -> None:
    cells: list[list[str | float | None]] = [[], [], ["text", "n"], ["a", 1], [], ["b", 2]]
    _, found = read(apart, "sheets", documents.xlsx({"A": cells}))
    assert [number for number, _ in found["rows"]] == [4, 6]


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("kind", "data"),
    [("docx", documents.docx(["x"], doctype=BOMB)), ("epub", documents.epub(["x"], doctype=BOMB))],
)
def test_a_doctype_is_refused(kind: str, data: bytes, apart: Apart) -> None:
    with pytest.raises(RecordError, match="has a DOCTYPE"):
        read(apart, kind, data)


@pytest.mark.parametrize("kind", ["docx", "epub", "sheets"])
def test_a_zip_that_is_no_document_is_a_reason(kind: str, apart: Apart) -> None:
    whole = documents.docx(["x" * 5000])
    for data in (b"", b"PK\x03\x04", whole[:700], zip_([("a.txt", b"x")])):
        with pytest.raises(RecordError, match="damaged"):
            read(apart, kind, data)
    bomb = lying(zip_([("word/document.xml", b"x")]), "word/document.xml", 140_000_000)
    with pytest.raises(RecordError, match="a bomb"):
        read(apart, kind, bomb)
    with pytest.raises(NotReadError, match="locked with a password"):
        read(apart, kind, encrypted(zip_([("a.xml", b"<a/>")]), "a.xml"))


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("pdf", documents.pdf([["many words of one page"] * 20] * 3)),
        ("docx", documents.docx(["many words of one paragraph"] * 20)),
        ("epub", documents.epub(["<p>many words of one chapter</p>" * 20] * 3)),
    ],
)
def test_more_text_than_a_record_may_have_is_a_reason(kind: str, data: bytes, apart: Apart) -> None:
    with pytest.raises(RecordError, match="over 100 bytes of text"):
        read(apart, kind, data, 100)
    assert read(apart, kind, data)


def test_a_sheet_of_a_cell_at_its_end_does_not_take_all_memory(apart: Apart) -> None:
    last = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    data = documents.xlsx({"A": [["text"], ["a"]]}, inside=last)
    with pytest.raises(RecordError, match="needs more than 2,048 MB"):
        read(apart, "sheets", data)
    assert read(apart, "sheets", documents.xlsx({"A": [["text"], ["a"]]}))


def test_a_document_that_takes_too_long_is_given_up() -> None:
    apart = Apart(seconds=1)
    long = documents.docx(["a few words"] * 50_000)
    start = time.monotonic()
    try:
        with pytest.raises(RecordError, match="more than 1 s of processor time"):
            read(apart, "docx", long)
        assert time.monotonic() - start < 30
        assert len(read(apart, "epub", documents.epub(["<p>x</p>"]))) == 2
    finally:
        apart.close()


def test_nesting_without_end_is_a_reason(apart: Apart) -> None:
    deep = "<w:sdt><w:sdtContent>" * 20_000 + "</w:sdtContent></w:sdt>" * 20_000
    with pytest.raises(RecordError):
        read(apart, "docx", documents.docx(["x"], body=deep))


def test_what_is_not_heard_to_its_end_is_not_the_next_ones(apart: Apart) -> None:
    first = apart.read("pdf", documents.pdf([[f"page {n}"] for n in range(50)]), LONG)
    assert next(first)["pages"] == 50
    first.close()  # type: ignore[attr-defined]
    assert read(apart, "pdf", documents.pdf([["other"]])) == [{"pages": 1}, {"text": "other"}]


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("pdf", documents.pdf([["a few words"], ["and more"]], {"Title": "t"})),
        ("docx", documents.docx(["a few words"])),
        ("epub", documents.epub(["<p>a few words</p>"])),
        ("sheets", documents.xlsx({"A": [["text"], ["a"]]})),
        ("sheets", documents.ods({"A": [["text"], ["a"]]})),
    ],
)
def test_any_damage_is_a_reason_or_none(kind: str, data: bytes, apart: Apart) -> None:
    draw, causes = random.Random(kind), set()
    for _ in range(25):
        broken = bytearray(data)
        for _ in range(draw.randint(1, 5)):
            broken[draw.randrange(len(broken))] = draw.randrange(256)
        try:
            assert read(apart, kind, bytes(broken)[: draw.choice([None, 400, 900])])
        except RecordError as error:
            causes.add(str(error))
    assert causes
    assert "" not in causes
    assert read(apart, kind, data)


def test_no_document_holds_a_picture_as_text(apart: Apart) -> None:
    with zipfile.ZipFile(io.BytesIO(documents.docx(["x"]))) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    drawing = (
        '<w:p><w:r><w:drawing><wp:inline xmlns:wp="http://schemas.openxmlformats.org/drawingml/'
        '2006/wordprocessingDrawing"><a:graphic xmlns:a="http://schemas.openxmlformats.org/'
        'drawingml/2006/main"><a:graphicData><pic:pic xmlns:pic="http://schemas.openxmlformats.org/'
        'drawingml/2006/picture"><pic:blipFill><a:blip xmlns:r="http://schemas.openxmlformats.org/'
        'officeDocument/2006/relationships" r:embed="i1"/></pic:blipFill></pic:pic>'
        "</a:graphicData></a:graphic></wp:inline></w:drawing></w:r></w:p></w:body>"
    )
    rels = (
        b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        b'<Relationship Id="i1" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
        b'relationships/image" Target="media/a.png"/></Relationships>'
    )
    changed = [(name, content.replace(b"</w:body>", drawing.encode())) for name, content in members]
    changed += [("word/_rels/document.xml.rels", rels), ("word/media/a.png", b"PICTURE" * 900)]
    data = zip_(changed)
    assert "base64" in mammoth.convert_to_html(io.BytesIO(data)).value
    _, found = read(apart, "docx", data)
    assert found == {"text": "x"}
