"""Columns that travel beside rows: of the rows that were taken, in their order."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.meta.arrow import words
from tilth.meta.beside import Beside, joined, met
from tilth.meta.spelt import MIXED

_Values = list[int] | list[float] | list[str] | list[list[int]]
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


_COLUMNS = st.one_of(
    *(
        st.lists(kind, min_size=6, max_size=6)
        for kind in (
            st.integers(-9, 9),
            st.floats(-9, 9).filter(lambda value: value != 0),
            st.text(),
            st.lists(st.integers(0, 9)),
        )
    )
)


@settings(deadline=None)
@given(_COLUMNS, _COLUMNS, st.lists(st.sampled_from(["own", "beside", "none"]), max_size=6))
def test_a_column_that_some_rows_have_beside_them_is_one(
    own: _Values, beside: _Values, rows: list[str]
) -> None:
    def column(values: _Values, kind: str) -> pa.Array:
        taken = [v if row == kind else None for v, row in zip(values, rows, strict=False)]
        found = pa.array(taken, pa.array(values).type)
        return found.cast(pa.large_string()) if found.type == pa.string() else found

    pair = (("meta.a", column(own, "own"), None), ("meta.a", column(beside, "beside"), None))
    ((name, array, said),) = met([pair[0]], [pair[1]])
    chosen = zip(own, beside, rows, strict=False)
    wanted = [{"own": a, "beside": b, "none": None}[row] for a, b, row in chosen]
    kinds = {type(own[0]), type(beside[0])}
    is_mixed = len(kinds) > 1 and kinds != {int, float}
    assert name == "meta.a"
    assert said == (MIXED if is_mixed else None)
    assert array.to_pylist() == [
        words(value) if is_mixed and value is not None else value for value in wanted
    ]
    assert [*met([pair[0]], [])] == [pair[0]]
    assert [*met([], [pair[1]])] == [pair[1]]
