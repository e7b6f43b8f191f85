"""Processor time of Tilth's readers beside the plain library's, books included, in one run.

    python benchmarks/bench_readers.py [--records N] [--rounds N] [--only jsonl,csv]

The corpus is Python's own documentation (`pydoc_data.topics`), cut at line breaks into pieces of
about 1,500 characters, which come again until there are enough of them, each with its number. A
record is the text with its topic, number, share and whether it is new; and the text alone. Tilth's
time is that of `read` with all that the engine checks and notes of each batch, less the writing of
shards; the library's that of reading the same file into memory, on one thread. They take turns in
one process, and of several rounds the least counts.

Prints one JSON line: times the library's, with the goal.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import os
import pydoc_data.topics
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ["POLARS_MAX_THREADS"] = "1"

import polars
import pyarrow as pa
import pyarrow.json
import pyarrow.parquet as pq
import pypdfium2
from fastwarc.warc import ArchiveIterator

# Times of the plain library that a reader may take.
GOALS: Mapping[str, float] = {"jsonl": 2.0, "parquet": 1.5, "csv": 5.0, "warc": 1.5, "pdf": 1.2}
_PIECE = 1500
# What takes longer is measured with a part of the records.
_FEWER = {"warc": 10, "pdf": 20}


def pieces() -> list[tuple[str, str]]:
    """Topics of the documentation, and pieces of what is said of them."""
    found = []
    for topic, text in sorted(pydoc_data.topics.topics.items()):
        lines: list[str] = []
        for line in text.splitlines():
            lines.append(line)
            if sum(map(len, lines)) >= _PIECE:
                found.append((topic, "\n".join(lines)))
                lines = []
        if any(line.strip() for line in lines):
            found.append((topic, "\n".join(lines)))
    return found


def make_records(count: int) -> list[dict[str, Any]]:
    """So many records, no two alike."""
    known = pieces()
    found = []
    for number in range(count):
        topic, text = known[number % len(known)]
        found.append(
            {
                "text": f"{number} {text}",
                "topic": topic,
                "number": number,
                "share": len(text.split()) / len(text),
                "is_new": number < len(known),
            }
        )
    return found


def write_jsonl(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """One object a line."""
    with path.open("w", encoding="utf-8") as file:
        for record in records:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


def write_csv(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """With a header; texts have their line breaks, within quotation marks."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(records[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)


def write_parquet(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """As pyarrow writes it unless told otherwise."""
    pq.write_table(pa.Table.from_pylist(list(records)), path)


def write_warc(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """A page of HTML a record, of a dozen texts as pages are long; each a gzip member."""
    with path.open("wb") as file:
        for number, record in enumerate(records):
            text = "</pre>\n<pre>".join(one["text"] for one in records[number : number + 12])
            page = f"<html><body><pre>{text}</pre></body></html>".encode()
            answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"
            answer += b"Content-Length: %d\r\n\r\n" % len(page) + page
            head = (
                "WARC/1.0\r\nWARC-Type: response\r\n"
                f"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-{number:012d}>\r\n"
                f"WARC-Date: 2026-11-29T12:00:00Z\r\n"
                f"WARC-Target-URI: https://example.org/{record['topic']}/{number}\r\n"
                "Content-Type: application/http; msgtype=response\r\n"
                f"Content-Length: {len(answer)}\r\n\r\n"
            )
            file.write(gzip.compress(head.encode() + answer + b"\r\n\r\n", 6, mtime=0))


def write_pdfs(folder: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """Ten records a document, a page each, set line by line in Courier."""
    folder.mkdir()
    for start in range(0, len(records), 10):
        texts = [record["text"] for record in records[start : start + 10]]
        (folder / f"{start:06d}.pdf").write_bytes(_pdf(texts))


def _pdf(texts: Sequence[str]) -> bytes:
    parts = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    parts.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Courier >>")
    pages = []
    for text in texts:
        lines = [
            line.encode("ascii", "replace").translate(None, b"()\\") for line in text.splitlines()
        ]
        body = b"BT /F1 9 Tf 11 TL 40 800 Td " + b" ".join(b"(%s) '" % li for li in lines) + b" ET"
        parts.append(b"<< /Length %d >>\nstream\n" % len(body) + body + b"\nendstream")
        parts.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R"
            b" >> >> /Contents %d 0 R >>" % len(parts)
        )
        pages.append(len(parts))
    kids = b" ".join(b"%d 0 R" % page for page in pages)
    parts[1] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(pages), kids)
    out, starts = io.BytesIO(), []
    out.write(b"%PDF-1.4\n")
    for number, part in enumerate(parts, start=1):
        starts.append(out.tell())
        out.write(b"%d 0 obj\n" % number + part + b"\nendobj\n")
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(parts) + 1))
    out.writelines(b"%010d 00000 n \n" % one for one in starts)
    out.write(
        b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (len(parts) + 1, start)
    )
    return out.getvalue()


def plain_jsonl(path: Path) -> int:
    options = pyarrow.json.ReadOptions(use_threads=False)
    return int(pyarrow.json.read_json(path, read_options=options).num_rows)


def plain_csv(path: Path) -> int:
    return int(polars.read_csv(path).height)


def plain_parquet(path: Path) -> int:
    return int(pq.read_table(path, use_threads=False).num_rows)


def plain_warc(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for record in ArchiveIterator(file) if record.reader.read() is not None)


def plain_pdf(path: Path) -> int:
    texts = []
    for file in sorted(path.iterdir()):
        with pypdfium2.PdfDocument(file) as document:
            pages = [page.get_textpage().get_text_bounded() for page in document]
        texts.append("\n\n".join(pages))
    return len(texts)


def tilth(source: str, path: Path) -> Callable[[], int]:
    """What Tilth does to read a file, up to the rows of the shards."""
    from tilth.context import Context
    from tilth.engine.contract import SamplesOnce, require_batch, require_batches, require_samples
    from tilth.meta.stream import Stream
    from tilth.recipe.load import parse_recipe
    from tilth.recipe.plan import build_plan
    from tilth.store.passed import PassedOverWriter
    from tilth.store.shard import cut_shards

    recipe = f"tilth: 1\nname: readers\ncollect: {{docs: {{{source}: {{path: {path}}}}}}}\n"
    (step,) = build_plan(parse_recipe(recipe)).steps

    def read() -> int:
        stream, num_rows = Stream(), 0

        def batches(context: Context) -> Iterator[pa.RecordBatch]:
            given = step.operation.module.read(step.settings, "docs", context)
            for batch in require_batches(given, "docs"):
                part = require_batch(batch, "`read`", "docs")
                require_samples(part, "docs", "docs")
                yield stream.saw(part, getattr(batch, "schema", part.schema))

        with tempfile.TemporaryDirectory() as work, PassedOverWriter(Path(work)) as passed:
            context = Context(Path(work), passes_over=passed.add)
            for group in cut_shards(batches(context), max_rows=100_000, max_bytes=64 << 20):
                once = SamplesOnce()
                for part in map(stream.fit, group):
                    once.add(part, "docs")
                    num_rows += part.num_rows
            passed.commit()
        return num_rows

    return read


def _seconds() -> float:
    """Processor time of this process and of those that ended: Tilth reads PDF in one of its own."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def least(rounds: int, *calls: Callable[[], int]) -> tuple[list[float], list[int]]:
    """Processor seconds of each at its best, by turns, and what they counted."""
    times: list[list[float]] = [[] for _ in calls]
    counts = [0] * len(calls)
    for _ in range(rounds):
        for at, call in enumerate(calls):
            begun = _seconds()
            counts[at] = call()
            times[at].append(_seconds() - begun)
    return [min(one) for one in times], counts


WRITE = {
    "jsonl": write_jsonl,
    "csv": write_csv,
    "parquet": write_parquet,
    "warc": write_warc,
    "pdf": write_pdfs,
}
PLAIN = {
    "jsonl": plain_jsonl,
    "csv": plain_csv,
    "parquet": plain_parquet,
    "warc": plain_warc,
    "pdf": plain_pdf,
}
FILES = {
    "jsonl": ("jsonl", "docs.jsonl", "pyarrow.json"),
    "csv": ("csv", "docs.csv", "Polars"),
    "parquet": ("parquet", "docs.parquet", "pyarrow"),
    "warc": ("web_archive", "docs.warc.gz", "fastwarc"),
    "pdf": ("files", "pdfs", "pypdfium2"),
}


def compare(kind: str, records: Sequence[Mapping[str, Any]], rounds: int) -> dict[str, Any]:
    """Write the corpus as one kind of file, and read it with both."""
    source, name, library = FILES[kind]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        WRITE[kind](path, records)
        times, counts = least(rounds, lambda: PLAIN[kind](path), tilth(source, path))
    if len(set(counts)) > 1:
        raise SystemExit(f"{kind}: {library} reads {counts[0]:,} records, tilth {counts[1]:,}")
    return {
        "times": round(times[1] / times[0], 2),
        "beside": library,
        "us_a_record": round(1e6 * times[1] / len(records), 2),
    }


def main() -> None:
    """Compare all and print one JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default=",".join(GOALS))
    given = parser.parse_args()
    records = make_records(given.records)
    alone = [{"text": record["text"]} for record in records]
    found: dict[str, Any] = {}
    for kind in given.only.split(","):
        some = records[: given.records // _FEWER.get(kind, 1)]
        found[kind] = {**compare(kind, some, given.rounds), "goal": GOALS[kind]}
        if kind not in ("warc", "pdf"):
            found[f"{kind}, text alone"] = compare(kind, alone, given.rounds)
    print(
        json.dumps(
            {
                "name": "readers beside the plain library",
                "unit": "times its processor time",
                **found,
            }
        )
    )


if __name__ == "__main__":
    main()
