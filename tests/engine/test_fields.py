"""Fields that travel: one schema for all shards, whatever is met when, and after a kill."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.inline import inline, place, plan_of, run_inline
from tilth.engine import read
from tilth.engine.run import RunOptions, run_plan
from tilth.errors import TilthError, UsageError
from tilth.meta.arrow import words
from tilth.pretrain.groups import groups_of
from tilth.randomness import ids_to_u64
from tilth.store import Dataset, shard

__all__ = ["inline"]

pytestmark = pytest.mark.usefixtures("inline")

_MIXED: list[dict[str, Any]] = [
    {"n": 1, "m": 1},
    {"n": 2, "m": 2},
    {"n": 2.5, "m": None},
    {"n": None, "m": "late"},
    {"tags": ["a"], "new": True},
    {"tags": [], "m": {"k": [1]}},
    {},
]


def _jsonl(folder: Path, rows: list[dict[str, Any]], name: str = "a") -> Path:
    path = folder / f"{name}.jsonl"
    path.write_text(
        "".join(json.dumps({"text": f"text {n}", **row}) + "\n" for n, row in enumerate(rows))
    )
    return path


def _recipe(sources: str, rest: str = "") -> str:
    return f"tilth: 1\nname: fields\nerror_budget: 1\ncollect:\n{sources}\n{rest}"


def _source(path: Path, fields: str = "{}", name: str = "a", kind: str = "jsonl") -> str:
    return f"  {name}: {{{kind}: {{path: {path}, fields: {fields}}}}}"


def _rows(folder: Path, text: str, step: str) -> list[dict[str, Any]]:
    """The fields of each row that it has."""
    found = Dataset(place(folder, plan_of(text), step)).to_arrow().to_pylist()
    return [
        {k.removeprefix("meta."): v for k, v in row.items() if "meta." in k and v is not None}
        for row in found
    ]


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder / "data")): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((folder / "data").rglob("*.parquet"))
    }


def test_shards_of_a_source_have_one_schema(tmp_path: Path) -> None:
    text = _recipe(_source(_jsonl(tmp_path, _MIXED)))
    run_inline(text, tmp_path / "run", shard_rows=2)
    dataset = Dataset(place(tmp_path / "run", plan_of(text), "collect.a"))
    shards = dataset.shards()
    assert len(shards) == 4
    assert len({pq.read_schema(path).to_string() for path in shards}) == 1
    schema = {f.name: str(f.type) for f in pq.read_schema(shards[0]) if f.name[:5] == "meta."}
    assert schema == {
        "meta.n": "double",
        "meta.m": "large_string",
        "meta.tags": "list<element: large_string>",
        "meta.new": "bool",
    }
    assert _rows(tmp_path / "run", text, "collect.a") == [
        {"n": 1.0, "m": "1"},
        {"n": 2.0, "m": "2"},
        {"n": 2.5},
        {"m": "late"},
        {"tags": ["a"], "new": True},
        {"tags": [], "m": '{"k":[1]}'},
        {},
    ]
    # The manifest says what the files hold, and readers that know nothing of Tilth read them.
    dataset.verify()
    names = [str(path) for path in shards]
    assert pl.read_parquet(names).height == len(_MIXED)
    assert ds.dataset(names, schema=pq.read_schema(names[0])).to_table().num_rows == len(_MIXED)


def test_what_varies_is_told(tmp_path: Path) -> None:
    text = _recipe(_source(_jsonl(tmp_path, _MIXED)))
    run_inline(text, tmp_path / "run", shard_rows=2)
    events = [json.loads(x) for x in (tmp_path / "run/events.jsonl").read_text().splitlines()]
    told = [event["message"] for event in events if event["event"] == "Warned"]
    assert told == ["`meta.m` has values of several types: it is text in all records"]


_VALUE = st.sampled_from([None, 1, (1 << 53) + 1, 0.5, True, "x", [1], ["a", None], [], {"a": 1}])


@settings(
    deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(
        st.dictionaries(st.sampled_from(["a", "b"]), _VALUE, max_size=2), min_size=1, max_size=7
    ),
    shard_rows=st.integers(1, 4),
)
def test_a_field_is_what_it_was_or_text(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], shard_rows: int
) -> None:
    folder = tmp_path_factory.mktemp("any")
    text = _recipe(_source(_jsonl(folder, rows)))
    run_inline(text, folder / "run", shard_rows=shard_rows)
    found = _rows(folder / "run", text, "collect.a")
    dataset = Dataset(place(folder / "run", plan_of(text), "collect.a"))
    for name in ("a", "b"):
        kind = next((f.type for f in dataset.schema if f.name == f"meta.{name}"), pa.null())
        wanted = [row[name] for row in rows if row.get(name) is not None]
        got = [row[name] for row in found if name in row]
        if kind == pa.large_string():
            assert got == [_text(value) for value in wanted]
        else:
            assert got == wanted
    assert len({pq.read_schema(path).to_string() for path in dataset.shards()}) == 1


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":")) if isinstance(value, dict) else words(value)


@pytest.mark.parametrize("calls", range(1, 12))
def test_a_kill_at_any_write_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "text,n,m\n" + "".join(f"row {n},{n},{n if n < 5 else 'x'}\n" for n in range(7))
    )
    text = _recipe(_source(path, kind="csv"))
    run_inline(text, tmp_path / "calm", shard_rows=2)
    left = calls

    def dying(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
            return real(*given, **named)

        return call

    with monkeypatch.context() as patch:
        for name in ("write_parquet", "write_record", "remove"):
            patch.setattr(shard, name, dying(getattr(shard, name)))
        with pytest.raises((KeyboardInterrupt, TilthError)):
            run_inline(text, tmp_path / "killed", shard_rows=2)
    run_inline(text, tmp_path / "killed", shard_rows=2)
    assert _digests(tmp_path / "killed") == _digests(tmp_path / "calm")
    rows = _rows(tmp_path / "killed", text, "collect.a")
    assert rows == [{"n": n, "m": str(n) if n < 5 else "x"} for n in range(7)]


def test_sources_of_two_types_have_one_after_the_first_step(tmp_path: Path) -> None:
    one = _jsonl(tmp_path, [{"n": 1, "wide": (1 << 53) + 1}, {"n": 2, "only": "x"}], "one")
    other = _jsonl(tmp_path, [{"wide": 0.5, "n": 0.5}, {"n": 3.5}], "other")
    sources = "\n".join([_source(one, name="one"), _source(other, name="other")])
    text = _recipe(sources, "clean: [normalize]\n")
    run_inline(text, tmp_path / "run", shard_rows=1)
    dataset = Dataset(place(tmp_path / "run", plan_of(text), "clean.normalize"))
    assert len({pq.read_schema(path).to_string() for path in dataset.shards()}) == 1
    assert _rows(tmp_path / "run", text, "clean.normalize") == [
        {"n": 1.0, "wide": "9007199254740993"},
        {"n": 2.0, "only": "x"},
        {"n": 0.5, "wide": "0.5"},
        {"n": 3.5},
    ]


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        ("meta.year >= 2015", [1, 2]),
        ("meta['date of issue'] >= '2015-06-01'", [2]),
        ("'news' in meta.tags", [1]),
        ("known(meta.tags)", [1]),
        ("meta.ok", [0, 2]),
    ],
)
def test_rules_read_fields(tmp_path: Path, rule: str, kept: list[int]) -> None:
    rows: list[dict[str, Any]] = [
        {"year": 2014, "date of issue": "2014-01-01", "ok": True},
        {"year": 2015, "date of issue": "2015-01-01", "tags": ["news"], "ok": False},
        {"year": 2016, "date of issue": "2016-01-01", "ok": True},
    ]
    text = _recipe(_source(_jsonl(tmp_path, rows)), f'clean: [{{rules: {{where: ["{rule}"]}}}}]\n')
    run_inline(text, tmp_path / "run")
    where = place(tmp_path / "run", plan_of(text), "clean.rules")
    texts = [row["text"] for row in Dataset(where).to_arrow().to_pylist()]
    # What a record does not say decides nothing, unless the rule asks whether it does.
    unknown = [n for n in range(3) if rule.startswith("'news'") and n != 1]
    assert texts == [f"text {n}" for n in sorted([*kept, *unknown])]


def test_a_rule_over_no_field_is_an_error_that_names_the_nearest(tmp_path: Path) -> None:
    path = _jsonl(tmp_path, [{"year": 2014}])
    text = _recipe(_source(path), 'clean: [{rules: {where: ["meta.yaer > 2"]}}]\n')
    with pytest.raises(UsageError, match=r"did you mean `meta.year`"):
        run_inline(text, tmp_path / "run")


def test_a_changed_field_is_noticed(tmp_path: Path) -> None:
    text = _recipe(_source(_jsonl(tmp_path, [{"n": 1}])))
    digests = []
    for value in (1, 2, 1):
        _jsonl(tmp_path, [{"n": value}])
        run_inline(text, tmp_path / "run")
        digests.append(Dataset(place(tmp_path / "run", plan_of(text), "collect.a")).digest)
    assert digests[0] == digests[2] != digests[1]


def test_the_setting_acts_on_what_is_made(tmp_path: Path) -> None:
    path = _jsonl(tmp_path, [{"a": 1, "b": 2}])
    for fields, row in (
        ("{}", {"a": 1, "b": 2}),
        ("{meta: none}", {}),
        ("{meta: [b]}", {"b": 2}),
        ("{meta: none, c: a}", {"c": 1}),
    ):
        text = _recipe(_source(path, fields))
        run_inline(text, tmp_path / "run")
        assert _rows(tmp_path / "run", text, "collect.a") == [row]


def test_memory_is_that_of_a_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The source's batches are gone when its shards are written again."""
    path = _jsonl(tmp_path, [{"n": n if n < 5000 else "x"} for n in range(5001)])
    most = 0
    real = shard.refit_shards

    def counted(*given: Any) -> None:
        nonlocal most
        fit = given[2]

        def one(batch: pa.RecordBatch) -> pa.RecordBatch:
            nonlocal most
            most = max(most, batch.num_rows)
            return fit(batch)

        real(given[0], given[1], one)

    monkeypatch.setattr(read, "refit_shards", counted)
    run_plan(plan_of(_recipe(_source(path))), tmp_path / "run", RunOptions(shard_rows=2000))
    assert 0 < most <= 1024


def test_an_interval_groups_by_a_field(tmp_path: Path) -> None:
    rows = [{"patient": n % 3} for n in range(6)]
    text = _recipe(_source(_jsonl(tmp_path, rows)))
    run_inline(text, tmp_path / "run", shard_rows=2)
    where = place(tmp_path / "run", plan_of(text), "collect.a")
    ids = ids_to_u64([row["id"] for row in Dataset(where).to_arrow().to_pylist()])
    codes = groups_of(where, ids, ids[:0], "meta.patient")
    assert codes is not None
    assert codes.tolist() == [0, 1, 2, 0, 1, 2]
