"""Arrays come back as they were appended, and only whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tilth.store.arrays import ArrayWriter, read_arrays

_KINDS = st.sampled_from([np.uint8, np.int64, np.float32, np.uint16])


@st.composite
def _parts(draw: st.DrawFn) -> list[npt.NDArray[Any]]:
    kind, shape = draw(_KINDS), draw(hnp.array_shapes(min_dims=0, max_dims=2, max_side=4))
    rows = draw(st.lists(st.integers(0, 5), min_size=1, max_size=4))
    return [np.arange(n * int(np.prod(shape)), dtype=kind).reshape(n, *shape) for n in rows]


@given(_parts(), _parts())
@settings(max_examples=30, deadline=None)
def test_what_is_appended_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    one: list[npt.NDArray[Any]],
    other: list[npt.NDArray[Any]],
) -> None:
    folder = tmp_path_factory.mktemp("arrays")
    writer = ArrayWriter(folder)
    for name, parts in (("one", one), ("other", other)):
        for part in parts:
            writer.append(name, part)
    writer.close()
    found = read_arrays(folder)
    for name, parts in (("one", one), ("other", other)):
        whole = np.concatenate(parts)
        assert found[name].dtype == whole.dtype
        assert np.array_equal(found[name], whole)


def test_rows_of_another_kind_are_refused(tmp_path: Path) -> None:
    writer = ArrayWriter(tmp_path)
    writer.append("rows", np.zeros((2, 3), np.float32))
    for other in (np.zeros((2, 3)), np.zeros((2, 4), np.float32), np.zeros(2, np.float32)):
        with pytest.raises(ValueError, match="`rows` holds rows"):
            writer.append("rows", other)
    writer.close()
    assert read_arrays(tmp_path)["rows"].shape == (2, 3)


def test_a_write_to_one_stays_in_memory(tmp_path: Path) -> None:
    writer = ArrayWriter(tmp_path)
    writer.append("rows", np.arange(4))
    writer.close()
    read_arrays(tmp_path)["rows"][0] = 9
    assert read_arrays(tmp_path)["rows"].tolist() == [0, 1, 2, 3]
