"""Signals: the shipped table, nulls, subsets, and a user's own functions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any
from unicodedata import category

import hypothesis
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tilth.clean import dictionary, signals
from tilth.clean.signals import SIGNALS, Settings
from tilth.errors import MissingError, UsageError
from tilth.kernels.words import plain_words
from tilth.schema import with_columns
from tilth.settings import acting

TEXTS = [
    "The cat and the dog sat with the bird.\n- It is what it is...\n- It is what it is...\n",
    "",
    None,
    "12345 ##### {x} JavaScript lorem ipsum",
    "日本語の文章です。これは二番目の文です。",
]


@pytest.fixture(autouse=True, scope="module")
def without_dictionaries() -> Iterator[None]:
    """Words are those of Tilth alone, whatever is installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dictionary, "dictionaries", lambda: "")
        yield


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


def plain_signals(text: str) -> dict[str, float]:
    """Every signal from what the papers say of it, over what Python says of characters."""

    def unseen(char: str) -> bool:
        return char.isspace() or category(char) in ("Cc", "Cf")

    def is_letter(char: str) -> bool:
        return char.isalpha() or "\u093e" <= char <= "\u094d"  # the vowels of Hindi are marks

    def share(part: float, whole: float) -> float:
        return min(part / whole, 1.0) if whole else 0.0

    def chars_of(parts: Iterable[str]) -> int:
        return sum(map(len, parts))

    def repeated(parts: Sequence[Any]) -> list[Any]:
        return [part for place, part in enumerate(parts) if part in parts[:place]]

    tokens = list(plain_words(text))
    words = [token for token in tokens if any(map(str.isalnum, token))]
    edge = "".join(filter(unseen, text))
    all_lines = [line.strip(edge) for line in text.split("\n")]
    lines = list(filter(None, all_lines))
    paragraphs = [list(g) for seen, g in groupby(all_lines, bool) if seen]
    marks = ".!?。！？｡…‼⁇⁈⁉؟۔।॥።៕"
    sentences = 0
    for place, char in enumerate(text):
        rest = text[place + 1 :].lstrip("\"'”’»)]")
        is_end = not rest or unseen(rest[0]) or char in "。！？｡"
        sentences += char in marks and is_end
    counted: dict[str, float] = {
        "char_count": len(text),
        "word_count": len(words),
        "token_count": len(tokens),
        "line_count": len(lines),
        "sentence_count": sentences,
        "paragraph_count": len(paragraphs),
        "stop_word_count": len({token.lower() for token in tokens if token.isascii()} & STOP),
        "curly_bracket_count": sum(char in "{}" for char in text),
        "lorem_ipsum_count": len(re.findall("lorem ipsum", text, re.A | re.I)),
        "javascript_line_count": sum("javascript" in line.lower() for line in lines),
        "mean_word_length": chars_of(words) / len(words) if words else 0,
    }
    ellipses = text.count("...") + text.count("…")
    num, many = len(text), len(tokens)
    counted |= {
        "symbol_ratio": max(text.count("#"), ellipses) / many if many else 0,
        "new_line_ratio": text.count("\n") / many if many else 0,
        "alpha_word_ratio": share(sum(any(map(is_letter, t)) for t in tokens), many),
        "alpha_ratio": share(sum(map(is_letter, text)), num),
        "unspaced_ratio": share(sum("一" <= c <= "鿿" for c in text), sum(map(is_letter, text))),
        "digit_ratio": share(sum(map(str.isdigit, text)), num),
        "uppercase_ratio": share(sum(map(str.isupper, text)), sum(map(is_letter, text))),
        "whitespace_ratio": share(sum(map(unseen, text)), num),
        "bullet_line_ratio": share(sum(line[0] in "-*•" for line in lines), len(lines)),
        "ellipsis_line_ratio": share(
            sum(line.endswith(("...", "…")) for line in lines), len(lines)
        ),
        "line_punct_ratio": share(
            sum(line[-1] in marks or line[-1] in "\"'”’»" for line in lines), len(lines)
        ),
        "short_line_ratio": share(sum(len(line) <= 30 for line in lines), len(lines)),
        "duplicate_line_ratio": share(len(repeated(lines)), len(lines)),
        "duplicate_line_char_ratio": share(chars_of(repeated(lines)), num),
        "duplicate_paragraph_ratio": share(len(repeated(paragraphs)), len(paragraphs)),
        "duplicate_paragraph_char_ratio": share(sum(map(chars_of, repeated(paragraphs))), num),
    }
    ends: list[int] = []
    for token in tokens:
        ends.append(text.index(token, ends[-1] if ends else 0) + len(token))
    for n in range(2, 11):
        grams = [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]
        top = Counter(grams).most_common(1)
        taken, place = 0, 0
        walked: set[tuple[str, ...]] = set()  # over, and not taken
        while place < len(grams):
            gram = grams[place]
            if (top[0][1] > 1 and gram == top[0][0]) if n < 5 else gram in walked:
                after = range(place + 1, place + n) if n < 5 else ()
                blanks = sum(ends[i] - len(tokens[i]) > ends[i - 1] for i in after)
                taken += chars_of(gram) + blanks
                place += n
            else:
                walked.add(gram)
                place += 1
        name = f"top_{n}_gram_char_ratio" if n < 5 else f"duplicate_{n}_gram_char_ratio"
        counted[name] = share(taken, num)
    return counted


STOP = {"the", "be", "to", "of", "and", "that", "have", "with"}
PIECES = (
    *(
        "the",
        "The",
        "of",
        "WITH",
        "word",
        "été",
        "straße",
        "日本語。",
        "हिन्दी",
        "Ⓐ",
        "12",
        "٣",
        "_",
    ),
    *("...", "…", ".", "!", "?", ",", "#", "{", "}", '"', "”", ")", "-", "*", "•", "don't"),
    *("JavaScript", "lorem ipsum", "\n", "\n", "\n\n", " \n \n", "\t", "\u00a0", "a b a b a b"),
    *("one two three four five six", "x" * 31),
)
DOCUMENTS = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=40).map(" ".join),
    st.lists(st.sampled_from(PIECES), max_size=25).map("".join),
    st.lists(st.sampled_from(["a", "b", "ä", "\n"]), max_size=50).map(" ".join),
)


@given(st.lists(DOCUMENTS, max_size=4))
@hypothesis.settings(max_examples=150, deadline=None)
def test_every_signal_is_that_of_plain_python(texts: list[str]) -> None:
    for text, row in zip(texts, measure(list(texts)), strict=True):
        expected = plain_signals(text)
        assert set(expected) == set(SIGNALS)
        found = {name: row[f"signal.{name}"] for name in SIGNALS}
        assert found == pytest.approx(expected)


def test_where_there_are_no_letters_none_are_capitals() -> None:
    (row,) = measure(["Ⓐ 12"])
    assert row["signal.uppercase_ratio"] == 0


def test_every_signal_is_declared_once() -> None:
    assert [one.name for one in signals.FIGURES] == [f"signal.{name}" for name in SIGNALS]


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
