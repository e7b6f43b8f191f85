"""What was said, where its words are known: the likeliest path that spells only those."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

BLANK = 0
_NEVER = -np.inf


class WordLexicon:
    """Known words in any order and number, parted by one space.

    Token passing (Young, Russell and Thornton 1989) over paths of connectionist temporal
    classification: each state keeps the best path that ends in it and the words behind that path.
    Time and memory of a step grow with the letters of all words together.

    Args:
        words: Symbols of each word, none of them empty, a blank or a space.
        space: The symbol between words; None: there is none, and one word is said.
    """

    def __init__(self, words: Sequence[npt.NDArray[np.integer]], space: int | None = None) -> None:
        lengths = np.array([2 * len(word) - 1 for word in words], np.int64)
        self._last = np.cumsum(lengths) - 1
        self._first = self._last - lengths + 1
        # A word's states are its symbols with a blank between each two.
        self._emitted = np.full(int(lengths.sum()), BLANK, np.int64)
        self._may_skip = np.zeros(len(self._emitted), bool)
        for first, last, word in zip(self._first, self._last, words, strict=True):
            self._emitted[first : last + 1 : 2] = word
            # Between two equal symbols the blank must be heard.
            self._may_skip[first + 2 : last + 1 : 2] = word[1:] != word[:-1]
        self._space = space

    def best(self, logs: npt.NDArray[np.floating]) -> tuple[list[int], float]:
        """The words of the likeliest path, and its log-probability.

        Args:
            logs: [steps, symbols], log-probabilities.

        Returns:
            Numbers of the words; no words and minus infinity where no word fits into the steps.
        """
        said: list[tuple[int, int]] = []  # (what was said before, or -1; a word)
        scores = np.full(len(self._emitted), _NEVER)
        before = np.full(len(self._emitted), -1, np.int64)  # what was said before this word
        # (score, what was said) of paths that are in no word: before the first; a blank behind a
        # word; a space; a blank behind a space.
        lead, end = (0.0, -1), (_NEVER, -1)
        space, gap = (_NEVER, -1), (_NEVER, -1)
        for log in np.asarray(logs, np.float64):
            enter = max(lead, space, gap)
            leave = self._leave(scores, before, said)
            behind = max(leave, end)
            scores, before = self._advance(scores, before, enter, log)
            gap = _add(max(gap, space), log[BLANK])
            space = (
                (_NEVER, -1) if self._space is None else _add(max(space, behind), log[self._space])
            )
            end = _add(behind, log[BLANK])
            lead = _add(lead, log[BLANK])
        score, node = max(self._leave(scores, before, said), end)
        if score == _NEVER:
            return [], _NEVER
        words = []
        while node >= 0:
            node, word = said[node]
            words.append(word)
        return words[::-1], float(score)

    def _advance(
        self,
        scores: npt.NDArray[np.float64],
        before: npt.NDArray[np.int64],
        enter: tuple[float, int],
        log: npt.NDArray[np.float64],
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """One step inside words: stay, go on by one, or over the blank between two symbols."""
        went, came = np.roll(scores, 1), np.roll(before, 1)
        went[self._first], came[self._first] = enter
        skipped = np.where(self._may_skip, np.roll(scores, 2), _NEVER)
        best, behind = scores, before
        for other, words in ((went, came), (skipped, np.roll(before, 2))):
            behind = np.where(other > best, words, behind)
            best = np.maximum(best, other)
        return best + log[self._emitted], behind

    def _leave(
        self,
        scores: npt.NDArray[np.float64],
        before: npt.NDArray[np.int64],
        said: list[tuple[int, int]],
    ) -> tuple[float, int]:
        """The best path at the end of a word, that word said."""
        word = int(scores[self._last].argmax())
        state = self._last[word]
        if scores[state] == _NEVER:
            return _NEVER, -1
        said.append((int(before[state]), word))
        return float(scores[state]), len(said) - 1


def _add(path: tuple[float, int], log: float) -> tuple[float, int]:
    return path[0] + float(log), path[1]
