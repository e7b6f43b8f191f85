"""Records taken a block at a time make the same data set, byte for byte, as row by row."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.test_again import plan_of, read
from tests.meta.test_arrow import _TYPES
from tilth.collect import parquet
from tilth.meta.arrow import is_steady
from tilth.reading import blocks, digests, records
from tilth.reading.blocks import Blocks

BOTH = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def all_of(folder: Path) -> dict[str, bytes]:
    """What a reading left, by file."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


class Both:
    """Reads a source by blocks and by rows."""

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path) -> None:
        self._patch, self._folder = patch, folder
        self._count = 0
        # Of a batch.
        self.rows = records.ROWS_PER_BATCH

    def __call__(self, source: str, write: Callable[[Path], None], **given: Any) -> int:
        """Write the source and compare; how many blocks were taken."""
        self._count += 1
        base = self._folder / f"{self._count}"
        (base / "in").mkdir(parents=True)
        write(base / "in")
        plan = plan_of(source, base / "in", **given)
        taken = 0
        found = Blocks.block

        def counted(*parts: Any) -> Any:
            nonlocal taken
            taken += 1
            return found(*parts)

        with self._patch.context() as patch:
            patch.setattr(records, "ROWS_PER_BATCH", self.rows)
            patch.setattr(blocks, "pays", lambda _: True)
            patch.setattr(parquet, "MIN_ROWS", 1)
            patch.setattr(Blocks, "block", counted)
            told = _reading(plan, base / "blocks")
        with self._patch.context() as patch:
            patch.setattr(records, "ROWS_PER_BATCH", self.rows)
            patch.setattr(Blocks, "of", lambda *_: None)
            patch.setattr(digests, "pays", lambda _: False)
            assert _reading(plan, base / "rows") == told
        assert all_of(base / "blocks") == all_of(base / "rows")
        return taken


def _reading(plan: Any, folder: Path) -> tuple[str, ...] | str:
    try:
        return read(plan, folder).told
    except Exception as error:
        return f"{type(error).__name__}: {error}"


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Both:
    return Both(monkeypatch, tmp_path)


TEXTS = st.one_of(
    st.text(max_size=9).map(lambda text: text.replace("\ud800", "")),
    st.sampled_from(["a", "", " ", "a\u00a0b", "\x1c", "x" * 70, "e\u0301"]),
)
TABLES = st.lists(
    st.fixed_dictionaries(
        {
            "text": st.one_of(TEXTS, TEXTS, TEXTS, st.none()),
            "number": st.one_of(st.none(), st.integers(-(1 << 62), 1 << 62)),
            "share": st.one_of(st.none(), st.floats(allow_nan=False)),
            "topic": st.one_of(st.none(), TEXTS),
        }
    ),
    min_size=1,
    max_size=12,
)


@BOTH
@given(TABLES, st.integers(1, 5), st.booleans())
def test_parquet(both: Both, rows: list[dict[str, Any]], group: int, bounded: bool) -> None:
    def write(folder: Path) -> None:
        pq.write_table(pa.Table.from_pylist(rows), folder / "a.parquet", row_group_size=group)
        pq.write_table(pa.Table.from_pylist(rows[:1]), folder / "b.parquet")

    both("parquet", write, **({"max_record_bytes": 64} if bounded else {}))


def test_parquet_takes_blocks_and_reads_what_is_odd_by_rows(both: Both) -> None:
    def write(folder: Path) -> None:
        rows = [{"text": f"text {n}", "n": n, "meta": {"a": n, "b": [n]}} for n in range(90)]
        pq.write_table(pa.Table.from_pylist(rows), folder / "a.parquet", row_group_size=40)
        rows[50]["text"] = None
        pq.write_table(pa.Table.from_pylist(rows), folder / "b.parquet", row_group_size=40)

    assert both("parquet", write) == 3 + 2


def test_parquet_of_each_type(both: Both) -> None:
    def write(folder: Path) -> None:
        steady = {"text": pa.array(["a", "b"])}
        for number, (array, _, _) in enumerate(_TYPES):
            # Of which Parquet has no such type is not asked here.
            try:
                pq.write_table(pa.table({"text": ["a", "b"], "one": array}), folder / "try")
            except pa.ArrowException:
                continue
            if is_steady(array.type):
                steady[f"c{number}"] = array
            else:
                (folder / "try").rename(folder / f"{number:03}.parquet")
        (folder / "try").unlink(missing_ok=True)
        pq.write_table(pa.table(steady), folder / "z.parquet")

    assert both("parquet", write) >= 1


def test_parquet_with_broken_text_and_damage(both: Both) -> None:
    def write(folder: Path) -> None:
        broken = pa.array([b"fine", b"\xff\xfe", b"x"], pa.binary())
        text = pa.StringArray.from_buffers(3, *broken.buffers()[1:])
        pq.write_table(pa.table({"text": text}), folder / "a.parquet")
        rows = [{"text": f"text {n} " * 9, "n": n} for n in range(60)]
        path = folder / "b.parquet"
        pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=30, compression="zstd")
        data = bytearray(path.read_bytes())
        start = pq.ParquetFile(path).metadata.row_group(1).column(0).data_page_offset
        data[start : start + 20] = bytes(20)
        path.write_bytes(data)

    assert both("parquet", write) == 1


def test_a_bound_of_bytes_and_named_columns(both: Both) -> None:
    def write(folder: Path) -> None:
        rows = [{"text": "x" * n, "label": "a", "year": n} for n in range(1, 90)]
        pq.write_table(pa.Table.from_pylist(rows), folder / "a.parquet", row_group_size=30)

    both("parquet", write, max_record_bytes=64)
    assert both("parquet", write, fields={"label": "label"}) == 0
    assert both("parquet", write, fields={"born": "year", "meta": "none"}, license="MIT") == 3
    assert both("parquet", write, fields={"meta": ["year"]}, split="train") == 3


def test_settings_by_which_each_row_is_looked_at(both: Both) -> None:
    def write(folder: Path) -> None:
        rows = [{"text": "x", "title": json.dumps(n)} for n in range(3)]
        pq.write_table(pa.Table.from_pylist(rows), folder / "a.parquet")

    assert both("parquet", write, fields={"text": ["title", "text"]}) == 0
    assert both("parquet", write) == 1


def _line(pairs: list[tuple[str, str]], blank: str) -> str:
    inside = f"{blank},{blank}".join(f'"{name}"{blank}:{blank}{value}' for name, value in pairs)
    return f"{blank}{{{blank}{inside}{blank}}}{blank}"


SPELT = st.one_of(
    TEXTS.map(json.dumps),
    TEXTS.map(lambda text: json.dumps(text, ensure_ascii=False)),
    st.sampled_from(
        [
            *('"\\ud83d\\ude00"', '"\\ud83d"', '"\\ude00\\ud83d"', '"\\u00e9\\u4e00\\u0000"'),
            *('"\\x"', '"\\u12g4"', '"a\tb"', '"\\/\\b\\f\\n\\r\\t\\"\\\\"', '"open', '"\\"'),
            *('"\\u12"', '"\u00e9\u4e00\U0001f600"', '"\\uD83D\\uDE00x"', '"\x7f"'),
        ]
    ),
)
NUMBERS = st.one_of(
    st.integers(-(1 << 70), 1 << 70).map(str),
    st.integers(-9, 9).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(
        [
            *(
                "-0",
                "-0.0",
                "01",
                "1.",
                ".5",
                "1e5",
                "1E+5",
                "1e",
                "-",
                "1e400",
                "5e-324",
                "0.1e-2",
            ),
            *("9007199254740993", "999999999999999999", "1000000000000000000", "NaN", "Infinity"),
        ]
    ),
)
WORDS = st.sampled_from(["true", "false", "null", "nul", "True", "[1]", '{"a": 1}', "[]"])
KINDS = st.sampled_from([SPELT, NUMBERS, st.sampled_from(["true", "false"]), WORDS])


@st.composite
def json_lines(draw: st.DrawFn) -> str:
    """Lines that are mostly alike: each name has values mostly of one kind."""
    names = draw(
        st.lists(
            st.sampled_from(["n", "meta.n", "e\u0301", "text ", "", "meta", "label", "\\u0061"]),
            unique=True,
            max_size=3,
        )
    )
    kinds = [draw(KINDS) for _ in names]
    lines = []
    for _ in range(draw(st.integers(1, 9))):
        pairs = [
            (name, draw(st.one_of(kind, kind, st.just("null"), st.one_of(WORDS, NUMBERS, SPELT))))
            for name, kind in zip(names, kinds, strict=True)
        ]
        pairs.insert(min(1, len(pairs)), ("text", draw(st.one_of(*[SPELT] * 8, st.just("null")))))
        if draw(st.integers(0, 9)) == 0:
            pairs = draw(st.one_of(st.just(pairs[::-1]), st.just(pairs * 2), st.just([])))
        blank = draw(st.sampled_from([""] * 9 + [" ", "\t", " \r", "\x0b"]))
        lines.append(_line(pairs, blank))
        if draw(st.integers(0, 19)) == 0:
            lines.append(draw(st.sampled_from(["", " ", "\ufeff", "[]", "x", "{}", "\r"])))
    return draw(st.sampled_from(["\n", "\n", "\r\n"])).join(lines) + draw(
        st.sampled_from(["\n", ""])
    )


@settings(BOTH, max_examples=50)
@given(json_lines(), st.booleans(), st.integers(1, 3))
def test_json_lines(both: Both, text: str, bounded: bool, rows: int) -> None:
    def write(folder: Path) -> None:
        (folder / "a.jsonl").write_bytes(text.encode("utf-8", "surrogatepass"))
        (folder / ("b.jsonl" if bounded else "0.jsonl")).write_bytes(
            b'{"text": "a", "n": 1}\n' * 3 + b'{"text": "\xff"}\n' * 3
        )

    both.rows = rows
    both("jsonl", write, **({"max_record_bytes": 64} if bounded else {}))


def test_json_lines_are_taken_by_blocks(both: Both) -> None:
    def write(folder: Path) -> None:
        lines = [
            json.dumps(
                {"text": f"text\n{n}", "n": n if n % 3 else None, "late": None if n < 9 else "x"}
            )
            for n in range(30)
        ]
        lines[21] = "{"
        (folder / "a.jsonl").write_text("\n".join(lines))

    both.rows = 4
    # Of 8 batches, the last not whole, one has a line that is none.
    assert both("jsonl", write) == 7
    assert both("jsonl", write, fields={"meta": "none"}) == 7
    assert both("jsonl", write, fields={"meta": ["late"], "number": "n"}) == 7
    assert both("jsonl", write, fields={"id": "n"}) == 0


def _cell(text: str, is_quoted: bool) -> str:
    must = any(sign in text for sign in ',"\n\r')
    return '"' + text.replace('"', '""') + '"' if must or is_quoted else text


@st.composite
def csv_text(draw: st.DrawFn) -> str:
    """Records that are mostly regular."""
    names = draw(
        st.lists(st.sampled_from(["n", "meta.n", " ", "label", "\u00e9"]), unique=True, max_size=2)
    )
    names.insert(draw(st.integers(0, len(names))), "text")
    cells = st.one_of(
        st.text(st.sampled_from('ab"\n, \u00e9\u3000'), max_size=6),
        st.sampled_from(["1", "2.5", "true", "", " ", "x" * 70]),
    )
    lines = [",".join(names)]
    for _ in range(draw(st.integers(1, 9))):
        row = [draw(cells) for _ in names]
        row[names.index("text")] += draw(st.sampled_from(["x", "x", "x", "x", ""]))
        lines.append(",".join(_cell(one, draw(st.booleans())) for one in row))
        if draw(st.integers(0, 9)) == 0:
            odd = ["", "", " ", '"', '"a"b', 'a"b', "a", ",,,", "a\rb", '"a\n', "\ufeffa", '""']
            lines.append(draw(st.sampled_from(odd)))
    end = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    last = draw(st.sampled_from(["\n", "\n", "", "\r", "\n\n"]))
    return ("\n".join(lines) + last).replace("\n", end)


@settings(BOTH, max_examples=50)
@given(csv_text(), st.booleans(), st.integers(1, 3))
def test_csv(both: Both, text: str, bounded: bool, rows: int) -> None:
    def write(folder: Path) -> None:
        (folder / "a.csv").write_bytes(text.encode())
        (folder / ("b.csv" if bounded else "0.csv")).write_bytes(
            b"text,n\n" + b"a,1\n" * 3 + b"\xff,2\n" * 3
        )

    both.rows = rows
    both("csv", write, **({"max_record_bytes": 64} if bounded else {}))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_csv_is_taken_by_blocks(both: Both, end: str) -> None:
    def write(folder: Path) -> None:
        lines = ["text,n,late", *(f'"a{end}{n}",{n},{"" if n < 9 else "x"}' for n in range(30))]
        lines.insert(5, "")
        lines[12] = ',1,"not ""one"""'
        (folder / "a.csv").write_bytes(end.join(lines).encode())

    both.rows = 4
    # One of 8 batches has a text that is empty.
    assert both("csv", write) == 7
    assert both("csv", write, fields={"meta": "none"}) == 7
    assert both("csv", write, fields={"meta": ["late"], "number": "n"}) == 7
    assert both("csv", write, header=False, columns=["text", "n", "late"]) == 7
    assert both("csv", write, fields={"label": "n"}) == 0
    assert both("csv", write, split={"train": 0.5, "test": 0.5}) == 0
    assert both("csv", write, encoding="latin-1") == 0


def test_after_an_odd_record_a_file_is_read_line_by_line(both: Both) -> None:
    def write(folder: Path) -> None:
        rows = "".join(f"a{n},{n}\n" for n in range(9))
        (folder / "a.csv").write_text(f'text,n\n{rows}"open,1\n{rows}')

    both.rows = 3
    assert both("csv", write) == 3
