"""An order: which samples, under which names, and what leaves with them."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.annotate.places import (
    CLASSES,
    one_round,
    right,
    source_of,
    tasks_of,
    tree_of,
    truth,
    wrong,
)
from tests.query.models import png
from tests.table.whole import read, run
from tilth.annotate import order as order_module
from tilth.annotate.ledger import open_ledger
from tilth.annotate.order import order
from tilth.annotate.source import Source
from tilth.annotate.take import decide
from tilth.errors import DataError, MissingError, UsageError


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_same_seed_orders_the_same_and_another_one_other_items(tmp_path: Path) -> None:
    found = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        folder = tmp_path / name
        folder.mkdir()
        tree = {**tree_of(folder, gold=4, repeats=3), "seed": seed}
        # One file, so that samples have one id.
        tree["collect"] = tree_of(tmp_path)["collect"]
        run(tree, folder)
        made = order(Source(read(tree), folder / "runs"), items=12, to=folder / "out")
        found.append(contents(Path(made.folder)))
    assert found[0] == found[1]
    assert found[0]["tasks.csv"] != found[2]["tasks.csv"]


def test_nothing_tells_what_a_task_is(tmp_path: Path) -> None:
    source = source_of(tmp_path, gold=0.25, repeats=0.25)
    made = order(source, items=20, to=tmp_path / "out")
    assert (made.items, made.gold, made.repeats, made.tasks) == (20, 5, 5, 30)
    assert made.answers == 30 * made.annotators
    tasks = tasks_of(made)
    names = [task["item"] for task in tasks]
    assert names == sorted(names)
    assert len({*names}) == 30
    assert {len(name) for name in names} == {16}
    assert all(set(task) == {"item", "text"} for task in tasks)
    # Known answers are on no side of the order, nor is a word of gold.
    (one,) = open_ledger(source.ledger).rounds
    kinds = dict(zip(one.tasks, one.kinds, strict=True))
    assert Counter(kinds.values()) == {"item": 20, "gold": 5, "repeat": 5}
    for data in contents(Path(made.folder)).values():
        assert b"gold" not in data
        assert b"repeat" not in data
        assert b"known" not in data
    texts = Counter(task["text"] for task in tasks)
    assert sorted(texts.values()) == [1] * 20 + [2] * 5
    gold = [task["text"] for task in tasks if kinds[task["item"]] == "gold"]
    known = dict(zip(one.tasks, one.known, strict=True))
    assert all(int(text.split()[1]) < 10 for text in gold)
    assert all(
        known[task["item"]] == truth(task["text"])
        for task in tasks
        if kinds[task["item"]] == "gold"
    )
    assert {kind for name, kind in kinds.items() if known[name] is not None} == {"gold"}


def test_rounds_go_through_all_samples_without_a_label_once(tmp_path: Path) -> None:
    source = source_of(tmp_path, labelled=10)
    seen: list[str] = []
    for number in range(3):
        made = order(source, items=12, to=tmp_path / f"out-{number}")
        assert made.round == number + 1
        seen += [task["text"] for task in tasks_of(made)]
    assert made.items == 6
    assert "12 items were asked for, and there are 6" in made.told
    assert sorted(seen) == sorted(f"number {n} of many" for n in range(10, 40))
    with pytest.raises(DataError, match="every sample was ordered before"):
        order(source, to=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_samples_with_a_label_are_ordered_where_asked(tmp_path: Path) -> None:
    source = source_of(tmp_path, num=20, labelled=10, relabel=True)
    assert order(source, dry_run=True).items == 20
    labelled = source_of(tmp_path, num=10, labelled=10)
    with pytest.raises(DataError, match="every sample has a label"):
        order(labelled, dry_run=True)


def test_strata_have_their_shares(tmp_path: Path) -> None:
    how = {"choose": "stratified", "stratify_by": "meta.kind"}
    source = source_of(tmp_path, num=50, labelled=0, **how)
    made = order(source, items=10, to=tmp_path / "out")
    odd = [task for task in tasks_of(made) if int(task["text"].split()[1]) % 5 == 0]
    assert (len(odd), made.items) == (2, 10)


def test_what_is_personal_leaves_as_a_placeholder_unless_it_is_allowed(tmp_path: Path) -> None:
    rows = [{"text": "write to per.ek@mailbox.se", "to": "greta.holm@mailbox.se", "by": 7}]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    tree = tree_of(tmp_path, show=["text", "meta.to"], allow=["meta.to"])
    tree["collect"] = {"a": {"jsonl": {"path": str(tmp_path / "a.jsonl")}}}
    run(tree, tmp_path)
    made = order(Source(read(tree), tmp_path / "runs"), to=tmp_path / "out")
    (task,) = tasks_of(made)
    # What is not shown stays.
    assert set(task) == {"item", "text", "to"}
    assert task["text"] == "write to [EMAIL]"
    assert task["to"] == "greta.holm@mailbox.se"
    told = " ".join(made.told)
    assert "placeholders stand for 1 e-mail addresses" in told
    assert "1 e-mail addresses leave as they are" in told


def test_pictures_go_as_files_under_the_names_of_their_tasks(tmp_path: Path) -> None:
    for shade in range(3):
        (tmp_path / "p").mkdir(exist_ok=True)
        (tmp_path / "p" / f"{shade}.png").write_bytes(png(shade * 50))
    tree = tree_of(tmp_path, repeats=1)
    tree |= {"clean": [], "collect": {"p": {"image_folder": {"path": str(tmp_path / "p")}}}}
    tree["collect"]["p"]["image_folder"]["labels"] = "none"
    run(tree, tmp_path)
    source = Source(read(tree), tmp_path / "runs")
    made = order(source, to=tmp_path / "out", form="label_studio")
    tasks = json.loads((tmp_path / "out" / "tasks.json").read_text())
    assert len(tasks) == made.tasks == 4
    for task in tasks:
        assert task["data"]["image"] == f"media/{task['data']['item']}.png"
    held = Counter((tmp_path / "out" / task["data"]["image"]).read_bytes() for task in tasks)
    assert sorted(held.values()) == [1, 1, 2]
    assert any("leave as they are" in one for one in made.told)


def test_guidelines_and_the_label_set_go_with_it(tmp_path: Path) -> None:
    (tmp_path / "How.MD").write_text("# How to tell a cat\n")
    source = source_of(tmp_path, guidelines=str(tmp_path / "How.MD"))
    order(source, items=2, to=tmp_path / "out")
    assert (tmp_path / "out" / "guidelines.md").read_text() == "# How to tell a cat\n"
    note = json.loads((tmp_path / "out" / "order.json").read_text())
    assert (note["classes"], note["question"]) == ([*CLASSES], "What is it?")
    (tmp_path / "How.MD").unlink()
    with pytest.raises(MissingError, match="guidelines"):
        order(source, items=2, to=tmp_path / "more")


def test_a_dry_run_says_the_same_and_writes_nothing(tmp_path: Path) -> None:
    source = source_of(tmp_path, price=0.07, currency="EUR")
    before = contents(tmp_path)
    planned = order(source, items=5, to=tmp_path / "out", dry_run=True)
    assert contents(tmp_path) == before
    assert not planned.done
    assert (planned.answers, planned.cost) == (15, "1.05 EUR")
    done = order(source, items=5, to=tmp_path / "out")
    assert done.done
    assert {**vars(done), "done": False} == vars(planned)


def test_without_a_finished_run_nothing_is_ordered(tmp_path: Path) -> None:
    tree = tree_of(tmp_path)
    source = Source(read(tree), tmp_path / "runs")
    with pytest.raises(MissingError, match="has not run"):
        order(source, to=tmp_path / "out")
    run(tree, tmp_path)
    assert order(source, items=1, dry_run=True).items == 1
    # Nor from one of another recipe.
    more = {"signals": {"names": ["word_count"]}}
    changed: dict[str, Any] = {**tree, "clean": ["normalize", more]}
    with pytest.raises(MissingError, match="is not finished"):
        order(Source(read(changed), tmp_path / "runs"), to=tmp_path / "out")
    # What people are asked is no part of what the data is made of.
    other = tree_of(tmp_path, question="Another?", annotators=5)
    assert order(Source(read(other), tmp_path / "runs"), items=1, dry_run=True).annotators == 5
    assert not (tmp_path / "ledger").exists()
    bare = {key: value for key, value in tree.items() if key != "annotate"}
    with pytest.raises(UsageError, match="no section `annotate`"):
        order(Source(read(bare), tmp_path / "runs"))


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    source = source_of(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="there already"):
        order(source, to=tmp_path / "out")
    assert contents(tmp_path / "out") == {"mine.txt": b"mine"}
    order(source, items=2, to=tmp_path / "one")
    with pytest.raises(UsageError, match="there already"):
        order(source, items=2, to=tmp_path / "one")


def test_one_that_was_stopped_before_it_counted_is_ordered_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = source_of(tmp_path)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(order_module, "add", stop)
        with pytest.raises(KeyboardInterrupt):
            order(source, items=5, to=tmp_path / "out")
    written = contents(tmp_path / "out")
    assert not open_ledger(source.ledger).rounds
    assert order(source, items=5, to=tmp_path / "out").round == 1
    assert contents(tmp_path / "out") == written
    assert len(open_ledger(source.ledger).rounds) == 1


def test_gold_is_never_planted_twice_and_what_lacks_is_told(tmp_path: Path) -> None:
    source = source_of(tmp_path, labelled=5, gold=3)
    rounds = [order(source, items=5, to=tmp_path / f"out-{number}") for number in range(3)]
    assert [one.gold for one in rounds] == [3, 2, 0]
    assert any("2 are left that no earlier round had" in one for one in rounds[1].told)
    assert any("no gold is left of `cat`, `dog`" in one for one in rounds[2].told)


def test_gold_of_another_class_is_told_and_not_planted(tmp_path: Path) -> None:
    tree = tree_of(tmp_path, gold=20, classes=["cat", "cow"])
    run(tree, tmp_path)
    made = order(Source(read(tree), tmp_path / "runs"), dry_run=True)
    told = " ".join(made.told)
    assert made.gold == 5
    assert "5 samples with a known answer that is no class (`dog`)" in told
    assert "no gold is left of `cow`" in told
    tree["annotate"]["classes"] = ["ox", "cow"]
    with pytest.raises(DataError, match="one of the classes"):
        order(Source(read(tree), tmp_path / "runs"), dry_run=True)


def test_disputed_items_go_out_again_and_settled_ones_do_not(tmp_path: Path) -> None:
    source = source_of(tmp_path, labelled=0)
    people = {"a": right, "b": right, "c": lambda t, i: wrong(t, i) if "3 of" in t else right(t, i)}
    one_round(tmp_path, source, people)
    made = order(source, how="disputed", to=tmp_path / "again")
    assert {task["text"] for task in tasks_of(made)} == {
        f"number {n} of many" for n in (3, 13, 23, 33)
    }
    # Who had them is named for the orderer alone.
    assert any("3 annotators answered items of this round before" in one for one in made.told)
    lines = (tmp_path / "ledger" / "not-for-0002.csv").read_text().splitlines()
    assert len(lines) == 1 + 4 * 3
    # While they are out, they are not disputed.
    with pytest.raises(DataError, match="no item of the earlier rounds is disputed"):
        order(source, how="disputed", dry_run=True)
    decide(source, "close", round=2)
    assert order(source, how="disputed", dry_run=True).items == 4


def test_what_was_returned_or_never_came_lacks_answers(tmp_path: Path) -> None:
    source = source_of(tmp_path, num=20, labelled=0, annotators=2)
    some = {"a": right, "b": lambda t, i: right(t, i) if "1 of" in t else None}
    one_round(tmp_path, source, some, items=10)
    with pytest.raises(DataError, match="lacks answers"):
        order(source, how="lacking", dry_run=True)
    decide(source, "close", round=1)
    made = order(source, how="lacking", dry_run=True)
    one = open_ledger(source.ledger).imports[0]
    lacking = 10 - sum(1 for who in one.annotators if who != one.annotators[0])
    assert (made.items, made.annotators) == (lacking, 1)
    decide(source, "return", annotator=one.annotators[0])
    assert order(source, how="lacking", dry_run=True).items == 10
    shutil.rmtree(source.ledger)
