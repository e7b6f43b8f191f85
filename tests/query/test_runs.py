from __future__ import annotations

import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import tilth
from tests.query.conftest import recipe_file
from tests.query.trained import trained_run
from tests.sealed import write_sealed
from tests.web.sites import Reply, Site, running
from tilth.errors import DataError, MissingError, UsageError
from tilth.query.augmented import augmented_sheet
from tilth.query.diff import diff_runs
from tilth.query.document import report_document
from tilth.query.export import export_splits
from tilth.query.removal import plan_removal
from tilth.query.runs import RunView, _last_of, list_runs, match_step, open_run
from tilth.query.status import is_running, run_status, status_word
from tilth.store.files import folder_lock
from tilth.web.fetch import MIRROR_VARIABLE


def test_a_run_is_found_by_name_path_and_history(workplace: Path) -> None:
    runs = workplace / "runs"
    by_name, by_path = open_run("small", runs), open_run(runs / "small")
    assert by_name.folder == by_path.folder
    assert open_run("small@1", runs).entry == 1
    assert open_run(f"{runs}/small@1").name == "small@1"
    assert [run.name for run in list_runs(runs)] == ["small"]
    assert list_runs(workplace / "none") == []


def test_a_missing_run_is_answered_with_the_closest(workplace: Path) -> None:
    with pytest.raises(MissingError) as caught:
        open_run("smal", workplace / "runs")
    assert "`small`" in caught.value.hint
    with pytest.raises(MissingError, match="no entry 7") as caught:
        open_run("small@7", workplace / "runs")
    assert "small@1" in caught.value.hint
    with pytest.raises(MissingError, match="no run"):
        open_run("", workplace / "runs")


def test_steps_have_their_books(small: RunView) -> None:
    assert [step.name for step in small.steps] == [
        "collect.docs",
        "clean.normalize",
        "clean.signals",
        "clean.rules",
        "deduplicate.hold_out",
        "deduplicate.exact",
        "deduplicate.minhash",
    ]
    for step in small.steps:
        assert step.num_in == (step.kept or 0) + (step.dropped or 0) + (step.quarantined or 0)
    assert [step.cached for step in small.steps[:4]] == [True, True, True, False]
    assert small.end_of_line().name == "deduplicate.minhash"


def test_a_step_is_named_by_its_end(small: RunView) -> None:
    assert small.step("rules").name == "clean.rules"
    assert small.step("docs").name == "collect.docs"
    with pytest.raises(UsageError) as caught:
        small.step("rulez")
    assert "clean.rules" in caught.value.hint


def test_what_else_may_be_named_is_in_the_hint() -> None:
    with pytest.raises(UsageError) as caught:
        match_step("trian", ["clean.rules"], or_one_of=("train", "test"))
    assert caught.value.hint == "did you mean `train`?"


def test_the_end_of_several_steps_is_refused() -> None:
    names = ["clean.rules", "label.rules", "value.no-dedup/clean.rules", "value.x/mix.weights"]
    with pytest.raises(UsageError, match="several"):
        match_step("rules", names)
    assert match_step("weights", names) == "value.x/mix.weights"
    assert match_step("clean.rules", names) == "clean.rules"
    with pytest.raises(MissingError, match="not reached"):
        match_step("vote", names, ["label.vote"])


def test_status_of_a_done_run(small: RunView) -> None:
    status = run_status(small)
    assert (status.status, status.left, status.quarantined) == ("done", (), 1)
    assert status.report is not None
    assert Path(status.report).is_file()
    assert status.history == 1


def test_the_report_of_an_earlier_invocation_is_not_that_of_one_that_failed(
    small: RunView, tmp_path: Path
) -> None:
    folder = tmp_path / "small"
    shutil.copytree(small.folder, folder)
    record = json.loads((folder / "run.json").read_text("utf-8"))
    begun = datetime.fromisoformat(record["started"])
    for later_s, is_of_it in ((0, True), (86_400, False)):
        started = (begun + timedelta(seconds=later_s)).isoformat(timespec="seconds")
        write_sealed(folder / "run.json", record | {"started": started})
        assert (run_status(open_run(folder), plan=False).report is not None) == is_of_it


def test_status_says_what_is_left_after_a_kill(small: RunView, tmp_path: Path) -> None:
    folder = tmp_path / "small"
    shutil.copytree(small.folder, folder)
    record = json.loads((folder / "run.json").read_text("utf-8"))
    lost = record["steps"].pop()
    record["status"] = "running"
    write_sealed(folder / "run.json", record)
    shutil.rmtree(folder / "data" / lost["folder"])
    status = run_status(open_run(folder))
    assert status.status == "interrupted"
    assert status.left is not None
    assert [left.name for left in status.left] == ["deduplicate.minhash"]
    with folder_lock(folder):
        assert is_running(folder)
        assert run_status(open_run(folder)).status == "running"
    assert not is_running(folder)


def test_status_without_the_source_does_not_fail(small: RunView, tmp_path: Path) -> None:
    folder = tmp_path / "small"
    shutil.copytree(small.folder, folder)
    record = json.loads((folder / "run.json").read_text("utf-8"))
    record["status"] = "failed"
    record["recipe_yaml"] = record["recipe_yaml"].replace("docs.jsonl", "gone.jsonl")
    write_sealed(folder / "run.json", record)
    status = run_status(open_run(folder))
    assert status.left is None
    assert status.left_unknown


@pytest.mark.parametrize("how", ["gone", "odd", "other"])
def test_one_run_whose_results_are_damaged_does_not_hide_the_others(
    how: str, tmp_path: Path
) -> None:
    run = trained_run(tmp_path / "made")
    folder = tmp_path / "runs" / "lights"
    shutil.copytree(run.folder, folder)
    for step in open_run(folder).steps:
        if step.pretrained is not None:
            path = step.folder / "manifest.json"
    manifest = json.loads(path.read_text("utf-8"))
    if how == "gone":
        path.unlink()
    elif how == "odd":
        manifest["result"] = 3
        write_sealed(path, manifest)
    else:
        path.write_text("[]")
    statuses = [run_status(one, plan=False) for one in list_runs(folder.parent)]
    (said,) = statuses[0].findings
    assert said.startswith("what the training stages found cannot be read: ")
    assert statuses[0].steps


@pytest.mark.usefixtures("inline")
def test_an_entry_shows_the_data_that_it_had_or_says_that_they_are_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(MIRROR_VARIABLE, raising=False)
    runs = tmp_path / "runs"
    with running(Site(pages={"/a.jsonl": Reply(b'{"text": "old"}\n{"text": "older"}\n')})) as site:
        path = tmp_path / "fetched.yaml"
        given = f"{{url: '{site.root}/a.jsonl', allow_hosts: [127.0.0.1]}}"
        path.write_text(
            f"tilth: 1\nname: it\ncollect: {{a: {{jsonl: {given}}}}}\nclean: [normalize]\n"
        )
        tilth.run(path, runs=runs, workers=1)
        shutil.rmtree(open_run("it", runs).step("collect.a").folder)
        site.pages["/a.jsonl"] = Reply(b'{"text": "new"}\n')
        tilth.run(path, runs=runs, workers=1)
    source, cleaned = open_run("it", runs).steps
    assert [step.dataset().num_rows for step in (source, cleaned)] == [1, 1]
    assert (source.num_in, cleaned.num_in) == (1, 1)
    before, cleaned = open_run("it@1", runs).steps
    assert before.kept == 2
    with pytest.raises(DataError, match="was made again since") as caught:
        before.dataset()
    assert caught.value.code == "made-again"
    # What stood on it has a place of its own.
    assert cleaned.dataset().num_rows == 2
    with pytest.raises(UsageError, match="split"):
        cleaned.dataset("tset")


def test_a_record_that_is_no_record(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text('{"steps": 3', "utf-8")
    with pytest.raises(DataError, match="cannot be read"):
        open_run("broken", tmp_path)
    (listed,) = list_runs(tmp_path)
    assert (listed.name, status_word(listed)) == ("broken", "unreadable")
    assert run_status(listed, plan=False).status == "unreadable"


def test_a_run_of_an_earlier_version_opens(tmp_path: Path) -> None:
    """Its record has among the settings what the plan gives now, and so has its recipe."""
    run = trained_run(tmp_path / "trained")
    folder = tmp_path / "lights"
    shutil.copytree(run.folder, folder)
    record = json.loads((folder / "run.json").read_text("utf-8"))
    for step in record["steps"]:
        step["parts"]["settings"] |= step["parts"].pop("planned", {})
        step["parts"]["code"] = "of then"
    record["recipe_yaml"] = record["recipe_yaml"].replace("pretrain:", "pretrain:\n  augment: []")
    record["status"] = "stopped"
    write_sealed(folder / "run.json", record)
    earlier = open_run(folder)
    assert earlier.step("pretrain").settings == run.step("pretrain").settings
    transforms = earlier.step("pretrain").settings["augment"]
    assert isinstance(transforms, list)
    assert len(transforms) == 2
    assert run_status(earlier).left_unknown == ""
    assert diff_runs(earlier, run).settings == ()
    assert report_document(earlier).model == report_document(run).model
    assert augmented_sheet(earlier, n=1).steps == ("shift", "noise")
    assert plan_removal("lights", tmp_path, unused=True).parts == ()


_ENDS = {
    "collect: {a: {jsonl: {}}}": "collect.a",
    "collect: {a: {jsonl: {}}, b: {jsonl: {}}}": "mix.weights",
    "{collect: {a: {}}, clean: [rules: {}, rules: {}], augment: [crop: {}]}": "clean.rules-2",
    "{collect: {a: {}}, label: [vote: {}], deduplicate: [exact: {}], clean: []}": "label.vote",
    "": None,
    "[": None,
    "clean: [3]": None,
}


@pytest.mark.parametrize(("recipe", "last"), _ENDS.items())
def test_the_last_step_of_a_recipe(recipe: str, last: str | None) -> None:
    assert _last_of(recipe) == last


@pytest.mark.usefixtures("inline")
def test_what_a_run_that_failed_has_not_come_to_is_not_its_final_data_set(
    workplace: Path, tmp_path: Path
) -> None:
    options = {"runs": tmp_path, "progress": False, "workers": 1}
    ended = tilth.run(recipe_file(workplace), only="signals", **options)  # type: ignore[arg-type]
    # It was told to end there.
    assert ended.dataset("train").num_rows == 400
    record = json.loads((tmp_path / "small" / "run.json").read_text("utf-8"))
    for status in ("failed", "stopped", "running"):
        write_sealed(tmp_path / "small" / "run.json", record | {"status": status})
        run = tilth.open_run("small", tmp_path)
        assert run.dataset("signals").num_rows == 400
        for read in (
            lambda run=run: run.dataset("train"),
            lambda run=run: export_splits(run.view, tmp_path / "x"),
        ):
            with pytest.raises(MissingError, match=r"has come to `clean\.signals`") as caught:
                read()
            assert caught.value.hint.endswith("or name the step `clean.signals`")


@pytest.mark.parametrize("file", ["model.onnx", "encoder.onnx"])
def test_a_folder_of_onnx_is_no_run_and_says_who_asks_it(file: str, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / file).write_bytes(b"")
    with pytest.raises(MissingError, match="a model of ONNX") as caught:
        open_run(tmp_path / "out", tmp_path / "runs")
    assert "`use.py` in the folder asks it" in caught.value.hint
