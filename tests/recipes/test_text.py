"""The text starters on their real data, cut short: every stage runs, and nothing is fetched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.recipes.shorter import warm_up_in_time
from tests.training.samples import figure
from tilth.api import Run, load_recipe, run
from tilth.models.build import build_model
from tilth.models.facts import Facts, Sizes
from tilth.models.gpt import GPTSettings
from tilth.pretrain.hub import read_hub_model
from tilth.pretrain.hub_export import export_gpt2
from tilth.pretrain.weights import save_model
from tilth.tasks.settings import ObjectiveSettings
from tilth.tasks.text.tokenize import train_tokenizer
from tilth.web.fetch import MIRROR_VARIABLE

pytestmark = pytest.mark.slow

GPT2 = GPTSettings(layers=1, width=32, heads=2, context=32, positions="learned", bias=True)


@pytest.fixture(autouse=True)
def _from_the_mirror(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MIRROR_VARIABLE, str(shared_data))


def _short(name: str, folder: Path, **changes: dict[str, Any]) -> Run:
    """A starter with some settings of its stages replaced, run."""
    recipe: dict[str, Any] = load_recipe(name).resolved()
    for stage, given in changes.items():
        recipe[stage] |= given
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(warm_up_in_time(recipe)), "utf-8")
    return run(path, runs=folder / "runs", progress=False)


def _loop(steps: int) -> dict[str, Any]:
    return {"batch_size": 4, "max_steps": steps}


def test_shakespeare(tmp_path: Path) -> None:
    found = _short("shakespeare", tmp_path, pretrain={"loop": _loop(5)})
    result = found.results.pretrain
    assert result is not None
    assert result.samples == {"train": 1, "validation": 1}
    assert 3 < figure(result.validation, "loss") < 4.3
    assert result.model.parameters == 796_160  # 65 characters, an end and an unknown one


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("text-transfer", 13_083),
        ("text-transfer-ag-news", 7_600),
        ("text-transfer-sms", 5_160),
    ],
)
def test_text_transfer(name: str, rows: int, tmp_path: Path) -> None:
    small = {"kind": "gpt", "layers": 1, "width": 32, "heads": 2, "context": 96}
    found = _short(
        name,
        tmp_path,
        pretrain={"loop": _loop(3), "model": small},
        transfer={"loop": _loop(2), "overrides": {}, "sizes": [12], "seeds": 2, "test_size": 100},
    )
    assert found.quarantined == 0
    assert sum(found.dataset(split).num_rows for split in ("train", "test")) == rows
    summary = found.results.transfer
    assert summary is not None
    assert summary.methods == ("scratch", "finetune", "tfidf-svm")
    assert summary.metric == ("macro_f1" if "sms" in name else "accuracy")
    assert len(summary.points) == 6


def test_gpt2_starts_from_a_folder_and_goes_back_to_one(tmp_path: Path) -> None:
    tokenizer = train_tokenizer(["to be or not to be"] * 5, 300)
    facts = Facts(sizes=Sizes(vocabulary=tokenizer.get_vocab_size()))
    own, hub = tmp_path / "own", tmp_path / "hub"
    own.mkdir()
    save_model(
        own,
        build_model(GPT2, facts.sizes, seed=0),
        "text-generation",
        GPT2,
        facts,
        ObjectiveSettings(),
        tokenizer=tokenizer,
    )
    export_gpt2(own, hub)
    short = GPT2.model_copy(update={"context": 16}).model_dump(mode="json")
    given = {"initialise": str(hub), "model": short, "loop": _loop(2)}
    found = _short("gpt2", tmp_path, pretrain=given)
    result = found.results.pretrain
    assert result is not None
    assert result.notes[0].endswith(
        "1 resized (positions.weight [32, 32] to [16, 32]), 0 of another shape skipped, 0 fresh"
    )
    (trained,) = found.folder.glob("data/pretrain-*/model")
    export_gpt2(trained, tmp_path / "back")
    assert read_hub_model(tmp_path / "back").settings.window == 16
