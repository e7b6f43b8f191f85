from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Command, recipe_file
from tilth.cli.main import app
from tilth.recipe.load import load_recipe

ROOT = Path(__file__).parents[2]
VERBS = [str(command.name) for command in app.registered_commands]
QUESTIONS = [
    "list",
    "list operations",
    "explain minhash",
    "check small-12.yaml",
    "plan small-12.yaml",
    "run small-12.yaml --dry-run",
    "status",
    "status small",
    "status small@1",
    "show small rules --dropped",
    "trace small docs.jsonl:7",
    "diff small@1 small",
    "report small",
    "doctor",
]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_examples(tilth: Command, verb: str) -> None:
    found = tilth(verb, "--help")
    assert found.exit_code == 0
    assert "Examples:" in found.stdout
    assert f"  tilth {verb}" in found.stdout
    assert "--debug" in found.stdout


def test_the_table_of_verbs_is_whole(tilth: Command) -> None:
    found = tilth("--help")
    assert len(set(VERBS)) == len(VERBS) > 10
    assert all(f"  {verb} " in found.stdout for verb in VERBS)
    assert tilth("--version").stdout.startswith("tilth 0.")


def test_the_page_of_commands_has_the_verbs_that_there_are() -> None:
    page = (ROOT / "docs" / "reference" / "commands.md").read_text("utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`([a-z-]+)", row)} == set(VERBS)


@pytest.mark.parametrize("question", QUESTIONS)
def test_json_is_one_document_and_text_has_no_escape_codes(tilth: Command, question: str) -> None:
    found = tilth(*question.split(), "--json")
    assert found.exit_code == 0, found.stderr
    json.loads(found.stdout)
    text = tilth(*question.split())
    assert text.exit_code == 0
    assert text.stdout.strip()
    assert "\x1b" not in text.stdout + text.stderr
    assert not any(line != line.rstrip() for line in text.stdout.splitlines())


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("shwo small rules", 2),
        ("show small", 2),
        ("show small rulez", 2),
        ("show small rules --quarantined --dropped", 2),
        ("show small rules -n 0", 2),
        ("show smal rules", 3),
        ("trace small nothing", 2),
        ("diff small small@9", 3),
        ("check nothing.yaml", 3),
        ("run nothing.yaml", 3),
        ("run small-12.yaml --only nothing", 2),
        ("run small-12.yaml --name ../up", 2),
        ("run small-12.yaml --mirror no-such-folder", 3),
        ("explain nothing-like-it", 2),
        ("list nothing", 2),
        ("init nothing", 3),
    ],
)
def test_what_is_wrong_or_missing(tilth: Command, command: str, code: int) -> None:
    found = tilth(*command.split())
    assert found.exit_code == code
    assert found.stdout == ""
    assert "rror" in found.stderr
    assert "Traceback" not in found.stderr


def test_an_error_is_a_document_too(tilth: Command) -> None:
    found = tilth("show", "small", "rulez", "--json")
    error = json.loads(found.stdout)["error"]
    assert error["code"] == "unknown-step"
    assert "clean.rules" in error["hint"]
    assert "error[unknown-step]" in found.stderr


def test_all_mistakes_of_a_recipe_at_once(tilth: Command, workplace: Path) -> None:
    text = recipe_file(workplace).read_text("utf-8")
    bad = text.replace("error_budget: 0.01", "error_budget: 7").replace("- exact", "- exat")
    (workplace / "bad.yaml").write_text(bad, "utf-8")
    found = tilth("check", "bad.yaml")
    assert found.exit_code == 2
    assert "2 problems; nothing was run." in found.stderr
    assert "did you mean `exact`?" in found.stderr
    as_json = tilth("check", "bad.yaml", "--json")
    assert as_json.exit_code == 2
    assert [p["code"] for p in json.loads(as_json.stdout)["problems"]] == [
        "bad-value",
        "unknown-operation",
    ]
    assert tilth("run", "bad.yaml").exit_code == 2


def test_debug_shows_where_an_error_came_from(tilth: Command) -> None:
    assert "Traceback" in tilth("show", "smal", "rules", "--debug").stderr


def test_a_defect_is_one_line_and_a_hint(tilth: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("oh\nno")

    monkeypatch.setattr("tilth.query.runs.open_run", broken)
    found = tilth("show", "small", "rules")
    assert found.exit_code == 1
    assert "error[internal]: ZeroDivisionError: oh no" in found.stderr
    assert "--debug" in found.stderr
    assert "Traceback" not in found.stderr
    assert "Traceback" in tilth("show", "small", "rules", "--debug").stderr


def test_explain_says_what_a_setting_acts_on_alone(tilth: Command) -> None:
    told = " ".join(tilth("explain", "transfer").stdout.split())
    assert "(acts on summary only)" in told
    assert told.count("acts on") == 1
    assert "acts on" not in tilth("explain", "minhash").stdout
    told = " ".join(tilth("explain", "jsonl").stdout.split())
    assert told.count("(counts by what is read)") == len(
        (
            *("path", "url", "sha256", "size", "mirror", "headers"),
            *("storage", "join.path", "join.storage"),
            *("join.url", "join.sha256", "join.size", "join.headers"),
        )
    )
    assert "acts on outside" not in told


def test_show_prints_how_many_of_how_many(tilth: Command) -> None:
    found = tilth("show", "small", "rules", "--rule", "word_count", "-n", "3")
    assert "dropped by word_count >= 12  [word_count=" in found.stdout
    assert "3 of " in found.stdout.splitlines()[-1]
    assert "401" in tilth("show", "small", "docs", "--quarantined").stdout


def test_trace_prints_the_life_of_a_sample(tilth: Command) -> None:
    text = tilth("trace", "small", "docs.jsonl:7").stdout
    for word in ("collect.docs: kept", "measured word_count=", "split: ", "after 7 steps"):
        assert word in text


def test_diff_prints_what_a_threshold_did(tilth: Command) -> None:
    text = tilth("diff", "small@1", "small").stdout
    assert "clean.rules where" in text
    assert "gained; in small@1: clean.rules, word_count >= 20" in text
    assert "do not differ" in tilth("diff", "small", "small").stdout


def test_init_copies_a_starter_and_overwrites_nothing(tilth: Command, workplace: Path) -> None:
    target = workplace / "mine.yaml"
    assert tilth("init", "quickstart", "mine.yaml").exit_code == 0
    assert tilth("check", "mine.yaml").exit_code == 0
    assert load_recipe(target).name == "mine"
    target.write_text("precious", "utf-8")
    assert tilth("init", "quickstart", "mine.yaml").exit_code == 2
    assert target.read_text("utf-8") == "precious"
    assert tilth("init", "quickstart", "mine.yaml", "--force", "--json").exit_code == 0
    assert target.read_text("utf-8") != "precious"
    found = tilth("init", "quickstart", "my first.yaml")
    assert "tilth run 'my first.yaml'`, which makes the run `my-first`" in found.stdout
    assert "tilth list starters" in tilth("init", "nothing").stderr


def test_init_drafts_a_recipe_for_what_lies_at_a_path(
    tilth: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Named after the folder, or as it is said; never over a file that is there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my texts").mkdir()
    for n in range(3):
        (tmp_path / "my texts" / f"{n}.txt").write_text(f"The text of number {n} is short.")
    found = tilth("init", "--from", "my texts/")
    assert found.exit_code == 0, found.stderr
    assert "files: 3 plain text of 3 files" in found.stdout
    assert "`tilth run my-texts.yaml`, which makes the run `my-texts`" in found.stdout
    assert tilth("check", "my-texts.yaml").exit_code == 0
    assert tilth("plan", "my-texts.yaml").exit_code == 0
    assert tilth("init", "--from", "my texts/").exit_code == 2
    found = json.loads(tilth("init", "--from", "my texts", "été.yaml", "--json").stdout)
    assert (found["file"], found["name"], found["sources"]) == (
        "été.yaml",
        "ete",
        {"files": "files"},
    )
    assert load_recipe(tmp_path / "été.yaml").name == "ete"
    assert tilth("init", "--from", "my texts", "digits", "a.yaml").exit_code == 2
    assert tilth("init", "--from", "https://example.org/a.csv").exit_code == 2
    assert tilth("init", "--from", "nothing").exit_code == 3
    assert "tilth init --from FOLDER" in tilth("init").stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "my texts",
        "my-texts.yaml",
        "été.yaml",
    ]


def test_export_writes_files_and_overwrites_nothing(tilth: Command, tmp_path: Path) -> None:
    to = str(tmp_path / "out")
    found = tilth("export", "small", "minhash", "--to", to, "--format", "jsonl", "--json")
    assert json.loads(found.stdout)["files"] == ["deduplicate.minhash.jsonl"]
    assert tilth("export", "small", "minhash", "--to", to).exit_code == 2
    dropped = tilth("export", "small", "rules", "--kind", "dropped", "--to", f"{to}-2")
    assert re.search(r"^\d+ dropped samples? of clean.rules in", dropped.stdout)
    assert tilth("export", "small", "minhash", "--to", to, "--format", "xls").exit_code == 2


def test_export_of_a_split_and_of_all(
    tilth: Command, workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = ["--runs", str(workplace / "runs")]
    monkeypatch.chdir(tmp_path)
    found = tilth("export", "small", "train", "--format", "jsonl", *runs)
    assert found.exit_code == 0, found.stderr
    assert "of the split train of deduplicate.minhash in 1 file in small-train" in found.stdout
    assert {path.name for path in Path("small-train").iterdir()} == {"README.md", "train.jsonl"}
    found = tilth("export", "small", "--to", "all", *runs)
    assert found.exit_code == 0, found.stderr
    assert "a split a folder: 3 folders" in found.stdout
    folders = {path.name for path in Path("all").iterdir()}
    assert folders == {"README.md", "test", "train", "validation"}
    assert all(f"all/{name}: " in found.stdout for name in ("train", "validation", "test"))
    document = json.loads(tilth("export", "small", "--to", "again", "--json", *runs).stdout)
    assert [one["split"] for one in document["splits"]] == ["train", "validation", "test"]
    assert tilth("export", "small", "--split", "test", "--to", "t", *runs).exit_code == 0
    assert list(Path("t").glob("test-*.parquet"))


@pytest.mark.parametrize(
    ("command", "hint"),
    [
        ("export small train --split test", "tilth export small train --to DIR"),
        ("export small test --kind dropped", "tilth export small test --to DIR"),
        ("export small --kind dropped", "one of collect.docs"),
        ("export small trian", "did you mean `train`?"),
        ("export small nowhere", "choose from"),
        ("export small train --huggingface", "tilth export small --huggingface"),
    ],
)
def test_export_that_contradicts_itself(tilth: Command, command: str, hint: str) -> None:
    found = tilth(*command.split())
    assert found.exit_code == 2
    assert hint in found.stderr


def test_a_dry_export_says_what_and_where_and_writes_nothing(
    tilth: Command, workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = ["--runs", str(workplace / "runs"), "--dry-run"]
    monkeypatch.chdir(tmp_path)
    found = tilth("export", "small", "--format", "jsonl", *runs)
    assert found.exit_code == 0, found.stderr
    first, *parts, whole, last = found.stdout.splitlines()
    assert first == ("would write samples of small (deduplicate.minhash) as jsonl to small-splits")
    assert re.match(r"  small-splits/train: \d+ samples of the split train in 1 file, \d", parts[0])
    assert whole.startswith("4 files with the card; the samples hold ")
    assert last == "nothing was written"
    assert not found.stderr
    document = json.loads(tilth("export", "small", "minhash", "--json", *runs).stdout)
    assert (document["folder"], document["files"]) == ("small-minhash", 2)
    assert [one["rows"] for one in document["parts"]] == [document["parts"][0]["rows"]]
    assert tilth("export", "small", "--format", "onnx", *runs).exit_code == 3
    assert not list(tmp_path.iterdir())
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").write_text("x")
    assert tilth("export", "small", "--to", "taken", *runs).exit_code == 2


def test_report_of_the_history_leaves_the_last_one_alone(tilth: Command, workplace: Path) -> None:
    before = (workplace / "runs" / "small" / "report.json").read_bytes()
    found = tilth("report", "small@1")
    assert found.stdout.strip() == "runs/small/history/0001/report.html"
    assert (workplace / "runs" / "small" / "report.json").read_bytes() == before


def test_doctor_says_what_is_missing(tilth: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    (Path("runs-file")).write_text("x", "utf-8")
    found = tilth("doctor", "--runs", "runs-file")
    assert found.exit_code == 3
    assert "MISSING" in found.stdout
    assert "needed: runs folder: choose another with --runs DIR" in found.stdout


def test_runs_folder_from_the_environment(
    tilth: Command, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TILTH_RUNS", str(workplace / "nothing"))
    assert tilth("status", "small").exit_code == 3


def test_check_warns_of_a_revision_that_is_no_commit(tilth: Command, tmp_path: Path) -> None:
    for revision, warns in (("main", True), ("a" * 40, False)):
        path = tmp_path / "hub.yaml"
        path.write_text(
            f"name: hub\ncollect: {{ds: {{hub: {{name: me/ds, revision: {revision}}}}}}}\n"
        )
        found = tilth("check", str(path))
        assert found.exit_code == 0
        assert ("warning: collect.ds: `me/ds` is read at `main`" in found.stdout) == warns
        assert len(json.loads(tilth("check", str(path), "--json").stdout)["warnings"]) == warns
