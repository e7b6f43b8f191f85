"""Documents written by hand: PDF, DOCX, EPUB, XLSX, ODS, whole and hostile."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from html import escape
from xml.sax.saxutils import quoteattr

from tests.collect.archives import zip_

_PADDING = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
_ID = b"0123456789abcdef"


def _rc4(key: bytes, data: bytes) -> bytes:
    box = list(range(256))
    j = 0
    for i in range(256):
        j = (j + box[i] + key[i % len(key)]) % 256
        box[i], box[j] = box[j], box[i]
    out, i, j = bytearray(), 0, 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + box[i]) % 256
        box[i], box[j] = box[j], box[i]
        out.append(byte ^ box[(box[i] + box[j]) % 256])
    return bytes(out)


def _literal(text: str) -> bytes:
    data = text.encode("cp1252")
    return b"(" + data.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)") + b")"


def pdf(
    pages: Sequence[Sequence[str]],
    properties: Mapping[str, str] | None = None,
    password: str | None = None,
) -> bytes:
    """A PDF of pages of lines, which a password locks if there is one (ISO 32000-1, 7.6.3)."""
    objects: list[bytes] = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count %d /Kids [%s] >>"
        % (len(pages), b" ".join(b"%d 0 R" % (5 + 2 * n) for n in range(len(pages)))),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< %s >>"
        % b" ".join(b"/%s %s" % (k.encode(), _literal(v)) for k, v in (properties or {}).items()),
    ]
    owner = hashlib.md5(_PADDING).digest()[:5]
    user = (password or "").encode() + _PADDING
    entry = _rc4(owner, user[:32])
    key = hashlib.md5(user[:32] + entry + b"\xfc\xff\xff\xff" + _ID).digest()[:5]
    for lines in pages:
        at = len(objects) + 1
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R"
            b" /Resources << /Font << /F 3 0 R >> >> >>" % (at + 1)
        )
        shown = b" ".join(b"%s Tj T*" % _literal(line) for line in lines)
        stream = b"BT /F 12 Tf 14 TL 50 780 Td %s ET" % shown
        if password is not None:
            salt = (at + 1).to_bytes(3, "little") + bytes(2)
            stream = _rc4(hashlib.md5(key + salt).digest()[:10], stream)
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
    trailer = b"/Root 1 0 R /Info 4 0 R /ID [<%s> <%s>]" % (_ID.hex().encode(), _ID.hex().encode())
    if password is not None:
        check = _rc4(key, _PADDING)
        objects.append(
            b"<< /Filter /Standard /V 1 /R 2 /P -4 /O <%s> /U <%s> >>"
            % (entry.hex().encode(), check.hex().encode())
        )
        trailer += b" /Encrypt %d 0 R" % len(objects)
    out, places = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"), []
    for number, content in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer << /Size %d %s >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        trailer,
        table,
    )
    return bytes(out)


_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


def docx(paragraphs: Sequence[str], title: str = "", *, doctype: str = "", body: str = "") -> bytes:
    """A DOCX of paragraphs; `body` is XML behind them, `doctype` stands before all."""
    inside = "".join(
        f'<w:p><w:r><w:t xml:space="preserve">{escape(one)}</w:t></w:r></w:p>' for one in paragraphs
    )
    core = (
        '<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/'
        'core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<dc:title>{escape(title)}</dc:title></cp:coreProperties>"
    )
    members = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/'
        'content-types"><Default Extension="xml" ContentType="application/xml"/>'
        '<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-'
        'officedocument.wordprocessingml.document.main+xml"/></Types>',
        "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/'
        f'relationships"><Relationship Id="r1" Type="{_REL}/officeDocument" '
        'Target="word/document.xml"/></Relationships>',
        "word/document.xml": f'{doctype}<w:document xmlns:w="{_WORD}"><w:body>{inside}{body}'
        "</w:body></w:document>",
        "docProps/core.xml": core,
    }
    return zip_([(name, (_XML + text).encode()) for name, text in members.items()])


def epub(chapters: Sequence[str], *, title: str = "A book", doctype: str = "") -> bytes:
    """An EPUB of XHTML bodies, whose files lie in another order than its spine."""
    items = "".join(
        f'<item id="c{n}" href="text/c%20{n}.xhtml" media-type="application/xhtml+xml"/>'
        for n in range(len(chapters))
    )
    spine = "".join(f'<itemref idref="c{n}"/>' for n in range(len(chapters)))
    book = (
        f'{doctype}<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata '
        'xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<dc:title>{escape(title)}</dc:title><dc:creator>A. Writer</dc:creator>"
        "<dc:language>en</dc:language></metadata><manifest>"
        '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
        f'{items}</manifest><spine><itemref idref="nav"/>{spine}</spine></package>'
    )
    pages = [
        (
            f"OEBPS/text/c {n}.xhtml",
            '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html>'
            '<html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head>'
            f"<body>{chapter}</body></html>",
        )
        for n, chapter in enumerate(chapters)
    ]
    members = [
        ("mimetype", "application/epub+zip"),
        (
            "META-INF/container.xml",
            '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0">'
            '<rootfiles><rootfile full-path="OEBPS/book.opf" '
            'media-type="application/oebps-package+xml"/></rootfiles></container>',
        ),
        *reversed(pages),
        ("OEBPS/nav.xhtml", "<html><body><nav>Contents</nav></body></html>"),
        ("OEBPS/book.opf", book),
    ]
    return zip_([(name, text.encode()) for name, text in members])


_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
Cells = Sequence[Sequence[str | float | None]]


def _column(number: int) -> str:
    return chr(ord("A") + number)


def xlsx(sheets: Mapping[str, Cells], *, hidden: Sequence[str] = (), inside: str = "") -> bytes:
    """An XLSX of sheets of cells; `inside` is XML at the end of each sheet's rows."""
    members = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/'
        'content-types"><Default Extension="xml" ContentType="application/xml"/></Types>',
        "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/'
        f'relationships"><Relationship Id="r1" Type="{_REL}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_SHEET}" xmlns:r="{_REL}"><sheets>'
        + "".join(
            f'<sheet name={quoteattr(name)} sheetId="{n}" r:id="s{n}"'
            + (' state="hidden"/>' if name in hidden else "/>")
            for n, name in enumerate(sheets, start=1)
        )
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/'
        'package/2006/relationships">'
        + "".join(
            f'<Relationship Id="s{n}" Type="{_REL}/worksheet" Target="worksheets/{n}.xml"/>'
            for n in range(1, len(sheets) + 1)
        )
        + "</Relationships>",
    }
    for number, cells in enumerate(sheets.values(), start=1):
        rows = ""
        for row, values in enumerate(cells, start=1):
            found = ""
            for at, value in enumerate(values):
                place = f"{_column(at)}{row}"
                if isinstance(value, str):
                    found += f'<c r="{place}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'
                elif value is not None:
                    found += f'<c r="{place}"><v>{value}</v></c>'
            rows += f'<row r="{row}">{found}</row>'
        members[f"xl/worksheets/{number}.xml"] = (
            f'<worksheet xmlns="{_SHEET}"><sheetData>{rows}{inside}</sheetData></worksheet>'
        )
    return zip_([(name, (_XML + text).encode()) for name, text in members.items()])


def ods(sheets: Mapping[str, Cells]) -> bytes:
    """An ODS of sheets of cells."""
    tables = ""
    for name, cells in sheets.items():
        rows = ""
        for values in cells:
            found = ""
            for value in values:
                if value is None:
                    found += "<table:table-cell/>"
                elif isinstance(value, str):
                    found += (
                        '<table:table-cell office:value-type="string">'
                        f"<text:p>{escape(value)}</text:p></table:table-cell>"
                    )
                else:
                    found += (
                        f'<table:table-cell office:value-type="float" office:value="{value}">'
                        f"<text:p>{value}</text:p></table:table-cell>"
                    )
            rows += f"<table:table-row>{found}</table:table-row>"
        tables += f"<table:table table:name={quoteattr(name)}>{rows}</table:table>"
    urn = "urn:oasis:names:tc:opendocument:xmlns"
    content = (
        f'<office:document-content xmlns:office="{urn}:office:1.0" xmlns:table="{urn}:table:1.0" '
        f'xmlns:text="{urn}:text:1.0"><office:body><office:spreadsheet>{tables}'
        "</office:spreadsheet></office:body></office:document-content>"
    )
    return zip_(
        [
            ("mimetype", b"application/vnd.oasis.opendocument.spreadsheet"),
            ("content.xml", (_XML + content).encode()),
            ("META-INF/manifest.xml", b"<manifest/>"),
        ]
    )
