"""JSON Lines: what is read, and that a bad line costs one line."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.collect import jsonl
from tilth.context import Context
from tilth.errors import DataError
from tilth.reading import records


def read(path: Path, limit: int | None = None, **given: Any) -> list[dict[str, Any]]:
    found = jsonl.read(
        jsonl.Settings(path=str(path), **given), "s", Context(path.parent, limit=limit)
    )
    table = pa.Table.from_batches(list(found))
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def write(path: Path, lines: list[bytes]) -> Path:
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def test_fields_become_columns(tmp_path: Path) -> None:
    record = {
        "meta": {"lang": "en", "url": "http://x/1"},
        "title": "T",
        "body": "B é",
        "key": 7,
        "stars": 3,
        "part": "dev",
        "answers": [{"annotator": 1, "label": "good"}],
    }
    path = write(tmp_path / "a.jsonl", [json.dumps(record).encode()])
    fields = {
        "text": ("title", "body"),
        "id": "key",
        "label": "stars",
        "uri": "meta.url",
        "split": "part",
        "annotations": "answers",
    }
    (row,) = read(path, fields=fields, license="CC0")
    assert row.pop("id")
    assert row == {
        "source": "s",
        "uri": "http://x/1",
        "key": None,
        "text": "T\nB é",
        "label": "3",
        "label_origin": "given",
        "annotations": [{"annotator": "1", "label": "good"}],
        "split": "validation",
        "license": "CC0",
        "meta.lang": "en",
        "error": None,
    }


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("inside", ["", "[*]"])
def test_what_begins_with_a_mark_is_read_as_that_says(
    tmp_path: Path, encoding: str, inside: str
) -> None:
    """As PowerShell writes what is redirected into a file."""
    texts = ["zw\u00f6lf", "\u0a0a", "\U0001f600"]
    objects = [json.dumps({"text": text}, ensure_ascii=False) for text in texts]
    document = f"[{','.join(objects)}]" if inside else "\r\n".join(objects)
    path = tmp_path / f"a.json{'' if inside else 'l'}"
    path.write_bytes(document.encode(encoding))
    assert [row["text"] for row in read(path, records=inside)] == texts


BAD = [
    (b'{"text": "cut in ha', "not valid JSON: Unterminated string"),
    (b'{"text": "\xff"}', "invalid UTF-8 at byte 10 (0xff)"),
    (b'{"text": "a", "n": 1, "text": "b"}', "field `text` is there twice"),
    (b'{"text": "a", "n": [{"\\u0061": 1, "a" : 2}]}', "field `a` is there twice"),
    (b'{"text": null}', "field `text` is null"),
    (b'{"text": 3}', "field `text` is a number, not text"),
    (b'{"other": "x"}', "no field `text`"),
    (b'["text"]', "not a JSON object"),
    (b'{"text": "\\ud800"}', "half of a surrogate pair"),
    (b'{"text": "' + b"x" * 2000 + b'"}', "2,012 bytes, above `max_record_bytes` of 1,000"),
    (b"[" * 600 + b"]" * 300, "nested more than 64 levels deep"),
    (b'{"text": "t", "n": ' + b"9" * 900 + b".}", "not valid JSON"),
]


@pytest.mark.parametrize(("line", "cause"), BAD)
def test_a_bad_line_costs_one_line(tmp_path: Path, line: bytes, cause: str) -> None:
    good = b'{"text": "good"}'
    path = write(tmp_path / "a.jsonl", [good, line, good])
    rows = read(path, max_record_bytes=1000, encoding="utf-8")
    assert [row["text"] for row in rows] == ["good", None, "good"]
    assert rows[1]["error"].startswith(f"{path}:2: ")
    assert cause in rows[1]["error"]
    assert rows[1]["uri"] == f"{path}:2"
    assert rows[0]["error"] is None
    assert len({row["id"] for row in rows}) == 3


def test_one_bad_line_in_three_thousand(tmp_path: Path) -> None:
    lines = [b'{"text": "line %d"}' % number for number in range(3000)]
    lines[1234] = lines[1234][:9]
    rows = read(write(tmp_path / "a.jsonl", lines))
    assert len(rows) == 3000
    (bad,) = [row for row in rows if row["error"]]
    assert ":1235: not valid JSON" in bad["error"]


def test_ids_are_those_of_the_source_or_of_file_and_row(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [b'{"text": "a", "id": "1"}', b'{"text": "a", "id": "2"}'])
    plain = [row["id"] for row in read(path)]
    assert len(set(plain)) == 2
    named = [row["id"] for row in read(path, fields={"id": "id"})]
    write(path, [b'{"text": "new", "id": "0"}', *path.read_bytes().splitlines()])
    assert [row["id"] for row in read(path, fields={"id": "id"})][1:] == named
    (tmp_path / "elsewhere").mkdir()
    moved = path.rename(tmp_path / "elsewhere" / "a.jsonl")
    assert [row["id"] for row in read(moved, fields={"id": "id"})][1:] == named


def test_gzip_blank_lines_and_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b'\xef\xbb\xbf{"text": "a"}\r\n\n{"text": "b"}'))
    assert [row["text"] for row in read(path)] == ["a", "b"]


def test_a_missing_label_is_not_an_error_but_an_odd_split_is(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl",
        [b'{"text": "a", "y": null, "s": "test"}', b'{"text": "a", "y": "n", "s": "holdout"}'],
    )
    rows = read(path, fields={"label": "y", "split": "s"})
    assert (rows[0]["label"], rows[0]["label_origin"], rows[0]["split"]) == (None, None, "test")
    assert "split `holdout` is none of train, validation, test" in rows[1]["error"]


def test_limit_and_empty_source(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [b'{"text": "a"}'] * 5000)
    assert len(read(path, limit=1500)) == 1500
    write(path, [b""])
    with pytest.raises(DataError, match="the source is empty"):
        read(path)


def test_a_change_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [b'{"text": "a"}'] * 3000)
    found = jsonl.read(jsonl.Settings(path=str(path)), "s", Context(tmp_path))
    next(found)
    with path.open("ab") as stream:
        stream.write(b'{"text": "b"}\n')
    with pytest.raises(DataError, match="changed while it was read"):
        list(found)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    def peak(num_lines: int) -> int:
        path = write(tmp_path / "a.jsonl", [b'{"text": "' + b"word " * 50 + b'"}'] * num_lines)
        tracemalloc.start()
        for _ in jsonl.read(jsonl.Settings(path=str(path)), "s", Context(tmp_path)):
            pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(12_000) < 1.3 * peak(4_000)


NESTED = st.recursive(
    st.none() | st.booleans() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=10,
)


def deepest(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(deepest, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(deepest, value), default=0)
    return 0


@settings(deadline=None)
@given(NESTED)
def test_depth_is_that_of_the_parsed_value(value: Any) -> None:
    assert jsonl.depth(json.dumps(value).encode()) == deepest(value)


def test_depth_of_an_unclosed_string_takes_linear_time() -> None:
    assert jsonl.depth(b'["' + b'\\"' * 500_000) == 1


@given(st.binary(max_size=60))
def test_any_bytes_are_an_object_or_a_stated_cause(data: bytes) -> None:
    with suppress(records.RecordError):
        assert isinstance(jsonl.parse_line(data), dict)


def batches(rows: list[dict[str, Any]], limit: int | None = None) -> Iterator[pa.RecordBatch]:
    batcher = records.Batcher("s", ("text",), {}, limit)
    for number, row in enumerate(rows):
        yield from batcher.add(row, f"f:{number}", len(row["text"]))
    yield from batcher.flush()


def test_batches_are_bounded_in_rows_and_bytes() -> None:
    many = list(batches([{"text": "a"}] * 3000))
    assert [batch.num_rows for batch in many] == [1024, 1024, 952]
    large = list(batches([{"text": "a" * (3 << 20)}] * 4))
    assert [batch.num_rows for batch in large] == [3, 1]
    assert many[0].schema == large[0].schema


@pytest.mark.parametrize(
    ("document", "path", "found"),
    [
        ([{"text": "a"}, {"text": "b"}], "[*]", ["a", "b"]),
        ({"data": {"train": [{"text": "a"}], "test": [{"text": "b"}]}}, "data.train[*]", ["a"]),
        ({"data": [{"p": [{"text": "a"}, {"text": "b"}]}]}, "data[*].p[*]", ["a", "b"]),
        ({"1": {"text": "a"}, "2": {"text": "b"}}, "[*]", ["a", "b"]),
    ],
)
def test_records_inside_of_a_document(
    tmp_path: Path, document: Any, path: str, found: list[str]
) -> None:
    (tmp_path / "a.json").write_text(json.dumps(document, indent=1))
    rows = read(tmp_path / "a.json", records=path)
    assert [row["text"] for row in rows] == found
    assert [row["uri"] for row in rows] == [
        f"{tmp_path / 'a.json'}:{number}" for number in range(1, len(found) + 1)
    ]


def test_a_bad_record_of_a_document_costs_one(tmp_path: Path) -> None:
    data = b'[{"text": "a"}, {"text": "\xff"}, 7, {"text": tru}, {"text": "' + b"x" * 200
    (tmp_path / "a.json").write_bytes(data + b'"}, {"text": "b", "q": {"body": "n"}}]')
    rows = read(tmp_path / "a.json", records="[*]", max_record_bytes=100, encoding="utf-8")
    assert [row["text"] for row in rows] == ["a", None, None, None, None, "b"]
    assert rows[5]["meta.q"] == '{"body":"n"}'
    causes = [row["error"].partition(": ")[2] for row in rows[1:5]]
    assert causes[1] == "not a JSON object"
    assert "invalid UTF-8" in causes[0]
    assert "not valid JSON" in causes[2]
    assert "above `max_record_bytes`" in causes[3]


@pytest.mark.parametrize(
    ("data", "path", "cause"),
    [
        ('[{"text": "a"}', "[*]", "after record 1"),
        ('{"data": []}', "date[*]", "there are data"),
        ("", "[*]", "it is empty"),
    ],
)
def test_a_document_that_is_none_is_an_error(
    tmp_path: Path, data: str, path: str, cause: str
) -> None:
    (tmp_path / "a.json").write_text(data)
    with pytest.raises(DataError) as caught:
        read(tmp_path / "a.json", records=path)
    assert cause in str(caught.value)


def test_a_list_in_a_line_names_the_setting_for_a_document(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [b'[{"text": "a"}]'])
    (row,) = read(path)
    assert "`records: '[*]'`" in row["error"]
