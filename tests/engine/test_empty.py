"""Every step meets a shard, a source, a split and a whole input of which nothing is left.

The operations come from the registry, so that one that is added is tried too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.engine.inline import Row, inline, places, plan_of, run_inline, sample, write_source
from tests.label.model_server import labelled, serving
from tilth import api
from tilth.collect import jsonl
from tilth.errors import TilthError
from tilth.query.runs import open_run
from tilth.recipe.operations import RECORD_STAGES, Operation, operations
from tilth.schema import SCHEMA
from tilth.store import Dataset

__all__ = ["inline"]

pytestmark = pytest.mark.usefixtures("inline")


@pytest.fixture(autouse=True)
def of_any_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows are written by hand, and have what the settings of their sources do not tell."""
    monkeypatch.setattr(jsonl, "fills", lambda settings: (*SCHEMA, *PAIR))


@pytest.fixture(scope="module", autouse=True)
def model() -> Iterator[None]:
    """A server that gives every text the same label."""
    with serving(lambda _: labelled("x")) as server:
        _MODEL[:] = [server.url]
        yield


# What a step needs to have something to do; the others are tried as they come.
SETTINGS: dict[str, list[dict[str, Any]]] = {
    "annotations": [{"ledger": "annotations/none"}],
    "language_model": [
        {
            "model": "m",
            "prompt": "{text}",
            "allow": ["text"],
            "labels": ["x", "y"],
            "allow_hosts": ["127.0.0.1"],
        }
    ],
    "rules": [{"where": ["text != 'none'"]}],
    "language": [{"keep": ["en", "unknown"]}],
    "exact": [{}, {"of": "image"}, {"of": "audio"}],
    "hold_out": [{"test": 0.2, "by": "id"}, {"test": 0.2, "by": "id", "sources": ["b"]}],
    "decontaminate": [{"ngram_words": 3}],
    "minhash": [{"threshold": 0.9}],
    "consensus": [{}, {"method": "mace"}, {"method": "majority"}, {"method": "single"}],
    "free_text": [{}, {"metric": "chrf", "to": "text"}],
    "preferences": [{"first": "meta.a", "second": "meta.b"}],
    "weights": [{"sources": {"a": 1.0, "b": 0.5}}],
    "select": [{"css": "p"}],
    "chunk": [{"at_most": 100}],  # what has a `target` is never cut
}
LEAVES = "subject == 'stays'"
# What is learnt from labels, of two classes.
LEARNS = ("distil", "label_errors")
# Where a model answers.
_MODEL: list[str] = []
# What only `preferences` reads.
PAIR = {"meta.a": "x", "meta.b": "y"}

STEPS: list[tuple[str, Operation, dict[str, Any]]] = [
    (f"{name}-{number}", op, given)
    for name, op in sorted(operations().items())
    if op.kind in ("map", "part", "shuffle")
    for number, given in enumerate(SETTINGS.get(name, [{}]))
]
RECORD_STEPS = [pytest.param(op, given, id=name) for name, op, given in STEPS]

Shards = list[list[Row]]


def _recipe(folder: Path, op: Operation, given: dict[str, Any], where: str = LEAVES) -> str:
    """Two sources; what is marked goes; the step; one after it that describes what is left."""
    (folder / "nothing.jsonl").touch()
    lines: dict[str, Any] = {stage: [] for stage in RECORD_STAGES}
    lines["clean"] = [{"rules": {"where": [where]}}]
    if op.name == "language_model":
        given = {**given, "url": _MODEL[0], "cache": str(folder / "answers")}
    lines[op.stage].append({op.name: given})
    lines["mix"].append("weights")
    source = {"jsonl": {"path": str(folder / "nothing.jsonl")}}
    tree = {"tilth": 1, "name": "r", "collect": {"a": source, "b": source}, **lines}
    return yaml.safe_dump(tree, sort_keys=False)


def _outcome(text: str, folder: Path, a: Shards, b: Shards) -> dict[str, Any] | str:
    """The rows of every step of the line and its figures; or the code of its error."""
    if any(f"- {name}:" in text for name in LEARNS):
        a, b = ([_labelled(shard) for shard in shards] for shards in (a, b))
    write_source(text, folder, "a", a)
    write_source(text, folder, "b", b)
    error = _error(text, folder)
    if error is not None:
        assert error.hint
        return error.code
    found: dict[str, Any] = {}
    plan = plan_of(text)
    for step, where in zip(plan.steps, places(folder, plan), strict=True):
        dataset = Dataset(where)
        found[step.name] = (dataset.to_arrow().to_pylist(), dataset.manifest.figures)
    del found["collect.a"], found["collect.b"], found["clean.rules"]
    return found


def _labelled(rows: list[Row]) -> list[Row]:
    """With labels by the last digit of their addresses, so that whoever is left has the same."""
    return [{**row, "label": "yx"[int(row["uri"][-1]) % 2], "split": "train"} for row in rows]


def _error(text: str, folder: Path) -> TilthError | None:
    """What a run ends with; anything but one of Tilth's own errors is a failure."""
    try:
        run_inline(text, folder)
    except TilthError as error:
        return error
    return None


def _samples(source: str, numbers: range, **given: Any) -> list[Row]:
    return [sample(source, number, **given) | PAIR for number in numbers]


GONE = {"subject": "gone"}


def _a_shard() -> tuple[Shards, Shards]:
    """The first and one in the middle; of the other source all, and one that never held any."""
    middle = _samples("a", range(15, 17), **GONE)
    a = [_samples("a", range(2), **GONE), _samples("a", range(5, 13)), middle]
    return [*a, _samples("a", range(20, 23))], [[], _samples("b", range(40, 42), **GONE)]


def _a_source() -> tuple[Shards, Shards]:
    return [_samples("a", range(3), **GONE), _samples("a", range(3, 6), **GONE)], [
        _samples("b", range(10, 22))
    ]


def _a_split(split: str) -> tuple[Shards, Shards]:
    """One shard each holds nothing but what goes, the others some of it."""

    def rows(source: str, numbers: range) -> list[Row]:
        made = _samples(source, numbers)
        return [row | (GONE if row["split"] == split else {}) for row in made]

    alone = [row for row in rows("a", range(100, 110)) if row["split"] == split]
    return [rows("a", range(10)), alone], [rows("b", range(10, 20))]


CASES: dict[str, Callable[[], tuple[Shards, Shards]]] = {
    "shard": _a_shard,
    "source": _a_source,
    "test": lambda: _a_split("test"),
    "validation": lambda: _a_split("validation"),
    "train": lambda: _a_split("train"),
}


def _marks(op: Operation, case: str) -> tuple[pytest.MarkDecorator, ...]:
    """By default the case that differs most is tried, and that of a split where splits matter."""
    fast = case == "shard" or (case == "test" and op.stage == "deduplicate")
    return () if fast else (pytest.mark.slow,)


@pytest.mark.parametrize(
    ("op", "given", "case"),
    [
        pytest.param(op, given, case, id=f"{name}-{case}", marks=_marks(op, case))
        for name, op, given in STEPS
        for case in CASES
    ],
)
def test_what_is_left_is_what_would_be_there_alone(
    op: Operation, given: dict[str, Any], case: str, tmp_path: Path
) -> None:
    a, b = CASES[case]()
    text = _recipe(tmp_path, op, given)
    left = [
        [kept for shard in shards if (kept := [r for r in shard if r["subject"] == "stays"])]
        for shards in (a, b)
    ]
    alone = _outcome(text, tmp_path / "alone", left[0], left[1])
    assert _outcome(text, tmp_path / "all", a, b) == alone
    if isinstance(alone, str):
        # A rerun ends as it did.
        assert _outcome(text, tmp_path / "all", a, b) == alone


@pytest.mark.parametrize(("op", "given"), RECORD_STEPS)
def test_nothing_at_all_is_one_clear_error_and_a_mended_recipe_goes_on(
    op: Operation, given: dict[str, Any], tmp_path: Path
) -> None:
    shards = [_samples("a", range(6)), _samples("a", range(6, 9))], [_samples("b", range(4))]
    nothing = _recipe(tmp_path, op, given, where="subject == 'elsewhere'")
    for _ in range(2):
        assert _outcome(nothing, tmp_path / "run", *shards) == "nothing-left"
    assert isinstance(_outcome(_recipe(tmp_path, op, given), tmp_path / "run", *shards), dict)


def test_readers_take_what_has_empty_shards(tmp_path: Path) -> None:
    """All that looks at a finished run: one whose shards, and one of whose sources, are empty."""
    text = _recipe(tmp_path, operations()["exact"], {})
    copies = _samples("a", range(5, 12), text="the same", split="train")
    a = [_samples("a", range(5), **GONE), [*copies[:4], *_samples("a", range(12, 15))], copies[4:]]
    _outcome(text, tmp_path / "r", a, [_samples("b", range(5), **GONE)])
    run = api.Run(open_run(tmp_path / "r"))
    for step in run.view.line():
        dataset = run.dataset(step.name)
        rows = dataset.to_arrow().to_pylist()
        assert len(rows) == dataset.num_rows == step.kept
        assert [row for batch in dataset.batches(["id"]) for row in batch.to_pylist()] == [
            {"id": row["id"]} for row in rows
        ]
        assert len(dataset.to_polars(["id"])) == len(rows)
        assert len(list(dataset.to_torch(["id", "text"]))) == len(rows)
        assert len(dataset.digest) == 64
        dataset.verify()
        for kind in ("kept", "dropped", "quarantine"):
            shown = run.show(step.name, kind, n=50)
            assert len(shown.rows) == shown.total
    trace = run.trace("http://a.test/5")
    assert trace.verdict == "kept"
    assert [step.step for step in trace.steps][-1] == "mix.weights"
    assert run.trace("http://a.test/9").verdict == "dropped"
    assert run.trace("http://b.test/3").verdict == "dropped"
    assert run.write_report().is_file()
    assert run.status.status == "done"
