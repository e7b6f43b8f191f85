"""What is trained, from what, how often, and by whom it is counted: the settings of the stage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.table.entries import effect, extreme, name, refused
from tests.table.trainings import BASES, Row, Trained, differ, image_samples, pretrain, text_samples
from tests.table.whole import problems, said
from tilth.errors import DataError, MissingError
from tilth.pretrain.fit import fingerprint
from tilth.pretrain.settings import Settings

IMAGES = "image-classification"


def told(**stage: Any) -> str:
    """What `tilth check` says of a stage."""
    return said({"collect": {"a": {"jsonl": {"path": "x"}}}, "pretrain": stage})


def far(found: Trained, start: Trained, prefix: str) -> float:
    """How far the parameters of a prefix went from another training's."""
    names = [one for one in start.weights if one.startswith(prefix)]
    assert names
    return float(sum((found.weights[one] - start.weights[one]).abs().sum() for one in names))


def of_subjects(count: int = 60) -> list[Row]:
    """Pictures of three people, who have all classes each."""
    rows = image_samples()[:count]
    return [{**row, "subject": "xyz"[i // 3 % 3]} for i, row in enumerate(rows)]


@pytest.fixture(scope="module")
def start() -> Trained:
    """The weights that every training of the base begins with, nearly."""
    return pretrain(optimizer={"learning_rate": 1e-12})


@effect("pretrain.task")
def test_the_task_is_what_is_learnt() -> None:
    for task in ("image-classification", "image-rotation", "text-generation"):
        found = pretrain(task, loop={"max_steps": 1})
        kept = json.loads((found.folder / "config.json").read_text("utf-8"))
        assert found.result.task == kept["task"] == task
    assert pretrain("image-rotation").weights["head.bias"].shape == (4,)
    assert "did you mean `text-generation`?" in told(task="text-generaton")


@effect("pretrain.model")
def test_the_model_is_what_is_trained() -> None:
    small, large = (pretrain(model={"kind": "mlp", "hidden": [n]}).result for n in (8, 16))
    assert large.model.parameters - small.model.parameters == 8 * (36 + 1 + 3)
    other = pretrain(model={"kind": "cnn", "channels": [4, 4], "hidden": 8}, loop={"max_steps": 1})
    assert other.result.model.kind == "cnn"
    assert "needs model.kind cnn or mlp or resnet" in told(task=IMAGES, model={"kind": "gpt"})


@effect("pretrain.initialise")
def test_it_starts_from_the_weights_of_another(start: Trained) -> None:
    trained = pretrain(loop={"max_steps": 30})
    still: dict[str, Any] = {"optimizer": {"learning_rate": 1e-12}, "loop": {"max_steps": 1}}
    warm = pretrain(initialise=str(trained.folder), **still)
    cold = pretrain(**still)
    assert far(warm, trained, "") < 1e-4 < far(cold, trained, "")
    assert warm.figure("loss") == pytest.approx(trained.figure("loss"), rel=1e-4)
    assert warm.result.initialised is not None
    assert len(warm.result.initialised.taken) == 4
    assert warm.result.notes[0].startswith("started from a trained model: 4 tensors taken")
    # Of a text model the vocabulary too.
    words = pretrain("text-generation")
    other = pretrain(
        "text-generation", data={"vocabulary": None}, initialise=str(words.folder), **still
    )
    assert (other.folder / "tokenizer.json").read_bytes() == (
        words.folder / "tokenizer.json"
    ).read_bytes()


@name("pretrain.initialise")
def test_a_folder_that_is_not_there_is_refused_before_the_run(tmp_path: Path) -> None:
    for where in (str(tmp_path / "model"), "./nowhere"):
        with pytest.raises(MissingError, match="no such folder to start from"):
            fingerprint(Settings(initialise=where))
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingError, match="no weights"):
        fingerprint(Settings(initialise=str(tmp_path / "empty")))


@refused("pretrain.initialise")
def test_a_text_model_without_its_tokenizer_is_refused(tmp_path: Path) -> None:
    words = pretrain("text-generation")
    for file in words.folder.iterdir():
        if file.name != "tokenizer.json":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    with pytest.raises(DataError, match="there is no tokenizer beside the weights"):
        pretrain("text-generation", data={"vocabulary": None}, initialise=str(tmp_path))


@refused("pretrain.initialise", "pretrain.data.tokenizer", "pretrain.data.tokenizer_sources")
@pytest.mark.parametrize(
    ("setting", "value"),
    [("vocabulary", 300), ("tokenizer", "characters"), ("tokenizer_sources", ["a"])],
)
def test_a_vocabulary_beside_a_model_to_start_from_is_refused(setting: str, value: Any) -> None:
    found = told(initialise="gpt2", data={setting: value})
    assert f"`data.{setting}` does nothing beside `initialise`" in found


@effect("pretrain.freeze")
def test_what_is_frozen_stays_as_it_was(start: Trained) -> None:
    frozen = pretrain(freeze=["body."])
    assert far(frozen, start, "body.") < 1e-6
    assert far(frozen, start, "head.") > 0.1
    assert far(pretrain(), start, "body.") > 0.1
    assert far(pretrain(freeze=["body.1.bias"]), start, "body.1.bias") < 1e-6


@effect("pretrain.unfreeze")
@extreme("pretrain.unfreeze")
def test_a_part_is_trained_after_its_share_of_the_run(start: Trained) -> None:
    shares = (0.0, 0.25, 0.5, 0.75, 0.999)
    found = [pretrain(unfreeze={"body.": share}) for share in shares]
    went = [far(one, start, "body.") for one in found]
    # One step less each; the last share leaves the last step.
    assert went[:4] == sorted(went[:4], reverse=True)
    assert len({round(one, 5) for one in went[:4]}) == 4
    assert went[4] == went[3] > 0
    assert not differ(found[0], pretrain())
    assert all(far(one, start, "head.") > 0.1 for one in found)
    # Of two prefixes the longer decides.
    both = pretrain(unfreeze={"body.": 0.75, "body.1.bias": 0.0})
    assert far(both, start, "body.1.weight") < far(both, start, "body.1.bias") * 100
    assert far(both, start, "body.1.bias") > far(found[3], start, "body.1.bias")
    for share in (1, -0.1):
        assert told(unfreeze={"head.": share})


@name("pretrain.freeze", "pretrain.unfreeze")
def test_a_part_that_is_not_there_is_refused(path: str) -> None:
    setting = path.rpartition(".")[2]
    given = {"bloks.": 0.5} if setting == "unfreeze" else ["bloks."]
    found = problems(
        {
            "collect": {"a": {"jsonl": {"path": "x"}}},
            "pretrain": {setting: given, "loop": {"max_steps": 1}},
        }
    )
    assert len(found) == 1
    assert "no parameter's name begins with `bloks.`" in found[0].what
    assert found[0].where.endswith(path)
    assert "did you mean `blocks.`?" in found[0].hint


@refused("pretrain.freeze", "pretrain.unfreeze", "pretrain.optimizer.rates")
@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ({"freeze": [""]}, "nothing is left to train"),
        ({"freeze": ["tokens.", "blocks.", "norm."]}, "nothing is left to train"),
        ({"freeze": ["blocks."], "unfreeze": {"blocks.0.": 0.5}}, "`unfreeze` of `blocks.0.` does"),
        (
            {"freeze": ["blocks."], "optimizer": {"rates": {"blocks.0.": 3}}},
            "`optimizer.rates` of `blocks.0.` does nothing",
        ),
        ({"unfreeze": {"norm.": 0.5}, "loop": {"patience": 1}}, "depends on the last step"),
    ],
)
def test_freezing_that_leaves_nothing_to_do_is_refused(stage: dict[str, Any], message: str) -> None:
    assert message in told(**{"loop": {"max_steps": 5}, **stage})


@effect("pretrain.cross_validate")
def test_each_value_is_left_out_once() -> None:
    rows = of_subjects()
    found = pretrain(rows=rows, cross_validate="subject", loop={"max_steps": 1}).result
    assert [one.fold for one in found.folds] == ["x", "y", "z"]
    # Those of the training whose weights are kept, the first one.
    assert found.samples["test"] == sum(row["subject"] == "x" for row in rows) == 21
    assert found.mean is not None
    mean = sum(float(one.test["loss"]) for one in found.folds) / 3
    assert found.mean.figures["loss"] == pytest.approx(mean)
    some = [{**row, "subject": row["subject"] if i % 5 else None} for i, row in enumerate(rows)]
    told_of = pretrain(rows=some, cross_validate="subject", loop={"max_steps": 1}).result.notes
    assert "12 samples have no `subject`: they are always trained on and never tested" in told_of
    by_source = pretrain(rows=rows, cross_validate="source", loop={"max_steps": 1}).result
    assert [one.fold for one in by_source.folds] == ["a", "b"]
    by_label = pretrain("text-generation", cross_validate="label", loop={"max_steps": 1}).result
    assert [one.fold for one in by_label.folds] == ["a", "b"]
    assert pretrain(rows=rows, loop={"max_steps": 1}).result.folds == ()


@refused("pretrain.cross_validate")
def test_a_cross_validation_of_nothing_is_refused() -> None:
    with pytest.raises(DataError, match="two values of `subject` or more, and there are 0"):
        pretrain(cross_validate="subject")
    # Nor of values whose samples are not chosen.
    rows = text_samples()
    for row in rows:
        row["subject"] = f"who says {row['label']}"
    with pytest.raises(DataError, match="two values of `subject` or more, and there are 1"):
        pretrain("text-generation", rows=rows, cross_validate="subject", data={"labels": ["a"]})
    model = BASES[IMAGES]["model"]
    assert "leaves out a whole class" in told(task=IMAGES, model=model, cross_validate="label")
    data = {"test": "validation", "validation": "test"}
    assert "does nothing beside `cross_validate`" in told(cross_validate="source", data=data)


@effect("pretrain.seeds")
@extreme("pretrain.seeds")
def test_it_is_trained_once_for_each_seed() -> None:
    several = pretrain(seeds=[3, 2**32 - 1, 0], loop={"max_steps": 2})
    assert [one.seed for one in several.result.seeds] == [3, 2**32 - 1, 0]
    assert not differ(several, pretrain(seeds=[3], loop={"max_steps": 2}))
    assert not differ(several, pretrain(seed=3, loop={"max_steps": 2}))
    assert differ(several, pretrain(seed=0, loop={"max_steps": 2}))
    assert several.result.mean is not None
    losses = [float(one.test["loss"]) for one in several.result.seeds]
    assert len(set(losses)) == 3
    assert several.result.mean.figures["loss"] == pytest.approx(sum(losses) / 3)
    assert "the same seed twice" in told(seeds=[1, 1])
    for seed in (-1, 2**32):
        assert told(seeds=[seed])


@effect("pretrain.group")
def test_the_intervals_are_over_groups() -> None:
    rows = [{**row, "site": f"s{i % 4}"} for i, row in enumerate(image_samples())]
    alone = pretrain(rows=rows).result.intervals["test"]["loss"]
    grouped = pretrain(rows=rows, group="site").result.intervals["test"]["loss"]
    assert (alone.n, alone.groups) == (12, None)
    assert (grouped.n, grouped.groups) == (12, 4)
    assert (alone.low, alone.high) != (grouped.low, grouped.high)


@name("pretrain.group")
def test_a_column_that_is_not_there_is_refused_before_training() -> None:
    rows = of_subjects()
    with pytest.raises(DataError, match="no column `subjekt`") as caught:
        pretrain(rows=rows, group="subjekt")
    assert "did you mean `subject`?" in caught.value.hint
    empty = [{**row, "subject": None} for row in rows]
    one = [{**row, "subject": "x"} for row in rows]
    for given in (empty, one):
        with pytest.raises(DataError, match="does not part the held-out samples"):
            pretrain(rows=given, group="subject")


@refused("pretrain.data.labels", "pretrain.task")
def test_a_figure_of_one_class_is_not_given() -> None:
    rows = [row for row in image_samples() if row["split"] == "train" or row["label"] == "1"]
    found = pretrain(rows=rows).result
    assert found.test == {}
    assert "the test split has the class `1` alone (4 samples)" in " ".join(found.notes)
    # Nor of one image that is compared with none.
    rows = image_samples()[:49]
    found = pretrain("image-contrastive", rows=rows).result
    assert (found.samples["test"], found.test) == (1, {})
    assert "the test split has 1 sample" in " ".join(found.notes)
    # Two classes are enough.
    rows = [row for row in image_samples() if row["split"] == "train" or row["label"] == "1"]
    rows += [row for row in image_samples() if row["split"] == "test" and row["label"] == "2"]
    assert torch.tensor(pretrain(rows=rows).figure("accuracy")).isfinite()
