"""The section on transfer: the efficiency curve, and what pretraining was worth in data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from tilth.report.charts import Arrow, Series, line_chart
from tilth.report.effects import SYMBOLS
from tilth.report.evidence import (
    INTERVAL,
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
from tilth.report.steps import as_dict, as_list, as_text
from tilth.report.text import ABSENT, count, decimals_for, duration, finite, fixed, number, plural
from tilth.transfer.headline import unit_of_difference

MAX_METHODS = 5


def _style(method: str, position: int) -> int:
    """The same look for the same method in every report."""
    known = (("scratch", 0), ("probe", 1), ("frozen", 1), ("fine", 2), ("lora", 3), ("svm", 4))
    return next((style for word, style in known if word in method.lower()), 3 + position % 2)


def transfer(part: Mapping[str, Any]) -> Evidence:
    """The efficiency curve of each method, and what pretraining was worth."""
    points = [as_dict(point) for point in as_list(part.get("points"))]
    summary = [as_dict(row) for row in as_list(part.get("summary"))]
    methods = list(
        dict.fromkeys(as_text(r.get("method")) for r in [*summary, *points] if r.get("method"))
    )
    seeds = {str(point.get("seed")) for point in points if point.get("seed") is not None}
    chart = _transfer_chart(part, methods, points, summary, len(seeds))
    multiplier = as_dict(part.get("multiplier"))
    at = finite(multiplier.get("size"))
    each = " a class" if part.get("sizes_per_class") else ""
    where = f" at {count(at)} samples{each}" if at else ""
    facts = [
        ("data multiplier" + where, as_text(multiplier.get("text"), 300)),
        ("seeds", str(len(seeds)) if seeds else ""),
        ("cost", duration(part.get("cost_s")) if part.get("cost_s") else ""),
    ]
    tables = []
    board = _leaderboard(part, methods, summary)
    if board.rows:
        tables.append((f"Leaderboard: {unit_of(part)}; best first at the largest size", board))
    effects = [as_dict(effect) for effect in as_list(part.get("effects"))]
    if effects:
        unit = unit_of_difference(as_text(part.get("unit")))
        title = f"Gain over from-scratch{f' in {unit}' if unit else ''}, paired by seed, positive "
        title += f"= helps; {INTERVAL}"
        if any(effect.get("adjusted_low") is not None for effect in effects):
            title += "; the verdict is read from the interval corrected for all rows (Holm)"
        tables.append((title, _effects(effects)))
        said = [as_text(effect.get("headline"), MAX_HEADLINE) for effect in effects]
        if any(said):
            tables.append(("The same in words", table(("gain",), [[Cell(text)] for text in said])))
    short = [as_dict(row) for row in as_list(part.get("last_tenth"))]
    if short:
        unit = unit_of_difference(as_text(part.get("unit")))
        title = "Whether from-scratch had enough steps: what the last tenth of them gained"
        tables.append((title + (f" ({unit})" if unit else ""), _last_tenth(short)))
    readings = [as_dict(row) for row in as_list(part.get("multipliers"))]
    if readings:
        tables.append(("The data multiplier at each size", _multipliers(readings)))
    what = as_dict(part.get("what"))
    if what:
        rows = [[Cell(humane(str(k))), Cell(as_text(v, 300))] for k, v in what.items()]
        tables.append(("What was compared", table(("method", "what it is"), rows)))
    warnings = list(warnings_of(part))
    if len(methods) > MAX_METHODS:
        warnings.append(f"{MAX_METHODS} of {len(methods)} methods drawn; all are in report.json")
    return Evidence(
        as_text(part.get("headline"), MAX_HEADLINE),
        tuple((key, value) for key, value in facts if value),
        (chart,) if chart else (),
        tuple(tables),
        tuple(warnings),
    )


def _transfer_chart(
    part: Mapping[str, Any],
    methods: Sequence[str],
    points: Sequence[Mapping[str, Any]],
    summary: Sequence[Mapping[str, Any]],
    num_seeds: int,
) -> Chart | None:
    series = []
    for position, method in enumerate(methods[:MAX_METHODS]):
        dots = _pairs([p for p in points if p.get("method") == method], "value")
        mine = [row for row in summary if row.get("method") == method]
        means = _pairs(mine, "mean")
        if not means and dots:
            sizes = sorted({x for x, _ in dots})
            means = [(x, _mean([y for at, y in dots if at == x])) for x in sizes]
        band = [
            (size, low, high)
            for row in mine
            if (size := finite(row.get("size"))) is not None
            and (low := finite(row.get("low"))) is not None
            and (high := finite(row.get("high"))) is not None
        ]
        if means:
            series.append(
                Series(
                    humane(method),
                    tuple(means),
                    tuple(sorted(band)),
                    tuple(dots),
                    _style(method, position),
                    marks=True,
                )
            )
    if not series:
        return None
    arrow = _arrow(series, as_dict(part.get("multiplier")))
    caption = "Mean of each method over the size of the target's training set"
    if any(s.band for s in series):
        caption += f"; band: {INTERVAL}"
    if num_seeds:
        caption += f"; small dots: the single fits of {plural(num_seeds, 'seed')}"
    caption += "."
    if arrow:
        caption += (
            " The arrow is the data multiplier: from scratch needs so much more to be as good."
        )
    description = ". ".join(
        f"{s.name}: from {number(s.points[0][1], 4)} at {number(s.points[0][0])} to "
        f"{number(s.points[-1][1], 4)} at {number(s.points[-1][0])}"
        for s in series
    )
    decimals = decimals_for(*((high - low) / 2 for s in series for _, low, high in s.band))
    rows = [
        [Cell(humane(as_text(r.get("method")))), Cell(count(r.get("size")), True)]
        + [Cell(fixed(r.get(field), decimals), True) for field in ("mean", "low", "high")]
        + [Cell(count(r.get("n")), True)]
        for r in summary
    ]
    return draw(
        line_chart,
        series,
        key="transfer",
        title="Transfer curve",
        caption=caption,
        description=description,
        x_label="training samples of the target task"
        + (" a class" if part.get("sizes_per_class") else "")
        + " (log scale)",
        y_label=unit_of(part),
        log_x=True,
        arrow=arrow,
        rows=table(("method", "size", "mean", "low", "high", "seeds"), rows),
    )


def _leaderboard(
    part: Mapping[str, Any], methods: Sequence[str], summary: Sequence[Mapping[str, Any]]
) -> Table:
    """A row a method, a column a size, each the mean over seeds and what it is worth; ● is best."""
    sizes = sorted({size for row in summary if (size := finite(row.get("size"))) is not None})
    means = {
        (as_text(row.get("method")), size): mean
        for row in summary
        if (size := finite(row.get("size"))) is not None
        and (mean := finite(row.get("mean"))) is not None
    }
    sign = -1.0 if part.get("lower_is_better") else 1.0
    best = {
        size: max(sign * mean for (_, at), mean in means.items() if at == size)
        for size in sizes
        if any(at == size for _, at in means)
    }
    costs: dict[str, float] = {}
    for row in [as_dict(one) for one in as_list(part.get("figures"))]:
        name = as_text(row.get("method"))
        costs[name] = max(costs.get(name, 0.0), finite(row.get("cpu_seconds")) or 0.0)

    def standing(method: str) -> tuple[float, ...]:
        # A method that was not measured at a size stands behind all that were.
        return tuple(-sign * means.get((method, size), -sign * 1e300) for size in reversed(sizes))

    rows = []
    for method in sorted(methods, key=standing):
        cells = [Cell(humane(method))]
        for size in sizes:
            mean = means.get((method, size))
            mark = " ●" if mean is not None and sign * mean == best.get(size) else ""
            cells.append(Cell(number(mean, 4) + mark, mean is not None))
        if costs:
            cells.append(Cell(duration(costs.get(method)), True))
        rows.append(cells)
    unit = " a class" if part.get("sizes_per_class") else ""
    columns = ["method", *(f"{count(size)}{unit}" for size in sizes)]
    return table([*columns, "processor time"] if costs else columns, rows)


def _pairs(rows: Sequence[Mapping[str, Any]], field: str) -> list[tuple[float, float]]:
    return sorted(
        (x, y)
        for row in rows
        if (x := finite(row.get("size"))) is not None and (y := finite(row.get(field))) is not None
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _arrow(series: Sequence[Series], multiplier: Mapping[str, Any]) -> Arrow | None:
    """From the pretrained curve to where the from-scratch curve gets as far.

    Drawn at the size it was read at; where that is not given, where its end lies nearest to the
    measured from-scratch curve.
    """
    value = finite(multiplier.get("value"))
    text = as_text(multiplier.get("text"), 34) or (f"{number(value)}x" if value else "")
    scratch = next((s for s in series if s.style == 0), None)
    carried = next((s for s in series if s.style == 2), None) or next(
        (s for s in series if s.style != 0), None
    )
    if not value or value <= 0 or scratch is None or carried is None:
        return None
    known = [(x, y) for x, y in scratch.points if y is not None]
    best: tuple[float, Arrow] | None = None
    at = finite(multiplier.get("size"))
    for x, y in carried.points:
        end = x * value
        if at is not None and x != at:
            continue
        if y is None or not known or not known[0][0] <= end <= known[-1][0]:
            continue
        gap = abs(_interpolate(known, end) - y)
        if best is None or gap < best[0]:
            best = gap, Arrow(x, end, y, text)
    return best[1] if best else None


def _interpolate(points: Sequence[tuple[float, float]], x: float) -> float:
    for (x1, y1), (x2, y2) in pairwise(points):
        if x1 <= x <= x2:
            return y1 + (y2 - y1) * ((x - x1) / (x2 - x1) if x2 > x1 else 0)
    return points[-1][1]


def _effects(effects: Sequence[Mapping[str, Any]]) -> Table:
    decimals = decimals_for(*half_widths(effects))
    rows = []
    for effect in effects:
        verdict = as_text(effect.get("verdict"))
        wins = f"{count(effect.get('wins'))} of {count(effect.get('n'))}"
        rows.append(
            [
                Cell(humane(as_text(effect.get("method")) or "pretrained")),
                Cell(count(effect.get("size")), True),
                Cell(f"{SYMBOLS.get(verdict, '')} {verdict}".strip() or ABSENT),
                Cell(interval_text(effect, "low", "high", decimals), True),
                Cell(interval_text(effect, "adjusted_low", "adjusted_high", decimals), True),
                Cell(_over_both(effect, decimals), True),
                Cell(p_text(effect.get("adjusted_p", effect.get("p"))), True),
                Cell(wins if finite(effect.get("wins")) is not None else ABSENT, True),
            ]
        )
    corrected = any(effect.get("adjusted_p") is not None for effect in effects)
    return table(
        ("method", "samples", "verdict", "gain [95 %]", "corrected [95 %]",
         "over test sets too, corrected", "p (Holm)" if corrected else "p", "wins"),
        rows,
    )  # fmt: skip


def _over_both(effect: Mapping[str, Any], decimals: int) -> str:
    """The corrected interval over seeds and test sets; a dash where it was not measured."""
    bounds = as_list(effect.get("adjusted_combined_interval"))
    if len(bounds) != 2:
        return ABSENT
    row = {"mean": effect.get("mean"), "low": bounds[0], "high": bounds[1]}
    return interval_text(row, "low", "high", decimals)


def _last_tenth(rows: Sequence[Mapping[str, Any]]) -> Table:
    """From-scratch at each size: the gain of its last steps, and what follows from it."""
    cells = [
        [
            Cell(count(row.get("size")), True),
            Cell(number(row.get("gain"), 2), True),
            Cell("cut short" if row.get("cut_short") else "a fair opponent"),
        ]
        for row in rows
    ]
    return table(("samples", "gained", "from-scratch was"), cells)


def _multipliers(rows: Sequence[Mapping[str, Any]]) -> Table:
    """What the carried-over model was worth at each size."""
    cells = [
        [Cell(count(row.get("size")), True), Cell(as_text(row.get("text"), 200) or ABSENT)]
        for row in rows
    ]
    return table(("samples", "worth so many times the data"), cells)
