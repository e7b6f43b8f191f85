"""What is asked of a model beside its task: every setting of an objective."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional as F

from tests.table.entries import effect, extreme, refused, under
from tests.table.trainings import BASES, OBJECTIVES, dataset_of, differ, learn, text_samples
from tests.table.whole import said
from tests.training.samples import IMAGE_FACTS, TEXT_FACTS, images, tiny_mlp
from tilth.errors import DataError
from tilth.models.facts import Facts, Sizes
from tilth.pretrain.weights import load_model
from tilth.tasks.build import build_task
from tilth.tasks.images.classification.task import ImageClassification
from tilth.tasks.images.contrastive.task import ImageContrastive
from tilth.tasks.prepare import prepare
from tilth.tasks.settings import DataSettings, ObjectiveSettings
from tilth.training.examples import Examples
from tilth.training.task import Batch

LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.0, 0.0]])
TARGETS = torch.tensor([0, 2])


_TURNED = Sizes(image=(1, 4, 4), classes=3)
_FACTS = {
    "image-classification": IMAGE_FACTS,
    "image-rotation": Facts(sizes=_TURNED, classes=("0", "90", "180"), mean=(0.3,), std=(0.2,)),
    "text-classification": TEXT_FACTS,
}


def taken(**given: Any) -> bool:
    """Whether these settings are accepted."""
    try:
        ObjectiveSettings(**given)
    except ValidationError:
        return False
    return True


def images_task(**given: Any) -> ImageClassification:
    """Pictures of three classes."""
    task = build_task("image-classification", IMAGE_FACTS, ObjectiveSettings(**given))
    assert isinstance(task, ImageClassification)
    return task


@effect("pretrain.objective")
def test_the_block_is_the_stages_own() -> None:
    plain = learn("pretrain.objective.label_smoothing")
    smooth = learn("pretrain.objective.label_smoothing", 0.9)
    first, last = plain.result.curve[-1].loss, smooth.result.curve[-1].loss
    assert first is not None
    assert last is not None
    assert last > first


@effect(*under(OBJECTIVES, "label_smoothing"))
@extreme(*under(OBJECTIVES, "label_smoothing"))
def test_a_part_of_the_probability_is_spread_over_all_outputs(path: str) -> None:
    # By hand: of the target what is left, of every output its part.
    logs = LOGITS.log_softmax(1)
    batch = Batch((), TARGETS, np.ones(2, np.int64))
    for smoothing in (0.0, 0.3, 0.999):
        of_target = -logs[torch.arange(2), TARGETS].sum() * (1 - smoothing)
        expected = of_target - smoothing * logs.mean(1).sum()
        objective = ObjectiveSettings(label_smoothing=smoothing)
        for name, facts in _FACTS.items():
            loss = build_task(name, facts, objective).loss(LOGITS, batch)
            assert float(loss) == pytest.approx(float(expected), rel=1e-5)
    # It is for training alone: what is measured is the loss itself.
    for task in ("image-classification", "image-rotation", "text-classification", "translation"):
        plain, smooth = learn(path, 0, task), learn(path, 0.5, task)
        assert differ(plain, smooth)
        assert smooth.figure("loss") < math.log(300) * 1.2
    assert not any(taken(label_smoothing=one) for one in (1, -0.1, math.nan))


@effect(*under(OBJECTIVES, "mixup"))
@extreme(*under(OBJECTIVES, "mixup"))
def test_pictures_are_mixed_in_shares_of_the_alpha(path: str) -> None:
    data = images(400)
    index, epochs = np.arange(400), np.zeros(400, np.int64)

    def evenness(alpha: float) -> float:
        batch = images_task(mixup=alpha).collate(data, index, epochs, 0)
        assert batch.shares is not None
        torch.testing.assert_close(batch.shares.sum(1), torch.ones(400))
        # The share of the picture itself; 1 where its partner is of its own class.
        return float(1 - batch.shares[torch.arange(400), batch.targets].mean())

    assert images_task(mixup=0).collate(data, index, epochs, 0).shares is None
    # A small alpha leaves pictures nearly alone, a large one mixes them half and half.
    found = [evenness(alpha) for alpha in (0.01, 0.2, 1.0, 50.0)]
    assert found == sorted(found)
    assert found[0] < 0.02
    assert 0.2 < found[3] < 0.36
    # Only in training.
    assert images_task(mixup=1).collate(data, index).shares is None
    assert differ(learn(path, 0), learn(path, 1))
    assert not any(taken(mixup=one) for one in (-0.1, math.nan))


@effect(*under(OBJECTIVES, "views"))
def test_it_answers_with_the_mean_over_views(path: str) -> None:
    model, data = tiny_mlp().eval(), images(5)
    with torch.no_grad():
        plain = images_task()
        (pixels,) = plain.collate(data, np.arange(5)).inputs
        alone, mirrored = model(pixels), model(pixels.flip(3))
        padded = F.pad(pixels, (1, 1, 1, 1), mode="reflect")
        shifted = [padded[:, :, :-2, :-2], padded[:, :, 2:, 2:]]
        around = [(model(one) + model(one.flip(3))) / 2 for one in shifted]
        both = (alone + mirrored) / 2
        for views, expected in (
            (None, alone),
            ("mirror", both),
            ("mirror-shift", both / 2 + (around[0] + around[1]) / 4),
        ):
            torch.testing.assert_close(images_task(views=views).answer(model, pixels), expected)
    # What is learnt is the same, what is measured is not.
    one, other = learn(path), learn(path, "mirror")
    assert not differ(one, other)
    assert one.figure("loss") != other.figure("loss")
    with pytest.raises(DataError, match="cannot be shifted by a pixel"):
        learn(path, "mirror-shift", data={"image_size": [1, 4]})
    assert not taken(views="all")


@effect(*under(OBJECTIVES, "temperature"))
@extreme(*under(OBJECTIVES, "temperature"))
def test_a_low_temperature_compares_sharply(path: str) -> None:
    outputs = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.9, 0.1], [0.1, 0.9]])
    batch = Batch((), torch.zeros(2, dtype=torch.int64), np.ones(2, np.int64))

    def loss(temperature: float) -> float:
        plain = images_task()
        task = ImageContrastive(plain, ObjectiveSettings(temperature=temperature))
        return float(task.loss(outputs, batch))

    # Each view's partner is its nearest: the sharper, the surer; wholly soft, one of three.
    losses = [loss(one) for one in (0.01, 0.2, 1.0, 1000.0)]
    assert losses == sorted(losses)
    assert losses[0] < 1e-3
    assert losses[3] == pytest.approx(2 * math.log(3), rel=1e-2)
    contrasted = [learn(path, one, "image-contrastive") for one in (0.05, 1.0)]
    assert differ(*contrasted)
    assert not any(taken(temperature=one) for one in (0, 1e-4, -1, 1001, math.nan))


@effect(*under(OBJECTIVES, "beam", "length_penalty"))
@extreme(*under(OBJECTIVES, "beam", "length_penalty"))
def test_translations_are_searched_as_it_is_asked(tmp_path: Path) -> None:
    rows = text_samples()[:54]  # six of them to be tested on
    for path in under(OBJECTIVES, "beam"):
        asked = learn(path, 3, "translation", rows=rows, loop={"max_steps": 20})
    loaded = load_model(asked.folder)
    data = DataSettings(max_length=12, validation_share=0)
    prepared = prepare(
        dataset_of(rows), "translation", data, tmp_path, tokenizer=loaded.tokenizer
    ).splits["test"]
    assert isinstance(prepared, Examples)

    def figures(**given: Any) -> dict[str, Any]:
        objective = ObjectiveSettings(**given)
        task = build_task("translation", loaded.facts, objective, tokenizer=loaded.tokenizer)
        with torch.inference_mode():
            found = task.figures(loaded.model, prepared, 256)
        return {name: one if isinstance(one, str) else one.value for name, one in found.items()}

    # The stage's figures are those of its own beam, and other beams and penalties give others.
    ours = figures(beam=3)
    assert {name: asked.result.test[name] for name in ours} == pytest.approx(ours)
    several = [figures(beam=1), ours, figures(beam=8), figures(beam=3, length_penalty=0)]
    assert len({one["chrf"] for one in several}) == 4
    assert not any(taken(beam=one) for one in (0, -1))
    assert not any(taken(length_penalty=one) for one in (-1, math.nan))


@effect(*under(OBJECTIVES, "lexicon"))
def test_an_answer_is_one_of_the_training_split(path: str) -> None:
    free = learn(path, None, "speech-recognition")
    for lexicon in ("words", "transcripts"):
        found = learn(path, lexicon, "speech-recognition")
        assert not differ(free, found)
        assert found.figure("exact_greedy") == free.figure("exact")
        assert found.figure("exact") >= free.figure("exact")
        assert "exact_greedy" not in free.result.test
    assert not taken(lexicon="letters")


@refused(*under(OBJECTIVES, *ObjectiveSettings.model_fields))
@pytest.mark.parametrize(
    ("task", "setting", "value"),
    [
        ("text-generation", "label_smoothing", 0.1),
        ("text-classification", "mixup", 0.2),
        ("image-rotation", "views", "mirror"),
        ("image-rotation", "mixup", 0.2),
        ("image-classification", "temperature", 1),
        ("image-contrastive", "label_smoothing", 0.1),
        ("text-classification", "beam", 2),
        ("speech-recognition", "length_penalty", 2),
        ("image-classification", "lexicon", "words"),
        ("translation", "temperature", 1),
    ],
)
def test_what_the_task_does_not_read_is_refused(task: str, setting: str, value: Any) -> None:
    model = BASES[task]["model"]
    stage = {"task": task, "model": model, "objective": {setting: value}}
    told = said({"collect": {"a": {"jsonl": {"path": "x"}}}, "pretrain": stage})
    assert f"task {task} does not read `objective.{setting}`, only " in told


@refused(*under(OBJECTIVES, "length_penalty"))
def test_a_penalty_with_nothing_to_compare_is_refused() -> None:
    stage = {
        "task": "translation",
        "model": {"kind": "seq2seq"},
        "objective": {"beam": 1, "length_penalty": 2},
    }
    told = said({"collect": {"a": {"jsonl": {"path": "x"}}}, "pretrain": stage})
    assert "`objective.length_penalty` does nothing with beam: 1" in told
