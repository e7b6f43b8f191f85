"""The three methods, on text and on images, from a trained model on disk."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import pytest

from tests.tasks.text.texts import labelled_dataset
from tilth.context import Context
from tilth.errors import UsageError
from tilth.tasks.settings import TargetDataSettings
from tilth.training.settings import BudgetSettings, OptimizerSettings
from tilth.transfer import compare
from tilth.transfer.result import Cell, Gain, TransferResult
from tilth.transfer.settings import ALONE, Method


def run(
    settings: compare.Settings,
    inputs: dict[str, Path],
    work: Path,
    planned: compare.Planned = ALONE,
) -> TransferResult:
    context = Context(work=work)
    results = [
        (cell, compare.run_cell(cell, inputs, settings, context, planned))
        for cell in compare.cells(settings)
    ]
    summary = compare.summarize(results, settings)
    kept = [record.as_json() for record in (*(outcome for _, outcome in results), summary)]
    json.dumps(kept, allow_nan=False)
    return summary


def effect(summary: TransferResult, method: str, size: int) -> Gain:
    return next(e for e in summary.effects if (e.method, e.size) == (method, size))


def test_text_gains_from_pretraining(text: dict[str, Path], tmp_path: Path) -> None:
    settings = compare.Settings(
        data=TargetDataSettings(sources=("second",)),
        sizes=(6, 12, 24, 48),
        seeds=3,
        loop=BudgetSettings(max_steps=10, batch_size=8),
        optimizer=OptimizerSettings(learning_rate=2e-3),
        test_size=10,
    )
    summary = run(settings, text, tmp_path)
    assert (summary.metric, summary.lower_is_better) == ("bits_per_byte", True)
    assert summary.sizes == (6, 12, 24, 48)
    assert len(summary.points) == 36
    gain = effect(summary, "finetune", 6)
    assert gain.verdict == "helps"
    assert gain.low is not None
    assert gain.low > 0
    assert summary.multiplier is not None
    assert summary.multiplier.text
    assert "fine-tuning the pretrained model helps" in summary.headline
    assert "last of 2 blocks" in summary.what["probe"]
    assert "the test set's 10 documents" in summary.headline
    # Ten steps do not teach a language.
    assert [one.cut_short for one in summary.last_tenth] == [True] * 4
    assert "; from-scratch was cut short: the last tenth of its steps" in summary.headline


def test_from_scratch_is_measured_before_its_last_tenth_and_no_other(
    text: dict[str, Path], tmp_path: Path
) -> None:
    settings = compare.Settings(
        data=TargetDataSettings(sources=("second",)),
        sizes=(12,),
        seeds=2,
        loop=BudgetSettings(max_steps=10, batch_size=8),
    )
    shorter = settings.model_copy(update={"loop": BudgetSettings(max_steps=9, batch_size=8)})
    cells = {cell.method: cell for cell in compare.cells(settings) if cell.seed == 0}
    for method, cell in cells.items():
        result = compare.run_cell(cell, text, settings, Context(tmp_path))
        found = result.parts
        assert len(found.numerators) == len(found.denominators) == result.test_samples
        nine = None
        if method == "scratch":
            nine = compare.run_cell(cell, text, shorter, Context(tmp_path)).measured.value
        assert result.nine_tenths == nine


def test_a_comparison_may_be_read_from_another_figure(
    text: dict[str, Path], tmp_path: Path
) -> None:
    """Of a whole test set, such as the mean F1, by every method and before the last tenth too."""
    settings = compare.Settings(
        task="text-classification",
        sizes=(12,),
        methods=("scratch", "finetune", "tfidf-svm"),
        metric="macro_f1",
        seeds=2,
        loop=BudgetSettings(max_steps=10, batch_size=8),
    )
    inputs = text | {"data": labelled_dataset(tmp_path / "labelled")}
    summary = run(settings, inputs, tmp_path)
    assert (summary.metric, summary.unit) == ("macro_f1", "%")
    assert len(summary.points) == 6
    assert [one.size for one in summary.last_tenth] == [12]
    wrong = settings.model_copy(update={"metric": "bleu"})
    with pytest.raises(UsageError, match="no figure `bleu`") as caught:
        compare.run_cell(compare.cells(wrong)[0], inputs, wrong, Context(tmp_path))
    assert caught.value.hint == "choose from loss, accuracy, macro_f1"


def test_images_get_a_new_head(digits: dict[str, Path], tmp_path: Path) -> None:
    """From five digits to the other five."""
    settings = compare.Settings(
        data=TargetDataSettings(labels=("5", "6", "7", "8", "9")),
        sizes=(20, 100),
        seeds=4,
        loop=BudgetSettings(max_steps=40),
        optimizer=OptimizerSettings(learning_rate=3e-3),
    )
    planned = compare.Planned(augment=({"shift": {"max_x": 1, "max_y": 1}},))
    summary = run(settings, digits, tmp_path, planned)
    assert (summary.metric, summary.unit) == ("accuracy", "%")
    means = {(r.method, r.size): r.mean for r in summary.summary}
    assert means["finetune", 100] > 70
    assert means["finetune", 20] > 40
    assert summary.multiplier is None  # two sizes make no curve


def test_the_task_must_be_the_models(text: dict[str, Path], tmp_path: Path) -> None:
    settings = compare.Settings(task="image-classification", sizes=(4,))
    with pytest.raises(UsageError, match=r"needs model\.kind cnn or mlp or resnet"):
        compare.run_cell(compare.cells(settings)[0], text, settings, Context(tmp_path))


def _one(
    cell: compare.Cell, inputs: dict[str, Path], settings: compare.Settings, work: Path
) -> float:
    return compare.run_cell(cell, inputs, settings, Context(work)).measured.value


def test_cells_side_by_side_prepare_once(text: dict[str, Path], tmp_path: Path) -> None:
    """Processes that start together on an empty folder give what one process gives."""
    settings = compare.Settings(
        data=TargetDataSettings(sources=("second",)),
        sizes=(6, 12),
        seeds=2,
        methods=("scratch",),
        loop=BudgetSettings(max_steps=3, batch_size=8),
    )
    jobs = [(cell, text, settings, tmp_path / "together") for cell in compare.cells(settings)]
    (tmp_path / "together").mkdir()
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        together = pool.starmap(_one, jobs)
    (tmp_path / "alone").mkdir()
    assert together == [_one(cell, i, s, tmp_path / "alone") for cell, i, s, _ in jobs]
    assert len(list((tmp_path / "together").glob("prepared-*"))) == 1


def test_a_method_may_freeze_and_unfreeze(digits: dict[str, Path], tmp_path: Path) -> None:
    """Fine-tuning with the probe's part frozen is the probe; opened half-way, it is neither."""
    body = ("body.",)
    values: dict[tuple[str, str], float | None] = {}
    methods: tuple[Method, ...] = ("probe", "finetune")
    for name, own in {
        "plain": {},
        "frozen": {"freeze": body},
        "half": {"unfreeze": {"body.": 0.5}},
    }.items():
        settings = compare.Settings.model_validate(
            {
                "data": {"labels": ("5", "6", "7", "8", "9")},
                "sizes": (40,),
                "seeds": 2,
                "methods": methods,
                "loop": {"max_steps": 20},
                "optimizer": {"learning_rate": 3e-3},
                "overrides": {"finetune": own},
            }
        )
        cells = {c.method: c for c in compare.cells(settings) if c.seed == 0}
        for method in methods:
            found = compare.run_cell(cells[method], digits, settings, Context(tmp_path))
            values[name, method] = found.loss
    assert values["frozen", "finetune"] == values["plain", "probe"]
    assert len({values[name, "finetune"] for name in ("plain", "half", "frozen")}) == 3


def test_a_cell_is_a_function_of_its_seed_and_the_recipes(
    text: dict[str, Path], tmp_path: Path
) -> None:
    settings = compare.Settings(
        data=TargetDataSettings(sources=("second",)),
        sizes=(6,),
        methods=("scratch",),
        loop=BudgetSettings(max_steps=2, batch_size=8),
        test_size=4,
    )

    def value(recipe: int, cell: int) -> float:
        given = Cell(method="scratch", size=6, seed=cell)
        context = Context(tmp_path, seed=recipe)
        return compare.run_cell(given, text, settings, context).measured.value

    found = [value(*seeds) for seeds in ((0, 0), (0, 1), (1, 0), (0, 0))]
    assert found[0] == found[3]
    assert len(set(found)) == 3
