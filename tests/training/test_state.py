"""What a run remembers: whose checkpoint it is, when one is due, and torch as it was."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.training.samples import images, same_bits, tiny_mlp, weights_of
from tilth.errors import MissingError, StepError
from tilth.training.checkpoint import load_checkpoint, save_checkpoint
from tilth.training.curve import CurvePoint
from tilth.training.examples import Examples
from tilth.training.optimizer import UpdateRule, build_optimizer
from tilth.training.settings import LoopSettings, OptimizerSettings
from tilth.training.state import (
    CHECKPOINT,
    METRICS,
    Clock,
    RunState,
    TrainResult,
    new_state,
    not_a_number,
    recorder,
    restore_state,
    save_state,
    torch_state,
)

_OPTIMIZER = OptimizerSettings(kind="adam")
_LOOP = LoopSettings(max_steps=9, batch_size=8)


def _state(
    *,
    optimizer: OptimizerSettings = _OPTIMIZER,
    loop: LoopSettings = _LOOP,
    data: Examples | None = None,
    seed: int = 1,
    threads: int = 1,
    device: str = "cpu",
) -> RunState:
    return new_state(optimizer, loop, images(20) if data is None else data, seed, threads, device)


def _model() -> tuple[nn.Module, UpdateRule]:
    model = tiny_mlp()
    return model, build_optimizer(model, _OPTIMIZER)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"seed": 2}, "seed"),
        ({"threads": 2}, "threads"),
        ({"device": "cuda"}, "device"),
        ({"data": images(21)}, "data"),
        ({"optimizer": OptimizerSettings(kind="adam", learning_rate=0.5)}, "optimizer"),
        ({"loop": LoopSettings(max_steps=10, batch_size=8)}, "loop"),
        ({"loop": LoopSettings(max_steps=9, batch_size=4)}, "loop"),
        ({"loop": LoopSettings(max_steps=9, batch_size=8, patience=3)}, "loop"),
        ({"loop": LoopSettings(max_steps=9, batch_size=8, precision="bf16")}, "loop"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused_by_what_differs(
    changed: dict[str, Any], named: str, tmp_path: Path
) -> None:
    model, rule = _model()
    save_state(tmp_path, model, rule, _state())
    with pytest.raises(StepError, match=f"of another run: {named} differ") as caught:
        restore_state(tmp_path, model, rule, _state(**changed))
    assert caught.value.code == "checkpoint-mismatch"
    assert caught.value.where == str(tmp_path / CHECKPOINT)
    assert str(tmp_path) in caught.value.hint


@pytest.mark.parametrize(
    "same",
    [
        {},
        {"loop": LoopSettings(max_steps=9, batch_size=8, checkpoint_every=3)},
        {"loop": LoopSettings(max_steps=9, batch_size=8, tensorboard=True)},
        # What `auto` found is what counts.
        {"loop": LoopSettings(max_steps=9, batch_size=8, device="cpu")},
    ],
)
def test_what_changes_no_weight_is_no_other_run(same: dict[str, Any], tmp_path: Path) -> None:
    model, rule = _model()
    state = _state()
    state.result.steps = 4
    save_state(tmp_path, model, rule, state)
    assert restore_state(tmp_path, model, rule, _state(**same)).result.steps == 4


def test_rows_of_other_ids_are_other_data() -> None:
    data = images(20)
    moved = Examples(data.inputs, data.labels, data.ids + 1, data.weights)
    assert _state(data=data).identity["data"] != _state(data=moved).identity["data"]


def _point(step: int) -> CurvePoint:
    told = {"step": step, "examples": 8 * step, "loss": 0.5, "seconds": 1.0, "accuracy": 50.0}
    return CurvePoint.model_validate(told)


def test_all_of_it_comes_back(tmp_path: Path) -> None:
    model, rule = _model()
    model(torch.rand(2, 1, 4, 4)).sum().backward()
    rule.step(0.1)
    state = _state(threads=3)
    state.result = TrainResult([_point(2)], "", 4, 32, 33, 1.5, "fp32", "cpu", 3, ["a note"], 2.5)
    state.accumulate, state.loss_sum, state.loss_count = 4, 2.5, 7
    state.best, state.without_improvement = 0.25, 2
    save_state(tmp_path, model, rule, state)
    other = tiny_mlp(7)
    fresh = build_optimizer(other, _OPTIMIZER)
    assert restore_state(tmp_path, other, fresh, _state(threads=3)) == state
    assert same_bits(weights_of(other), weights_of(model))
    assert same_bits(fresh.tensors(), rule.tensors())
    assert (tmp_path / METRICS).read_text() == _point(2).as_line()


def test_a_run_that_begins_is_given_as_it_is(tmp_path: Path) -> None:
    model, rule = _model()
    fresh = _state(threads=2, loop=LoopSettings(max_steps=9, batch_size=8, accumulate=2))
    assert (fresh.best, fresh.accumulate, fresh.result.threads) == (math.inf, 2, 2)
    assert (fresh.loss_sum, fresh.loss_count, fresh.without_improvement) == (0.0, 0, 0)
    assert fresh.result == TrainResult([], "", 0, 0, 0, 0.0, "", "cpu", 2, [])
    assert _state(device="cuda:1").result.device == "cuda:1"
    # It is compared with what JSON gave back.
    assert json.loads(json.dumps(fresh.identity)) == fresh.identity
    (tmp_path / f".{CHECKPOINT}.7.aside").touch()
    (tmp_path / METRICS).write_text('{"of": "a run before"}\n')
    assert restore_state(tmp_path, model, rule, fresh) is fresh
    assert (tmp_path / METRICS).read_bytes() == b""
    assert [path.name for path in tmp_path.iterdir()] == [METRICS]


def test_points_that_the_checkpoint_does_not_know_are_taken_back(tmp_path: Path) -> None:
    """A run that is killed between its curve and its checkpoint measures again."""
    model, rule = _model()
    state = _state()
    state.result.curve = [_point(2)]
    save_state(tmp_path, model, rule, state)
    (tmp_path / METRICS).write_text(_point(2).as_line() + _point(4).as_line())
    restore_state(tmp_path, model, rule, _state())
    assert (tmp_path / METRICS).read_text() == _point(2).as_line()


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_weights_that_are_no_numbers_are_not_written(bad: float, tmp_path: Path) -> None:
    model, rule = _model()
    state = _state()
    save_state(tmp_path, model, rule, state)
    before = (tmp_path / CHECKPOINT).read_bytes()
    state.result.steps = 6
    with torch.no_grad():
        model.get_parameter("head.bias")[1] = bad
    with pytest.raises(StepError, match=r"`head\.bias` are not a number at step 7") as caught:
        save_state(tmp_path, model, rule, state)
    assert (caught.value.code, caught.value.where) == ("not-a-number", "")
    assert (tmp_path / CHECKPOINT).read_bytes() == before


def test_the_error_of_a_batch_names_it() -> None:
    assert not_a_number("the loss is", _state(), "a, b").where == "batch of samples a, b"


def test_the_curve_is_written_as_it_grows(tmp_path: Path) -> None:
    with recorder(tmp_path, TrainResult(), tensorboard=False) as record:
        record(_point(1))
        assert (tmp_path / METRICS).read_text() == _point(1).as_line()
        record(_point(2))
    assert (tmp_path / METRICS).read_text() == _point(1).as_line() + _point(2).as_line()
    assert not (tmp_path / "tensorboard").exists()


def test_without_a_folder_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with recorder(None, TrainResult(), tensorboard=True) as record:
        record(_point(1))
    assert list(tmp_path.iterdir()) == []


def test_events_are_asked_for_where_they_can_be_had(tmp_path: Path) -> None:
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        with pytest.raises(MissingError), recorder(tmp_path, TrainResult(), tensorboard=True):
            pytest.fail("there is nothing to write them with")
        return
    with recorder(tmp_path, TrainResult(), tensorboard=True) as record:
        (events,) = (tmp_path / "tensorboard").iterdir()
        begun = events.stat().st_size
        record(_point(1))
    assert events.stat().st_size > begun


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands still until a test moves it."""
    time = [100.0]
    monkeypatch.setattr("tilth.training.state.time.perf_counter", lambda: time[0])
    return time


def test_seconds_are_those_of_all_starts_and_the_rate_is_that_of_this_one(now: list[float]) -> None:
    clock = Clock(40.0, 0)
    now[0] += 5.0
    assert clock.seconds() == 45.0
    assert clock.rate(20) == 4.0
    now[0] -= 5.0
    assert clock.rate(0) == 0.0


def test_what_is_measured_in_a_pause_counts_nowhere(
    now: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    used = [7.0]
    monkeypatch.setattr("tilth.training.state.time.process_time", lambda: used[0])
    clock = Clock(1.0, 0)
    now[0], used[0] = now[0] + 2.0, used[0] + 3.0
    with clock.paused():
        now[0], used[0] = now[0] + 10.0, used[0] + 20.0
    assert clock.seconds() == 3.0
    assert clock.cpu_lap() == 3.0
    used[0] += 4.0
    assert (clock.cpu_lap(), clock.cpu_lap()) == (4.0, 0.0)


def test_a_checkpoint_is_due_after_so_many_steps_whatever_the_time(now: list[float]) -> None:
    clock = Clock(0.0, 3)
    now[0] += 1e6
    assert [clock.checkpoint_is_due(step) for step in range(1, 7)] == [
        False, False, True, False, False, True,
    ]  # fmt: skip


def test_a_checkpoint_is_due_every_20_seconds_whatever_the_step(now: list[float]) -> None:
    clock = Clock(500.0, 0)
    for passed, due in ((19.9, False), (0.2, True), (0.1, False), (19.8, False), (0.2, True)):
        now[0] += passed
        assert clock.checkpoint_is_due(1) == due


def test_a_report_is_due_twice_a_second(now: list[float]) -> None:
    clock = Clock(0.0, 1)
    for passed, due in ((0.4, False), (0.2, True), (0.3, False), (0.3, True), (0.5, True)):
        now[0] += passed
        assert clock.report_is_due() == due


@pytest.mark.parametrize("fails", [False, True])
def test_torch_is_as_it_was(fails: bool) -> None:
    fill = torch.utils.deterministic
    before = (
        torch.get_num_threads(),
        torch.get_deterministic_debug_mode(),
        torch.get_float32_matmul_precision(),
        fill.fill_uninitialized_memory,  # type: ignore[attr-defined]
    )
    torch.manual_seed(3)
    generator = torch.random.get_rng_state()

    def within() -> None:
        with torch_state(2):
            assert torch.get_num_threads() == 2
            wanted = 1 if torch.cuda.is_available() else 2
            assert torch.get_deterministic_debug_mode() == wanted
            assert fill.fill_uninitialized_memory is False  # type: ignore[attr-defined]
            torch.set_float32_matmul_precision("medium")
            torch.rand(3)
            if fails:
                raise RuntimeError

    if fails:
        with pytest.raises(RuntimeError):
            within()
    else:
        within()
    after = (
        torch.get_num_threads(),
        torch.get_deterministic_debug_mode(),
        torch.get_float32_matmul_precision(),
        fill.fill_uninitialized_memory,  # type: ignore[attr-defined]
    )
    assert after == before
    assert torch.equal(torch.random.get_rng_state(), generator)


def test_what_is_written_is_what_the_checkpoint_of_the_model_is(tmp_path: Path) -> None:
    """The header holds the state, and nothing of it is lost on the way through JSON."""
    model, rule = _model()
    state = _state()
    save_state(tmp_path, model, rule, state)
    found = load_checkpoint(tmp_path / CHECKPOINT, model, rule)
    assert found is not None
    assert found["best"] == math.inf
    assert found["identity"] == state.identity
    save_checkpoint(tmp_path / CHECKPOINT, model, rule, found)
    assert restore_state(tmp_path, model, rule, _state()) == state
