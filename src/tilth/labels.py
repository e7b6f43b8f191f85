"""One rule for what a label is, whatever source, table, person, step or recipe it comes from.

Blanks around a label are no part of it, nor are signs that nobody sees (a byte order mark, a space
without width). A whole number is one class however it is written: a column of `1` and `2` with a
gap comes back from a data frame as `1.0` and `2.0`. `01` is another, as of postcodes, and `true` is
a word unless its column is of truth values. Letters with accents are composed (UAX #15, NFC). A
label of which nothing is left is none.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, Final

from pydantic import AfterValidator

_UNSEEN: Final = r"\s\u200b\u2060\ufeff"
_AROUND: Final = re.compile(rf"\A[{_UNSEEN}]+|[{_UNSEEN}]+\Z")
_WHOLE: Final = re.compile(r"(-?(?:0|[1-9][0-9]*))\.0+")


def as_label(text: str) -> str | None:
    """A label in its one spelling; None: nothing is left of it."""
    label = unicodedata.normalize("NFC", _AROUND.sub("", text))
    whole = _WHOLE.fullmatch(label)
    if whole is not None:
        label = whole[1]
    return ("0" if label == "-0" else label) or None


def named_label(text: str) -> str:
    """The label that a recipe names, in the spelling that samples have.

    Raises:
        ValueError: No label is spelt like this.
    """
    label = as_label(text)
    if label is None:
        raise ValueError(f"no label is {text!r}: a label that is empty or blank is none")
    return label


Label = Annotated[str, AfterValidator(named_label)]
