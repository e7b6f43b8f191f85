"""An operation's own figures, whatever their shape, become small tables that say what they omit."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tilth.report.figures import Block, figure_blocks

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=30,
)


def only(figures: Any) -> Block:
    blocks = figure_blocks(figures, "k")
    assert len(blocks) == 1
    return blocks[0]


@given(VALUES)
def test_any_shape_can_be_shown(figures: Any) -> None:
    figure_blocks(figures, "k")


def test_scalars_are_pairs_with_fitting_formats() -> None:
    block = only({"num_words": 12345, "conflict_share": 0.0341, "took_s": 75.2, "vendi": 41.82})
    assert dict(block.pairs) == {
        "num words": "12,345",
        "conflict share": "3.4\u202f%",
        "took s": "1 min 15 s",
        "vendi": "41.8",
    }


def test_an_estimate_shows_its_interval() -> None:
    block = only({"alpha": {"value": 0.7134, "low": 0.688, "high": 0.739}})
    assert dict(block.pairs)["alpha"] == "0.713 [0.688, 0.739]"


def test_an_estimated_share_is_in_percent_as_a_plain_one_is() -> None:
    given = {"text": {"distinct_1": {"value": 0.1824, "low": 0.1759, "high": 0.1889}, "texts": 3}}
    (block,) = figure_blocks(given, "k", "weights")
    assert dict(block.pairs)["distinct words"] == "18.24 [17.59, 18.89]\u202f%"


def test_no_end_of_an_estimated_share_is_rounded_onto_all() -> None:
    given = {"text": {"distinct_1": {"value": 0.85, "low": 0.7, "high": 0.9996}, "texts": 3}}
    (block,) = figure_blocks(given, "k", "weights")
    assert dict(block.pairs)["distinct words"] == "85.00 [70.00, 99.96]\u202f%"


def test_records_are_a_table_and_nested_fields_are_named() -> None:
    rows = [
        {"annotator": f"a{i}", "accuracy": 0.9, "confusion": [[1, 0], [0, 1]]} for i in range(60)
    ]
    block = only({"annotators": rows})
    assert block.table is not None
    assert block.table.columns == ("annotator", "accuracy")
    assert (len(block.table.rows), block.table.total) == (50, 60)
    assert block.table.numeric == (False, True)
    assert block.note == "in report.json: confusion"


def test_named_records_are_a_table_too() -> None:
    block = only({"sources": {"stdlib": {"count": 3}, "numpy": {"count": 4}}})
    assert block.table is not None
    assert [cell.text for cell in block.table.rows[1]] == ["numpy", "4"]


def test_a_matrix_is_a_table() -> None:
    block = only({"confusion": [[0.9, 0.1], [0.2, 0.8]]})
    assert block.table is not None
    assert len(block.table.rows) == 2


def test_simulated_is_a_badge_not_a_row() -> None:
    block = only({"annotators": {"simulated": True, "votes": 3}})
    assert block.simulated
    assert block.pairs == (("votes", "3"),)


def test_bins_are_a_histogram_only_where_they_are_sound() -> None:
    assert only({"words": {"edges": [0, 10, 20], "counts": [3, 4]}}).chart is not None
    for edges, counts in (([0, 10], [3, 4]), ([0, 5, 5], [1, 2]), ([0, 1, 2], [1, -2]), ([], [])):
        assert only({"words": {"edges": edges, "counts": counts}}).chart is None


def test_long_lists_say_how_many() -> None:
    assert only({"ids": list(range(100))}).note == "24 of 100 values shown"


def test_columns_stand_in_the_order_of_reading() -> None:
    row = {"because": "a sentence that is longer than a word", "coverage": 0.5, "function": "f"}
    block = only({"functions": [dict(sorted(row.items()))]})
    assert block.table is not None
    assert block.table.columns == ("function", "coverage", "because")


def test_what_is_nearly_one_is_not_shown_as_one() -> None:
    told = {"alpha": 0.9996, "ratio": 1.0004, "all": 1.0, "share": 0.9996, "half": 0.5}
    assert dict(only(told).pairs) == {
        "alpha": "0.9996",
        "ratio": "1.0004",
        "all": "1",
        "share": ">99.9\u202f%",
        "half": "0.500",
    }
    gap = only({"gap": {"value": 0.004, "low": 0.001, "high": 1.2}})
    assert dict(gap.pairs)["gap"] == "0.004 [0.001, 1.200]"


def test_a_picture_is_a_picture_and_nothing_else_is() -> None:
    bitmap = "data:image/png;base64,AAAA"
    rows = [{"image": bitmap, "given": "a"}, {"image": "data:image/svg+xml;base64,AAAA"}]
    (block,) = figure_blocks({"worst": rows, "image": bitmap}, "k")[1:]
    assert block.table is not None
    place = block.table.columns.index("image")
    first, second = (row[place] for row in block.table.rows)
    assert (first.image, first.text) == (bitmap, "")
    assert (second.image, second.text) == ("", "data:image/svg+xml;base64,AAAA")
