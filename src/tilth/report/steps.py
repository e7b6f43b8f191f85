"""The steps as the page shows them: books, rules, examples, errors; and the funnel over all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tilth.foreign import shorten, visible
from tilth.query.books import totals
from tilth.query.figures import definitions
from tilth.query.lines import spell_rate
from tilth.query.report import Example as Dropped
from tilth.query.report import ReasonCount, StepCounts, StepReport
from tilth.report.charts import NARROW, WIDE, Flow, flow_bars
from tilth.report.figures import IMAGE, Block, Chart, as_image, figure_blocks
from tilth.report.text import count, duration, percent

MAX_EXCERPT, MAX_URI, MAX_RULE, MAX_ERROR = 600, 300, 200, 500
PER_RULE, PER_STEP, MAX_RULES, MAX_ERRORS = 5, 40, 40, 20


@dataclass(frozen=True)
class Example:
    """One dropped sample: where from, the deciding number, what it says."""

    id: str
    uri: str
    value: str
    of: str
    text: str
    image: str


@dataclass(frozen=True)
class Rule:
    """One rule and what it dropped."""

    name: str
    count: int
    share: float
    examples: tuple[Example, ...]

    @property
    def shown(self) -> str:
        return f"{len(self.examples)} of {count(self.count)} shown"


@dataclass(frozen=True)
class Passed:
    """Why a source passed places over, and the first of them."""

    reason: str
    count: int
    places: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """One step of the line; counts are None where it does not sort samples.

    Attributes:
        made: When a cached one was made; empty where that is not known.
    """

    position: int
    name: str
    kind: str
    stage: str
    identity: str
    cached: bool
    seconds: float
    made: str
    num_in: int | None
    kept: int | None
    dropped: int
    quarantined: int
    passed_over: int
    passed: tuple[Passed, ...]
    passed_total: int
    noted: int
    notes: tuple[Passed, ...]
    notes_total: int
    linked: bool
    notice: str
    rules: tuple[Rule, ...]
    rules_total: int
    errors: tuple[tuple[str, str], ...]
    sources: tuple[tuple[str, str], ...]
    sources_total: int
    sources_of: str
    blocks: tuple[Block, ...]
    warnings: tuple[str, ...]
    born: int = 0

    @property
    def anchor(self) -> str:
        return f"step-{self.position}"

    @property
    def took(self) -> str:
        """Its time; of a cached one, that of its making."""
        told = duration(self.seconds)
        return f"{told}, made {self.made}" if self.cached and self.made else told

    @property
    def counted(self) -> bool:
        return self.num_in is not None and self.kept is not None

    @property
    def difference(self) -> int:
        """What the books lack: 0 where in + born = kept + dropped + quarantined."""
        return (self.num_in or 0) + self.born - (self.kept or 0) - self.dropped - self.quarantined

    @property
    def equation(self) -> str:
        return (
            f"{came_in(self.num_in, self.born)} = {count(self.kept)} kept"
            f" + {count(self.dropped)} dropped"
            f" + {count(self.quarantined)} quarantined"
        )


@dataclass(frozen=True)
class Line:
    """The whole line: what came in at its start, what was left at its end."""

    num_in: int
    kept: int
    dropped: int
    quarantined: int
    passed_over: int
    noted: int
    open_steps: tuple[str, ...]
    breaks: tuple[str, ...]
    born: int = 0

    @property
    def balances(self) -> bool:
        out = self.kept + self.dropped + self.quarantined
        return not self.open_steps and self.num_in + self.born == out

    @property
    def came_in(self) -> str:
        return came_in(self.num_in, self.born)


def came_in(num_in: int | None, born: int) -> str:
    """The left side of the books: `148 in`; where some are born, `1 in + 5 born`."""
    return f"{count(num_in)} in" + (f" + {count(born)} born" if born else "")


def as_text(value: str | None, limit: int = 200) -> str:
    """A text of bounded length, made visible; empty for None."""
    return "" if value is None else shorten(visible(value[: limit + 1]), limit)


def warnings_of(given: Sequence[str]) -> tuple[str, ...]:
    """What a step warned of: at most 20, and then of how many."""
    shown = [as_text(warning, 400) for warning in given[:MAX_ERRORS]]
    total = f"{MAX_ERRORS} of {count(len(given))} warnings shown"
    return (*shown, total) if len(given) > MAX_ERRORS else tuple(shown)


def when(value: str | None) -> str:
    """An ISO time without its microseconds and its T; empty for None."""
    text = as_text(value, 40)
    return text[:16].replace("T", " ") + (" UTC" if text.endswith(("Z", "+00:00")) else "")


def build_steps(given: Sequence[StepCounts]) -> list[Step]:
    """The steps in their order, each checked against the one before it."""
    steps: list[Step] = []
    waiting: int | None = None
    for position, one in enumerate(given):
        is_source = one.kind == "source"
        notice = ""
        if one.num_in is not None and not is_source and waiting not in (None, one.num_in):
            notice = f"took in {count(one.num_in)} where {count(waiting)} were kept before it"
        step = _step(one, position, notice)
        steps.append(step)
        if step.counted and step.kept is not None:
            waiting = step.kept + (waiting or 0 if is_source else 0)
    return steps


def _step(given: StepCounts, position: int, notice: str) -> Step:
    told = given if isinstance(given, StepReport) else StepReport.model_validate(given.as_json())
    rules, total = _rules(told)
    known = sum(told.sources.values())
    of = next((word for word, n in (("kept", told.kept), ("in", told.num_in)) if n == known), "")
    return Step(
        position=position + 1,
        name=as_text(told.name),
        kind=told.kind,
        stage=told.stage,
        identity=told.identity,
        cached=told.cached,
        seconds=told.seconds,
        made=when(told.made),
        num_in=told.num_in,
        kept=told.kept,
        dropped=told.dropped or 0,
        quarantined=told.quarantined or 0,
        passed_over=told.passed_over or 0,
        passed=tuple(map(_passed, told.passed_by_reason[:MAX_RULES])),
        passed_total=len(told.passed_by_reason),
        noted=told.noted,
        notes=tuple(map(_passed, told.noted_by_what[:MAX_RULES])),
        notes_total=len(told.noted_by_what),
        linked=not notice,
        notice=notice,
        rules=rules,
        rules_total=total,
        errors=tuple(
            (as_text(one.uri, MAX_URI), as_text(one.error, MAX_ERROR))
            for one in told.errors[:MAX_ERRORS]
        ),
        sources=tuple((as_text(k), count(v)) for k, v in list(told.sources.items())[:MAX_RULES]),
        sources_total=len(told.sources),
        sources_of=of,
        blocks=figure_blocks(told.figures, f"f{position}", told.op) or _no_figures(told),
        warnings=warnings_of(told.warnings),
        born=told.born,
    )


def _no_figures(told: StepReport) -> tuple[Block, ...]:
    """Why an operation that has figures shows none."""
    if told.kept != 0 or not definitions(told.op):
        return ()
    return (Block(text="No figures: nothing was kept that they could be of."),)


def _rules(told: StepReport) -> tuple[tuple[Rule, ...], int]:
    counts = {one.rule: one.count for one in told.by_rule}
    grouped: dict[str, list[Example]] = {name: [] for name in counts}
    left, dropped = PER_STEP, told.dropped or 0
    for example in told.examples:
        group = grouped.setdefault(example.rule or "no rule named", [])
        if left and len(group) < PER_RULE:
            group.append(_example(example))
            left -= 1
    order = sorted(grouped, key=lambda name: -counts.get(name, 0))
    rules = tuple(
        Rule(
            as_text(name, MAX_RULE),
            counts.get(name, 0),
            min(counts.get(name, 0) / dropped, 1) if dropped else 0,
            tuple(grouped[name]),
        )
        for name in order[:MAX_RULES]
    )
    return rules, len(order)


def _passed(given: ReasonCount) -> Passed:
    places = tuple(as_text(place, MAX_URI) for place in given.places[:PER_RULE])
    return Passed(as_text(given.reason, MAX_RULE), given.count, places)


def _example(given: Dropped) -> Example:
    text, image = as_text(given.text, MAX_EXCERPT), as_image(given.image)
    if given.image and not image:
        fits = IMAGE.fullmatch(given.image)
        why = f"{len(given.image) // 1000:,} kB" if fits else "not a bitmap data URI"
        text = text or f"(image left out: {why})"
    return Example(
        id=as_text(given.id, 64),
        uri=as_text(given.uri, MAX_URI),
        value=as_text(given.value, 200),
        of=as_text(given.of, 128),
        text=text,
        image=image,
    )


def build_line(steps: Sequence[Step]) -> Line | None:
    """The books over the whole line, or None where no step counts samples."""
    counted = [step for step in steps if step.counted]
    books = totals(counted)
    if books is None:
        return None
    return Line(
        num_in=books.num_in,
        kept=books.kept,
        dropped=books.dropped,
        quarantined=books.quarantined,
        passed_over=books.passed_over,
        noted=books.noted,
        open_steps=tuple(step.name for step in counted if step.difference),
        breaks=tuple(f"{step.name} {step.notice}" for step in counted if step.notice),
        born=books.born,
    )


def funnel(steps: Sequence[Step]) -> Chart | None:
    """The funnel of every step that sorts samples."""
    counted = [step for step in steps if step.counted]
    flows: list[Flow] = []
    beside, sources = 0.0, sum(step.kind == "source" for step in counted)
    # Sources that do not all come first are drawn, but not joined to what follows.
    in_order = all(step.kind == "source" for step in counted[:sources])
    for position, step in enumerate(counted):
        is_source = step.kind == "source"
        target = max(position + 1, sources if in_order else 0)
        after = counted[target] if target < len(counted) else None
        joined = after is not None and after.linked and after.kind != "source"
        flows.append(
            Flow(
                step.name,
                step.kept or 0.0,
                step.dropped,
                step.quarantined,
                start=beside if is_source else 0.0,
                reach=target - position if joined else 0,
            )
        )
        beside += (step.kept or 0.0) if is_source else 0.0
    if not flows:
        return None
    description = "; ".join(
        f"{step.name}: {came_in(step.num_in, step.born)}, {count(f.kept)} kept"
        for f, step in zip(flows[:MAX_RULES], counted, strict=False)
    )
    if len(flows) > MAX_RULES:
        description += f"; {MAX_RULES} of {count(len(flows))} steps told"
    drawn = [
        Markup(  # noqa: S704 - every foreign text in it went through svg.escape
            flow_bars(
                flows,
                key=f"funnel-{width}",
                width=width,
                title="The funnel",
                description=description,
            )
        )
        for width in (WIDE, NARROW)
    ]
    many = sources > 1
    caption = "Samples at each step; the percentage is the share of its input that a step kept."
    if any(step.born for step in counted):
        caption += " Input of a step that parts samples are their parts too."
    if many:
        caption += " Sources stand side by side, for they add up."
    return Chart("The funnel", caption, drawn[0], drawn[1])


@dataclass(frozen=True)
class BooksRow:
    """The balance equation of a step, checked."""

    step: Step
    ok: bool
    verdict: str


def books_rows(steps: Sequence[Step]) -> list[BooksRow]:
    """The balance equation of every step that sorts samples."""
    return [
        BooksRow(step, not off, f"off by {count(off)}" if off else "balances")
        for step in steps
        if step.counted
        for off in (step.difference,)
    ]


@dataclass(frozen=True)
class CostRow:
    """Where the time went: a step's share of the sum, and how fast it was."""

    step: Step
    time: str
    share: float
    percent: str
    rate: str


def cost_table(steps: Sequence[Step]) -> list[CostRow]:
    """A row a step, with its share of the sum; a cached one took none of it."""
    whole = sum(step.seconds for step in steps if not step.cached)
    rows = []
    for step in steps:
        mine = 0.0 if step.cached else step.seconds
        rate = ""
        if step.seconds and not step.cached and step.num_in:
            rate = spell_rate(step.num_in / step.seconds, "samples")
        shown = percent(mine, whole) if whole and not step.cached else ""
        time = f"cached: {step.took}" if step.cached else step.took
        rows.append(CostRow(step, time, mine / whole if whole else 0.0, shown, rate))
    return rows
