"""What the transforms of text act on: rows of tokens, padded to one length."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class TokenRows(NamedTuple):
    """Texts as tokens, each between two end tokens.

    Attributes:
        tokens: int64 [n, longest]; behind a row's length stands the end token.
        lengths: int64 [n], tokens of each row, its end tokens included.
        vocabulary: Number of tokens there are.
        end: The token that begins and ends a text; transforms leave it where it is.
    """

    tokens: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    vocabulary: int
    end: int

    def inside(self) -> npt.NDArray[np.bool_]:
        """Which places hold a token of the text, its end tokens not counted, bool [n, longest]."""
        place = np.arange(self.tokens.shape[1])
        within: npt.NDArray[np.bool_] = (place > 0) & (place < self.lengths[:, None] - 1)
        return within
