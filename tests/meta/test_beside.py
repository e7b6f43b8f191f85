"""Columns that travel beside rows: of the rows that were taken, in their order."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.meta.arrow import words
from tilth.meta.beside import Beside, joined
from tilth.meta.spelt import MIXED

_BATCHES = [
    pa.record_batch({"meta.a": pa.array([1, 2, None]), "meta.b": pa.array([0.5, 1.5, 2.5])}),
    pa.record_batch({"meta.a": pa.array(["x", "y"], pa.large_string())}),
]


@settings(deadline=None)
@given(
    st.lists(
        st.one_of(
            st.none(),
            st.tuples(st.just(0), st.integers(0, 2)),
            st.tuples(st.just(1), st.integers(0, 1)),
        ),
        max_size=8,
    )
)
def test_each_row_has_its_own(places: list[tuple[int, int] | None]) -> None:
    found = {
        name: (array.to_pylist(), said)
        for name, array, said in joined(
            [None if place is None else Beside(_BATCHES[place[0]], place[1]) for place in places]
        )
    }
    rows = [None if place is None else _BATCHES[place[0]].to_pylist()[place[1]] for place in places]
    for name in ("meta.a", "meta.b"):
        wanted = [None if row is None else row.get(name) for row in rows]
        values, said = found.get(name, ([None] * len(places), None))
        is_mixed = len({type(value) for value in wanted if value is not None}) > 1
        assert values == ([None if v is None else words(v) for v in wanted] if is_mixed else wanted)
        assert not is_mixed or said == MIXED
