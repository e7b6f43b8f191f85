"""Some tokens are replaced by others."""

from __future__ import annotations

import numpy as np

from tests.augment.texts import VOCABULARY, keys, rows, texts_of
from tilth.augment.tokens import text_mask


def test_the_share_is_met_and_the_end_token_never_drawn() -> None:
    given = rows(2_000)._replace(end=0)
    found = text_mask.transform(given, keys(2_000), text_mask.Settings(share=0.2))
    before, after = (np.concatenate([np.array(t) for t in texts_of(r)]) for r in (given, found))
    # One replacement in 49 is the token that stood there.
    assert abs((before != after).mean() - 0.2 * 48 / 49) < 0.01
    assert set(after.tolist()) == set(range(1, VOCABULARY))
    np.testing.assert_array_equal(found.lengths, given.lengths)


def test_another_end_token_is_never_drawn_either() -> None:
    given = rows(500)
    last = VOCABULARY - 1
    tokens = np.where(given.tokens == 0, last, np.minimum(given.tokens, last - 1))
    found = text_mask.transform(
        given._replace(tokens=tokens, end=last), keys(500), text_mask.Settings(share=1.0)
    )
    drawn = found.tokens[given.inside()]
    assert set(drawn.tolist()) == set(range(last))
