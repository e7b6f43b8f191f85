"""The section on pretraining: learning curves, held-out figures, folds and seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tilth.pretrain.quoted import basis_of, intervals, quote, sentence
from tilth.report.charts import Series, line_chart
from tilth.report.evidence import Evidence, draw, warnings_of
from tilth.report.figures import Cell, Chart, Table, humane, named, table
from tilth.report.steps import as_dict, as_list, as_text
from tilth.report.text import ABSENT, count, duration, finite, number, plural

MAX_POINTS = 300
# Heads the number of samples, and groups of them, that a split's figures rest on.
MEASURED_ON = "measured on"


def pretraining(part: Mapping[str, Any]) -> Evidence:
    """Loss curves, the held-out results, and what the training cost."""
    unit, model = as_text(part.get("unit")), as_dict(part.get("model"))
    facts = [
        ("task", as_text(part.get("task"))),
        ("model", as_text(model.get("kind"))),
        ("parameters", count(model.get("parameters"))),
        ("tokens or examples seen", count(part.get("tokens_or_examples_seen"))),
        ("time", duration(part.get("seconds"))),
        ("processor time", duration(part.get("cpu_seconds"))),
        ("precision", as_text(part.get("precision"))),
        ("threads", as_text(part.get("threads"))),
        ("stopped because", as_text(part.get("stopped"))),
    ]
    curve = [as_dict(point) for point in as_list(part.get("curve"))]
    charts = (_loss_chart(curve), _metric_chart(curve, as_text(part.get("metric")), unit))
    seeds, folds = ([as_dict(row) for row in as_list(part.get(key))] for key in ("seeds", "folds"))
    tables = []
    if folds:
        tables.append(_repeated("fold", folds, as_dict(part.get("mean"))))
    if seeds:
        tables.append(_repeated("seed", seeds, as_dict(part.get("mean"))))
    one = " of the first training" if seeds or folds else ""
    sure = ", with 95 % intervals over the samples" if as_dict(part.get("intervals")) else ""
    tables.append((f"Held-out results{one}{sure}", _held_out(part)))
    return Evidence(
        as_text(sentence(part), 400),
        tuple((key, value) for key, value in facts if value not in ("", ABSENT)),
        tuple(chart for chart in charts if chart),
        tuple((title, made) for title, made in tables if made.rows),
        warnings_of(part),
    )


def figure_text(value: Any, bounds: Mapping[str, Any] | None) -> str:
    """A number with its interval, or what stands in its place: the signature of a score."""
    if isinstance(value, str):
        return as_text(value, 300)
    given = finite(value)
    shown = "" if given is None or not bounds else quote(given, bounds)
    return shown if "[" in shown else number(value, 4)


def _held_out(part: Mapping[str, Any]) -> Table:
    splits = [(as_dict(part.get(name)), intervals(part, name)) for name in ("validation", "test")]
    rows = []
    for name in list(dict.fromkeys(name for figures, _ in splits for name in figures))[:30]:
        cells = [_figure(figures.get(name), bounds.get(name)) for figures, bounds in splits]
        rows.append([Cell(named(str(name))), *cells])
    if any(bounds for _, bounds in splits):
        told = [Cell(basis_of(bounds) or ABSENT) for _, bounds in splits]
        rows.append([Cell(MEASURED_ON), *told])
    return table(("figure", "validation", "test"), rows)


def _figure(value: Any, bounds: Mapping[str, Any] | None = None) -> Cell:
    return Cell(figure_text(value, bounds), not isinstance(value, str))


def _repeated(
    kind: str, rows: Sequence[Mapping[str, Any]], mean: Mapping[str, Any]
) -> tuple[str, Table]:
    """A row a training, and their mean: the repeated seeds, or the values that were left out."""
    tests = [as_dict(row.get("test")) for row in rows]
    names = list(
        dict.fromkeys(
            name for test in tests for name, item in test.items() if finite(item) is not None
        )
    )[:8]
    both = kind == "fold" and len({as_text(row.get("seed")) for row in rows}) > 1
    cells = [
        [Cell(as_text(row.get(kind)) + (f", seed {as_text(row.get('seed'))}" if both else ""))]
        + [_figure(test.get(name), intervals(row).get(name)) for name in names]
        for row, test in zip(rows, tests, strict=True)
    ]
    values = [[v for test in tests if (v := finite(test.get(name))) is not None] for name in names]
    over = intervals({"mean": mean}, mean=True)
    means = [
        _figure(mean[name], over.get(name)) if finite(mean.get(name)) is not None else _mean(v)
        for name, v in zip(names, values, strict=True)
    ]
    title = f"Test results of {plural(len(rows), kind)}"
    if kind == "fold":
        title = f"Cross-validation: tested on each of {plural(len(rows), 'fold')}, trained without"
    heads, lines = [kind, *map(named, names)], [*cells[:49], [Cell("mean"), *means]]
    if over or any(intervals(row) for row in rows):
        title += ", with 95 % intervals"
        heads.append(MEASURED_ON)
        each = [*(intervals(row) for row in rows[:49]), over]
        lines = [[*line, Cell(basis_of(one))] for line, one in zip(lines, each, strict=True)]
    return title, table(heads, lines, len(cells) + 1)


def _mean(values: Sequence[float]) -> Cell:
    return Cell(number(sum(values) / len(values), 4) if values else ABSENT, True)


def _loss_chart(curve: Sequence[Mapping[str, Any]]) -> Chart | None:
    axis = next((x for x in ("examples", "step") if any(finite(p.get(x)) for p in curve)), "step")
    series, missing = [], 0
    every = -(-len(curve) // MAX_POINTS)
    fields = (("loss", "training"), ("validation_loss", "validation"))
    for style, (field, name) in enumerate(fields):
        given = [p for p in curve if field in p and finite(p.get(axis)) is not None]
        points = [(finite(p.get(axis)) or 0.0, finite(p.get(field))) for p in given]
        sparse = [point for point in points if point[1] is not None]
        # A null among training losses is a loss that was not finite: a gap. Validation is sparse.
        missing += sum(y is None for _, y in points) if field == "loss" else 0
        points = points if field == "loss" else list(sparse)
        if sparse:
            kept = [p for i, p in enumerate(points) if i % every == 0 or i == len(points) - 1]
            series.append(
                Series(name, tuple(kept), style=(0, 2)[style], marks=style > 0 and len(kept) < 40)
            )
    if not series:
        return None
    shown = max(len(s.points) for s in series)
    caption = "Loss on the training batches and on the validation set; "
    caption += f"{shown} of {len(curve)} points drawn."
    if missing:
        caption += f" {plural(missing, 'training loss')} not finite or not given: a gap."
    ends = "; ".join(
        f"{s.name} from {number(ys[0], 4)} to {number(ys[-1], 4)}"
        for s in series
        if (ys := [y for _, y in s.points if y is not None])
    )
    picked = curve[:: -(-len(curve) // 40)]
    rows = [
        [Cell(number(p.get(f), 4), True) for f in (axis, "loss", "validation_loss")] for p in picked
    ]
    return draw(
        line_chart,
        series,
        key="loss",
        title="Loss curves",
        caption=caption,
        description=ends,
        x_label=f"{axis} seen" if axis == "examples" else "optimizer step",
        y_label="loss",
        rows=table((axis, "training loss", "validation loss"), rows, len(curve)),
    )


def _metric_chart(curve: Sequence[Mapping[str, Any]], name: str, unit: str) -> Chart | None:
    """The primary metric on the validation set, over training."""
    points = [
        (x, y)
        for point in curve
        if (x := finite(point.get("examples", point.get("step")))) is not None
        and (y := finite(point.get(name))) is not None
    ]
    if len(points) < 2:
        return None
    every = -(-len(points) // MAX_POINTS)
    drawn = [p for i, p in enumerate(points) if i % every == 0 or i == len(points) - 1]
    shown = f"{humane(name)} ({unit})" if unit else humane(name)
    return draw(
        line_chart,
        [Series("validation", tuple(drawn), style=2, marks=len(drawn) < 40)],
        key="metric",
        title="Learning curve",
        caption=f"{shown} on the validation set; {len(drawn)} of {len(points)} points drawn.",
        description=f"from {number(points[0][1], 4)} to {number(points[-1][1], 4)}",
        x_label="examples seen",
        y_label=shown,
        rows=table(
            ("examples", humane(name)),
            [[Cell(count(x), True), Cell(number(y, 4), True)] for x, y in drawn[:40]],
            len(points),
        ),
    )
