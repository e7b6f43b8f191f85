"""Words that people look for and that Tilth lacks, or has under another name, each with an answer.

The table is `other_words.yaml`. It answers `tilth explain`, and a recipe that names such a word as
an operation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml

from tilth.hints import closest, did_you_mean


@dataclass(frozen=True)
class OtherWord:
    """What there is instead of a word.

    Attributes:
        words: The word and its other spellings.
        about: What Tilth does about it, or that it does nothing, and what to do instead.
        instead: Words that `tilth explain` knows, the most useful first.
    """

    words: tuple[str, ...]
    about: str
    instead: tuple[str, ...]

    @property
    def hint(self) -> str:
        """The answer in one line."""
        explained = ", ".join(f"`tilth explain {word}`" for word in self.instead)
        return f"{self.about}; {explained}" if explained else self.about


def other_word(word: str) -> OtherWord | None:
    """The answer to a word that is none of a recipe's; None where there is no answer."""
    return _table().get(_plain(word))


def unknown_word(word: str, choices: Sequence[str], listed_by: str = "") -> str:
    """A hint for a word that is not among `choices`: the slip, what there is instead, or them all.

    Args:
        word: What was written.
        choices: What could have been.
        listed_by: The command that lists the choices, for where there are many.
    """
    found = other_word(word) if closest(word, choices) is None else None
    return found.hint if found is not None else did_you_mean(word, choices, listed_by)


def other_words() -> tuple[OtherWord, ...]:
    """All of the table."""
    return tuple(dict.fromkeys(_table().values()))


@cache
def _table() -> dict[str, OtherWord]:
    text = resources.files("tilth.recipe").joinpath("other_words.yaml").read_text("utf-8")
    found: dict[str, OtherWord] = {}
    for entry in yaml.safe_load(text):
        other = OtherWord(
            tuple(map(str, entry["words"])), entry["about"], tuple(entry.get("instead", ()))
        )
        found |= {_plain(word): other for word in other.words}
    return found


def _plain(word: str) -> str:
    """`.PDF`, `Hugging Face` and `hugging_face` as the table writes them."""
    return word.strip().lstrip(".").lower().replace("_", "-").replace(" ", "-")
