"""A small trained model of text and one of images, each with its data."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.transfer.samples import digit_rows, text_rows, write_dataset
from tilth.models.build import build_model
from tilth.models.gpt import GPTSettings
from tilth.models.mlp import MLPSettings
from tilth.pretrain.settings import Settings
from tilth.pretrain.weights import save_model
from tilth.tasks.build import build_task
from tilth.tasks.prepare import prepare
from tilth.tasks.settings import DataSettings
from tilth.training.loop import train
from tilth.training.settings import LoopSettings, OptimizerSettings

TEXT = Settings(
    model=GPTSettings(layers=2, width=32, heads=2, context=48),
    data=DataSettings(sources=("first",), vocabulary=300),
    optimizer=OptimizerSettings(learning_rate=3e-3),
    loop=LoopSettings(max_steps=60, batch_size=8),
)
DIGITS = Settings(
    task="image-classification",
    model=MLPSettings(hidden=(48,), dropout=0.0),
    data=DataSettings(labels=("0", "1", "2", "3", "4")),
    optimizer=OptimizerSettings(learning_rate=3e-3),
    loop=LoopSettings(max_steps=80),
)


def pretrain(settings: Settings, data: Path, folder: Path) -> Path:
    prepared = prepare(data, settings.task, settings.data, folder)
    model = build_model(settings.model, prepared.facts.sizes, seed=0)
    task = build_task(settings.task, prepared.facts, settings.objective)
    rows = prepared.examples("train", settings.model)
    assert rows is not None
    train(model, task, rows, None, settings.optimizer, settings.loop, seed=0)
    save_model(
        folder / "model",
        model,
        settings.task,
        settings.model,
        prepared.facts,
        settings.objective,
        tokenizer=prepared.tokenizer,
    )
    return folder / "model"


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("text")
    rows = text_rows("first", 80, style=1) + text_rows("second", 60, style=1)
    data = write_dataset(folder / "data", rows)
    return {"data": data, "model": pretrain(TEXT, data, folder)}


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("digits")
    data = write_dataset(folder / "data", digit_rows())
    return {"data": data, "model": pretrain(DIGITS, data, folder)}
