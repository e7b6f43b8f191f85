"""Worker processes: errors keep their class, a dead worker is replaced once, then named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.engine.conftest import recipe_text, run_text, write_documents
from tilth.engine import local, perform, worker
from tilth.engine.events import Event, StepProgress
from tilth.engine.tasks import Reply, ShuffleResolve
from tilth.errors import DataError, MissingError, StepError, StorageError, TilthError
from tilth.store.manifest import read_manifest


def test_a_worker_that_dies_twice_on_a_shard_is_named(tmp_path: Path) -> None:
    documents = tmp_path / "documents.jsonl"
    write_documents(documents, 100)
    functions = tmp_path / "mine.py"
    functions.write_text("import os\ndef die(text: str) -> float:\n    os._exit(9)\n")
    with pytest.raises(StepError, match="died twice") as caught:
        run_text(recipe_text(documents, functions=f"['{functions}:die']"), tmp_path / "run")
    assert "clean.signals" in caught.value.where


def test_a_worker_that_dies_once_is_replaced(tmp_path: Path) -> None:
    documents = tmp_path / "documents.jsonl"
    write_documents(documents, 100)
    functions, flag = tmp_path / "mine.py", tmp_path / "flag"
    functions.write_text(
        "import os\nfrom pathlib import Path\n"
        "def die(text: str) -> float:\n"
        f"    flag = Path({str(flag)!r})\n"
        "    if not flag.exists():\n        flag.touch()\n        os._exit(9)\n"
        "    return 1.0\n"
    )
    text = recipe_text(documents, functions=f"['{functions}:die']")
    outcome = run_text(text, tmp_path / "run", only="clean.signals")
    assert outcome.quarantined == 0
    assert flag.exists()


def test_what_an_operation_prints_goes_to_the_log(tmp_path: Path) -> None:
    documents = tmp_path / "documents.jsonl"
    write_documents(documents, 20)
    functions = tmp_path / "mine.py"
    functions.write_text("def loud(text: str) -> float:\n    print('{noise}')\n    return 1.0\n")
    text = recipe_text(documents, functions=f"['{functions}:loud']")
    run_text(text, tmp_path / "run", only="clean.signals")
    assert os.linesep.join(["{noise}"]) in (tmp_path / "run" / "workers.log").read_text()


def test_what_a_worker_tells_of_a_task_is_heard(tmp_path: Path) -> None:
    documents, told = tmp_path / "documents.jsonl", list[Event]()
    write_documents(documents, 20)
    run_text(recipe_text(documents), tmp_path / "run", only="collect.a", listeners=[told.append])
    # Of one task, nobody but its worker knows how far it is.
    assert "collect.a" in {event.step for event in told if isinstance(event, StepProgress)}


_EXTENSION = """
import os

from tilth.settings import BaseSettings


class Settings(BaseSettings):
    pass


def apply(batch, settings):
    {body}
    return batch
"""


def _run_with(body: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run a line whose third step does something, from the folder that it is in."""
    monkeypatch.chdir(folder)
    write_documents(folder / "documents.jsonl", 40)
    (folder / "mine" / "clean").mkdir(parents=True)
    (folder / "mine" / "clean" / "odd.py").write_text(_EXTENSION.format(body=body))
    text = (
        "tilth: 1\nname: odd\nextensions: [mine]\ncollect: {a: {jsonl: {path: documents.jsonl}}}\n"
        "clean: [normalize, odd]\n"
    )
    run_text(text, Path("runs/odd"))
    return folder / "runs" / "odd"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("raise SystemExit(3)", "SystemExit: 3 (mine/clean/odd.py:12)"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("open(os.path.abspath('runs/none'), 'w').close(); os.mkdir('runs')", "clean.odd.apply"),
    ],
)
def test_what_ends_a_program_ends_a_step(
    body: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TilthError) as caught:
        _run_with(body, tmp_path, monkeypatch)
    assert told in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_a_question_has_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="EOFError"):
        _run_with("input('name? ')", tmp_path, monkeypatch)


def test_an_operation_that_goes_elsewhere_takes_nothing_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    folder = _run_with("os.chdir('elsewhere')", tmp_path, monkeypatch)
    assert not list((tmp_path / "elsewhere").iterdir())
    assert len(list(folder.glob("data/*/manifest.json"))) == 3


TASK = ShuffleResolve(step="transfer", op="transfer", settings={}, folder=Path("x"), partitions=1)


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (TimeoutError(), StorageError, "TimeoutError"),
        (OSError(28, "no space left"), StorageError, "no space left"),
        (ValueError(), StepError, "ValueError"),
        (MissingError("no such file", hint="look"), MissingError, "no such file"),
        (DataError("bad", where="row 3", code="odd"), DataError, "bad"),
    ],
)
def test_whatever_a_task_raises_fails_its_step(
    error: Exception, kind: type[TilthError], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(perform, "run_task", fail)
    reply = Reply.model_validate(worker._run(TASK.as_json(), lambda _: None))
    with pytest.raises(kind, match=said) as caught:
        local._result(reply, TASK)
    assert type(caught.value) is kind
    assert caught.value.where == ("row 3" if said == "bad" else "transfer, shuffle_resolve 0")


def test_what_a_task_gives_is_its_result(monkeypatch: pytest.MonkeyPatch) -> None:
    for given in (None, [1, {"a": None}], {"": ""}):
        monkeypatch.setattr(perform, "run_task", lambda *_, found=given: found)
        reply = Reply.model_validate(worker._run(TASK.as_json(), lambda _: None))
        assert local._result(reply, TASK) == given


def test_what_a_library_kept_for_one_step_counts_for_those_that_ask_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two steps use one library that reads a file of the user's once; a third does not."""
    monkeypatch.chdir(tmp_path)
    lib = tmp_path / "lib" / "site-packages"
    lib.mkdir(parents=True)
    (lib / "corp.py").write_text(
        "from functools import cache\n@cache\ndef words():\n    return open('bad.txt').read()\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{lib}:{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.syspath_prepend(str(lib))
    write_documents(Path("documents.jsonl"), 10)
    for name in ("one", "two"):
        Path(f"{name}.py").write_text(
            f"def {name}(text: str) -> float:\n    import corp\n    return len(corp.words())\n"
        )
    Path("three.py").write_text("def three(text: str) -> float:\n    return 3.0\n")
    Path("bad.txt").write_text("drat")
    recipe = (
        "tilth: 1\nname: p\ncollect: {a: {jsonl: {path: documents.jsonl}}}\nclean:\n"
        "- signals: {functions: ['one.py:one']}\n- signals: {functions: ['two.py:two']}\n"
        "- signals: {functions: ['three.py:three']}\n"
    )
    run_text(recipe, tmp_path / "run", num_workers=1)
    found = map(read_manifest, (tmp_path / "run" / "data").glob("clean.*"))
    reads = {one.step: [*one.reads] for one in found}
    assert reads == {
        "clean.signals": ["bad.txt"],
        "clean.signals-2": ["bad.txt"],
        "clean.signals-3": [],
    }
