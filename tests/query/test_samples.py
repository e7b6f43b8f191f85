from __future__ import annotations

import pytest

from tilth.errors import UsageError
from tilth.query.runs import RunView
from tilth.query.samples import (
    draw_examples,
    match_rule,
    payload_excerpt,
    rows_by_id,
    sample_row,
    show_samples,
)
from tilth.store import Dataset


def test_dropped_samples_show_rule_and_number(small: RunView) -> None:
    shown = show_samples(small, "rules", "dropped", n=3)
    assert shown.step == "clean.rules"
    assert shown.total == small.step("rules").dropped
    assert shown.of_how_many == f"3 of {shown.total} shown"
    for row in shown.rows:
        assert row.rule == "word_count >= 12"
        assert row.value is not None
        assert int(row.value.removeprefix("word_count=")) < 12


def test_a_rule_is_named_by_a_part(small: RunView) -> None:
    by_part = show_samples(small, "rules", rule="word_count", n=2, offset=1)
    everything = show_samples(small, "rules", "dropped", n=1000)
    assert by_part.rule == "word_count >= 12"
    # As a recipe may write it.
    assert show_samples(small, "rules", rule="(word_count>=12)", n=2, offset=1) == by_part
    assert [row.id for row in by_part.rows] == [row.id for row in everything.rows[1:3]]
    with pytest.raises(UsageError, match="no rule"):
        show_samples(small, "rules", rule="wrod")
    with pytest.raises(UsageError, match="several"):
        match_rule("count", {"word_count > 1": 1, "char_count > 1": 2}, "x")


def test_a_duplicate_shows_its_original(small: RunView) -> None:
    shown = show_samples(small, "exact", "dropped")
    assert shown.rows
    for row in shown.rows:
        assert row.of is not None
        assert row.of.excerpt
        assert " ".join(row.excerpt.split()).startswith(row.of.excerpt[:40])


def test_a_quarantined_record_shows_file_row_and_cause(small: RunView) -> None:
    shown = show_samples(small, "docs", "quarantine")
    assert shown.total == 1
    assert shown.rows[0].error is not None
    assert "docs.jsonl:401" in shown.rows[0].error


def test_offset_passes_over_shards(small: RunView) -> None:
    every = [row.id for row in show_samples(small, "docs", n=1000).rows]
    assert len(every) == 400
    assert [row.id for row in show_samples(small, "docs", n=7, offset=395).rows] == every[395:]
    assert show_samples(small, "docs", n=7, offset=4000).rows == ()
    with pytest.raises(UsageError):
        show_samples(small, "docs", n=-1)


def test_excerpts_carry_no_escape_codes(small: RunView) -> None:
    rows = show_samples(small, "docs", n=5).rows
    assert all("\x1b" not in row.excerpt and "[U+001B]" in row.excerpt for row in rows)


def test_examples_are_spread_over_rules_and_do_not_depend_on_order(small: RunView) -> None:
    dataset = Dataset(small.step("exact").folder)
    ids = draw_examples(dataset, dataset.manifest.by_rule, 5, 20)
    dropped = sorted(row.id for row in show_samples(small, "exact", "dropped", n=1000).rows)
    assert ids == dropped[:5]
    rows = rows_by_id(dataset, "dropped", ids[::-1], ["id"])
    assert [row["id"] for row in rows] == ids[::-1]


def test_every_payload_has_an_excerpt() -> None:
    page = b"<html><script>x()</script><p>Hello <b>you</b></p>"
    assert payload_excerpt({"text": None, "html": page}, 100) == "Hello you"
    assert payload_excerpt({"image": b"1234"}, 100) == "(image, 4 bytes)"
    assert payload_excerpt({}, 100) == ""


def test_a_recording_shows_what_is_said_in_it_and_by_whom() -> None:
    row = {"id": "1", "uri": "a.wav", "source": "s", "audio": b"1234"}
    shown = sample_row({**row, "target": "yes\x1b no", "subject": "ann"}, {})
    assert (shown.excerpt, shown.target) == ("(audio, 4 bytes)", "yes[U+001B] no")
    assert shown.subject == "ann"
    assert sample_row(row, {}).target is None
