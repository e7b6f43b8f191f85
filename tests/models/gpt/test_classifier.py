"""A GPT with a layer of classes: the GPT's tensors by name and shape, padding without effect."""

from __future__ import annotations

import torch

from tilth.models.build import build_model
from tilth.models.facts import Sizes
from tilth.models.gpt import GPTSettings

SETTINGS = GPTSettings(layers=2, width=16, heads=2, context=12)
CLASSIFIER = build_model(SETTINGS, Sizes(vocabulary=30, classes=5), seed=0).eval()


def test_all_but_the_head_is_the_language_models() -> None:
    gpt = build_model(SETTINGS, Sizes(vocabulary=30), seed=0)
    own, theirs = CLASSIFIER.state_dict(), gpt.state_dict()
    assert own.keys() - theirs.keys() == {"head.weight", "head.bias"}
    assert theirs.keys() <= own.keys()
    # The body is drawn first: of one seed it starts as the language model does.
    assert all(torch.equal(own[name], theirs[name]) for name in theirs)


def test_what_stands_behind_a_text_has_no_effect() -> None:
    tokens = torch.randint(0, 30, (4, 12), generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([3, 12, 7, 1])
    with torch.inference_mode():
        together = CLASSIFIER(tokens, lengths)
        for row, length in enumerate(lengths.tolist()):
            alone = CLASSIFIER(tokens[row : row + 1, :length], torch.tensor([length]))
            torch.testing.assert_close(together[row], alone[0], atol=1e-5, rtol=1e-4)
    assert together.shape == (4, 5)


def test_the_gradient_is_deterministic() -> None:
    torch.set_deterministic_debug_mode("error")
    try:
        CLASSIFIER(torch.ones(2, 3, dtype=torch.int64), torch.tensor([2, 3])).sum().backward()
    finally:
        torch.set_deterministic_debug_mode("default")
