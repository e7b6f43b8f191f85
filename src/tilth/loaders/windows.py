"""Text as tokens: of one text, or of all, packed into windows as for pretraining."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tilth.errors import MissingError
from tilth.loaders.copies import FOLDER
from tilth.splits import SplitName
from tilth.store.files import elsewhere
from tilth.tasks.prepare import prepare
from tilth.tasks.settings import DataSettings
from tilth.tasks.text.tokenize import Tokenizer, ready
from tilth.training.examples import Documents, Examples

_TASK = "text-generation"


class Encode:
    """The tokens of a text, without end tokens; a process that it is sent to has its own.

    Args:
        tokenizer: Whose.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def __call__(self, text: str) -> list[int]:
        found: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return found

    @property
    def digest(self) -> str:
        """Of the tokenizer: equal ones make equal tokens."""
        return hashlib.sha256(self._tokenizer.to_str().encode()).hexdigest()[:16]

    def __getstate__(self) -> str:
        return self._tokenizer.to_str()

    def __setstate__(self, state: str) -> None:
        self._tokenizer = ready(Tokenizer.from_str(state))


def windows_of(
    dataset: Path, split: SplitName | str, window: int, tokenizer: Tokenizer | None, folder: Path
) -> tuple[Examples, Tokenizer]:
    """The texts of a split, packed: rows of `window` + 1 tokens; and the tokenizer of them.

    Args:
        dataset: Its folder.
        split: Which.
        window: Tokens that a model reads at once.
        tokenizer: None: one is learnt from the training split.
        folder: Where the tokens are kept.

    Raises:
        MissingError: The split has no sample.
        DataError: There is no text to train on.
    """
    with elsewhere(FOLDER):
        prepared = prepare(
            dataset, _TASK, DataSettings(validation_share=0), folder, tokenizer=tokenizer
        )
    documents = prepared.splits.get(split)
    if not isinstance(documents, Documents):
        raise MissingError(f"no text is in the split `{split}`", where=str(dataset))
    assert prepared.tokenizer is not None
    return documents.pack(window, prepared.folder), prepared.tokenizer
