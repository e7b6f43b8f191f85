"""Whole experiments through the real training code: A/A is silent, planted harm is seen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.transfer.samples import digit_rows, text_rows, write_dataset
from tilth.context import Context
from tilth.errors import DataError
from tilth.models.cnn import CNNSettings
from tilth.models.gpt import GPTSettings
from tilth.models.mlp import MLPSettings
from tilth.pretrain.settings import Settings as PretrainSettings
from tilth.tasks.settings import DataSettings, TargetDataSettings
from tilth.training.settings import BudgetSettings, LoopSettings, OptimizerSettings
from tilth.transfer.settings import Settings as TransferSettings
from tilth.value import arms
from tilth.value.arms import Cell
from tilth.value.cell import changed_augment
from tilth.value.result import ArmResult, ValueResult
from tilth.value.settings import Change

DIGITS = PretrainSettings(
    task="image-classification",
    model=MLPSettings(hidden=(32,), dropout=0.1),
    optimizer=OptimizerSettings(learning_rate=3e-3, schedule="cooldown"),
    loop=LoopSettings(max_steps=150),
)
TEXT = PretrainSettings(
    model=GPTSettings(layers=1, width=32, heads=2, context=48),
    data=DataSettings(sources=("first",), vocabulary=300),
    optimizer=OptimizerSettings(learning_rate=3e-3),
    loop=LoopSettings(max_steps=40, batch_size=8),
)
TARGET = TransferSettings(
    data=TargetDataSettings(sources=("second",)),
    sizes=(8,),
    loop=BudgetSettings(epochs=2, batch_size=8),
)


OF_DIGITS = arms.Planned(pretrain=DIGITS)
OF_TEXT = arms.Planned(pretrain=TEXT, transfer=TARGET)


def run(
    settings: arms.Settings, planned: arms.Planned, inputs: Mapping[str, Path], work: Path
) -> ValueResult:
    work.mkdir(exist_ok=True)
    context = Context(work=work)
    results = [
        (cell, arms.run_cell(cell, inputs, settings, context, planned))
        for cell in arms.cells(settings, planned)
    ]
    summary = arms.summarize(results, settings)
    kept = [record.as_json() for record in (*(outcome for _, outcome in results), summary)]
    json.dumps(kept, allow_nan=False)
    return summary


def arm(summary: ValueResult, name: str) -> ArmResult:
    return next(one for one in summary.arms if one.name == name)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("digits") / "clean", digit_rows())


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = text_rows("first", 60, style=1) + text_rows("second", 40, style=1)
    return write_dataset(tmp_path_factory.mktemp("text") / "d", rows)


def test_label_noise_hurts_and_a_a_is_silent(digits: Path, tmp_path: Path) -> None:
    """10 % wrong training labels are seen; the same data in another folder is bit-identical."""
    noisy = write_dataset(tmp_path / "noisy", digit_rows(noise=0.1))
    again = write_dataset(tmp_path / "again", digit_rows())
    settings = arms.Settings(
        arms={
            "noise": Change(set={"label.consensus": {"method": "single"}}),
            "same": Change(same=True),
        },
        seeds=6,
        smallest_effect=0.3,
        # Long enough to learn the wrong labels by heart: that is when they do their harm.
        budget=600,
        model=MLPSettings(hidden=(128,), dropout=0.0),
    )
    inputs = {"control": digits, "noise": noisy, "same": again}
    summary = run(settings, OF_DIGITS, inputs, tmp_path / "work")
    noise, same = arm(summary, "noise"), arm(summary, "same")
    assert noise.verdict == "hurts"
    assert noise.effect < 0
    assert noise.adjusted_high is not None
    assert noise.adjusted_high < 0
    assert same.values == summary.control.values
    assert same.verdict == "no material effect"
    assert same.same_data
    assert (same.low, same.high, same.combined_interval) == (0, 0, (0, 0))
    assert summary.control.mean > 90


def test_unique_examples_and_epochs_are_those_of_the_rows(digits: Path, tmp_path: Path) -> None:
    """All digits but the 400 of test, which seven batches go through so many times."""
    plain = DIGITS.model_copy(update={"data": DataSettings(validation_share=0)})
    settings = arms.Settings(arms={"same": Change(same=True)}, budget=7)
    cell = Cell(arm="control", seed=0)
    found = arms.run_cell(
        cell, {"control": digits}, settings, Context(tmp_path), arms.Planned(pretrain=plain)
    )
    training = sum(row["split"] == "train" for row in digit_rows())
    assert found.unique_examples == training
    assert found.epochs == pytest.approx(7 * plain.loop.batch_size / training, abs=1e-4)


def test_a_set_that_holds_the_test_set_is_refused(digits: Path, tmp_path: Path) -> None:
    rows = digit_rows()
    leaked = [
        {**row, "id": row["id"][::-1], "split": "train"} for row in rows if row["split"] == "test"
    ]
    leaky = write_dataset(tmp_path / "leaky", rows + leaked)
    settings = arms.Settings(arms={"all": Change(without="deduplicate.exact")}, seeds=2)
    inputs = {"control": digits, "all": leaky}
    cell = Cell(arm="all", seed=0)
    with pytest.raises(DataError, match="are copies of held-out samples") as refused:
        arms.run_cell(cell, inputs, settings, Context(work=tmp_path), OF_DIGITS)
    assert refused.value.code == "leakage"
    # Left out instead, the arm is the control again, bit for bit.
    lenient = settings.model_copy(update={"leakage": "remove"})
    context = Context(work=tmp_path)
    left = arms.run_cell(cell, inputs, lenient, context, OF_DIGITS)
    plain = arms.run_cell(Cell(arm="control", seed=0), inputs, lenient, context, OF_DIGITS)
    # The rest of the 400 fell into the validation split, on which nothing is trained.
    assert left.notes == ("copies of held-out samples left out of its training: 378",)
    assert left.unique_examples == plain.unique_examples


def test_text_leaks_are_refused(text: Path, tmp_path: Path) -> None:
    rows = text_rows("first", 60, style=1) + text_rows("second", 40, style=1)
    copy = next(r for r in rows if r["source"] == "second" and r["split"] == "test")
    rows.append(
        {**copy, "id": "f" * 32, "source": "first", "split": "train", "text": copy["text"].upper()}
    )
    leaky = write_dataset(tmp_path / "leaky", rows)
    settings = arms.Settings(arms={"a": Change(without="deduplicate.exact")})
    with pytest.raises(DataError, match=r"of arm a are copies of held-out samples \(1 of"):
        arms.run_cell(
            Cell(arm="a", seed=0),
            {"control": text, "a": leaky},
            settings,
            Context(tmp_path),
            OF_TEXT,
        )


def test_pretraining_and_data_decisions_on_text(text: Path, tmp_path: Path) -> None:
    fewer = text_rows("first", 60, style=1)[::2] + text_rows("second", 40, style=1)
    half = write_dataset(tmp_path / "half", fewer)
    settings = arms.Settings(
        arms={
            "pretraining": Change(without="pretrain"),
            "rules": Change(without="clean.rules", seeds=2),
        },
        seeds=3,
        curve=(0.125, 0.25, 0.5),
    )
    summary = run(settings, OF_TEXT, {"control": text, "rules": half}, tmp_path / "work")
    assert (summary.metric, summary.lower_is_better) == ("bits_per_byte", True)
    pretraining, rules = arm(summary, "pretraining"), arm(summary, "rules")
    # Having pretraining is worth something, though bits per byte fall: positive is better.
    assert pretraining.verdict == "helps"
    assert pretraining.effect > 0
    assert pretraining.contrast == "control - arm"
    assert pretraining.data_multiplier is None
    assert pretraining.headline.startswith("pretrain helps")
    assert pretraining.last_tenth_gain is not None
    assert rules.last_tenth_gain is None
    assert rules.n == 2
    assert rules.data_multiplier is not None
    assert rules.data_multiplier.text
    assert rules.unique_examples < summary.control.unique_examples


def test_match_data_gives_all_arms_as_many_examples(text: Path, tmp_path: Path) -> None:
    fewer = text_rows("first", 60, style=1)[::2] + text_rows("second", 40, style=1)
    half = write_dataset(tmp_path / "half", fewer)
    settings = arms.Settings(
        arms={"rules": Change(without="clean.rules")},
        match="data",
        metric="loss",
        budget=5,
    )
    inputs = {"control": text, "rules": half}
    both = [
        arms.run_cell(Cell(arm=name, seed=0), inputs, settings, Context(tmp_path), OF_TEXT)
        for name in inputs
    ]
    assert both[0].unique_examples == both[1].unique_examples
    assert {one.measured.metric for one in both} == {"loss"}
    assert {one.steps for one in both} == {5}


def test_an_arm_may_change_augmentation(digits: Path, tmp_path: Path) -> None:
    cnn = CNNSettings(channels=(4,), hidden=8)
    settings = arms.Settings(
        arms={
            "still": Change(without="augment.shift"),
            "far": Change(set={"augment.shift": {"max_x": 3}}),
        },
        budget=20,
    )
    planned = arms.Planned(
        augment=({"shift": {"max_x": 1, "max_y": 1}},),
        pretrain=DIGITS.model_copy(update={"model": cnn}),
    )
    inputs = {"control": digits, "still": digits, "far": digits}
    control, still, far = (
        arms.run_cell(Cell(arm=name, seed=0), inputs, settings, Context(tmp_path), planned)
        for name in ("control", "still", "far")
    )
    assert control.data_digest == still.data_digest == far.data_digest
    assert len({one.recipe_digest for one in (control, still, far)}) == 3
    assert control.parts.numerators != still.parts.numerators


def test_of_two_transforms_of_a_name_an_arm_changes_the_one_that_it_names() -> None:
    planned: Any = ({"shift": {"max_x": 1}}, {"flip": {}}, {"shift": {"max_x": 2}})

    def of(**given: Any) -> Any:
        return changed_augment(Change(**given), planned)

    assert of(without="augment.shift") == [{"flip": {}}, {"shift": {"max_x": 2}}]
    assert of(without="augment.shift-2") == [{"shift": {"max_x": 1}}, {"flip": {}}]
    far = {"max_x": 3, "max_y": 0}
    assert of(set={"augment.shift-2": far})[2] == {"shift": far}
    assert of(set={"augment.shift-2": far})[:2] == list(planned[:2])
    assert of(same=True) == list(planned)


def test_an_arm_without_the_source_of_the_validation_split_learns_from_all_of_the_rest(
    tmp_path: Path,
) -> None:
    """It held 5 % of the rest out in its place: two things were changed at once."""
    kept = text_rows("first", 60, style=1) + text_rows("second", 40, style=1)
    other = text_rows("other", 20, style=2)
    held = [{**row, "split": "validation"} for row in other[:5]]
    learnt = [{**row, "split": "train"} for row in other[5:]]
    inputs = {
        "control": write_dataset(tmp_path / "control", kept + held + learnt),
        "other": write_dataset(tmp_path / "other", kept),
    }
    sources = DataSettings(sources=("first", "other"), vocabulary=300, validation_share=0.5)
    planned = arms.Planned(pretrain=TEXT.model_copy(update={"data": sources}), transfer=TARGET)
    settings = arms.Settings(arms={"other": Change(without_source="other")}, budget=2)
    training = sum(row["source"] == "first" and row["split"] == "train" for row in kept)
    for name, wanted in (("control", training + len(learnt)), ("other", training)):
        cell = Cell(arm=name, seed=0)
        found = arms.run_cell(cell, inputs, settings, Context(tmp_path), planned)
        assert found.unique_examples == wanted


def test_too_few_target_samples_are_said(text: Path, tmp_path: Path) -> None:
    settings = arms.Settings(arms={"same": Change(same=True)})
    large = TARGET.model_copy(update={"sizes": (500,)})
    planned = arms.Planned(pretrain=TEXT, transfer=large)
    with pytest.raises(DataError, match="500 samples are asked for and there are"):
        arms.run_cell(
            Cell(arm="same", seed=0), {"control": text}, settings, Context(tmp_path), planned
        )


def test_a_cell_is_a_function_of_its_seed_and_the_recipes(text: Path, tmp_path: Path) -> None:
    settings = arms.Settings(arms={"same": Change(same=True)}, budget=3, model=TEXT.model)
    planned = arms.Planned(pretrain=TEXT)

    def value(recipe: int, cell: int) -> float:
        given = Cell(arm="control", seed=cell)
        context = Context(tmp_path, seed=recipe)
        return arms.run_cell(given, {"control": text}, settings, context, planned).measured.value

    found = [value(*seeds) for seeds in ((0, 0), (0, 1), (1, 0), (0, 0))]
    assert found[0] == found[3]
    assert len(set(found)) == 3
