"""The page of the figures: it is up to date, and every figure that a run gives is on it."""

from __future__ import annotations

import ast
import json
from functools import cache
from pathlib import Path

import pytest

from tests.engine.inline import run_inline, use_inline
from tests.engine.modalities import write_recipe
from tests.figures_page import MARK, PAGE, STAGE_RECORDS, numbers_of, tables
from tilth.figures import Definition
from tilth.query.figures import BOOKS, METRICS, STAGES, definitions, find, owners
from tilth.query.found import AS_TOLD, NO_FIGURES, SINGLE, _numbers, figures_of
from tilth.query.runs import open_run
from tilth.store.manifest import Counts
from tilth.tasks.registry import metrics

ROOT = Path(__file__).parents[1]

DECLARED = [(owner, one) for owner in owners() for one in definitions(owner).values()]


def _ids(pair: object) -> str:
    return pair.name if isinstance(pair, Definition) else str(pair)


def test_the_page_is_made_from_what_is_declared() -> None:
    """`make reference` writes it anew."""
    assert PAGE.read_text("utf-8").partition(MARK)[2] == "\n" + tables()


def test_every_declared_figure_is_on_the_page() -> None:
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    assert sorted(row.split("`")[1] for row in rows) == sorted(one.name for _, one in DECLARED)
    assert len(rows) == len(DECLARED)


@cache
def _functions(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(("owner", "one"), DECLARED, ids=_ids)
def test_every_figure_is_compared_with_something(owner: str, one: Definition) -> None:
    assert one.reference, f"what `{one.name}` of {owner} is compared with"
    file, _, function = one.test.partition("::")
    assert file.startswith("tests/"), one.test
    assert (ROOT / file).is_file(), one.test
    assert function in _functions(file), one.test
    assert function.startswith("test_"), one.test


PEOPLE = """
tilth: 1
name: people
collect:
  items:
    label_studio: {{path: {path}}}
deduplicate: [{{hold_out: {{test: 0.3, by: id}}}}]
label: [{{consensus: {{method: {method}, min_confidence: {least}}}}}]
mix: [weights]
"""


def _people(folder: Path, method: str) -> Path:
    """Items that three to four people answered, some of them twice or with no answer."""
    tasks = []
    for number in range(40):
        answers = [
            {
                "completed_by": who,
                "result": [
                    {
                        "type": "choices",
                        "value": {"choices": ["good" if (number * (who + 2)) % 3 else "bad"]},
                    }
                ],
            }
            for who in range(3 + number % 2)
        ]
        text = f"item {number} of a list of things to be judged by people"
        tasks.append({"id": number, "data": {"text": text}, "annotations": answers})
    (folder / "people.json").write_text(json.dumps(tasks), "utf-8")
    least = 0.0 if method == "single" else 0.6
    recipe = folder / "people.yaml"
    text = PEOPLE.format(path=folder / "people.json", method=method, least=least)
    recipe.write_text(text, "utf-8")
    return recipe


RUNS = ("text", "images", "speech", "translation", "dawid-skene", "majority", "single")


@pytest.mark.parametrize("which", RUNS)
def test_every_number_of_a_run_is_declared(which: str, tmp_path: Path) -> None:
    recipe = write_recipe if which in RUNS[:4] else lambda name, folder: _people(folder, name)
    with pytest.MonkeyPatch.context() as patch:
        use_inline(patch)
        run_inline(recipe(which, tmp_path).read_text("utf-8"), tmp_path / "run")
    run = open_run(tmp_path / "run")
    seen = set()
    for step in run.line():
        known = definitions(step.op)
        for key, value in step.manifest.figures.items():
            for names, path, _ in _numbers(value, (key,), key):
                seen.add(step.op)
                assert find(known, names)[0], f"{step.op}: {path} is not declared"
    assert seen >= {"text": {"vote", "weights"}}.get(which, {"weights"})
    assert ("consensus" in seen) == (which in RUNS[4:])
    for one in figures_of(run):
        assert one.how != AS_TOLD, f"{one.path} is not declared"


def _trainings(names: tuple[str, ...]) -> set[str]:
    return {"seeds"} & set(names[:-1])


@pytest.mark.parametrize("stage", STAGES)
def test_every_number_of_a_stages_record_is_declared_or_no_figure(stage: str) -> None:
    known = definitions(stage)
    found = dict.fromkeys(numbers_of(STAGE_RECORDS[stage]))
    assert found
    # The metrics of the tasks stand under their own names.
    apart = NO_FIGURES | SINGLE | {"validation", "test"}
    # The seeds of a comparison are numbers that were chosen, those of pretrain its trainings.
    names = [".".join(one) for one in found if not (set(one) - _trainings(one)) & apart]
    lacking = [name for name in names if name not in known]
    assert not lacking
    # And nothing is declared that no record has.
    assert set(known) <= set(names)


def test_every_count_of_the_books_is_declared() -> None:
    names = {field.alias or name for name, field in Counts.model_fields.items()}
    assert names <= set(definitions(BOOKS))
    assert {f"total.{name}" for name in names} <= set(definitions(BOOKS))


def test_every_metric_of_a_task_is_on_the_page() -> None:
    assert set(metrics()) == set(definitions(METRICS))
