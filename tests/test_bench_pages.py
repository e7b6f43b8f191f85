"""Pages below `benchmarks/` and heads of starters say what the committed result files hold."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

from benchmarks import __main__ as bench
from benchmarks import bench_loaders, train_table

from tilth.recipe.load import starters

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "benchmarks"
MUTATE = (FOLDER / "mutate.md").read_text("utf-8")


def test_the_page_of_make_bench_is_made_of_its_results() -> None:
    results = json.loads((FOLDER / "results.json").read_text("utf-8"))
    assert (FOLDER / "results.md").read_text("utf-8") == bench.table(results)


def test_the_page_of_make_bench_train_is_made_of_its_results() -> None:
    results = json.loads((FOLDER / "train.json").read_text("utf-8"))
    assert (FOLDER / "train.md").read_text("utf-8") == train_table.table(results)


def test_the_page_of_make_bench_loaders_is_made_of_its_results() -> None:
    results = json.loads((FOLDER / "loaders.json").read_text("utf-8"))
    assert (FOLDER / "loaders.md").read_text("utf-8") == bench_loaders.table(results)


def test_the_heads_of_starters_are_their_last_records() -> None:
    """What `make reproduce` wrote into both: the last line of a starter in reproduced.jsonl."""
    records = (FOLDER / "reproduced.jsonl").read_text("utf-8").splitlines()
    last = {record["recipe"]: record["lines"] for record in map(json.loads, records)}
    shown = 0
    for name, text in starters().items():
        head = text.partition("# results\n")[2].partition("# end of results")[0].splitlines()
        if head:
            assert [line.strip("# ") for line in head] == [line.strip() for line in last[name]], (
                name
            )
            shown += 1
    assert shown > 15


def _table(below: str) -> list[list[str]]:
    """The rows of the first table below a heading, without its head."""
    lines = MUTATE.partition(f"\n## {below}\n")[2].partition("\n|")[2].partition("\n\n")[0]
    return [line.strip("| ").split(" | ") for line in lines.splitlines()[2:]]


def test_the_samples_of_broken_lines_add_up() -> None:
    """Of 25 a room: killed, equivalent, accepted, with a test since; shares found and now."""
    rooms = 0
    for room, *cells in _table("Samples"):
        killed, equivalent, accepted, added = map(int, cells[:4])
        assert killed + equivalent + accepted + added == 25, room
        counted = 25 - equivalent
        assert cells[4] == f"{killed / counted * 100:.0f} %", room
        assert cells[5] == f"{(killed + added) / counted * 100:.0f} %", room
        rooms += 1
    assert rooms == 9


def test_the_promises_add_up() -> None:
    listed, *ends = _table("Promises")[0]
    assert int(listed) == sum(map(int, ends))


def test_every_test_that_is_named_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", MUTATE))
    there = {
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef)
    }
    assert len(named) >= 20
    assert not named - there
