"""Show samples of a step: what it kept, what it dropped and by which number, what failed."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tilth.clean.expression import normal
from tilth.errors import UsageError
from tilth.hints import did_you_mean, require_choice
from tilth.meta.arrow import words
from tilth.query.rows import among, find_rows, read_columns, take_rows
from tilth.query.runs import RunStep, RunView
from tilth.query.text import excerpt, markup_excerpt, shown
from tilth.schema import DROP_OF, DROP_RULE, DROP_VALUE, ERROR, META, Row
from tilth.store import Dataset
from tilth.store.manifest import KINDS, MANIFEST, Kind
from tilth.store.shard import shard_path

# What a row shows of itself; a page's bytes only where it has no text yet.
PLAIN = ["id", "uri", "source", "split", "label", "target", "subject"]
PAYLOADS = ["text", "html", "image", "audio"]
REASONS = [DROP_RULE, DROP_VALUE, DROP_OF, ERROR]


@dataclass(frozen=True)
class Original:
    """The sample that stayed in place of a duplicate."""

    id: str
    uri: str
    excerpt: str


@dataclass(frozen=True)
class SampleRow:
    """One sample, short enough to look at.

    Attributes:
        excerpt: Opening of the text, or what the payload is.
        rule, value: Of a dropped sample: the rule and the number that decided.
        of: Of a dropped duplicate: the sample kept instead.
        error: Of a quarantined sample.
        meta: Its further fields by name, each on one line; what it has not is left out.
        target: Opening of what is said in it, or of its translation.
        subject: Who speaks, or wrote.
    """

    id: str
    uri: str
    source: str
    split: str | None
    label: str | None
    excerpt: str
    rule: str | None
    value: str | None
    of: Original | None
    error: str | None
    meta: Mapping[str, str] = field(default_factory=dict)
    target: str | None = None
    subject: str | None = None


@dataclass(frozen=True)
class Shown:
    """Some samples of a step; `total` says of how many."""

    run: str
    step: str
    kind: Kind
    rule: str | None
    total: int
    offset: int
    rows: tuple[SampleRow, ...]

    @property
    def of_how_many(self) -> str:
        """`20 of 1,204 shown`."""
        return f"{len(self.rows):,} of {self.total:,} shown"


@dataclass(frozen=True)
class PassedPlace:
    """A place that a source was pointed at and did not read."""

    place: str
    reason: str


@dataclass(frozen=True)
class PassedPlaces:
    """Some of what a source passed over; `total` says of how many, `by_reason` why."""

    run: str
    step: str
    total: int
    by_reason: dict[str, int]
    offset: int
    places: tuple[PassedPlace, ...]


def passed_over(run: RunView, step: str, *, n: int = 20, offset: int = 0) -> PassedPlaces:
    """What a source passed over, in the order in which it met it.

    Args:
        run: The run.
        step: The source's step, or an unambiguous end of its name.
        n: Places at most.
        offset: Places to pass over first.

    Raises:
        UsageError: There is no such step, or it is no source.
        MissingError: Its output is not there.
    """
    where = _source_step(run, step, n, offset)
    by_reason, found = where.manifest.passed_over.by_reason, where.dataset().passed_over(offset)
    return _places(run, where, by_reason, found, n, offset)


def noted(run: RunView, step: str, *, n: int = 20, offset: int = 0) -> PassedPlaces:
    """What a source read with a guess or a change, as of `passed_over`; its `by_reason` are those.

    Args:
        run, step, n, offset: As of `passed_over`.

    Raises:
        UsageError, MissingError: As `passed_over`.
    """
    where = _source_step(run, step, n, offset)
    by_note, found = where.manifest.passed_over.by_note, where.dataset().noted(offset)
    return _places(run, where, by_note, found, n, offset)


def _source_step(run: RunView, step: str, n: int, offset: int) -> RunStep:
    where = sorting_step(run, step)
    if where.kind != "source":
        sources = [one.name for one in run.line() if one.kind == "source"]
        raise UsageError(
            f"`{where.name}` is no source: it reads what the step before it kept",
            hint=f"sources are {', '.join(sources)}",
        )
    if n < 0 or offset < 0:
        raise UsageError("a number of rows is not below 0")
    return where


def _places(
    run: RunView,
    where: RunStep,
    counts: dict[str, int],
    found: Iterator[tuple[str, str]],
    n: int,
    offset: int,
) -> PassedPlaces:
    return PassedPlaces(
        run.name,
        where.name,
        sum(counts.values()),
        counts,
        offset,
        tuple(
            PassedPlace(excerpt(place, 300), reason) for place, reason in itertools.islice(found, n)
        ),
    )


def show_samples(
    run: RunView,
    step: str,
    kind: Kind = "kept",
    *,
    rule: str | None = None,
    n: int = 20,
    offset: int = 0,
) -> Shown:
    """Samples of a step in the order of the data.

    Args:
        run: The run.
        step: The step, or an unambiguous end of its name.
        kind: kept, dropped or quarantine.
        rule: Only what this rule dropped, whether or not `kind` says so; a part of it is enough
            where it is clear.
        n: Rows at most.
        offset: Rows to pass over first.

    Raises:
        UsageError: There is no such step or rule, the step has no samples, or a rule is named
            beside the kind quarantine.
        MissingError: Its output is not there.
    """
    require_choice("kind", kind, KINDS)
    where = sorting_step(run, step)
    if n < 0 or offset < 0:
        raise UsageError("a number of rows is not below 0")
    dataset = where.dataset()
    if rule is not None:
        if kind == "quarantine":
            raise UsageError("a rule drops samples: it quarantines none", hint="kind: dropped")
        kind = "dropped"
        rule = match_rule(rule, dataset.manifest.by_rule, where.name)
    fields = [name for name in dataset.columns(kind) if name.startswith(META)]
    names = [*PLAIN, *PAYLOADS, *REASONS, *fields]
    if rule is None:
        total = sum(shard.rows(kind) for shard in dataset.manifest.shards)
        rows = list(_slice(dataset, kind, names, offset, n))
    else:
        total = dataset.manifest.by_rule[rule]
        found = find_rows(
            dataset,
            DROP_RULE,
            among([rule]),
            kinds=["dropped"],
            columns=names,
            limit=offset + n,
        )
        rows = [item.row for item in found[offset:]]
    originals = find_originals(run, where, [row.get(DROP_OF) for row in rows])
    return Shown(
        run.name,
        where.name,
        kind,
        rule,
        total,
        offset,
        tuple(sample_row(row, originals) for row in rows),
    )


def sorting_step(run: RunView, name: str, or_one_of: Sequence[str] = ()) -> RunStep:
    """The step of that name, which must hold samples.

    Raises:
        UsageError: It is a training step, or there is none.
    """
    step = run.step(name, or_one_of)
    if not step.sorts:
        raise UsageError(
            f"`{step.name}` holds results, not samples",
            hint=f"tilth report {run.name}",
            code="no-samples",
        )
    return step


def match_rule(rule: str, rules: Mapping[str, int], step: str) -> str:
    """The one rule of a step that a user means.

    Raises:
        UsageError: None or several fit.
    """
    for name in (rule, _as_printed(rule)):
        if name in rules:
            return name
    fitting = [name for name in rules if rule and rule in name]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        hint = "name one of " + ", ".join(f"`{name}`" for name in fitting[:8])
        raise UsageError(f"`{rule}` is part of several rules", where=step, hint=hint)
    hint = did_you_mean(rule, list(rules)) if rules else "it dropped nothing"
    raise UsageError(f"no rule `{rule}` dropped a sample", where=step, hint=hint)


def _as_printed(rule: str) -> str:
    """An expression, which a recipe may write otherwise than a rule is printed."""
    try:
        return normal(rule)
    except UsageError:
        return rule


def _slice(
    dataset: Dataset, kind: Kind, names: Sequence[str], offset: int, n: int
) -> Iterable[Row]:
    """Rows [offset, offset + n), opening only the shards that hold them."""
    for shard in dataset.manifest.shards:
        if n <= 0:
            return
        size = shard.rows(kind)
        if offset >= size:
            offset -= size
            continue
        stop = min(size, offset + n)
        path = shard_path(dataset.path, shard.name, kind)
        yield from take_rows(path, range(offset, stop), names)
        n -= stop - offset
        offset = 0


def find_originals(run: RunView, step: RunStep, ids: Iterable[str | None]) -> dict[str, Original]:
    """The samples that stayed instead of duplicates, by id; sought in the step, then before it."""
    left = {name for name in ids if name}
    found: dict[str, Original] = {}
    line = run.line()
    position = next((i for i, s in enumerate(line) if s.name == step.name), len(line))
    for where in [step, *reversed(line[:position])]:
        if not left:
            break
        if not (where.folder / MANIFEST).is_file():
            continue
        columns = ["id", "uri", *PAYLOADS]
        for item in find_rows(where.dataset(), "id", among(left), columns=columns):
            row = item.row
            found[row["id"]] = Original(row["id"], str(row.get("uri")), payload_excerpt(row, 200))
        left -= set(found)
    return found


def sample_row(row: Row, originals: Mapping[str, Original], limit: int = 600) -> SampleRow:
    """A row of a shard as it is shown."""
    of = row.get(DROP_OF)
    return SampleRow(
        id=row["id"],
        uri=excerpt(str(row.get("uri")), 300),
        source=str(row.get("source")),
        split=row.get("split"),
        label=row.get("label"),
        excerpt=payload_excerpt(row, limit),
        rule=row.get(DROP_RULE),
        value=row.get(DROP_VALUE),
        of=originals.get(of, Original(of, "", "")) if of else None,
        error=row.get(ERROR),
        meta={
            name.removeprefix(META): shown(words(value))
            for name, value in row.items()
            if name.startswith(META) and value is not None
        },
        target=_short(row.get("target"), limit),
        subject=_short(row.get("subject"), 120),
    )


def _short(value: str | None, limit: int) -> str | None:
    return None if value is None else excerpt(value, limit)


def payload_excerpt(row: Row, limit: int) -> str:
    """What the sample says, or what it is where it says nothing."""
    if row.get("text") is not None:
        return excerpt(row["text"], limit)
    if row.get("html") is not None:
        return markup_excerpt(row["html"], limit)
    for name in ("image", "audio"):
        if row.get(name) is not None:
            return f"({name}, {len(row[name]):,} bytes)"
    return excerpt(row["target"], limit) if row.get("target") else ""


def draw_examples(
    dataset: Dataset, by_rule: Mapping[str, int], per_rule: int, per_step: int
) -> list[str]:
    """Ids of dropped samples to show: for each rule the smallest ids.

    An id is a digest, so the smallest are a uniform draw, the same on every machine. Where there
    are many rules, each gets one before any gets two.
    """
    drawn: dict[str, list[str]] = {rule: [] for rule in by_rule}
    for table in read_columns(dataset, "dropped", ["id", DROP_RULE]):
        here: dict[str, list[str]] = {}
        for rule, name in zip(
            *(table.column(c).to_pylist() for c in (DROP_RULE, "id")), strict=True
        ):
            here.setdefault(rule, []).append(name)
        for rule, ids in here.items():
            drawn[rule] = heapq.nsmallest(per_rule, [*drawn.get(rule, ()), *ids])
    rules = sorted(drawn, key=lambda rule: -by_rule.get(rule, 0))
    rounds = [drawn[rule][i] for i in range(per_rule) for rule in rules if i < len(drawn[rule])]
    return rounds[:per_step]


def rows_by_id(
    dataset: Dataset, kind: Kind, ids: Sequence[str], columns: Sequence[str]
) -> list[Row]:
    """The rows of these ids, in the order of `ids`."""
    if not ids:
        return []
    found = {
        item.row["id"]: item.row
        for item in find_rows(dataset, "id", among(ids), kinds=[kind], columns=columns)
    }
    return [found[name] for name in ids if name in found]
