"""A GPT that classifies texts as Hugging Face has it: `GPTNeoXForSequenceClassification`, or
`GPT2ForSequenceClassification` where positions are learned.

Theirs looks at the last token of a text that is no padding, as ours does, with a linear layer that
has no bias. So ours is said by the bias of the normalisation before it, which that layer multiplies
by its weights: of all that give the classes just this bias, the smallest. There is one unless the
classes are more than the weights tell apart. Padding gets a token of its own, for with the end
token in its place a text would end before it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch
from tokenizers.processors import TemplateProcessing
from torch import Tensor

from tilth.errors import UsageError
from tilth.models.facts import Facts
from tilth.models.gpt.classifier import GPTClassifier
from tilth.pretrain.hub_gpt2 import (
    TOKENIZER_CONFIG,
    gpt2_config,
    gpt2_tensors,
    tokenizer_config,
)
from tilth.pretrain.hub_neox import neox_config, neox_tensors
from tilth.pretrain.start import CONFIG, TOKENIZER, WEIGHTS
from tilth.store.files import write_bytes, write_json
from tilth.tasks.text.tokenize import Tokenizer, end_token
from tilth.training.checkpoint import write_tensors

# Of logits, and smaller than float32 tells apart in those of a training.
_TOLERANCE: Final = 1e-5


def require_foldable(model: GPTClassifier) -> Tensor:
    """What the bias of the last normalisation gets, float32 [width].

    Raises:
        UsageError: No bias of it is that of the classes.
    """
    weights, bias = model.head.weight.detach().double(), model.head.bias.detach().double()
    more: Tensor = (torch.linalg.pinv(weights, rtol=1e-7) @ bias).float()
    if float((weights @ more.double() - bias).abs().max()) > _TOLERANCE:
        raise UsageError(
            f"a gpt of {len(weights):,} classes and vectors of {weights.shape[1]:,} numbers has no "
            "counterpart in transformers, whose classes have no bias",
            hint="`--format onnx` and `safetensors` take every model",
        )
    return more


def write_classifier(model: GPTClassifier, facts: Facts, tokenizer: Tokenizer, out: Path) -> None:
    """Write weights, configuration and tokenizer.

    Args:
        model: Of either kind of positions.
        facts: The names of the classes, and the longest text.
        tokenizer: Of the texts.
        out: Made if need be.

    Raises:
        UsageError: As of `require_foldable`.
        StorageError: It cannot be written.
    """
    more, settings, end = require_foldable(model), model.settings, end_token(tokenizer)
    is_learned = settings.positions == "learned"
    tensors = gpt2_tensors(model) if is_learned else neox_tensors(model)
    embedding, norm = (
        ("transformer.wte.weight", "transformer.ln_f.bias")
        if is_learned
        else ("gpt_neox.embed_in.weight", "gpt_neox.final_layer_norm.bias")
    )
    own, padding = _padded(tokenizer)
    # No text is read behind padding, so what its vector is matters to none.
    lacking = max(padding + 1 - len(tensors[embedding]), 0)
    tensors[embedding] = torch.cat([tensors[embedding], torch.zeros(lacking, settings.width)])
    tensors[norm] = tensors[norm] + more
    tensors["score.weight"] = model.head.weight.detach().float().contiguous()
    make = gpt2_config if is_learned else neox_config
    architecture = "GPT2" if is_learned else "GPTNeoX"
    names = facts.classes
    out.mkdir(parents=True, exist_ok=True)
    write_json(
        out / CONFIG,
        make(settings, len(tensors[embedding]), end)
        | {
            "architectures": [f"{architecture}ForSequenceClassification"],
            "pad_token_id": padding,
            "id2label": {str(number): name for number, name in enumerate(names)},
            "label2id": {name: number for number, name in enumerate(names)},
        },
    )
    write_tensors(out / WEIGHTS, tensors, {"format": "pt"})
    write_bytes(out / TOKENIZER, own.to_str().encode())
    write_json(
        out / TOKENIZER_CONFIG,
        tokenizer_config(str(own.id_to_token(end)), min(facts.max_length, settings.context))
        | {
            "pad_token": own.id_to_token(padding),
            "padding_side": "right",
            # A text that spells out a special token is text.
            "split_special_tokens": True,
        },
    )


def _padded(tokenizer: Tokenizer) -> tuple[Tokenizer, int]:
    """With a token for padding, and an end token before and behind each text; and its number."""
    own, name = Tokenizer.from_str(tokenizer.to_str()), "<|pad|>"
    while own.token_to_id(name) is not None:
        name = f"<{name}>"
    own.add_special_tokens([name])
    number = end_token(own)
    end = own.id_to_token(number)
    own.post_processor = TemplateProcessing(
        single=f"{end} $A {end}", special_tokens=[(end, number)]
    )
    padding = own.token_to_id(name)
    assert padding is not None
    return own, padding
