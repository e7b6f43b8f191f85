"""Recipes, runs and what is asked of them, with ten times the sources, arms, labels and lines."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import pytest
from pydantic import JsonValue

from tests.growth.measure import assert_linear
from tests.growth.shapes import TEXTS
from tilth.clean import expression
from tilth.engine import run as engine_run
from tilth.engine.perform import run_task
from tilth.engine.run import RunOptions, run_plan, step_states
from tilth.engine.tasks import Task, read_task
from tilth.errors import RecipeError, TilthError
from tilth.query.diff import diff_runs
from tilth.query.document import report_document
from tilth.query.runs import RunView, open_run
from tilth.query.samples import show_samples
from tilth.query.status import run_status
from tilth.query.text import excerpt, markup_excerpt, text_changes
from tilth.query.trace import trace_sample
from tilth.recipe.load import parse_recipe
from tilth.recipe.plan import build_plan
from tilth.report.card import data_card
from tilth.report.write import render

# Edits of a text, and what else can differ: from a text to another.
EDITS: Mapping[str, Callable[[str], str]] = {
    "one line more": lambda text: "first\n" + text,
    "the last sign": lambda text: text[:-1] + "y",
    "every x": lambda text: text.replace("x", "y"),
    "half": lambda text: text[len(text) // 2 :],
    "every third line": lambda text: "".join(text.splitlines(keepends=True)[::3]),
}
REPEATED: Mapping[str, Callable[[int], tuple[str, str]]] = {
    "two lines, one of them another": lambda n: ("x\ny\n" * n, "x\nz\n" * n),
    "another order": lambda n: (
        "".join(f"{i}\n" for i in range(n)),
        "".join(f"{i}\n" for i in range(n))[::-1],
    ),
    "lines of four": lambda n: (
        "".join(f"{i * i % 4}\n" for i in range(n)),
        "".join(f"{i * i % 5}\n" for i in range(n)),
    ),
}


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("shape", ["short lines", "one sentence", "numbered lines", "newlines"])
def test_what_was_edited_in_a_longer_text(shape: str, edit: str) -> None:
    def make(n: int) -> Callable[[], object]:
        text = TEXTS[shape](n)
        other = EDITS[edit](text)
        return lambda: text_changes(text, other)

    assert_linear(make, 500, 80_000)


@pytest.mark.parametrize("form", REPEATED)
def test_what_was_edited_in_more_lines_that_repeat(form: str) -> None:
    def make(n: int) -> Callable[[], object]:
        before, after = REPEATED[form](n)
        return lambda: text_changes(before, after)

    # From where windows are compared; up to there they are, and take milliseconds, as a whole.
    assert_linear(make, 200, 5000)


@pytest.mark.parametrize("shape", TEXTS)
def test_an_excerpt_of_a_longer_text(shape: str) -> None:
    def make(n: int) -> Callable[[], object]:
        text = TEXTS[shape](n)
        data = text.encode()
        return lambda: [excerpt(text), markup_excerpt(data)]

    assert_linear(make, 500, 5000)


EXPRESSIONS: Mapping[str, Callable[[int], str]] = {
    "brackets": lambda n: "(" * n + "a < 1" + ")" * n,
    "open brackets": lambda n: "(" * n,
    "not": lambda n: "not " * n + "a < 1",
    "signs": lambda n: "-" * n + "a < 1",
    "sums": lambda n: "a" + "+a" * n + " < 1",
    "comparisons": lambda n: "a" + " < a" * n,
    "choices": lambda n: "a in (" + "1," * n + ")",
    "calls": lambda n: "abs(" * n + "a" + ")" * n + " < 1",
    "nested choices": lambda n: "a in " + "(" * n + "1" + ",)" * n,
}


@pytest.mark.parametrize("form", EXPRESSIONS)
def test_a_longer_rule(form: str) -> None:
    def make(n: int) -> Callable[[], object]:
        text = EXPRESSIONS[form](n)

        def run() -> None:
            for _ in range(20):
                expression.parse.cache_clear()
                with contextlib.suppress(TilthError):
                    expression.parse(text)

        return run

    assert_linear(make, 10, 50)


def _recipe(data: Path, sources: int = 1, more: str = "") -> str:
    lines = [f"  s{i}: {{jsonl: {{path: {data}}}}}" for i in range(sources)]
    return "tilth: 1\nname: many\ncollect:\n" + "\n".join(lines) + f"\n{more}"


def _weights(names: str, n: int) -> str:
    pairs = ", ".join(f"{names}{i}: 0.5" for i in range(n))
    return f"mix:\n  - weights: {{sources: {{{pairs}}}}}\n"


def _labels(n: int) -> str:
    pairs = ", ".join(f"label{i}: 0.5" for i in range(n))
    return f"mix:\n  - weights: {{labels: {{{pairs}}}}}\n"


def _arms(n: int, without: str) -> str:
    arms = "".join(f"    a{i}: {{without: {without.format(i, i % 30)}}}\n" for i in range(n))
    return (
        "clean:\n  - normalize\n"
        "value:\n  task: text-generation\n"
        "  model: {kind: gpt, layers: 1, width: 8, heads: 1, context: 8}\n"
        f"  arms:\n{arms}"
    )


RECIPES: Mapping[str, Callable[[Path, int], str]] = {
    "sources": lambda data, n: _recipe(data, n, "clean:\n  - normalize\n"),
    "weights": lambda data, n: _recipe(data, n, _weights("s", n)),
    "weights of sources that are not there": lambda data, n: _recipe(data, n, _weights("z", n)),
    "labels": lambda data, n: _recipe(data, 1, _labels(n)),
    "steps": lambda data, n: _recipe(data, 1, "clean:\n" + "  - normalize\n" * n),
    "operations that are not there": lambda data, n: _recipe(
        data, 1, "clean:\n" + "".join(f"  - normalise{i}\n" for i in range(n))
    ),
    "settings that are not there": lambda data, n: _recipe(
        data, 1, "clean:\n  - normalize: {" + ", ".join(f"forn{i}: 1" for i in range(n)) + "}\n"
    ),
    "arms": lambda data, n: _recipe(data, 30, _arms(n, "collect.s{1}")),
    "arms of steps that are not there": lambda data, n: _recipe(data, n, _arms(n, "clean.z{0}")),
    "depth": lambda data, n: "a: " + "[" * n + "]" * n,
    "open depth": lambda data, n: "a: " + "{" * n,
    "repeated keys": lambda data, n: "a: 1\n" * n,
    "aliases": lambda data, n: "a: &a [1]\nb: [" + "*a, " * n + "]\n",
    "one long word": lambda data, n: "a" * 10 * n,
    "quotation marks": lambda data, n: '"' * n,
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "some words of a text"}\n')
    return path


@pytest.mark.parametrize("form", RECIPES)
def test_a_longer_recipe(form: str, data: Path, tmp_path: Path) -> None:
    def make(n: int) -> Callable[[], object]:
        text = RECIPES[form](data, n)

        def run() -> object:
            try:
                return step_states(build_plan(parse_recipe(text)), tmp_path / "run")
            except RecipeError as error:
                return str(error)

        return run

    # YAML looks back for the key of a mapping, 1,024 characters and no further.
    start = 1500 if "depth" in form else 10
    assert_linear(make, start, max(start, 100))


class _InProcess:
    """An engine that runs tasks where the clock runs, one after the other."""

    def run(
        self, tasks: Iterable[Task], listen: Callable[[int, float, float | None, str], None]
    ) -> Iterator[tuple[int, JsonValue]]:
        for index, task in enumerate(tasks):
            given = read_task(json.loads(json.dumps(task.as_json())))
            yield index, run_task(given, lambda d, t, note: None)

    def close(self) -> None:
        """Nothing was started."""


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_run, "_engine", lambda *_: contextlib.nullcontext(_InProcess()))


def _made(data: Path, folder: Path, sources: int) -> RunView:
    """A run of so many sources, made once."""
    if not (folder / "run.json").exists():
        plan = build_plan(parse_recipe(RECIPES["sources"](data, sources)))
        run_plan(plan, folder, RunOptions())
    return open_run(folder)


@pytest.mark.usefixtures("in_process")
def test_a_run_of_more_sources(data: Path, tmp_path: Path) -> None:
    """From the recipe to the last step, and a second time where all is done."""
    count = iter(range(100))

    def make(n: int) -> Callable[[], object]:
        plan = build_plan(parse_recipe(RECIPES["sources"](data, n)))

        def run() -> None:
            folder = tmp_path / f"run{next(count)}"
            run_plan(plan, folder, RunOptions())
            run_plan(plan, folder, RunOptions())

        return run

    assert_linear(make, 20, 20)


ASKED: Mapping[str, Callable[[RunView], object]] = {
    "status": run_status,
    "report": lambda run: render(report_document(run)),
    "card": lambda run: data_card(report_document(run)),
    "show": lambda run: show_samples(run, "clean.normalize"),
    "trace": lambda run: trace_sample(run, show_samples(run, "clean.normalize").rows[-1].id),
    "diff": lambda run: diff_runs(run, run),
}


@pytest.mark.usefixtures("in_process")
def test_what_is_asked_of_a_run_of_more_sources(data: Path, tmp_path: Path) -> None:
    slow = []
    for asked, ask in ASKED.items():

        def make(n: int, ask: Callable[[RunView], object] = ask) -> Callable[[], object]:
            _made(data, tmp_path / f"many{n}", n)
            return lambda: ask(open_run(tmp_path / f"many{n}"))

        try:
            assert_linear(make, 20, 20)
        except AssertionError as error:
            slow.append(f"{asked}: {error}")
    assert not slow, "\n".join(slow)


HOSTILE = ["short lines", "newlines", "one line without blanks", "markup", "controls", "marks"]


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("shape", HOSTILE)
def test_what_is_asked_of_a_run_over_a_longer_text(shape: str, tmp_path: Path) -> None:
    def make(n: int) -> Callable[[], object]:
        folder = tmp_path / str(n)
        if not folder.exists():
            folder.mkdir()
            text = TEXTS[shape](n)
            rows = [json.dumps({"text": f"  {text}{i}"}) for i in range(3)]
            (folder / "a.jsonl").write_text("\n".join(rows) + "\n")
            recipe = _recipe(
                folder / "a.jsonl", 1, "clean:\n  - normalize\n  - redact\n  - normalize\n"
            )
            run_plan(build_plan(parse_recipe(recipe)), folder / "run", RunOptions())
        run = open_run(folder / "run")
        which = show_samples(run, "collect.s0").rows[0].id

        def ask() -> object:
            return [
                trace_sample(run, which),
                show_samples(run, "clean.redact"),
                render(report_document(run)),
                diff_runs(run, run),
            ]

        return ask

    assert_linear(make, 1000, 10_000)
