"""The section on pretraining: learning curves, held-out figures, folds and seeds."""

from __future__ import annotations

from collections.abc import Sequence

from tilth.pretrain.quoted import basis_of, quote, sentence
from tilth.pretrain.result import MeanOfRuns, PretrainResult, Repeat
from tilth.report.charts import Series, line_chart
from tilth.report.evidence import Evidence, draw, warnings_of
from tilth.report.figures import Cell, Chart, Table, humane, named, table
from tilth.report.steps import as_text
from tilth.report.text import ABSENT, count, duration, number, plural
from tilth.statistics.found import Bounds
from tilth.training.curve import CurvePoint

MAX_POINTS = 300
# Heads the number of samples, and groups of them, that a split's figures rest on.
MEASURED_ON = "measured on"
# Heads how many tokens, images or utterances the training saw.
SEEN = "seen in training"
# What the two lines of the loss chart are, which are not measured alike.
_TRAINING_LINE = (
    "Training: the mean over all batches since the measurement before, each before its update and "
    "as it is trained on: augmented, with dropout and label smoothing, where the recipe has them."
)
_VALIDATION_LINE = (
    "Validation: the whole validation split at that step, without any of these. So the two lines "
    "are not measured alike, and differ even of the same samples."
)


def pretraining(part: PretrainResult) -> Evidence:
    """Loss curves, the held-out results, and what the training cost."""
    facts = [
        ("task", as_text(part.task)),
        ("model", as_text(part.model.kind)),
        ("precision", as_text(part.precision)),
        ("threads", str(part.threads)),
        ("left out", _left_out(part)),
        ("weights", f"those of the {as_text(part.kept_in_full)}" if part.runs else ""),
        *of_the_kept(part),
    ]
    of = f", {as_text(part.kept_in_full)}" if part.runs else ""
    charts = (
        _loss_chart(part.curve, of),
        _metric_chart(part.curve, part.metric, as_text(part.unit), of),
    )
    tables = []
    if part.mean is not None:
        tables.append(_repeated(part.runs, part.mean, part.averaged))
    one = f" of the {as_text(part.kept_in_full)}" if part.runs else ""
    sure = ", with 95 % intervals over the samples" if part.intervals else ""
    tables.append((f"Held-out results{one}{sure}", _held_out(part)))
    return Evidence(
        as_text(sentence(part), 400),
        tuple((key, value) for key, value in facts if value not in ("", ABSENT)),
        tuple(chart for chart in charts if chart),
        tuple((title, made) for title, made in tables if made.rows),
        warnings_of(part.notes),
    )


def _left_out(part: PretrainResult) -> str:
    """What is in no split, and so in no figure."""
    amount = plural(len(part.unreadable), "sample") if part.unreadable else ""
    return amount and f"{amount} that could not be decoded, or too short for what is said"


def of_the_kept(part: PretrainResult) -> list[tuple[str, str]]:
    """What the training took whose weights are kept; of several its name says which that is."""
    of = f" ({part.kept})" if part.runs else ""
    unit = as_text(part.seen_unit) or "tokens or examples"
    facts = (
        ("parameters", count(part.model.parameters)),
        ("steps", count(part.steps)),
        (SEEN, f"{count(part.tokens_or_examples_seen)} {unit}"),
        ("training time", duration(part.seconds)),
        ("processor time of training", duration(part.cpu_seconds)),
        ("stopped because", as_text(part.stopped)),
    )
    return [(key + of, value) for key, value in facts if value not in ("", ABSENT)]


def figure_text(value: float | str | None, bounds: Bounds | None) -> str:
    """A number with its interval, or what stands in its place: the signature of a score.

    Where others of its table have intervals, one that can have none says so.
    """
    if isinstance(value, str):
        return as_text(value, 300)
    shown = "" if value is None or not bounds else quote(value, bounds)
    if "[" in shown:
        return shown
    return number(value, 4) + (" (no interval)" if shown else "")


def _held_out(part: PretrainResult) -> Table:
    splits = [(part.of(name), part.bounds(name)) for name in ("validation", "test")]
    rows = []
    for name in list(dict.fromkeys(name for figures, _ in splits for name in figures))[:30]:
        cells = [_figure(figures.get(name), bounds.get(name)) for figures, bounds in splits]
        rows.append([Cell(named(name)), *cells])
    if any(bounds for _, bounds in splits):
        told = [Cell(basis_of(bounds) or ABSENT) for _, bounds in splits]
        rows.append([Cell(MEASURED_ON), *told])
    return table(("figure", "validation", "test"), rows)


def _figure(value: float | str | None, bounds: Bounds | None = None) -> Cell:
    return Cell(figure_text(value, bounds), not isinstance(value, str))


def _repeated(runs: Sequence[Repeat], mean: MeanOfRuns, averaged: str) -> tuple[str, Table]:
    """A row a training, and their mean: the repeated seeds, or the values that were left out."""
    kind = "seed" if runs[0].fold is None else "fold"
    names = list(
        dict.fromkeys(
            name
            for run in runs
            for name, value in run.of(mean.split).items()
            if not isinstance(value, str)
        )
    )[:8]
    both = kind == "fold" and len({run.seed for run in runs}) > 1
    lines = [
        [Cell(as_text(name_of(run, runs)))]
        + [
            _figure(run.of(mean.split).get(name), run.bounds(mean.split).get(name))
            for name in names
        ]
        for run in runs[:49]
    ]
    lines.append(
        [Cell(averaged), *(_figure(mean.figures.get(n), mean.intervals.get(n)) for n in names)]
    )
    title = f"{mean.split.capitalize()} results of {plural(len(runs), kind)}"
    if kind == "fold":
        folds = plural(len({run.fold for run in runs}), "fold")
        title = f"Cross-validation: tested on each of {folds}, trained without"
        title += f", with {plural(len({run.seed for run in runs}), 'seed')} each" if both else ""
    heads = [kind, *map(named, names)]
    each = [*(run.bounds(mean.split) for run in runs[:49]), mean.intervals]
    if any(each):
        title += ", with 95 % intervals"
        heads.append(MEASURED_ON)
        lines = [[*line, Cell(basis_of(one))] for line, one in zip(lines, each, strict=True)]
    return title, table(heads, lines, len(runs) + 1)


def name_of(run: Repeat, runs: Sequence[Repeat]) -> str:
    """What tells a training from the others: its seed, its fold, or both."""
    if run.fold is None:
        return str(run.seed)
    several = len({one.seed for one in runs}) > 1
    return f"{run.fold}, seed {run.seed}" if several else run.fold


def _loss_chart(curve: Sequence[CurvePoint], of: str) -> Chart | None:
    axis = "examples" if any(point.examples for point in curve) else "step"
    places = [float(point.examples if axis == "examples" else point.step) for point in curve]
    training = [(x, point.loss) for x, point in zip(places, curve, strict=True)]
    # Validation is sparse; of a training loss that is missing there is a gap.
    validation = [
        (x, point.validation_loss)
        for x, point in zip(places, curve, strict=True)
        if point.validation_loss is not None
    ]
    missing = sum(y is None for _, y in training)
    every = -(-len(curve) // MAX_POINTS)
    series = []
    lines = ((0, "training, a mean", training), (2, "validation", validation))
    for style, name, points in lines:
        if any(y is not None for _, y in points):
            kept = [p for i, p in enumerate(points) if i % every == 0 or i == len(points) - 1]
            marks = style > 0 and len(kept) < 40
            series.append(Series(name, tuple(kept), style=style, marks=marks))
    if not series:
        return None
    shown = max(len(s.points) for s in series)
    caption = f"Loss in nats a target{of}; {shown} of {len(curve)} points drawn. {_TRAINING_LINE}"
    if validation:
        caption += f" {_VALIDATION_LINE}"
    if missing:
        caption += f" {plural(missing, 'training loss')} not finite or not given: a gap."
    ends = "; ".join(
        f"{s.name} from {number(ys[0], 4)} to {number(ys[-1], 4)}"
        for s in series
        if (ys := [y for _, y in s.points if y is not None])
    )
    picked = list(zip(places, curve, strict=True))[:: -(-len(curve) // 40)]
    rows = [
        [Cell(number(value, 4), True) for value in (x, point.loss, point.validation_loss)]
        for x, point in picked
    ]
    return draw(
        line_chart,
        series,
        key="loss",
        title="Loss curves",
        caption=caption,
        description=ends,
        x_label=f"{axis} seen" if axis == "examples" else "optimizer step",
        y_label="loss (nats a target)",
        rows=table(
            (axis, "training loss (mean since the measurement before)", "validation loss"),
            rows,
            len(curve),
        ),
    )


def _metric_chart(curve: Sequence[CurvePoint], name: str, unit: str, of: str) -> Chart | None:
    """The primary metric on the validation set, over training."""
    points = [
        (float(point.examples), value)
        for point in curve
        if isinstance(value := point.figures.get(name), float)
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
        caption=f"{shown} on the whole validation split{of}; {len(drawn)} of {len(points)} points "
        "drawn.",
        description=f"from {number(points[0][1], 4)} to {number(points[-1][1], 4)}",
        x_label="examples seen",
        y_label=shown,
        rows=table(
            ("examples", humane(name)),
            [[Cell(count(x), True), Cell(number(y, 4), True)] for x, y in drawn[:40]],
            len(points),
        ),
    )
