"""Numbers and foreign text as the page prints them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tilth.spell import decimals_apart

MINUS = "\u2212"
ABSENT = "\u2013"
# Narrow and without a line break: the number stays with its percent sign.
NARROW_SPACE = "\u202f"


def finite(value: Any) -> float | None:
    """The value as a finite float, or None for whatever is not one (text, None, NaN, inf, bool)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # an integer beyond 1.8e308
        return None


def count(value: Any) -> str:
    """A whole number with thousands separated: 12,345."""
    number = finite(value)
    return ABSENT if number is None else f"{round(number):,}".replace("-", MINUS)


def number(value: Any, digits: int = 3, bounds: Sequence[float] = ()) -> str:
    """A measured number to `digits` significant digits, without exponent between 1e-5 and 1e9.

    Args:
        value: A dash for what is no finite number.
        digits: More where it would be rounded onto a bound.
        bounds: What it is not to be rounded onto: the ends of what it can be.
    """
    given = finite(value)
    if given is None:
        return ABSENT
    if given == 0 or (float(given).is_integer() and abs(given) < 1e9):
        return count(given)
    size = math.floor(math.log10(abs(given)))
    if not -5 <= size < 9:
        return f"{given:.{digits - 1}e}".replace("-", MINUS)
    return fixed(given, decimals_apart((given,), max(digits - 1 - size, 0), bounds))


def fixed(value: Any, decimals: int) -> str:
    """A number with so many decimals, with a true minus sign and thousands separated."""
    given = finite(value)
    if given is None:
        return ABSENT
    text = f"{given:,.{decimals}f}"
    # A rounded -0.00 has no sign to speak of.
    if not text.strip("-0.,"):
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def signed(value: Any, decimals: int) -> str:
    """As `fixed`, with a plus sign before what is above zero."""
    text = fixed(value, decimals)
    return text if text.startswith(MINUS) or text == ABSENT or not text.strip("0.,") else f"+{text}"


def ends_of(unit: str) -> tuple[float, ...]:
    """The ends of what a figure in this unit can be, which no number is rounded onto."""
    return (0.0, 100.0) if unit == "%" else (0.0,)


def decimals_for(*values: Any, digits: int = 2) -> int:
    """Decimals that give the widest `digits` significant digits and the narrowest one.

    Args:
        values: Widths that are shown together (half intervals); None and 0 are ignored.
        digits: Significant digits of the widest.
    """
    sizes = [abs(given) for value in values if (given := finite(value))]
    if not sizes:
        return 2
    needed = (digits - 1 - math.floor(math.log10(max(sizes))), -math.floor(math.log10(min(sizes))))
    return min(max(*needed, 0), 6)


def percent(part: Any, whole: Any = 1) -> str:
    """A share in percent, never rounded to 0 or 100 when it is not."""
    above, below = finite(part), finite(whole)
    if above is None or not below:
        return ABSENT
    share = finite(100 * (above / below))
    if share is None:
        return ABSENT
    if 0 < share < 0.1:
        return f"<0.1{NARROW_SPACE}%"
    if 99.9 < share < 100:
        return f">99.9{NARROW_SPACE}%"
    whole_number = share >= 99.95 or share == 0
    return f"{share:.{0 if whole_number else 1}f}{NARROW_SPACE}%".replace("-", MINUS)


def duration(seconds: Any) -> str:
    """Seconds as people say them: 0.4 s, 1 min 12 s, 2 h 5 min."""
    given = finite(seconds)
    if given is None:
        return ABSENT
    if given < 10:
        return f"{given:.1f} s" if given >= 0.05 or given == 0 else "<0.1 s"
    whole = round(given)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def plural(amount: Any, noun: str) -> str:
    """`1 seed`, `8 seeds`, `2 batches`, `3 copies`."""
    if amount == 1:
        return f"1 {noun}"
    if noun.endswith(("s", "x", "ch", "sh")):
        return f"{count(amount)} {noun}es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{count(amount)} {noun[:-1]}ies"
    return f"{count(amount)} {noun}s"
