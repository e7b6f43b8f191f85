"""What a plan says of the settings that a recipe leaves open: the value, and from where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

import tilth
from tests.table.cells import Place, texts_place

LOOP = {"max_steps": 3}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return texts_place(tmp_path_factory.mktemp("texts"))


def left_open(tmp_path: Path, tree: dict[str, Any]) -> dict[str, list[str]]:
    """Of each training of a recipe."""
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "x"}) + "\n", "utf-8")
    whole = {
        "tilth": 1,
        "name": "open",
        "collect": {"a": {"jsonl": {"path": str(tmp_path / "a.jsonl")}}},
        **tree,
    }
    (tmp_path / "open.yaml").write_text(yaml.safe_dump(whole), "utf-8")
    view = tilth.plan(tmp_path / "open.yaml", runs=tmp_path / "runs")
    assert "      metric: " in str(view) or "data." in str(view)
    return {step.name: list(step.taken) for step in view.steps if step.taken}


def test_what_pretrain_takes_by_default(tmp_path: Path) -> None:
    speech = {"task": "speech-recognition", "model": {"kind": "ctc"}, "loop": LOOP}
    found = left_open(tmp_path, {"pretrain": speech | {"data": {"mels": 20}}})
    assert found == {"pretrain": ["data.sample_rate: 8000 (default)"]}
    pictures = {"task": "image-classification", "model": {"kind": "mlp"}, "loop": LOOP}
    assert left_open(tmp_path, {"pretrain": pictures}) == {
        "pretrain": [
            "data.image_size: what all samples have",
            "data.channels: what all samples have",
        ]
    }
    texts = {"task": "text-classification", "model": {"kind": "gpt", "context": 64}, "loop": LOOP}
    assert "data.max_length: 64 (default)" in left_open(tmp_path, {"pretrain": texts})["pretrain"]


def test_what_is_taken_of_a_model_to_start_from(tmp_path: Path, trained: Place) -> None:
    texts = {**trained.tree["pretrain"], "initialise": str(trained.model)}
    del texts["data"]
    found = left_open(tmp_path, {"pretrain": texts})["pretrain"]
    assert "data.tokenizer: of the model that it starts from" in found
    assert not any("tokenizer: bytes" in one or "vocabulary" in one for one in found)


def test_what_transfer_and_value_take_over(tmp_path: Path) -> None:
    tree = {
        "pretrain": {"model": {"kind": "gpt", "context": 32}, "loop": LOOP},
        "transfer": {"task": "text-classification", "sizes": [4, 8]},
        "value": {"arms": {"again": {"same": True}}, "optimizer": {"learning_rate": 0.01}},
    }
    found = left_open(tmp_path, tree)
    assert found["transfer"] == [
        "data.tokenizer: as the model was trained",
        "data.max_length: 32 (default)",
        "objective: as `pretrain`",
        "metric: accuracy (the task's own)",
    ]
    assert found["value"] == [
        "task: as `pretrain`",
        "model: as `pretrain`",
        "data: as `pretrain`",
        "loop: as `pretrain`",
        "budget: 3 steps (loop.max_steps)",
        "target: as `transfer` fine-tunes on 8",
        "metric: accuracy (the task's own)",
    ]
