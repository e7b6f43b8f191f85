"""Where the order of keys and items says nothing, and where it does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.collect.test_audio import wav
from tests.table.cells import Place, with_setting
from tests.table.entries import ordered, unordered
from tests.table.samples import batch
from tests.table.sources import png, read
from tests.table.test_value import compared, settings_of, with_
from tests.table.trainings import Trained, pretrain
from tests.table.whole import read as read_recipe
from tilth.recipe.operations import operations
from tilth.settings import acting
from tilth.store.files import sha256_file
from tilth.value import arms

TEXTS = ("the heron stands in the reeds", "der Reiher steht im Schilf", "ann@a.org, 192.0.2.7")
SAMPLES = [
    {"text": text, "target": "bob@b.org", "source": "abc"[n], "label": "xyz"[n], "key": text}
    for n, text in enumerate(TEXTS)
]


def turned(given: Any) -> Any:
    """The keys, or the items with one of them twice, the other way round."""
    if isinstance(given, dict):
        return dict(reversed(given.items()))
    return [*reversed(given), given[-1]]


def both(operation: str, setting: str, given: Any) -> list[Any]:
    """The settings of an operation with one of them as it is given, and turned round."""
    found = []
    for value in (given, turned(given)):
        tree: dict[str, Any] = {}
        *outer, last = setting.split(".")
        at = tree
        for name in outer:
            at = at.setdefault(name, {})
        at[last] = value
        found.append(tree)
    assert repr(found[0]) != repr(found[1])
    return found


RECORDS: dict[str, Any] = {
    "clean.language.candidates": ["de", "en"],
    "clean.language.keep": ["de", "en"],
    "clean.signals.names": ["word_count", "char_count"],
    "clean.redact.kinds": ["ip", "email"],
    "clean.redact.columns": ["target", "text"],
    "deduplicate.hold_out.sources": ["b", "a"],
    "mix.weights.sources": {"b": 0.5, "a": 0},
    "mix.weights.labels": {"y": 2, "x": 3},
}


@unordered(*RECORDS)
def test_records_are_the_same(path: str) -> None:
    _, name, setting = path.split(".")
    made: list[pa.RecordBatch] = []
    read = []
    for tree in both(name, setting, RECORDS[path]):
        settings = operations()[name].settings.model_validate(tree)
        made.append(operations()[name].module.apply(batch(SAMPLES), settings))
        read.append(acting(settings))
    assert made[0].equals(made[1])
    assert made[0].schema.names == made[1].schema.names
    assert made[0] != batch(SAMPLES)
    assert read[0] == read[1]


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, dict[str, Any]]:
    """Files, and settings that read them beside the one that is tried."""
    (tmp_path / "a.csv").write_text("text,label\none,1\ntwo,2\n", "utf-8")
    for number, name in enumerate(("Near/cat/1.png", "far/dog/1.png")):
        (tmp_path / "tree" / name).parent.mkdir(parents=True)
        (tmp_path / "tree" / name).write_bytes(png(number))
    (tmp_path / "sounds").mkdir()
    for number in range(2):
        (tmp_path / "sounds" / f"{number}.wav").write_bytes(wav(3200 + number))
    return {
        "csv": {"path": str(tmp_path / "a.csv"), "fields": {"label": "label"}},
        "image_folder": {"path": str(tmp_path / "tree")},
        "audio": {"path": str(tmp_path / "sounds"), "name": r"(?P<target>\d)\.wav"},
    }


SOURCES: dict[str, Any] = {
    "collect.csv.labels": {"1": "World", "2": "Sport"},
    "collect.image_folder.class_names": {"cat": "a", "dog": "b"},
    "collect.image_folder.splits": {"near": "test", "FAR": "train"},
    "collect.audio.words.spelling": {"0": "zero", "1": "one"},
    "collect.audio.splits": {"test": [0, 0], "train": [1, 1]},
}


@unordered(*SOURCES)
def test_what_is_read_is_the_same(
    path: str, sources: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    _, name, setting = path.split(".", 2)
    trees = [{**sources[name], **one} for one in both(name, setting, SOURCES[path])]
    one, other = (read(name, tmp_path / str(n), tree) for n, tree in enumerate(trees))
    assert one == other != read(name, tmp_path / "plain", sources[name])
    settings = operations()[name].settings
    assert acting(settings.model_validate(trees[0])) == acting(settings.model_validate(trees[1]))


def test_of_two_keys_that_are_one_folder_the_last_decides(
    sources: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    splits = {"near": "test", "Near": "validation", "far": "test"}
    trees = [{**sources["image_folder"], "splits": one} for one in (splits, turned(splits))]
    one, other = (read("image_folder", tmp_path / str(n), tree) for n, tree in enumerate(trees))
    assert one != other
    settings = operations()["image_folder"].settings
    assert acting(settings.model_validate(trees[0])) != acting(settings.model_validate(trees[1]))


PRETRAIN: dict[str, tuple[str, Any]] = {
    "pretrain.data.sources": ("image-classification", ["b", "a"]),
    "pretrain.data.labels": ("image-classification", ["1", "0"]),
    "pretrain.data.tokenizer_sources": ("text-generation", ["b", "a"]),
    "pretrain.optimizer.rates": (
        "image-classification",
        {"body.": 2, "body.1.bias": 3, "head.": 1},
    ),
    "pretrain.freeze": ("image-classification", ["body.1.weight", "body.1.bias"]),
    "pretrain.unfreeze": ("image-classification", {"body.": 0.75, "body.1.bias": 0.25}),
}


def made_of(trained: Trained) -> tuple[Any, ...]:
    """All that a training leaves but for the seconds that it took."""
    names = ("config.json", "model.safetensors", "tokenizer.json")
    files = [trained.folder / name for name in names if (trained.folder / name).is_file()]
    return [sha256_file(file) for file in files], timeless(trained.result.as_json())


def timeless(found: Any) -> Any:
    """The same without how long anything took."""
    if isinstance(found, dict):
        return {key: timeless(one) for key, one in found.items() if "seconds" not in key}
    return [timeless(one) for one in found] if isinstance(found, list) else found


@unordered(*PRETRAIN)
def test_a_training_is_the_same(path: str) -> None:
    task, given = PRETRAIN[path]
    # With somebody told of the steps it is done anew, however often the same was asked.
    one, other = (
        pretrain(task, progress=lambda *_: None, **tree)
        for tree in both("pretrain", path.removeprefix("pretrain."), given)
    )
    assert made_of(one) == made_of(other)
    # There are two sources: to name both is to name none.
    assert (made_of(one) != made_of(pretrain(task))) == ("sources" not in path)


COMPARED: dict[str, Any] = {
    "sources": ["second", "first"],
    "tokenizer_sources": ["second", "first"],
    "labels": ["3", "1", "8"],
    "rates": {"body.": 2, "body.1.bias": 3, "head.": 1},
    "freeze": ["body.1.weight", "body.1.bias"],
    "unfreeze": {"body.": 0.75, "body.1.bias": 0.25},
}


@unordered(
    *[
        f"{section}.data.{name}"
        for section in ("transfer", "value", "value.target")
        for name in ("sources", "labels")
    ],
    "value.data.tokenizer_sources",
    "transfer.optimizer.rates",
    "transfer.overrides.*.optimizer.rates",
    "value.optimizer.rates",
    "value.target.optimizer.rates",
    *[
        f"{section}.{name}"
        for section in ("transfer.overrides.*", "value.target")
        for name in ("freeze", "unfreeze")
    ],
)
def test_a_cell_is_the_same(path: str, digits: Place, texts: Place) -> None:
    name = path.rpartition(".")[2]
    place = texts if "sources" in name else digits
    given = COMPARED[name]
    cells, read = [], []
    for value in (given, turned(given)):
        tree = with_setting(place.tree, path, value)
        stage = path.partition(".")[0]
        cell = place.transferred(tree) if stage == "transfer" else place.valued(tree)
        cells.append(timeless(cell.as_json()))
        step = getattr(read_recipe(tree), stage)
        read.append(acting(step.settings))
    assert cells[0] == cells[1]
    assert read[0] == read[1]


@unordered("transfer.overrides")
def test_each_method_has_its_own_wherever_it_stands(digits: Place) -> None:
    own = {"scratch": {"loop": {"max_steps": 2}}, "finetune": {"loop": {"max_steps": 3}}}
    for method, steps in (("scratch", 2), ("finetune", 3)):
        cells = [
            digits.transferred(with_setting(digits.tree, "transfer.overrides", one), method)
            for one in (own, turned(own))
        ]
        assert timeless(cells[0].as_json()) == timeless(cells[1].as_json())
        assert cells[0].steps == steps


@unordered("value.curve")
def test_the_shares_of_a_curve_are_sorted(digits: Place) -> None:
    trees = [with_(digits.tree, curve=one) for one in ([0.75, 0.25, 0.5], [0.5, 0.25, 0.75])]
    settings = [settings_of(tree) for tree in trees]
    assert arms.cells(settings[0]) == arms.cells(settings[1])
    assert acting(settings[0]) == acting(settings[1])
    summaries = [compared(digits, tree) for tree in trees]
    assert without_costs(summaries[0].as_json()) == without_costs(summaries[1].as_json())


def without_costs(found: Any) -> Any:
    return {key: one for key, one in timeless(found).items() if not key.endswith("_s")}


@ordered("value.arms")
def test_arms_are_told_in_the_order_of_the_recipe(digits: Place) -> None:
    given = {"one": {"same": True}, "two": {"same": True}}
    trees = [with_(digits.tree, arms=one) for one in (given, turned(given))]
    told = [[arm.name for arm in compared(digits, tree).arms] for tree in trees]
    assert told == [["one", "two"], ["two", "one"]]
    one, other = (acting(settings_of(tree)) for tree in trees)
    assert one != other


@ordered("value.arms.*.set")
def test_what_an_arm_sets_is_told_in_the_order_of_the_recipe(digits: Place) -> None:
    given = {"optimizer": {"learning_rate": 0.1}, "objective": {"mixup": 0.2}}
    told, read = [], []
    for one in (given, turned(given)):
        tree = with_(digits.tree, arms={"it": {"set": {"pretrain": one}}})
        told.append(compared(digits, tree).arms[0].decision)
        read.append(acting(settings_of(tree)))
    assert told[0].startswith("pretrain with optimizer=")
    assert told[1].startswith("pretrain with objective=")
    assert read[0] != read[1]
