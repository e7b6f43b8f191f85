"""What one cell of a comparison stands on: all of it, and no more."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cell_runs import AS_THEY_COME, came_to, fields_read, rebuilt, whole_transform
from tests.table.cells import DIGITS, TEXTS, Place, digits_place, texts_place
from tests.table.whole import Tree, read
from tests.transfer.conftest import pretrain
from tilth.context import Context
from tilth.pretrain.settings import Settings as PretrainSettings
from tilth.transfer import compare, methods
from tilth.transfer.cell import CellSettings, Training, settings_of
from tilth.transfer.result import Cell, TransferOutcome

SHIFT: Tree = {"shift": {"max_x": 1, "max_y": 1}}
# Whatever is given here once, and means something to a cell.
RICH: Tree = {
    "sizes": [4],
    "sizes_per_class": True,
    "metric": "top5",
    "group": "subject",
    "test_size": 40,
    "methods": ["scratch", "finetune", "lora"],
    "lora_rank": 3,
    "objective": {"label_smoothing": 0.1, "mixup": 0.2, "views": "mirror"},
    "optimizer": {"kind": "muon", "learning_rate": 0.002, "rates": {"head.": 3}, "grad_clip": 1.0},
    "loop": {"max_steps": 7, "batch_size": 6, "accumulate": 2, "ema": 0.5, "precision": "fp32"},
    "overrides": {"finetune": {"freeze": ["head.bias"], "unfreeze": {"body.": 0.5}}},
}


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return digits_place(tmp_path_factory.mktemp("digits"))


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return texts_place(tmp_path_factory.mktemp("texts"))


def with_(given: Tree, *, tree: Tree = DIGITS, pretrain: Tree | None = None) -> Tree:
    """The recipe with some of transfer, and of pretrain, given otherwise."""
    augment = given.pop("augment", [])
    stages = {"transfer": tree["transfer"] | given, "pretrain": tree["pretrain"] | (pretrain or {})}
    return {**tree, **stages, **({"augment": augment} if augment else {})}


def stages_of(tree: Tree) -> tuple[compare.Settings, compare.Planned]:
    """The settings of transfer, and what the plan gives to it."""
    # A transform that no stage takes is refused of a recipe; some are of another stage alone.
    recipe = read({name: stage for name, stage in tree.items() if name != "augment"})
    assert recipe.transfer is not None
    assert recipe.pretrain is not None
    transforms = [whole_transform(one) for one in tree.get("augment", [])]
    planned = {"augment": transforms, "pretrain": recipe.pretrain.settings}
    made: Any = recipe.transfer.settings
    return made, compare.Planned.model_validate(planned)


def parts(cell: Cell, tree: Tree) -> dict[str, Any]:
    return dict(compare.cell_parts(cell, *stages_of(tree)))


def run(place: Place, cell: Cell, tree: Tree, model: Path | None = None) -> TransferOutcome:
    inputs = {"data": place.data, "model": model or place.model}
    made, planned = stages_of(tree)
    return compare.run_cell(cell, inputs, made, place.context, planned)


def cell_of(method: str, size: int = 40, seed: int = 0) -> Cell:
    return Cell.model_validate({"method": method, "size": size, "seed": seed})


@pytest.mark.parametrize(
    "other",
    [
        {"smallest_effect": 3},
        {"sizes": [20, 40, 60]},
        {"methods": ["finetune", "lora", "probe"], "lora_rank": 2},
        {"seeds": 5},
        {"overrides": {"scratch": {"loop": {"max_steps": 3}, "freeze": ["head."]}}},
        {"overrides": {"finetune": {}}},
        {"overrides": {"finetune": {"optimizer": {"learning_rate": 0.003}}}},
        {"task": "image-classification"},
        # Of a kind that this task does not take.
        {"augment": [{"speed": {}}]},
    ],
    ids=str,
)
def test_what_is_not_of_a_cell_leaves_it_as_it_is(other: Tree) -> None:
    cell = cell_of("finetune")
    assert parts(cell, with_(dict(other))) == parts(cell, DIGITS)


def test_the_own_figure_is_the_same_by_its_name() -> None:
    cell = cell_of("finetune")
    assert parts(cell, with_({"metric": ""})) == parts(cell, with_({"metric": "accuracy"}))
    assert parts(cell, with_({"metric": ""})) != parts(cell, DIGITS)


def test_what_a_training_keeps_of_itself_is_no_part_of_a_cell() -> None:
    loop = DIGITS["pretrain"]["loop"] | {"checkpoint_every": 5, "tensorboard": True}
    cell = cell_of("finetune")
    assert parts(cell, with_({}, pretrain={"loop": loop, "seeds": [0]})) == parts(cell, DIGITS)


@pytest.mark.parametrize(
    "other",
    [
        {"sizes_per_class": True},
        {"metric": "accuracy"},
        {"group": "subject"},
        {"test_size": 30},
        {"data": {"labels": ["0", "1"]}},
        {"objective": {"mixup": 0.2}},
        {"optimizer": {"learning_rate": 0.004}},
        {"loop": {"max_steps": 11, "batch_size": 8}},
        {"overrides": {"finetune": {"loop": {"ema": 0.5}}}},
        {"overrides": {"finetune": {"freeze": ["head.bias"]}}},
        {"overrides": {"finetune": {"unfreeze": {"body.": 0.5}}}},
        {"augment": [SHIFT]},
        {"augment": [{"shift": {"max_x": 2, "max_y": 1}}]},
        {"task": "image-rotation"},
    ],
    ids=str,
)
def test_what_is_of_a_cell_makes_it_another(other: Tree) -> None:
    cell = cell_of("finetune")
    assert parts(cell, with_(dict(other))) != parts(cell, DIGITS)


def test_another_cell_is_another() -> None:
    cells = [
        cell_of(method, size, seed)
        for method in ("scratch", "finetune", "probe", "lora")
        for size in (20, 40)
        for seed in (0, 1)
    ]
    found = {json.dumps(parts(cell, DIGITS), sort_keys=True) for cell in cells}
    assert len(found) == len(cells)


def test_a_rank_is_of_lora_alone() -> None:
    ranked = with_({"methods": ["scratch", "lora", "finetune"], "lora_rank": 3})
    assert parts(cell_of("lora"), ranked)["training"]["rank"] == 3
    assert parts(cell_of("finetune"), ranked)["training"]["rank"] is None
    written = with_({"methods": ["scratch", "lora"], "lora_rank": 8})
    assert parts(cell_of("lora"), written) == parts(cell_of("lora"), DIGITS)


def test_the_order_of_transforms_acts_among_those_of_one_kind() -> None:
    cell = cell_of("finetune")
    flip: Tree = {"flip": {}}
    one, other = (parts(cell, with_({"augment": both})) for both in ([SHIFT, flip], [flip, SHIFT]))
    assert one != other
    mixed = with_({"augment": [SHIFT, {"speed": {}}, flip]})
    assert parts(cell, mixed) == one


@pytest.mark.parametrize("method", ["scratch", "finetune", "lora"])
def test_a_cell_runs_from_its_parts_alone(method: str, digits: Place) -> None:
    tree, cell = with_({**RICH, "augment": [SHIFT]}), cell_of(method, 4, 1)
    made = rebuilt(CellSettings, json.loads(json.dumps(parts(cell, tree))))
    inputs = {"data": digits.data, "model": digits.model}
    again = methods.run_method(made, inputs, digits.context)
    assert came_to(again) == came_to(run(digits, cell, tree))


def test_a_cell_reads_all_of_its_parts_and_nothing_else_of_a_recipe(
    digits: Place, texts: Place
) -> None:
    stages = (compare.Settings, compare.Planned, PretrainSettings)
    tree, counted = with_({**RICH, "augment": [SHIFT]}), _counted()
    made = [
        (place, settings_of(cell, *stages_of(one)))
        for place, one, cell in (
            (digits, tree, cell_of("finetune", 4)),
            (digits, tree, cell_of("lora", 4)),
            (texts, counted, cell_of("tfidf-svm", 8)),
        )
    ]
    own: set[str] = set()
    for place, cell in made:
        with fields_read((CellSettings, Training, *stages)) as found:
            methods.run_method(
                cell, {"data": place.data, "model": place.model}, Context(place.work)
            )
        own |= found
    assert own == {
        f"{kind.__name__}.{name}" for kind in (CellSettings, Training) for name in kind.model_fields
    }


def _counted() -> Tree:
    """Texts that are told apart by their words."""
    given = {"task": "text-classification", "methods": ["scratch", "tfidf-svm"]}
    return with_(given, tree=TEXTS)


def test_only_what_is_carried_over_stands_on_the_weights(digits: Place, tmp_path: Path) -> None:
    """The files of a model that a cell names decide it; others may be there, or not."""
    shutil.copytree(digits.model, tmp_path / "bare")
    (tmp_path / "bare" / "model.safetensors").unlink()
    made, planned = stages_of(DIGITS)
    reads = {
        method: compare.cell_reads(cell_of(method), made, planned, ("data", "model"))
        for method in ("scratch", "finetune", "probe", "lora")
    }
    described = ("data", "model/config.json", "model/tokenizer.json")
    assert reads.pop("scratch") == described
    assert set(reads.values()) == {(*described, "model/model.safetensors")}
    bare = run(digits, cell_of("scratch"), DIGITS, tmp_path / "bare")
    assert came_to(bare) == came_to(run(digits, cell_of("scratch"), DIGITS))


def test_words_are_counted_whatever_the_model_makes_of_them(texts: Place, tmp_path: Path) -> None:
    tree, cell = _counted(), cell_of("tfidf-svm", 8)
    made, planned = stages_of(tree)
    assert compare.cell_reads(cell, made, planned, ("data", "model")) == ("data",)
    assert parts(cell, tree)["training"] is None
    # Another network, and another tokenizer.
    other = with_({}, tree=tree, pretrain={"data": {"vocabulary": 280, "sources": ["second"]}})
    step = read(other).pretrain
    assert step is not None
    assert isinstance(step.settings, PretrainSettings)
    model = pretrain(step.settings, texts.data, tmp_path)
    assert came_to(run(texts, cell, tree, model)) == came_to(run(texts, cell, tree))
    # Where nobody says what the task is, the model does.
    unplanned = made.model_copy(update={"task": None})
    reads = compare.cell_reads(cell, unplanned, compare.Planned(), ("data", "model"))
    assert reads[1:] == ("model/config.json", "model/tokenizer.json")


def test_a_cell_names_the_modules_that_no_import_does() -> None:
    made, planned = stages_of(with_({"augment": [SHIFT, {"speed": {}}]}))
    assert compare.cell_modules(cell_of("finetune"), made, planned) == (
        "tilth.augment.images.shift",
        "tilth.models.mlp.network",
        "tilth.tasks.images.classification",
        "tilth.tasks.images.classification.task",
        "tilth.tasks.images.pixels",
    )
    made, planned = stages_of(_counted())
    words = compare.cell_modules(cell_of("tfidf-svm", 8), made, planned)
    assert words == (
        "tilth.tasks.text.classification",
        "tilth.tasks.text.classification.task",
        "tilth.tasks.text.labelled",
    )


def test_a_summary_stands_on_its_words_and_on_which_cells_there_are() -> None:
    def of(given: Tree) -> dict[str, Any]:
        return dict(compare.summary_parts(*stages_of(with_(given))))

    base = of({})
    for acts in (
        {"smallest_effect": 3},
        {"group": "subject"},
        {"sizes": [20, 40]},
        {"methods": ["finetune", "scratch"]},
        {"seeds": 3},
        {"sizes_per_class": True},
    ):
        assert of(acts) != base
    assert of({"optimizer": {"learning_rate": 0.1}, "test_size": 9}) == base


# What a recipe may say, each way of it with results of its own or none at all.
CHOICES: Mapping[str, tuple[Any, ...]] = {
    "smallest_effect": (None, 2),
    "sizes": ([20], [20, 40], [10, 20, 40]),
    "methods": (["scratch", "finetune"], ["finetune", "lora", "scratch"]),
    "seeds": (2, 3),
    "metric": ("", "accuracy", "loss", "top5"),
    "group": ("", "subject"),
    "test_size": (None, 30),
    "optimizer": ({"learning_rate": 0.003}, {"learning_rate": 0.01}, {"kind": "sgd"}),
    "overrides": (
        {},
        {"finetune": {"optimizer": {"learning_rate": 0.02}}},
        {"scratch": {"loop": {"max_steps": 4}}},
        {"finetune": {"freeze": ["head.bias"]}},
    ),
    "augment": ([], [SHIFT], [{"speed": {}}], [SHIFT, {"speed": {}}]),
}
Recipe = dict[str, Any]
RECIPES = st.fixed_dictionaries({name: st.sampled_from(of) for name, of in CHOICES.items()})
_RUNS: dict[str, dict[str, Any]] = {}


def _of_two(one: Recipe, other: Recipe, data: st.DataObject, digits: Place) -> None:
    """Cells of two recipes come to the same where their parts are the same, and only there."""
    cells = [compare.cells(*stages_of(with_(dict(given)))) for given in (one, other)]
    same = data.draw(st.booleans(), label="the same cell")
    first = data.draw(st.sampled_from([c for c in cells[0] if not same or c in cells[1]]))
    second = first if same else data.draw(st.sampled_from(cells[1]))
    found = []
    for recipe, cell in ((one, first), (other, second)):
        key = json.dumps([recipe, cell.as_json()], sort_keys=True)
        if key not in _RUNS:
            _RUNS[key] = came_to(run(digits, cell, with_(dict(recipe))))
        found.append((parts(cell, with_(dict(recipe))), _RUNS[key]))
    assert (found[0][0] == found[1][0]) == (found[0][1] == found[1][1])


@given(RECIPES, RECIPES, st.data())
@settings(AS_THEY_COME, max_examples=12, derandomize=True)
def test_the_same_parts_come_to_the_same_and_no_others_do(
    digits: Place, one: Recipe, other: Recipe, data: st.DataObject
) -> None:
    _of_two(one, other, data, digits)


@given(RECIPES, st.sampled_from(sorted(CHOICES)), st.data())
@settings(AS_THEY_COME, max_examples=20, derandomize=True)
def test_of_one_edit_just_the_cells_that_it_is_of_are_others(
    digits: Place, one: Recipe, edited: str, data: st.DataObject
) -> None:
    _of_two(one, one | {edited: data.draw(st.sampled_from(CHOICES[edited]))}, data, digits)


@pytest.mark.slow
@given(RECIPES, RECIPES, st.data())
@settings(AS_THEY_COME, max_examples=200)
def test_the_same_parts_come_to_the_same_in_many_recipes(
    digits: Place, one: Recipe, other: Recipe, data: st.DataObject
) -> None:
    _of_two(one, other, data, digits)
