"""Images: MixUp, top 5, quarter turns and two views; all drawn by (seed, epoch, id)."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
import torch
from PIL import Image

from tests.training.samples import IMAGE, IMAGE_FACTS, images, tiny_mlp
from tilth.errors import DataError, UsageError
from tilth.models.build import build_model
from tilth.models.facts import Facts, Sizes
from tilth.models.mlp import MLPSettings
from tilth.tasks.base import Answering
from tilth.tasks.build import build_task
from tilth.tasks.predict_settings import PredictSettings
from tilth.tasks.settings import ObjectiveSettings
from tilth.training.evaluate import evaluate
from tilth.training.loop import train
from tilth.training.settings import LoopSettings, OptimizerSettings

ROTATION = build_task("image-rotation", IMAGE_FACTS, ObjectiveSettings())
VIEWS = build_task(
    "image-contrastive",
    IMAGE_FACTS,
    ObjectiveSettings(),
    augment=[{"shift": {"max_x": 1, "max_y": 1}}, {"noise": {"std": 0.1}}],
)
MIXED = build_task("image-classification", IMAGE_FACTS, ObjectiveSettings(mixup=0.4))
SETTINGS = MLPSettings(hidden=(32,), dropout=0.0)


@pytest.mark.parametrize("task", [ROTATION, VIEWS, MIXED], ids=["rotation", "views", "mixup"])
def test_what_is_drawn_depends_on_seed_epoch_and_id_only(task: Answering) -> None:
    data, index, epochs = images(30), np.arange(30), np.arange(30) % 3
    whole = task.collate(data, index, epochs, seed=1)
    part = task.collate(data, index[7:9], epochs[7:9], seed=1)
    assert torch.equal(whole.inputs[0][7:9], part.inputs[0])
    assert torch.equal(whole.targets[7:9], part.targets)
    if whole.shares is not None and part.shares is not None:
        assert torch.equal(whole.shares[7:9], part.shares)
    other = task.collate(data, index, epochs, seed=2)
    assert not torch.equal(whole.inputs[0], other.inputs[0])
    assert torch.equal(task.collate(data, index).inputs[0], task.collate(data, index).inputs[0])


def test_quarter_turns() -> None:
    data, index = images(200), np.arange(200)
    plain = IMAGE.collate(data, index).inputs[0]
    turned = ROTATION.collate(data, index, np.zeros(200, np.int64), 3)
    assert set(turned.targets.tolist()) == {0, 1, 2, 3}
    for row in range(200):
        expected = torch.rot90(plain[row], int(turned.targets[row]), (1, 2))
        assert torch.equal(turned.inputs[0][row], expected)


def test_mixup_mixes_classes_as_it_mixes_pixels() -> None:
    data, index = images(400), np.arange(400)
    batch = MIXED.collate(data, index, np.zeros(400, np.int64), 0)
    assert torch.equal(batch.targets, torch.from_numpy(data.labels))
    assert batch.shares is not None
    assert batch.shares.sum(1).numpy() == pytest.approx(1, abs=1e-5)
    assert (batch.shares.max(1).values >= 0.5 - 1e-5).all()
    assert 0.2 < (batch.shares.max(1).values < 0.99).float().mean() < 0.9
    own = batch.shares[torch.arange(400), batch.targets]
    assert (own >= 0.5 - 1e-5).all()
    # In measuring, nothing is mixed.
    assert MIXED.collate(data, index).shares is None


def test_mixup_draws_its_partner_as_often_as_it_is_seen() -> None:
    """By the weights of the mixture; without any it draws what it ever drew."""
    data, index, epochs = images(400), np.arange(400), np.zeros(400, np.int64)
    of_two = dataclasses.replace(data, targets=np.arange(400) % 2)
    rare = np.where(of_two.labels == 1, 0.02, 1).astype(np.float32)
    shares = {}
    for name, weights in (("even", of_two.weights), ("rare", rare), ("half", rare * 0 + 0.5)):
        weighted = dataclasses.replace(of_two, weights=weights)
        found = [MIXED.collate(weighted, index, epochs + k, 0).shares for k in range(5)]
        shares[name] = torch.stack([one for one in found if one is not None])
    assert torch.equal(shares["even"], shares["half"])
    # Of class 0 with a partner: how often that is of class 1.
    other = {name: (one[:, ::2, 1] > 0).double().mean().item() for name, one in shares.items()}
    assert other["even"] == pytest.approx(0.5, abs=0.05)
    assert other["rare"] == pytest.approx(0.02 / 1.02, abs=0.015)
    never = dataclasses.replace(of_two, weights=np.where(of_two.labels == 1, 0, 1).astype("f4"))
    alone = MIXED.collate(never, index, epochs, 0).shares
    assert alone is not None
    assert not alone[::2, 1].any()


def test_the_loss_of_what_is_mixed_is_taken_on_the_shares() -> None:
    data, index = images(12), np.arange(12)
    batch = MIXED.collate(data, index, np.zeros(12, np.int64), 0)
    assert batch.shares is not None
    outputs = torch.randn(12, batch.shares.shape[1], generator=torch.Generator().manual_seed(0))
    expected = -(batch.shares * outputs.log_softmax(1)).sum()
    assert MIXED.loss(outputs, batch).item() == pytest.approx(expected.item(), rel=1e-5)
    # In parts as well, wherever they are.
    parts = [part.to(torch.device("cpu")) for part in batch.split(5)]
    cut = torch.split(outputs, 5)
    lost = sum(MIXED.loss(one, part).item() for one, part in zip(cut, parts, strict=True))
    assert lost == pytest.approx(expected.item(), rel=1e-5)


def test_contrastive_loss_is_equation_1() -> None:
    data, index = images(6), np.arange(6)
    model = build_model(SETTINGS, Sizes(image=(1, 4, 4), classes=5), seed=0)
    batch = VIEWS.collate(data, index, np.zeros(6, np.int64), 0)
    views = [batch.inputs[0][:, k] for k in (0, 1)]
    z = [torch.nn.functional.normalize(model(view), dim=1).detach().numpy() for view in views]
    both, total = np.concatenate(z), 0.0
    for i in range(12):
        similar = np.exp(both @ both[i] / 0.2)
        total -= np.log(similar[(i + 6) % 12] / (similar.sum() - similar[i])) / 2
    assert VIEWS.loss(VIEWS.forward(model, batch), batch).item() == pytest.approx(total, rel=1e-4)


@pytest.mark.parametrize("task", [ROTATION, VIEWS], ids=["rotation", "views"])
def test_it_can_be_learnt(task: Answering) -> None:
    data = images(300)
    model = build_model(SETTINGS, Sizes(image=(1, 4, 4), classes=8), seed=0)
    before = evaluate(model, task, data, batch_size=50)
    loop = LoopSettings(max_steps=150, batch_size=50)
    train(model, task, data, None, OptimizerSettings(learning_rate=3e-3), loop, seed=0)
    after = evaluate(model, task, data, batch_size=50)
    assert after.loss < before.loss
    assert after.value > before.value


def test_views_that_do_not_differ_are_refused() -> None:
    task = build_task("image-contrastive", IMAGE_FACTS, ObjectiveSettings())
    with pytest.raises(UsageError, match="transforms that make them differ"):
        task.check(tiny_mlp(), images(4))


def test_top_5_of_ten_classes_or_more() -> None:
    facts = Facts(
        sizes=Sizes(image=(1, 4, 4), classes=12),
        classes=tuple(str(n) for n in range(12)),
        mean=(0.3,),
        std=(0.2,),
    )
    task = build_task("image-classification", facts, ObjectiveSettings())
    model, data = build_model(SETTINGS, facts.sizes, seed=0), images(300)
    found = evaluate(model, task, data, figures=True).figures["top5"]
    logits = model(*task.collate(data, np.arange(300)).inputs).detach().numpy()
    ranks = (logits > logits[np.arange(300), data.labels][:, None]).sum(1)
    assert found == pytest.approx(100 * (ranks < 5).mean())
    assert IMAGE.figures(tiny_mlp(), data, 256) == {}


def test_a_picture_is_classified() -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.full((9, 9), 90, np.uint8)).save(buffer, "PNG")
    model = tiny_mlp().eval()
    (answer,) = IMAGE.predict(model, [buffer.getvalue()], PredictSettings())
    assert answer.label in ("a", "b", "c")
    assert answer.scores is not None
    assert sum(answer.scores.values()) == pytest.approx(1, abs=1e-4)
    with pytest.raises(DataError, match="an image cannot be decoded"):
        IMAGE.predict(model, [b"no picture"], PredictSettings())


def test_mirrored_answers_are_the_mean_of_two_views() -> None:
    task = build_task("image-classification", IMAGE_FACTS, ObjectiveSettings(views="mirror"))
    model, data = tiny_mlp().eval(), images(20)
    pixels = task.collate(data, np.arange(20)).inputs[0]
    logits = (model(pixels) + model(pixels.flip(3))) / 2
    expected = torch.nn.functional.cross_entropy(logits, torch.from_numpy(data.labels))
    assert evaluate(model, task, data).loss == pytest.approx(expected.item(), rel=1e-5)


def test_shifted_answers_count_half() -> None:
    task = build_task("image-classification", IMAGE_FACTS, ObjectiveSettings(views="mirror-shift"))
    model, data = tiny_mlp().eval(), images(20)
    pixels = task.collate(data, np.arange(20)).inputs[0]
    padded = torch.nn.functional.pad(pixels, (1, 1, 1, 1), mode="reflect")
    height, width = pixels.shape[2:]
    total = torch.zeros(())
    for place, weight in ((1, 0.5), (0, 0.25), (2, 0.25)):
        view = padded[:, :, place : place + height, place : place + width]
        total = total + weight * (model(view) + model(view.flip(3))) / 2
    expected = torch.nn.functional.cross_entropy(total, torch.from_numpy(data.labels))
    assert evaluate(model, task, data).loss == pytest.approx(expected.item(), rel=1e-5)
