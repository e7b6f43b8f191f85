"""The settings of a model are those of its kind, and of no other."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tilth.models.gpt import GPTSettings
from tilth.models.mlp import MLPSettings
from tilth.models.registry import declarations
from tilth.models.settings import model_settings


@pytest.mark.parametrize("declared", declarations(), ids=lambda declared: declared.kind)
def test_what_is_written_is_read_again(declared: Any) -> None:
    settings = model_settings({"kind": declared.kind})
    assert type(settings) is declared.settings
    written = settings.model_dump(mode="json")
    assert next(iter(written)) == "kind"
    assert model_settings(written) == settings


def test_the_kind_decides_which_settings_there_are() -> None:
    assert model_settings({"kind": "mlp", "hidden": [3]}) == MLPSettings(hidden=(3,))
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        model_settings({"kind": "gpt", "hidden": [3]})
    with pytest.raises(ValidationError, match="'cnn', 'ctc', 'gpt', 'mlp'"):
        model_settings({"kind": "perceptron"})
    with pytest.raises(ValidationError, match="'kind'"):
        model_settings({"hidden": [3]})


def test_who_reads_running_text_says_how_much_at_once() -> None:
    windows = {d.kind: model_settings({"kind": d.kind}).window for d in declarations()}
    assert {kind for kind, window in windows.items() if window} == {"gpt"}
    assert GPTSettings(context=7).window == 7
