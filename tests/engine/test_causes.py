"""What a run says of failures and of sources that vanish: the commonest cause, with an example."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.engine.conftest import run_text
from tests.engine.inline import inline
from tilth.engine.events import Event, Warned
from tilth.errors import DataError

__all__ = ["inline"]

pytestmark = pytest.mark.usefixtures("inline")


def _write(path: Path, rows: list[object]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def _recipe(folder: Path, *sources: str, then: str = "", budget: float = 0.01) -> str:
    collect = ", ".join(f"{name}: {{jsonl: {{path: {folder}/{name}.jsonl}}}}" for name in sources)
    return f"name: x\nerror_budget: {budget}\ncollect: {{{collect}}}\n{then}"


def _failure(text: str, folder: Path) -> DataError:
    with pytest.raises(DataError) as caught:
        run_text(text, folder / "run")
    return caught.value


def _warnings(text: str, folder: Path) -> list[Warned]:
    said: list[Event] = []
    run_text(text, folder / "run", listeners=[said.append])
    return [event for event in said if isinstance(event, Warned)]


def test_a_field_that_is_missing_is_named_with_those_there_are(tmp_path: Path) -> None:
    _write(tmp_path / "a.jsonl", [{"body": f"document {n}", "title": "t"} for n in range(40)])
    error = _failure(_recipe(tmp_path, "a"), tmp_path)
    assert "40 of 40 records failed (100%), more than the error budget of 1%; 40" in error.what
    assert "no field `text`; the record has `body`, `title`" in error.what
    assert f"(as {tmp_path}/a.jsonl:1)"[:60] in error.what
    assert "other cause" not in error.what
    assert "--quarantined" in error.hint


def test_causes_that_differ_in_numbers_and_values_are_one(tmp_path: Path) -> None:
    lines = [json.dumps({"text": "sound"})] * 10
    lines += [f'{{"text": "cut {"x" * n}' for n in range(7)]
    lines += [json.dumps({"text": n}) for n in range(2)] + [
        json.dumps({"text": [n]}) for n in (1, 2)
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(lines), "utf-8")
    error = _failure(_recipe(tmp_path, "a"), tmp_path)
    assert "; 7 for this cause: not valid JSON: " in error.what
    assert error.what.endswith("; 2 other causes")
    assert "…" not in error.what


def test_the_example_is_short_and_holds_nothing_private(tmp_path: Path) -> None:
    (tmp_path / "f.py").write_text(
        "def bad(text: str) -> float:\n    raise ValueError('of anna.smith@uni-bonn.de ' + text)\n"
    )
    _write(
        tmp_path / "a.jsonl", [{"text": f"call \x1b[31m +49 228 7360 4{n} " * 90} for n in range(9)]
    )
    then = f"clean:\n  - signals: {{names: [], functions: ['{tmp_path}/f.py:bad']}}\n"
    error = _failure(_recipe(tmp_path, "a", then=then), tmp_path)
    assert "9 for this cause: ValueError" in error.what
    assert "[EMAIL]" in error.what
    assert "anna" not in str(error)
    assert "7360" not in str(error)
    assert "\x1b" not in str(error)
    assert len(error.what) < 600
    assert "…" in error.what


def test_nothing_left_names_the_rule_or_the_failure(tmp_path: Path) -> None:
    _write(tmp_path / "a.jsonl", [{"text": "one two"} for _ in range(5)])
    then = "clean: [signals, {rules: {where: ['word_count >= 1', 'word_count >= 9']}}]\n"
    error = _failure(_recipe(tmp_path, "a", then=then), tmp_path)
    assert error.what == ("no sample is left: 5 of 5 were dropped, 5 of them by `word_count >= 9`")
    _write(tmp_path / "b.jsonl", [{"body": "one two"} for _ in range(5)])
    error = _failure(_recipe(tmp_path, "b", budget=1.0), tmp_path)
    assert "0 of 5 were dropped; 5 failed, 5 for this cause: no field `text`" in error.what
    assert "--quarantined" in error.hint


RULE = "clean: [signals, {rules: {where: ['word_count >= 4']}}]\n"


def test_a_source_that_ends_with_nothing_is_a_warning_on_each_run(tmp_path: Path) -> None:
    _write(tmp_path / "long.jsonl", [{"text": f"one two three four {n}"} for n in range(8)])
    _write(tmp_path / "short.jsonl", [{"text": f"too short {n}"} for n in range(6)])
    text = _recipe(tmp_path, "long", "short", then=RULE + "deduplicate: [exact]\n")
    for _ in range(2):
        (warned,) = _warnings(text, tmp_path)
        assert warned.step == "clean.rules"
        assert warned.message == (
            "nothing is left of the source `short`: this step took out all 6 of its samples, "
            "6 by `word_count >= 4`"
        )


def test_copies_of_another_source_vanish_by_deduplication(tmp_path: Path) -> None:
    rows: list[object] = [{"text": f"one two three four {n}"} for n in range(8)]
    _write(tmp_path / "first.jsonl", rows)
    _write(tmp_path / "second.jsonl", rows[:3])
    text = _recipe(tmp_path, "first", "second", then="deduplicate: [exact]\n")
    (warned,) = _warnings(text, tmp_path)
    assert warned.step == "deduplicate.exact"
    assert "`second`: this step took out all 3 of its samples, 3 by `" in warned.message


def test_a_source_of_which_something_stays_is_no_warning(tmp_path: Path) -> None:
    _write(tmp_path / "a.jsonl", [{"text": "one two three four"}, {"text": "short"}])
    _write(tmp_path / "b.jsonl", [{"text": "five six seven eight"}])
    assert _warnings(_recipe(tmp_path, "a", "b", then=RULE), tmp_path) == []


def test_a_source_left_out_of_the_mixture_on_purpose_is_no_warning(tmp_path: Path) -> None:
    _write(tmp_path / "a.jsonl", [{"text": "one two three four"}])
    _write(tmp_path / "b.jsonl", [{"text": "five six seven eight"}])
    then = "mix: [{weights: {sources: {b: 0}}}]\n"
    assert _warnings(_recipe(tmp_path, "a", "b", then=then), tmp_path) == []
