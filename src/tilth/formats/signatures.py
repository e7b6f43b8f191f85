"""What a file is, by its content: a table of first bytes, what a zip holds, and how a text begins.

A name helps only where the content leaves it open: text of any kind may be plain text. Libraries
that guess types (puremagic, filetype, libmagic) call an EPUB a DOCX or a zip, and know no CSV.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final, Literal

from tilth.decode.text import begins_as_utf8, utf16_of
from tilth.formats.directory import check_directory

# What is looked at: a tar archive says what it is at byte 257, a text within a few lines.
HEAD_BYTES: Final = 1 << 16
# Of a zip archive, the names that are looked at.
_MAX_NAMES: Final = 2000

Group = Literal["text", "page", "document", "records", "picture", "sound", "packed", "other"]


@dataclass(frozen=True)
class Kind:
    """A type of files.

    Attributes:
        name: As settings and reasons have it.
        what: In words.
        group: What it is to a reader.
    """

    name: str
    what: str
    group: Group


_KINDS: Final = (
    Kind("text", "plain text", "text"),
    Kind("markdown", "Markdown", "text"),
    Kind("code", "program text or settings", "text"),
    Kind("html", "HTML", "page"),
    Kind("pdf", "PDF", "document"),
    Kind("docx", "DOCX", "document"),
    Kind("epub", "EPUB", "document"),
    Kind("json", "JSON", "records"),
    Kind("jsonl", "JSON Lines", "records"),
    Kind("csv", "CSV", "records"),
    Kind("tsv", "TSV", "records"),
    Kind("parquet", "Parquet", "records"),
    Kind("arrow", "Arrow", "records"),
    Kind("xlsx", "XLSX", "records"),
    Kind("ods", "ODS", "records"),
    Kind("png", "PNG", "picture"),
    Kind("jpeg", "JPEG", "picture"),
    Kind("webp", "WebP", "picture"),
    Kind("gif", "GIF", "picture"),
    Kind("bmp", "BMP", "picture"),
    Kind("tiff", "TIFF", "picture"),
    Kind("avif", "AVIF", "picture"),
    Kind("heic", "HEIC", "picture"),
    Kind("wav", "WAV", "sound"),
    Kind("flac", "FLAC", "sound"),
    Kind("mp3", "MP3", "sound"),
    Kind("ogg", "OGG", "sound"),
    Kind("m4a", "M4A", "sound"),
    Kind("tar", "a tar archive", "packed"),
    Kind("zip", "a zip archive", "packed"),
    Kind("gzip", "gzip", "packed"),
    Kind("bzip2", "bzip2", "packed"),
    Kind("xz", "xz", "packed"),
    Kind("zstd", "zstd", "packed"),
    Kind("7z", "a 7z archive", "other"),
    Kind("rar", "a RAR archive", "other"),
    Kind("warc", "a web archive", "other"),
    Kind("xml", "XML", "other"),
    Kind("svg", "SVG", "other"),
    Kind("rtf", "RTF", "other"),
    Kind("postscript", "PostScript", "other"),
    Kind("odt", "ODT", "other"),
    Kind("pptx", "PPTX", "other"),
    Kind("office", "a file of Office before 2007", "other"),
    Kind("sqlite", "an SQLite database", "other"),
    Kind("numpy", "a NumPy array", "other"),
    Kind("hdf5", "HDF5", "other"),
    Kind("video", "a video", "other"),
    Kind("aac", "AAC", "other"),
    Kind("aiff", "AIFF", "other"),
    Kind("midi", "MIDI", "other"),
    Kind("program", "a program", "other"),
    Kind("empty", "an empty file", "other"),
    Kind("unknown", "unknown", "other"),
)
KINDS: Final = {kind.name: kind for kind in _KINDS}

# First bytes, their place, and what they say.
_SIGNATURES: Final[Sequence[tuple[int, bytes, str]]] = (
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (0, b"\xff\xd8\xff", "jpeg"),
    (0, b"II*\0", "tiff"),
    (0, b"MM\0*", "tiff"),
    (0, b"II+\0", "tiff"),
    (0, b"MM\0+", "tiff"),
    (0, b"ARROW1\0\0", "arrow"),
    (0, b"PK\x03\x04", "zip"),
    (0, b"PK\x05\x06", "zip"),
    (0, b"PK\x07\x08PK\x03\x04", "zip"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"\xfd7zXZ\0", "xz"),
    (0, b"\x28\xb5\x2f\xfd", "zstd"),
    (257, b"ustar\0", "tar"),
    (257, b"ustar  \0", "tar"),
    (0, b"7z\xbc\xaf\x27\x1c", "7z"),
    (0, b"Rar!\x1a\x07", "rar"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "office"),
    (0, b"SQLite format 3\0", "sqlite"),
    (0, b"\x93NUMPY", "numpy"),
    (0, b"\x89HDF\r\n\x1a\n", "hdf5"),
    (0, b"\x1aE\xdf\xa3", "video"),
    (0, b"\0\0\x01\xba", "video"),
    (0, b"\x7fELF", "program"),
    (0, b"\xca\xfe\xba\xbe", "program"),
    (0, b"\xcf\xfa\xed\xfe", "program"),
)
# Words that a text may begin with as well: behind them such a file has bytes that no text has.
_WORDS: Final = (
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"fLaC", "flac"),
    (b"OggS", "ogg"),
    (b"PAR1", "parquet"),
    (b"MThd", "midi"),
    (b"ID3", "mp3"),
)
# How far behind its word: each has a size or a version there, with a byte below 8.
_BEHIND: Final = 64
# Formats that are text themselves, by more than their word.
_WRITTEN: Final = (
    (re.compile(rb"WARC/\d\.\d\r?\n"), "warc"),
    (re.compile(rb"\{\\rtf\d*\s{0,9}[\\{}]"), "rtf"),
    (re.compile(rb"%!PS(?:-Adobe-\d|[ \t]{0,9}(?:[\r\n]|\Z))"), "postscript"),
)
# The header of a PDF is a line of its own (ISO 32000-1, 7.5.2); where bytes above 127 follow, a
# comment of at least four of them should come next.
_PDF_LINE: Final = re.compile(rb"%PDF-\d\.\d[ \t]{0,9}(?:[\r\n%]|\Z)")
_PDF_BINARY: Final = re.compile(rb"%PDF-\d\.\d\s{0,9}%[\x80-\xff]{4}")
_PDF_OBJECT: Final = re.compile(rb"\d{1,10} \d{1,5} obj\b")
_RIFF: Final = {b"WAVE": "wav", b"WEBP": "webp", b"AVI ": "video"}
# Brands of the ISO base media format, by their first letters.
_BRANDS: Final = (
    (b"M4A", "m4a"),
    (b"M4B", "m4a"),
    (b"avi", "avif"),
    (b"hei", "heic"),
    (b"mif", "heic"),
)
_BMP_HEADERS: Final = frozenset((12, 16, 40, 52, 56, 64, 108, 124))

# How HTML begins (WHATWG MIME Sniffing, 7.1), and how no other text does.
_HTML_BEGINS: Final = re.compile(
    rb"\s*(?:<\?xml[^>]{0,200}\?>\s*)?(?:(?><!--.{0,2000}?-->)\s*+)*+<(?:!doctype\s+html|html)[\s>]",
    re.I | re.S,
)
_HTML_PART: Final = re.compile(
    rb"\s*<(?:head|body|title|meta|script|style|iframe|table|div|h1|p|br|a|b|font|!--)[\s>/]", re.I
)
_XML_BEGINS: Final = re.compile(
    rb"\s*(?:<\?xml\s+version\s*=|<!DOCTYPE\s+(?!html)[\w:.-]+\s*(?:>|\[|SYSTEM\s|PUBLIC\s))", re.I
)
_SVG_BEGINS: Final = re.compile(
    rb"\s*(?:<\?xml[^>]{0,200}\?>\s*)?(?:(?><!.{0,300}?>)\s*+)*+<svg\s*(?:>|/>|\s[\w:-]+\s*=)",
    re.I | re.S,
)

# What a name says of a text whose content leaves it open.
_ENDINGS: Final = {
    **dict.fromkeys((".md", ".markdown", ".mdown", ".mkd", ".qmd"), "markdown"),
    **dict.fromkeys((".htm", ".html", ".xhtml", ".shtml"), "html"),
    **dict.fromkeys((".jsonl", ".ndjson"), "jsonl"),
    **dict.fromkeys((".json", ".geojson", ".ipynb"), "json"),
    **dict.fromkeys((".csv",), "csv"),
    **dict.fromkeys((".tsv", ".tab"), "tsv"),
    **dict.fromkeys(
        (
            *(".py", ".js", ".mjs", ".ts", ".jsx", ".tsx", ".css", ".scss", ".c", ".h", ".cc"),
            *(".cpp", ".hpp", ".java", ".go", ".rs", ".rb", ".php", ".pl", ".sh", ".bat", ".sql"),
            *(".r", ".jl", ".lua", ".swift", ".kt", ".scala", ".cs", ".m", ".vue", ".map"),
            *(".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".lock", ".properties"),
        ),
        "code",
    ),
    **dict.fromkeys((".xml", ".rss", ".atom", ".xsd", ".xsl", ".tei"), "xml"),
    ".svg": "svg",
}
# Where the content leaves these open, nothing but text is meant.
_PLAIN: Final = frozenset(
    (".txt", ".text", ".log", ".rst", ".adoc", ".asciidoc", ".org", ".tex", ".asc", ".srt", ".vtt")
)
_CONTROL: Final = bytes(set(range(32)) - {7, 8, 9, 10, 12, 13, 27})
_BYTE_ORDER_MARKS: Final = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")

# What a zip archive is, by the member that only such a one has.
_PACKAGES: Final = (
    ("word/document.xml", "docx"),
    ("xl/workbook.xml", "xlsx"),
    ("ppt/presentation.xml", "pptx"),
)
_MIMETYPES: Final = {
    "application/epub+zip": "epub",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.presentation": "pptx",
}


def kind_of(head: bytes, name: str, *, is_whole: bool) -> Kind:
    """What a file is, as far as its first bytes tell: of a zip archive see `package_of`.

    Args:
        head: Its first `HEAD_BYTES`.
        name: Its name, without an ending that says how it is packed.
        is_whole: Whether that is all of it.
    """
    return KINDS[_by_signature(head, name) or _by_text(head, name, is_whole)]


def is_page(head: bytes) -> bool:
    """Whether a text begins as only HTML does, behind its byte order mark."""
    return _HTML_BEGINS.match(head.removeprefix(_BYTE_ORDER_MARKS[0])) is not None


def _by_signature(head: bytes, name: str) -> str | None:
    if not head:
        return "empty"
    for place, signature, kind in _SIGNATURES:
        if head.startswith(signature, place):
            return kind
    for word, kind in _WORDS:
        if head.startswith(word):
            return kind if _suffix(name) == f".{kind}" or _is_binary(head, word, name) else None
    for begins, kind in _WRITTEN:
        if begins.match(head):
            return None if _is_called_text(name) and _is_text(head) else kind
    if head[:4] in (b"RIFF", b"RF64") and not _is_text(head[4:_BEHIND]):
        return _RIFF.get(head[8:12])
    if head[:4] == b"FORM" and head[8:11] == b"AIF" and not _is_text(head[4:_BEHIND]):
        return "aiff"
    # Its size comes first, and is below 16 MiB.
    if head[4:8] == b"ftyp" and not head[0]:
        return next((kind for brand, kind in _BRANDS if head[8:].startswith(brand)), "video")
    if head[:3] == b"BZh" and head[4:10] in (b"1AY&SY", b"\x17rE8P\x90"):
        return None if _is_text(head) else "bzip2"
    if head[1:4] == b"\x2a\x4d\x18" and head[0] >> 4 == 5:
        return "zstd"
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "bmp"
    if head[:2] == b"MZ" and b"\0" in head[:128]:
        return "program"
    if _is_pdf(head, name):
        return "pdf"
    # A stream of Arrow messages: a continuation, and the size of the schema (Arrow's IPC format).
    if head[:4] == b"\xff\xff\xff\xff" and 0 < int.from_bytes(head[4:8], "little") < 1 << 24:
        return "arrow"
    return _by_frame(head) or _by_checksum(head)


def _is_text(data: bytes) -> bool:
    """Whether there is no byte that texts have not, in any encoding without zeros."""
    return data.translate(None, _CONTROL) == data


def _is_nearly_text(head: bytes) -> bool:
    """Whether it is UTF-8 with a stray byte here and there that texts have not, as a log has zeros
    where a machine stopped: as many as leave it one to who decodes it."""
    strays = len(head) - len(head.translate(None, _CONTROL))
    return strays <= max(1, len(head) // 1000) and begins_as_utf8(head)


def _is_binary(head: bytes, word: bytes, name: str) -> bool:
    """Whether what follows a word is none; nothing follows: whether the name leaves it open."""
    rest = head[len(word) : len(word) + _BEHIND]
    return not _is_text(rest) if rest else not _is_called_text(name)


def _is_pdf(head: bytes, name: str) -> bool:
    """Whether it has the header of a PDF, at its begin or behind what is no text.

    Readers find it within the first 1024 bytes (ISO 32000-1, annex H), where texts may speak of it.
    """
    at = head.find(b"%PDF-", 0, 1024)
    if at < 0:
        return False
    before = head[:at].removeprefix(_BYTE_ORDER_MARKS[0])
    if not before.strip(b"\0 \t\r\n\f"):
        if _suffix(name) == ".pdf" or _PDF_BINARY.match(head, at) or not _is_text(head[at:]):
            return True
        is_line = _PDF_LINE.match(head, at) is not None
        return is_line and (not _is_called_text(name) or _PDF_OBJECT.search(head) is not None)
    if not _is_text(before):
        return True
    # Behind the lines of a message, or a mail.
    is_line = head[at - 1] in b"\r\n" and _PDF_LINE.match(head, at) is not None
    return is_line and not _is_text(head[at:])


def _by_frame(head: bytes) -> str | None:
    """MP3 or AAC, by the header of its first frame (ISO 11172-3, 2.4.1.3)."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    if head[1] & 0xF6 == 0xF0:
        return "aac"
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    rate, frequency = head[2] >> 4, head[2] >> 2 & 3
    is_frame = version != 1 and layer not in (0, 3) and rate not in (0, 15) and frequency != 3
    return "mp3" if is_frame else None


def _by_checksum(head: bytes) -> str | None:
    """A tar archive of before POSIX has no signature, but the sum of its header."""
    if len(head) < 512 or not head[0]:
        return None
    try:
        told = int(head[148:156].strip(b" \0") or b"x", 8)
    except ValueError:
        return None
    return "tar" if told == sum(head[:148]) + 256 + sum(head[156:512]) else None


def _by_text(head: bytes, name: str, is_whole: bool) -> str:
    if head.startswith(_BYTE_ORDER_MARKS[1:]) or utf16_of(head)[0]:
        return _by_ending(name) or "text"
    head = head.removeprefix(_BYTE_ORDER_MARKS[0])
    ending = _by_ending(name)
    if not _is_text(head):
        # One record with such a byte costs itself.
        if ending in ("json", "jsonl") and has_records(head, is_whole):
            return "jsonl"
        if not (ending or _is_called_text(name)) or not _is_nearly_text(head):
            return "unknown"
    if _HTML_BEGINS.match(head):
        return "html"
    if not _is_called_text(name):
        if _SVG_BEGINS.match(head):
            return "svg"
        if _XML_BEGINS.match(head):
            return "xml"
    # Markdown may begin with any element, and so may program text.
    if ending in (None, "html") and _HTML_PART.match(head):
        return "html"
    if ending not in ("markdown", "code", "csv", "tsv"):
        found = _by_json(head, is_whole, ending or "text" * _is_called_text(name))
        if found is not None:
            return found
    if ending is not None:
        return ending
    return _by_table(head, is_whole, is_prose=_is_called_text(name)) or "text"


def _suffix(name: str) -> str:
    dot = name.rfind(".")
    return name[dot:].lower() if dot >= 0 else ""


def _by_ending(name: str) -> str | None:
    return _ENDINGS.get(_suffix(name))


def _is_called_text(name: str) -> bool:
    return _suffix(name) in _PLAIN or _by_ending(name) in ("markdown", "code")


def is_one_line(head: bytes) -> bool:
    """Whether there is a line break within, or only behind all."""
    return b"\n" not in head.strip()


def _by_json(head: bytes, is_whole: bool, ending: str) -> str | None:
    """JSON where all of it is, or may be; JSON Lines where lines are objects, or its ending says.

    Args:
        ending: What the name says; "text": that it is one, empty: nothing.
    """
    text = head.lstrip()
    if text[:1] not in (b"{", b"["):
        return "jsonl" if ending == "json" and has_records(head, is_whole) else None
    if is_one_line(text):
        # One line alone may be either; cut off, too.
        if is_whole or (text[:1] == b"[" and ending != "jsonl"):
            return _by_one_line(text, is_whole, ending)
        return None if ending == "text" else "json" if ending == "json" else "jsonl"
    line = text.partition(b"\n")[0]
    if is_object(line):
        is_sure = ending in ("json", "jsonl") or has_records(text, is_whole)
        return "jsonl" if is_sure else None
    if _is_json(text) if is_whole else ending != "text" and _may_be_json(text):
        # A list of numbers under a text's name is one.
        is_list = ending == "text" and not _RECORDS.match(text)
        return None if is_list else "json"
    return "jsonl" if ending == "jsonl" or has_records(text, is_whole) else None


def _by_one_line(text: bytes, is_whole: bool, ending: str) -> str | None:
    if is_whole and is_object(text):
        return "json" if ending == "json" else "jsonl"
    if ending == "text" and not (is_whole and _RECORDS.match(text)):
        return None
    if is_whole:
        return "json" if _is_json(text) else None
    return "json" if _may_be_json(text) else None


# How a list of records begins, or a document.
_RECORDS: Final = re.compile(rb'\[\s*\{\s*["}]|\{\s*["}]')


def is_object(line: bytes) -> bool:
    """Whether it is an object of JSON."""
    return line.lstrip()[:1] == b"{" and _is_json(line)


def has_records(text: bytes, is_whole: bool) -> bool:
    """Whether at least every second line is an object of JSON.

    Args:
        text: A text, or its first bytes.
        is_whole: Whether that is all of it, so that its last line is not cut off.
    """
    lines = text.split(b"\n")
    lines = [line for line in (lines if is_whole else lines[:-1]) if line.strip()]
    return bool(lines) and 2 * sum(map(is_object, lines)) >= len(lines)


_TOKEN: Final = re.compile(
    rb'\s*+(?:(?P<string>"(?:[^"\\\x00-\x1f]|\\[^\x00-\x1f])*+(?:"|\\?\Z))'
    rb"|(?P<value>true|false|null|NaN|-?Infinity|-?\d++(?:\.\d++)?(?:[eE][+-]?\d++)?)(?=[\s,\]}]|\Z)"
    rb"|(?P<sign>[\[\]{},:])|\Z)"
)


_VALUES: Final = (b"true", b"false", b"null", b"NaN", b"-Infinity", b"Infinity")
_NUMBER_CUT: Final = re.compile(rb"-?\d++(?:\.\d*+)?(?:[eE][+-]?)?\Z")


def _may_be_json(text: bytes) -> bool:
    """Whether the first bytes of a document are JSON as far as they go (RFC 8259)."""
    at, opened = 0, bytearray()
    # What may come next: a value, a key, a colon, or a comma; with "]" or "}" where one may close.
    awaited = "value"
    while match := _TOKEN.match(text, at):
        at = match.end()
        token = match["sign"]
        if token is None and match.lastgroup is None:
            return True
        if token in (b"[", b"{") and awaited in ("value", "value or end"):
            opened += token
            awaited = "value or end" if token == b"[" else "key or end"
        elif token in (b"]", b"}"):
            if not opened or awaited not in ("comma", "value or end", "key or end"):
                return False
            if opened.pop() != {b"]": 91, b"}": 123}[token]:
                return False
            awaited = "comma"
        elif token == b"," and awaited == "comma" and opened:
            awaited = "value" if opened[-1] == 91 else "key"
        elif token == b":" and awaited == "colon":
            awaited = "value"
        elif token is None and awaited in ("value", "value or end"):
            awaited = "comma"
        elif match["string"] is not None and awaited in ("key", "key or end"):
            awaited = "colon"
        else:
            return False
    # Of a number or a word, a part may be left.
    left = text[at : at + 400].strip()
    is_end = len(text) - at < 400 and awaited in ("value", "value or end")
    return is_end and (
        any(word.startswith(left) for word in _VALUES) or _NUMBER_CUT.match(left) is not None
    )


def _is_json(data: bytes) -> bool:
    # Deeper than any data, a parser that calls itself would end.
    if data.count(b"[") + data.count(b"{") > 5000:
        return _may_be_json(data)
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def _by_table(head: bytes, is_whole: bool, *, is_prose: bool) -> str | None:
    """CSV or TSV where every line has as many cells as the first, at least three lines of them.

    Args:
        head: The first bytes.
        is_whole: Whether that is all.
        is_prose: Whether the name says that it is a text: then lines with a blank behind each comma
            are sentences, however many they have.
    """
    if not is_whole:
        head = head[: head.rfind(b"\n") + 1]
    text = head.decode("utf-8", "replace")
    for delimiter, kind, least in (("\t", "tsv", 2), (",", "csv", 3)):
        try:
            rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
        except csv.Error:
            continue
        rows = [row for row in rows if row]
        if len(rows) < 3 or len(rows[0]) < least:
            continue
        # The header names its columns, and shortly so.
        names = [cell.strip() for cell in rows[0]]
        if not all(len(row) == len(names) for row in rows):
            continue
        if (
            is_prose
            and delimiter == ","
            and all(cell[:1] == " " for row in rows for cell in row[1:])
        ):
            continue
        if all(0 < len(name) <= 60 for name in names):
            return kind
    return None


def package_of(stream: BinaryIO) -> Kind:
    """What a zip archive is: a document, by its members, or an archive.

    Args:
        stream: Of the whole, which can seek.
    """
    try:
        check_directory(stream)
        with zipfile.ZipFile(stream) as archive:
            names = archive.namelist()[:_MAX_NAMES]
            if "mimetype" in names:
                with archive.open("mimetype") as member:
                    said = member.read(100).decode("ascii", "replace").strip()
                if said in _MIMETYPES:
                    return KINDS[_MIMETYPES[said]]
            found = {kind for name, kind in _PACKAGES if name in names}
            if "META-INF/container.xml" in names:
                found.add("epub")
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, EOFError):
        # What is wrong with it is said by who reads it.
        return KINDS["zip"]
    return KINDS[found.pop()] if len(found) == 1 else KINDS["zip"]
