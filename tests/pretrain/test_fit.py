"""The stage: data set in, model and figures out; killed, run again, the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.training.samples import figure, image_rows, text_rows, write_dataset
from tilth.context import Context
from tilth.errors import DataError
from tilth.pretrain.fit import fit
from tilth.pretrain.result import PretrainResult
from tilth.pretrain.settings import ALONE, Planned, Settings
from tilth.pretrain.weights import load_model

TEXT: dict[str, Any] = {
    "model": {"kind": "gpt", "layers": 1, "width": 16, "heads": 2, "context": 16},
    "data": {"vocabulary": 300, "validation_share": 0.2},
    "optimizer": {"learning_rate": 0.01},
    "loop": {"max_steps": 40, "batch_size": 8, "eval_every": 10},
}
IMAGE: dict[str, Any] = {
    "task": "image-classification",
    "model": {"kind": "mlp", "hidden": [16], "dropout": 0.0},
    "data": {"validation_share": 0.1},
    "optimizer": {"learning_rate": 0.01},
    "loop": {"epochs": 10, "batch_size": 8},
}


def run(
    folder: Path,
    dataset: Path,
    settings: dict[str, Any],
    seed: int = 0,
    planned: Planned = ALONE,
) -> PretrainResult:
    out, work = folder / "out", folder / "work"
    out.mkdir(parents=True, exist_ok=True)
    work.mkdir(exist_ok=True)
    context = Context(work=work, seed=seed)
    result = fit({"data": dataset}, Settings.model_validate(settings), out, context, planned)
    json.dumps(result.as_json(), allow_nan=False)
    return result


def test_text(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "data", text_rows(60))
    result = run(tmp_path / "1", dataset, TEXT)
    assert result.metric == "bits_per_byte"
    assert result.lower_is_better
    first, last = result.curve[0].validation_loss, result.curve[-1].validation_loss
    assert first is not None
    assert last is not None
    assert last < first
    assert figure(result.test, "bits_per_byte") < 8
    assert result.model.parameters > 0
    assert result.stopped == "max_steps"
    assert result.samples["test"] == 12
    out = tmp_path / "1" / "out"
    names = ["config.json", "metrics.jsonl", "model.safetensors", "tokenizer.json"]
    assert sorted(file.name for file in out.iterdir()) == names
    assert load_model(out).tokenizer is not None
    # Elsewhere, and again in a folder that has its checkpoint: the same bytes.
    run(tmp_path / "2", dataset, TEXT)
    run(tmp_path / "1", dataset, TEXT)
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        assert (out / name).read_bytes() == (tmp_path / "2" / "out" / name).read_bytes()
    assert len((out / "metrics.jsonl").read_text().splitlines()) == 4


def test_images_over_three_seeds(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "data", image_rows(150))
    result = run(tmp_path / "1", dataset, {**IMAGE, "seeds": [0, 1, 2]})
    assert [one.seed for one in result.seeds] == [0, 1, 2]
    accuracies = [figure(one.test, "accuracy") for one in result.seeds]
    mean = sum(accuracies) / 3
    assert mean > 90
    assert result.mean is not None
    assert result.mean.figures["accuracy"] == pytest.approx(mean)
    assert result.mean.split == "test"
    assert result.test["accuracy"] == accuracies[0]
    assert load_model(tmp_path / "1" / "out").facts.classes == ("0", "1", "2")
    assert (tmp_path / "1" / "out" / "seed-2" / "model.safetensors").is_file()


def test_augmented_and_started_from_a_model(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "data", image_rows(100))
    planned = Planned(augment=({"shift": {"max_x": 1, "max_y": 0}},))
    run(tmp_path / "1", dataset, IMAGE, planned=planned)
    short = {**IMAGE, "loop": {"max_steps": 1}, "optimizer": {"learning_rate": 1e-6}}
    start = str(tmp_path / "1" / "out")
    cold = run(tmp_path / "2", dataset, short)
    warm = run(tmp_path / "3", dataset, {**short, "initialise": start})
    assert figure(warm.test, "loss") < figure(cold.test, "loss")
    assert "4 tensors taken, 0 resized, 0 of another shape skipped, 0 fresh" in warm.notes[0]
    assert warm.initialised is not None
    assert len(warm.initialised.taken) == 4
    assert cold.initialised is None


def test_no_samples_is_an_error_and_writes_no_model(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "data", text_rows(10))
    with pytest.raises(DataError, match="no sample is left"):
        run(tmp_path / "1", dataset, {**TEXT, "data": {"sources": ["nobody"]}})
    assert not list((tmp_path / "1" / "out").iterdir())


def test_cross_validation_leaves_each_value_out_once(tmp_path: Path) -> None:
    rows = [{**row, "subject": "abc"[(i // 3) % 3]} for i, row in enumerate(image_rows(90))]
    dataset = write_dataset(tmp_path / "data", rows)
    result = run(tmp_path / "1", dataset, {**IMAGE, "cross_validate": "subject"})
    assert [one.fold for one in result.folds] == ["a", "b", "c"]
    accuracies = [figure(one.test, "accuracy") for one in result.folds]
    assert result.mean is not None
    assert result.mean.figures["accuracy"] == pytest.approx(sum(accuracies) / 3)
    assert result.samples["test"] == 30
    assert (tmp_path / "1" / "out" / "without-c" / "model.safetensors").is_file()
    one = write_dataset(tmp_path / "one", [{**row, "source": "a"} for row in rows])
    with pytest.raises(DataError, match="two values of `source`"):
        run(tmp_path / "2", one, {**IMAGE, "cross_validate": "source"})


def test_a_test_split_of_one_class_is_not_measured(tmp_path: Path) -> None:
    rows = [row for row in image_rows(60) if row["split"] == "train" or row["label"] == "2"]
    short = {**IMAGE, "loop": {"max_steps": 2}, "data": {"validation_share": 0}}
    result = run(tmp_path / "1", write_dataset(tmp_path / "data", rows), short)
    assert result.samples["test"] == 4
    assert result.test == {}
    assert "the test split has the class `2` alone (4 samples)" in result.notes[0]


@pytest.mark.parametrize(
    ("group", "told"),
    [("subjekt", "no column `subjekt`"), ("subject", "does not part the held-out samples")],
)
def test_a_group_that_groups_nothing_is_refused_before_training(
    group: str, told: str, tmp_path: Path
) -> None:
    rows = [{**row, "subject": None} for row in image_rows(30)]
    dataset = write_dataset(tmp_path / "data", rows)
    with pytest.raises(DataError, match=told) as caught:
        run(tmp_path / "1", dataset, {**IMAGE, "group": group})
    assert group == "subject" or "did you mean `subject`?" in caught.value.hint
    assert not list((tmp_path / "1" / "out").iterdir())
