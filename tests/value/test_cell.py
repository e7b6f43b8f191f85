"""What one cell of an experiment stands on: all of it, and no more."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cell_runs import AS_THEY_COME, came_to, fields_read, rebuilt, whole_transform
from tests.table.cells import DIGITS, Place, digits_place
from tests.table.whole import Tree, read
from tests.transfer.samples import digit_rows, write_dataset
from tilth.pretrain.settings import Settings as PretrainSettings
from tilth.store import Dataset
from tilth.transfer.settings import Settings as TransferSettings
from tilth.value import arms, experiment
from tilth.value.cell import CellSettings, Training, settings_of
from tilth.value.result import Cell, ValueOutcome
from tilth.value.settings import Planned, Settings

SHIFT: Tree = {"shift": {"max_x": 1, "max_y": 1}}
SPEED: Tree = {"speed": {}}
ARMS: Tree = {
    "again": {"same": True},
    "fewer": {"without_source": "b"},
    "smooth": {"set": {"pretrain": {"objective": {"label_smoothing": 0.2}}}},
    "fresh": {"without": "pretrain"},
}
TARGET: Tree = {"size": 40, "loop": {"max_steps": 6, "batch_size": 8}}
BASE: Tree = {**DIGITS, "value": DIGITS["value"] | {"arms": ARMS, "target": TARGET}}
CONTROL = Cell(arm="control", seed=0)


@dataclass(frozen=True)
class Data:
    """The place of the digits, and the inputs of the experiment: of arms, of the control."""

    place: Place
    inputs: Mapping[str, Path]


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Data:
    folder = tmp_path_factory.mktemp("digits")
    place = digits_place(folder)
    fewer = write_dataset(folder / "fewer", digit_rows(limit=240, test=100))
    inputs = {"control": place.data, "again": place.data, "smooth": place.data, "fewer": fewer}
    return Data(place, inputs)


def with_(changes: Tree, **stages: Tree) -> Tree:
    """The recipe with some of value, and of other stages, given otherwise."""
    changes = dict(changes)
    augment = changes.pop("augment", [])
    further = {name: BASE[name] | stage for name, stage in stages.items()}
    return {**BASE, **further, "value": BASE["value"] | changes, "augment": augment}


def stages_of(tree: Tree) -> tuple[Settings, Planned]:
    """The settings of value, and what the plan gives to it."""
    # A transform that no stage takes is refused of a recipe; some are of another stage alone.
    augment = tree.get("augment", [])
    taken = [one for one in augment if one != SPEED]
    recipe = read(tree | {"augment": taken} if taken else _without(tree, "augment"))
    assert recipe.value is not None
    before = {s.name: s.settings for s in (recipe.pretrain, recipe.transfer) if s is not None}
    made: Any = recipe.value.settings
    planned = {"augment": [whole_transform(one) for one in augment], **before}
    return made, Planned.model_validate(planned)


def _without(tree: Tree, name: str) -> Tree:
    return {key: value for key, value in tree.items() if key != name}


def parts(cell: Cell, tree: Tree = BASE) -> dict[str, Any]:
    return dict(arms.cell_parts(cell, *stages_of(tree)))


def run(data: Data, cell: Cell, tree: Tree = BASE, **inputs: Path) -> ValueOutcome:
    made, planned = stages_of(tree)
    return arms.run_cell(cell, {**data.inputs, **inputs}, made, data.place.context, planned)


@pytest.mark.parametrize("arm", ["control", "again", "fewer", "smooth", "fresh"])
@pytest.mark.parametrize(
    ("value", "stages"),
    [
        ({"smallest_effect": 3}, {}),
        ({"seeds": 5}, {}),
        ({"arms": {**ARMS, "more": {"without_source": "a"}}}, {}),
        ({"curve": [0.1, 0.2, 0.4]}, {}),
        ({"match": "compute"}, {}),
        ({"task": "image-classification"}, {}),
        ({"augment": [SPEED]}, {}),
        ({}, {"pretrain": {"seeds": [0]}}),
        ({}, {"pretrain": {"cross_validate": "source"}}),
        ({}, {"pretrain": {"freeze": ["head.bias"]}}),
        ({}, {"pretrain": {"objective": {"views": "mirror"}}, "transfer": {"objective": {}}}),
        ({}, {"transfer": {"seeds": 3, "smallest_effect": 2, "sizes": [20, 40]}}),
        ({}, {"transfer": {"methods": ["finetune", "lora"], "lora_rank": 2}}),
    ],
    ids=str,
)
def test_what_is_not_of_a_cell_leaves_it_as_it_is(
    arm: str, value: Tree, stages: dict[str, Tree]
) -> None:
    cell = Cell(arm=arm, seed=0)
    target = {**TARGET, "objective": {"views": None}}
    before = parts(cell, with_({"target": target}))
    assert parts(cell, with_({"target": target, **value}, **stages)) == before


def test_how_often_a_training_is_kept_is_no_part_of_a_cell() -> None:
    loop = DIGITS["pretrain"]["loop"] | {
        "checkpoint_every": 5,
        "tensorboard": True,
        "eval_every": 2,
    }
    assert parts(CONTROL, with_({}, pretrain={"loop": loop})) == parts(CONTROL)


def test_the_name_of_an_arm_is_no_part_of_its_cells() -> None:
    renamed = with_({"arms": {"a": ARMS["smooth"], "b": ARMS["again"], "c": ARMS["fresh"]}})
    for old, new in (("smooth", "a"), ("again", "b"), ("fresh", "c")):
        assert parts(Cell(arm=new, seed=1), renamed) == parts(Cell(arm=old, seed=1))


def test_an_a_a_arm_is_trained_itself(digits: Data) -> None:
    """With the control's results for its own it would say that the experiment sees no ghosts,
    whatever it sees."""
    twice = with_({"arms": {"again": {"same": True}, "once more": {"same": True}}})
    found = [parts(Cell(arm=arm, seed=0), twice) for arm in ("control", "again", "once more")]
    assert [one.pop("again") for one in found] == [0, 1, 2]
    assert found[0] == found[1] == found[2]
    assert came_to(run(digits, Cell(arm="again", seed=0))) == came_to(run(digits, CONTROL))


@pytest.mark.parametrize(
    ("arm", "value", "stages"),
    [
        ("control", {"metric": "accuracy"}, {}),
        ("control", {"group": "subject"}, {}),
        ("control", {"leakage": "refuse"}, {}),
        ("control", {"match": "data"}, {}),
        ("control", {"budget": 11}, {}),
        ("control", {"optimizer": {"learning_rate": 0.004}}, {}),
        ("control", {"loop": {"ema": 0.5}}, {}),
        ("control", {"target": {**TARGET, "size": 30}}, {}),
        ("control", {"target": {**TARGET, "test_size": 30}}, {}),
        ("control", {"target": {**TARGET, "objective": {"views": "mirror"}}}, {}),
        ("control", {"target": "none", "arms": {"again": {"same": True}}}, {}),
        ("control", {"augment": [SHIFT]}, {}),
        ("control", {}, {"pretrain": {"objective": {"mixup": 0.2}}}),
        ("control", {}, {"pretrain": {"model": {"kind": "mlp", "hidden": [8], "dropout": 0}}}),
        ("control", {}, {"pretrain": {"data": {"labels": ["0", "1", "2"]}}}),
        ("control", {}, {"transfer": {"optimizer": {"learning_rate": 0.004}}}),
        ("fresh", {"target": {**TARGET, "freeze": ["head.bias"]}}, {}),
        ("fresh", {"group": "subject"}, {}),
        ("fresh", {"augment": [SHIFT]}, {}),
    ],
    ids=str,
)
def test_what_is_of_a_cell_makes_it_another(arm: str, value: Tree, stages: dict[str, Tree]) -> None:
    cell = Cell(arm=arm, seed=0)
    assert parts(cell, with_(value, **stages)) != parts(cell)


@pytest.mark.parametrize(
    ("value", "stages"),
    [
        ({"match": "data"}, {}),
        ({"budget": 11}, {}),
        ({"optimizer": {"learning_rate": 0.004}}, {}),
        ({"loop": {"ema": 0.5}}, {}),
    ],
    ids=str,
)
def test_an_arm_without_pretraining_stands_on_none(
    value: Tree, stages: dict[str, Tree], digits: Data
) -> None:
    cell = Cell(arm="fresh", seed=0)
    assert parts(cell, with_(value, **stages)) == parts(cell)
    assert came_to(run(digits, cell, with_(value, **stages))) == came_to(run(digits, cell))


def test_a_share_of_the_steps_is_so_many_steps() -> None:
    curve = {"curve": [0.1, 0.2, 0.5]}
    half = Cell(arm="control", seed=0, share=0.5)
    of_data, of_steps = with_(curve), with_({**curve, "curve_of": "steps"})
    assert parts(half, of_data)["training"]["share"] == 0.5
    assert parts(half, of_steps)["training"]["loop"]["max_steps"] == 5
    assert parts(half, of_steps) == parts(CONTROL, with_({"budget": 5}))


def test_a_transform_counts_by_what_it_does() -> None:
    """Of an arm the settings that it gives are those of the transform, however they are written."""
    given = {"arms": {"far": {"set": {"augment.shift": {"max_x": 3, "fill": 0}}}}}
    written = {"arms": {"far": {"set": {"augment.shift": {"max_x": 3.0, "fill": 0.0}}}}}
    cell = Cell(arm="far", seed=0)
    one, other = (parts(cell, with_({**arm, "augment": [SHIFT]})) for arm in (given, written))
    assert json.dumps(one) == json.dumps(other)
    [[(name, settings)]] = one["augment"]
    assert (name, dict(settings)["max_x"]) == ("shift", 3)


def test_a_loss_stands_on_no_decoding() -> None:
    speech = {
        "task": "speech-recognition",
        "model": {"kind": "ctc"},
        "loop": {"max_steps": 5},
    }
    tree = {
        **_without(BASE, "transfer"),
        "value": {"arms": {"again": {"same": True}}, "budget": 5, "seeds": 2},
    }

    def of(metric: str, lexicon: str | None) -> dict[str, Any]:
        learnt = {**speech, "objective": {"lexicon": lexicon}}
        return parts(
            CONTROL, {**tree, "pretrain": learnt, "value": {**tree["value"], "metric": metric}}
        )

    assert of("loss", "words") == of("loss", None)
    assert of("", "words") != of("", None)


@pytest.mark.parametrize("target", [True, False])
def test_samples_measured_at_once_count_where_they_are_compared(target: bool) -> None:
    def of(task: str, size: int) -> dict[str, Any]:
        learnt = {"task": task, "loop": {"max_steps": 20, "evaluation_batch_size": size}}
        made = {"target": {**TARGET, "task": "image-classification"} if target else "none"}
        value = {"metric": "loss", "arms": {"again": {"same": True}}, **made}
        tree = with_({**value, "augment": [SHIFT]}, pretrain=learnt)
        return parts(CONTROL, tree)

    assert (of("image-contrastive", 8) == of("image-contrastive", 16)) == target


@pytest.mark.parametrize("cell", [CONTROL, *(Cell(arm=arm, seed=1) for arm in ARMS)], ids=str)
def test_a_cell_runs_from_its_parts_alone(cell: Cell, digits: Data) -> None:
    rich = {
        "metric": "accuracy",
        "group": "subject",
        "match": "data",
        "augment": [SHIFT],
        "optimizer": {"kind": "muon", "learning_rate": 0.002, "rates": {"head.": 3}},
        "loop": {"batch_size": 6, "accumulate": 2, "ema": 0.5, "precision": "fp32"},
        "target": {
            **TARGET,
            "size": 3,
            "size_per_class": True,
            "objective": {"mixup": 0.2, "views": "mirror"},
            "test_size": 40,
            "freeze": ["head.bias"],
            "unfreeze": {"body.": 0.5},
        },
    }
    tree = with_(rich, pretrain={"data": {"validation_share": 0.1}})
    made = rebuilt(CellSettings, json.loads(json.dumps(parts(cell, tree))))
    again = experiment.run_arm(cell.arm, made, digits.inputs, digits.place.context)
    assert came_to(again) == came_to(run(digits, cell, tree))


def test_a_cell_reads_all_of_its_parts_and_nothing_else_of_a_recipe(digits: Data) -> None:
    stages = (Settings, Planned, PretrainSettings, TransferSettings)
    read_of: set[str] = set()
    for cell in (CONTROL, Cell(arm="fresh", seed=0)):
        made = settings_of(cell, *stages_of(BASE))
        with fields_read((CellSettings, Training, *stages)) as found:
            experiment.run_arm(cell.arm, made, digits.inputs, digits.place.context)
        read_of |= found
    # Which A/A arm it is keeps it apart from the control's, and does nothing.
    assert read_of | {"CellSettings.again"} == {
        f"{kind.__name__}.{name}" for kind in (CellSettings, Training) for name in kind.model_fields
    }


def test_a_cell_stands_on_the_data_that_it_reads(digits: Data, tmp_path: Path) -> None:
    def reads(arm: str, roles: tuple[str, ...], tree: Tree = BASE) -> tuple[str, ...]:
        return arms.cell_reads(Cell(arm=arm, seed=0), *stages_of(tree), roles)

    all_of_them = ("control", "again", "fewer", "smooth")
    assert reads("control", all_of_them) == ("control", "control")
    assert reads("fewer", all_of_them) == ("control", "fewer")
    assert reads("fresh", all_of_them) == ("control", "control")
    assert reads("fewer", ("control",)) == ("control", "control")
    as_few = with_({"match": "data"})
    assert reads("control", all_of_them, as_few) == (*("control",) * 2, "again", "fewer", "smooth")
    assert reads("fewer", all_of_them, as_few) == ("control", "fewer", "again", "smooth")
    assert reads("fresh", all_of_them, as_few) == ("control", "control")
    # An arm whose data are the control's, wherever they lie, is the control.
    same = write_dataset(tmp_path / "same", _rows_of(digits.inputs["control"]))
    fewer = Cell(arm="fewer", seed=0)
    assert parts(fewer) == parts(CONTROL)
    assert came_to(run(digits, fewer, fewer=same)) == came_to(run(digits, CONTROL))


def _rows_of(folder: Path) -> list[Any]:
    return [row for batch in Dataset(folder).batches() for row in batch.to_pylist()]


def test_a_cell_names_the_modules_that_no_import_does() -> None:
    made, planned = stages_of(with_({"augment": [SHIFT, SPEED]}))
    images = (
        "tilth.augment.images.shift",
        "tilth.models.mlp.network",
        "tilth.tasks.images.classification",
        "tilth.tasks.images.classification.task",
        "tilth.tasks.images.pixels",
    )
    assert arms.cell_modules(CONTROL, made, planned) == images
    other = {"model": {"kind": "cnn"}}
    changed = with_({"arms": {"cnn": {"set": {"pretrain": other}}}})
    made, planned = stages_of(changed)
    assert "tilth.models.cnn.network" not in arms.cell_modules(CONTROL, made, planned)
    of_arm = arms.cell_modules(Cell(arm="cnn", seed=0), made, planned)
    assert "tilth.models.cnn.network" in of_arm


def test_a_summary_stands_on_its_words_and_on_which_cells_there_are() -> None:
    def of(value: Tree, **stages: Tree) -> dict[str, Any]:
        found = dict(arms.summary_parts(*stages_of(with_(value, **stages))))
        assert json.loads(json.dumps(found)) is not None
        return found

    base = of({})
    for acts in (
        {"smallest_effect": 3},
        {"group": "subject"},
        {"match": "data"},
        {"seeds": 3},
        {"curve": [0.1, 0.2, 0.4]},
        {"arms": dict(reversed(ARMS.items()))},
        {"arms": {"renamed": ARMS["again"]}},
        {"arms": {**ARMS, "smooth": {"without_source": "b"}}},
    ):
        assert of(acts) != base
    assert of({"optimizer": {"learning_rate": 0.1}, "budget": 7}) == base
    assert of({}, pretrain={"objective": {"mixup": 0.2}}) == base


# What a recipe may say, each way of it with results of its own or none at all.
CHOICES: Mapping[str, tuple[Any, ...]] = {
    "smallest_effect": (None, 2),
    "seeds": (2, 3),
    "arms": (
        ARMS,
        {name: arm for name, arm in ARMS.items() if name != "fewer"},
        {**ARMS, "smooth": {"set": {"pretrain": {"objective": {"mixup": 0.5}}}}},
        {**ARMS, "smooth": {"set": {"pretrain": {"optimizer": {"learning_rate": 0.02}}}}},
    ),
    "metric": ("loss", "accuracy", ""),
    "group": ("", "subject"),
    "match": ("compute", "data"),
    "budget": (6, 10),
    "optimizer": ({"learning_rate": 0.003}, {"learning_rate": 0.01}),
    "target": (TARGET, {**TARGET, "size": 20}, {**TARGET, "test_size": 30}),
    "curve": ([], [0.1, 0.2, 0.4]),
    "augment": ([], [SHIFT], [SPEED], [SHIFT, SPEED]),
}
Value = dict[str, Any]
VALUES = st.fixed_dictionaries({name: st.sampled_from(of) for name, of in CHOICES.items()})
_RUNS: dict[str, dict[str, Any]] = {}


def _stands_on(data: Data, cell: Cell, tree: Tree) -> Any:
    """Parts and digests of the data; which A/A arm it is does nothing."""
    made, planned = stages_of(tree)
    inputs = {name: path for name, path in data.inputs.items() if name in {"control", *made.arms}}
    reads = arms.cell_reads(cell, made, planned, inputs)
    found = [Dataset(inputs[role]).digest for role in reads]
    # With as few examples as the arm that has fewest, it is the number that decides.
    return [parts(cell, tree) | {"again": 0}, *found[:2], *sorted(set(found[2:]))]


def _of_two(one: Value, other: Value, drawn: st.DataObject, data: Data) -> None:
    """Cells of two recipes come to the same where they stand on the same, and only there."""
    cells = [arms.cells(*stages_of(with_(value))) for value in (one, other)]
    same = drawn.draw(st.booleans(), label="the same cell")
    first = drawn.draw(st.sampled_from([c for c in cells[0] if not same or c in cells[1]]))
    second = first if same else drawn.draw(st.sampled_from(cells[1]))
    found = []
    for value, cell in ((one, first), (other, second)):
        key = json.dumps([value, cell.as_json()], sort_keys=True)
        if key not in _RUNS:
            made, planned = stages_of(with_(value))
            there = {"control", *made.arms}
            inputs = {name: path for name, path in data.inputs.items() if name in there}
            outcome = arms.run_cell(cell, inputs, made, data.place.context, planned)
            _RUNS[key] = came_to(outcome)
        found.append((_stands_on(data, cell, with_(value)), _RUNS[key]))
    assert found[0][0] != found[1][0] or found[0][1] == found[1][1]
    if "data" not in (one["match"], other["match"]):
        assert found[0][0] == found[1][0] or found[0][1] != found[1][1]


@given(VALUES, VALUES, st.data())
@settings(AS_THEY_COME, max_examples=12, derandomize=True)
def test_the_same_parts_come_to_the_same_and_no_others_do(
    digits: Data, one: Value, other: Value, drawn: st.DataObject
) -> None:
    _of_two(one, other, drawn, digits)


@given(VALUES, st.sampled_from(sorted(CHOICES)), st.data())
@settings(AS_THEY_COME, max_examples=20, derandomize=True)
def test_of_one_edit_just_the_cells_that_it_is_of_are_others(
    digits: Data, one: Value, edited: str, drawn: st.DataObject
) -> None:
    other = one | {edited: drawn.draw(st.sampled_from(CHOICES[edited]))}
    _of_two(one, other, drawn, digits)


@pytest.mark.slow
@given(VALUES, VALUES, st.data())
@settings(AS_THEY_COME, max_examples=200)
def test_the_same_parts_come_to_the_same_in_many_recipes(
    digits: Data, one: Value, other: Value, drawn: st.DataObject
) -> None:
    _of_two(one, other, drawn, digits)
