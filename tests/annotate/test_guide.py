"""The recipe of the guide, with the answers of real people, from the first order to labels."""

from __future__ import annotations

import csv
import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.annotate.places import tasks_of, write_answers
from tests.engine.inline import use_inline
from tests.label.crowd import load
from tilth import api
from tilth.annotate.order import Ordered, order
from tilth.annotate.source import Source
from tilth.annotate.status import status_of
from tilth.annotate.take import take
from tilth.recipe.load import load_recipe

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "annotation.md"
# Every so many-th item has a known answer.
_GOLD = 10


class Crowd:
    """The people of a public set: who is asked in turn, and what they said."""

    def __init__(self, folder: Path) -> None:
        self.data = load(folder)
        self._said: dict[int, list[tuple[int, int]]] = defaultdict(list)
        found = (self.data.items, self.data.workers, self.data.labels)
        for item, worker, label in zip(*(part.tolist() for part in found), strict=True):
            self._said[item].append((worker, label + 1))

    def write(self, folder: Path) -> None:
        """What the recipe reads."""
        rows = [{"id": str(n), "text": f"pair {n}"} for n in range(self.data.num_items)]
        (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        known = [(n, self.data.gold[n] + 1) for n in range(0, self.data.num_items, _GOLD)]
        with open(folder / "gold.csv", "w", newline="") as file:
            csv.writer(file).writerows([("item", "label"), *known])
        (folder / "guidelines.md").write_text("Only if it must be true.\n")

    def answers(self, path: Path, made: Ordered, first: int, last: int) -> Path:
        """The answers of each item's first people, or of those after them."""
        return write_answers(
            path,
            (
                (task["item"], f"worker-{worker}", label, 4 + worker % 9)
                for task in tasks_of(made)
                for worker, label in self._said[int(task["text"].split()[1])][first:last]
            ),
        )


def _run(recipe: Path, only: str | None = None) -> Any:
    return api.run(recipe, only=only, progress=False)


def _made(recipe: Path) -> list[str]:
    return [step.name for step in api.plan(recipe).to_run]


def test_from_the_first_order_to_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared_data: Path
) -> None:
    use_inline(monkeypatch)
    monkeypatch.chdir(tmp_path)
    crowd = Crowd(shared_data / "crowd-rte")
    crowd.write(tmp_path)
    recipe = tmp_path / "entailment.yaml"
    (text,) = re.findall(r"^```yaml\n(.*?)^```", GUIDE.read_text("utf-8"), re.M | re.S)
    recipe.write_text(text)
    _run(recipe, "normalize")
    source = Source(load_recipe(recipe), Path("runs"))
    first = order(source, items=400, to="round-1")
    assert (first.items, first.gold, first.repeats, first.tasks) == (400, 40, 20, 460)
    assert first.cost == "27.60 USD"
    take(source, [crowd.answers(tmp_path / "1.csv", first, 0, 3)])
    _run(recipe)
    # An import, and nothing else, makes the answers and what follows anew.
    second = order(source, how="disputed", to="round-2")
    assert _made(recipe) == []
    take(source, [crowd.answers(tmp_path / "2.csv", second, 3, 6)])
    assert _made(recipe) == ["label.annotations", "label.consensus"]
    found = status_of(source)
    one, two = found.rounds
    assert (one.answers.answered, two.answers.answered) == (460 * 3, second.tasks * 3)
    assert second.items == one.disputed > 50
    # People who click anything are held or returned, and nobody's name is told.
    assert {work.verdict for work in found.works} >= {"accept", "hold"}
    assert "worker-" not in json.dumps([vars(work) for work in found.works], default=str)
    done = _run(recipe)
    rows = done.dataset("label.consensus").to_arrow().to_pylist()
    labelled = [row for row in rows if row["label_origin"] == "consensus:dawid-skene"]
    # What was planted and answered is gold, with no step between.
    (step,) = (one for one in done.view.steps if one.name == "label.consensus")
    planted = [row for row in rows if row["label"] and row["annotations"] and row not in labelled]
    assert step.manifest.figures["gold_items"] == len(planted) > 20
    truth = {str(n): str(label + 1) for n, label in enumerate(crowd.data.gold.tolist())}
    right = sum(row["label"] == truth[row["text"].split()[1]] for row in labelled)
    assert len(labelled) > 200
    assert right / len(labelled) > 0.85
    for row in rows:
        people = [answer["annotator"] for answer in row["annotations"] or ()]
        assert len(people) == len({*people})
        assert all(name.startswith("annotator-") for name in people)
