"""Another device gives the same: every task trained, measured and asked on one, nothing mixed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.tasks.speech.speech_samples import encode, say, speech_rows
from tests.tasks.text.texts import labelled_rows
from tests.training.samples import (
    IMAGE,
    image_rows,
    images,
    same_bits,
    text_rows,
    tiny_mlp,
    weights_of,
    without_time,
    write_dataset,
)
from tests.training.second_device import TOY, second_device
from tilth.context import Context
from tilth.errors import StepError, UsageError
from tilth.pretrain.fit import fit
from tilth.pretrain.result import PretrainResult
from tilth.pretrain.settings import Planned, Settings
from tilth.pretrain.weights import load_model
from tilth.tasks.images.classification.task import ImageClassification
from tilth.tasks.predict_settings import PredictSettings
from tilth.tasks.registry import declaration
from tilth.tasks.settings import ObjectiveSettings
from tilth.training import device as module
from tilth.training import session
from tilth.training.device import choose_device, device_of, place
from tilth.training.loop import train
from tilth.training.precision import choose_precision
from tilth.training.ranks import Ranks
from tilth.training.settings import LoopSettings, OptimizerSettings
from tilth.training.state import torch_state
from tilth.training.stopping import Plan
from tilth.training.task import Batch

GPT = {"kind": "gpt", "layers": 1, "width": 16, "heads": 2, "context": 32}
CTC = {"kind": "ctc", "layers": 1, "hidden": 8, "channels": 8, "dropout": 0.1}
SEQ2SEQ = {"kind": "seq2seq", "encoder_layers": 1, "decoder_layers": 1, "width": 16, "heads": 2}
RESNET = {"kind": "resnet", "stem_width": 4, "widths": [4, 8], "blocks": [1, 1]}
SHIFT = [{"shift": {"max_x": 1, "max_y": 1}}]
PAIRS = [{**row, "target": row["text"][:20]} for row in text_rows(40)]
PICTURE = image_rows(1)[0]["image"]

# Task -> its data, what is asked of it, its samples for `predict`.
CASES: dict[str, tuple[list[dict[str, Any]], dict[str, Any], list[str | bytes]]] = {
    "text-generation": (text_rows(40), {"model": GPT}, ["after 3 comes", "after"]),
    "text-classification": (labelled_rows(40), {"model": GPT}, ["where is my card", "pin"]),
    "translation": (PAIRS, {"model": {**SEQ2SEQ, "hidden": 16}}, ["after 3 comes 4.", ""]),
    "speech-recognition": (
        speech_rows(25),
        {"model": CTC, "objective": {"lexicon": "transcripts"}, "optimizer": {"grad_clip": 1.0}},
        [encode(say("ab")), encode(say("abc"))],
    ),
    "image-classification": (
        image_rows(40),
        {
            "model": {"kind": "cnn", "channels": [4], "hidden": 8, "dropout": 0.2},
            "objective": {"views": "mirror-shift", "mixup": 0.2},
            "augment": SHIFT,
            "loop": {"ema": 0.9},
        },
        [PICTURE],
    ),
    "image-rotation": (
        image_rows(40),
        {"model": RESNET, "optimizer": {"kind": "muon", "weight_decay": 0.01}},
        [PICTURE],
    ),
    "image-contrastive": (
        image_rows(40),
        {
            "model": {"kind": "mlp", "hidden": [8]},
            "augment": SHIFT,
            "optimizer": {"kind": "sgd"},
            "loop": {"accumulate": 2},
        },
        [],
    ),
}


@pytest.fixture
def toy() -> Iterator[torch.device]:
    with second_device() as device:
        yield device


def run(folder: Path, dataset: Path, settings: dict[str, Any]) -> PretrainResult:
    out, work = folder / "out", folder / "work"
    out.mkdir(parents=True)
    work.mkdir()
    given = {name: value for name, value in settings.items() if name != "augment"}
    planned = Planned(augment=tuple(settings.get("augment", ())))
    context = Context(work=work)
    return fit({"data": dataset}, Settings.model_validate(given), out, context, planned)


def but_for_time(result: PretrainResult) -> PretrainResult:
    """The result less its times and its device."""
    curve = tuple(without_time(result.curve))
    others = {"seconds": 0.0, "cpu_seconds": 0.0, "device": ""}
    return result.model_copy(update={**others, "curve": curve})


@pytest.mark.parametrize("task", list(CASES))
def test_a_task_gives_the_same_on_another_device(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, given, samples = CASES[task]
    dataset = write_dataset(tmp_path / "data", rows)
    read = declaration(task).data.reads
    data: dict[str, Any] = {
        name: value for name, value in {"vocabulary": 300, "max_length": 32}.items() if name in read
    }
    data["validation_share"] = 0.2
    loop = {"max_steps": 4, "batch_size": 8, "eval_every": 2, **given.get("loop", {})}
    settings = {"task": task, **given, "data": data, "loop": loop}
    here = run(tmp_path / "cpu", dataset, settings)
    assert here.device == "cpu"

    models: list[nn.Module] = []

    def placed(model: nn.Module, device: torch.device) -> None:
        place(model, device)
        models.append(model)

    monkeypatch.setattr(session, "choose_device", lambda wanted: TOY)
    monkeypatch.setattr(session, "place", placed)
    with second_device():
        there = run(tmp_path / "toy", dataset, settings)
        assert {parameter.device for parameter in models[0].parameters()} == {TOY}
        loaded = load_model(tmp_path / "toy" / "out")
        assert device_of(loaded.model) == torch.device("cpu")
        answers, options = [], PredictSettings(seed=3, repetition_penalty=1.2)
        for device in (torch.device("cpu"), TOY) if samples else ():
            place(loaded.model, device)
            with torch.inference_mode():
                answers.append(loaded.task.predict(loaded.model, samples, options))
    assert there.device == "toy"
    assert but_for_time(there) == but_for_time(here)
    for name in ("config.json", "model.safetensors"):
        files = [tmp_path / kind / "out" / name for kind in ("cpu", "toy")]
        assert files[0].read_bytes() == files[1].read_bytes()
    assert answers[:1] == answers[1:]


def test_the_second_device_refuses_what_mixes(toy: torch.device) -> None:
    """Without this the test above would prove nothing."""
    batch = IMAGE.collate(images(8), np.arange(8))
    model = tiny_mlp()
    place(model, toy)
    with pytest.raises(RuntimeError, match="mixes toy and cpu"):
        IMAGE.forward(model, batch)
    moved = batch.to(toy)
    assert {t.device for t in (*moved.inputs, moved.targets)} == {toy}
    with pytest.raises(RuntimeError, match="mixes toy and cpu"):
        IMAGE.forward(tiny_mlp(), moved)
    with pytest.raises(RuntimeError, match="mixes toy and cpu"):
        IMAGE.loss(IMAGE.forward(model, moved), batch)
    with pytest.raises((RuntimeError, TypeError), match="numpy"):
        moved.targets.numpy()
    IMAGE.loss(IMAGE.forward(model, moved), moved).backward()  # type: ignore[no-untyped-call]
    gradients = [parameter.grad for parameter in model.parameters()]
    assert all(gradient is not None and gradient.device == toy for gradient in gradients)


def test_a_run_goes_on_where_it_was_and_on_no_other_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toy: torch.device
) -> None:
    class Stopping(ImageClassification):
        left = 3

        def loss(self, outputs: Any, batch: Batch) -> Tensor:
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
            return super().loss(outputs, batch)

    settings = LoopSettings(max_steps=6, batch_size=8, checkpoint_every=1)
    here = tiny_mlp()
    train(here, IMAGE, images(30), None, OptimizerSettings(), settings, seed=0)
    monkeypatch.setattr(session, "choose_device", lambda wanted: toy)
    assert isinstance(IMAGE, ImageClassification)
    task = Stopping(IMAGE.facts, ObjectiveSettings())
    for _ in range(3):
        model, task.left = tiny_mlp(), 3
        try:
            train(
                model,
                task,
                images(30),
                None,
                OptimizerSettings(),
                settings,
                seed=0,
                work=tmp_path,
            )
        except KeyboardInterrupt:
            continue
    assert same_bits(weights_of(model.to("cpu")), weights_of(here))
    monkeypatch.undo()
    with pytest.raises(StepError, match="device differ"):
        train(
            tiny_mlp(), task, images(30), None, OptimizerSettings(), settings, seed=0, work=tmp_path
        )


def test_the_device_is_chosen_by_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == choose_device("cpu") == torch.device("cpu")
    with pytest.raises(UsageError, match="no GPU") as caught:
        choose_device("cuda")
    assert "loop.device" in caught.value.where

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    assert choose_device("cpu") == torch.device("cpu")
    assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ
    assert choose_device("auto") == choose_device("cuda") == torch.device("cuda", 0)
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    monkeypatch.setattr(module, "current", lambda: Ranks(rank=3, world=4))
    assert choose_device("auto") == torch.device("cuda", 1)


def test_a_gpu_needs_no_trial_to_choose_its_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    def trial(precision: str) -> None:
        raise AssertionError(precision)

    for has_bf16, expected in ((True, "bf16"), (False, "fp32-fast")):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda has=has_bf16: has)
        assert choose_precision("auto", torch.device("cuda"), trial) == expected
        assert choose_precision("fp32", torch.device("cuda"), trial) == "fp32"


@pytest.mark.parametrize(
    ("asked", "device", "steps", "expected"),
    [
        ("auto", "cpu", 5000, False),
        ("auto", "cuda", 5000, True),
        ("auto", "cuda", 200, False),
        ("auto", "cuda", None, True),
        (True, "cpu", 200, True),
        (False, "cuda", 5000, False),
    ],
)
def test_long_runs_are_compiled_on_a_gpu(
    asked: Any, device: str, steps: int | None, expected: bool
) -> None:
    plan = Plan(steps, None, "", None, 1)
    loop = LoopSettings(epochs=1, compile=asked)
    assert session._compiles(loop, torch.device(device), plan) is expected


def test_a_model_is_compiled_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[nn.Module] = []
    monkeypatch.setattr(nn.Module, "compile", lambda self: compiled.append(self))
    for asked in ("auto", True):
        settings = LoopSettings(max_steps=1, compile=asked)
        train(tiny_mlp(), IMAGE, images(9), None, OptimizerSettings(), settings, seed=0)
    assert len(compiled) == 1


@pytest.mark.parametrize(("available", "mode"), [(False, 2), (True, 1)])
def test_a_kernel_that_is_not_deterministic_is_an_error_only_where_there_is_no_gpu(
    available: bool, mode: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    with torch_state(1):
        assert torch.get_deterministic_debug_mode() == mode
    assert torch.get_deterministic_debug_mode() == 0
