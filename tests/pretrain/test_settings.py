"""Settings refuse what cannot work, and load no torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tilth.models.gpt import GPTSettings
from tilth.models.mlp import MLPSettings
from tilth.pretrain.settings import Settings
from tilth.pretrain.start import fingerprint_start
from tilth.settings import acting
from tilth.training.settings import LoopSettings


def test_settings_and_the_stage_load_no_torch() -> None:
    code = (
        "import sys, tilth.pretrain.fit; sys.exit('torch' in sys.modules or 'numba' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_model_is_chosen_by_its_kind() -> None:
    settings = Settings.model_validate(
        {"task": "image-classification", "model": {"kind": "mlp", "hidden": [32]}}
    )
    assert settings.model == MLPSettings(hidden=(32,))
    assert isinstance(Settings().model, GPTSettings)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"task": "image-classification"}, "needs model.kind cnn or mlp or resnet"),
        ({"model": {"kind": "mlp"}}, "needs model.kind gpt"),
        ({"model": {"kind": "gpt", "width": 30}}, "must be a multiple of heads"),
        ({"model": {"kind": "gpt", "width": 36}}, "multiple of twice heads"),
        ({"loop": {"epochs": 1, "batch_size": 10, "accumulate": 3}}, "must divide batch_size"),
        ({"loop": {}}, "nothing ends this run"),
        ({"lop": {}}, "Extra inputs"),
        ({"data": {"max_length": 9}}, "does not read `data.max_length`, only text-classification"),
        ({"objective": {"mixup": 1}}, "`objective.mixup`, only image-classification"),
        ({"data": {"validation": "test"}}, "three different splits"),
        ({"data": {"tokenizer": "characters", "vocabulary": 300}}, "one token a character"),
        ({"initialise": "a/b", "data": {"vocabulary": 300}}, "nothing beside `initialise`"),
        (
            {"cross_validate": "source", "data": {"test": "validation", "validation": "test"}},
            "nothing beside `cross_validate`",
        ),
        ({"seeds": [3, 3]}, "the same seed twice"),
        ({"loop": {"max_steps": 9}, "optimizer": {"warmup_steps": 10}}, "longer than the run"),
        ({"loop": {"patience": 1}, "unfreeze": {"head.": 0.5}}, "depends on the last step"),
    ],
)
def test_what_cannot_work_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Settings.model_validate(given)


def test_patience_alone_ends_a_run() -> None:
    assert LoopSettings(patience=2).max_steps is None


@pytest.mark.parametrize(
    "given",
    [
        {"task": "image-classification", "model": {"kind": "mlp"}},
        {"task": "text-generation", "initialise": "gpt2"},
        {"data": {"tokenizer": "characters"}},
    ],
)
def test_what_earlier_versions_wrote_out_says_nothing(given: dict[str, Any]) -> None:
    written = {"vocabulary": 2048, "max_length": 128, "sample_rate": 8000, "mels": 40}
    data = {**written, "tokenizer": "bytes-bpe", **given.get("data", {})}
    assert Settings.model_validate({**given, "data": data})


@pytest.mark.parametrize(
    ("given", "same"),
    [
        ({}, {"data": {"vocabulary": 2048, "max_length": 128, "tokenizer": "bytes-bpe"}}),
        ({}, {"data": {"sample_rate": 8000}, "model": {"kind": "gpt"}, "loop": {"epochs": 1}}),
        (
            {"task": "text-classification", "model": {"kind": "gpt", "context": 32}},
            {
                "task": "text-classification",
                "model": {"kind": "gpt", "context": 32},
                "data": {"max_length": 32},
            },
        ),
        ({"freeze": ["head.", "body."]}, {"freeze": ["body.", "head.", "body."]}),
        ({}, {"loop": {"epochs": 1.0, "checkpoint_every": 7}}),
    ],
)
def test_what_holds_anyway_may_be_written_out(given: dict[str, Any], same: dict[str, Any]) -> None:
    one, other = Settings.model_validate(given), Settings.model_validate(same)
    assert acting(one) == acting(other)


def test_where_a_model_lies_says_nothing(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    for name, weights in (("ck", b"one"), ("moved", b"one"), ("other", b"two")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_bytes(weights)
    ways = ("ck", "./ck", f"{tmp_path}/ck", "moved")
    elsewhere = ("other", "gpt2", "distilgpt2")
    from_scratch, *read = (
        acting(Settings(initialise=one)) for one in ("random", *ways, *elsewhere)
    )
    # What is read is told by the fingerprint alone.
    assert all(one == read[0] for one in read)
    assert len({fingerprint_start(one) for one in ways}) == 1
    assert len({fingerprint_start(one) for one in ("random", *ways, *elsewhere)}) == 5
    # What a model was trained with, and no default, is what its own data leaves empty.
    assert read[0]["data"]["max_length"] is None
    assert from_scratch != read[0]
