"""GPT-2 in Hugging Face's format: read, start from, write back; the same logits as theirs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tilth.errors import DataError, MissingError, UsageError
from tilth.models.build import build_model
from tilth.models.facts import Facts, Sizes
from tilth.models.gpt import GPTSettings
from tilth.models.gpt.decoder import GPT
from tilth.pretrain.hub import find_model, is_hub_folder, read_hub_model, read_tokenizer
from tilth.pretrain.hub_export import export_gpt2
from tilth.pretrain.weights import initialise, load_model, save_model
from tilth.tasks.settings import ObjectiveSettings
from tilth.tasks.text.tokenize import Tokenizer, decode, encode, end_token, train_tokenizer

TOKENIZER = train_tokenizer(["the cat sat on the mat", "a dog ate the cat's hat"] * 20, 300)
SETTINGS = GPTSettings(layers=2, width=32, heads=4, context=24, positions="learned", bias=True)
SIZES = Sizes(vocabulary=TOKENIZER.get_vocab_size())


def _model(settings: GPTSettings, seed: int) -> GPT:
    """A model no tensor of which is at its starting value."""
    model = build_model(settings, SIZES, seed=seed)
    assert isinstance(model, GPT)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in model.parameters():
            tensor.add_(torch.randn(tensor.shape, generator=generator) * 0.05)
    return model.eval()


def _save(folder: Path, model: GPT, tokenizer: Tokenizer = TOKENIZER) -> Path:
    folder.mkdir()
    facts = Facts(sizes=SIZES)
    save_model(
        folder,
        model,
        "text-generation",
        model.settings,
        facts,
        ObjectiveSettings(),
        tokenizer=tokenizer,
    )
    return folder


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    export_gpt2(_save(tmp_path / "run", _model(SETTINGS, 1)), tmp_path / "hub")
    return tmp_path / "hub"


def _change(folder: Path, **changes: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


def test_what_is_written_is_read_again(exported: Path) -> None:
    read = read_hub_model(exported)
    assert is_hub_folder(exported)
    assert (read.settings, read.vocabulary) == (SETTINGS, SIZES.vocabulary)
    own = _model(SETTINGS, 1).state_dict()
    assert read.tensors.keys() == own.keys()
    assert all(torch.equal(read.tensors[name], own[name]) for name in own)
    assert read.tokenizer is not None
    assert (
        encode(read.tokenizer, ["the cat"])[0].tolist()
        == encode(TOKENIZER, ["the cat"])[0].tolist()
    )


def test_matrices_lie_as_conv1d_has_them(exported: Path) -> None:
    tensors = load_file(exported / "model.safetensors")
    assert tensors["transformer.h.0.attn.c_attn.weight"].shape == (32, 96)
    assert tensors["transformer.h.0.mlp.c_proj.weight"].shape == (128, 32)
    assert tensors["transformer.h.1.mlp.c_fc.weight"].shape == (32, 128)


def test_a_model_without_biases_is_written_with_biases_of_zero(tmp_path: Path) -> None:
    model = _model(SETTINGS.model_copy(update={"bias": False}), 2)
    export_gpt2(_save(tmp_path / "run", model), tmp_path / "hub")
    again = build_model(SETTINGS, SIZES, seed=9)
    initialise(again, tmp_path / "hub")
    tokens = torch.arange(20)[None]
    torch.testing.assert_close(again.eval()(tokens), model(tokens))


def test_a_model_starts_from_it_with_a_shorter_context(exported: Path) -> None:
    short = build_model(SETTINGS.model_copy(update={"context": 8, "dropout": 0.1}), SIZES, seed=3)
    taken = initialise(short, exported)
    assert taken.resized == ("positions.weight [24, 32] to [8, 32]",)
    assert not taken.skipped + taken.missing
    tokens = torch.arange(8)[None]
    torch.testing.assert_close(short.eval()(tokens), _model(SETTINGS, 1)(tokens))


def test_another_architecture_is_refused_with_the_right_one(exported: Path) -> None:
    rotary = build_model(GPTSettings(layers=2, width=32, heads=4, context=24), SIZES, seed=0)
    with pytest.raises(DataError, match="width: 32, heads: 4, context: 24, positions: learned"):
        initialise(rotary, exported)
    with pytest.raises(UsageError, match="no rotary positions"):
        export_gpt2(_save(exported.parent / "other", _model(rotary.settings, 0)), exported)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"model_type": "llama"}, "of type llama, not gpt2"),
        ({"activation_function": "relu"}, "`activation_function` is relu"),
        ({"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx"),
        ({"n_inner": 7}, "`n_inner` is 7"),
        ({"n_head": 5}, "not a GPT-2's configuration"),
        ({"vocab_size": 70_000}, "70,000 tokens"),
        ({"n_layer": 3}, r"no tensor h\.2"),
    ],
)
def test_what_ours_does_not_compute_is_refused(
    exported: Path, changes: dict[str, Any], cause: str
) -> None:
    _change(exported, **changes)
    with pytest.raises(DataError, match=cause):
        read_hub_model(exported)


def test_pickled_weights_are_refused(exported: Path) -> None:
    (exported / "model.safetensors").rename(exported / "pytorch_model.bin")
    with pytest.raises(MissingError, match="is a pickle, which is not read"):
        read_hub_model(exported)


def test_sharded_weights_without_a_prefix(exported: Path) -> None:
    tensors = load_file(exported / "model.safetensors")
    bare = {name.removeprefix("transformer."): value for name, value in tensors.items()}
    bare["lm_head.weight"] = bare["wte.weight"].clone()
    bare["h.0.attn.bias"] = torch.ones(1)  # the mask that old files carry along
    names = sorted(bare)
    files: dict[str, Callable[[int], bool]] = {
        "a.safetensors": lambda n: n % 2 == 0,
        "b.safetensors": lambda n: n % 2 == 1,
    }
    weight_map: dict[str, str] = {}
    for file, belongs in files.items():
        part = {name: bare[name] for n, name in enumerate(names) if belongs(n)}
        save_file(part, exported / file)
        weight_map |= dict.fromkeys(part, file)
    (exported / "model.safetensors").unlink()
    index = exported / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": weight_map}))
    own = _model(SETTINGS, 1).state_dict()
    assert all(
        torch.equal(value, own[name]) for name, value in read_hub_model(exported).tensors.items()
    )


def test_an_output_layer_of_its_own_is_refused(exported: Path) -> None:
    tensors = load_file(exported / "model.safetensors")
    tensors["lm_head.weight"] = tensors["transformer.wte.weight"] + 1
    save_file(tensors, exported / "model.safetensors")
    with pytest.raises(DataError, match="one matrix here"):
        read_hub_model(exported)


def test_gpt2s_own_tokenizer_files(tmp_path: Path) -> None:
    model = json.loads(TOKENIZER.to_str())["model"]
    vocabulary = {t.replace("<|end|>", "<|endoftext|>"): n for t, n in model["vocab"].items()}
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary))
    merges = [" ".join(pair) if isinstance(pair, list) else pair for pair in model["merges"]]
    (tmp_path / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    tokenizer = read_tokenizer(tmp_path)
    assert tokenizer is not None
    text = "the cat\n sat <|endoftext|> été"
    tokens = encode(tokenizer, [text])[0].tolist()
    assert end_token(tokenizer) == vocabulary["<|endoftext|>"]
    assert end_token(tokenizer) not in tokens
    assert decode(tokenizer, tokens) == text


def test_a_name_that_cannot_be_a_folder_or_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingError, match="no such folder"):
        find_model("./no/such/folder")
    import huggingface_hub

    def refuse(name: str, allow_patterns: list[str]) -> str:
        assert "*.bin" not in allow_patterns
        raise OSError(f"no network for {name}\nand more")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    with pytest.raises(MissingError, match="can be fetched: no network for openai-community/gpt2"):
        find_model("openai-community/gpt2")


def _transformers() -> Any:
    return pytest.importorskip(
        "transformers", reason="transformers is not installed; Tilth does not need it"
    )


def _logits(theirs: Any, tokens: Tensor) -> Tensor:
    with torch.no_grad():
        logits: Tensor = theirs(tokens).logits
    return logits


def test_logits_are_those_of_transformers_after_export(tmp_path: Path) -> None:
    transformers = _transformers()
    model = _model(SETTINGS, 4)
    export_gpt2(_save(tmp_path / "run", model), tmp_path / "hub")
    theirs = transformers.GPT2LMHeadModel.from_pretrained(tmp_path / "hub").eval()
    tokens = torch.randint(0, SIZES.vocabulary, (3, 24), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(_logits(theirs, tokens), model(tokens), atol=1e-4, rtol=0)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "hub")
    assert tokenizer("the cat's hat").input_ids == encode(TOKENIZER, ["the cat's hat"])[0].tolist()
    assert tokenizer.eos_token_id == end_token(TOKENIZER)


def test_logits_are_those_of_transformers_after_import(tmp_path: Path) -> None:
    transformers = _transformers()
    torch.manual_seed(5)
    config = transformers.GPT2Config(
        vocab_size=SIZES.vocabulary, n_positions=40, n_embd=48, n_layer=3, n_head=6
    )
    theirs = transformers.GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for tensor in theirs.parameters():
            tensor.add_(torch.randn_like(tensor) * 0.05)
    theirs.save_pretrained(tmp_path / "hub")
    (tmp_path / "hub" / "tokenizer.json").write_text(TOKENIZER.to_str())
    read = read_hub_model(tmp_path / "hub")
    model = build_model(read.settings, Sizes(vocabulary=read.vocabulary), seed=0)
    initialise(model, tmp_path / "hub")
    tokens = torch.randint(0, SIZES.vocabulary, (3, 40), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(model.eval()(tokens), _logits(theirs, tokens), atol=1e-4, rtol=0)


def test_a_run_is_exported_as_it_was_trained(tmp_path: Path) -> None:
    folder = _save(tmp_path / "run", _model(SETTINGS, 6))
    export_gpt2(folder, tmp_path / "hub")
    again = build_model(SETTINGS, SIZES, seed=0)
    initialise(again, tmp_path / "hub")
    tokens = torch.arange(24)[None]
    with torch.inference_mode():
        assert torch.equal(again.eval()(tokens), load_model(folder).model(tokens))
