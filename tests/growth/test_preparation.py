"""What is done before a training, with texts ten times as long and documents ten times as many."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.growth.measure import assert_linear
from tests.growth.shapes import TEXTS, Shape
from tilth.tasks.text.tokenize import encode, train_characters, train_tokenizer
from tilth.value.leakage import text_leaks


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


FORM = " ".join(f"form{i}" for i in range(100))


def _own(i: int, num: int) -> str:
    return " ".join(f"{i}x{j}" for j in range(num)) + " "


PAGES: Mapping[str, Callable[[int], str]] = {
    "with a long footer": lambda i: _own(i, 120) + FORM,
    "little more than a form": lambda i: _own(i, 5) + FORM,
    "of their own": lambda i: _own(i, 120),
    "the same": lambda i: FORM,
    "of paragraphs that many have": lambda i: " ".join(
        f"{i * i * k % 37} is the number of the paragraph " * 5 for k in range(1, 5)
    ),
}


@pytest.mark.parametrize("form", _marked(PAGES, ("with a long footer",)))
def test_the_leaks_of_more_documents(form: str) -> None:
    def make(n: int) -> Callable[[], object]:
        held_out = [(f"t{i}", PAGES[form](2 * i)) for i in range(n)]
        training = [(f"r{i}", PAGES[form](2 * i + 1)) for i in range(n)]
        return lambda: text_leaks(held_out, training)

    # From where more share a form than are compared; up to there it is all of them.
    assert_linear(make, 120, 120)


@pytest.mark.parametrize("shape", _marked(SHAPES, USUAL))
def test_the_leaks_of_longer_documents(shape: str) -> None:
    def make(n: int) -> Callable[[], object]:
        text = SHAPES[shape](n)
        return lambda: text_leaks([("t", text + " other words")], [("r", text)])

    assert_linear(make, 2000, 20_000)
