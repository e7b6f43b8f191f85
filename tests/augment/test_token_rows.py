"""What all transforms of text hold to: a function of the key alone, end tokens untouched."""

from __future__ import annotations

import numpy as np
import pytest

from tests.augment.texts import keys, rows, texts_of
from tilth.augment import chain
from tilth.augment.token_rows import TokenRows

TRANSFORMS = ["text_mask", "text_drop", "text_swap"]


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_text_changes_alike_in_every_batch_and_otherwise_in_the_next_epoch(name: str) -> None:
    given = rows(40)
    run = chain.build([(name, {})])
    whole = run(given, keys(40))
    part = TokenRows(given.tokens[10:20], given.lengths[10:20], given.vocabulary, given.end)
    np.testing.assert_array_equal(run(part, keys(40)[10:20]).tokens, whole.tokens[10:20])
    assert texts_of(whole) != texts_of(given)
    assert texts_of(whole) != texts_of(run(given, keys(40, epoch=1)))


@pytest.mark.parametrize("name", TRANSFORMS)
def test_padding_changes_nothing(name: str) -> None:
    given = rows(20)
    run = chain.build([(name, {})])
    wider = given._replace(tokens=np.pad(given.tokens, ((0, 0), (0, 9))))
    assert texts_of(run(wider, keys(20))) == texts_of(run(given, keys(20)))


@pytest.mark.parametrize("name", TRANSFORMS)
def test_what_is_given_stays_as_it_was(name: str) -> None:
    given = rows(20)
    before = given.tokens.copy()
    chain.build([(name, {})])(given, keys(20))
    np.testing.assert_array_equal(given.tokens, before)


def test_what_is_inside() -> None:
    given = TokenRows(np.array([[0, 5, 6, 0], [0, 0, 0, 0]]), np.array([4, 2]), 10, 0)
    assert given.inside().tolist() == [[False, True, True, False], [False] * 4]
