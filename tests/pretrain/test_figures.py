"""What a pretrain step says of its trainings: times, what was seen, and of which one it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from tests.pretrain.test_fit import IMAGE, TEXT, run
from tests.tasks.speech.speech_samples import speech_rows
from tests.tasks.text.texts import labelled_rows
from tests.tasks.translation.test_task import pairs
from tests.training.samples import (
    IMAGE_FACTS,
    image_rows,
    images,
    text_rows,
    tiny_mlp,
    write_dataset,
)
from tilth.pretrain.weights import load_model
from tilth.schema import sample_id
from tilth.tasks.build import build_task
from tilth.tasks.settings import ObjectiveSettings
from tilth.training.loop import train
from tilth.training.settings import LoopSettings, OptimizerSettings
from tilth.training.task import Batch

_STEP_S = 0.02


def burn(seconds: float) -> None:
    """Take so much time of a processor, and of the clock on the wall."""
    begun, cpu_begun = time.perf_counter(), time.process_time()
    while time.perf_counter() - begun < seconds or time.process_time() - cpu_begun < seconds:
        pass


class Times:
    """What two clocks outside say: of the wall, and of this process."""

    def __init__(self) -> None:
        self._begun = time.perf_counter(), time.process_time()

    def taken(self) -> tuple[float, float]:
        """Seconds of each since then."""
        return time.perf_counter() - self._begun[0], time.process_time() - self._begun[1]


def test_times_are_those_of_the_loop_alone_and_of_all_its_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = build_task("image-classification", IMAGE_FACTS, ObjectiveSettings())
    compute, calls = task.forward, [0]

    def slow(model: nn.Module, batch: Batch) -> Any:
        calls[0] += 1
        if calls[0] == 6:
            raise KeyboardInterrupt
        burn(_STEP_S)
        return compute(model, batch)

    monkeypatch.setattr(task, "forward", slow)
    loop = LoopSettings(max_steps=8, batch_size=8, checkpoint_every=1, precision="fp32")

    def go_on() -> Any:
        data = images(40)
        return train(tiny_mlp(), task, data, None, OptimizerSettings(), loop, seed=0, work=tmp_path)

    outside = Times()
    with pytest.raises(KeyboardInterrupt):
        go_on()
    found = go_on()
    wall, cpu = outside.taken()
    # Five steps before the stop, three after it.
    assert 8 * _STEP_S <= found.seconds <= wall
    assert 8 * _STEP_S <= found.cpu_seconds <= cpu
    # What was done is done: it takes no time once more.
    assert go_on() == found


def test_what_stands_around_the_loop_is_not_in_its_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To read the data, and to measure what was held out at the end."""
    burnt = [0]

    def slowed(name: str) -> None:
        module, _, function = name.rpartition(".")
        before: Callable[..., Any] = getattr(__import__(module, fromlist=[function]), function)

        def slow(*given: Any, **named: Any) -> Any:
            burnt[0] += 1
            burn(0.1)
            return before(*given, **named)

        monkeypatch.setattr(name, slow)

    slowed("tilth.tasks.prepare.prepare")
    slowed("tilth.training.evaluate.evaluate")
    dataset = write_dataset(tmp_path / "data", image_rows(30))
    outside = Times()
    settings = {**IMAGE, "seeds": [0, 1], "loop": {"max_steps": 3, "batch_size": 8}}
    result = run(tmp_path / "1", dataset, settings)
    wall, cpu = outside.taken()
    assert burnt == [1 + 2 * 2]
    assert 0 < sum(one.seconds for one in result.seeds) <= wall - 0.5
    assert 0 < sum(one.cpu_seconds for one in result.seeds) <= cpu - 0.5
    assert (result.seconds, result.cpu_seconds) == (
        result.seeds[0].seconds,
        result.seeds[0].cpu_seconds,
    )


def _pair_rows() -> list[dict[str, Any]]:
    return [
        {"id": sample_id("pairs", str(n)), "source": "a", "text": one, "target": other}
        for n, (one, other) in enumerate(pairs(20))
    ]


SEEN: dict[str, tuple[list[dict[str, Any]], dict[str, Any], str]] = {
    "text-generation": (text_rows(10), {"model": TEXT["model"]}, "tokens"),
    "text-classification": (labelled_rows(30), {"model": TEXT["model"]}, "texts"),
    "translation": (
        _pair_rows(),
        {"model": {"kind": "seq2seq", "encoder_layers": 1, "decoder_layers": 1, "width": 16,
                   "heads": 2, "hidden": 16}},
        "target tokens",
    ),
    "speech-recognition": (
        speech_rows(10),
        {"model": {"kind": "ctc", "layers": 1, "hidden": 8, "channels": 8}},
        "utterances",
    ),
    "image-classification": (image_rows(20), {"model": {"kind": "mlp", "hidden": [4]}}, "images"),
}  # fmt: skip


@pytest.mark.parametrize("task", SEEN)
def test_what_was_seen_is_in_the_unit_that_it_says(task: str, tmp_path: Path) -> None:
    rows, given, unit = SEEN[task]
    data: dict[str, Any] = {"validation_share": 0}
    if unit in ("tokens", "texts", "target tokens"):
        data["vocabulary"] = 300
    if task == "translation":
        data["max_length"] = 8
    settings = {"task": task, **given, "data": data, "loop": {"epochs": 2, "batch_size": 4}}
    result = run(tmp_path / "1", write_dataset(tmp_path / "data", rows), settings)
    trained = [row for row in rows if row.get("split", "train") == "train"]
    expected = len(trained)
    if "tokens" in unit:
        tokenizer = load_model(tmp_path / "1" / "out").tokenizer
        assert tokenizer is not None
        side, limit = ("text", 10**6) if unit == "tokens" else ("target", 8)
        sizes = (len(tokenizer.encode(row[side]).ids) + 1 for row in trained)
        expected = sum(min(size, limit) for size in sizes)
    assert (result.tokens_or_examples_seen, result.seen_unit) == (2 * expected, unit)


def test_parameters_and_samples_are_those_of_the_weights_at_hand(tmp_path: Path) -> None:
    """Folds differ in size, and in the vocabulary that is learnt without each."""
    rows = [{**row, "subject": "ab"[n >= 8], "split": None} for n, row in enumerate(text_rows(20))]
    for number, row in enumerate(rows):
        row["text"] = row["text"][:60] + "xyz" * (row["subject"] == "b") + str(number)
    data = {"validation_share": 0, "tokenizer": "characters"}
    settings = {
        **TEXT,
        "data": data,
        "cross_validate": "subject",
        "seeds": [3, 4],
        "loop": {"max_steps": 1, "batch_size": 2},
        "freeze": ["tokens"],
    }
    result = run(tmp_path / "1", write_dataset(tmp_path / "data", rows), settings)
    out = tmp_path / "1" / "out"

    def size(folder: Path) -> int:
        model = load_model(folder).model
        return len(nn.utils.parameters_to_vector(model.parameters()))

    assert result.samples == {"train": 12, "test": 8}
    assert result.model.parameters == size(out)
    assert size(out) != size(out / "without-b-seed-3")
    assert result.kept_in_full == "first of 4 trainings (fold a, seed 3)"
    assert result.averaged == "mean of 2 seeds x 2 folds"
