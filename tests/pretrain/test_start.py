"""What a training starts from is part of what it is: other weights, another result."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import try_to_load_from_cache

from tests.training.samples import IMAGE_FACTS, TINY_MLP, tiny_mlp
from tilth.engine.run import step_states
from tilth.errors import DataError, MissingError
from tilth.pretrain.hub import find_model
from tilth.pretrain.settings import Settings
from tilth.pretrain.start import FILES, INDEX, cached_folder, fingerprint_start, local_folder
from tilth.pretrain.weights import save_model
from tilth.recipe.load import parse_recipe
from tilth.recipe.plan import Plan, build_plan
from tilth.settings import acting
from tilth.store.files import write_json
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


def test_every_file_that_is_read_counts_and_no_other(tmp_path: Path) -> None:
    start = save(tmp_path / "model", 1)

    def counts(*names: str) -> bool:
        """Whether an edit of these, one after another, is seen each time."""
        before = fingerprint_start(str(start))
        for name in names:
            (start / name).write_text(os.urandom(8).hex())
        return fingerprint_start(str(start)) != before

    assert counts("config.json")
    assert counts("model.safetensors")
    # Beside weights in one file no others are read, and of a tokenizer in two not the half.
    assert not counts("README.md", "result.json", "b.safetensors", INDEX, "merges.txt")
    assert counts("vocab.json")
    assert counts("merges.txt")
    assert counts("tokenizer.json")
    assert not counts("vocab.json", "merges.txt")


def test_of_weights_in_parts_those_count_that_the_index_names(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.safetensors").write_text(name)
    index = {"weight_map": {"x": "a.safetensors", "y": "b.safetensors", "z": "a.safetensors"}}
    write_json(tmp_path / INDEX, index)
    before = fingerprint_start(str(tmp_path))
    assert [line.split()[0] for line in before.splitlines()] == ["a.safetensors", "b.safetensors"]
    (tmp_path / "c.safetensors").write_text("d")
    assert fingerprint_start(str(tmp_path)) == before
    (tmp_path / "b.safetensors").unlink()
    with pytest.raises(MissingError, match=r"no b\.safetensors beside a\.safetensors"):
        fingerprint_start(str(tmp_path))
    (tmp_path / INDEX).write_text("{}")
    with pytest.raises(DataError, match="not an index of weights"):
        fingerprint_start(str(tmp_path))


def test_a_folder_is_known_by_what_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "ck", 1)
    save(tmp_path / "other", 1)
    ways = ["ck", "./ck", "ck/", str(tmp_path / "ck"), "other"]
    assert len({fingerprint_start(way) for way in ways}) == 1
    one, two = (acting(Settings(initialise=way)) for way in ("./ck", "ck"))
    assert one == two


def _cache(folder: Path, start: Path, name: str = "owner/model") -> Path:
    """As `huggingface_hub` keeps a model: files by what they hold, and links of their names."""
    storage = folder / f"models--{name.replace('/', '--')}"
    snapshot = storage / "snapshots" / ("0" * 40)
    for path in (storage / "refs", storage / "blobs", snapshot):
        path.mkdir(parents=True)
    (storage / "refs" / "main").write_text(snapshot.name)
    for file in start.iterdir():
        shutil.copy(file, storage / "blobs" / file.name)
        (snapshot / file.name).symlink_to(f"../../blobs/{file.name}")
    return snapshot


def test_a_name_of_the_hub_is_what_the_cache_has_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = save(tmp_path / "start", 1)
    (start / "tokenizer.json").write_text("{}")
    one = _cache(tmp_path / "one" / "hub", start)
    save(start, 2)
    two = _cache(tmp_path / "two" / "hub", start)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "none"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.delenv("HUGGINGFACE_HUB_CACHE", raising=False)
    names = [fingerprint_start("owner/model")]
    for folder, snapshot in (("one", one), ("two", two)):
        monkeypatch.setenv("HF_HOME", str(tmp_path / folder))
        names.append(fingerprint_start("owner/model"))
        # What is planned with is what is read, whatever the hub has by now.
        assert find_model("owner/model") == cached_folder("owner/model") == snapshot
        known = try_to_load_from_cache("owner/model", "config.json", tmp_path / folder / "hub")
        assert known == str(snapshot / "config.json")
    assert names[0] == "owner/model on the hub"
    assert names[1] == fingerprint_start(str(one))
    assert len(set(names)) == 3
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "one" / "hub"))
    assert fingerprint_start("owner/model") == names[1]
    # Of a fetch that was cut off nobody knows what is still to come.
    for missing in ("model.safetensors", "config.json", "tokenizer.json"):
        (one / missing).rename(one / "aside")
        assert cached_folder("owner/model") is None
        (one / "aside").rename(one / missing)
    assert cached_folder("owner/other") is None


def test_the_cache_is_where_the_library_has_it() -> None:
    code = (
        "from huggingface_hub.constants import HF_HUB_CACHE;"
        "from tilth.store.hub_cache import hub_cache;"
        "print(str(hub_cache()) == HF_HUB_CACHE)"
    )
    for given in ({}, {"XDG_CACHE_HOME": "/x"}, {"HF_HOME": "~/y"}, {"HF_HUB_CACHE": "$HOME/z"}):
        plain = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        command = [sys.executable, "-c", code]
        out = subprocess.run(command, capture_output=True, text=True, env={**plain, **given})
        assert out.stdout.strip() == "True", out.stderr


def test_a_start_that_is_not_there_is_one_error_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no such folder to start from") as caught:
        step_states(plan(tmp_path, str(tmp_path / "absent")), tmp_path / "run")
    assert caught.value.where == str(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "pytorch_model.bin").write_bytes(b"a pickle")
    with pytest.raises(MissingError, match="there are no weights") as caught:
        step_states(plan(tmp_path, str(tmp_path / "empty")), tmp_path / "run")
    assert "*.bin" in caught.value.hint


def test_random_and_names_of_the_hub_ask_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))

    def refused(*given: Any) -> None:
        raise AssertionError(given)

    monkeypatch.setattr("socket.socket.connect", refused)
    for name in ("gpt2", "openai-community/gpt2"):
        assert fingerprint_start(name) == f"{name} on the hub"
        assert local_folder(name) is None
    assert fingerprint_start("random") == ""
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
