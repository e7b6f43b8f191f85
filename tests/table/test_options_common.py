"""Options and arguments that several verbs have: --json, --debug, --runs, and the run's name."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.table.commands import ANSWERED, Said, fresh, place, tilth_
from tests.table.entries import effect, name
from tests.table.listed import options
from tilth.cli.main import MODULES

__all__ = ["fresh", "place"]

# Every verb, with arguments that it answers, and with arguments of something that there is not.
RIGHT = {
    **ANSWERED,
    "init": ["quickstart", "{new}.yaml"],
    "list": ["starters"],
    "explain": ["minhash"],
    "check": ["small-12.yaml"],
    "plan": ["small-12.yaml"],
    "run": ["small-12.yaml", "--dry-run"],
    "doctor": ["small-12.yaml"],
}
WRONG = {
    **{verb: ["nobody", *words[1:]] for verb, words in ANSWERED.items()},
    "diff": ["small", "nobody"],
    "init": ["nothing"],
    "list": ["nothing"],
    "explain": ["nothing-like-it"],
    "check": ["nothing.yaml"],
    "plan": ["nothing.yaml"],
    "run": ["nothing.yaml"],
    "doctor": ["nothing.yaml"],
}
# Of a model: an object a line.
LINES = ("generate", "translate", "transcribe", "classify")


# Of a recipe that asks people: in tests/table/test_annotate.py.
APART = "annotate"


def _of(option: str) -> list[str]:
    found = (path for path in options() if path.endswith(f" {option}"))
    return [path for path in found if _verb(path) != APART]


def _verb(path: str) -> str:
    return path.split()[1]


@effect(*_of("--json"))
def test_what_a_verb_answers_is_json_and_nothing_else(path: str, place: Path) -> None:
    verb = _verb(path)
    found = tilth_(verb, *RIGHT[verb], "--json")
    assert found.code == 0, found.err
    if verb in LINES:
        assert [set(line) >= {"input"} for line in found.lines] == [True]
    else:
        assert found.document
    # As text it is something else.
    assert tilth_(verb, *RIGHT[verb]).out.strip() != found.out.strip()


@pytest.mark.parametrize("verb", WRONG)
def test_what_goes_wrong_is_json_too(verb: str, place: Path) -> None:
    found = tilth_(verb, *WRONG[verb], "--json")
    assert found.code in (2, 3)
    # On one line, which of a verb that answers an object a line is one of them.
    (document,) = found.lines
    assert set(document["error"]) >= {"code", "what", "where", "hint"}
    assert f"error[{document['error']['code']}]" in found.err
    # A command that cannot be read is told before the verb is called.
    unread = tilth_(verb, *WRONG[verb], "--json", "--nonsense")
    assert (unread.code, unread.lines[0]["error"]["code"]) == (2, "usage")


@pytest.mark.parametrize("verb", ["status", "classify"])
def test_a_stop_is_a_document_too(verb: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tilth.query.runs.open_run", stop)
    monkeypatch.setattr("tilth.query.predict.open_run", stop)
    found = tilth_(verb, *RIGHT[verb], "--json")
    assert (found.code, found.document["error"]["code"]) == (130, "stopped")
    assert "what was committed is kept" in found.err


@effect(*[path for path in _of("--debug") if _verb(path) != "demo-site"])
def test_debug_shows_whence_an_error_came(path: str, place: Path) -> None:
    verb = _verb(path)
    plain, found = tilth_(verb, *WRONG[verb]), tilth_(verb, *WRONG[verb], "--debug")
    assert "Traceback" not in plain.err
    assert "Traceback" in found.err
    assert found.err.endswith(plain.err)
    assert (found.code, found.out) == (plain.code, "")


@pytest.mark.parametrize("verb", ["transcribe", "classify"])
def test_debug_shows_why_a_sample_costs_its_answer(verb: str, place: Path) -> None:
    (place / "broken.bin").write_bytes(b"nothing that can be decoded")
    run = ANSWERED[verb][0]
    assert "Traceback" not in tilth_(verb, run, "broken.bin").err
    found = tilth_(verb, run, "broken.bin", "--debug")
    assert "Traceback" in found.err
    assert found.code == 1


def test_debug_shows_why_a_recipe_is_wrong_beside_its_document(fresh: Path) -> None:
    (fresh / "bad.yaml").write_text("tilth: 1\nname: bad\ncollect: {a: {jsnl: {}}}\n")
    found = tilth_("check", "bad.yaml", "--json", "--debug")
    assert "Traceback" in found.err
    assert found.document["ok"] is False


@contextlib.contextmanager
def _taken() -> Iterator[int]:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        yield held.getsockname()[1]


@effect("tilth demo-site --debug", "tilth demo-site --port")
def test_the_site_is_at_its_port_and_nowhere_else() -> None:
    with _taken() as port:
        plain = tilth_("demo-site", "--port", port)
        assert (plain.code, plain.out) == (3, "")
        assert f"port {port} cannot be used" in plain.err
        assert "--port 0 takes a free one" in plain.err
        assert "Traceback" not in plain.err
        assert "Traceback" in tilth_("demo-site", "--port", port, "--debug").err


@effect(*[path for path in _of("--runs") if _verb(path) in ANSWERED])
def test_runs_are_looked_for_where_the_option_or_the_variable_says(
    path: str, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verb = _verb(path)
    for file in ("dark.png", "a.wav"):
        shutil.copy(place / file, tmp_path)
    monkeypatch.chdir(tmp_path)
    runs = str(place / "runs")
    assert tilth_(verb, *ANSWERED[verb]).code == 3
    assert tilth_(verb, *ANSWERED[verb], "--runs", runs).code == 0
    assert tilth_(verb, *ANSWERED[verb], TILTH_RUNS=runs).code == 0
    # What is written goes before the variable.
    assert tilth_(verb, *ANSWERED[verb], "--runs", tmp_path, TILTH_RUNS=runs).code == 3


# How the run is called that each verb shows.
NAMED = {
    "status": "small: done",
    "show": "small clean.rules, kept",
    "trace": "kept after 6 steps of small",
    "report": "runs/small/report.html",
    "export": "the final data set of small",
    "remove": "small has nothing that is not needed",
    "verify": "all as they were committed",
    "generate": "heron",
    "translate": "",
    "transcribe": "a.wav\t",
    "classify": "dark\t",
}


def _wrong_name(verb: str) -> Said:
    words = ANSWERED[verb]
    return tilth_(verb, words[0][:-1], *words[1:])


@effect(*[f"tilth {verb} run" for verb in NAMED])
@name(*[f"tilth {verb} run" for verb in NAMED])
@pytest.mark.parametrize("verb", NAMED)
def test_the_run_that_is_named_is_asked_and_the_nearest_is_told(verb: str, place: Path) -> None:
    found = tilth_(verb, *ANSWERED[verb])
    assert found.code == 0, found.err
    assert NAMED[verb] in found.out
    wrong = _wrong_name(verb)
    assert (wrong.code, wrong.out) == (3, "")
    assert f"did you mean `{ANSWERED[verb][0]}`?" in wrong.err
    # By the path of its folder, too.
    by_path = tilth_(verb, Path("runs") / ANSWERED[verb][0], *ANSWERED[verb][1:])
    assert (by_path.code, NAMED[verb] in by_path.out) == (0, True)


@effect("tilth diff run_a", "tilth diff run_b")
@name("tilth diff run_a", "tilth diff run_b")
def test_the_two_runs_that_are_named_are_compared(place: Path) -> None:
    there, back = tilth_("diff", "small@1", "small").out, tilth_("diff", "small", "small@1").out
    assert "gained; in small@1: clean.rules, word_count >= 20" in there
    assert "lost; in small@1: clean.rules, word_count >= 20" in back
    assert "do not differ" in tilth_("diff", "small", "small").out
    for words in (["smal", "small"], ["small", "smal"]):
        wrong = tilth_("diff", *words)
        assert wrong.code == 3
        assert "did you mean `small`?" in wrong.err
    assert "it has small@1" in tilth_("diff", "small@7", "small").err


def test_what_verbs_declare_of_their_options_is_about_options_that_they_have() -> None:
    for module in MODULES:
        for verb in importlib.import_module(f"tilth.cli.{module}").VERBS:
            named = {
                *verb.needs,
                *verb.needs.values(),
                *(one for pair in verb.apart for one in pair),
            }
            assert named <= inspect.signature(verb.function).parameters.keys(), verb.name


@effect("tilth --version")
def test_the_version_is_that_of_the_package() -> None:
    from importlib.metadata import version

    assert tilth_("--version").out == f"tilth {version('tilth')}\n"
