"""What holds of every number on every page: no rounding onto a boundary, no interval without it."""

from __future__ import annotations

import html
import re

import pytest

from tests.figures.lines import Shown, Tree
from tests.figures.seen import Estimate, estimates, parts_of, printed
from tests.figures.test_rows import confusion_rows

# A percentage lies between them, a share of 1 between 0 and 1.
_RANGES = {"%": (0.0, 100.0), "points": (-100.0, 100.0)}
# An error rate counts what was put in as well, which may be more than there was to say.
_UNBOUNDED = frozenset({"wer", "cer"})


def texts_of(line: Shown) -> dict[str, str]:
    """All that is shown: what stands on charts too."""
    page = re.sub(r"<style>.*?</style>", "", line.page, flags=re.S)
    return {
        "terminal": line.terminal,
        "page": html.unescape(re.sub(r"<[^>]+>", " ", page)),
        "card": line.card.replace("\\", ""),
        "model card": line.readme.replace("\\", ""),
    }


def test_an_interval_holds_what_it_is_of(line: Shown) -> None:
    seen = 0
    for path, one in line.figures.items():
        if one["low"] is None or one["high"] is None:
            continue
        assert one["low"] <= one["value"] <= one["high"], path
        seen += 1
        low, high = _range(one)
        assert low <= one["low"] <= one["high"] <= high, f"{path} leaves what it can be"
    assert seen


def _range(one: Tree) -> tuple[float, float]:
    if one["share"]:
        return 0.0, 1.0
    if one["metric"] in _UNBOUNDED:
        return 0.0 if one["unit"] == "%" else float("-inf"), float("inf")
    return _RANGES.get(one["unit"], (float("-inf"), float("inf")))


def test_an_interval_holds_what_it_is_of_as_it_is_printed(line: Shown) -> None:
    for where, text in texts_of(line).items():
        found = estimates(text)
        assert found or where == "card" or where == "terminal"
        for one in found:
            assert one.low <= one.mid <= one.high, f"{where}: {one.text}"


def test_an_interval_is_printed_on_its_side(line: Shown) -> None:
    """An interval that is printed with an end at 0 has it there."""
    known = [
        (one["value"], one["low"], one["high"])
        for one in line.figures.values()
        if one["low"] is not None and one["high"] is not None
    ]
    for part in (line.document["transfer"] or {}).get("effects", []):
        known += _ends_of(part)
    for part in (line.document["value"] or {}).get("arms", []):
        known += _ends_of(part)
    training = line.document["pretrain"]
    for run in (*training["seeds"], *training["folds"], training):
        for split, bounds in run["intervals"].items():
            known += [(run[split][n], b["low"], b["high"]) for n, b in bounds.items()]
    for where, text in texts_of(line).items():
        for one in estimates(text):
            if 0 in (one.mid, one.low, one.high) or 100 in (one.mid, one.low, one.high):
                assert any(_is(one, numbers) for numbers in known), f"{where}: {one.text}"


def _ends_of(effect: Tree) -> list[tuple[float, float, float]]:
    """A mean with each of its intervals."""
    found = [(effect["low"], effect["high"]), (effect["adjusted_low"], effect["adjusted_high"])]
    names = ("combined_interval", "adjusted_combined_interval", "test_set_interval")
    found += [effect[name] for name in names if effect.get(name) is not None]
    return [(effect["mean"], *ends) for ends in found if None not in ends]


def _is(shown: Estimate, numbers: tuple[float, float, float]) -> bool:
    """Whether these are the numbers, each on the side of 0 and 100 on which it is shown."""
    decimals = len(
        shown.text.partition("[")[0].rstrip("% abcdefghijklmnopqrstuvwxyz/").partition(".")[2]
    )
    for told, true in zip((shown.mid, shown.low, shown.high), numbers, strict=True):
        if abs(told - true) > 0.5 * 10.0**-decimals * (1 + 1e-6):
            return False
        for end in (0.0, 100.0):
            if told == end and true != end and abs(true - end) > 1e-9:
                return False
    return True


def test_all_is_all_and_none_is_none(line: Shown) -> None:
    """Each `100 %` and `0 %` on a step's card is of a share that is just that."""
    parts = parts_of(line.page)
    near = 0
    for step in line.run.line():
        shares = [
            one["value"]
            for one in line.figures.values()
            if one["step"] == step.name and (one["share"] or "share" in one["name"])
        ]
        amounts = dict(step.manifest.by_rule)
        shares += [amount / sum(amounts.values()) for amount in amounts.values()]
        if step.op == "consensus":
            shares += [share for row in confusion_rows(step.manifest.figures) for share in row]
        shown = [one for one in printed(parts[step.name].text) if one.percent and not one.bound]
        for end in (0.0, 1.0):
            told = sum(one.value == 100 * end for one in shown)
            assert told <= sum(share == end for share in shares), f"{step.name}: {100 * end} %"
        near += sum(0 < share < 0.0005 or 0.9995 < share < 1 for share in shares)
    whole = line.figures["books.total.kept_share"]["value"]
    for where, text in texts_of(line).items():
        for match in re.finditer(r"kept \((?P<share>[^)]*)\)", text):
            (one,) = printed(match["share"])
            assert one.says(100 * whole), f"{where}: {match.group()}"
            assert (one.value == 100) == (whole == 1), f"{where}: {match.group()}"
    if line.line == "text":
        assert near, "this line has a share that a careless rounding makes all"


def test_where_a_figure_is_not_shown_stands_why(line: Shown) -> None:
    """A dash in a table or list is explained in the same part of the page."""
    for name, part in parts_of(line.page).items():
        dashes = [key for _, key, text in part.pairs if text == "–"]
        dashes += [
            table.columns[at]
            for table in part.tables
            for row in table.rows
            for at, text in enumerate(row)
            if text == "–"
        ]
        for key in dict.fromkeys(dashes):
            assert _is_explained(part.text, key), f"{name}: `{key}` is a dash, and nothing says why"


# What stands in a column by its nature, where nothing is wanting.
_NOTHING_TO_SAY = {
    "more to decide it",  # of a decision that is decided
}


def _is_explained(text: str, key: str) -> bool:
    words = re.sub(r"[^\w]", " ", key.lower()).split()
    after = " ".join(text.lower().partition("not shown")[2].split())
    return key in _NOTHING_TO_SAY or (bool(after) and words[0].rstrip("s") in after)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("+0.093 bits/byte [0.058, 0.128] over", (0.093, 0.058, 0.128)),
        ("−0.001 [−0.018, +0.017]", (-0.001, -0.018, 0.017)),
        ("accuracy 39.9 [23.5, 56.3] % on test", (39.9, 23.5, 56.3)),
        ("1,234 [1,200, 1,300]", (1234, 1200, 1300)),
        ("2 seeds; [1, 2] with the test set", None),
    ],
)
def test_intervals_are_found_as_they_are_written(
    text: str, found: tuple[float, float, float] | None
) -> None:
    assert [(one.mid, one.low, one.high) for one in estimates(text)] == ([found] if found else [])


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1,234 of 5,678 (21.7 %)", [1234, 5678, 21.7]),
        (">99.9\u202f% kept, <0.1%", [99.9, 0.1]),
        ("v1.2.3 and 2024-05", [2024, 5]),
        ("p 4.20e−06", [4.2e-6]),
        ("word_count >= 50, a1b2", [50]),
    ],
)
def test_numbers_are_found_as_they_are_written(text: str, values: list[float]) -> None:
    assert [abs(one.value) for one in printed(text)] == values
