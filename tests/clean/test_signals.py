"""Signals: the shipped table, nulls, subsets, and a user's own functions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from tilth.clean import signals
from tilth.clean.signals import SIGNALS, Settings
from tilth.errors import MissingError, UsageError
from tilth.schema import with_columns
from tilth.settings import acting

TEXTS = [
    "The cat and the dog sat with the bird.\n- It is what it is...\n- It is what it is...\n",
    "",
    None,
    "12345 ##### {x} JavaScript lorem ipsum",
    "日本語の文章です。これは二番目の文です。",
]


def batch(texts: list[str | None]) -> pa.RecordBatch:
    ids = [str(i) for i in range(len(texts))]
    return pa.RecordBatch.from_pydict({"id": ids, "text": pa.array(texts, pa.large_string())})


def measure(texts: list[str | None], settings: Settings | None = None) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = signals.apply(batch(texts), settings or Settings()).to_pylist()
    return rows


def test_every_signal_is_measured_and_typed() -> None:
    result = signals.apply(batch(TEXTS), Settings())
    for name, signal in SIGNALS.items():
        column = result.column(f"signal.{name}")
        assert column.type == signal.type, name
        assert column[2].as_py() is None, name
        assert column.null_count == 1, name
        if name.endswith("_ratio") and name not in ("symbol_ratio", "new_line_ratio"):
            assert all(0 <= v <= 1 for v in column.drop_null().to_pylist()), name


def test_known_values() -> None:
    first, empty, _, odd, japanese = measure(TEXTS)
    assert first["signal.word_count"] == 19
    assert first["signal.bullet_line_ratio"] == pytest.approx(2 / 3)
    assert first["signal.duplicate_line_ratio"] == pytest.approx(1 / 3)
    assert first["signal.stop_word_count"] == 3
    assert first["signal.ellipsis_line_ratio"] == pytest.approx(2 / 3)
    assert empty["signal.mean_word_length"] == 0
    assert odd["signal.curly_bracket_count"] == 2
    assert odd["signal.lorem_ipsum_count"] == 1
    assert odd["signal.javascript_line_count"] == 1
    assert japanese["signal.sentence_count"] == 2


def test_result_does_not_depend_on_the_cut() -> None:
    texts = TEXTS * 3
    whole = signals.apply(batch(texts), Settings())
    parts = [signals.apply(batch(texts).slice(i, 4), Settings()) for i in range(0, len(texts), 4)]
    assert pa.Table.from_batches(parts).combine_chunks() == pa.Table.from_batches([whole])


def test_subset_of_names() -> None:
    result = signals.apply(batch(TEXTS), Settings(names=("word_count",)))
    assert result.schema.names == ["id", "text", "signal.word_count"]


def test_no_rows() -> None:
    assert signals.apply(batch([]), Settings()).num_rows == 0


def test_unknown_name_says_which_is_meant() -> None:
    with pytest.raises(ValidationError, match="did you mean `word_count`"):
        Settings(names=("word_cuont",))


def test_own_function_is_a_signal(tmp_path: Path) -> None:
    file = tmp_path / "my_signals.py"
    file.write_text(
        "def shouting(text: str) -> float:\n"
        "    return sum(map(str.isupper, text)) / max(1, len(text))\n"
        "def kind(text: str, uri: str) -> str:\n"
        "    return f'{len(text)} {uri}'\n"
        "def untyped(text):\n"
        "    return 1\n"
    )
    functions = tuple(f"{file}:{name}" for name in ("shouting", "kind", "untyped"))
    given = with_columns(batch(["ABcd", None]), {"uri": ["u", "v"]})
    rows = signals.apply(given, Settings(names=("word_count",), functions=functions)).to_pylist()
    assert rows[0]["signal.shouting"] == 0.5
    assert rows[0]["signal.kind"] == "4 u"
    assert rows[0]["signal.untyped"] == 1.0
    assert rows[1]["signal.shouting"] is None


def test_own_function_of_an_installed_module() -> None:
    with pytest.raises(UsageError, match="take columns of a sample"):
        signals.apply(batch(["a"]), Settings(functions=("textwrap:fill",)))
    with pytest.raises(UsageError, match="did you mean `dedent`"):
        signals.apply(batch(["a"]), Settings(functions=("textwrap:dedentt",)))
    with pytest.raises(MissingError, match="cannot be imported"):
        signals.apply(batch(["a"]), Settings(functions=("no_such_module:f",)))


def test_edited_function_changes_the_fingerprint(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    settings = Settings(functions=(f"{file}:f",))
    with pytest.raises(MissingError, match="no file"):
        signals.fingerprint(settings)
    file.write_text("def f(text): return 1.0\n")
    before = signals.fingerprint(settings)
    assert signals.fingerprint(settings) == before
    file.write_text("def f(text): return 22.0\n")
    assert signals.fingerprint(settings) != before
    assert signals.fingerprint(Settings()) == ""


def test_how_signals_are_named_changes_nothing(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    for place in ("mine.py", "other.py"):
        (tmp_path / place).write_text("def f(text): return 1.0\ndef g(text): return 2.0\n")
    names = ("word_count", "char_count", "word_count")
    places = ("mine.py:f", "./mine.py:f", f"{tmp_path}/mine.py:f", "other.py:f")
    given = [Settings(names=names, functions=(place,)) for place in places]
    given.append(Settings(names=("char_count", "word_count"), functions=("mine.py:f",)))
    assert len({(str(acting(one)), signals.fingerprint(one)) for one in given}) == 1
    made = [signals.apply(batch(["a b"]), one) for one in given]
    assert all(one.equals(made[0]) for one in made)
    assert acting(Settings()) == acting(Settings(names=tuple(SIGNALS)))
    others = [("mine.py:g",), ("mine.py:f", "mine.py:g"), ("mine.py:g", "mine.py:f"), ("a.b:f",)]
    read = [str(acting(Settings(names=names, functions=one))) for one in [("x.py:f",), *others]]
    # Where a function lies counts by what lies there.
    assert len(set(read)) == 4


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("def g(text): return 1.0", UsageError, "no function `f`"),
        ("def f(sentence): return 1.0", UsageError, "take columns"),
        ("def f(text) -> list: return []", UsageError, "must return"),
        ("import nowhere_to_be_found", MissingError, "cannot be imported"),
        ("def f(text) return", UsageError, "SyntaxError"),
        ("import sys\nsys.exit(3)", UsageError, "SystemExit: 3"),
        ("f = dict", UsageError, "signature of `f` cannot be read"),
        ("def f(text: 'Words') -> float: return 1.0", UsageError, "signature of `f`"),
    ],
)
def test_wrong_functions_say_what_is_wrong(
    tmp_path: Path, source: str, error: type[Exception], message: str
) -> None:
    (tmp_path / "mine.py").write_text(source)
    with pytest.raises(error, match=message):
        signals.apply(batch(["a"]), Settings(functions=(f"{tmp_path}/mine.py:f",)))


@pytest.mark.parametrize("spec", ["shouting", "a.py:", ":f", "a.py:word_count", "a.py:x y"])
def test_wrong_specs(spec: str) -> None:
    with pytest.raises(ValidationError):
        Settings(functions=(spec,))


@pytest.mark.parametrize("name", ["weight", "failed_rules", "votes", "language", "label", "split"])
def test_names_that_the_program_reads_are_not_a_users(name: str) -> None:
    with pytest.raises(ValidationError, match=f"`{name}` is a name that Tilth writes and reads"):
        Settings(functions=(f"own.py:{name}",))


@pytest.mark.parametrize(
    ("promised", "given", "is_kept"),
    [
        *[("int", "2.5", False), ("int", "2.0", False), ("int", "True", False), ("int", "2", True)],
        *[("int", "__import__('numpy').int64(3)", True), ("int", "None", True)],
        *[("float", "2", True), ("float", "True", False), ("float", "'2'", False)],
        *[("bool", "True", True), ("bool", "1", False), ("bool", "0.0", False)],
        *[("str", "'a'", True), ("str", "1", False)],
    ],
)
def test_a_function_keeps_the_type_that_it_promises(
    promised: str, given: str, is_kept: bool, tmp_path: Path
) -> None:
    file = tmp_path / "own.py"
    file.write_text(f"def own(text: str) -> {promised}:\n    return {given}\n")
    settings = Settings(names=("char_count",), functions=(f"{file}:own",))
    if is_kept:
        assert "signal.own" in measure(["a"], settings)[0]
        return
    with pytest.raises(TypeError, match=f"`own` promises {promised} and gives"):
        measure(["a"], settings)


@pytest.mark.parametrize("given", ["nan", "inf", "-inf"])
def test_what_is_no_number_is_an_error_and_not_unknown(given: str, tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(f"def own(text: str) -> float:\n    return float('{given}')\n")
    settings = Settings(names=("char_count",), functions=(f"{file}:own",))
    with pytest.raises(TypeError, match=f"`own` gives {given}, which is no number"):
        measure(["a"], settings)


def test_a_column_that_a_function_reads_and_nothing_fills_is_told(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text("def of_label(label: str, text: str) -> int:\n    return len(label)\n")
    settings = Settings(functions=(f"{file}:of_label",))
    rows = with_columns(batch(["a", "b"]), {"label": ["x", None]})
    assert signals.survey(iter([rows]), settings) == []
    assert signals.survey(iter([batch(["a"])]), settings) == [
        "no sample has a value in `label`, which `of_label` reads"
    ]
    assert signals.survey(iter([batch(["a"])]), Settings()) == []


def test_however_a_function_is_named_the_settings_are_the_same() -> None:
    given = [Settings(functions=(f"{place}:f",)) for place in ("sig.py", "./sig.py", "a.sig")]
    assert len({one.normal() for one in given}) == 1
    assert Settings(functions=("sig.py:g",)).normal() != given[0].normal()


def test_a_helper_that_is_edited_is_used_by_the_next_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one process, as a worker that lives on is."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sig.py").write_text(
        "from helper import count\ndef spam(text): return count(text)\n"
    )
    settings, found = Settings(names=("char_count",), functions=("sig.py:spam",)), []
    for word in ("spam", "eggs"):
        (tmp_path / "helper.py").write_text(f"def count(text): return text.count('{word}')\n")
        found.append(
            (measure(["eggs, eggs"], settings)[0]["signal.spam"], signals.fingerprint(settings))
        )
    assert [count for count, _ in found] == [0.0, 2.0]
    assert found[0][1] != found[1][1]
