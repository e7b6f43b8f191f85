"""The settings of `annotate` and of `annotations`, and the options of `tilth annotate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.annotate.places import (
    answered,
    one_round,
    right,
    source_of,
    tasks_of,
    tree_of,
    wrong,
)
from tests.table.commands import tilth_
from tests.table.entries import effect, extreme, idle, name, refused, unordered
from tests.table.samples import applied, batch
from tests.table.whole import read, run, said
from tilth.annotate.order import Ordered, order
from tilth.annotate.source import Source
from tilth.annotate.status import LedgerStatus, status_of
from tilth.annotate.take import take
from tilth.errors import TilthError
from tilth.label.accepted import Accepted, write_accepted
from tilth.schema import sample_id

# label.annotations


@effect("label.annotations.ledger")
@name("label.annotations.ledger")
def test_the_ledger_that_is_named_is_read(tmp_path: Path) -> None:
    answers = [Accepted(sample_id("0"), "p", "cat", "accepted")]
    (tmp_path / "one").mkdir()
    write_accepted(tmp_path / "one", answers, "")
    for folder, found in (("one", 1), ("other", 0)):
        (row,) = applied("annotations", batch([{}]), ledger=str(tmp_path / folder))
        assert len(row["annotations"] or ()) == found
    # One that is not there may be one that is still to come: the run says that nobody answered.
    warned = read({**tree_of(tmp_path), "label": [{"annotations": str(tmp_path / "ledger")}]})
    assert "nothing was ordered" in warned.records[-1].warning


@effect("label.annotations.held")
def test_held_answers_are_taken_where_asked(tmp_path: Path) -> None:
    write_accepted(tmp_path, [Accepted(sample_id("0"), "p", "cat", "held")], "")
    for held in (True, False):
        (row,) = applied("annotations", batch([{}]), ledger=str(tmp_path), held=held)
        assert bool(row["annotations"]) == held


# annotate


def ordered(folder: Path, items: int | None = 10, **asked: Any) -> Ordered:
    """What would be ordered."""
    return order(source_of(folder, **asked), items=items, to=folder / "out", dry_run=True)


def against(folder: Path, **asked: Any) -> str:
    """What is said against settings."""
    return said(tree_of(folder, **asked))


def worked(folder: Path, **asked: Any) -> LedgerStatus:
    """A round of one who is always right, and one who is wrong on each second text."""
    source = source_of(folder, num=60, labelled=20, ledger=str(folder / "l"), **asked)
    if not (folder / "l").exists():
        made = order(source, items=20, to=folder / "out")
        half = {"a": right, "b": lambda t, i: (wrong if "2 of" in t else right)(t, i)}
        take(source, [answered(folder / "back.csv", made, half)])
    return status_of(source)


@effect("recipe.annotate")
@idle("recipe.annotate")
def test_what_is_asked_is_in_the_order_and_no_data_is_another(tmp_path: Path) -> None:
    tree = tree_of(tmp_path)
    plain = run({key: value for key, value in tree.items() if key != "annotate"}, tmp_path)
    asked = run(tree, tmp_path / "asked")
    assert plain.dataset("clean.normalize").digest == asked.dataset("clean.normalize").digest
    assert ordered(tmp_path).tasks == 10


@effect("recipe.annotate.question", "recipe.annotate.classes")
def test_question_and_classes_go_out(tmp_path: Path) -> None:
    source = source_of(tmp_path, question="Which one?", classes=["cat", "ox"])
    order(source, items=2, to=tmp_path / "out", form="label_studio")
    page = (tmp_path / "out" / "config.xml").read_text()
    assert "Which one?" in page
    assert '"cat"' in page
    assert '"ox"' in page
    assert "at least 1 character" in against(tmp_path, question="")
    assert "only class" in against(tmp_path, classes=["cat"])


@effect("recipe.annotate.guidelines")
@name("recipe.annotate.guidelines")
def test_guidelines_go_out(tmp_path: Path) -> None:
    (tmp_path / "how.txt").write_text("so")
    order(source_of(tmp_path, guidelines=str(tmp_path / "how.txt")), to=tmp_path / "out")
    assert (tmp_path / "out" / "guidelines.txt").read_text() == "so"
    assert "there is no file" in against(tmp_path, guidelines=str(tmp_path / "hwo.txt"))


@effect("recipe.annotate.step")
@name("recipe.annotate.step")
def test_the_step_that_is_named_is_ordered(tmp_path: Path) -> None:
    assert ordered(tmp_path, step="texts").step == "collect.texts"
    assert "did you mean `clean.normalize`?" in against(tmp_path, step="clean.normalise")


@effect("recipe.annotate.show", "recipe.annotate.allow")
@name("recipe.annotate.show", "recipe.annotate.allow")
def test_what_is_shown_leaves_and_what_is_allowed_leaves_as_it_is(
    path: str, tmp_path: Path
) -> None:
    if path.endswith("show"):
        source = source_of(tmp_path, show=["meta.kind", "text"])
        (task,) = tasks_of(order(source, items=1, to=tmp_path / "shown"))
        assert [*task] == ["item", "kind", "text"]
        read(tree_of(tmp_path, show=["meta.x"]))  # all fields travel, so that it may be there
        with pytest.raises(TilthError, match=r"no `meta\.x` to show"):
            ordered(tmp_path, show=["meta.x"])
        return
    (tmp_path / "texts-1-0.jsonl").write_text('{"text": "x@mailbox.se 1", "label": null}\n')
    for number, allow in enumerate([[], ["text"]]):
        source = source_of(tmp_path, 1, 0, allow=allow, ledger=str(tmp_path / f"l{number}"))
        (task,) = tasks_of(order(source, to=tmp_path / f"out{number}"))
        assert ("@" in task["text"]) == bool(allow)
    assert "`show` does not show" in against(tmp_path, show=["text"], allow=["meta.kind"])


@unordered("recipe.annotate.allow")
def test_in_what_order_columns_are_allowed_says_nothing(tmp_path: Path) -> None:
    given: dict[str, Any] = {"show": ["text", "meta.kind"]}
    made = [
        ordered(tmp_path, allow=allow, **given)
        for allow in (["text", "meta.kind"], ["meta.kind", "text"])
    ]
    assert made[0] == made[1]


@effect("recipe.annotate.annotators")
@extreme("recipe.annotate.annotators")
def test_so_many_people_answer(tmp_path: Path) -> None:
    for num in (1, 2, 1000):
        assert ordered(tmp_path, annotators=num).answers == 10 * num
    for wrong_num in (0, 1001):
        assert "annotators" in against(tmp_path, annotators=wrong_num)


@effect("recipe.annotate.gold", "recipe.annotate.repeats")
@extreme("recipe.annotate.gold", "recipe.annotate.repeats")
def test_so_many_are_planted(path: str, tmp_path: Path) -> None:
    key = path.rpartition(".")[2]
    given: list[dict[str, Any]] = [{key: n} for n in (0, 0.01, 0.5, 3, 100_000)]
    found = {one[key]: getattr(ordered(tmp_path, **one), key) for one in given}
    # No more than there are.
    assert found == {0: 0, 0.01: 1, 0.5: 5, 3: 3, 100_000: 10}
    for wrong_num in (-1, 100_001, 1.5):
        assert key in against(tmp_path, **{key: wrong_num})


@effect("recipe.annotate.gold_from")
@name("recipe.annotate.gold_from")
def test_gold_is_what_the_column_says(tmp_path: Path) -> None:
    rows = [{"text": f"number {n}", "known": "cat" if n < 4 else None} for n in range(9)]
    (tmp_path / "known.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    tree = tree_of(tmp_path, gold=3, gold_from="meta.known")
    tree["collect"] = {"texts": {"jsonl": {"path": str(tmp_path / "known.jsonl")}}}
    run(tree, tmp_path)
    found = order(Source(read(tree), tmp_path / "runs"), to=tmp_path / "out", dry_run=True)
    assert (found.gold, found.items) == (3, 5)
    with pytest.raises(TilthError, match=r"no `meta\.knwon`"):
        ordered(tmp_path, gold_from="meta.knwon", gold=2)


@effect("recipe.annotate.choose", "recipe.annotate.stratify_by")
def test_strata_have_their_shares(path: str, tmp_path: Path) -> None:
    how = {"choose": "stratified", "stratify_by": "meta.kind"}
    if path.endswith("choose"):
        with pytest.raises(TilthError, match="disputed"):
            ordered(tmp_path, choose="disputed")
    source = source_of(tmp_path, num=50, labelled=0, **how)
    tasks = tasks_of(order(source, items=10, to=tmp_path / "out"))
    assert sum(int(task["text"].split()[1]) % 5 == 0 for task in tasks) == 2
    assert "does nothing" in against(tmp_path, stratify_by="meta.kind")


@name("recipe.annotate.stratify_by")
def test_strata_are_of_a_column_that_is_there(tmp_path: Path) -> None:
    with pytest.raises(TilthError, match=r"no `meta\.knid`"):
        ordered(tmp_path, choose="stratified", stratify_by="meta.knid")


@effect("recipe.annotate.min_agreement")
@extreme("recipe.annotate.min_agreement")
def test_an_item_is_disputed_below_it(tmp_path: Path) -> None:
    worked(tmp_path, annotators=2)
    for least, num in ((1.0, True), (0.5, False), (1e-9, False)):
        source = source_of(
            tmp_path, 60, 20, ledger=str(tmp_path / "l"), annotators=2, min_agreement=least
        )
        if num:
            assert order(source, how="disputed", dry_run=True).items
            continue
        with pytest.raises(TilthError, match="disputed"):
            order(source, how="disputed", dry_run=True)
    for wrong_num in (0, 1.1):
        assert "min_agreement" in against(tmp_path, min_agreement=wrong_num)


@effect("recipe.annotate.relabel")
def test_labelled_samples_are_ordered_where_asked(tmp_path: Path) -> None:
    assert [ordered(tmp_path, None, relabel=on).items for on in (False, True)] == [30, 40]


@effect("recipe.annotate.price", "recipe.annotate.currency")
@extreme("recipe.annotate.price")
def test_answers_cost_their_price(tmp_path: Path) -> None:
    for price, cost in ((0, "0.00 CHF"), (0.1, "3.00 CHF"), (1_000_000, "30000000.00 CHF")):
        assert ordered(tmp_path, price=price, currency="CHF").cost == cost
    for wrong_num in (-1, 1_000_001):
        assert "price" in against(tmp_path, price=wrong_num, currency="CHF")


@name("recipe.annotate.currency")
def test_a_currency_is_three_letters(tmp_path: Path) -> None:
    assert "currency" in against(tmp_path, price=1, currency="Euro")


@effect("recipe.annotate.ledger")
@name("recipe.annotate.ledger")
def test_the_ledger_is_where_it_is_named(tmp_path: Path) -> None:
    order(source_of(tmp_path, ledger=str(tmp_path / "mine")), items=1, to=tmp_path / "out")
    assert (tmp_path / "mine" / "rounds" / "0001.json").is_file()
    tree = {**tree_of(tmp_path), "label": [{"annotations": "annotations/mien"}]}
    assert f"takes those of annotations/mien (`annotations: {tmp_path}" in said(tree)


def verdicts(folder: Path, **asked: Any) -> list[str]:
    return sorted(work.verdict for work in worked(folder, **asked).works)


@effect("recipe.annotate.accept", "recipe.annotate.accept.min_gold_accuracy")
@extreme("recipe.annotate.accept.min_gold_accuracy")
def test_gold_accuracy_decides(tmp_path: Path) -> None:
    for least, found in ((0, ["accept", "accept"]), (0.95, ["accept", "hold"])):
        rule = {"min_gold_accuracy": least}
        assert verdicts(tmp_path, gold=20, accept=rule) == found
    assert verdicts(tmp_path, gold=20, accept={"min_gold_accuracy": 1}) == ["accept", "return"]
    for wrong_num in (-0.1, 1.1):
        assert "min_gold" in against(tmp_path, gold=1, accept={"min_gold_accuracy": wrong_num})


@effect("recipe.annotate.accept.min_gold_answers")
@extreme("recipe.annotate.accept.min_gold_answers")
def test_too_few_gold_answers_hold(tmp_path: Path) -> None:
    for least, found in ((1, "accept"), (20, "accept"), (21, "hold"), (10**9, "hold")):
        assert verdicts(tmp_path, gold=20, accept={"min_gold_answers": least})[0] == found
    assert "min_gold" in against(tmp_path, gold=1, accept={"min_gold_answers": 0})


@effect("recipe.annotate.accept.min_repeat_agreement")
@extreme("recipe.annotate.accept.min_repeat_agreement")
def test_repeats_are_answered_alike(tmp_path: Path) -> None:
    # What holds of people who waver is shown in tests/annotate/test_acceptance.py.
    rule: dict[str, Any]
    for least in (0, 1):
        rule = {"min_repeat_agreement": least}
        found = worked(tmp_path, repeats=5, accept=rule)
        assert {work.verdict for work in found.works} == {"accept"}
        assert all(work.repeats is not None and work.repeats.value == 1 for work in found.works)
    for wrong_num in (-0.1, 1.1):
        rule = {"min_repeat_agreement": wrong_num}
        assert "min_repeat" in against(tmp_path, repeats=1, accept=rule)


@effect("recipe.annotate.accept.min_alpha")
@extreme("recipe.annotate.accept.min_alpha")
def test_alpha_below_it_holds(tmp_path: Path) -> None:
    for least, found in ((-1, "accept"), (1, "hold")):
        assert verdicts(tmp_path, accept={"min_alpha": least}) == [found] * 2
    for wrong_num in (-1.1, 1.1):
        assert "min_alpha" in against(tmp_path, accept={"min_alpha": wrong_num})


@effect("recipe.annotate.accept.scale")
@refused("recipe.annotate.accept.scale")
def test_the_scale_of_alpha(tmp_path: Path) -> None:
    grades = ["1", "2", "9"]
    alphas = {
        scale: status_of(graded(tmp_path / scale, grades, accept={"scale": scale})).rounds[0].alpha
        for scale in ("nominal", "ordinal", "interval")
    }
    assert len({*alphas.values()}) == 3
    assert all(value is not None for value in alphas.values())
    assert "is no number" in against(tmp_path, accept={"scale": "interval"})
    assert "does nothing with free text" in against(
        tmp_path, classes=[], accept={"scale": "ordinal"}
    )


def graded(folder: Path, classes: list[str], **asked: Any) -> Source:
    """Two people who answer with classes by the number of a text, one a grade higher at times."""
    folder.mkdir(exist_ok=True)
    source = source_of(folder, labelled=0, classes=classes, annotators=2, **asked)

    def says(text: str, _: str) -> str:
        return grade(int(text.split()[1]) % 3)

    def higher(text: str, _: str) -> str:
        number = int(text.split()[1])
        return grade(min(number % 3 + (number % 4 == 0), 2))

    def grade(at: int) -> str:
        return classes[at] if classes else " ".join(["good", "morning", "all"][: at + 1])

    one_round(folder, source, {"a": says, "b": higher}, items=30)
    return source


@effect("recipe.annotate.accept.min_text_agreement", "recipe.annotate.accept.text_metric")
@extreme("recipe.annotate.accept.min_text_agreement")
@refused("recipe.annotate.accept.min_text_agreement", "recipe.annotate.accept.text_metric")
def test_texts_that_are_unlike_the_others_are_held(tmp_path: Path) -> None:
    rule: dict[str, Any]
    seen = set()
    for metric in ("wer", "cer", "chrf"):
        for least, verdict in ((0, "accept"), (1, "hold")):
            rule = {"min_text_agreement": least, "text_metric": metric}
            source = graded(tmp_path / f"{metric}-{least}", [], accept=rule)
            works = status_of(source).works
            assert {work.verdict for work in works} == {verdict}
            assert {work.alpha for work in works} == {None}
            seen.add(works[0].agreement)
        # Only those that differ are disputed.
        again = order(source, how="disputed", to=tmp_path / f"{metric}-again")
        assert 0 < again.items == status_of(source).rounds[0].disputed < 30
    assert len(seen) == 3
    for wrong_num in (-0.1, 1.1):
        rule = {"min_text_agreement": wrong_num}
        assert "min_text" in against(tmp_path, classes=[], accept=rule)
    assert "which are no texts" in against(tmp_path, accept={"text_metric": "cer"})
    one = {"annotators": 1, "classes": [], "accept": {"min_text_agreement": 0.5}}
    assert "`annotators: 2`" in against(tmp_path, **one)


@effect("recipe.annotate.accept.min_seconds")
@extreme("recipe.annotate.accept.min_seconds")
def test_faster_than_it_is_held(tmp_path: Path) -> None:
    for least, found in ((1e-9, "accept"), (3, "accept"), (3.1, "hold"), (1e9, "hold")):
        assert verdicts(tmp_path, accept={"min_seconds": least}) == [found] * 2
    assert "min_seconds" in against(tmp_path, accept={"min_seconds": 0})


# tilth annotate


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a recipe, its finished run, and nothing ordered."""
    monkeypatch.chdir(tmp_path)
    tree = tree_of(tmp_path, num=20, labelled=5, ledger="ledger")
    Path("mine.yaml").write_text(yaml.safe_dump({"tilth": 1, **tree}))
    run(tree, tmp_path)
    return tmp_path


def round_one(place: Path) -> Ordered:
    source = Source(read(yaml.safe_load(Path("mine.yaml").read_text())), place / "runs")
    made = order(source, items=5, to=place / "mine-round-1")
    answered(place / "back.csv", made, {"ann": right, "bo": right})
    return made


@effect(
    *("tilth annotate recipe", "tilth annotate --items", "tilth annotate --to"),
    *("tilth annotate --format", "tilth annotate --json"),
)
def test_a_round_is_ordered(place: Path) -> None:
    found = tilth_("annotate", "mine.yaml", "--items", 3, "--to", "out", "--format", "jsonl")
    assert found.code == 0, found.err
    assert "round 1: 3 items of clean.normalize: 3 tasks for 3 annotators each" in found.out
    assert len((place / "out" / "tasks.jsonl").read_text().splitlines()) == 3
    more = tilth_("annotate", "mine.yaml", "--json").document
    assert (more["round"], more["items"], more["folder"]) == (2, 12, "mine-round-2")


@effect("tilth annotate --dry-run", "tilth annotate --runs")
def test_a_dry_run_writes_nothing(place: Path) -> None:
    assert "nothing was written" in tilth_("annotate", "mine.yaml", "--dry-run").out
    assert not (place / "ledger").exists()
    other = tilth_("annotate", "mine.yaml", "--dry-run", "--runs", "elsewhere")
    assert other.code == 3
    assert "has not run" in other.err


@effect("tilth annotate --import", "tilth annotate files")
@refused("tilth annotate files")
def test_files_are_taken(place: Path) -> None:
    round_one(place)
    (place / "bad.csv").write_text("item,annotator,label\nzz,ann,cat\n")
    found = tilth_("annotate", "mine.yaml", "--import", "back.csv", "bad.csv")
    assert found.code == 1
    assert "back.csv (csv): 10 rows, 10 new answers" in found.out
    assert "1: no item of this ledger has this name (first: bad.csv:2)" in found.out
    again = tilth_("annotate", "mine.yaml", "--import", "back.csv")
    assert again.code == 0
    assert "nothing changed" in again.out
    stray = tilth_("annotate", "mine.yaml", "back.csv")
    assert stray.code == 2
    assert "does nothing without `--import`" in stray.err


@effect("tilth annotate --status")
def test_the_status_is_said(place: Path) -> None:
    assert "nothing was ordered yet" in tilth_("annotate", "mine.yaml", "--status").out
    round_one(place)
    tilth_("annotate", "mine.yaml", "--import", "back.csv")
    found = tilth_("annotate", "mine.yaml", "--status")
    assert "annotator-" in found.out
    assert "ann" not in found.out.replace("annotat", "").split()
    document = tilth_("annotate", "mine.yaml", "--status", "--json").document
    assert document["rounds"][0]["answers"]["accepted"] == 10


@effect("tilth annotate --accept", "tilth annotate --hold", "tilth annotate --return")
@name("tilth annotate --accept", "tilth annotate --hold", "tilth annotate --return")
def test_somebody_decides(path: str, place: Path) -> None:
    round_one(place)
    tilth_("annotate", "mine.yaml", "--import", "back.csv")
    works = tilth_("annotate", "mine.yaml", "--status", "--json").document["works"]
    option = path.rpartition(" ")[2]
    who = works[0]["annotator"]
    assert tilth_("annotate", "mine.yaml", option, who).code == 0
    works = tilth_("annotate", "mine.yaml", "--status", "--json").document["works"]
    assert (works[0]["verdict"], works[0]["why"]) == (option.strip("-"), "decided by hand")
    wrong_one = tilth_("annotate", "mine.yaml", option, who[:-1])
    assert wrong_one.code == 2
    assert f"did you mean `{who}`?" in wrong_one.err


@effect("tilth annotate --round")
@refused("tilth annotate --round")
def test_a_decision_is_of_a_round(place: Path) -> None:
    round_one(place)
    tilth_("annotate", "mine.yaml", "--import", "back.csv")
    works = tilth_("annotate", "mine.yaml", "--status", "--json").document["works"]
    who = works[0]["annotator"]
    found = tilth_("annotate", "mine.yaml", "--hold", who, "--round", 1)
    assert found.out == f"{who} is held in round 1\n"
    assert "there is no round 2" in tilth_("annotate", "mine.yaml", "--hold", who, "--round", 2).err
    assert "does nothing" in tilth_("annotate", "mine.yaml", "--status", "--round", 1).err


@effect("tilth annotate --close", "tilth annotate --choose")
def test_what_did_not_come_is_ordered_again_once_its_round_is_closed(
    path: str, place: Path
) -> None:
    del path
    round_one(place)
    tilth_("annotate", "mine.yaml", "--import", "back.csv")
    lacking = ("annotate", "mine.yaml", "--choose", "lacking", "--dry-run")
    assert "lacks answers" in tilth_(*lacking).err
    assert "round 1 is closed" in tilth_("annotate", "mine.yaml", "--close", 1).out
    assert "5 tasks for 1 annotator each" in tilth_(*lacking).out


@effect("tilth annotate --settle")
def test_another_rule_is_applied(place: Path) -> None:
    round_one(place)
    tilth_("annotate", "mine.yaml", "--import", "back.csv")
    assert "nothing changed" in tilth_("annotate", "mine.yaml", "--settle").out
    tree = yaml.safe_load(Path("mine.yaml").read_text())
    tree["annotate"]["accept"] = {"min_seconds": 60}
    Path("mine.yaml").write_text(yaml.safe_dump(tree))
    assert "--settle" in tilth_("annotate", "mine.yaml", "--status").out
    assert tilth_("annotate", "mine.yaml", "--settle", "--json").document == {"changed": True}
    heads = json.loads((place / "ledger" / "accepted.jsonl").read_text().splitlines()[1])
    assert heads[3] == "held"


@effect("tilth annotate --debug")
def test_debug_shows_the_traceback(place: Path) -> None:
    found = tilth_("annotate", "mine.yaml", "--settle", "--debug")
    assert found.code == 2
    assert "Traceback" in found.err


def test_two_things_in_one_command_are_refused(place: Path) -> None:
    del place
    for words in (
        ["--status", "--settle"],
        ["--status", "--items", 3],
        ["--close", 1, "--dry-run"],
    ):
        found = tilth_("annotate", "mine.yaml", *words)
        assert found.code == 2
        assert "exclude each other" in found.err
