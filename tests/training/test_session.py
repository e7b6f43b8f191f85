"""What surrounds the six steps: patience, cuts, notes, and what is told and saved when."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.training.samples import IMAGE, IMAGE_FACTS, images, same_bits, tiny_mlp, weights_of
from tilth.errors import StepError
from tilth.models.mlp import MLPSettings
from tilth.tasks.images.classification.task import ImageClassification
from tilth.tasks.settings import ObjectiveSettings
from tilth.training import session as module
from tilth.training.evaluate import Evaluation
from tilth.training.loop import TrainResult, train
from tilth.training.session import Session
from tilth.training.settings import LoopSettings, OptimizerSettings
from tilth.training.task import Batch

FAST = OptimizerSettings(learning_rate=0.01)


class StoppedError(Exception):
    """Raised in the place of a kill."""


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[float]], None]:
    """The validation losses of the runs that follow; a measurement costs nothing then."""

    def give(losses: list[float]) -> None:
        left = iter(losses)

        def evaluate(*_: Any, **__: Any) -> Evaluation:
            found = next(left)
            if found < 0:
                raise StoppedError
            return real(found)

        monkeypatch.setattr(module, "evaluate", evaluate)

    def real(loss: float) -> Evaluation:
        return type("Measured", (), {"loss": loss, "value": 50.0})()  # type: ignore[no-any-return]

    return give


def _train(
    work: Path | None = None, *, steps: int = 20, progress: Any = None, **loop: Any
) -> TrainResult:
    settings = LoopSettings(max_steps=steps, batch_size=8, eval_every=2, **loop)
    data, told = images(40), progress or (lambda *_: None)
    return train(tiny_mlp(), IMAGE, data, data, FAST, settings, seed=0, work=work, progress=told)


@pytest.mark.parametrize(
    ("losses", "patience", "steps"),
    [
        ([1.0, 1.0, 1.0], 2, 6),  # the same is no improvement
        ([1.0, 1.1, 0.9, 1.0, 0.95], 2, 10),  # an improvement begins anew
        ([1.0, 1.1], 1, 4),
        ([1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1], 1, 20),
        ([1.0, *[2.0] * 9], 0, 20),  # without patience nothing ends it
    ],
)
def test_it_has_converged_after_so_many_measurements_without_improvement(
    losses: list[float],
    patience: int,
    steps: int,
    measured: Callable[[list[float]], None],
) -> None:
    measured(losses)
    result = _train(patience=patience)
    assert result.steps == steps
    assert result.stopped == ("converged" if steps < 20 else "max_steps")
    assert [point.validation_loss for point in result.curve] == losses[: steps // 2]


def test_an_improvement_below_the_least_that_counts_is_none(
    measured: Callable[[list[float]], None],
) -> None:
    measured([1.0, 0.95, 0.91, 0.0])
    assert _train(patience=2, min_improvement=0.1).steps == 6
    # Measured from the best one, not from the last one.
    measured([1.0, 0.95, 0.89, 0.85, 0.8])
    assert _train(patience=2, min_improvement=0.1).steps == 10


@pytest.mark.parametrize("kill_at", [1, 2, 3])
def test_patience_is_kept_over_a_kill(
    kill_at: int, measured: Callable[[list[float]], None], tmp_path: Path
) -> None:
    losses = [1.0, 1.2, 1.1, 1.3]
    measured([*losses[:kill_at], -1.0])
    with pytest.raises(StoppedError):
        _train(tmp_path, patience=3, checkpoint_every=2)
    measured(losses[kill_at:])
    result = _train(tmp_path, patience=3, checkpoint_every=2)
    assert (result.stopped, result.steps) == ("converged", 8)
    assert [point.validation_loss for point in result.curve] == losses


class _Small(ImageClassification):
    """Memory runs out above so many rows."""

    most = 8
    message = "DefaultCPUAllocator: not enough memory: you tried to allocate"

    def __init__(self) -> None:
        super().__init__(IMAGE_FACTS, ObjectiveSettings())
        self.rows: list[int] = []

    def forward(self, model: nn.Module, batch: Batch) -> Any:
        if model.training:
            self.rows.append(len(batch.counts))
            if len(batch.counts) > self.most:
                raise RuntimeError(self.message)
        return super().forward(model, batch)


def _fit(task: ImageClassification, steps: int = 2, **loop: Any) -> TrainResult:
    settings = LoopSettings(max_steps=steps, batch_size=8, **loop)
    return train(tiny_mlp(), task, images(40), None, FAST, settings, seed=0)


@pytest.mark.parametrize(
    ("most", "rows"),
    [
        (8, [8, 8]),
        (4, [8, 4, 4, 4, 4]),
        (3, [8, 4, 2, 2, 2, 2, 2, 2, 2, 2]),
        (1, [8, 4, 2, *[1] * 16]),
    ],
)
def test_a_batch_is_cut_in_half_until_it_fits_and_stays_cut(most: int, rows: list[int]) -> None:
    task = _Small()
    task.most = most
    result = _fit(task)
    assert task.rows == rows
    assert len(result.notes) == len(set(rows)) - 1
    assert all("out of memory at step 1" in note for note in result.notes)
    assert (result.steps, result.examples, result.tokens) == (2, 16, 16)


def test_a_row_that_does_not_fit_by_itself_is_an_error_and_not_an_endless_loop() -> None:
    task = _Small()
    task.most = 0
    with pytest.raises(RuntimeError, match="not enough memory"):
        _fit(task)
    assert task.rows == [8, 4, 2, 1]


@pytest.mark.parametrize("message", ["can't allocate memory", "not enough memory"])
def test_the_words_of_the_allocator_are_understood_and_no_others(message: str) -> None:
    task = _Small()
    task.most, task.message = 4, message
    assert _fit(task).steps == 2
    task.message = "mat1 and mat2 shapes cannot be multiplied"
    with pytest.raises(RuntimeError, match="shapes"):
        _fit(task)


def test_a_batch_that_is_cut_has_the_loss_and_the_gradient_of_the_whole() -> None:
    still = [tiny_mlp() for _ in range(2)]
    for model in still:
        for layer in model.modules():
            if isinstance(layer, nn.Dropout):
                layer.p = 0.0
    curves = []
    for model, accumulate in zip(still, (1, 4), strict=True):
        settings = LoopSettings(max_steps=3, batch_size=8, eval_every=1, accumulate=accumulate)
        curves.append(train(model, IMAGE, images(40), None, FAST, settings, seed=0).curve)
    for one, other in zip(*curves, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-5)
    for name, tensor in weights_of(still[0]).items():
        assert torch.allclose(tensor, weights_of(still[1])[name], atol=1e-5), name


@pytest.mark.parametrize("clip", [0.0, 0.01, 100.0])
@pytest.mark.parametrize("accumulate", [1, 4])
def test_a_step_is_that_of_a_textbook(accumulate: int, clip: float) -> None:
    """Mean loss of the batch, its gradient cut to a length, weights less rate times gradient."""
    plain = MLPSettings(hidden=(8,), dropout=0)
    model, twin, data = tiny_mlp(settings=plain), tiny_mlp(settings=plain), images(40)
    settings = LoopSettings(max_steps=1, batch_size=40, accumulate=accumulate, eval_every=1)
    sgd = OptimizerSettings(
        kind="sgd", momentum=0, weight_decay=0, learning_rate=0.1, grad_clip=clip
    )
    (point,) = train(model, IMAGE, data, None, sgd, settings, seed=0).curve
    logits = twin((torch.from_numpy(data.rows).float() / 255 - 0.3) / 0.2)
    loss = functional.cross_entropy(logits, torch.from_numpy(data.labels))
    loss.backward()  # type: ignore[no-untyped-call]
    assert point.loss == pytest.approx(loss.item(), rel=1e-5)
    assert point.learning_rate is not None
    gradients = [p.grad for p in twin.parameters() if p.grad is not None]
    length = torch.cat([gradient.flatten() for gradient in gradients]).norm().item()
    assert 0.01 < length < 100
    rate = point.learning_rate * (min(1.0, clip / length) if clip else 1.0)
    for ours, parameter in zip(model.parameters(), twin.parameters(), strict=True):
        assert parameter.grad is not None
        assert torch.allclose(ours, parameter - rate * parameter.grad, rtol=1e-4, atol=1e-7)


class _BadLoss(ImageClassification):
    """Forgets to add up, or gives what is no tensor."""

    given: Any = None

    def loss(self, outputs: Any, batch: Batch) -> Tensor:
        found: Tensor = self.given(super().loss(outputs, batch))
        return found


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (lambda loss: loss.expand(8), r"gives \[8\]"),
        (lambda loss: loss[None], r"gives \[1\]"),
        (lambda loss: 3.0, "gives float"),
        (lambda loss: None, "gives NoneType"),
    ],
)
def test_a_loss_is_one_number(given: Any, told: str) -> None:
    task = _BadLoss(IMAGE_FACTS, ObjectiveSettings())
    task.given = given
    loop = LoopSettings(max_steps=2, batch_size=8)
    with pytest.raises(StepError, match=told):
        train(tiny_mlp(), task, images(40), None, FAST, loop, seed=0)


def test_a_gradient_that_is_not_a_number_changes_nothing() -> None:
    class Steep(ImageClassification):
        def loss(self, outputs: Any, batch: Batch) -> Tensor:
            # The root of nothing: 0, and no slope.
            root: Tensor = (outputs * 0).abs().sum().sqrt()
            return super().loss(outputs, batch) + root

    model, task = tiny_mlp(), Steep(IMAGE_FACTS, ObjectiveSettings())
    settings = LoopSettings(max_steps=1, batch_size=10)
    clipped = FAST.model_copy(update={"grad_clip": 1.0})
    with pytest.raises(StepError, match="the gradient is not a number at step 1"):
        train(model, task, images(40), None, clipped, settings, seed=0)
    assert same_bits(weights_of(model), weights_of(tiny_mlp()))


def test_the_point_of_a_curve_is_the_mean_since_the_point_before() -> None:
    fine = _train(steps=4).curve
    each = train(
        tiny_mlp(), IMAGE, images(40), None, FAST,
        LoopSettings(max_steps=4, batch_size=8, eval_every=1), seed=0,
    ).curve  # fmt: skip
    losses = [point.loss or 0.0 for point in each]
    assert [point.step for point in fine] == [2, 4]
    assert [point.examples for point in fine] == [16, 32]
    assert fine[0].loss == pytest.approx(sum(losses[:2]) / 2)
    assert fine[1].loss == pytest.approx(sum(losses[2:]) / 2)


def test_it_is_measured_at_its_end_also_between_two_measurements() -> None:
    assert [point.step for point in _train(steps=5).curve] == [2, 4, 5]


@pytest.mark.parametrize("checkpoint_every", [1, 3, 50])
def test_a_run_that_has_ended_is_saved_and_only_read_again(
    checkpoint_every: int, tmp_path: Path
) -> None:
    settings = LoopSettings(max_steps=7, batch_size=8, checkpoint_every=checkpoint_every)
    first, again, told = tiny_mlp(), tiny_mlp(9), list[tuple[Any, ...]]()
    data = images(40)
    result = train(first, IMAGE, data, None, FAST, settings, seed=0, work=tmp_path)
    written = (tmp_path / "checkpoint.safetensors").stat().st_mtime_ns
    read = train(
        again, IMAGE, data, None, FAST, settings,
        seed=0, work=tmp_path, progress=lambda *given: told.append(given),
    )  # fmt: skip
    assert same_bits(weights_of(first), weights_of(again))
    assert read == result
    assert (tmp_path / "checkpoint.safetensors").stat().st_mtime_ns == written
    assert told == [(7, 7, "first steps")]
    assert not again.training


def test_the_end_is_told_with_a_loss_and_the_pace_of_this_start_alone(tmp_path: Path) -> None:
    told: list[tuple[Any, ...]] = []
    _train(tmp_path, steps=6, progress=lambda *given: told.append(given))
    assert told[0] == (0, 6, "first steps")
    done, total, note = told[-1]
    assert (done, total) == (6, 6)
    assert note.startswith("loss ")
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 4, 6]


def test_a_batch_that_is_not_a_number_is_named_by_its_first_samples() -> None:
    class Failing(ImageClassification):
        def loss(self, outputs: Any, batch: Batch) -> Tensor:
            return super().loss(outputs, batch) * math.nan

    task = Failing(IMAGE_FACTS, ObjectiveSettings())
    settings = LoopSettings(max_steps=1, batch_size=10)
    with pytest.raises(StepError, match="the loss is not a number at step 1") as caught:
        train(tiny_mlp(), task, images(40), None, FAST, settings, seed=0)
    names, more = caught.value.where.removeprefix("batch of samples ").split(" and ")
    assert (len(names.split(", ")), more) == (8, "2 more")


def test_a_session_gives_no_batch_after_its_end() -> None:
    settings = LoopSettings(max_steps=1, batch_size=8)
    session = Session(
        tiny_mlp(), IMAGE, images(40), None, FAST, settings,
        seed=0, threads=1, work=None, progress=lambda *_: None,
        frozen=(), unfreeze={}, late=None,
    )  # fmt: skip
    session.result.stopped = "max_steps"
    batches: Iterator[Batch] = session.batches()
    assert list(batches) == []


def test_dropout_is_drawn_by_the_seed_anew_in_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rows, weights and step, and another seed; then the same seed, and another step."""

    class Watched(ImageClassification):
        def forward(self, model: nn.Module, batch: Batch) -> Any:
            seen.append(torch.rand(3).tolist())
            return super().forward(model, batch)

    def draws(seed: int) -> list[list[float]]:
        seen.clear()
        task, settings = Watched(IMAGE_FACTS, ObjectiveSettings()), LoopSettings(max_steps=3)
        train(tiny_mlp(), task, images(9), None, FAST, settings, seed=seed)
        return list(seen)

    seen: list[list[float]] = []
    one, again, other = draws(1), draws(1), draws(2)
    assert one == again
    assert len({tuple(draw) for draw in one + other}) == 6
