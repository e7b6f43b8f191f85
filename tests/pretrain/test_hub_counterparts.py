"""Models that `transformers` has a counterpart of give there what they give here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.export.models import save
from tilth.errors import UsageError
from tilth.models.facts import Sizes
from tilth.models.settings import model_settings
from tilth.pretrain.hub_export import export_hub
from tilth.pretrain.weights import load_model
from tilth.store.files import read_json
from tilth.tasks.text.tokenize import encode_bounded

_RESNET = {"kind": "resnet", "stem": "imagenet", "stem_width": 8, "logit_scale": 0.5}
_BASIC = {"block": "basic", "widths": [8, 12], "blocks": [2, 1]}
_NARROW = {"block": "bottleneck", "widths": [4, 6, 8], "blocks": [1, 2, 1], "stem_width": 5}
_GPT = {"kind": "gpt", "layers": 2, "width": 32, "heads": 4, "context": 24}

_OF_TEXTS = Sizes(vocabulary=280, classes=5)


def _transformers() -> Any:
    if os.environ.get("TILTH_REQUIRE_PEERS"):
        import transformers  # type: ignore[import-not-found,unused-ignore]

        return transformers
    return pytest.importorskip("transformers", reason="a peer, in an environment of its own")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("changes", [{}, {"bias": True}, {"positions": "learned", "bias": True}])
def test_a_gpt_gives_the_same_logits_there(changes: dict[str, Any], tmp_path: Path) -> None:
    transformers = _transformers()
    settings = model_settings(_GPT | changes)
    folder = save(tmp_path / "model", settings, Sizes(vocabulary=280))
    loader = getattr(transformers, export_hub(folder, tmp_path / "hub"))
    theirs, told = loader.from_pretrained(tmp_path / "hub", output_loading_info=True)
    assert not any(told[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    tokens = torch.randint(280, (3, 24), generator=torch.Generator().manual_seed(0))
    ours = load_model(folder).model
    with torch.inference_mode():
        torch.testing.assert_close(theirs.eval()(tokens).logits, ours(tokens), atol=1e-4, rtol=0)
    reader = transformers.AutoTokenizer.from_pretrained(tmp_path / "hub")
    assert reader.decode(reader("the cat's hat")["input_ids"]) == "the cat's hat"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("changes", [{}, {"bias": True}, {"positions": "learned"}])
def test_a_classifier_of_texts_gives_the_same_logits_there(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    transformers = _transformers()
    folder = save(tmp_path / "model", model_settings(_GPT | changes), _OF_TEXTS)
    loaded = load_model(folder)
    assert float(loaded.model.head.bias.abs().min()) > 1e-4  # type: ignore[union-attr,operator]
    loader = getattr(transformers, export_hub(folder, tmp_path / "hub"))
    theirs, told = loader.from_pretrained(tmp_path / "hub", output_loading_info=True)
    assert not any(told[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    reader = transformers.AutoTokenizer.from_pretrained(tmp_path / "hub")
    # One is longer than any that was trained on, and one spells out what ends a text.
    texts = [
        "the cat's hat",
        "a",
        "the cat sat on the mat " * 9,
        "a <|end|> that <|pad|> is text",
        "",
    ]
    tokens = reader(texts, padding=True, truncation=True, return_tensors="pt")
    assert loaded.tokenizer is not None
    own = encode_bounded(loaded.tokenizer, texts, loaded.facts.max_length)
    assert [
        row[:size].tolist() for row, size in zip(tokens["input_ids"], map(len, own), strict=True)
    ] == [one.tolist() for one in own]
    found = [loaded.model(torch.tensor([one.tolist()]), torch.tensor([len(one)])) for one in own]
    with torch.inference_mode():
        logits = theirs.eval()(**tokens).logits
    torch.testing.assert_close(logits, torch.cat(found).detach(), atol=1e-4, rtol=0)
    assert theirs.config.id2label[2] == "class 2"


@pytest.mark.parametrize("positions", ["rotary", "learned"])
def test_the_bias_of_the_classes_is_in_the_normalisation(positions: str, tmp_path: Path) -> None:
    """What theirs computes of the last vector is what ours does, without their library."""
    settings = model_settings(_GPT | {"positions": positions})
    folder = save(tmp_path / "model", settings, _OF_TEXTS)
    assert export_hub(folder, tmp_path / "hub") == "AutoModelForSequenceClassification"
    found = load_file(tmp_path / "hub" / "model.safetensors")
    (norm,) = (one for one in found if one.endswith(("ln_f.bias", "final_layer_norm.bias")))
    head = load_model(folder).model.head
    assert isinstance(head, torch.nn.Linear)
    with torch.inference_mode():
        torch.testing.assert_close(found["score.weight"] @ found[norm], head.bias)
    config = read_json(tmp_path / "hub" / "config.json")
    names = {"rotary": "gpt_neox.embed_in.weight", "learned": "transformer.wte.weight"}
    assert len(found[names[positions]]) == config["vocab_size"] > config["pad_token_id"]
    assert config["pad_token_id"] != config["eos_token_id"]


def test_more_classes_than_numbers_have_no_counterpart(tmp_path: Path) -> None:
    narrow = model_settings(_GPT | {"width": 8, "heads": 2})
    folder = save(tmp_path / "model", narrow, Sizes(vocabulary=280, classes=9))
    with pytest.raises(UsageError, match="9 classes and vectors of 8 numbers") as caught:
        export_hub(folder, tmp_path / "hub")
    assert "--format onnx" in caught.value.hint
    assert not (tmp_path / "hub").exists()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("changes", [_BASIC, _NARROW], ids=["basic", "bottleneck"])
def test_a_residual_network_gives_the_same_logits_there(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    transformers = _transformers()
    sizes = Sizes(image=(3, 40, 48), classes=5)
    folder = save(tmp_path / "model", model_settings(_RESNET | changes), sizes)
    loader = getattr(transformers, export_hub(folder, tmp_path / "hub"))
    theirs, told = loader.from_pretrained(tmp_path / "hub", output_loading_info=True)
    assert not any(told[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    pixels = torch.randn(3, *sizes.image, generator=torch.Generator().manual_seed(0))
    ours = load_model(folder).model
    with torch.inference_mode():
        torch.testing.assert_close(theirs.eval()(pixels).logits, ours(pixels), atol=1e-4, rtol=0)
    assert theirs.config.id2label[3] == "class 3"


def test_what_is_written_names_the_architecture(tmp_path: Path) -> None:
    rotary = save(tmp_path / "gpt", model_settings(_GPT), Sizes(vocabulary=280))
    assert export_hub(rotary, tmp_path / "neox") == "AutoModelForCausalLM"
    config = read_json(tmp_path / "neox" / "config.json")
    assert (config["model_type"], config["use_parallel_residual"]) == ("gpt_neox", False)
    residual = save(
        tmp_path / "resnet", model_settings(_RESNET | _NARROW), Sizes(image=(3, 32, 32), classes=2)
    )
    assert export_hub(residual, tmp_path / "theirs") == "AutoModelForImageClassification"
    config = read_json(tmp_path / "theirs" / "config.json")
    assert config["hidden_sizes"] == [16, 24, 32]
    pixels = read_json(tmp_path / "theirs" / "preprocessor_config.json")
    assert pixels["image_mean"] == pytest.approx([0.4, 0.5, 0.6])


@pytest.mark.parametrize("family", ["mlp", "cnn", "resnet", "gru", "pairs"])
def test_what_has_no_counterpart_is_refused(family: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no counterpart in transformers") as caught:
        export_hub(save(tmp_path / "model", family), tmp_path / "hub")
    assert "--format onnx" in caught.value.hint
    assert not (tmp_path / "hub").exists()
