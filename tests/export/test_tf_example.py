"""TFRecord is what the format's description says: read back by a reader of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.export.tfrecords import read_tfrecord
from tilth.export.tf_example import Value, example, framed

VALUES = (
    st.binary(max_size=300)
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(width=32, allow_nan=False)
    | st.booleans()
)


@given(st.lists(st.dictionaries(st.text(max_size=9), VALUES, max_size=5), max_size=4))
def test_every_value_reads_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Value]]
) -> None:
    rows = [
        {name.encode("utf-8", "replace").decode(): v for name, v in row.items()} for row in rows
    ]
    path = tmp_path_factory.getbasetemp() / "rows.tfrecord"
    path.write_bytes(b"".join(framed(example(row)) for row in rows))
    assert read_tfrecord(path) == rows


def test_what_does_not_fit_is_said_or_rounded_as_float32_rounds(tmp_path: Path) -> None:
    for number in (2**63, -(2**63) - 1):
        with pytest.raises(ValueError, match=f"`n` holds {number}, which int64 cannot"):
            example({"n": number})
    path = tmp_path / "a.tfrecord"
    path.write_bytes(framed(example({"third": 1 / 3, "large": 1e300})))
    assert read_tfrecord(path) == [{"third": float(np.float32(1 / 3)), "large": float("inf")}]


@pytest.mark.parametrize(
    "row", [{}, {"text": b"a heron", "n": -3, "x": 0.5, "yes": True, "é": b"\xff\x00" * 200}]
)
def test_tensorflow_writes_and_reads_the_same(row: dict[str, Value], tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow", reason="the extra `tf` is not installed")
    path = tmp_path / "a.tfrecord"
    path.write_bytes(framed(example(row)))
    (record,) = tf.data.TFRecordDataset(str(path))
    features = tf.train.Example.FromString(record.numpy()).features.feature
    assert {name: len(one.ListFields()) for name, one in features.items()} == dict.fromkeys(row, 1)
    lists = {bytes: "bytes_list", int: "int64_list", bool: "int64_list", float: "float_list"}
    for name, value in row.items():
        assert list(getattr(features[name], lists[type(value)]).value) == [value]
