"""The steps as the page shows them: books, rules, examples, errors; and the funnel over all."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from tilth.foreign import shorten, visible
from tilth.report.charts import NARROW, WIDE, Flow, flow_bars
from tilth.report.figures import Block, Chart, figure_blocks
from tilth.report.text import count, finite, percent

MAX_EXCERPT, MAX_URI, MAX_RULE, MAX_ERROR = 600, 300, 200, 500
PER_RULE, PER_STEP, MAX_RULES, MAX_ERRORS = 5, 40, 40, 20
MAX_IMAGE = 64_000
TRAINED = ("pretrain", "transfer", "value")

# Bitmaps only: an SVG image could hold anything.
_IMAGE = re.compile(r"data:image/(?:png|jpeg|webp|gif);base64,[A-Za-z0-9+/]+={0,2}")


def as_image(value: Any) -> str:
    """A bitmap as a data URI that a page may hold; empty where it is none."""
    fits = isinstance(value, str) and len(value) <= MAX_IMAGE and _IMAGE.fullmatch(value)
    return str(value) if fits else ""


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
    count: float | None
    share: float
    examples: tuple[Example, ...]

    @property
    def shown(self) -> str:
        total = count(self.count) if self.count is not None else "an unknown number"
        return f"{len(self.examples)} of {total} shown"


@dataclass(frozen=True)
class Step:
    """One step of the line; counts are None where it does not sort samples."""

    position: int
    name: str
    kind: str
    stage: str
    identity: str
    cached: bool
    seconds: float | None
    num_in: float | None
    kept: float | None
    dropped: float
    quarantined: float
    linked: bool
    notice: str
    rules: tuple[Rule, ...]
    rules_total: int
    errors: tuple[tuple[str, str], ...]
    sources: tuple[tuple[str, str], ...]
    sources_of: str
    blocks: tuple[Block, ...]
    warnings: tuple[str, ...]

    @property
    def anchor(self) -> str:
        return f"step-{self.position}"

    @property
    def counted(self) -> bool:
        return self.num_in is not None and self.kept is not None

    @property
    def difference(self) -> float:
        """What the books lack: 0 where in = kept + dropped + quarantined."""
        return (self.num_in or 0) - (self.kept or 0) - self.dropped - self.quarantined

    @property
    def equation(self) -> str:
        return (
            f"{count(self.num_in)} in = {count(self.kept)} kept + {count(self.dropped)} dropped"
            f" + {count(self.quarantined)} quarantined"
        )


@dataclass(frozen=True)
class Line:
    """The whole line: what came in at its start, what was left at its end."""

    num_in: float
    kept: float
    dropped: float
    quarantined: float
    open_steps: tuple[str, ...]
    breaks: tuple[str, ...]

    @property
    def balances(self) -> bool:
        return not self.open_steps and self.num_in == self.kept + self.dropped + self.quarantined


def as_list(value: Any) -> list[Any]:
    """The value if it is a list, else an empty one: parts of a report may be absent."""
    return list(value) if isinstance(value, list | tuple) else []


def as_dict(value: Any) -> Mapping[str, Any]:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def as_text(value: Any, limit: int = 200) -> str:
    """The value as a text of bounded length, made visible; empty for None."""
    return "" if value is None else shorten(visible(str(value)[: limit + 1]), limit)


def build_steps(report: Mapping[str, Any]) -> list[Step]:
    """The steps in their order, each checked against the one before it."""
    steps: list[Step] = []
    waiting: float | None = None
    for position, given in enumerate(as_list(report.get("steps"))):
        raw = as_dict(given)
        num_in, is_source = finite(raw.get("in")), raw.get("kind") == "source"
        notice, linked = "", True
        if num_in is not None and not is_source and waiting is not None and num_in != waiting:
            linked = False
            notice = f"took in {count(num_in)} where {count(waiting)} were kept before it"
        step = _step(raw, position, linked, notice, report)
        steps.append(step)
        if step.counted and step.kept is not None:
            waiting = step.kept + (waiting or 0 if is_source else 0)
    return steps


def _step(
    raw: Mapping[str, Any], position: int, linked: bool, notice: str, report: Mapping[str, Any]
) -> Step:
    stage = as_text(raw.get("stage"))
    dropped = finite(raw.get("dropped")) or 0.0
    rules, total = _rules(raw, dropped)
    sources = {str(k): finite(v) for k, v in as_dict(raw.get("sources")).items()}
    known = sum(v or 0 for v in sources.values())
    of = next((word for word in ("kept", "in") if known == finite(raw.get(word))), "")
    errors = [as_dict(item) for item in as_list(raw.get("errors"))][:MAX_ERRORS]
    # What training found has a section of its own.
    shown = stage not in TRAINED or not report.get(stage)
    return Step(
        position=position + 1,
        name=as_text(raw.get("name")) or f"step {position + 1}",
        kind=as_text(raw.get("kind")),
        stage=stage,
        identity=as_text(raw.get("identity"), 64),
        cached=raw.get("cached") is True,
        seconds=finite(raw.get("seconds")),
        num_in=finite(raw.get("in")),
        kept=finite(raw.get("kept")),
        dropped=dropped,
        quarantined=finite(raw.get("quarantined")) or 0.0,
        linked=linked,
        notice=notice,
        rules=rules,
        rules_total=total,
        errors=tuple(
            (as_text(e.get("uri"), MAX_URI), as_text(e.get("error"), MAX_ERROR)) for e in errors
        ),
        sources=tuple((as_text(k), count(v)) for k, v in list(sources.items())[:MAX_RULES]),
        sources_of=of,
        blocks=figure_blocks(raw.get("figures"), f"f{position}") if shown else (),
        warnings=tuple(as_text(w, 400) for w in as_list(raw.get("warnings"))[:MAX_ERRORS]),
    )


def _rules(raw: Mapping[str, Any], dropped: float) -> tuple[tuple[Rule, ...], int]:
    counts: dict[str, float | None] = {}
    for item in as_list(raw.get("by_rule")):
        counts[str(as_dict(item).get("rule"))] = finite(as_dict(item).get("count"))
    grouped: dict[str, list[Example]] = {name: [] for name in counts}
    left = PER_STEP
    for item in as_list(raw.get("examples")):
        example = as_dict(item)
        group = grouped.setdefault(str(example.get("rule") or "no rule named"), [])
        if left and len(group) < PER_RULE:
            group.append(_example(example))
            left -= 1
    order = sorted(grouped, key=lambda name: -(counts.get(name) or 0))
    rules = tuple(
        Rule(
            as_text(name, MAX_RULE),
            counts.get(name),
            min((counts.get(name) or 0) / dropped, 1) if dropped else 0,
            tuple(grouped[name]),
        )
        for name in order[:MAX_RULES]
    )
    return rules, len(order)


def _example(raw: Mapping[str, Any]) -> Example:
    image = raw.get("image")
    text = as_text(raw.get("text"), MAX_EXCERPT)
    if isinstance(image, str) and (len(image) > MAX_IMAGE or not _IMAGE.fullmatch(image)):
        why = f"{len(image) // 1000:,} kB" if _IMAGE.fullmatch(image) else "not a bitmap data URI"
        image, text = None, text or f"(image left out: {why})"
    value = raw.get("value")
    return Example(
        id=as_text(raw.get("id"), 64),
        uri=as_text(raw.get("uri"), MAX_URI),
        value=as_text(value if isinstance(value, str) else _plain(value), 200),
        of=as_text(raw.get("of"), 128),
        text=text,
        image=image if isinstance(image, str) else "",
    )


def _plain(value: Any) -> str | None:
    known = finite(value)
    return None if value is None else f"{known:g}" if known is not None else str(value)


def build_line(steps: Sequence[Step]) -> Line | None:
    """The books over the whole line, or None where no step counts samples."""
    counted = [step for step in steps if step.counted]
    if not counted:
        return None
    sources = [step for step in counted if step.kind == "source"]
    rest = [step for step in counted if step.kind != "source"]
    first, last = sources or counted[:1], rest[-1:] or sources
    return Line(
        num_in=sum(step.num_in or 0 for step in first),
        kept=sum(step.kept or 0 for step in last),
        dropped=sum(step.dropped for step in counted),
        quarantined=sum(step.quarantined for step in counted),
        open_steps=tuple(step.name for step in counted if step.difference),
        breaks=tuple(f"{step.name} {step.notice}" for step in counted if step.notice),
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
        f"{f.name}: {count(f.total)} in, {count(f.kept)} kept" for f in flows[:40]
    )
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
    if many:
        caption += " Sources stand side by side, for they add up."
    return Chart("The funnel", caption, drawn[0], drawn[1])


def books_rows(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """The balance equation of every step, checked."""
    rows = []
    for step in steps:
        if not step.counted:
            continue
        off = step.difference
        verdict = "balances" if not off else f"off by {count(off)}"
        rows.append({"step": step, "ok": not off, "verdict": verdict})
    return rows


def cost_table(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """Where the time went: a row a step, with its share of the sum."""
    timed = [step for step in steps if step.seconds is not None]
    whole = sum(step.seconds or 0 for step in timed if not step.cached)
    rows = []
    for step in timed:
        mine = 0.0 if step.cached else step.seconds or 0.0
        rate = ""
        if step.counted and step.seconds and not step.cached and step.num_in:
            rate = f"{count(step.num_in / step.seconds)} samples/s"
        rows.append(
            {
                "step": step,
                "share": mine / whole if whole else 0.0,
                "percent": percent(mine, whole) if whole and not step.cached else "",
                "rate": rate,
            }
        )
    return rows
