"""Models on disk."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.training.samples import (
    IMAGE_FACTS,
    TEXT_FACTS,
    TINY_GPT,
    TINY_MLP,
    same_bits,
    tiny_gpt,
    tiny_mlp,
    weights_of,
)
from tilth.errors import DataError, MissingError
from tilth.models.build import build_model
from tilth.models.facts import Sizes
from tilth.pretrain.weights import initialise, load_model, save_model
from tilth.tasks.settings import ObjectiveSettings
from tilth.tasks.text.tokenize import train_tokenizer


def save_mlp(folder: Path, seed: int = 0) -> Path:
    save_model(
        folder, tiny_mlp(seed), "image-classification", TINY_MLP, IMAGE_FACTS, ObjectiveSettings()
    )
    return folder


def test_a_saved_model_comes_back(tmp_path: Path) -> None:
    loaded = load_model(save_mlp(tmp_path))
    assert same_bits(weights_of(loaded.model), weights_of(tiny_mlp()))
    assert loaded.facts.classes == ("a", "b", "c")
    assert loaded.tokenizer is None
    assert not loaded.model.training
    assert loaded.facts == IMAGE_FACTS
    tokenizer = train_tokenizer(["some text"], 260)
    save_model(
        tmp_path / "t",
        tiny_gpt(),
        "text-generation",
        TINY_GPT,
        TEXT_FACTS,
        ObjectiveSettings(),
        tokenizer=tokenizer,
    )
    text = load_model(tmp_path / "t")
    assert text.tokenizer is not None
    assert text.tokenizer.to_str() == tokenizer.to_str()
    assert text.task.metric == "bits_per_byte"


def test_equal_weights_give_equal_bytes(tmp_path: Path) -> None:
    one, two = save_mlp(tmp_path / "1"), save_mlp(tmp_path / "2")
    for file in one.iterdir():
        assert file.read_bytes() == (two / file.name).read_bytes()


def test_a_missing_or_damaged_model_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no trained model"):
        load_model(tmp_path)
    save_mlp(tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="cannot be read"):
        load_model(tmp_path)
    with pytest.raises(DataError, match="cannot be read"):
        initialise(tiny_mlp(), tmp_path)


def test_initialise_says_what_was_taken(tmp_path: Path) -> None:
    save_mlp(tmp_path, seed=5)
    other = build_model(TINY_MLP, Sizes(image=(1, 4, 4), classes=7), seed=0)
    fresh = weights_of(other)
    taken = initialise(other, tmp_path)
    assert taken.taken == ("body.1.weight", "body.1.bias")
    assert taken.skipped == ("head.weight [3, 8] != [7, 8]", "head.bias [3] != [7]")
    assert taken.missing == ()
    assert torch.equal(weights_of(other)["body.1.weight"], weights_of(tiny_mlp(5))["body.1.weight"])
    assert torch.equal(weights_of(other)["head.weight"], fresh["head.weight"])
    assert taken.resized == ()
    assert str(taken).endswith(
        "0 resized, 2 of another shape skipped (head.weight [3, 8] != [7, 8], head.bias [3] != "
        "[7]), 0 fresh"
    )
    assert initialise(tiny_mlp(), tmp_path, skip=("head.",)).missing == ("head.weight", "head.bias")
    with pytest.raises(DataError, match="no tensor of a name and shape"):
        initialise(tiny_gpt(), tmp_path)


@pytest.mark.parametrize(("vocabulary", "context"), [(12, 20), (30, 5), (30, 20)])
def test_embeddings_of_another_length_give_the_rows_that_both_have(
    vocabulary: int, context: int, tmp_path: Path
) -> None:
    settings = TINY_GPT.model_copy(update={"positions": "learned"})
    given = build_model(settings, TEXT_FACTS.sizes, seed=5)
    save_model(tmp_path, given, "text-generation", settings, TEXT_FACTS, ObjectiveSettings())
    other = settings.model_copy(update={"context": context})
    model = build_model(other, Sizes(vocabulary=vocabulary), seed=0)
    fresh, start = weights_of(model), weights_of(given)
    taken = initialise(model, tmp_path)
    assert taken.resized == (
        f"tokens.weight [20, 16] to [{vocabulary}, 16]",
        f"positions.weight [8, 16] to [{context}, 16]",
    )
    assert len(taken.taken) == len(fresh) - 2
    assert not taken.skipped + taken.missing
    for name in ("tokens.weight", "positions.weight"):
        now = weights_of(model)[name]
        both = min(len(now), len(start[name]))
        assert torch.equal(now[:both], start[name][:both])
        assert torch.equal(now[both:], fresh[name][both:])
    wide = build_model(settings.model_copy(update={"width": 32}), TEXT_FACTS.sizes, seed=0)
    with pytest.raises(DataError, match="no tensor of a name and shape"):
        initialise(wide, tmp_path)
