"""A split by position: the first 90 % of a source are training data, the rest is for validation.

So are data sets published whose order is part of their split. For a split that does not depend on
the order, see `hold_out`.
"""

from __future__ import annotations

from pydantic import Field, model_validator

from tilth.settings import BaseSettings
from tilth.splits import SplitName


class Shares(BaseSettings):
    """Consecutive parts of a source, in the order train, validation, test; together 1."""

    train: float = Field(0.0, description="share that comes first", ge=0, le=1)
    validation: float = Field(0.0, description="share that comes next", ge=0, le=1)
    test: float = Field(0.0, description="share that comes last", ge=0, le=1)

    @model_validator(mode="after")
    def _sum_to_one(self) -> Shares:
        if abs(self.train + self.validation + self.test - 1) > 1e-9:
            raise ValueError("the shares of `split` must sum to 1")
        return self

    def bounds(self, total: int) -> list[tuple[SplitName, int, int]]:
        """Each split's part [start, end) of `total` units; a part without a unit is left out.

        A bound is the whole number below share x total, as in nanoGPT's `data[: int(n * 0.9)]`.
        """
        reached = (self.train, self.train + self.validation)
        first, second = (min(int(share * total + 1e-6), total) for share in reached)
        parts: list[tuple[SplitName, int, int]] = [
            ("train", 0, first),
            ("validation", first, second),
            ("test", second, total),
        ]
        return [part for part in parts if part[1] < part[2]]

    def at(self, place: int, total: int) -> SplitName:
        """The split of one of `total` units."""
        return next(name for name, start, end in self.bounds(total) if start <= place < end)
