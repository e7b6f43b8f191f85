"""A held-out figure as it is quoted everywhere: value, interval, unit, and on how many of what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tilth.pretrain.result import Intervals, PretrainResult
from tilth.spell import decimals_apart, decimals_of, distinct, fixed, plural
from tilth.statistics.found import Bounds
from tilth.tasks.registry import metrics

# No result is rounded onto all or nothing, whatever its unit.
_ENDS = (0.0, 100.0)


class Quoted(NamedTuple):
    """The figures to quote of a result: of several trainings their means."""

    figures: Mapping[str, float | str]
    split: str
    intervals: Intervals


def quoted(result: PretrainResult) -> Quoted:
    """The figures to quote: the means of several trainings, else those of the test split.

    Of the validation split where nothing was tested.
    """
    if result.mean is not None:
        return Quoted(result.mean.figures, result.mean.split, result.mean.intervals)
    split = "test" if result.test else "validation"
    return Quoted(result.of(split), split, result.bounds(split))


def sentence(result: PretrainResult) -> str:
    """The primary metric on test: `accuracy 91.1 [90.5, 91.6] % on test, 10,000 images`.

    Of several trainings their mean, of whichever split it is. Where nothing was held out, or the
    test split was not measured, it says so; it is empty where only validation was.
    """
    name = result.metric
    figures, split, bounds = quoted(result)
    several = ""
    if result.mean is None:
        figures, split, bounds = result.test, "test", result.bounds()
    else:
        several = result.averaged
    value = figures.get(name)
    known = metrics().get(name)
    called = known.words if known else name.replace("_", " ")
    if not isinstance(value, float):
        if result.samples.get("test"):
            return f"{called} on test is not measured: the notes of the report say why"
        return (
            "" if figures or result.validation else f"{called} is not measured: nothing is held out"
        )
    measured = f"{quote(value, bounds.get(name))} {result.unit}".rstrip()
    rest = [f"{called} {measured} on {split}", several, basis(bounds.get(name))]
    return ", ".join(part for part in rest if part)


def quote(value: float, bounds: Bounds | None) -> str:
    """`2.26 [2.21, 2.31]`; with no interval `2.262`; nearly 0 or 100 is not shown as that."""
    if bounds is None or bounds.low is None or bounds.high is None:
        return distinct(value, _ENDS)
    # Two digits of the interval's width say all that is known; a tenth is always told.
    low, high = bounds.low, bounds.high
    width = high - low
    decimals = decimals_of(width, least=1, most=6) if width > 0 else 2
    decimals = decimals_apart((value, low, high), decimals, _ENDS)
    return f"{fixed(value, decimals)} [{fixed(low, decimals)}, {fixed(high, decimals)}]"


def basis(bounds: Bounds | None) -> str:
    """What a figure rests on: `312 documents`, `60 utterances of 6 groups`; empty if not known."""
    if bounds is None:
        return ""
    text = f"{bounds.n:,} {bounds.item}{'' if bounds.n == 1 else 's'}"
    text += f" of {plural(bounds.groups, 'group')}" if bounds.groups else ""
    return text if bounds.low is not None else f"{text}: no interval"


def basis_of(bounds: Intervals) -> str:
    """What the figures of one split rest on, which is the same for all."""
    return next((basis(one) for one in bounds.values()), "")
