"""How long training goes on, in what portions and with what care: every setting of a loop."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from tests.table.entries import effect, extreme, refused, under
from tests.table.trainings import FREE_LOOPS, LOOPS, differ, learn
from tests.table.whole import said
from tests.training.samples import IMAGE, images, tiny_mlp
from tilth.errors import MissingError, UsageError
from tilth.models.mlp import MLPSettings
from tilth.pretrain.settings import Settings
from tilth.recipe.model import RecipeStep
from tilth.recipe.needs import needed_packages
from tilth.recipe.operations import operations
from tilth.tasks.images.classification.task import ImageClassification
from tilth.training.checkpoint import load_checkpoint
from tilth.training.loop import train
from tilth.training.optimizer import build_optimizer
from tilth.training.order import Index
from tilth.training.precision import rounds_inside
from tilth.training.settings import LoopSettings, OptimizerSettings
from tilth.training.state import CHECKPOINT, TrainResult
from tilth.training.task import Batch, Measured

TEXTS = ("text-generation", "text-classification", "translation")


def taken(**given: Any) -> bool:
    """Whether these settings are accepted, beside a limit."""
    try:
        LoopSettings(**{"max_steps": 1, **given})
    except ValidationError:
        return False
    return True


class Watched(ImageClassification):
    """What the loop asks of a task, as it asks."""

    def __init__(self, work: Path | None = None) -> None:
        assert isinstance(IMAGE, ImageClassification)
        self.__dict__.update(IMAGE.__dict__)
        self.work = work
        self.rows: list[int] = []
        self.measured: list[int] = []
        self.precisions: set[str] = set()
        self.measured_in: set[str] = set()
        self.kinds: set[torch.dtype] = set()
        self.saved: list[int] = []

    def forward(self, model: nn.Module, batch: Batch) -> Any:
        """Note how many rows, in which precision, and how many steps are saved by now."""
        self.rows.append(len(batch.counts))
        self.precisions.add(torch.get_float32_matmul_precision())
        outputs = super().forward(model, batch)
        self.kinds.add(outputs.dtype)
        if self.work is not None:
            other = tiny_mlp(settings=PLAIN)
            rule = build_optimizer(other, OptimizerSettings())
            state: Any = load_checkpoint(self.work / CHECKPOINT, other, rule)
            self.saved.append(0 if state is None else state["result"]["steps"])
        return outputs

    def measure(self, model: nn.Module, examples: Any, index: Index, total: Measured) -> None:
        """Note how many rows, and in which precision."""
        self.measured.append(len(index))
        self.measured_in.add(torch.get_float32_matmul_precision())
        super().measure(model, examples, index, total)


PLAIN = MLPSettings(hidden=(8,), dropout=0)


def watch(work: Path | None = None, **loop: Any) -> tuple[Watched, TrainResult, nn.Module]:
    """A training of 40 images, validated on 12."""
    task, model = Watched(work), tiny_mlp(settings=PLAIN)
    settings = LoopSettings(**{"max_steps": 6, "batch_size": 8, "precision": "fp32", **loop})
    held = images(12)
    result = train(model, task, images(40), held, OptimizerSettings(), settings, seed=0, work=work)
    return task, result, model


@effect("pretrain.loop")
def test_the_block_is_the_stages_own() -> None:
    found = learn("pretrain.loop.max_steps", 3, loop={"batch_size": 5}).result
    assert (found.steps, found.stopped, found.tokens_or_examples_seen) == (3, "max_steps", 15)


@effect(*under(LOOPS, "max_steps"))
@extreme(*under(LOOPS, "max_steps"))
def test_it_ends_after_so_many_steps(path: str) -> None:
    for steps in (1, 7):
        assert learn(path, steps).result.steps == steps
    assert taken(max_steps=10**18)
    assert not any(taken(max_steps=one) for one in (0, -1, 1.5))


@effect(*under(LOOPS, "batch_size"))
@extreme(*under(LOOPS, "batch_size"))
def test_a_step_has_so_many_examples(path: str) -> None:
    # 100 are more than there are: they go on in the next epoch.
    for size in (1, 5, 100):
        assert learn(path, size).result.tokens_or_examples_seen == 4 * size
    assert not any(taken(batch_size=one) for one in (0, -1))


@effect(*under(LOOPS, "epochs"))
@extreme(*under(LOOPS, "epochs"))
def test_it_ends_after_so_many_passes(path: str) -> None:
    loop = {"max_steps": None}
    rows = learn(path).result.samples["train"]
    for epochs, seen in ((1, rows), (0.5, round(rows / 2)), (2.25, round(2.25 * rows)), (1e-9, 1)):
        found = learn(path, epochs, loop=loop).result
        assert (found.tokens_or_examples_seen, found.stopped) == (seen, "epochs")
    assert learn(path, 1_000_000).result.stopped == "max_steps"
    assert not any(taken(epochs=one) for one in (0, -1, 1_000_001, math.nan))


@effect(*under(LOOPS, "max_tokens"))
@extreme(*under(LOOPS, "max_tokens"))
def test_it_never_sees_more_tokens(path: str) -> None:
    loop = {"max_steps": None}
    found = learn(path, 100, "text-generation", loop=loop).result
    assert 100 - 16 < found.tokens_or_examples_seen <= 100
    assert found.stopped == "max_tokens"
    found = learn(path, 100, "translation", loop=loop).result
    assert 100 - 12 < found.tokens_or_examples_seen <= 100
    # Of a class, the tokens that are read to tell it: nearly 12 of each text.
    found = learn(path, 100, "text-classification", loop=loop).result
    assert 100 // 12 <= found.tokens_or_examples_seen < 12
    for task in TEXTS:
        with pytest.raises(UsageError, match="less than one row of the data"):
            learn(path, 1, task, loop=loop)
        assert learn(path, 10**18, task).result.stopped == "max_steps"
    assert not taken(max_tokens=0)


@refused("pretrain.loop.max_tokens")
def test_tokens_of_what_is_no_text_are_refused() -> None:
    for task, model in (("image-classification", "mlp"), ("speech-recognition", "ctc")):
        stage = {"task": task, "model": {"kind": model}, "loop": {"max_tokens": 9}}
        assert "counts tokens of text" in said(
            {"collect": {"a": {"jsonl": {"path": "x"}}}, "pretrain": stage}
        )


@effect(*under(FREE_LOOPS, "max_seconds"))
@extreme(*under(FREE_LOOPS, "max_seconds"))
def test_it_ends_after_so_many_seconds(path: str) -> None:
    found = learn(path, 1e-9).result
    assert (found.steps, found.stopped) == (1, "max_seconds")
    assert learn(path, 1e9).result.stopped == "max_steps"
    assert not any(taken(max_seconds=one) for one in (0, -1, math.nan))


@effect(*under(FREE_LOOPS, "eval_every"))
@extreme(*under(FREE_LOOPS, "eval_every"))
def test_it_is_validated_every_so_many_steps(path: str) -> None:
    def steps(every: int, **loop: Any) -> list[int]:
        return [one.step for one in learn(path, every, loop={"max_steps": 7, **loop}).result.curve]

    assert steps(1) == [1, 2, 3, 4, 5, 6, 7]
    assert steps(3) == [3, 6, 7]
    assert steps(100) == [7]
    # A tenth of the run, or one step; without a known end an epoch.
    assert steps(0) == [1, 2, 3, 4, 5, 6, 7]
    assert steps(0, max_steps=25) == [*range(2, 25, 2), 25]
    endless = {"max_steps": None, "patience": 1, "min_improvement": 100}
    rows = learn(path).result.samples["train"]
    assert steps(0, **endless) == [-(-rows // 8), 2 * -(-rows // 8)]
    assert not taken(eval_every=-1)


@effect(*under(FREE_LOOPS, "patience", "min_improvement"))
@extreme(*under(FREE_LOOPS, "patience", "min_improvement"))
def test_it_waits_for_an_improvement() -> None:
    def end(patience: int, least: float, rate: float = 1e-3) -> tuple[str, int]:
        loop = {"eval_every": 1, "max_steps": 6, "min_improvement": least}
        optimizer = {"learning_rate": rate}
        for path in under(FREE_LOOPS, "patience"):
            found = learn(path, patience, loop=loop, optimizer=optimizer).result
        return found.stopped, found.steps

    # The first validation improves on nothing; then it falls by less than 10 a step.
    for patience in (1, 2, 4):
        assert end(patience, 10) == ("converged", 1 + patience)
    assert end(2, 1e-9, 0.01) == ("max_steps", 6)
    assert end(1, 0, 0.01) == ("max_steps", 6)
    assert end(0, 0) == ("max_steps", 6)
    assert end(10**9, 10) == ("max_steps", 6)
    assert not any(taken(patience=one) for one in (-1, 1.5))
    assert not any(taken(patience=1, min_improvement=one) for one in (-1, math.nan))


@refused(*under(FREE_LOOPS, "patience", "min_improvement"))
def test_waiting_for_nothing_is_refused() -> None:
    assert "does nothing without `patience`" in said(
        {
            "collect": {"a": {"jsonl": {"path": "x"}}},
            "pretrain": {"loop": {"max_steps": 1, "min_improvement": 0.1}},
        }
    )
    with pytest.raises(UsageError, match="no sample is held out for validation"):
        learn("pretrain.loop.patience", 1, data={"validation_share": 0})


@effect(*under(FREE_LOOPS, "checkpoint_every"))
@extreme(*under(FREE_LOOPS, "checkpoint_every"))
def test_it_is_saved_every_so_many_steps(tmp_path: Path) -> None:
    for every, saved in ((1, [0, 1, 2, 3, 4, 5]), (2, [0, 0, 2, 2, 4, 4]), (100, [0] * 6)):
        (work := tmp_path / str(every)).mkdir()
        assert watch(work, checkpoint_every=every)[0].saved == saved
    (tmp_path / "0").mkdir()  # by the clock, every 20 seconds
    assert watch(tmp_path / "0", checkpoint_every=0)[0].saved == [0] * 6
    assert not taken(checkpoint_every=-1)


@effect(*under(LOOPS, "precision"))
def test_the_precision_holds_in_training_and_in_evaluation(path: str) -> None:
    # Where the processor would round inside, fast products are exact ones.
    fast = "highest" if rounds_inside() else "medium"
    for precision, used in (("fp32", "highest"), ("fp32-fast", fast)):
        task, result, _ = watch(precision=precision)
        assert task.precisions == task.measured_in == {used}
        assert (task.kinds, result.precision) == ({torch.float32}, precision)
        assert learn(path, precision).result.precision == precision
    task, result, _ = watch(precision="bf16")
    assert (task.kinds, task.measured_in) == ({torch.bfloat16}, {fast})
    assert watch(precision="auto")[1].precision in ("fp32", "fp32-fast", "bf16")
    assert not taken(precision="fp16")


@effect(*under(LOOPS, "device"))
def test_it_is_computed_where_it_is_asked(path: str) -> None:
    assert learn(path, "cpu").result.device == "cpu"
    if torch.cuda.is_available():
        assert learn(path, "auto").result.device == learn(path, "cuda").result.device == "cuda"
    else:
        assert learn(path, "auto").result.device == "cpu"
        with pytest.raises(UsageError, match="torch finds no GPU"):
            learn(path, "cuda")
    assert not taken(device="tpu")


@effect(*under(LOOPS, "compile"))
def test_the_network_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    # Loading the compiler alone takes seconds.
    compiled: list[nn.Module] = []
    monkeypatch.setattr(nn.Module, "compile", lambda self: compiled.append(self))
    for asked, times in ((False, 0), ("auto", 0), (True, 1)):
        _, _, model = watch(compile=asked, device="cpu")
        assert compiled == [model] * times
    assert not taken(compile="never")


@effect(*under(FREE_LOOPS, "tensorboard"))
def test_the_curve_is_written_as_events_too(path: str) -> None:
    assert not (learn(path, False).folder / "tensorboard").exists()
    pretrain = operations()["pretrain"]
    for asked in (False, True):
        settings = Settings.model_validate({"loop": {"max_steps": 1, "tensorboard": asked}})
        needed = needed_packages([RecipeStep("pretrain", pretrain, settings)])
        assert ("tensorboard" in {package.name for package in needed}) == asked
    if importlib.util.find_spec("tensorboard") is None:
        with pytest.raises(MissingError, match="`tensorboard`, which is not installed"):
            learn(path, True)
        return
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = learn(path, True)
    events = EventAccumulator(str(found.folder / "tensorboard"))
    events.Reload()
    written = [(one.step, one.value) for one in events.Scalars("loss")]
    assert written == [(one.step, pytest.approx(one.loss)) for one in found.result.curve]


@effect(*under(LOOPS, "ema"))
@extreme(*under(LOOPS, "ema"))
def test_the_kept_weights_are_the_running_average(path: str) -> None:
    still = {"learning_rate": 1e-12}
    kept = dict(learn(path, optimizer=still, loop={"max_steps": 1}).weights)
    for step in range(3):
        weights = learn(path, loop={"max_steps": step + 1}).weights
        for ema in (0.3,):
            decay = min(ema, (1 + step) / (10 + step))
            kept = {key: decay * one + (1 - decay) * weights[key] for key, one in kept.items()}
    found = learn(path, 0.3, loop={"max_steps": 3})
    for key, one in kept.items():
        torch.testing.assert_close(found.weights[key], one, rtol=1e-4, atol=1e-5)
    assert differ(found, learn(path, loop={"max_steps": 3}))
    assert not differ(learn(path, 0), learn(path))
    assert not any(taken(ema=one) for one in (1, -0.1, math.nan))


@effect(*under(LOOPS, "accumulate"))
@extreme(*under(LOOPS, "accumulate"))
def test_a_batch_is_cut_and_nothing_else_changes() -> None:
    whole = watch(accumulate=1)
    for parts in (1, 2, 4, 8):
        task, result, model = watch(accumulate=parts)
        assert task.rows == [8 // parts] * 6 * parts
        assert result.examples == 48
        for one, other in zip(model.parameters(), whole[2].parameters(), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)
    for path in under(LOOPS, "accumulate"):
        # Views are compared within a micro-batch.
        assert differ(learn(path, 4, "image-contrastive"), learn(path, 1, "image-contrastive"))
    assert not any(taken(batch_size=8, accumulate=one) for one in (0, 3, 16))


@effect(*under(LOOPS, "evaluation_batch_size"))
@extreme(*under(LOOPS, "evaluation_batch_size"))
def test_so_many_are_measured_at_once_and_no_figure_changes(path: str) -> None:
    assert set(watch(evaluation_batch_size=5)[0].measured) == {5, 2}
    assert set(watch(evaluation_batch_size=1000)[0].measured) == {12}
    for task in ("image-classification", "text-classification"):
        one, all_at_once = (learn(path, size, task).result.test for size in (1, 1000))
        assert one == pytest.approx(all_at_once, rel=1e-4)
    # What says that the last measurement keeps it: of few, a view is confused with few.
    few, many = (learn(path, size, "image-contrastive").figure("loss") for size in (2, 1000))
    assert few < many
    assert not taken(evaluation_batch_size=0)


@refused(*under(LOOPS, "batch_size", "accumulate", "evaluation_batch_size"))
@pytest.mark.parametrize(
    ("loop", "named"),
    [
        ({"batch_size": 1}, "batch_size over accumulate"),
        ({"batch_size": 8, "accumulate": 8}, "batch_size over accumulate"),
        ({"evaluation_batch_size": 1}, "evaluation_batch_size"),
    ],
)
def test_one_that_is_compared_with_none_is_refused(loop: dict[str, int], named: str) -> None:
    """Its partner would always be the nearest: a loss of 0, and 100 % right."""
    stage = {
        "task": "image-contrastive",
        "model": {"kind": "mlp"},
        "loop": {"max_steps": 1, **loop},
    }
    tree = {"collect": {"a": {"jsonl": {"path": "x"}}}, "pretrain": stage}
    assert f"`loop.{named}` must be 2 or more, not 1" in said(tree)


@pytest.mark.slow
@effect(*under(FREE_LOOPS, "processes"))
def test_two_processes_share_every_batch(path: str) -> None:
    one, two = learn(path, 1), learn(path, 2)
    assert two.result.tokens_or_examples_seen == one.result.tokens_or_examples_seen
    assert two.figure("loss") == pytest.approx(one.figure("loss"), rel=1e-3)
    assert not differ(one, learn(path, 1))
    assert (two.folder.parent / "work" / "rank-1").is_dir()
    assert not (one.folder.parent / "work" / "rank-1").exists()


@extreme(*under(FREE_LOOPS, "processes"))
@refused(*under(FREE_LOOPS, "processes", "max_seconds", "precision"))
def test_processes_that_could_not_agree_are_refused() -> None:
    assert taken(processes=2)
    assert not any(taken(processes=one) for one in (0, -1))
    assert not taken(processes=2, max_seconds=1)
    assert not taken(processes=2, precision="auto")
