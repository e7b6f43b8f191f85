"""The names of the splits of a data set, said once."""

from __future__ import annotations

from typing import Literal, get_args

SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = get_args(SplitName)
