"""The section on transfer: the efficiency curve, and what pretraining was worth in data."""

from __future__ import annotations

from collections.abc import Sequence

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
from tilth.report.steps import as_text
from tilth.report.text import ABSENT, count, decimals_for, duration, ends_of, fixed, number, plural
from tilth.spell import decimals_apart, decimals_of
from tilth.transfer.headline import unit_of_difference
from tilth.transfer.result import Gain, LastTenth, Mean, Reading, TransferResult

MAX_METHODS = 5


def _style(method: str, position: int) -> int:
    """The same look for the same method in every report."""
    known = (("scratch", 0), ("probe", 1), ("frozen", 1), ("fine", 2), ("lora", 3), ("svm", 4))
    return next((style for word, style in known if word in method.lower()), 3 + position % 2)


def transfer(part: TransferResult) -> Evidence:
    """The efficiency curve of each method, and what pretraining was worth."""
    chart = _transfer_chart(part)
    each = " a class" if part.sizes_per_class else ""
    unit = unit_of_difference(as_text(part.unit))
    facts = [("seeds", str(len(part.seeds))), ("cost", duration(part.cost_s))]
    if part.multiplier is not None:
        where = f" at {count(part.multiplier.size)} samples{each}"
        facts.insert(0, ("data multiplier" + where, as_text(part.multiplier.text, 300)))
    tables = []
    board = _leaderboard(part)
    if board.rows:
        tables.append((f"Leaderboard: {unit_of(part)}; best first at the largest size", board))
    if part.effects:
        title = f"Gain over from-scratch{f' in {unit}' if unit else ''}, paired by seed, positive "
        title += f"= helps; {INTERVAL}"
        if any(effect.adjusted_p is not None for effect in part.effects):
            title += "; the verdict is read from the interval corrected for all rows (Holm)"
        tables.append((title, _effects(part.effects, part.smallest_effect or 0.0, each)))
        said = [as_text(effect.headline, MAX_HEADLINE) for effect in part.effects]
        if any(said):
            tables.append(("The same in words", table(("gain",), [[Cell(text)] for text in said])))
    if part.last_tenth:
        title = "Whether from-scratch had enough steps: what the last tenth of them gained"
        tables.append((title + (f" ({unit})" if unit else ""), _last_tenth(part.last_tenth, each)))
    if part.multipliers:
        tables.append(("The data multiplier at each size", _multipliers(part.multipliers, each)))
    if part.what:
        rows = [[Cell(humane(k)), Cell(as_text(v, 300))] for k, v in part.what.items()]
        tables.append(("What was compared", table(("method", "what it is"), rows)))
    warnings = list(warnings_of(part.warnings))
    if len(part.methods) > MAX_METHODS:
        warnings.append(
            f"{MAX_METHODS} of {len(part.methods)} methods drawn; all are in report.json"
        )
    return Evidence(
        as_text(part.headline, MAX_HEADLINE),
        tuple((key, value) for key, value in facts if value),
        (chart,) if chart else (),
        tuple(tables),
        tuple(warnings),
    )


def _transfer_chart(part: TransferResult) -> Chart | None:
    series = []
    for position, method in enumerate(part.methods[:MAX_METHODS]):
        mine = [row for row in part.summary if row.method == method]
        band = [
            (float(row.size), row.low, row.high)
            for row in mine
            if row.low is not None and row.high is not None
        ]
        if mine:
            series.append(
                Series(
                    humane(method),
                    tuple(sorted((float(row.size), row.mean) for row in mine)),
                    tuple(sorted(band)),
                    tuple(
                        sorted((float(p.size), p.value) for p in part.points if p.method == method)
                    ),
                    _style(method, position),
                    marks=True,
                )
            )
    if not series:
        return None
    arrow = _arrow(series, part.multiplier)
    caption = "Mean of each method over the size of the target's training set"
    if any(s.band for s in series):
        caption += f"; band: {INTERVAL}"
    if part.points:
        caption += f"; small dots: the single fits of {plural(len(part.seeds), 'seed')}"
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
        [Cell(humane(row.method)), Cell(count(row.size), True)]
        + [Cell(text, True) for text in _mean_text(row, decimals, ends_of(part.unit))]
        + [Cell(count(row.n), True)]
        for row in part.summary
    ]
    return draw(
        line_chart,
        series,
        key="transfer",
        title="Transfer curve",
        caption=caption,
        description=description,
        x_label="training samples of the target task"
        + (" a class" if part.sizes_per_class else "")
        + " (log scale)",
        y_label=unit_of(part),
        log_x=True,
        arrow=arrow,
        rows=table(("method", "size", "mean", "low", "high", "seeds"), rows),
    )


def _mean_text(row: Mean, decimals: int, ends: Sequence[float]) -> list[str]:
    """Mean, low and high, none of them rounded onto an end of what they can be."""
    numbers = (row.mean, row.low, row.high)
    known = [number for number in numbers if number is not None]
    return [fixed(number, decimals_apart(known, decimals, ends)) for number in numbers]


def _alone(row: Mean, ends: Sequence[float]) -> str:
    """A mean without its interval beside it, in no more digits than that allows."""
    if row.low is None or row.high is None:
        return number(row.mean, 4, ends)
    return fixed(row.mean, decimals_apart([row.mean], decimals_of((row.high - row.low) / 2), ends))


def _leaderboard(part: TransferResult) -> Table:
    """A row a method, a column a size, each the mean over seeds and what it is worth; ● is best."""
    means = {(row.method, row.size): row.mean for row in part.summary}
    texts = {(row.method, row.size): _alone(row, ends_of(part.unit)) for row in part.summary}
    sizes = sorted({size for _, size in means})
    sign = -1.0 if part.lower_is_better else 1.0
    best = {
        size: max(sign * mean for (_, at), mean in means.items() if at == size) for size in sizes
    }
    costs: dict[str, float] = {}
    for row in part.figures:
        costs[row.method] = max(costs.get(row.method, 0.0), row.cpu_seconds)

    def standing(method: str) -> tuple[float, ...]:
        # A method that was not measured at a size stands behind all that were.
        return tuple(-sign * means.get((method, size), -sign * 1e300) for size in reversed(sizes))

    rows = []
    for method in sorted(part.methods, key=standing):
        cells = [Cell(humane(method))]
        for size in sizes:
            mean = means.get((method, size))
            mark = " ●" if mean is not None and sign * mean == best[size] else ""
            cells.append(Cell(texts.get((method, size), ABSENT) + mark, mean is not None))
        if costs:
            cells.append(Cell(duration(costs.get(method)), True))
        rows.append(cells)
    unit = " a class" if part.sizes_per_class else ""
    columns = ["method", *(f"{count(size)}{unit}" for size in sizes)]
    return table([*columns, "processor time"] if costs else columns, rows)


def _arrow(series: Sequence[Series], multiplier: Reading | None) -> Arrow | None:
    """From the pretrained curve, at the size of the reading, to where the from-scratch curve gets
    as far."""
    scratch = next((s for s in series if s.style == 0), None)
    carried = next((s for s in series if s.style == 2), None) or next(
        (s for s in series if s.style != 0), None
    )
    value = None if multiplier is None else multiplier.value
    if multiplier is None or not value or value <= 0 or scratch is None or carried is None:
        return None
    known = [(x, y) for x, y in scratch.points if y is not None]
    for x, y in carried.points:
        end = x * value
        if x == multiplier.size and y is not None and known and known[0][0] <= end <= known[-1][0]:
            return Arrow(x, end, y, as_text(multiplier.text, 34))
    return None


def _effects(effects: Sequence[Gain], smallest: float, each: str) -> Table:
    decimals = decimals_for(*half_widths(effects))
    rows = [
        [
            Cell(humane(effect.method)),
            Cell(count(effect.size), True),
            Cell(f"{SYMBOLS[effect.verdict]} {effect.verdict}"),
            Cell(interval_text(effect.mean, (effect.low, effect.high), decimals, smallest), True),
            Cell(interval_text(effect.mean, effect.adjusted, decimals, smallest), True),
            Cell(
                interval_text(effect.mean, effect.adjusted_combined_interval, decimals, smallest),
                True,
            ),
            Cell(p_text(effect.p if effect.adjusted_p is None else effect.adjusted_p), True),
            Cell(f"{count(effect.wins)} of {count(effect.n)}", True),
        ]
        for effect in effects
    ]
    corrected = any(effect.adjusted_p is not None for effect in effects)
    return table(
        ("method", f"samples{each}", "verdict", "gain [95 %]", "corrected [95 %]",
         "over test sets too, corrected", "p (Holm)" if corrected else "p", "wins"),
        rows,
    )  # fmt: skip


def _last_tenth(rows: Sequence[LastTenth], each: str) -> Table:
    """From-scratch at each size: the gain of its last steps, and what follows from it."""
    cells = [
        [
            Cell(count(row.size), True),
            Cell(number(row.gain, 2), True),
            Cell("cut short" if row.cut_short else "a fair opponent"),
        ]
        for row in rows
    ]
    return table((f"samples{each}", "gained", "from-scratch was"), cells)


def _multipliers(rows: Sequence[Reading], each: str) -> Table:
    """What the carried-over model was worth at each size."""
    cells = [[Cell(count(row.size), True), Cell(as_text(row.text, 200))] for row in rows]
    return table((f"samples{each}", "worth so many times the data"), cells)
