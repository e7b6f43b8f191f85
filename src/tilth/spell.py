"""How numbers are written, the same everywhere: as many digits as are known, and no more.

No number is rounded onto what it is not: 9,996 of 10,000 are not 100 %, 20 of a million not 0 %,
and an interval that leaves out 0 (or 1, of a ratio) leaves it out as it is printed too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

_MOST_DECIMALS = 9
_NOT_AFTER_A_NUMBER = (
    *("a", "an", "the", "its", "it", "there", "whether"),
    *("text", "subtitles", "background", "front", "metadata"),
)


def decimals_of(half: float, digits: int = 2, least: int = 0, most: int = _MOST_DECIMALS) -> int:
    """Decimals that give half an interval's width so many significant digits.

    Args:
        half: Half the width; 0 or not finite: `least`.
        digits: Significant digits.
        least, most: Bounds of the answer.
    """
    if not (math.isfinite(half) and half > 0):
        return least
    return min(max(digits - 1 - math.floor(math.log10(half)), least), most)


def decimals_apart(
    numbers: Iterable[float], decimals: int, bounds: Sequence[float] = (0.0,)
) -> int:
    """Decimals, as many more as keep every number on its side of every bound.

    Args:
        numbers: Those that are printed.
        decimals: So many at least.
        bounds: What no number may be rounded onto: 0 of a difference, 1 of a ratio, a threshold.
    """
    # What no number of decimals tells apart asks for none.
    pairs = [
        (number, bound)
        for number in numbers
        for bound in bounds
        if math.isfinite(number) and not is_on(number, bound, _MOST_DECIMALS)
    ]
    while decimals < _MOST_DECIMALS and any(is_on(*pair, decimals) for pair in pairs):
        decimals += 1
    return decimals


def is_on(number: float, bound: float, decimals: int) -> bool:
    """Whether a number is printed as a bound is that it is not."""
    return number != bound and round(number, decimals) == round(bound, decimals)


def fixed(value: float, decimals: int, sign: str = "-") -> str:
    """A number with so many decimals and thousands separated; a rounded -0.00 has no sign.

    Args:
        value: Finite.
        decimals: So many.
        sign: `+` to write the sign of what is above 0 too.
    """
    text = f"{value:{sign},.{decimals}f}"
    return text if text.strip("-+0.,") else text.lstrip("-+")


def percent(part: float, whole: float = 1.0, decimals: int = 1) -> str:
    """A share in percent: `12.3%`; `<0.1%` and `>99.9%` for what is not 0 and not all.

    Args:
        part: Of the whole, not negative.
        whole: Above 0.
        decimals: At most so many; fewer where the share is 0 or all.
    """
    share = 100 * (part / whole)
    step = 10.0**-decimals
    if part == 0 or part == whole:
        return f"{share:.0f}%"
    if 0 < share < step:
        return f"<{step:.{decimals}f}%"
    if 100 - step < share < 100:
        return f">{100 - step:.{decimals}f}%"
    return f"{share:.{decimals}f}%"


def distinct(value: float, bounds: Sequence[float], digits: int = 4) -> str:
    """The shortest spelling of a value that is not also that of a bound: what decided a rule.

    Args:
        value: What was measured.
        bounds: What it was compared with.
        digits: Significant digits that are tried first.
    """
    for precision in range(digits, 17):
        text = f"{value:.{precision}g}"
        if all(_side(float(text), bound) == _side(value, bound) for bound in bounds):
            return text
    return repr(value)


def _side(value: float, bound: float) -> int:
    return (value > bound) - (value < bound)


def plural(number: int, noun: str) -> str:
    """`1 step`, `5 steps`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def counted(number: int, reason: str) -> str:
    """A reason with how often it is one: `5 of an unknown type`, `1: a row without an answer`."""
    begins = reason.partition(" ")[0].rstrip(":")
    return f"{number:,}{':' if begins in _NOT_AFTER_A_NUMBER else ''} {reason}"
