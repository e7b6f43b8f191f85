from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.query.conftest import RECIPE, write_documents
from tilth.engine.run import RunOptions, run_plan
from tilth.errors import UsageError
from tilth.query import trace
from tilth.query.rows import Found, find_rows
from tilth.query.runs import RunView, open_run
from tilth.query.samples import show_samples
from tilth.query.trace import trace_sample
from tilth.recipe.load import parse_recipe
from tilth.recipe.plan import build_plan


def test_the_life_of_a_near_copy(small: RunView) -> None:
    row = show_samples(small, "minhash", "dropped").rows[0]
    trace = trace_sample(small, row.id)
    assert [step.step for step in trace.steps] == [step.name for step in small.steps]
    assert trace.verdict == "dropped"
    steps = {step.step: step for step in trace.steps}
    assert dict(steps["clean.signals"].measured).keys() == {"word_count", "alpha_ratio"}
    assert any(line.startswith("- ") for line in steps["clean.normalize"].edits)
    assert [change.column for change in steps["deduplicate.hold_out"].changes] == ["split"]
    end = steps["deduplicate.minhash"]
    assert end.rule == "near-duplicate"
    assert end.value is not None
    assert end.value.startswith("jaccard=")
    assert end.of is not None
    # The one that stayed knows its copy.
    kept = trace_sample(small, end.of.id)
    assert kept.verdict == "kept"
    assert kept.steps[-1].num_copies == 1
    assert kept.steps[-1].copies[0].id == row.id


def test_a_sample_that_a_rule_dropped_ends_there(small: RunView) -> None:
    row = show_samples(small, "rules", "dropped").rows[0]
    trace = trace_sample(small, row.id[:10])
    assert trace.steps[-1].step == "clean.rules"
    assert trace.steps[-1].rule == "word_count >= 12"
    assert trace.steps[-1].failed_rules


def test_a_quarantined_record_has_its_error(small: RunView) -> None:
    trace = trace_sample(small, "docs.jsonl:401")
    assert trace.verdict == "quarantined"
    assert trace.steps[0].error


def test_a_sample_is_found_by_the_end_of_its_address(small: RunView) -> None:
    assert trace_sample(small, "docs.jsonl:7").uri.endswith("docs.jsonl:7")


def test_several_or_no_samples_are_refused(small: RunView) -> None:
    with pytest.raises(UsageError, match="50 or more"):
        trace_sample(small, "docs.jsonl")
    with pytest.raises(UsageError, match="no sample"):
        trace_sample(small, "nowhere")


def test_every_step_of_every_sample_agrees_with_the_books(small: RunView) -> None:
    shown = show_samples(small, "docs", n=30, offset=20)
    for row in shown.rows:
        trace = trace_sample(small, row.id)
        assert trace.steps[0].step == "collect.docs"
        assert [step.verdict for step in trace.steps[:-1]] == ["kept"] * (len(trace.steps) - 1)
        assert trace.verdict == "dropped" or len(trace.steps) == len(small.steps)


@pytest.mark.usefixtures("inline")
def test_one_shard_a_step_is_opened_whatever_the_number_of_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_documents(tmp_path / name / "docs.jsonl")
    text = RECIPE.format(path=tmp_path / "a" / "docs.jsonl", words=12)
    text = text.replace("clean:", f"  more: {{jsonl: {{path: {tmp_path / 'b'}}}}}\nclean:")
    plan = build_plan(parse_recipe(text))
    run_plan(plan, tmp_path / "run", RunOptions(num_workers=2, shard_rows=64))
    run = open_run(tmp_path / "run")
    opened: list[Any] = []

    def counted(*args: Any, **settings: Any) -> list[Found]:
        opened.append(settings.get("shards"))
        return find_rows(*args, **settings)

    monkeypatch.setattr(trace, "find_rows", counted)
    for row in show_samples(run, "more", n=3, offset=300).rows:
        opened.clear()
        life = trace_sample(run, row.id)
        assert life.source == "more"
        assert life.steps[0].step == "collect.more"
        assert life.steps[1].step == "clean.normalize"
        following = [shards for shards in opened if shards is not None]
        assert len(following) == len(life.steps)
