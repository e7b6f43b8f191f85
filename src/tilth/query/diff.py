"""What differs between two runs: settings, counts, which samples, and results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from tilth.query.found import Figure, figures_of
from tilth.query.rows import read_columns
from tilth.query.runs import RunStep, RunView
from tilth.query.text import shown
from tilth.recipe.earlier import as_now
from tilth.recipe.model import Header
from tilth.records import damaged
from tilth.schema import DROP_RULE, ERROR
from tilth.store.manifest import Kind

Ends = tuple[float, float]
_STEP_LISTS = ("clean", "deduplicate", "label", "augment", "mix")
_EXAMPLES = 5
# What goes with an effect, and differs where it does.
_BESIDE = frozenset({"p", "p_sign_flip", "adjusted_p", "sd"})


@dataclass(frozen=True)
class SettingDifference:
    """A setting of a step, or the run's `--limit`; None where a run has no such setting or step."""

    step: str
    setting: str
    a: str | None
    b: str | None


@dataclass(frozen=True)
class CountDifference:
    """The books of a step in both runs; None where a run lacks the step."""

    step: str
    a: Mapping[str, int] | None
    b: Mapping[str, int] | None


@dataclass(frozen=True)
class SampleDifference:
    """Samples that one run ends with and the other does not.

    Attributes:
        change: "gained" (b has them) or "lost" (a has them).
        step, rule: What took them out in the run that lacks them.
        count: How many.
        ids: A few of them.
    """

    change: str
    step: str
    rule: str
    count: int
    ids: tuple[str, ...]


@dataclass(frozen=True)
class ResultDifference:
    """A number that an operation, training, transfer or value found.

    Attributes:
        name: Its path in the result.
        a, b: In each run; None where the run has no such number.
        a_interval, b_interval: low and high, where there is an interval.
        unit, share, better: What follows it; whether it is a share of 1; its direction.
    """

    name: str
    a: float | None
    b: float | None
    a_interval: Ends | None = None
    b_interval: Ends | None = None
    unit: str = ""
    share: bool = False
    better: str = ""


@dataclass(frozen=True)
class RunDifference:
    """Run b against run a."""

    a: str
    b: str
    settings: tuple[SettingDifference, ...]
    counts: tuple[CountDifference, ...]
    samples: tuple[SampleDifference, ...]
    in_common: int
    results: tuple[ResultDifference, ...]

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not (self.settings or self.counts or self.samples or self.results)


def diff_runs(a: RunView, b: RunView) -> RunDifference:
    """Compare two runs.

    Raises:
        MissingError: A run has no finished step, or its output was removed.
    """
    samples, in_common = _samples(a, b)
    return RunDifference(
        a.name,
        b.name,
        tuple(_settings(a, b)),
        tuple(_counts(a, b)),
        samples,
        in_common,
        tuple(_results(a, b)),
    )


def _settings(a: RunView, b: RunView) -> Iterator[SettingDifference]:
    if a.record.limit != b.record.limit:
        limits = [None if n is None else str(n) for n in (a.record.limit, b.record.limit)]
        yield SettingDifference("collect", "--limit", *limits)
    old, new = map(_recipe_of, (a, b))
    for step in dict.fromkeys([*old, *new]):
        if step not in new:
            yield SettingDifference(step, "", "there", None)
        elif step not in old:
            yield SettingDifference(step, "", None, "there")
        else:
            for key in dict.fromkeys([*old[step], *new[step]]):
                if old[step].get(key) != new[step].get(key):
                    left, right = (
                        _setting(side[step][key]) if key in side[step] else None
                        for side in (old, new)
                    )
                    yield SettingDifference(step, key, left, right)


def _setting(value: object) -> str:
    """With all its digits: two thresholds that differ look different."""
    return shown(str(value) if isinstance(value, float) else value, 200)


def _recipe_of(run: RunView) -> dict[str, dict[str, object]]:
    """The settings of a run's recipe by step.

    Raises:
        DataError: Its record is damaged there.
    """
    try:
        return _by_step(as_now(yaml.safe_load(run.record.recipe_yaml), ran=True))
    except (yaml.YAMLError, AttributeError, TypeError, ValueError) as error:
        what, where = "the recipe in the run's record", str(run.folder)
        raise damaged(what, " ".join(str(error).split())[:200], where) from None


def _by_step(tree: Mapping[str, Any]) -> dict[str, dict[str, object]]:
    """The settings of a resolved recipe by step name, nested ones under dotted names."""
    # What an earlier version did not know it did not write down: it was the default.
    header = Header(name="any").model_dump(mode="json", exclude={"name"})
    steps: dict[str, dict[str, object]] = {"recipe": header}
    for key, value in tree.items():
        if key == "collect":
            for name, body in value.items():
                steps[f"collect.{name}"] = dict(_flat(body))
        elif key in _STEP_LISTS:
            seen: Counter[str] = Counter()
            for body in value:
                (op, settings), *_ = body.items()
                seen[op] += 1
                suffix = f"-{seen[op]}" if seen[op] > 1 else ""
                steps[f"{key}.{op}{suffix}"] = dict(_flat(settings))
        elif isinstance(value, dict):
            steps[key] = dict(_flat(value))
        elif key not in ("name", "tilth"):
            steps["recipe"][key] = value
    return steps


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        if isinstance(item, dict) and item:
            yield from _flat(item, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", item


def _counts(a: RunView, b: RunView) -> Iterator[CountDifference]:
    old, new = ({step.name: step for step in run.steps if step.sorts} for run in (a, b))
    for name in dict.fromkeys([*old, *new]):
        left, right = _books(old.get(name)), _books(new.get(name))
        if left != right:
            yield CountDifference(name, left, right)


def _books(step: RunStep | None) -> dict[str, int] | None:
    if step is None:
        return None
    return {
        "in": step.num_in or 0,
        **({"born": step.born} if step.born else {}),
        "kept": step.kept or 0,
        "dropped": step.dropped or 0,
        "quarantined": step.quarantined or 0,
    }


def _samples(a: RunView, b: RunView) -> tuple[tuple[SampleDifference, ...], int]:
    end_a, end_b = a.end_of_line(), b.end_of_line()
    if end_a.manifest.digest and end_a.manifest.digest == end_b.manifest.digest:
        return (), end_a.kept or 0
    ids_a, ids_b = (_ids(end) for end in (end_a, end_b))
    parts = pa.concat_arrays([_ids(end, parts=True) for end in (end_a, end_b)])
    lost = ids_a.filter(pc.invert(pc.is_in(ids_a, value_set=ids_b)))
    gained = ids_b.filter(pc.invert(pc.is_in(ids_b, value_set=ids_a)))
    found = [
        *_where_they_went("lost", lost, b, parts),
        *_where_they_went("gained", gained, a, parts),
    ]
    return tuple(found), len(ids_a) - len(lost)


def _ids(step: RunStep, *, parts: bool = False) -> pa.Array:
    """The samples that a step kept; with `parts` those that are parts of others."""
    tables = list(read_columns(step.dataset(), "kept", ["id", "part_of"]))
    if parts:
        tables = [one.filter(pc.is_valid(one.column("part_of"))) for one in tables]
    return (
        pa.concat_tables(tables).column("id").combine_chunks()
        if tables
        else pa.array([], pa.string())
    )


def _where_they_went(
    change: str, ids: pa.Array, run: RunView, parts: pa.Array
) -> list[SampleDifference]:
    """What took samples out in the run that lacks them."""
    counts: Counter[tuple[str, str]] = Counter()
    some: dict[tuple[str, str], list[str]] = {}
    left = ids
    for step in run.line():
        reasons: tuple[tuple[Kind, str], ...] = (("dropped", DROP_RULE), ("quarantine", ERROR))
        for kind, reason in reasons:
            if not len(left):
                break
            for table in read_columns(step.dataset(), kind, ["id", reason]):
                hits = table.filter(pc.is_in(table.column("id"), value_set=left))
                for name, why in zip(*(column.to_pylist() for column in hits.columns), strict=True):
                    key = (step.name, str(why) if kind == "dropped" else "quarantined")
                    counts[key] += 1
                    if len(some.setdefault(key, [])) < _EXAMPLES:
                        some[key].append(name)
                left = left.filter(
                    pc.invert(pc.is_in(left, value_set=hits.column("id").combine_chunks()))
                )
    is_part = pc.is_in(left, value_set=parts)
    for key, gone in (
        (("collect", "never came in"), left.filter(pc.invert(is_part))),
        (("clean", "never born: its page was not parted so"), left.filter(is_part)),
    ):
        if len(gone):
            counts[key] = len(gone)
            some[key] = gone[:_EXAMPLES].to_pylist()
    return [
        SampleDifference(change, step, rule, count, tuple(some[step, rule]))
        for (step, rule), count in counts.most_common()
    ]


def _results(a: RunView, b: RunView) -> Iterator[ResultDifference]:
    old, new = ({one.path: one for one in _findings_of(run)} for run in (a, b))
    for path in dict.fromkeys([*old, *new]):
        left, right = old.get(path), new.get(path)
        if (left and left.value) != (right and right.value):
            one = right or left
            assert one is not None
            yield ResultDifference(
                path,
                left.value if left else None,
                right.value if right else None,
                _ends(left),
                _ends(right),
                one.unit,
                one.share,
                one.better,
            )


def _findings_of(run: RunView) -> Iterator[Figure]:
    """What operations say and stages found: no books, costs, sizes or settings."""
    for one in figures_of(run):
        found = one.kind in ("operation", "finding")
        if found and one.name.rpartition(".")[2] not in _BESIDE:
            yield one


def _ends(one: Figure | None) -> Ends | None:
    if one is None or one.low is None or one.high is None:
        return None
    return one.low, one.high
