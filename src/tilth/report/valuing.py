"""The section on value: what each data decision was worth, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tilth.report.effects import SYMBOLS, Effect, Slope, forest_plot, slope_plot, verdict_class
from tilth.report.evidence import (
    MAX_HEADLINE,
    Evidence,
    draw,
    half_widths,
    interval_text,
    p_text,
    unit_of,
    warnings_of,
)
from tilth.report.figures import Cell, Chart, Table, humane, table
from tilth.report.steps import as_text
from tilth.report.text import ABSENT, count, decimals_for, duration, fixed, number, plural
from tilth.spell import decimals_apart
from tilth.statistics.found import CHANCE, FEWEST_SEEDS
from tilth.transfer.headline import unit_of_difference
from tilth.value.result import ArmResult, Control, ValueResult

MAX_ARMS = 24
Titled = tuple[str, ArmResult]


@dataclass(frozen=True)
class Verdict:
    """One arm's answer, for the strip at the head of the page and for the cards.

    Attributes:
        verdict: One of the four.
        symbol: Its sign.
        css: Its name in the style sheet.
        sentence: What it is about and what it rests on, as `tilth.transfer.headline` put it.
    """

    verdict: str
    symbol: str
    css: str
    sentence: str


def verdicts(part: ValueResult) -> tuple[Verdict, ...]:
    """The answer on each decision."""
    made = []
    for title, arm in _titled(part)[:MAX_ARMS]:
        sentence = as_text(arm.headline, MAX_HEADLINE) or f"{title}: {arm.verdict}"
        made.append(
            Verdict(arm.verdict, SYMBOLS[arm.verdict], verdict_class(arm.verdict), sentence)
        )
    return tuple(made)


def _titled(part: ValueResult) -> list[Titled]:
    """The arms, each under the title that it is shown under: the decision it is about.

    An arm `no-rules` that did worse says that the rules help; under its own name the verdict would
    be read the wrong way round. Where two arms are about one decision, their names tell them apart.
    """
    decisions = [as_text(arm.decision, 80) for arm in part.arms]
    return [
        (f"{d} ({as_text(arm.name, 80)})" if decisions.count(d) > 1 else d, arm)
        for d, arm in zip(decisions, part.arms, strict=True)
    ]


def value(part: ValueResult) -> Evidence:
    """What each data decision was worth: forest plot, slope plot, table."""
    arms = _titled(part)[:MAX_ARMS]
    smallest, seeds = part.smallest_effect, seeds_an_arm(part)
    unit = as_text(part.unit)
    apart = unit_of_difference(unit)
    decimals = decimals_for(*half_widths([arm for _, arm in arms]), smallest)
    facts = [
        ("metric", unit_of(part)),
        ("control", f"{_control(part.control, decimals)} {unit}".strip()),
        ("seeds an arm", seeds),
        ("smallest effect that matters", f"±{smallest:g} {apart}".strip() if smallest else ""),
        ("cost", duration(part.cost_s)),
    ]
    warnings = list(warnings_of(part.warnings))
    if len(part.arms) > len(arms):
        warnings.append(f"{len(arms)} of {len(part.arms)} arms shown; all are in report.json")
    charts = [_forest(part, arms, seeds), _slopes(part, arms)]
    return Evidence(
        "",
        tuple((key, text) for key, text in facts if text not in ("", ABSENT)),
        tuple(chart for chart in charts if chart),
        _arms_tables(arms, decimals, apart, smallest or 0.0) if arms else (),
        tuple(warnings),
    )


def _control(control: Control, decimals: int) -> str:
    """Its mean over seeds, with the interval where it has one."""
    mean, low, high = control.mean, control.low, control.high
    if low is None or high is None:
        return fixed(mean, decimals)
    decimals = decimals_for((high - low) / 2)
    return f"{fixed(mean, decimals)} [{fixed(low, decimals)}, {fixed(high, decimals)}]"


def seeds_an_arm(part: ValueResult) -> str:
    """How many seeds an arm has: `8`, or `2 to 8` where they differ."""
    known = sorted({arm.n for arm in part.arms}) or [len(part.control.values)]
    return " to ".join(dict.fromkeys((count(known[0]), count(known[-1]))))


def _forest(part: ValueResult, arms: Sequence[Titled], seeds: str) -> Chart | None:
    smallest, effects = part.smallest_effect, []
    for title, arm in arms:
        if arm.low is None or arm.high is None or arm.is_unmeasured:
            continue
        least, most = arm.adjusted_low, arm.adjusted_high
        pair = (least, most) if least is not None and most is not None else None
        effects.append(Effect(title, arm.mean, arm.low, arm.high, arm.verdict, pair))
    if not effects:
        return None
    over = f" of {seeds} paired seeds" if seeds else ""
    caption = f"Mean difference{over}, with the decision less without it: positive = helps. "
    caption += "Thick: Student-t 95\u202f% interval"
    if any(effect.adjusted for effect in effects):
        caption += "; thin: the same, corrected for the number of arms (Holm), "
        caption += "from which the verdict is read and which is printed beside it"
    caption += "."
    if smallest:
        caption += " Shaded: differences too small to matter."
    description = "; ".join(f"{e.name}: {e.verdict}" for e in effects)
    decimals = decimals_for(*((e.high - e.low) / 2 for e in effects))
    ends = [end for e in effects for end in e.deciding]
    decimals = decimals_apart(ends, decimals, (0.0, smallest or 0.0, -(smallest or 0.0)))
    rows = [
        [Cell(e.name)] + [Cell(told, True) for told in e.told(decimals)] + [Cell(e.verdict)]
        for e in effects
    ]
    unit = unit_of_difference(as_text(part.unit))
    corrected = " (corrected)" if any(e.adjusted for e in effects) else ""
    return draw(
        forest_plot,
        effects,
        smallest=smallest,
        key="forest",
        title="What each decision was worth",
        caption=caption,
        description=description,
        x_label=f"improvement of {humane(part.metric)}" + (f" ({unit})" if unit else ""),
        rows=table(("decision", "mean", f"low{corrected}", f"high{corrected}", "verdict"), rows),
    )


def _slopes(part: ValueResult, arms: Sequence[Titled]) -> Chart | None:
    toward = -1.0 if part.lower_is_better else 1.0
    slopes, rows = [], []
    for title, arm in arms[:8]:
        found = _pairs_of(arm, part.control.values, toward)
        if not found:
            continue
        better = tuple(None if not gain else gain > 0 for *_, gain in found)
        pairs = tuple((before, after) for before, after, _ in found)
        slopes.append(Slope(title, pairs, better))
        rows += [
            [Cell(title), Cell(str(at + 1)), *(Cell(number(v, 4), True) for v in pair)]
            for at, pair in enumerate(pairs)
        ]
    if not slopes:
        return None
    caption = (
        "A line a seed, from without the decision to with it. "
        "Solid: better with it; dashed: worse; dotted: a tie."
    )
    if len(slopes) < len(arms):
        caption += f" {len(slopes)} of {len(arms)} arms shown."
    return draw(
        slope_plot,
        slopes,
        key="slopes",
        title="Seed by seed",
        caption=caption,
        description="; ".join(
            f"{s.name}: better in {sum(b is True for b in s.better)} of {len(s.pairs)} seeds"
            for s in slopes
        ),
        y_label=unit_of(part),
        rows=table(("decision", "seed no.", "without", "with"), rows),
    )


def _pairs_of(
    arm: ArmResult, base: Sequence[float], toward: float
) -> list[tuple[float, float, float]]:
    """(without, with, gain) of each seed; none where the numbers contradict each other."""
    inverted = arm.contrast == "control - arm"
    found = []
    for control, gain in zip(base, arm.differences, strict=False):
        change = toward * gain
        pair = (control - change, control) if inverted else (control, control + change)
        found.append((*pair, gain))
    for value, (without, having, _) in zip(arm.values, found, strict=False):
        expected = without if inverted else having
        if abs(value - expected) > 1e-6 * max(abs(expected), 1.0):
            return []
    return found


Tables = tuple[tuple[str, Table], ...]


def _arms_tables(arms: Sequence[Titled], decimals: int, unit: str, smallest: float) -> Tables:
    effects, changes, sure, worth = [], [], [], []
    for name, arm in arms:
        title = Cell(name)
        seeds = Cell(interval_text(arm.mean, (arm.low, arm.high), decimals, smallest), True)
        measured = [
            seeds,
            Cell(interval_text(arm.mean, arm.adjusted, decimals, smallest), True),
            Cell(p_text(arm.p if arm.adjusted_p is None else arm.adjusted_p), True),
            Cell(f"{count(arm.wins)} of {count(arm.n)}", True),
        ]
        if arm.is_unmeasured:
            measured = [Cell("not measured")] * 4
        effects.append([title, Cell(f"{SYMBOLS[arm.verdict]} {arm.verdict}"), *measured])
        changes.append(
            [
                Cell(as_text(arm.name, 80)),
                Cell(as_text(arm.what, 300) or ABSENT),
                Cell(count(arm.unique_examples), True),
                Cell(number(arm.epochs) + (" (above 4)" if arm.epochs > 4 else ""), True),
                Cell(_to_settle(arm)),
            ]
        )
        if arm.combined_interval is not None and not arm.is_unmeasured:
            further = (arm.test_set_interval, arm.combined_interval, arm.adjusted_combined_interval)
            bounds = (
                Cell(interval_text(arm.mean, ends, decimals, smallest), True) for ends in further
            )
            sure.append([title, seeds, *bounds])
        for kind, read in (("data", arm.data_multiplier), ("compute", arm.compute_multiplier)):
            if read is not None:
                # Of the arm, and not of the decision: an arm without rules that is worth 0.5x the
                # data says that the rules help.
                cells = (as_text(arm.name, 80), kind, as_text(read.text, 200))
                worth.append([Cell(text) for text in cells])
    corrected = any(arm.adjusted_p is not None for _, arm in arms)
    in_unit = f" ({unit})" if unit else ""
    tables = (
        (
            f"The effects in numbers{in_unit}; the verdict is read from the corrected interval",
            ("decision", "verdict", "effect [95 %]", "corrected [95 %]",
             "p (Holm)" if corrected else "p", "wins"),
            effects,
        ),
        (
            "What each arm was, and what would settle it",
            ("arm", "what was changed", "unique examples", "epochs", "more to decide it"),
            changes,
        ),
        (
            f"How sure: 95 % intervals{in_unit} over seeds, over test sets, over both",
            ("decision", "over seeds", "over test sets", "over both", "over both, corrected"),
            sure,
        ),
        (
            "How much of the control's data or steps an arm's result is worth: below 1 less than "
            "all of it",
            ("arm", "in", "worth"),
            worth,
        ),
    )  # fmt: skip
    return tuple((title, table(columns, rows)) for title, columns, rows in tables if rows)


def _to_settle(arm: ArmResult) -> str:
    """How many more seeds, at what cost, would decide an undecided arm."""
    if not arm.more_seeds:
        if arm.verdict != "undecided":
            return ABSENT
        few = arm.n < FEWEST_SEEDS
        return f"{FEWEST_SEEDS} seeds would tell" if few else "no number of seeds in reach"
    after = "" if arm.more_cost_s is None else f", {duration(arm.more_cost_s)}"
    return f"{plural(arm.more_seeds, 'seed')} (probability {CHANCE:g}){after}"
