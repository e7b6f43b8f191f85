"""The list of what shows each sentence of the documentation true is whole, and names what is."""

from __future__ import annotations

import ast
import itertools
import re
from functools import cache

import pytest

from tests.claims import CHINESE, ENGLISH, OPEN, ROOT, blocks, key, listed, pages, sentences, twins

TESTS = ROOT / "tests"
LOG = (ROOT / "dev" / "LOG.md").read_text("utf-8")
_RUN = re.compile(r"run 20\d\d-\d\d-\d\d: .+")


@cache
def _functions(name: str) -> set[str]:
    """The tests of a file; none where it is not there."""
    path = TESTS / name
    if not path.is_file():
        return set()
    tree = ast.parse(path.read_text("utf-8"))
    classes = (node.body for node in tree.body if isinstance(node, ast.ClassDef))
    tests = itertools.chain(tree.body, *classes)
    return {node.name for node in tests if isinstance(node, ast.FunctionDef)}


def _is_there(shown: str) -> bool:
    """Whether one thing that shows a sentence true is of a known kind, and there."""
    kind, _, rest = shown.partition(": ")
    if shown == "none" or kind in ("none", "then") or _RUN.fullmatch(shown):
        return True
    if kind == "log":
        return f"\n## {rest}\n" in LOG
    file, colons, test = shown.partition("::")
    return bool(_functions(file)) and (not colons or test in _functions(file))


@pytest.mark.parametrize("page", pages())
def test_every_sentence_is_in_the_list_and_the_list_has_no_other(page: str) -> None:
    """`python -m tests.claims` brings the list up to the page: look at what it marks with a `?`."""
    names = [key(one) for one in sentences(page)]
    known = listed()[page]
    assert not [name for name in names if known.get(name, OPEN).startswith(OPEN)]
    assert not sorted(set(known) - set(names))


def test_the_list_has_the_pages_that_there_are() -> None:
    assert list(listed()) == pages()


def test_what_shows_a_sentence_true_is_there() -> None:
    missing = [
        f"{page}: {sentence}: {one}"
        for page, known in listed().items()
        for sentence, shown in known.items()
        if page != CHINESE
        for one in shown.split("; ")
        if not _is_there(one)
    ]
    assert not missing


def test_sentences_are_told_apart() -> None:
    found = [one for page in pages() for one in sentences(page)]
    assert len(found) > 600
    assert not [one for one in found if not one.strip()]
    starts = [key(one).partition(" ")[0] for one in sentences("docs/decisions.md")]
    assert len(set(starts)) == len(starts)


def _marks(text: str) -> tuple[list[str], list[str]]:
    """What both languages write alike: code, links, and numbers."""
    code = re.findall(r"`[^`]+`", text)
    return sorted(code), sorted(re.findall(r"\d+(?:\.\d+)?", re.sub(r"`[^`]+`", "", text)))


def test_the_chinese_readme_is_the_english_one_block_by_block() -> None:
    """Same paragraphs, items and rows in the same order, with the same code and numbers."""
    english, chinese = blocks(ENGLISH), blocks(CHINESE)
    assert len(english) == len(chinese)
    for ours, theirs in zip(english, chinese, strict=True):
        if "\n" not in ours[0]:  # what is no block of code
            assert _marks(" ".join(ours)) == _marks(" ".join(theirs)), (ours, theirs)


def test_the_chinese_readme_was_looked_at_with_the_english_one() -> None:
    """A paragraph of either that changes takes the `twin of` of the list along."""
    assert listed()[CHINESE] == twins()
