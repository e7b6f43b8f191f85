"""What differs between two runs: settings, counts, which samples, and results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from tilth.pretrain.quoted import intervals
from tilth.query.rows import read_columns
from tilth.query.runs import RunStep, RunView
from tilth.query.text import shown
from tilth.schema import DROP_RULE, ERROR
from tilth.store import Dataset
from tilth.store.shard import Kind

Ends = tuple[float, float]
_STEP_LISTS = ("clean", "deduplicate", "label", "augment", "mix")
# What is no finding (costs, sizes), or stands beside the number that is one.
_NOT_A_RESULT = frozenset(
    [
        "seconds",
        "seconds_per_seed",
        "cost_s",
        "more_cost_s",
        "more_seeds",
        "epochs",
        "curve",
        "points",
        "differences",
        "values",
        "summary",
        "multipliers",
        "samples",
        "what",
        "model",
        "threads",
        "steps",
        "level",
        "n",
        "p",
        "p_sign_flip",
        "sd",
        "low",
        "high",
        "adjusted_low",
        "adjusted_high",
        "adjusted_p",
        "last_tenth",
        "last_tenth_gain",
        "smallest_effect",
        "relative",
        "unreadable",
        "intervals",
    ]
)
_EXAMPLES = 5


@dataclass(frozen=True)
class SettingDifference:
    """A setting of a step; None where the run has no such setting or step."""

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
    """A number that training, transfer or value found.

    Attributes:
        name: Its path in the result.
        a, b: In each run; None where the run has no such number.
        a_interval, b_interval: low and high, of a figure of pretrain on held-out samples.
    """

    name: str
    a: float | None
    b: float | None
    a_interval: Ends | None = None
    b_interval: Ends | None = None


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
    old, new = (_by_step(yaml.safe_load(run.record["recipe_yaml"])) for run in (a, b))
    for step in dict.fromkeys([*old, *new]):
        if step not in new:
            yield SettingDifference(step, "", "there", None)
        elif step not in old:
            yield SettingDifference(step, "", None, "there")
        else:
            for key in dict.fromkeys([*old[step], *new[step]]):
                if old[step].get(key) != new[step].get(key):
                    left, right = (
                        shown(side[step][key], 200) if key in side[step] else None
                        for side in (old, new)
                    )
                    yield SettingDifference(step, key, left, right)


def _by_step(tree: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The settings of a resolved recipe by step name, nested ones under dotted names."""
    steps: dict[str, dict[str, Any]] = {"recipe": {}}
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
        "kept": step.kept or 0,
        "dropped": step.dropped or 0,
        "quarantined": step.quarantined or 0,
    }


def _samples(a: RunView, b: RunView) -> tuple[tuple[SampleDifference, ...], int]:
    end_a, end_b = a.end_of_line(), b.end_of_line()
    if end_a.identity == end_b.identity:
        return (), end_a.kept or 0
    ids_a, ids_b = (_ids(end) for end in (end_a, end_b))
    lost = ids_a.filter(pc.invert(pc.is_in(ids_a, value_set=ids_b)))
    gained = ids_b.filter(pc.invert(pc.is_in(ids_b, value_set=ids_a)))
    found = [*_where_they_went("lost", lost, b), *_where_they_went("gained", gained, a)]
    return tuple(found), len(ids_a) - len(lost)


def _ids(step: RunStep) -> pa.Array:
    tables = list(read_columns(Dataset(step.folder), "kept", ["id"]))
    return (
        pa.concat_tables(tables).column("id").combine_chunks()
        if tables
        else pa.array([], pa.string())
    )


def _where_they_went(change: str, ids: pa.Array, run: RunView) -> list[SampleDifference]:
    """What took samples out in the run that lacks them."""
    counts: Counter[tuple[str, str]] = Counter()
    some: dict[tuple[str, str], list[str]] = {}
    left = ids
    for step in run.line():
        reasons: tuple[tuple[Kind, str], ...] = (("dropped", DROP_RULE), ("quarantine", ERROR))
        for kind, reason in reasons:
            if not len(left):
                break
            for table in read_columns(Dataset(step.folder), kind, ["id", reason]):
                hits = table.filter(pc.is_in(table.column("id"), value_set=left))
                for name, why in zip(*(column.to_pylist() for column in hits.columns), strict=True):
                    key = (step.name, str(why) if kind == "dropped" else "quarantined")
                    counts[key] += 1
                    if len(some.setdefault(key, [])) < _EXAMPLES:
                        some[key].append(name)
                left = left.filter(
                    pc.invert(pc.is_in(left, value_set=hits.column("id").combine_chunks()))
                )
    if len(left):
        key = ("collect", "never came in")
        counts[key] = len(left)
        some[key] = left[:_EXAMPLES].to_pylist()
    return [
        SampleDifference(change, step, rule, count, tuple(some[step, rule]))
        for (step, rule), count in counts.most_common()
    ]


def _results(a: RunView, b: RunView) -> Iterator[ResultDifference]:
    old, new = (dict(_numbers_of(run)) for run in (a, b))
    ends = [dict(_ends_of(run)) for run in (a, b)]
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name):
            both = (side.get(name) for side in ends)
            yield ResultDifference(name, old.get(name), new.get(name), *both)


def _ends_of(run: RunView) -> Iterator[tuple[str, Ends]]:
    """The interval of each held-out figure of pretrain, by the path of the figure."""
    for step in run.steps:
        result = step.manifest.get("result") if step.stage == "pretrain" else None
        if not isinstance(result, dict):
            continue
        parts = [(step.name, result)]
        for kind in ("seeds", "folds"):
            runs = [one for one in result.get(kind) or [] if isinstance(one, dict)]
            parts += [(f"{step.name}.{kind}[{_label(one)}]", one) for one in runs]
        found = [
            (f"{path}.{split}", intervals(part, split))
            for path, part in parts
            for split in ("validation", "test")
        ]
        for path, by_name in [*found, (f"{step.name}.mean", intervals(result, mean=True))]:
            for name, one in by_name.items():
                if one.get("low") is not None and one.get("high") is not None:
                    yield f"{path}.{name}", (one["low"], one["high"])


def _numbers_of(run: RunView) -> Iterator[tuple[str, float]]:
    for step in run.steps:
        if not step.sorts:
            yield from _numbers(step.manifest.get("result"), step.name)


def _numbers(value: Any, name: str) -> Iterator[tuple[str, float]]:
    """Every number of a result by its path; entries of a list go by their own name."""
    if isinstance(value, bool):
        return
    if isinstance(value, int | float):
        yield name, value
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in _NOT_A_RESULT:
                yield from _numbers(item, f"{name}.{key}")
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, dict) and (label := _label(item)):
                yield from _numbers(item, f"{name}[{label}]")


def _label(item: Mapping[str, Any]) -> str:
    keys = ("name", "fold", "method", "size", "seed")
    parts = [item[key] for key in keys if item.get(key) is not None]
    return " ".join(str(part) for part in parts)
