"""How much of a training step goes into reading and augmenting the batch.

The settings are those of four starter recipes. The data is made up, of the starters' shapes: what a
pixel is, is nothing to a clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import numpy.typing as npt

from tilth.models.build import build_model
from tilth.models.facts import Facts, Sizes
from tilth.pretrain.settings import Settings
from tilth.randomness import splitmix64
from tilth.recipe.load import load_recipe
from tilth.tasks.build import build_task
from tilth.tasks.settings import form_of
from tilth.tasks.speech.utterances import spectra_of
from tilth.tasks.text.tokenize import train_characters
from tilth.training import session
from tilth.training.batches import batches_from
from tilth.training.examples import Documents, Examples, Ragged
from tilth.training.loop import train as loop_of_training

GOAL = 3.0  # percent of a step
_WARMUP_STEPS = 2


class Case(NamedTuple):
    """A starter's training on made-up rows.

    Attributes:
        make: From settings and a number of rows to the rows and what they say of themselves.
        steps: Long enough that rows which are gathered for several steps are gathered whole.
    """

    make: Callable[[Settings, int], tuple[Examples, Facts]]
    steps: int


def made_text(settings: Settings, rows: int) -> tuple[Examples, Facts]:
    """Windows of random characters."""
    context = int(getattr(settings.model, "context", 0))
    tokens = _random().integers(1, 66, rows * context - 1).astype(np.uint16)
    documents = Documents(
        tokens,
        np.array([0, len(tokens)]),
        np.array([len(tokens)]),
        np.zeros(1, np.uint64),
        np.ones(1, np.float32),
    )
    return documents.pack(context), Facts(sizes=Sizes(vocabulary=66))


def made_images(settings: Settings, rows: int) -> tuple[Examples, Facts]:  # noqa: ARG001
    """Random colour images of 32 x 32, ten classes."""
    pixels = _random().integers(0, 256, (rows, 3, 32, 32), dtype=np.uint8)
    facts = Facts(
        sizes=Sizes(image=(3, 32, 32), classes=10),
        classes=tuple("0123456789"),
        mean=(0.5,) * 3,
        std=(0.25,) * 3,
    )
    return _examples(pixels, _random().integers(0, 10, rows)), facts


def made_pairs(settings: Settings, rows: int) -> tuple[Examples, Facts]:
    """Random tokens, in number spread as in captions."""
    form = form_of(settings.data)
    sides = [_ragged(_lengths(rows, 15, 5, 4), form.vocabulary) for _ in range(2)]
    return _examples(*sides), Facts(sizes=Sizes(vocabulary=form.vocabulary))


def made_speech(settings: Settings, rows: int) -> tuple[Examples, Facts]:
    """Noise, as long as a spoken digit, with four letters to spell."""
    form = form_of(settings.data)
    rate = form.sample_rate
    samples = _lengths(rows, 0.43 * rate, 0.1 * rate, 0.2 * rate)
    facts = Facts(
        sizes=Sizes(classes=16, mels=form.mels),
        classes=("", *"abcdefghijklmno"),
        sample_rate=rate,
        transcripts=("abcd", "efgh"),
    )
    sound = Ragged(
        _random().integers(-9000, 9000, int(samples.sum())).astype(np.int16), _starts(samples)
    )
    spectra = Ragged.of(spectra_of(list(sound), rate, form.mels), np.float32)
    return replace(_examples(sound, _ragged(np.full(rows, 4), 16)), frames=spectra), facts


CASES: Mapping[str, Case] = {
    "shakespeare": Case(made_text, 336),
    "cifar10": Case(made_images, 16),
    "multi30k": Case(made_pairs, 32),
    "spoken-digits": Case(made_speech, 64),
}


def measure_loaders(quick: bool = False) -> list[dict[str, Any]]:
    """CPU milliseconds of a step, and percent of them that go into its batch, a starter each.

    Args:
        quick: A few steps only, to see that it runs.
    """
    return [_measure(name, case, 4 if quick else case.steps) for name, case in CASES.items()]


def _measure(name: str, case: Case, steps: int) -> dict[str, Any]:
    plain: dict[str, Any] = load_recipe(name).resolved()
    transforms = plain.get("augment", [])
    settings = Settings.model_validate(plain["pretrain"])
    batch = settings.loop.batch_size
    rows, facts = case.make(settings, steps * batch)
    model = build_model(settings.model, facts.sizes, seed=0)
    task = build_task(
        settings.task,
        facts,
        settings.objective,
        augment=transforms,
        tokenizer=train_characters(["ab"]),
    )

    def train(limit: dict[str, Any]) -> str:
        limits = {"epochs": None, "max_steps": None, "eval_every": steps, "device": "cpu", **limit}
        loop = settings.loop.model_copy(update=limits)
        run = loop_of_training(model, task, rows, None, settings.optimizer, loop, seed=0, threads=1)
        return run.precision

    # What is compiled or chosen once is not part of a step.
    precision = train({"max_steps": _WARMUP_STEPS})
    watch = _Watch()
    with mock.patch.object(session, "batches_from", watch):
        train({"epochs": 1, "precision": precision})
    return {
        "starter": name,
        "augment": [next(iter(step)) for step in transforms],
        "batch": batch,
        "precision": precision,
        "steps": steps,
        "step_cpu_ms": round(1000 * watch.whole / steps, 2),
        "batch_cpu_ms": round(1000 * watch.reading / steps, 3),
        "percent": round(100 * watch.reading / watch.whole, 2),
        "goal": GOAL,
    }


class _Watch:
    """Stands in for the loop's source of batches, and measures the CPU-seconds spent in it."""

    def __init__(self) -> None:
        self._source = batches_from
        self.reading = self.whole = 0.0

    def __call__(self, *arguments: Any) -> Iterator[Any]:
        batches = self._source(*arguments)
        begin = time.process_time()
        while True:
            start = time.process_time()
            batch = next(batches, None)
            self.reading += time.process_time() - start
            if batch is None:
                break
            yield batch
        self.whole = time.process_time() - begin


def _random() -> np.random.Generator:
    return np.random.default_rng(0)


def _lengths(rows: int, mean: float, spread: float, least: float) -> npt.NDArray[np.int64]:
    return np.maximum(_random().normal(mean, spread, rows), least).astype(np.int64)


def _starts(lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _ragged(lengths: npt.NDArray[np.int64], vocabulary: int) -> Ragged:
    values = _random().integers(1, vocabulary, int(lengths.sum())).astype(np.uint16)
    return Ragged(values, _starts(lengths))


def _examples(inputs: Any, targets: Any) -> Examples:
    rows = len(targets)
    return Examples(
        inputs, targets, splitmix64(np.arange(rows, dtype=np.uint64)), np.ones(rows, np.float32)
    )
