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
from tilth.reading import blocks, digests
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
        self.num_blocks = 0

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
            block = found(*parts)
            taken += block is not None
            return block

        with self._patch.context() as patch:
            patch.setattr(blocks, "pays", lambda _: True)
            patch.setattr(parquet, "MIN_ROWS", 1)
            patch.setattr(Blocks, "block", counted)
            told = _reading(plan, base / "blocks")
        with self._patch.context() as patch:
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
        data[start + 30 : start + 60] = bytes(30)
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
