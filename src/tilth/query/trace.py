"""The life of one sample: where it came in, what was measured, what was decided and edited."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tilth.errors import UsageError
from tilth.query.rows import Found, Match, contains, equals, find_rows, starts_with
from tilth.query.runs import RunStep, RunView
from tilth.query.samples import PAYLOADS, Original, find_originals, payload_excerpt
from tilth.query.text import markup_excerpt, shown, text_changes
from tilth.schema import (
    DROP_OF,
    DROP_RULE,
    DROP_VALUE,
    ERROR,
    PARTED,
    SIGNAL_PREFIX,
    VERDICT,
    Row,
)
from tilth.store.shard import shard_name

_FAILED_RULES = SIGNAL_PREFIX + "failed_rules"
_MAX_COPIES, _MAX_PARTS = 20, 5
_ID = re.compile(r"[0-9a-f]{4,32}")


@dataclass(frozen=True)
class Change:
    """A column that a step added (nothing before) or replaced."""

    column: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class TraceStep:
    """What one step did with the sample.

    Attributes:
        verdict: kept, dropped or quarantined.
        rule, value: The rule and the number that decided, where it was dropped.
        failed_rules: All rules that it broke, where the step says so.
        error: Why it was quarantined.
        of: The sample that stayed instead.
        measured: (signal, value) that the step measured.
        changes: Other columns that it added or replaced.
        edits: Lines of the text that it took out (`-`) and put in (`+`).
        copies: Samples dropped in favour of this one (at most 20).
        num_copies: How many there are.
        parts: Samples that were born of it here (the first 5).
        num_parts: How many there are.
    """

    step: str
    verdict: str
    rule: str | None
    value: str | None
    failed_rules: str | None
    error: str | None
    of: Original | None
    measured: tuple[tuple[str, str], ...]
    changes: tuple[Change, ...]
    edits: tuple[str, ...]
    copies: tuple[Original, ...]
    num_copies: int
    parts: tuple[Original, ...] = ()
    num_parts: int = 0


@dataclass(frozen=True)
class Trace:
    """The life of one sample.

    Attributes:
        steps: From where it came in; of a part, from where it was born.
        part_of: Of a part: the life of what it is a part of, which ends where it was parted.
    """

    run: str
    id: str
    uri: str
    source: str
    excerpt: str
    verdict: str
    steps: tuple[TraceStep, ...]
    part_of: Trace | None = None


def trace_sample(run: RunView, which: str) -> Trace:
    """Follow one sample through every step of the data line.

    Args:
        run: The run.
        which: Its id, a prefix that no other id has, its address (`uri`), or a part of that.

    Raises:
        UsageError: No sample fits, or several.
        MissingError: The run has no finished step.
    """
    run.end_of_line()
    line = run.line()
    source, found = _find(run, line, which)
    return _life(run, line, source, found)


def _life(run: RunView, line: Sequence[RunStep], source: RunStep, found: Found) -> Trace:
    """From where it came in, or was born, to where it ends."""
    name = found.row["id"]
    steps: list[TraceStep] = []
    before: Row | None = None
    here, at = source, found
    while True:
        steps.append(_step(run, here, at, before))
        following = next((step for step in line if here.name in step.inputs), None)
        if at.kind != "kept" or following is None:
            break
        onward = _follow(run, here, following, at, name)
        if onward is None:
            break
        before, here, at = at.row, following, onward
    return Trace(
        run.name,
        name,
        str(found.row.get("uri")),
        str(found.row.get("source")),
        payload_excerpt(at.row, 600) or payload_excerpt(found.row, 600),
        steps[-1].verdict,
        tuple(steps),
        _life_before(run, line, source, found),
    )


def _life_before(
    run: RunView, line: Sequence[RunStep], born: RunStep, found: Found
) -> Trace | None:
    """The life of what a sample is a part of, which was parted in the step where it was born."""
    whole = found.row.get("part_of")
    if born.kind == "source" or whole is None:
        return None
    dropped = find_rows(born.dataset(), "id", equals(whole), kinds=["dropped"], limit=1)
    if not dropped:
        return None
    hits = _hits(line, "id", equals(whole), limit=1)
    return _life(run, line, *_whole(*hits[0])) if hits else None


def _hits(
    steps: Sequence[RunStep], column: str, match: Match, limit: int = 50
) -> list[tuple[RunStep, Found]]:
    """Samples where they came in, or were born, of those steps."""
    hits = []
    for step in steps:
        if step.kind != "source" and not step.born:
            continue
        names = ["id", "uri", "part_of", DROP_RULE]
        for item in find_rows(step.dataset(), column, match, columns=names, limit=limit):
            if step.kind == "source" or _is_born(step, item):
                hits.append((step, item))
    return hits


def _is_born(step: RunStep, item: Found) -> bool:
    """Whether a step made a part, and did not find it there already."""
    whole = item.row.get("part_of")
    if whole is None:
        return False
    parted = find_rows(
        step.dataset(),
        "id",
        equals(whole),
        kinds=["dropped"],
        columns=[DROP_RULE],
        shards=[item.shard],
        limit=1,
    )
    return bool(parted) and parted[0].row.get(DROP_RULE) == PARTED


def _whole(step: RunStep, item: Found) -> tuple[RunStep, Found]:
    """With all its columns."""
    rows = find_rows(
        step.dataset(),
        "id",
        equals(item.row["id"]),
        kinds=[item.kind],
        shards=[item.shard],
        limit=1,
    )
    return step, rows[0]


def _find(run: RunView, line: Sequence[RunStep], which: str) -> tuple[RunStep, Found]:
    """The sample where it came in, or was born."""
    sources = [step for step in line if step.kind == "source"]
    tries = [(line, "uri", equals(which))]
    if _ID.fullmatch(which):
        tries = [(line, "id", starts_with(which)), *tries]
    # The address of a page stands in those of its parts, too.
    tries += [(steps, "uri", contains(which)) for steps in (sources, line)]
    for steps, column, match in tries:
        hits = _hits(steps, column, match)
        ends = [hit for hit in hits if str(hit[1].row["uri"]).endswith(which)]
        if column == "uri" and len(hits) > 1 and len(ends) == 1:
            hits = ends
        if len({item.row["id"] for _, item in hits}) == 1:
            return _whole(*hits[0])
        if hits:
            some = ", ".join(f"{i.row['id'][:12]} ({i.row['uri']})" for _, i in hits[:6])
            raise UsageError(
                f"`{which}` fits {len(hits)}{' or more' if len(hits) >= 50 else ''} samples",
                hint=f"name one: {some}",
                code="ambiguous-sample",
            )
    raise UsageError(
        f"no sample `{which}` came into this run",
        where=run.name,
        hint=f"give an id or an address; `tilth show {run.name} {sources[0].name}` shows some",
        code="no-sample",
    )


def _follow(run: RunView, here: RunStep, following: RunStep, at: Found, name: str) -> Found | None:
    """The sample in the next step; its shard there follows from its shard here.

    A step makes one shard of each shard of its inputs, in order, so one file is opened instead of
    all. Should that ever not hold, all are searched.
    """
    position = 0
    for source in following.inputs:
        shards = run.step(source).dataset().shards()
        if source == here.name:
            position += [path.stem for path in shards].index(at.shard)
            break
        position += len(shards)
    dataset = following.dataset()
    for shards_to_search in ([shard_name(position)], None):
        found = find_rows(dataset, "id", equals(name), shards=shards_to_search, limit=1)
        if found:
            return found[0]
    return None


def _step(run: RunView, step: RunStep, at: Found, before: Row | None) -> TraceStep:
    row = at.row
    of = row.get(DROP_OF)
    copies, num_copies = _copies(step, row["id"]) if step.kind == "shuffle" else ((), 0)
    measured, changes = _differences(row, before)
    old, new = (before or {}).get("text"), row.get("text")
    edits = text_changes(old, new) if old is not None and new is not None and old != new else ()
    parts, num_parts = _parts(step, at) if row.get(DROP_RULE) == PARTED else ((), 0)
    return TraceStep(
        step.name,
        {"quarantine": "quarantined"}.get(at.kind, at.kind),
        row.get(DROP_RULE),
        row.get(DROP_VALUE),
        row.get(_FAILED_RULES),
        row.get(ERROR),
        find_originals(run, step, [of]).get(of, Original(of, "", "")) if of else None,
        measured,
        changes,
        edits,
        copies,
        num_copies,
        parts,
        num_parts,
    )


def _parts(step: RunStep, at: Found) -> tuple[tuple[Original, ...], int]:
    """The samples that were born of one, all of which are in its shard."""
    columns, shards = ["id", "uri", *PAYLOADS], [at.shard]
    match = equals(at.row["id"])
    found = find_rows(step.dataset(), "part_of", match, columns=columns, shards=shards)
    some = [
        Original(item.row["id"], str(item.row.get("uri")), payload_excerpt(item.row, 200))
        for item in found[:_MAX_PARTS]
    ]
    return tuple(some), len(found)


def _differences(
    row: Row, before: Row | None
) -> tuple[tuple[tuple[str, str], ...], tuple[Change, ...]]:
    """Signals measured, and other columns added or replaced, by a step."""
    old = before or {}
    measured: list[tuple[str, str]] = []
    changes: list[Change] = []
    for name in dict.fromkeys([*row, *old]):
        if name in VERDICT or name in ("id", "source", "uri", "part_of", _FAILED_RULES):
            continue
        value, was = row.get(name), old.get(name)
        if value == was or (value != value and was != was):
            continue
        if name.startswith(SIGNAL_PREFIX):
            measured.append((name.removeprefix(SIGNAL_PREFIX), shown(value)))
        elif name == "text" and value is not None and (was is not None or before is None):
            continue  # shown as excerpt and as edits
        else:
            changes.append(Change(name, _value(name, was), _value(name, value)))
    return tuple(measured), tuple(changes)


def _value(name: str, value: object) -> str | None:
    if value is None:
        return None
    if name == "html" and isinstance(value, bytes):
        return f"{len(value):,} bytes: {markup_excerpt(value, 120)}"
    return shown(value)


def _copies(step: RunStep, name: str) -> tuple[tuple[Original, ...], int]:
    """The samples that this step dropped in favour of one."""
    found = find_rows(
        step.dataset(),
        DROP_OF,
        equals(name),
        kinds=["dropped"],
        columns=["id", "uri", *PAYLOADS],
    )
    return (
        tuple(
            Original(item.row["id"], str(item.row.get("uri")), payload_excerpt(item.row, 200))
            for item in found[:_MAX_COPIES]
        ),
        len(found),
    )
