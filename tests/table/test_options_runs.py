"""Options of the verbs that make and look after runs: run, status, export, remove."""

from __future__ import annotations

import csv
import importlib.util
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.engine.inline import InlineEngine
from tests.export.tfrecords import read_tfrecord
from tests.table.commands import fresh, place, tilth_
from tests.table.entries import effect, extreme, name, refused
from tests.web.sites import Site, running
from tilth.engine import run as engine_run
from tilth.machine import num_cores

__all__ = ["fresh", "place"]


@effect("tilth run recipe", "tilth run --runs", "tilth run --name")
def test_the_recipe_is_run_in_a_folder_of_its_name(fresh: Path) -> None:
    for words, folder in (
        ([], "runs/small"),
        (["--runs", "other"], "other/small"),
        (["--name", "mine"], "runs/mine"),
    ):
        found = tilth_("run", "small.yaml", *words)
        # One record of the documents is broken.
        assert found.code == 1
        assert f"6 steps to run of 6, in {folder}\n" in found.err
        assert f"report  {folder}/report.html" in found.out
        assert (fresh / folder / "run.json").is_file()
    assert tilth_("run", "small.yaml", TILTH_RUNS="third").code == 1
    assert (fresh / "third" / "small").is_dir()


@effect("tilth run --limit")
def test_no_more_samples_of_a_source_are_read(fresh: Path) -> None:
    found = tilth_("run", "small.yaml", "--limit", 5, "--json")
    assert (found.code, found.document["exit"]) == (0, 0)
    assert (found.document["limit"], found.document["steps"][0]["num_in"]) == (5, 5)
    # Nobody who looks at it later takes it for the whole.
    assert ", at most 5 samples a source\n" in tilth_("status", "small").out
    for file in ("card.md", "report.html"):
        page = (fresh / "runs" / "small" / file).read_text("utf-8")
        assert "at most 5 samples" in page or "5 samples a source" in page
    assert tilth_("run", "small.yaml", "--json").document["steps"][0]["num_in"] == 41
    told = tilth_("diff", "small@1", "small", "--json").document["settings"]
    assert told == [{"step": "collect", "setting": "--limit", "a": "5", "b": None}]


@effect("tilth run --only")
def test_only_the_step_and_what_it_stands_on_is_run(fresh: Path) -> None:
    steps = tilth_("run", "small.yaml", "--only", "normalize", "--json").document["steps"]
    assert [step["name"] for step in steps] == ["collect.docs", "clean.normalize"]


@effect("tilth run --refresh")
@name("tilth run --refresh")
def test_a_site_is_asked_again(fresh: Path) -> None:
    with running(Site()) as site:
        site.html("/", text="a page of the first day")
        crawl = {"start": [f"{site.root}/"], "allow_hosts": ["127.0.0.1"], "delay_s": 0}
        sources = {"docs": {"jsonl": {"path": "docs.jsonl"}}, "pages": {"crawl": crawl}}
        recipe = {"tilth": 1, "name": "both", "collect": sources}
        (fresh / "both.yaml").write_text(json.dumps(recipe | {"error_budget": 0.1}))
        words = ("run", "both.yaml", "--only", "pages")
        assert tilth_(*words).code == 0
        site.html("/", text="a page of the second day")
        assert "its sites are asked again" in tilth_(*words, "--refresh", "pages", "--dry-run").out
        found = tilth_(*words, "--refresh", "pages")
        assert "asked again: 0 pages as before, 1 changed, 0 new" in found.err
        assert "1 page that has changed since the crawl before" in found.out
        assert "1 page that has changed since the crawl before" in tilth_("status", "both").out
        assert "second day" in tilth_("show", "both", "pages", "--json").out
    for source, said in {
        "page": "did you mean `pages`?",
        "docs": "`docs` is no crawl (`jsonl`)",
        "clean": "and there is none",
    }.items():
        wrong = tilth_("run", "both.yaml", "--refresh", source)
        assert (wrong.code, wrong.out) == (2, "")
        assert said in wrong.err
    wrong = tilth_("run", "both.yaml", "--only", "docs", "--refresh", "pages")
    assert (wrong.code, "does not stand on" in wrong.err) == (2, True)
    wrong = tilth_("run", "small.yaml", "--refresh", "docs")
    assert (wrong.code, "files are looked at in every run" in wrong.err) == (2, True)


@effect("tilth run --dry-run")
def test_a_dry_run_prints_the_plan_and_runs_nothing(fresh: Path) -> None:
    found = tilth_("run", "small.yaml", "--dry-run")
    assert found.out == tilth_("plan", "small.yaml").out
    assert not (fresh / "runs").exists()


@effect("tilth run --workers")
@extreme("tilth run --workers")
@pytest.mark.parametrize(("given", "num"), [(3, 3), (1, 1), (0, num_cores())])
def test_so_many_processes_stand_side_by_side(
    given: int, num: int, fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.chdir(fresh)
    seen = []

    class Counted(InlineEngine):
        def __init__(self, num_workers: int, *_: Any) -> None:
            seen.append(num_workers)

    monkeypatch.setattr(engine_run, "LocalEngine", Counted)
    assert tilth_("run", "small.yaml", "--only", "docs", "--workers", given).code == 1
    assert seen == [num]
    assert json.loads((fresh / "runs" / "small" / "run.json").read_text())["workers"] == num
    assert tilth_("run", "small.yaml", "--workers", -1).code == 2


@effect("tilth run --ray")
@refused("tilth run --ray", "tilth run --workers")
def test_it_is_run_on_a_cluster_and_by_no_worker_here(
    fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.chdir(fresh)
    monkeypatch.setitem(sys.modules, "ray", None)
    found = tilth_("run", "small.yaml", "--ray", "local")
    assert found.code == 3
    assert "pip install 'tilth[ray]'" in found.err
    both = tilth_("run", "small.yaml", "--ray", "local", "--workers", 2)
    assert (both.code, both.out) == (2, "")
    assert "`--ray` and `--workers` exclude each other" in both.err


@effect("tilth run --mirror")
@name("tilth run --mirror")
def test_a_file_is_taken_from_the_mirror(fresh: Path) -> None:
    for folder, num in (("near", 3), ("far", 7)):
        (fresh / folder).mkdir()
        (fresh / folder / "d.jsonl").write_text('{"text": "a heron"}\n' * num, "utf-8")
    address = "http://localhost:9/d.jsonl"
    (fresh / "far.yaml").write_text(
        f"tilth: 1\nname: far\ncollect: {{a: {{jsonl: {{url: {address}}}}}}}\n", "utf-8"
    )

    def num_in(*words: str, **environment: str) -> int:
        shutil.rmtree("runs", ignore_errors=True)
        found = tilth_("run", "far.yaml", "--json", *words, **environment)
        return int(found.document["steps"][0]["num_in"]) if found.code == 0 else -found.code

    assert num_in() == -1  # an address of this machine is not fetched from
    assert num_in("--mirror", "near") == num_in(TILTH_MIRROR="near") == 3
    assert num_in("--mirror", "far", TILTH_MIRROR="near") == 7
    assert num_in("--mirror", "absent") == num_in(TILTH_MIRROR="absent") == -3
    assert "the mirror is not a folder" in tilth_("run", "far.yaml", "--mirror", "absent").err


@refused("tilth run --mirror")
@pytest.mark.parametrize("own", ["path: docs.jsonl", "url: http://localhost:9/d, mirror: ."])
def test_a_mirror_of_nothing_that_is_fetched(own: str, fresh: Path) -> None:
    (fresh / "near.yaml").write_text(
        f"tilth: 1\nname: near\ncollect: {{a: {{jsonl: {{{own}}}}}}}\n", "utf-8"
    )
    found = tilth_("run", "near.yaml", "--mirror", ".")
    assert (found.code, found.out) == (2, "")
    assert "`--mirror` does nothing" in found.err
    # The variable is not of this recipe alone.
    assert "does nothing" not in tilth_("run", "near.yaml", "--dry-run", TILTH_MIRROR=".").err


@pytest.mark.parametrize("starter", ["mnist", "multi30k"])
def test_starters_that_fetch_take_a_mirror(starter: str, fresh: Path) -> None:
    assert tilth_("run", starter, "--dry-run", "--mirror", ".").code == 0


def _exported(*words: object) -> tuple[list[Path], Any]:
    found = tilth_("export", *words, "--to", "{new}", "--json")
    assert found.code == 0, found.err
    folder = Path(found.document["folder"])
    files = sorted(path for path in folder.rglob("*.*") if path.name != "README.md")
    # A model's card is a file of its own; that of samples is said apart.
    return files if found.document.get("card") else sorted(folder.rglob("*.*")), found.document


@effect("tilth export what")
@name("tilth export what")
def test_what_is_named_is_exported(place: Path) -> None:
    every, whole = _exported("small")
    assert {path.parent.name for path in every} == {one["split"] for one in whole["splits"]}
    (path,), split = _exported("small", "test")
    assert (split["split"], split["step"]) == ("test", "deduplicate.exact")
    assert set(pq.read_table(path)["split"].to_pylist()) == {"test"}
    (path,), step = _exported("small", "signals")
    assert (step["step"], step["rows"]) == ("clean.signals", 40)
    assert tilth_("export", "small", "").code == 2
    for wrong, near in (("tst", "test"), ("signls", "clean.signals")):
        found = tilth_("export", "small", wrong)
        assert (found.code, found.out) == (2, "")
        assert f"did you mean `{near}`?" in found.err


@effect("tilth export --to")
def test_it_is_exported_to_that_folder_and_nothing_is_overwritten(place: Path, fresh: Path) -> None:
    runs = ["--runs", place / "runs"]
    assert tilth_("export", "small", "train", "--to", "mine", *runs).code == 0
    assert list(Path("mine").glob("train-*.parquet"))
    taken = tilth_("export", "small", "train", "--to", "mine", *runs)
    assert taken.code == 2
    assert "nothing is overwritten" in taken.err
    assert tilth_("export", "small", "train", *runs).code == 0
    assert list(Path("small-train").iterdir())


@effect("tilth export --format")
def test_files_are_of_that_format(place: Path) -> None:
    (parquet,), _ = _exported("small", "train")
    texts = pq.read_table(parquet)["text"].to_pylist()
    (lines,), _ = _exported("small", "train", "--format", "jsonl")
    assert [json.loads(line)["text"] for line in lines.read_text().splitlines()] == texts
    (table,), _ = _exported("small", "train", "--format", "csv")
    with open(table, newline="", encoding="utf-8") as file:
        assert [row["text"] for row in csv.DictReader(file)] == texts
    assert (parquet.suffix, lines.suffix, table.suffix) == (".parquet", ".jsonl", ".csv")
    wrong = tilth_("export", "small", "train", "--format", "jsonlines")
    assert "did you mean `jsonl`?" in wrong.err


@effect("tilth export --tfrecord")
def test_tfrecord_is_written_and_reads_back(place: Path) -> None:
    (short,), found = _exported("small", "train", "--tfrecord")
    (long,), _ = _exported("small", "train", "--format", "tfrecord")
    (parquet,), _ = _exported("small", "train")
    rows = pq.read_table(parquet).to_pylist()
    assert (found["format"], short.suffix) == ("tfrecord", ".tfrecord")
    assert short.read_bytes() == long.read_bytes()
    for one, row in zip(read_tfrecord(short), rows, strict=True):
        assert one["text"] == row["text"].encode()
        assert one["signal.word_count"] == row["signal.word_count"]


@effect("tilth export --kind")
def test_the_samples_that_a_step_took_out_are_exported(place: Path) -> None:
    (path,), found = _exported("small", "rules", "--kind", "dropped")
    assert found["rows"] == 40 - _exported("small", "rules")[1]["rows"] > 0
    assert set(pq.read_table(path)["drop.rule"].to_pylist()) == {"word_count >= 12"}
    (path,), _ = _exported("small", "docs", "--kind", "quarantine")
    assert pq.read_table(path).num_rows == 1


@effect("tilth export --split")
def test_a_split_of_a_step_is_exported(place: Path) -> None:
    (path,), _ = _exported("small", "hold_out", "--split", "test")
    assert set(pq.read_table(path)["split"].to_pylist()) == {"test"}
    (path,), alone = _exported("small", "--split", "test")
    assert (alone["split"], path.name) == ("test", "test-00000.parquet")


@refused("tilth export --split", "tilth export --kind")
@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["train", "--split", "train"], "it takes no --kind or --split"),
        (["train", "--kind", "dropped"], "it takes no --kind or --split"),
        (["--kind", "dropped"], "name the step whose dropped samples are wanted"),
        (["--split", "test", "--kind", "dropped"], "name the step whose dropped samples"),
    ],
)
def test_a_split_of_a_split_and_a_kind_of_no_step(words: list[str], what: str, place: Path) -> None:
    found = tilth_("export", "small", *words)
    assert (found.code, found.out) == (2, "")
    assert what in found.err


@refused("tilth export --split")
def test_a_split_in_which_a_step_has_no_sample(place: Path) -> None:
    for words in (["signals", "--split", "test"], ["rules", "--split", "test"]):
        for kind in ("kept", "dropped"):
            found = tilth_("export", "small", *words, "--kind", kind)
            assert (found.code, found.out) == (3, "")
            assert f"no {kind} sample of `clean.{words[0]}` is in the split `test`" in found.err
    assert not list(place.glob("small-*/"))


@effect("tilth export --huggingface")
def test_the_model_is_exported_instead(place: Path) -> None:
    files, found = _exported("tales", "--huggingface")
    assert (found["kind"], found["format"]) == ("model", "huggingface")
    assert "model.safetensors" in [path.name for path in files]
    config = next(path for path in files if path.name == "config.json")
    assert json.loads(config.read_text("utf-8"))["model_type"] == "gpt2"
    assert tilth_("export", "small", "--huggingface").code == 3


@effect("tilth export --dry-run")
def test_what_would_be_written_is_said_and_nothing_written(place: Path) -> None:
    to = place / "planned"
    planned = tilth_("export", "small", "train", "--to", to, "--dry-run", "--json").document
    assert not to.exists()
    assert tilth_("export", "small", "train", "--to", to).code == 0
    rows = sum(pq.read_table(path).num_rows for path in to.glob("*.parquet"))
    assert [part["rows"] for part in planned["parts"]] == [rows]
    # What is there is in the way of the one as of the other.
    assert tilth_("export", "small", "train", "--to", to, "--dry-run").code == 2
    assert tilth_("export", "small", "train", "--to", to).code == 2


@effect("tilth export --format")
def test_the_model_is_exported_by_the_name_of_its_format(place: Path) -> None:
    weights, found = _exported("said", "--format", "safetensors")
    assert (found["kind"], found["format"]) == ("model", "safetensors")
    assert {"config.json", "model.safetensors", "preprocessing.json"} <= {p.name for p in weights}
    asked = tilth_("transcribe", weights[0].parent, "a.wav")
    assert asked.out == tilth_("transcribe", "said", "a.wav").out
    for one in ("huggingface", "safetensors", "onnx"):
        assert tilth_("export", "small", "--format", one).code == 3
    if importlib.util.find_spec("onnxruntime"):
        files, found = _exported("said", "pretrain", "--format", "onnx")
        assert {path.name for path in files} == set(found["files"])
        card = next(path for path in files if path.name == "README.md").read_text("utf-8")
        assert "library_name: tilth" in card
        assert "`model.onnx` | in | `frames`" in card


@effect("tilth export --resample")
@extreme("tilth export --resample")
def test_samples_are_drawn_by_their_weights(fresh: Path) -> None:
    with open("small.yaml", "a", encoding="utf-8") as file:
        file.write("mix: [{weights: {sources: {docs: 2.5}}}]\n")
    assert tilth_("run", "small.yaml", "--workers", "1").code in (0, 1)
    told = tilth_("export", "small", "train", "--to", "weighed")
    assert "Samples have weights, from 2.5 to 2.5" in " ".join(told.out.split())
    drawn = []
    for seed in (0, 1, 2**31):
        found = tilth_("export", "small", "train", "--to", f"d{seed}", "--resample", seed)
        assert found.code == 0, found.err
        assert f"with the seed {seed}, as in the first epoch" in " ".join(found.out.split())
        drawn.append(pq.read_table(next(Path(f"d{seed}").glob("*.parquet")))["id"].to_pylist())
    assert drawn[0] != drawn[1]
    assert all(2 <= drawn[0].count(one) <= 3 for one in drawn[0])
    assert tilth_("export", "small", "train", "--resample", -1).code == 2


@effect("tilth export --tokenizer")
def test_tokens_are_those_of_the_tokenizer(place: Path) -> None:
    own, found = _exported("tales", "train", "--format", "nanogpt")
    assert found["format"] == "nanogpt"
    assert "train.bin" in [path.name for path in own]
    model = next(path.parent for path in place.glob("runs/tales/data/*/model/tokenizer.json"))
    given, _ = _exported("tales", "train", "--format", "nanogpt", "--tokenizer", model)
    assert [path.read_bytes() for path in own] == [path.read_bytes() for path in given]
    told = tilth_("export", "small", "train", "--format", "nanogpt", "--tokenizer", model)
    assert "by document" not in told.out
    assert told.code == 0
    lacking = tilth_("export", "small", "test", "--format", "nanogpt")
    assert (lacking.code, lacking.out) == (3, "")
    assert "has no model with a tokenizer" in lacking.err


@refused("tilth export --resample", "tilth export --tokenizer")
def test_options_that_would_do_nothing(place: Path) -> None:
    for words, what in (
        (["train", "--resample", "1"], "`--resample` would do nothing"),
        (["train", "--tokenizer", "x"], "`--tokenizer` would do nothing: `parquet` holds no"),
        (["--format", "onnx", "--kind", "kept"], "`--kind` would do nothing: `onnx` is a model"),
        (["--format", "onnx", "--split", "test"], "`--split` would do nothing: `onnx` is a model"),
        (["--format", "onnx", "--resample", "1"], "`--resample` would do nothing: `onnx` is"),
        (["--format", "safetensors", "--tokenizer", "x"], "`--tokenizer` would do nothing"),
        (["train", "--format", "onnx"], "--format onnx is of the model"),
        (["--huggingface", "--resample", "1"], "`--huggingface` and `--resample` exclude"),
        (["--huggingface", "--tokenizer", "x"], "`--huggingface` and `--tokenizer` exclude"),
    ):
        found = tilth_("export", "small", *words)
        assert (found.code, found.out) == (2, "")
        assert what in found.err


@refused("tilth export --huggingface", "tilth export --tfrecord", "tilth export --format")
@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--tfrecord", "--format", "csv"], "`--format` and `--tfrecord` exclude each other"),
        (["--huggingface", "--tfrecord"], "`--huggingface` and `--tfrecord` exclude each other"),
        (["--huggingface", "--format", "csv"], "`--huggingface` and `--format` exclude each other"),
        (["--huggingface", "--kind", "kept"], "`--huggingface` and `--kind` exclude each other"),
        (["--huggingface", "--split", "test"], "`--huggingface` and `--split` exclude each other"),
        (["collect.docs", "--huggingface"], "--huggingface is of the model"),
    ],
)
def test_exports_that_say_two_things(words: list[str], what: str, place: Path) -> None:
    found = tilth_("export", "tales", *words)
    assert (found.code, found.out) == (2, "")
    assert what in found.err


@pytest.fixture
def removable(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the run `small`, its last record beside the one before."""
    shutil.copytree(place / "runs" / "small", tmp_path / "runs" / "small")
    shutil.copy(place / "docs.jsonl", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs" / "small"


@effect("tilth remove --yes")
def test_nothing_is_removed_unasked(removable: Path) -> None:
    found = tilth_("remove", "small")
    assert found.code == 0
    assert "nothing was removed; --yes removes it" in found.out
    assert removable.is_dir()
    assert tilth_("remove", "small", "--json").document["done"] is False
    assert "removed " in tilth_("remove", "small", "--yes").out
    assert not removable.exists()


@effect("tilth remove --unused", "tilth remove --no-history")
def test_what_no_record_needs_goes_and_the_run_stays(removable: Path) -> None:
    data = removable / "data"
    before = len(list(data.iterdir()))
    out = tilth_("remove", "small", "--unused", "--yes").out
    assert out.startswith("small has nothing that is not needed\n")
    # What only the run with the other threshold made.
    assert tilth_("remove", "small", "--unused", "--no-history", "--yes").code == 0
    assert before - len(list(data.iterdir())) == 3
    (data / f"clean.old-{'0' * 24}").mkdir()
    (data / f"clean.old-{'0' * 24}" / "manifest.json").write_text("{}", "utf-8")
    assert "clean.old-" in tilth_("remove", "small", "--unused", "--yes").out
    assert not list(data.glob("clean.old-*"))
    assert (removable / "run.json").is_file()


@effect("tilth verify --forget")
def test_what_is_damaged_is_forgotten_where_that_is_asked_for(removable: Path) -> None:
    (shard,) = removable.glob("data/clean.normalize-*/kept/*.parquet")
    shard.write_bytes(shard.read_bytes()[:-1])
    found = tilth_("verify", "small")
    assert found.code == 1
    assert "kept/00000.parquet" in found.out
    assert "tilth verify small --forget" in found.out
    assert shard.is_file()
    found = tilth_("verify", "small", "--forget")
    assert (found.code, "forgotten: 1 data set" in found.out) == (1, True)
    assert not shard.exists()
    document = tilth_("verify", "small", "--json").document
    assert document["damaged"] == 1
    assert "is not there" in json.dumps(document)


@refused("tilth remove --no-history")
def test_the_history_of_a_run_that_goes_goes_with_it(removable: Path) -> None:
    found = tilth_("remove", "small", "--no-history", "--yes")
    assert (found.code, found.out) == (2, "")
    assert "`--no-history` does nothing without `--unused`" in found.err
    assert removable.is_dir()


def test_debug_shows_where_a_step_failed(fresh: Path) -> None:
    text = (fresh / "small.yaml").read_text("utf-8")
    (fresh / "small.yaml").write_text(text.replace("error_budget: 0.1", "error_budget: 0"))
    for more, shown in (([], False), (["--debug"], True)):
        found = tilth_("run", "small.yaml", *more)
        assert (found.code, "Traceback" in found.err) == (1, shown)
        assert "error[error-budget]" in found.err


@pytest.mark.parametrize(
    ("words", "change", "code"),
    [
        (["run", "small.yaml", "--only", "rules"], ("", ""), 1),  # a broken record
        (["run", "small.yaml"], ("error_budget: 0.1", "error_budget: 0"), 1),  # a step fails
        (["run", "small.yaml"], ("- exact", "- exat"), 2),
        (["run", "small.yaml", "--nonsense"], ("", ""), 2),
        (["run", "small.yaml"], ("docs.jsonl", "absent.jsonl"), 3),
        (["check", "small.yaml"], ("", ""), 0),
    ],
)
def test_the_exit_code_is_as_it_is_said_to_be(
    words: list[str], change: tuple[str, str], code: int, fresh: Path
) -> None:
    text = (fresh / "small.yaml").read_text("utf-8")
    (fresh / "small.yaml").write_text(text.replace(*change) if change[0] else text, "utf-8")
    for more in ([], ["--json"]):
        found = tilth_(*words, *more)
        assert found.code == code, found.err
        assert (fresh / "runs").exists() == (code == 1)
        if more:
            assert found.document.get("exit", code) == code
