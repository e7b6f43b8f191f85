"""Five small lines with every stage, each run once, and all that is shown of each."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

import tilth
from tests.engine.inline import use_inline
from tests.engine.modalities import write_recipe
from tilth.cli.main import app
from tilth.query.runs import RunView, open_run

Tree = dict[str, Any]
Row = dict[str, Any]

LOOP = {"max_steps": 6, "batch_size": 8, "precision": "fp32"}


def command(*arguments: str) -> str:
    """What a verb prints, in this process."""
    found = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.stdout


@dataclass(frozen=True)
class Shown:
    """A run that is done, and all that is shown of it, as those who look at it get it."""

    folder: Path
    line: str

    @cached_property
    def run(self) -> RunView:
        return open_run(self.folder)

    @cached_property
    def terminal(self) -> str:
        return command("status", str(self.folder))

    @cached_property
    def status(self) -> Tree:
        return dict(json.loads(command("status", str(self.folder), "--json")))

    @cached_property
    def figures(self) -> dict[str, Tree]:
        """The figures of `status --json` by path."""
        found = self.status["figures"]
        assert found
        by_path = {one["path"]: one for one in found}
        assert len(by_path) == len(found), "a path stands for two figures"
        return by_path

    @cached_property
    def page(self) -> str:
        return (self.folder / "report.html").read_text("utf-8")

    @cached_property
    def document(self) -> Tree:
        return dict(json.loads((self.folder / "report.json").read_bytes()))

    @cached_property
    def card(self) -> str:
        return (self.folder / "card.md").read_text("utf-8")

    @cached_property
    def readme(self) -> str:
        """The card beside the model."""
        (path,) = self.folder.glob("data/pretrain-*/model/README.md")
        return path.read_text("utf-8")


def run_recipe(recipe: Path, name: str = "run", **options: Any) -> Shown:
    """Run a recipe in this process and write its report."""
    with pytest.MonkeyPatch.context() as patch:
        use_inline(patch)
        done = tilth.run(recipe, runs=recipe.parent, name=name, progress=False, **options)
    return Shown(done.folder, recipe.stem)


_made: dict[str, Shown] = {}


def made(name: str, factory: pytest.TempPathFactory) -> Shown:
    """One of `LINES`, run once in this process."""
    if name not in _made:
        folder = factory.mktemp(name)
        _made[name] = run_recipe(write_line(name, folder))
    return _made[name]


def write_line(name: str, folder: Path, change: Callable[[Tree], None] = lambda _: None) -> Path:
    """The recipe of a line with its data.

    Args:
        name: One of `LINES`.
        folder: There already.
        change: Is given the recipe's tree, to change it.
    """
    tree = _LINES[name](folder)
    change(tree)
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(tree, sort_keys=False), "utf-8")
    return path


def write_rows(path: Path, rows: list[Row], more: str = "") -> None:
    """Rows as JSON Lines, and what else is to stand there."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + more, "utf-8")


def documents(count: int, seed: int = 0) -> list[Row]:
    """Named texts with copies, near-copies, one that is too long-worded and one that is short."""
    chance = random.Random(seed)
    texts: list[str] = []
    for number in range(count):
        text = " ".join(f"word{chance.randrange(400)}" for _ in range(chance.randint(18, 30)))
        if number % 40 == 7:
            text = texts[-3]
        if number % 40 == 9:
            text = f"{texts[-1]} copied"
        texts.append(text)
    texts[11] = " ".join(["incomprehensibilities"] * 20)
    texts[12] = "too short"
    return [{"name": f"d{at}", "text": text} for at, text in enumerate(texts)]


# One of so many is 99.96 %, which no rounding may make all of them.
NUM_DOCUMENTS = 2400


def _text(folder: Path, count: int = NUM_DOCUMENTS) -> Tree:
    rows = documents(count)
    write_rows(folder / "docs.jsonl", rows, '{"name": "cut", "text": "cut in ha\n')
    few = [
        {"name": f"f{at}", "text": f"few {at} " + " ".join(f"few{at * i % 89}" for i in range(25))}
        for at in range(60)
    ]
    write_rows(folder / "few.jsonl", few)
    # Of this source nothing is left.
    write_rows(folder / "gone.jsonl", [{"name": f"g{at}", "text": f"gone {at}"} for at in range(8)])
    sources = {
        name: {"jsonl": {"path": str(folder / f"{name}.jsonl"), "fields": {"id": "name"}}}
        for name in ("docs", "few", "gone")
    }
    return {
        "tilth": 1,
        "name": "text",
        "about": "Three sources, of one of which nothing is left.",
        "threads": 1,
        "error_budget": 0.05,
        "collect": sources,
        "clean": [
            "normalize",
            {"signals": {"names": ["word_count", "mean_word_length"]}},
            {"rules": {"where": ["word_count >= 10"]}},
            {"rules": {"where": ["mean_word_length <= 10"]}},
        ],
        "deduplicate": [
            {"hold_out": {"test": 0.05, "validation": 0.02, "by": "id"}},
            "exact",
            "minhash",
        ],
        "mix": [{"weights": {"sources": {"few": 2.0}}}],
        "pretrain": {
            "task": "text-generation",
            "model": {"kind": "gpt", "layers": 1, "width": 16, "heads": 2, "context": 16},
            "data": {"vocabulary": 300},
            "loop": LOOP,
            "seeds": [3, 4],
        },
        "transfer": {
            "sizes": [8, 16],
            "methods": ["scratch", "finetune"],
            "seeds": 3,
            "test_size": 12,
            "loop": {**LOOP, "max_steps": 3},
        },
        "value": {
            "seeds": 3,
            "arms": {
                "copies": {"without": "deduplicate.exact"},
                "even": {"without": "mix.weights"},
            },
            "leakage": "remove",
        },
    }


PEOPLE = {"ann": 0.95, "bob": 0.85, "cleo": 0.7, "dan": 0.55}
CLASSES = ("cat", "dog", "owl")


def answers(count: int = 90, seed: int = 5) -> list[Row]:
    """Texts of three classes, with what people of unequal worth say of them; some say nothing."""
    chance = random.Random(seed)
    rows = []
    for number in range(count):
        true = CLASSES[number % 3]
        said = []
        for who, right in PEOPLE.items():
            if chance.random() < 0.85:
                other = chance.choice([one for one in CLASSES if one != true])
                said.append({"annotator": who, "label": true if chance.random() < right else other})
        words = " ".join(f"{true}{chance.randrange(12)}" for _ in range(12))
        words = f"{words} {' '.join(f'any{chance.randrange(50)}' for _ in range(12))}"
        place = f"site{number % 4}"
        rows.append({"name": f"p{number}", "text": words, "answers": said, "site": place})
    return rows


def _people(folder: Path) -> Tree:
    write_rows(folder / "items.jsonl", answers())
    fields = {"id": "name", "annotations": "answers", "subject": "site"}
    return {
        "tilth": 1,
        "name": "people",
        "threads": 1,
        "collect": {"items": {"jsonl": {"path": str(folder / "items.jsonl"), "fields": fields}}},
        "label": [{"consensus": {"min_confidence": 0.7}}],
        "mix": ["weights"],
        "pretrain": {
            "task": "text-classification",
            "model": {"kind": "gpt", "layers": 1, "width": 16, "heads": 2, "context": 32},
            "data": {"vocabulary": 400},
            "loop": LOOP,
            "cross_validate": "subject",
        },
    }


def _other(name: str) -> Callable[[Path], Tree]:
    def line(folder: Path) -> Tree:
        tree: Tree = yaml.safe_load(write_recipe(name, folder).read_text("utf-8"))
        # So far that the model has some right and some wrong.
        steps, model = _STEPS[name]
        tree["pretrain"]["loop"] = {**LOOP, "max_steps": steps}
        tree["pretrain"]["model"] |= model
        if model:
            tree["pretrain"]["optimizer"] = {"learning_rate": 0.01}
        return tree

    return line


_STEPS: Mapping[str, tuple[int, Tree]] = {
    "images": (20, {}),
    "speech": (34, {"hidden": 16, "channels": 16}),
    "translation": (70, {"width": 32}),
}
_LINES: Mapping[str, Callable[[Path], Tree]] = {
    "text": _text,
    "people": _people,
    **{name: _other(name) for name in _STEPS},
}
LINES = tuple(_LINES)
# Those that take longer are `slow`.
_QUICK = ("people", "images")


def of_lines(*names: str) -> list[object]:
    """Lines as parameters of the fixture `line`.

    Args:
        names: Some of `LINES`.
    """
    slow = (pytest.mark.slow,)
    return [pytest.param(name, marks=() if name in _QUICK else slow) for name in names]
