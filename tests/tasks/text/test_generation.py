"""The task of going on with a text: what it refuses to ask."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.training.samples import TEXT, TEXT_FACTS, text_rows, tiny_gpt, tiny_mlp, write_dataset
from tilth.errors import DataError
from tilth.models.build import build_model
from tilth.models.gpt import GPTSettings
from tilth.tasks.build import build_task
from tilth.tasks.predict_settings import PredictSettings
from tilth.tasks.prepare import prepare
from tilth.tasks.settings import DataSettings, ObjectiveSettings
from tilth.tasks.text.tokenize import train_tokenizer
from tilth.training.evaluate import evaluate


def test_a_text_is_gone_on_with_by_a_gpt_with_its_tokenizer() -> None:
    with pytest.raises(DataError, match="without the model's tokenizer"):
        TEXT.predict(tiny_gpt(), ["a"], PredictSettings())
    tokenizer = train_tokenizer(["a b"], 300)
    task = build_task("text-generation", TEXT_FACTS, ObjectiveSettings(), tokenizer=tokenizer)
    with pytest.raises(DataError, match="a MLP cannot go on with a text"):
        task.predict(tiny_mlp(), ["a"], PredictSettings())


def test_characters_that_are_not_known_are_paid_for(tmp_path: Path) -> None:
    """A text of unknown characters alone costs its own 8 bits a byte, and what says so beside."""
    rows = text_rows(30)
    for row in rows:
        row["text"] = "雪中梅花開" * 4 if row["split"] == "test" else row["text"]
    data = DataSettings(tokenizer="characters", validation_share=0)
    prepared = prepare(write_dataset(tmp_path / "data", rows), "text-generation", data, tmp_path)
    settings = GPTSettings(layers=1, width=16, heads=2, context=16)
    model = build_model(settings, prepared.facts.sizes, seed=0)
    held_out = prepared.examples("test", settings)
    assert held_out is not None
    found = evaluate(model, TEXT, held_out)
    own = found.losses.sum() / math.log(2) / found.denominators.sum()
    assert own < 3
    assert found.value == pytest.approx(8 + own)
    known = prepared.examples("train", settings)
    assert known is not None
    assert evaluate(model, TEXT, known).value < 8
