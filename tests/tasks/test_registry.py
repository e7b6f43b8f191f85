"""A task is found because it is there, and what it declares is what it does."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from tests.tasks.translation.test_task import task as translation
from tilth.augment.registry import KINDS
from tilth.errors import UsageError
from tilth.models.facts import Facts, Sizes
from tilth.tasks.base import Answering
from tilth.tasks.build import build_task
from tilth.tasks.declare import LOSS
from tilth.tasks.predict_settings import PredictSettings
from tilth.tasks.registry import (
    declaration,
    load_task,
    metrics,
    modules_of,
    task_names,
)
from tilth.tasks.settings import ObjectiveSettings, require_fit

_FACTS = Facts(sizes=Sizes(classes=2, image=(1, 2, 2)), classes=("a", "b"), mean=(0,), std=(1,))


def _built(name: str) -> Answering:
    if name == "translation":  # which cannot be built without a tokenizer
        return translation()
    return build_task(name, _FACTS, ObjectiveSettings())


def test_these_tasks_are_there() -> None:
    assert task_names() == (
        "image-classification",
        "image-contrastive",
        "image-rotation",
        "speech-recognition",
        "text-classification",
        "text-generation",
        "translation",
    )


@pytest.mark.parametrize("name", task_names())
def test_a_task_is_what_it_declares(name: str) -> None:
    declared, task = declaration(name), _built(name)
    assert task.name == declared.name == name
    metric = declared.metric
    assert (task.metric, task.unit, task.scale, task.lower_is_better) == (
        metric.name,
        metric.unit,
        metric.scale,
        metric.lower_is_better,
    )
    assert declared.data.items.startswith(task.item) or task.item == "pair"
    assert set(declared.transforms) <= set(KINDS)
    assert set(declared.asked_with) <= set(PredictSettings.model_fields)
    assert bool(declared.answer) <= bool(declared.verb)
    for place in (*modules_of(name), *([declared.data.sheet] if declared.data.sheet else [])):
        assert importlib.import_module(place)
    data = importlib.import_module(declared.data.module)
    assert callable(data.write)
    assert callable(data.read)


def test_an_unknown_task_is_refused_everywhere() -> None:
    for ask in (declaration, load_task, modules_of):
        with pytest.raises(UsageError, match="no task `juggling`") as caught:
            ask("juggling")
        assert "text-generation" in caught.value.hint


def test_a_figure_is_one_thing_whoever_declares_it() -> None:
    found = metrics()
    assert found["loss"] is LOSS
    for name in task_names():
        for metric in declaration(name).metrics:
            assert found[metric.name] == metric


def test_a_network_that_cannot_learn_the_task_is_refused() -> None:
    from tilth.models.ctc import CTCSettings
    from tilth.models.gpt import GPTSettings

    require_fit("text-generation", GPTSettings())
    with pytest.raises(ValueError, match=r"task speech-recognition needs model.kind ctc, not gpt"):
        require_fit("speech-recognition", GPTSettings())
    with pytest.raises(ValueError, match=r"needs model.kind cnn or mlp or resnet"):
        require_fit("image-rotation", CTCSettings())


def test_declarations_load_no_torch() -> None:
    code = (
        "import sys, tilth.tasks.settings;"
        "from tilth.tasks.registry import metrics, task_names;"
        "task_names(); metrics(); print('torch' in sys.modules, 'PIL' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["False", "False"]
