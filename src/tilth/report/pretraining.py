"""The section on pretraining: loss curves and held-out results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tilth.report.charts import Series, line_chart
from tilth.report.evidence import Evidence, draw, measured, warnings_of
from tilth.report.figures import Cell, Chart, Table, humane, table
from tilth.report.steps import as_dict, as_list, as_text
from tilth.report.text import ABSENT, count, duration, finite, number, plural

MAX_POINTS = 300


def pretraining(part: Mapping[str, Any]) -> Evidence:
    """Loss curves, the held-out results, and what the training cost."""
    unit, model = as_text(part.get("unit")), as_dict(part.get("model"))
    name = as_text(part.get("metric"))
    test = as_dict(part.get("test"))
    headline = ""
    if finite(test.get(name)) is not None:
        metric = "" if unit not in ("", "%") else f" {humane(name)}"
        headline = f"{measured(test[name], unit)}{metric} on the test set"
    facts = [
        ("model", as_text(model.get("kind"))),
        ("parameters", count(model.get("parameters"))),
        ("tokens or examples seen", count(part.get("tokens_or_examples_seen"))),
        ("time", duration(part.get("seconds"))),
        ("precision", as_text(part.get("precision"))),
        ("threads", as_text(part.get("threads"))),
        ("stopped because", as_text(part.get("stopped"))),
    ]
    curve = [as_dict(point) for point in as_list(part.get("curve"))]
    chart = _loss_chart(curve)
    tables = [("Held-out results", _held_out(as_dict(part.get("validation")), test))]
    seeds = [as_dict(seed) for seed in as_list(part.get("seeds"))]
    if seeds:
        tables.append(_seeds(seeds))
    return Evidence(
        headline,
        tuple((key, value) for key, value in facts if value not in ("", ABSENT)),
        (chart,) if chart else (),
        tuple((title, made) for title, made in tables if made.rows),
        warnings_of(part),
    )


def _held_out(validation: Mapping[str, Any], test: Mapping[str, Any]) -> Table:
    rows = []
    for name in list(dict.fromkeys([*validation, *test]))[:30]:
        cells = [Cell(number(part.get(name), 4), True) for part in (validation, test)]
        rows.append([Cell(humane(str(name))), *cells])
    return table(("metric", "validation", "test"), rows)


def _seeds(seeds: Sequence[Mapping[str, Any]]) -> tuple[str, Table]:
    names = list(dict.fromkeys(name for seed in seeds for name in as_dict(seed.get("test"))))[:8]
    rows = [
        [Cell(as_text(s.get("seed")))]
        + [Cell(number(as_dict(s.get("test")).get(name), 4), True) for name in names]
        for s in seeds
    ]
    values = [[finite(as_dict(s.get("test")).get(name)) for s in seeds] for name in names]
    known = [[value for value in column if value is not None] for column in values]
    means = [Cell(number(sum(v) / len(v), 4) if v else ABSENT, True) for v in known]
    return f"Test results of {plural(len(seeds), 'seed')}", table(
        ("seed", *map(humane, names)), [*rows[:49], [Cell("mean"), *means]], len(rows) + 1
    )


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
