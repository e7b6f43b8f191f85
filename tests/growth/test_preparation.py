"""What is done before a training, with texts ten times as long."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.growth.measure import assert_linear
from tests.growth.shapes import TEXTS, Shape
from tilth.pretrain.tokenize import encode, train_characters, train_tokenizer


def _letters(n: int) -> str:
    return TEXTS["words"](n).replace(" ", "")


SHAPES: Mapping[str, Shape] = {**TEXTS, "letters without blanks": _letters}
USUAL = ("letters without blanks", "one line without blanks", "blanks", "digits")
TOKENIZER = train_tokenizer([TEXTS["words"](20_000)], 400)
TOKENIZERS: Mapping[str, Callable[[str], object]] = {
    "learnt": lambda text: train_tokenizer([text], 400),
    "characters": lambda text: encode(train_characters([text]), [text]),
    "encoded": lambda text: encode(TOKENIZER, [text]),
}


def _marked(forms: Mapping[str, object], usual: tuple[str, ...]) -> list[Any]:
    return [
        pytest.param(name, marks=() if name in usual else pytest.mark.sweep, id=name)
        for name in forms
    ]


@pytest.mark.parametrize("shape", _marked(SHAPES, USUAL))
@pytest.mark.parametrize("step", TOKENIZERS)
def test_the_tokens_of_a_longer_text(step: str, shape: str) -> None:
    def make(n: int) -> Callable[[], object]:
        text = SHAPES[shape](n)
        return lambda: TOKENIZERS[step](text)

    # No larger: what the library keeps of a text outgrows the cache of the processor.
    assert_linear(make, 2000, 20_000)
