"""What a training starts from is part of what it is: other weights, another result."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.training.samples import IMAGE_FACTS, TINY_MLP, tiny_mlp
from tilth.errors import MissingError
from tilth.pretrain.settings import Settings
from tilth.pretrain.start import FILES, fingerprint_start, local_folder
from tilth.pretrain.weights import save_model
from tilth.recipe.load import parse_recipe
from tilth.recipe.plan import Plan, build_plan
from tilth.tasks.settings import ObjectiveSettings

RECIPE = """
tilth: 1
name: again
collect:
  a: {{jsonl: {{path: {source}}}}}
pretrain:
  task: image-classification
  model: {{kind: mlp, hidden: [8]}}
  initialise: {start}
  loop: {{max_steps: 1}}
"""


def save(folder: Path, seed: int) -> Path:
    model = tiny_mlp(seed)
    save_model(folder, model, "image-classification", TINY_MLP, IMAGE_FACTS, ObjectiveSettings())
    return folder


def plan(folder: Path, start: str) -> Plan:
    source = folder / "a.jsonl"
    if not source.exists():
        source.write_text('{"text": "a"}\n')
    return build_plan(parse_recipe(RECIPE.format(source=source, start=start)))


def _outside(made: Plan) -> str | None:
    step = made.step("pretrain")
    return step.operation.fingerprint(step.settings)


def test_a_model_that_was_trained_anew_is_learnt_from_anew(tmp_path: Path) -> None:
    start = save(tmp_path / "model", 1)
    before = _outside(plan(tmp_path, str(start)))
    assert _outside(plan(tmp_path, str(start))) == before
    # The same size, and the same time as well: only the digest tells.
    weights = start / "model.safetensors"
    state = weights.stat()
    save(start, 2)
    os.utime(weights, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert weights.stat().st_size == state.st_size
    after = plan(tmp_path, str(start))
    assert _outside(after) != before
    save(start, 1)
    assert _outside(plan(tmp_path, str(start))) == before


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "merges.txt", "b.safetensors"])
def test_every_file_that_is_read_counts_and_no_other(name: str, tmp_path: Path) -> None:
    start = save(tmp_path / "model", 1)
    before = fingerprint_start(str(start))
    (start / "README.md").write_text("a card")
    (start / "result.json").write_text("{}")
    assert fingerprint_start(str(start)) == before
    (start / name).write_text("{}")
    assert fingerprint_start(str(start)) != before


def test_a_start_that_is_not_there_is_one_error_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no such folder to start from") as caught:
        plan(tmp_path, str(tmp_path / "absent"))
    assert caught.value.where == str(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "pytorch_model.bin").write_bytes(b"a pickle")
    with pytest.raises(MissingError, match="there are no weights") as caught:
        plan(tmp_path, str(tmp_path / "empty"))
    assert "*.bin" in caught.value.hint


def test_random_and_names_of_the_hub_ask_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*given: Any) -> None:
        raise AssertionError(given)

    monkeypatch.setattr("socket.socket.connect", refused)
    for name in ("random", "gpt2", "openai-community/gpt2"):
        assert fingerprint_start(name) == ""
        assert local_folder(name) is None
    assert Settings().initialise == "random"
    with pytest.raises(MissingError):
        local_folder("~/no/such/folder")


def test_a_folder_named_as_the_setting_random_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "random", 1)
    assert fingerprint_start("random") == ""
    assert "model.safetensors" in fingerprint_start("./random")
    assert set(FILES) >= {"*.safetensors", "config.json", "tokenizer.json"}
