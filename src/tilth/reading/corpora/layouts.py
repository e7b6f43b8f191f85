"""The layouts by their names: each is a module of this room."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol, get_args

from tilth.reading.corpora import (
    common_voice,
    kaldi,
    librispeech,
    ljspeech,
    speech_commands,
    subtitles,
)
from tilth.reading.corpora.corpus import Corpus, Given

Name = Literal["speech_commands", "librispeech", "common_voice", "ljspeech", "kaldi", "subtitles"]
NAMES: tuple[Name, ...] = get_args(Name)


class Layout(Protocol):
    """How a corpus lies there.

    Attributes:
        COLUMNS: Of its rows, beside the sound.
        META: What its rows may have besides.
        LISTS: What its lists are called, in words.
        HAS_PARTS: Whether it has parts that a recipe can choose.
        IS_SPELT: Whether what its rows have besides is cells of tables, which may spell numbers.
    """

    COLUMNS: tuple[str, ...]
    META: tuple[str, ...]
    LISTS: str
    HAS_PARTS: bool
    IS_SPELT: bool

    def is_list(self, name: str, /) -> bool:
        """Whether a path inside is that of a list."""

    def is_like(self, names: list[str], /) -> bool:
        """Whether a corpus of such paths looks like this layout."""

    def catalogue(self, given: Given, /) -> Corpus:
        """Read the lists."""


LAYOUTS: Mapping[Name, Layout] = {
    "speech_commands": speech_commands,
    "librispeech": librispeech,
    "common_voice": common_voice,
    "ljspeech": ljspeech,
    "kaldi": kaldi,
    "subtitles": subtitles,
}
