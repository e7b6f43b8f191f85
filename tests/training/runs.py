"""Whole trainings that take a second, for tests that stop them and go on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from torch import nn

from tests.augment.sounds import RATE
from tests.tasks.speech.speech_samples import say
from tests.tasks.translation import test_task as translation
from tests.training.samples import IMAGE, TEXT, documents, images, tiny_gpt, tiny_mlp
from tilth.models.build import build_model
from tilth.models.ctc import CTCSettings
from tilth.models.facts import Facts, Sizes
from tilth.randomness import splitmix64
from tilth.tasks.base import Answering
from tilth.tasks.build import build_task
from tilth.tasks.settings import ObjectiveSettings
from tilth.tasks.speech.utterances import spectra_of
from tilth.training.examples import Examples, Ragged
from tilth.training.settings import LoopSettings, OptimizerSettings


class Run(NamedTuple):
    """All that `train` needs, seed and folder aside; the model is fresh."""

    model: nn.Module
    task: Answering
    data: Examples
    optimizer: OptimizerSettings
    loop: LoopSettings


MUON = OptimizerSettings(kind="muon", learning_rate=0.02, warmup_steps=3, schedule="one-cycle")


def gpt() -> Run:
    """Packed text: 10 steps an epoch, 5 epochs."""
    optimizer = OptimizerSettings(warmup_steps=5, schedule="cosine", grad_clip=1.0)
    loop = LoopSettings(epochs=5, batch_size=8, checkpoint_every=2, eval_every=4)
    return Run(tiny_gpt(), TEXT, documents([20] * 30).pack(8), optimizer, loop)


def mlp() -> Run:
    """Images, several gathered at once."""
    loop = LoopSettings(max_steps=12, batch_size=8, checkpoint_every=2, eval_every=3)
    return Run(tiny_mlp(), IMAGE, images(50), OptimizerSettings(learning_rate=0.01), loop)


def speech() -> Run:
    """Utterances of all lengths, augmented; Muon, an average: 8 steps an epoch, 5 epochs."""
    symbols = ("", " ", "a", "b", "c")
    facts = Facts(sizes=Sizes(classes=5, mels=12), classes=symbols, sample_rate=RATE)
    words = ("ab", "bc a", "ca", "abc", "cb")
    said = [words[number % 5] for number in range(30)]
    waves = [say(text, 0.05 + 0.003 * (number % 7)) for number, text in enumerate(said)]
    data = Examples(
        Ragged.of(waves, np.float32),
        Ragged.of(
            [np.array([symbols.index(letter) for letter in text]) for text in said], np.uint16
        ),
        splitmix64(np.arange(30, dtype=np.uint64)),
        np.ones(30, np.float32),
        frames=Ragged.of(spectra_of(waves, RATE, 12), np.float32),
    )
    settings = CTCSettings(layers=1, hidden=8, channels=8, dropout=0.1)
    augment: list[dict[str, Any]] = [{"speed": {}}, {"warp": {}}, {"spec_augment": {}}]
    task = build_task("speech-recognition", facts, ObjectiveSettings(), augment=augment)
    loop = LoopSettings(epochs=5, batch_size=4, checkpoint_every=2, eval_every=7, ema=0.9)
    return Run(build_model(settings, facts.sizes, seed=0), task, data, MUON, loop)


def translated() -> Run:
    """Pairs of sentences of all lengths; Muon, an average: 5 steps an epoch, 5 epochs."""
    model = build_model(translation.TINY, translation.FACTS.sizes, seed=0)
    task = translation.task(label_smoothing=0.1)
    loop = LoopSettings(epochs=5, batch_size=5, checkpoint_every=2, eval_every=7, ema=0.9)
    return Run(model, task, translation.examples(24), MUON, loop)


RUNS: Mapping[str, Callable[[], Run]] = {
    "gpt": gpt,
    "mlp": mlp,
    "speech": speech,
    "translated": translated,
}
