"""An HTTP answer as it was sent: status, header, and the body, out of its codings.

Archives hold what went over the wire (RFC 9112), or what their crawler made of it: many state a
coding that is undone already. A body is never unpacked beyond a bound.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from tilth.decode.text import UndecodableError, decode_text
from tilth.formats.window import Buffer

HTML_TYPES: Final = ("text/html", "application/xhtml+xml")
FEED_TYPES: Final = ("application/rss+xml", "application/atom+xml", "application/rdf+xml")
# Of which one cannot tell by the name.
XML_TYPES: Final = ("application/xml", "text/xml")
_STATUS: Final = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+(\d{3})(?!\d)[^\r\n]*(?:\r?\n|\Z)", re.A)
_END: Final = re.compile(rb"\r?\n\r?\n")
_CHUNK_LINE: Final = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r?\n")
# Of a size that is none, so many bytes are looked through for the end of its line.
_MAX_CHUNK_LINE: Final = 4096
# Codings one upon another; nobody sends more than two.
MAX_CODINGS: Final = 4
# What servers write where there is no coding.
NO_CODINGS: Final = frozenset(("identity", "none", "utf-8"))
# How a page begins, which no packed body does and is UTF-8 to its end.
_PAGE: Final = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]{0,100}<[!?A-Za-z]")
_PAGE_BEGINS: Final = 128
# A member is fed in pieces that grow: were it all fed at once, a body of many small members would
# be copied for each of them.
_FIRST_PIECE, _MAX_PIECE = 1 << 9, 1 << 16


class AnswerError(ValueError):
    """What was archived is no answer, or its body cannot be read."""


class UnknownCodingError(AnswerError):
    """Packed in a way that is not known here."""


class CutShortError(AnswerError):
    """The body ends before its end."""


class TooLongError(AnswerError):
    """More than may be held, once unpacked."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response.

    Attributes:
        status: Its status code.
        fields: Its header's fields by their names in lower case, of several of a name the first.
        body: What was sent, with its codings.
    """

    status: int
    fields: Mapping[str, str]
    body: Buffer

    @property
    def media_type(self) -> str:
        """The media type in lower case, without parameters; empty where none is stated."""
        return media_type(self.fields.get("content-type", ""))


def media_type(value: str) -> str:
    """Of a Content-Type its type alone, in lower case."""
    return value.partition(";")[0].strip().lower()


def read_answer(block: Buffer) -> Answer:
    """Take an answer apart.

    Raises:
        AnswerError: It does not begin as one does.
    """
    status = _STATUS.match(block)
    if status is None:
        raise AnswerError("it does not begin with the status of an HTTP answer")
    end = _END.search(block, status.end() - 2)
    head = bytes(block[status.end() : len(block) if end is None else end.start()])
    fields = fields_of(head.decode("latin-1"))
    body = memoryview(block)[len(block) if end is None else end.end() :]
    return Answer(int(status[1]), fields, body)


def fields_of(head: str) -> dict[str, str]:
    """The fields of a header by their names in lower case, of several of a name the first.

    Args:
        head: Its lines.
    """
    lines = head.split("\r\n")
    # As nearly all are: no line folded, none that ends otherwise, no blank before a colon.
    is_plain = head.count("\n") == len(lines) - 1 and not head[:1].isspace()
    if is_plain and not ("\n " in head or "\n\t" in head or " :" in head or "\t:" in head):
        try:
            fields = {name.lower(): value for name, value in [one.split(": ", 1) for one in lines]}
            if len(fields) == len(lines):
                return fields
        except ValueError:
            pass
    fields, last = {}, ""
    for line in head.split("\n"):
        name, found, value = line.partition(":")
        if line[:1] in (" ", "\t"):
            # Folded, as RFC 822 allowed it.
            if last:
                fields[last] += f" {line.strip()}"
        elif found:
            last = name.strip().lower()
            if last in fields:
                last = ""
            else:
                fields[last] = value.strip()
    return fields


def body_of(answer: Answer, max_bytes: int, *, is_cut: bool = False) -> Buffer:
    """The body as the page that it is, out of its transfer and content codings.

    Args:
        answer: The answer.
        max_bytes: The most that it may come to.
        is_cut: Whether what there is of a body that was cut short is wanted.

    Raises:
        AnswerError: It is damaged, cut short, too long or packed in a way that is not known.
    """
    body = answer.body
    transfer = answer.fields.get("transfer-encoding", "").lower()
    if "chunked" in transfer:
        body = join_chunks(body, is_cut=is_cut)
    codings = [
        one
        for name in ("content-encoding", "transfer-encoding")
        for one in answer.fields.get(name, "").lower().replace(",", " ").split()
        if one != "chunked" and one not in NO_CODINGS
    ]
    if len(codings) > MAX_CODINGS:
        raise AnswerError(f"its body is packed {len(codings)} times")
    for coding in reversed(codings):
        # Its crawler unpacked it, and left the field as it was.
        if coding in ("gzip", "x-gzip") and bytes(body[:2]) != b"\x1f\x8b":
            continue
        if _is_plain(body):
            continue
        body = decode(body, coding, max_bytes, is_cut=is_cut)
    if len(body) > max_bytes:
        raise TooLongError(f"over {max_bytes:,} bytes")
    return body


def _is_plain(body: Buffer) -> bool:
    """Whether a body that is said to be packed is a page in UTF-8 as it stands."""
    if _PAGE.match(bytes(body[:_PAGE_BEGINS])) is None:
        return False
    try:
        decode_text(bytes(body))
    except UndecodableError:
        return False
    return True


def join_chunks(data: Buffer, *, is_cut: bool = False) -> Buffer:
    """Undo chunked transfer (RFC 9112 section 7.1); what is not in chunks is as it was.

    Args:
        data: The body.
        is_cut: Whether what there is of a body that was cut short is wanted.

    Raises:
        CutShortError: The last chunk is not there.
        AnswerError: It begins in chunks and does not go on so.
    """
    parts: list[Buffer] = []
    view, at = memoryview(data), 0
    while True:
        size = _CHUNK_LINE.match(view, at, at + _MAX_CHUNK_LINE)
        if size is None:
            if not parts:
                return data
            if is_cut or at >= len(view):
                break
            raise AnswerError(f"its chunks are damaged at byte {at:,} of the body")
        length = int(size[1], 16)
        if not length:
            return b"".join(parts)
        at = size.end()
        parts.append(view[at : at + length])
        at += length
        if at > len(view):
            break
        if bytes(view[at : at + 2]) == b"\r\n":
            at += 2
        elif bytes(view[at : at + 1]) == b"\n":
            at += 1
        elif at < len(view) and not is_cut:
            raise AnswerError(f"its chunks are damaged at byte {at:,} of the body")
    if not is_cut:
        raise CutShortError("its chunks end before the last one")
    return b"".join(parts)


def decode(
    data: Buffer, coding: str, max_bytes: int, *, is_cut: bool = False, cuts: bool = False
) -> Buffer:
    """Undo a content coding, never holding more than the bound.

    Args:
        data: What was sent.
        coding: Its name in lower case: gzip, deflate, br or zstd (RFC 9110, 7932, 8878).
        max_bytes: The most that it may come to.
        is_cut: Whether what there is of a body that was cut short is wanted.
        cuts: Whether as much as may be held is wanted of one that comes to more.

    Raises:
        UnknownCodingError: Another coding.
        CutShortError: It ends before its end.
        TooLongError: It is more.
        AnswerError: It is damaged.
    """
    if not len(data):
        return data
    if coding in ("gzip", "x-gzip", "deflate", "x-deflate"):
        is_deflate = coding.endswith("deflate")
        return _inflated(data, is_deflate, max_bytes, is_cut=is_cut, cuts=cuts)
    if coding in ("br", "zstd"):
        codec = {"br": "brotli"}.get(coding, coding)
        return _streamed(data, codec, max_bytes, is_cut=is_cut, cuts=cuts)
    raise UnknownCodingError(f"content encoding {coding[:40]!r} is not known")


def _inflated(data: Buffer, is_deflate: bool, max_bytes: int, *, is_cut: bool, cuts: bool) -> bytes:
    # 32 + 15: gzip is told from zlib by itself. Some servers send raw deflate, which has no header.
    wbits = -15 if is_deflate and data[0] & 0x0F != 8 else 47
    parts: list[bytes] = []
    start = size = 0
    try:
        while start < len(data):
            start, size = _member(data, start, wbits, parts, size, max_bytes)
            # A gzip body may be several members one after the other (RFC 1952 section 2.2).
            if is_deflate or bytes(data[start : start + 2]) != b"\x1f\x8b":
                break
    except CutShortError:
        if not is_cut:
            raise
    except TooLongError:
        if not cuts:
            raise
        return b"".join(parts)[:max_bytes]
    except zlib.error as error:
        raise AnswerError(f"the compressed body is damaged: {error}") from error
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _member(
    data: Buffer, start: int, wbits: int, parts: list[bytes], size: int, max_bytes: int
) -> tuple[int, int]:
    """Unpack one member into `parts`; where it ends, and the size of what is unpacked so far."""
    inflater = zlib.decompressobj(wbits)
    view, step = memoryview(data), _FIRST_PIECE
    while not inflater.eof:
        if start == len(data):
            raise CutShortError("the compressed body is cut short")
        piece = view[start : start + step]
        parts.append(inflater.decompress(piece, max_bytes + 1 - size))
        size += len(parts[-1])
        if size > max_bytes:
            raise TooLongError(f"over {max_bytes:,} bytes once decompressed")
        start += len(piece) - len(inflater.unused_data) - len(inflater.unconsumed_tail)
        step = min(2 * step, _MAX_PIECE)
    return start, size


def _streamed(data: Buffer, codec: str, max_bytes: int, *, is_cut: bool, cuts: bool) -> bytes:
    stream = pa.CompressedInputStream(pa.BufferReader(data), codec)
    parts = io.BytesIO()
    try:
        while part := stream.read(_MAX_PIECE):
            parts.write(part)
            if parts.tell() > max_bytes:
                if cuts:
                    return parts.getvalue()[:max_bytes]
                raise TooLongError(f"over {max_bytes:,} bytes once decompressed")
    except OSError as error:
        if not is_cut:
            raise AnswerError(f"the compressed body is damaged or cut short: {error}") from error
    return parts.getvalue()
