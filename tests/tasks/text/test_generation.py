"""The task of going on with a text: what it refuses to ask."""

from __future__ import annotations

import pytest

from tests.training.samples import TEXT, TEXT_FACTS, tiny_gpt, tiny_mlp
from tilth.errors import DataError
from tilth.tasks.build import build_task
from tilth.tasks.predict_settings import PredictSettings
from tilth.tasks.settings import ObjectiveSettings
from tilth.tasks.text.tokenize import train_tokenizer


def test_a_text_is_gone_on_with_by_a_gpt_with_its_tokenizer() -> None:
    with pytest.raises(DataError, match="without the model's tokenizer"):
        TEXT.predict(tiny_gpt(), ["a"], PredictSettings())
    tokenizer = train_tokenizer(["a b"], 300)
    task = build_task("text-generation", TEXT_FACTS, ObjectiveSettings(), tokenizer=tokenizer)
    with pytest.raises(DataError, match="a MLP cannot go on with a text"):
        task.predict(tiny_mlp(), ["a"], PredictSettings())
