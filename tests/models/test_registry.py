"""A model is found because it is there, and what it declares is what it does."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest
from torch import nn

from tilth.errors import UsageError
from tilth.models.registry import (
    declarations,
    hub_readers,
    kinds_of,
    load_network,
    module_of,
)
from tilth.tasks.registry import declaration, task_names

KINDS = ("cnn", "ctc", "gpt", "mlp", "resnet", "seq2seq")


def test_these_models_are_there() -> None:
    assert tuple(declared.kind for declared in declarations()) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_lies_in_the_folder_of_its_kind(kind: str) -> None:
    assert module_of(kind) == f"tilth.models.{kind}.network"
    assert callable(load_network(kind).make)


def test_every_model_has_a_task_and_every_task_a_model() -> None:
    learnt = {kind for name in task_names() for kind in declaration(name).models}
    assert learnt == set(KINDS)
    assert all(declaration(name).models for name in task_names())
    assert kinds_of("images") == ("cnn", "mlp", "resnet")


def test_an_unknown_model_is_refused() -> None:
    for ask in (module_of, load_network):
        with pytest.raises(UsageError, match="no model of kind `perceptron`") as caught:
            ask("perceptron")
        assert "mlp" in caught.value.hint


def test_a_type_of_the_hub_has_a_reader() -> None:
    assert hub_readers() == {"gpt2": "tilth.models.gpt.hugging_face"}
    reader = importlib.import_module(hub_readers()["gpt2"])
    assert all(callable(one) for one in (reader.settings_of, reader.tensors_of))
    # Whatever is no GPT takes what fits.
    reader.require_shape(nn.Linear(1, 1), None, "a folder")


def test_declarations_load_no_torch() -> None:
    code = (
        "import sys, tilth.models.settings;"
        "from tilth.models.registry import declarations, hub_readers;"
        "declarations(); hub_readers(); print('torch' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["False"]
