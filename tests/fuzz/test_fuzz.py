"""Every parser of outside bytes is tried; a little here, 20,000 inputs each by `make fuzz`."""

from __future__ import annotations

from pathlib import Path

import pytest

import tilth
from tests.fuzz.__main__ import main
from tests.fuzz.parsers import PARSERS, ROOMS, TAKES_NONE, Parser
from tests.fuzz.trial import Found, changed, one, tried
from tilth.errors import DataError

_CORPUS = Path(__file__).parent / "corpus"
_BY_NAME = {parser.name: parser for parser in PARSERS}
_EACH = pytest.mark.parametrize("name", _BY_NAME)


def test_each_module_that_takes_bytes_of_strangers_is_tried() -> None:
    root = Path(tilth.__file__).parent
    modules = {
        f"{room}.{path.stem}"
        for room in ROOMS
        for path in (root / room).glob("*.py")
        if path.stem != "__init__"
    }
    covered = {module for parser in PARSERS for module in parser.covers}
    assert not covered & TAKES_NONE.keys()
    assert modules <= covered | TAKES_NONE.keys(), modules - covered - TAKES_NONE.keys()
    named = {one for one in covered | TAKES_NONE.keys() if one.partition(".")[0] in ROOMS}
    assert named <= modules, named - modules
    assert len(_BY_NAME) == len(PARSERS)


@_EACH
def test_sound_inputs_are_read(name: str, tmp_path: Path) -> None:
    """Else all that is made of them would be refused at the door."""
    parser = _BY_NAME[name]
    for number, seed in enumerate(parser.seeds()):
        (tmp_path / str(number)).mkdir()
        answered, told = one(parser, seed, tmp_path / str(number))
        assert told == ""
        assert answered, number


@_EACH
def test_what_is_changed_is_answered_or_refused(name: str, tmp_path: Path) -> None:
    parser, seeds = _BY_NAME[name], _BY_NAME[name].seeds()
    for number in range(8):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert one(parser, changed(seeds, number, 1), folder)[1] == ""


def _kept() -> list[Path]:
    return sorted(path for path in _CORPUS.rglob("*") if path.is_file())


@pytest.mark.parametrize("path", _kept(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_was_wrong_once_is_right(path: Path, tmp_path: Path) -> None:
    assert one(_BY_NAME[path.parent.name], path.read_bytes(), tmp_path)[1] == ""


def _odd(data: bytes, _: Path) -> object:
    if data[:1] == b"k":
        import os

        os.kill(os.getpid(), 9)
    if data[:1] == b"t":
        raise DataError("typed", where="here", hint="none")
    if data[:1] == b"u":
        raise KeyError("untyped")
    if data[:1] == b"m":
        return bytearray(b"x" * (200 << 20))[-1]
    return data


@pytest.mark.parametrize(
    ("seed", "wanted"),
    [
        (b"k", "the process died of SIGKILL"),
        (b"u", "KeyError"),
        (b"m", "took "),
        (b"t", ""),
        (b"a", ""),
    ],
)
def test_the_trial_sees_what_is_wrong(
    seed: bytes, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.fuzz.trial.changed", lambda seeds, number, _: seeds[0][1:])
    found = tried(Parser("odd", (), _odd, lambda: [b"-" + seed]), range(1, 3), 0)
    assert found.tried == 2
    if wanted:
        assert found.wrong.keys() == {1, 2}
        assert all(told.startswith(wanted) for told in found.wrong.values())
    else:
        assert not found.wrong
        assert (found.answered, found.refused) == ((0, 2) if seed == b"t" else (2, 0))


def test_make_fuzz_gives_each_parser_as_many_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []

    def take(parser: Parser, numbers: range, _: int) -> Found:
        asked.append((parser.name, len(numbers)))
        return Found()

    monkeypatch.setattr("tests.fuzz.__main__.tried", take)
    for words in ((), ("--only", "picture", "--count", "2000")):
        monkeypatch.setattr("sys.argv", ["fuzz", *words])
        assert main() == 0
    assert asked == [*((parser.name, 20_000) for parser in PARSERS), ("picture", 2000)]
