from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.query.test_findings import PLAIN, write_run
from tests.report.planted import planted_report
from tests.sealed import write_sealed
from tilth.errors import DataError
from tilth.query.diff import _results, diff_runs
from tilth.query.runs import RunView, open_run
from tilth.store.manifest import Manifest, write_manifest


def test_a_changed_threshold_and_what_it_did(small: RunView, earlier: RunView) -> None:
    found = diff_runs(earlier, small)
    assert [(s.step, s.setting) for s in found.settings] == [("clean.rules", "where")]
    assert found.counts[0].step == "clean.rules"
    gained = [s for s in found.samples if s.change == "gained"]
    assert gained[0].step == "clean.rules"
    assert gained[0].rule == "word_count >= 20"
    assert gained[0].ids
    kept = {run.name: run.end_of_line().kept or 0 for run in (small, earlier)}
    lost = sum(s.count for s in found.samples if s.change == "lost")
    assert found.in_common + sum(s.count for s in gained) == kept["small"]
    assert found.in_common + lost == kept["small@1"]


def test_the_other_way_round_is_the_mirror_image(small: RunView, earlier: RunView) -> None:
    ahead, back = diff_runs(earlier, small), diff_runs(small, earlier)
    swapped = {"gained": "lost", "lost": "gained"}
    assert {(s.change, s.step, s.rule, s.count) for s in ahead.samples} == {
        (swapped[s.change], s.step, s.rule, s.count) for s in back.samples
    }


def test_a_run_does_not_differ_from_itself(small: RunView) -> None:
    found = diff_runs(small, small)
    assert found.same
    assert found.in_common == small.end_of_line().kept


def _with_result(run: RunView, folder: Path, result: dict[str, Any]) -> RunView:
    """A copy of a run with a training step whose result is given."""
    shutil.copytree(run.folder, folder)
    record = json.loads((folder / "run.json").read_text("utf-8"))
    step = {**record["steps"][-1], "name": "pretrain", "op": "pretrain", "stage": "pretrain"}
    step |= {"kind": "fit", "folder": "pretrain-1", "counts": None}
    record["steps"].append(step)
    write_sealed(folder / "run.json", record)
    (folder / "data" / "pretrain-1").mkdir()
    manifest = Manifest(step="pretrain", result=PLAIN | result)
    write_manifest(folder / "data" / "pretrain-1", manifest)
    return open_run(folder)


def test_results_differ_number_by_number(small: RunView, tmp_path: Path) -> None:
    a = _with_result(small, tmp_path / "a", {"test": {"loss": 2.0, "acc": 0.5}, "seconds": 3.0})
    b = _with_result(small, tmp_path / "b", {"test": {"loss": 1.5, "acc": 0.5, "f1": 0.1}})
    assert {(r.name, r.a, r.b) for r in diff_runs(a, b).results} == {
        ("pretrain.test.loss", 2.0, 1.5),
        ("pretrain.test.f1", None, 0.1),
    }


def test_effects_differ_with_the_interval_that_decides(tmp_path: Path) -> None:
    before = planted_report()
    after = planted_report()
    after["value"]["arms"][0] |= {"mean": 0.5, "adjusted_low": 0.4, "adjusted_high": 0.6, "wins": 7}
    after["transfer"]["effects"][0]["mean"] = 9.0
    after["transfer"]["multiplier"]["value"] = 5.0
    for stage in ("value", "transfer"):
        runs = [
            write_run(tmp_path / f"{stage}-{side}", stage, report[stage])
            for side, report in (("a", before), ("b", after))
        ]
        found = {r.name: r for r in _results(*runs)}
        if stage == "value":
            assert set(found) == {"value.arms[scratch].mean", "value.arms[scratch].wins"}
            assert found["value.arms[scratch].mean"].b_interval == (0.4, 0.6)
        else:
            multiplier = found.pop("transfer.multiplier.value")
            assert multiplier.a_interval == (4.1, 5.2)
            assert set(found) == {"transfer.effects[fine-tune 10].mean"}


def test_a_held_out_figure_has_its_interval_beside_it(small: RunView, tmp_path: Path) -> None:
    def result(value: float) -> dict[str, Any]:
        ends = {"low": value - 1, "high": value + 1, "n": 9, "item": "image", "groups": 3,
                "method": "bootstrap"}  # fmt: skip
        one = {"test": {"accuracy": value}, "intervals": {"test": {"accuracy": ends}}}
        mean = {"split": "test", "accuracy": value, "intervals": {"accuracy": ends}}
        return {**one, "folds": [{"fold": "a", "seed": 0, **one}], "mean": mean}

    a = _with_result(small, tmp_path / "a", result(80.0))
    b = _with_result(small, tmp_path / "b", result(90.0))
    found = diff_runs(a, b).results
    names = [
        "pretrain.test.accuracy",
        "pretrain.folds[a 0].test.accuracy",
        "pretrain.mean.accuracy",
    ]
    assert sorted(r.name for r in found) == sorted(names)
    assert {(r.a_interval, r.b_interval) for r in found} == {((79.0, 81.0), (89.0, 91.0))}


@pytest.mark.parametrize("text", ["{", "3", "[]", "collect: 3", "collect: {a: 3}", "clean: 4", ""])
def test_a_record_without_a_recipe_is_damaged(text: str, small: RunView, tmp_path: Path) -> None:
    broken = replace(small, record=small.record.model_copy(update={"recipe_yaml": text}))
    with pytest.raises(DataError, match="the recipe in the run's record cannot be read"):
        diff_runs(broken, small)


def test_what_an_earlier_version_did_not_write_is_no_difference(small: RunView) -> None:
    text = small.record.recipe_yaml
    assert "extensions: []" in text
    before = small.record.model_copy(
        update={"recipe_yaml": text.replace("extensions: []", "").replace("seed: 0", "seed: 1")}
    )
    found = diff_runs(replace(small, record=before), small)
    assert [(one.setting, one.a, one.b) for one in found.settings] == [("seed", "1", "0")]


@pytest.mark.parametrize("value", ["false", "0", "''", "[]"])
def test_a_setting_that_one_run_lacks_is_a_difference_whatever_its_value(
    value: str, small: RunView
) -> None:
    text = small.record.recipe_yaml
    assert "- normalize:" in text
    more = text.replace("- normalize:", f"- normalize:\n    another: {value}", 1)
    other = replace(small, record=small.record.model_copy(update={"recipe_yaml": more}))
    (found,) = diff_runs(small, other).settings
    assert (found.step, found.setting, found.a) == ("clean.normalize", "another", None)


def test_two_settings_that_differ_look_different(small: RunView) -> None:
    text = small.record.recipe_yaml
    runs = [
        replace(
            small,
            record=small.record.model_copy(
                update={
                    "recipe_yaml": text.replace("- normalize:", f"- normalize:\n    x: {value}", 1)
                }
            ),
        )
        for value in (0.123456701, 0.123456702)
    ]
    (found,) = diff_runs(*runs).settings
    assert (found.a, found.b) == ("0.123456701", "0.123456702")
