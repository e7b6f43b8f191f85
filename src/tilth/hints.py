"""Hints for names that are not there: the nearest that is, or all where they are few; and for those
that are there in two spellings."""

from __future__ import annotations

import difflib
import operator
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence

from tilth.errors import UsageError
from tilth.foreign import shorten, visible

# A choice is near a word when more than this share of the letters of both agree, in order.
_NEAR = 0.65
_MIN_BEGINNING = 3
# A name of fewer letters is near too many others; one of more may have two wrong.
_SHORT, _LONG = 4, 8
_MAX_LISTED = 12
_MAX_SHOWN = 60
# Names in several spellings that are told of one by one.
_MOST_NAMES = 5


def did_you_mean(word: str, choices: Collection[str], listed_by: str = "") -> str:
    """A hint that names the closest choice, or all where they are few, or where they are listed.

    Args:
        word: What was written.
        choices: What could have been.
        listed_by: The command that lists the choices, for where there are more than 12.
    """
    close = closest(word, choices)
    if close is not None:
        return f"did you mean `{close}`?"
    if len(choices) > _MAX_LISTED and listed_by:
        return f"`{listed_by}` lists all"
    if not choices:
        return "there is none"
    shown = sorted(choices)[:_MAX_LISTED]
    more = f" and {len(choices) - len(shown)} more" if len(choices) > len(shown) else ""
    return "choose from " + ", ".join(f"`{choice}`" for choice in shown) + more


def choose_from(word: str, choices: Collection[str]) -> str:
    """A hint of all choices of a closed set, in their order, the closest first where one is."""
    close = closest(word, choices)
    listed = "choose from " + ", ".join(f"`{choice}`" for choice in choices)
    return f"did you mean `{close}`? {listed}" if close is not None else listed


def require_choice(name: str, value: str, choices: Collection[str]) -> None:
    """Refuse a value that is not of a closed set.

    Raises:
        UsageError: It is not; with the choices.
    """
    if value not in tuple(choices):
        # Of Python it may be anything.
        shown = shorten(visible(str(value)), _MAX_SHOWN)
        raise UsageError(f"`{name}` does not take `{shown}`", hint=choose_from(shown, choices))


def whole_number(name: str, value: object, least: int, most: int | None = None) -> int:
    """A setting that is a whole number; Python takes `True` for one, and nobody means it.

    Raises:
        UsageError: It is none, or out of its range.
    """
    # What numpy calls whole numbers has `__index__` too, and what has a fraction has it not.
    if not isinstance(value, bool) and hasattr(value, "__index__"):
        number = operator.index(value)
        if least <= number and (most is None or number <= most):
            return number
    until = "on" if most is None else f"to {most:,}"
    raise UsageError(f"`{name}` is a whole number from {least} {until}, not {_spelt(value)}")


def require_flag(name: str, value: object) -> None:
    """Refuse what is neither `True` nor `False`: a word such as "no" is true to Python.

    Raises:
        UsageError: It is something else.
    """
    if not isinstance(value, bool):
        raise UsageError(f"`{name}` is True or False, not {_spelt(value)}")


def _spelt(value: object) -> str:
    return shorten(visible(repr(value)), _MAX_SHOWN)


def closest(word: str, choices: Collection[str]) -> str | None:
    """The choice that `word` is likely a slip of, or the beginning of; None where none is near.

    Of a dotted choice (`clean.rules`), its last part counts as much as the whole. A word that only
    shares some letters is not near: half of `speed` is in `pdf`.
    """
    word = word.lower()
    best, nearest = None, _NEAR
    for choice in choices:
        for form in {choice.lower(), choice.lower().rpartition(".")[2]}:
            near = difflib.SequenceMatcher(None, word, form).ratio()
            if len(word) >= _MIN_BEGINNING and form.startswith(word):
                near = max(near, _NEAR + len(word) / len(form) / 4)
            if near > nearest:
                best, nearest = choice, near
    return best


def is_slip(word: str, name: str) -> bool:
    """Whether a word is a name but for a letter that is missing, too many, another, or in the wrong
    place; of names of eight letters and more, for two of these.

    Names of fewer than four letters have no slips.
    """
    word, name = word.lower(), name.lower()
    most = 1 if len(name) < _LONG else 2
    return len(name) >= _SHORT and 0 < _distance(word, name, most) <= most


def _distance(a: str, b: str, most: int) -> int:
    """Letters to change from one word to the other, with two that are exchanged as one change
    (Damerau and Levenshtein, optimal string alignment); `most + 1` where they are more."""
    if abs(len(a) - len(b)) > most:
        return most + 1
    before: list[int] = []
    last = list(range(len(b) + 1))
    for i, one in enumerate(a, start=1):
        row = [i]
        for j, other in enumerate(b, start=1):
            cost = min(last[j] + 1, row[-1] + 1, last[j - 1] + (one != other))
            if i > 1 and j > 1 and one == b[j - 2] and a[i - 2] == other:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]


def require_known(given: Iterable[str], choices: Iterable[str], what: str) -> None:
    """Refuse a name that is not among those that there are.

    Args:
        given: The names.
        choices: Those that there are.
        what: What they name, in the message.

    Raises:
        ValueError: One is not; with the nearest, or with all where they are few.
    """
    listed = list(choices)
    for name in given:
        if name not in listed:
            raise ValueError(f"there is no {what} `{name}`; {did_you_mean(name, listed)}")


def spelled_alike(counts: Mapping[str, int], noun: str, one: str) -> list[str]:
    """What is likely one name in two spellings: "`Cat` and `cat` differ only in case: 1 and 8
    samples; did you mean one class?"

    Args:
        counts: Name -> how many have it.
        noun: What is counted, as one.
        one: What the names would be one of.
    """
    spelled: dict[str, list[str]] = {}
    for name in sorted(counts):
        spelled.setdefault(_folded(name), []).append(name)
    several = [names for names in spelled.values() if len(names) > 1]
    told = [
        f"{_listed([f'`{shorten(visible(name), 60)}`' for name in names])} differ only in "
        f"{_differ_in(names)}: {_listed([f'{counts[name]:,}' for name in names])} {noun}s; did you "
        f"mean one {one}?"
        for names in several[:_MOST_NAMES]
    ]
    rest = len(several) - len(told)
    return told + [f"{rest:,} more names differ from others only so"] * (rest > 0)


def _folded(name: str) -> str:
    """A name without its case, blanks, signs that are not seen, and ways to write a letter."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return "".join(one for one in folded if unicodedata.category(one)[0] not in "ZC") or name


def _differ_in(names: Sequence[str]) -> str:
    if len({name.casefold() for name in names}) == 1:
        return "case"
    if len({"".join(name.split()) for name in names}) == 1:
        return "blanks"
    return "case, blanks or how letters are written"


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
