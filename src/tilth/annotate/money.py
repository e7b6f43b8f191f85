"""What answers cost, in decimal digits: a sum of prices is exact."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal


def cost_of(price: str, currency: str, num: int) -> str:
    """So many answers at a price, as `12.50 EUR`; empty where there is none."""
    return total([(price, currency, num)])


def total(parts: Iterable[tuple[str, str, int]]) -> str:
    """The sum of prices times numbers, a currency each: `12.50 EUR + 3.00 USD`."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for price, currency, num in parts:
        if price:
            sums[currency] += Decimal(price) * num
    return " + ".join(f"{_spelt(value)} {currency}" for currency, value in sorted(sums.items()))


def _spelt(value: Decimal) -> str:
    """With two digits behind the point, or as many as it takes."""
    plain = value.normalize()
    digits = max(2, -int(plain.as_tuple().exponent))
    return f"{plain:.{digits}f}"
