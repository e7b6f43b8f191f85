"""What is measured a unit, against a plain computation unit by unit."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.training.samples import IMAGE, IMAGE_FACTS, TEXT, documents, images, tiny_gpt, tiny_mlp
from tilth.errors import DataError, StepError, UsageError
from tilth.tasks.build import build_task
from tilth.tasks.settings import ObjectiveSettings
from tilth.training.evaluate import evaluate


def test_images_one_by_one() -> None:
    model, data = tiny_mlp(), images(23)
    found = evaluate(model, IMAGE, data, batch_size=5)
    model.eval()
    with torch.no_grad():
        logits = model((torch.from_numpy(data.rows).float() / 255 - 0.3) / 0.2)
    targets = torch.from_numpy(data.labels)
    expected = F.cross_entropy(logits, targets, reduction="none").numpy()
    assert np.allclose(found.losses, expected, atol=1e-5)
    assert np.array_equal(found.numerators, (logits.argmax(1) == targets).numpy())
    assert found.value == pytest.approx(100 * found.numerators.mean())
    assert found.loss == pytest.approx(expected.mean(), abs=1e-5)
    assert found.metrics() == {"loss": found.loss, "accuracy": found.value}
    assert np.array_equal(found.ids, data.ids)
    assert not found.lower_is_better


def test_text_a_document() -> None:
    """Each token's loss goes to its own document, whatever windows it was packed into."""
    docs = documents([5, 1, 30, 0, 12, 7, 3, 9] * 4)
    model = tiny_gpt().eval()
    rows = docs.pack(8)
    found = evaluate(model, TEXT, rows, batch_size=3)
    assert found.counts.tolist() == (np.diff(docs.starts) + 1).tolist()
    assert np.array_equal(found.ids, docs.ids)
    expected = []
    with torch.no_grad():
        for window, count in zip(rows.rows.astype(np.int64), rows.labels, strict=True):
            logits = model(torch.from_numpy(window[None, :-1]))[0]
            losses = F.cross_entropy(logits, torch.from_numpy(window[1:]), reduction="none")
            expected += losses[:count].tolist()
    ends = np.cumsum(found.counts)
    by_hand = [sum(expected[end - n : end]) for end, n in zip(ends, found.counts, strict=True)]
    assert np.allclose(found.losses, by_hand, atol=1e-4)
    assert found.value == pytest.approx(sum(expected) / math.log(2) / docs.bytes.sum(), rel=1e-5)
    assert found.lower_is_better


def test_evaluation_leaves_the_mode_and_refuses_nothing_to_measure() -> None:
    model = tiny_mlp().train()
    evaluate(model, IMAGE, images(4))
    assert model.training
    with pytest.raises(DataError, match="no sample is left"):
        evaluate(model, IMAGE, images(4).select(np.zeros(0, np.int64)))


@pytest.mark.parametrize("factor", [1e30, math.inf, math.nan])
def test_a_figure_that_is_no_number_is_an_error(factor: float) -> None:
    model = tiny_mlp()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(factor)
    with pytest.raises(StepError, match="the loss of the held-out samples is not a num") as caught:
        evaluate(model, IMAGE, images(23))
    assert caught.value.code == "not-a-number"
    assert "learning_rate" in caught.value.hint


def test_augmentation_depends_on_seed_epoch_and_id_only() -> None:
    task = build_task(
        "image-classification",
        IMAGE_FACTS,
        ObjectiveSettings(),
        augment=[{"shift": {"max_x": 1}}, {"noise": {}}],
    )
    data = images(12)
    index, epochs = np.arange(12), np.zeros(12, np.int64)
    whole = task.collate(data, index, epochs, seed=1).inputs[0]
    part = task.collate(data, index[3:5], epochs[3:5], seed=1).inputs[0]
    assert torch.equal(whole[3:5], part)
    assert not torch.equal(whole, task.collate(data, index, epochs + 1, seed=1).inputs[0])
    assert not torch.equal(whole, task.collate(data, index, epochs, seed=2).inputs[0])
    assert torch.equal(task.collate(data, index).inputs[0], IMAGE.collate(data, index).inputs[0])


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(UsageError, match="no task `juggling`"):
        build_task("juggling", IMAGE_FACTS, ObjectiveSettings())


@pytest.mark.parametrize("tokens", [1, 20, 10_000])
def test_text_is_measured_the_same_in_any_pieces(
    tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = documents([40, 3, 25, 60]).pack(8)
    whole = evaluate(tiny_gpt(), TEXT, rows)
    monkeypatch.setattr("tilth.tasks.text.generation.task._TOKENS_AT_ONCE", tokens)
    found = evaluate(tiny_gpt(), TEXT, rows)
    assert found.losses == pytest.approx(whole.losses)
    assert found.numerators == pytest.approx(whole.numerators)
    assert found.counts.tolist() == whole.counts.tolist()
