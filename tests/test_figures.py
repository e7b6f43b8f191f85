"""What a figure says of itself is whole."""

from __future__ import annotations

import pytest

from tilth.figures import Definition


def _made(name: str = "alpha", heading: str = "alpha", about: str = "What it says.") -> Definition:
    return Definition(name, heading, about, rows="all answers")


@pytest.mark.parametrize("name", ["alpha", "annotators.accuracy", "signal.word_count", "top-5"])
def test_a_name_is_words_between_dots(name: str) -> None:
    assert _made(name).name == name


@pytest.mark.parametrize("name", ["", ".", "a b", "a..b", "a."])
def test_no_other_name_is_taken(name: str) -> None:
    with pytest.raises(ValueError, match="words between dots"):
        _made(name)


def test_a_figure_without_a_sentence_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks `heading`"):
        _made(heading=" ")
    with pytest.raises(ValueError, match="lacks `about`"):
        _made(about="")
    with pytest.raises(ValueError, match="lacks `rows`"):
        Definition("alpha", "alpha", "What it says.", "")
