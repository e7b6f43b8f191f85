"""Long documents in chunks: at most so many words or characters, cut where a reader would."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from itertools import pairwise
from typing import Final, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from tilth.clean.dictionary import words_of
from tilth.kernels.characters import SPACE, TERMINAL, WORD, character_class
from tilth.kernels.signals import CLOSERS
from tilth.schema import PART_NAME, PART_ROW, column, mark_error
from tilth.settings import BaseSettings

# Where a text may be cut, the best place last.
_WITHIN, _WORD, _SENTENCE, _LINE, _PARAGRAPH = range(5)
_BLANK_LINE: Final = re.compile(r"\n[^\S\n]*\n\s*")


class Settings(BaseSettings):
    """Part long texts into chunks; a short text stays as it is, a parted one is dropped."""

    at_most: int = Field(400, ge=1, description="Of a chunk, in `unit`; what has more is parted")
    unit: Literal["words", "characters"] = Field(
        "words",
        description="words, counted as the signal `word_count` counts them, or characters (code "
        "points). A word longer than so many characters is cut",
    )
    overlap: int = Field(
        0,
        ge=0,
        description="How much of its end a chunk shares with the next one, in `unit`; at most half "
        "of `at_most`",
    )

    @model_validator(mode="after")
    def _goes_on(self) -> Settings:
        if 2 * self.overlap > self.at_most:
            raise ValueError(
                f"`overlap: {self.overlap}` is more than half of `at_most: {self.at_most}`: most "
                "of each chunk would stand in another"
            )
        return self


def reads(_: Settings) -> tuple[str, ...]:
    """The column that it cuts."""
    return ("text",)


def fills(_: Settings) -> tuple[str, ...]:
    """The column that it writes."""
    return ("text",)


def part(batch: pa.RecordBatch, settings: Settings) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """The chunks of the texts that are too long.

    Such a text that has a `target` is quarantined: which part of the target is that of a chunk,
    nobody can say.
    """
    targets = column(batch, "target")
    errors: list[str | None] = [None] * batch.num_rows
    rows: list[int] = []
    names: list[str] = []
    texts: list[str] = []
    for row, text in enumerate(column(batch, "text").to_pylist()):
        chunks = chunks_of(text or "", settings)
        if len(chunks) < 2:
            continue
        if targets[row].is_valid:
            errors[row] = "the text is too long, and has a `target` that cannot be cut with it"
            continue
        rows += [row] * len(chunks)
        names += [f"chunk-{number}" for number in range(1, len(chunks) + 1)]
        texts += chunks
    born = {
        PART_ROW: pa.array(rows, pa.int64()),
        PART_NAME: pa.array(names, pa.string()),
        "text": pa.array(texts, pa.large_string()),
    }
    return mark_error(batch, errors) if any(errors) else batch, pa.RecordBatch.from_pydict(born)


def chunks_of(text: str, settings: Settings) -> list[str]:
    """The chunks of a text, one after the other; of a short one the text alone.

    A chunk ends at the last end of a paragraph in its second half; where there is none, at that of
    a line, a sentence, a word. Together they hold all but the white space at which it is cut.
    """
    most, by_words = settings.at_most, settings.unit == "words"
    if len(text) <= most:  # no more words than characters either
        return [text]
    spans = _words(text)
    if by_words and len(spans) <= most:
        return [text]
    cuts = _cuts(text, spans)
    if not by_words:
        cuts = _no_further(cuts, len(text), most)
    # How much of the text stands before each cut, and before its end.
    before = list(range(len(cuts))) if by_words else [place for place, _ in cuts]
    whole = len(spans) if by_words else len(text)
    found, first = [], 0
    while whole - before[first] > most:
        last = bisect_right(before, before[first] + most) - 1
        # More than half: each chunk says more than it shares.
        half = bisect_right(before, before[first] + most // 2)
        best = max(range(min(half, last), last + 1), key=lambda at: (cuts[at][1], at))
        found.append(text[cuts[first][0] : cuts[best][0]])
        # Of a chunk before a long word less may be shared: the next one begins after this one does.
        first = max(first + 1, bisect_left(before, before[best] - settings.overlap))
    found.append(text[cuts[first][0] :])
    return [chunk for chunk in map(str.strip, found) if chunk]


def _words(text: str) -> list[tuple[int, int]]:
    """Where the words are, in characters; punctuation marks are none."""
    data = np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8)
    _, starts, ends = words_of(data, np.array([0, data.size], np.int64))
    # A byte that goes on with a character begins none.
    begun = np.concatenate([[0], np.cumsum((data & 0xC0) != 0x80)])
    spans = zip(begun[starts].tolist(), begun[ends].tolist(), strict=True)
    return [
        span for span in spans if text[span[0]].isalnum() or character_class(text[span[0]]) & WORD
    ]


def _cuts(text: str, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Where the text may be cut before each word, and how well; before the first, its start."""
    found = [(0, _PARAGRAPH)]
    for (_, end), (start, _) in pairwise(spans):
        place, how = _cut(text[end:start])
        found.append((end + place, how))
    return found


def _cut(gap: str) -> tuple[int, int]:
    """Where to cut what stands between two words, and how well."""
    if gap == " ":
        return 1, _WORD
    if (blank := _BLANK_LINE.search(gap)) is not None:
        return blank.end(), _PARAGRAPH
    if "\n" in gap:
        return gap.index("\n") + 1, _LINE
    first_space = None
    for place, char in enumerate(gap):
        if character_class(char) & TERMINAL:
            rest = gap[place + 1 :].lstrip(CLOSERS)
            if ord(char) >= 0x3000 or (rest and character_class(rest[0]) & SPACE):
                return len(gap) - len(rest), _SENTENCE
        if first_space is None and character_class(char) & SPACE:
            first_space = place
    return (len(gap), _WORD) if first_space is None else (first_space + 1, _WORD)


def _no_further(cuts: list[tuple[int, int]], end: int, most: int) -> list[tuple[int, int]]:
    """With further cuts within what is longer than a chunk may be."""
    found = []
    for (place, how), (following, _) in pairwise([*cuts, (end, _PARAGRAPH)]):
        found.append((place, how))
        found += [(within, _WITHIN) for within in range(place + most, following, most)]
    return found
