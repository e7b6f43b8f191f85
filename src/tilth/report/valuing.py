"""The section on value: what each data decision was worth, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tilth.report.effects import SYMBOLS, Effect, Slope, forest_plot, slope_plot, verdict_class
from tilth.report.evidence import (
    MAX_HEADLINE,
    Evidence,
    draw,
    half_widths,
    interval_text,
    measured,
    p_text,
    unit_of,
    warnings_of,
)
from tilth.report.figures import Cell, Chart, Table, humane, table
from tilth.report.steps import as_dict, as_list, as_text
from tilth.report.text import ABSENT, count, decimals_for, duration, finite, number, plural, signed
from tilth.transfer.headline import unit_of_difference

MAX_ARMS = 24


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


def verdicts(part: Mapping[str, Any]) -> list[Verdict]:
    """The answer on each decision."""
    made = []
    for arm in _arms(part)[:MAX_ARMS]:
        word = as_text(arm.get("verdict")) or "undecided"
        sentence = as_text(arm.get("headline"), MAX_HEADLINE) or f"{arm['title']}: {word}"
        made.append(Verdict(word, SYMBOLS.get(word, "?"), verdict_class(word), sentence))
    return made


def _arms(part: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The arms, each with the `title` it is shown under: the decision that its verdict is about.

    An arm `no-rules` that did worse says that the rules help; under its own name the verdict would
    be read the wrong way round. Where two arms are about one decision, their names tell them apart.
    """
    arms = [dict(as_dict(arm)) for arm in as_list(part.get("arms"))]
    decisions = [as_text(arm.get("decision") or arm.get("name"), 80) for arm in arms]
    for arm, decision in zip(arms, decisions, strict=True):
        name = as_text(arm.get("name"), 80)
        arm["title"] = f"{decision} ({name})" if decisions.count(decision) > 1 else decision
    return arms


def value(part: Mapping[str, Any]) -> Evidence:
    """What each data decision was worth: forest plot, slope plot, table."""
    given = _arms(part)
    arms = given[:MAX_ARMS]
    control = as_dict(part.get("control"))
    smallest, seeds = finite(part.get("smallest_effect")), _seeds(part, arms)
    unit = as_text(part.get("unit"))
    apart = unit_of_difference(unit)
    decimals = decimals_for(*half_widths(arms), smallest)
    facts = [
        ("metric", unit_of(part)),
        ("control", measured(control.get("mean"), unit, decimals) if control else ""),
        ("seeds an arm", seeds),
        ("smallest effect that matters", f"±{smallest:g} {apart}".strip() if smallest else ""),
        ("cost", duration(part.get("cost_s"))),
    ]
    warnings = list(warnings_of(part))
    if len(given) > len(arms):
        warnings.append(f"{len(arms)} of {len(given)} arms shown; all are in report.json")
    charts = [_forest(part, arms, smallest, seeds), _slopes(part, arms, control)]
    return Evidence(
        "",
        tuple((key, text) for key, text in facts if text not in ("", ABSENT)),
        tuple(chart for chart in charts if chart),
        _arms_tables(arms, decimals, apart) if arms else (),
        tuple(warnings),
    )


def _seeds(part: Mapping[str, Any], arms: Sequence[Mapping[str, Any]]) -> str:
    """How many seeds an arm has: `8`, or `2 to 8` where they differ."""
    known = sorted({n for arm in arms if (n := finite(arm.get("n")))})
    if not known:
        given = part.get("seeds")
        total = len(given) if isinstance(given, list | tuple) else finite(given)
        return count(total) if total else ""
    return " to ".join(dict.fromkeys((count(known[0]), count(known[-1]))))


def _forest(
    part: Mapping[str, Any],
    arms: Sequence[Mapping[str, Any]],
    smallest: float | None,
    seeds: str,
) -> Chart | None:
    effects = []
    for arm in arms:
        mean, low, high = (finite(arm.get(field)) for field in ("mean", "low", "high"))
        if mean is None or low is None or high is None:
            continue
        least, most = finite(arm.get("adjusted_low")), finite(arm.get("adjusted_high"))
        pair = (least, most) if least is not None and most is not None else None
        word = as_text(arm.get("verdict"))
        effects.append(Effect(arm["title"], mean, low, high, word, pair))
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
    rows = [
        [Cell(e.name)]
        + [Cell(signed(v, decimals), True) for v in (e.mean, *e.deciding)]
        + [Cell(e.verdict)]
        for e in effects
    ]
    unit = unit_of_difference(as_text(part.get("unit")))
    corrected = " (corrected)" if any(e.adjusted for e in effects) else ""
    return draw(
        forest_plot,
        effects,
        smallest=smallest,
        key="forest",
        title="What each decision was worth",
        caption=caption,
        description=description,
        x_label=f"improvement of {humane(as_text(part.get('metric')) or 'the metric')}"
        + (f" ({unit})" if unit else ""),
        rows=table(("decision", "mean", f"low{corrected}", f"high{corrected}", "verdict"), rows),
    )


def _slopes(
    part: Mapping[str, Any], arms: Sequence[Mapping[str, Any]], control: Mapping[str, Any]
) -> Chart | None:
    base = [finite(item) for item in as_list(control.get("values"))]
    toward = -1.0 if part.get("lower_is_better") else 1.0
    slopes, rows = [], []
    for arm in arms[:8]:
        found = _pairs_of(arm, base, toward)
        if not found:
            continue
        better = tuple(None if not gain else gain > 0 for *_, gain in found)
        pairs = tuple((before, after) for before, after, _ in found)
        slopes.append(Slope(arm["title"], pairs, better))
        rows += [
            [Cell(arm["title"]), Cell(str(at + 1)), *(Cell(number(v, 4), True) for v in pair)]
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
    arm: Mapping[str, Any], base: Sequence[float | None], toward: float
) -> list[tuple[float, float, float]]:
    """(without, with, gain) of each seed; none where the numbers contradict each other."""
    gains = [finite(item) for item in as_list(arm.get("differences"))]
    inverted = arm.get("contrast") == "control - arm"
    found = []
    for control, gain in zip(base, gains, strict=False):
        if control is None or gain is None:
            continue
        change = toward * gain
        pair = (control - change, control) if inverted else (control, control + change)
        found.append((*pair, gain))
    values = [finite(item) for item in as_list(arm.get("values"))]
    for value, (without, having, _) in zip(values, found, strict=False):
        expected = without if inverted else having
        if value is None or abs(value - expected) > 1e-6 * max(abs(expected), 1.0):
            return []
    return found


Tables = tuple[tuple[str, Table], ...]


def _arms_tables(arms: Sequence[Mapping[str, Any]], decimals: int, unit: str) -> Tables:
    effects, changes, sure, worth = [], [], [], []
    for arm in arms:
        title, word = Cell(arm["title"]), as_text(arm.get("verdict"))
        epochs = finite(arm.get("epochs"))
        wins = f"{count(arm.get('wins'))} of {count(arm.get('n'))}"
        seeds = Cell(interval_text(arm, "low", "high", decimals), True)
        effects.append(
            [
                title,
                Cell(f"{SYMBOLS.get(word, '?')} {word}"),
                seeds,
                Cell(interval_text(arm, "adjusted_low", "adjusted_high", decimals), True),
                Cell(p_text(arm.get("adjusted_p", arm.get("p"))), True),
                Cell(wins if finite(arm.get("wins")) is not None else ABSENT, True),
            ]
        )
        changes.append(
            [
                Cell(as_text(arm.get("name"), 80)),
                Cell(as_text(arm.get("what"), 300) or ABSENT),
                Cell(count(arm.get("unique_examples")), True),
                Cell(number(epochs) + (" (above 4)" if epochs and epochs > 4 else ""), True),
                Cell(_to_settle(arm)),
            ]
        )
        if arm.get("combined_interval"):
            kinds = ("test_set", "combined", "adjusted_combined")
            bounds = (_bounds(arm, name, decimals) for name in kinds)
            sure.append([title, seeds, *bounds])
        for kind in ("data", "compute"):
            if read := as_dict(arm.get(f"{kind}_multiplier")):
                worth.append([title, Cell(kind), Cell(as_text(read.get("text"), 200) or ABSENT)])
    corrected = any(arm.get("adjusted_p") is not None for arm in arms)
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
        ("How much of the control's data or steps it is worth", ("decision", "in", "worth"), worth),
    )  # fmt: skip
    return tuple((title, table(columns, rows)) for title, columns, rows in tables if rows)


def _bounds(arm: Mapping[str, Any], name: str, decimals: int) -> Cell:
    low, high = (*as_list(arm.get(f"{name}_interval")), None, None)[:2]
    row = {"mean": arm.get("mean"), "low": low, "high": high}
    return Cell(interval_text(row, "low", "high", decimals), True)


def _to_settle(arm: Mapping[str, Any]) -> str:
    """How many more seeds, at what cost, would decide an undecided arm."""
    seeds = finite(arm.get("more_seeds"))
    if not seeds:
        return "no number of seeds in reach" if arm.get("verdict") == "undecided" else ABSENT
    cost = arm.get("more_cost_s")
    after = f", {duration(cost)}" if finite(cost) is not None else ""
    return plural(round(seeds), "seed") + after
