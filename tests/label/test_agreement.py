"""Agreement against published values."""

from __future__ import annotations

from collections import Counter
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.label.crowd import load
from tilth.label import agreement


def counts_of(table: np.ndarray) -> agreement.Counts:
    """A table [items, classes] of how often each item was given each class."""
    items, labels = (
        np.repeat(place, table.ravel()) for place in np.indices(table.shape).reshape(2, -1)
    )
    return agreement.count_answers(items, labels, *table.shape)


def test_alpha_of_krippendorffs_example() -> None:
    # Krippendorff (2011), section C: four observers, twelve units, missing values; alpha 0.743.
    observers = [
        "1 2 3 3 2 1 4 1 2 . . .",
        "1 2 3 3 2 2 4 1 2 5 . 3",
        ". 3 3 3 2 3 4 2 2 5 1 .",
        "1 2 3 3 2 4 4 1 2 5 1 .",
    ]
    cells = [
        (unit, int(value) - 1)
        for values in map(str.split, observers)
        for unit, value in enumerate(values)
        if value != "."
    ]
    items, labels = (np.array(column) for column in zip(*cells, strict=True))
    counts = agreement.count_answers(items, labels, 12, 5)
    assert agreement.krippendorff_alpha(counts) == pytest.approx(0.743, abs=0.0005)
    # Section D of the same data: as grades 0.815, as numbers 0.849.
    values = np.arange(1.0, 6.0)
    scales: Any = (("ordinal", 0.815), ("interval", 0.849))
    for scale, alpha in scales:
        found = agreement.krippendorff_alpha(counts, scale, values)
        assert found == pytest.approx(alpha, abs=0.0005)
    assert agreement.fleiss_kappa(counts) is None


def test_kappa_of_fleiss_example() -> None:
    # The worked example of ten subjects, fourteen raters and five categories; kappa 0.210.
    counts = np.array(
        [
            [0, 0, 0, 0, 14],
            [0, 2, 6, 4, 2],
            [0, 0, 3, 5, 6],
            [0, 3, 9, 2, 0],
            [2, 2, 8, 1, 1],
            [7, 7, 0, 0, 0],
            [3, 2, 6, 3, 0],
            [2, 5, 3, 2, 2],
            [6, 5, 2, 1, 0],
            [0, 2, 2, 3, 7],
        ]
    )
    assert agreement.fleiss_kappa(counts_of(counts)) == pytest.approx(0.210, abs=0.0005)


@pytest.mark.parametrize(("name", "kappa"), [("crowd-rte", 0.241), ("crowd-bluebird", 0.125)])
def test_kappa_of_real_people(shared_data: Path, name: str, kappa: float) -> None:
    crowd = load(shared_data / name)
    counts = agreement.count_answers(crowd.items, crowd.labels, crowd.num_items, 2)
    assert agreement.fleiss_kappa(counts) == pytest.approx(kappa, abs=0.0005)


def test_where_agreement_is_not_defined() -> None:
    for counts in (np.zeros((0, 2)), np.eye(3), np.array([[3, 0], [2, 0]])):
        assert agreement.krippendorff_alpha(counts_of(counts.astype(np.int64))) is None
        assert agreement.fleiss_kappa(counts_of(counts.astype(np.int64))) is None


@given(
    st.lists(st.lists(st.integers(0, 3), max_size=4), max_size=6),
    st.sampled_from(["ordinal", "interval"]),
    st.permutations([1.0, 2.0, 4.0, 9.0]),
)
def test_alpha_of_grades_is_that_of_all_pairs(
    units: list[list[int]], scale: Any, values: list[float]
) -> None:
    counts = np.array([[unit.count(c) for c in range(4)] for unit in units], np.int64)
    found = agreement.krippendorff_alpha(counts_of(counts.reshape(-1, 4)), scale, np.array(values))
    paired = [unit for unit in units if len(unit) > 1]
    every = [values[c] for unit in paired for c in unit]

    def apart(a: float, b: float) -> float:
        if scale == "interval":
            return (a - b) ** 2
        low, high = sorted((a, b))
        between = sum(low <= one <= high for one in every)
        return (between - (every.count(low) + every.count(high)) / 2) ** 2

    within = sum(
        apart(values[a], values[b]) / (len(unit) - 1)
        for unit in paired
        for (i, a), (j, b) in product(enumerate(unit), repeat=2)
        if i != j
    )
    of_all = sum(apart(a, b) for a, b in product(every, repeat=2)) / max(len(every) - 1, 1)
    if of_all == 0:
        assert found is None
    else:
        assert found == pytest.approx(1 - within / of_all, abs=1e-9)


def test_the_number_of_a_class() -> None:
    assert agreement.values_of(["a"], "nominal", ()) is None
    assert agreement.values_of(["10", "9"], "ordinal", ()) == pytest.approx([10, 9])
    assert agreement.values_of(["b", "a"], "ordinal", ("a", "b")) == pytest.approx([1, 0])
    for names, order in ((["a"], ()), (["c"], ("a", "b")), (["inf"], ())):
        with pytest.raises(ValueError, match=names[0]):
            agreement.values_of(names, "ordinal", order)


def plain_alpha(units: list[list[Any]]) -> float | None:
    """Krippendorff (2011), section C: the matrix of coincidences, cell by cell.

    `units` has the values that each unit was given.
    """
    values = sorted({value for unit in units for value in unit})
    cells = {(c, k): 0.0 for c in values for k in values}
    for unit in units:
        for (i, c), (j, k) in product(enumerate(unit), repeat=2):
            if i != j:
                cells[c, k] += 1 / (len(unit) - 1)
    n = sum(cells.values())
    of = {c: sum(cells[c, k] for k in values) for c in values}
    observed = sum(cells[c, k] for c, k in cells if c != k)
    expected = sum(of[c] * of[k] for c, k in cells if c != k)
    return 1 - (n - 1) * observed / expected if expected > 1e-9 else None


def plain_kappa(units: list[list[Any]]) -> float | None:
    """Fleiss (1971), equations 2 to 8, subject by subject."""
    n, per = len(units), len(units[0]) if units else 0
    if per < 2 or any(len(unit) != per for unit in units):
        return None
    shares = [count / (n * per) for count in Counter(v for u in units for v in u).values()]
    extent = [
        sum(count * (count - 1) for count in Counter(unit).values()) / (per * (per - 1))
        for unit in units
    ]
    chance = sum(share**2 for share in shares)
    return (sum(extent) / n - chance) / (1 - chance) if len(shares) > 1 else None


COUNTS = hnp.arrays(
    np.int64, st.tuples(st.integers(1, 8), st.integers(2, 4)), elements=st.integers(0, 4)
)


UNITS = st.lists(st.lists(st.sampled_from(["a", "b", "é"]), max_size=5), max_size=8)
EVEN = st.integers(1, 4).flatmap(
    lambda per: st.lists(
        st.lists(st.sampled_from(["a", "b", "é"]), min_size=per, max_size=per), max_size=8
    )
)


def counts_of_units(units: list[list[str]]) -> agreement.Counts:
    cells = [(number, "abé".index(value)) for number, unit in enumerate(units) for value in unit]
    items, labels = np.array(cells, np.int64).reshape(-1, 2).T
    return agreement.count_answers(items, labels, len(units), 3)


@given(UNITS | EVEN)
def test_alpha_is_that_of_the_coincidence_matrix(units: list[list[str]]) -> None:
    expected, found = plain_alpha(units), agreement.krippendorff_alpha(counts_of_units(units))
    assert found == (expected if expected is None else pytest.approx(expected))


@given(EVEN | UNITS)
def test_kappa_is_that_of_the_equations(units: list[list[str]]) -> None:
    expected, found = plain_kappa(units), agreement.fleiss_kappa(counts_of_units(units))
    assert found == (expected if expected is None else pytest.approx(expected))


@given(COUNTS)
def test_alpha_is_that_of_all_pairs(counts: np.ndarray) -> None:
    """The definition, pair by pair: one less observed over expected disagreement."""
    units = [np.repeat(np.arange(len(row)), row) for row in counts if row.sum() >= 2]
    values = np.concatenate(units) if units else np.zeros(0)
    found = agreement.krippendorff_alpha(counts_of(counts))
    if len(set(values)) < 2:
        assert found is None
        return
    observed = sum(
        (unit[:, None] != unit[None, :]).sum() / (len(unit) - 1) for unit in units
    ) / len(values)
    expected = (values[:, None] != values[None, :]).sum() / (len(values) * (len(values) - 1))
    assert found == pytest.approx(1 - observed / expected)
