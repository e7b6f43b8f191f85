"""Rules: the first that fails decides, all that fail are kept, nulls decide nothing."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tilth.clean import rules, signals
from tilth.clean.expression import evaluate, names
from tilth.clean.rules import Settings, load_rule_set, shipped_rule_sets
from tilth.clean.signals import SIGNALS
from tilth.errors import MissingError, UsageError
from tilth.settings import acting


def batch() -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {
            "id": ["a", "b", "c", "d"],
            "signal.word_count": pa.array([12, 80, None, 100], pa.int64()),
            "signal.digit_ratio": [0.5, 0.123456789, 0.1, 0.9],
            "signal.language": ["en", "de", None, "en"],
        }
    )


def test_first_failing_rule_decides_and_all_are_kept() -> None:
    where = ("word_count >= 50", "digit_ratio < 0.3", "language == 'en'")
    rows = rules.apply(batch(), Settings(where=where)).to_pylist()
    assert [row["drop.rule"] for row in rows] == [
        "word_count >= 50",
        "language == 'en'",
        None,
        "digit_ratio < 0.3",
    ]
    assert [row["drop.value"] for row in rows] == [
        "word_count=12",
        "language=de",
        None,
        "digit_ratio=0.9",
    ]
    assert rows[0]["signal.failed_rules"] == (
        "word_count >= 50 [word_count=12]; digit_ratio < 0.3 [digit_ratio=0.5]"
    )
    assert rows[2]["signal.failed_rules"] is None


def test_all_numbers_that_a_rule_reads_are_shown() -> None:
    rows = rules.apply(batch(), Settings(where=("word_count * digit_ratio > 7",))).to_pylist()
    assert rows[0]["drop.value"] == "word_count=12, digit_ratio=0.5"


def test_a_number_that_decided_is_not_printed_as_one_that_would_decide_otherwise() -> None:
    near = [10.0004, 9.99996, 10.0, 1e-9, 123456.7, 10.000000000000002]
    rows = pa.RecordBatch.from_pydict({"id": list("abcdef"), "signal.x": near})
    at_most = Settings(where=("x <= 10",))
    said = [row["drop.value"] for row in rules.apply(rows, at_most).to_pylist()]
    assert said == ["x=10.0004", None, None, None, "x=1.235e+05", "x=10.000000000000002"]
    ratio = rules.apply(rows, Settings(where=("1 / x >= 0.1 or x * 2 > 20.1",))).to_pylist()
    assert ratio[0]["drop.value"] == "x=10.0004"
    both = rules.apply(rows, Settings(where=("x <= 10", "x != 123456.7"))).to_pylist()
    assert both[4]["signal.failed_rules"].endswith("x != 123456.7 [x=123456.7]")


INTEGERS = st.integers(-3, 3)
EDGES = (0.0, 1e-7, 0.1, 0.3, 0.5, 2 / 3, 1.0, 10.0, 1e6)
NUMBERS = st.sampled_from(EDGES).flatmap(
    lambda edge: st.sampled_from([-1e-3, -1e-5, -1e-9, 0.0, 1e-16, 1e-12, 1e-6, 1e-4]).map(
        lambda off: edge * (1 + off)
    )
)
TERMS = st.sampled_from(["x", "y", "x + y", "x * y", "x - y", "x / y", "max(x, y)", "abs(x - 1)"])
COMPARED = st.builds(
    "{} {} {!r}".format,
    TERMS,
    st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
    st.sampled_from(EDGES),
)
EXPRESSIONS = st.one_of(
    COMPARED,
    st.builds("{} {} {}".format, COMPARED, st.sampled_from(["and", "or"]), COMPARED),
    st.builds("not ({})".format, COMPARED),
    st.builds("{!r} <= {} < {!r}".format, st.sampled_from(EDGES), TERMS, st.sampled_from(EDGES)),
    st.builds("known(n) and {}".format, COMPARED),
)


@given(
    EXPRESSIONS,
    st.lists(
        st.tuples(NUMBERS, st.none() | NUMBERS | st.floats(allow_nan=True), st.none() | INTEGERS),
        min_size=1,
        max_size=6,
    ),
)
@settings(max_examples=300, deadline=None)
def test_what_is_printed_decides_as_what_was_measured_did(
    text: str, values: list[tuple[float, float | None, int | None]]
) -> None:
    """Everything that a rule read, as it is printed, breaks the rule again."""
    columns = dict(zip("xyn", zip(*values, strict=True), strict=True))
    kinds = {"x": pa.float64(), "y": pa.float64(), "n": pa.int64()}
    rows = pa.RecordBatch.from_pydict(
        {f"signal.{name}": pa.array(columns[name], kinds[name]) for name in columns}
        | {"id": pa.array(map(str, range(len(values))))}
    )
    for row in rules.apply(rows, Settings(where=(text,))).to_pylist():
        if row["drop.rule"] is None:
            continue
        told = dict(part.split("=") for part in row["drop.value"].split(", "))
        read = {name: None if one == "unknown" else float(one) for name, one in told.items()}
        printed = {name: pa.array([value], kinds[name]) for name, value in read.items()}
        true, unknown = evaluate(text, printed.__getitem__, 1)
        assert not true[0]
        assert not unknown[0]


def test_a_word_that_is_cut_says_so() -> None:
    rows = pa.RecordBatch.from_pydict({"id": ["a"], "source": ["x" * 81]})
    (row,) = rules.apply(rows, Settings(where=("source == 'y'",))).to_pylist()
    assert row["drop.value"] == f"source={'x' * 79}…"


def test_a_second_step_adds_to_the_reasons() -> None:
    once = rules.apply(batch(), Settings(where=("word_count >= 50",)))
    rows = rules.apply(once, Settings(where=("digit_ratio < 0.3",))).to_pylist()
    assert rows[0]["drop.rule"] == "word_count >= 50"
    assert rows[0]["signal.failed_rules"].count("; ") == 1


def test_columns_of_a_sample_can_be_read_but_not_lists() -> None:
    rows = rules.apply(batch(), Settings(where=("id != 'a'",))).to_pylist()
    assert rows[0]["drop.rule"] == "id != 'a'"
    assert rules.apply(batch(), Settings(where=("license != 'x'",)))["drop.rule"].null_count == 4
    with pytest.raises(UsageError, match="no signal `annotations`"):
        rules.apply(batch(), Settings(where=("annotations > 1",)))


def test_unmeasured_signal_says_what_to_do() -> None:
    with pytest.raises(UsageError, match="no signal `sentence_count`") as caught:
        rules.apply(batch(), Settings(where=("sentence_count > 1",)))
    assert "`signals` before `rules`" in caught.value.hint
    with pytest.raises(UsageError) as caught:
        rules.apply(batch(), Settings(where=("languag == 'en'",)))
    assert "did you mean `language`?" in caught.value.hint


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"where": ("word_cuont >= 50",)}, "did you mean `word_count`"),
        ({"where": ("word_count >=",)}, "cannot be read"),
        ({"files": ("gopher-qualitty",)}, "did you mean `gopher-quality`"),
        ({"files": ("/nowhere.yaml",)}, "no rule set or file"),
    ],
)
def test_mistakes_are_found_with_the_settings(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Settings.model_validate(given)


def test_shipped_rule_sets_read_shipped_signals_and_cite() -> None:
    assert shipped_rule_sets() == ("c4", "fineweb", "gopher-quality", "gopher-repetition")
    for name in shipped_rule_sets():
        rule_set = load_rule_set(name)
        assert "et al." in rule_set.source
        for rule in rule_set.rules:
            assert set(names(rule.keep)) <= set(SIGNALS), rule


def test_shipped_rules_keep_prose_and_drop_junk() -> None:
    prose = (
        "The committee met in the morning and talked about the budget of the coming year. "
        "Most of its members have doubts that the figures can be right. "
        "They asked the treasurer to check each of them with care.\n"
        "A new meeting was set for Friday afternoon. Nobody spoke against it. "
        "After a short break, work went on with the second item on the list.\n"
    )
    menu = "Home\nAbout us\nContact\nLog in\n" * 20
    texts = pa.array([prose, menu, "{ lorem ipsum }"], pa.large_string())
    measured = signals.apply(
        pa.RecordBatch.from_pydict({"id": ["a", "b", "c"], "text": texts}), signals.Settings()
    )
    rows = rules.apply(measured, Settings(files=shipped_rule_sets())).to_pylist()
    assert rows[0]["drop.rule"] is None
    failed = rows[1]["signal.failed_rules"]
    for signal in ("stop_word_count", "duplicate_line_ratio", "top_4_gram", "short_line_ratio"):
        assert signal in failed
    for signal in ("lorem_ipsum_count", "curly_bracket_count", "word_count", "sentence_count"):
        assert signal in rows[2]["signal.failed_rules"]


def test_own_rule_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("about: mine\nrules:\n  - keep: word_count >= 50\n")
    settings = Settings(files=(str(file),))
    before = rules.fingerprint(settings)
    assert rules.apply(batch(), settings)["drop.rule"][0].as_py() == "word_count >= 50"
    file.write_text("about: mine\nrules:\n  - keep: word_count >= 10\n")
    assert rules.apply(batch(), settings)["drop.rule"][0].as_py() is None
    assert rules.fingerprint(settings) != before
    file.unlink()
    with pytest.raises(MissingError):
        rules.fingerprint(settings)


def test_how_a_rule_is_written_changes_nothing(tmp_path: Path) -> None:
    written = ("word_count>=50", " (word_count  >= 50) ", "word_count >= 50")
    made = [rules.apply(batch(), Settings(where=(text,))) for text in written]
    assert made[0].equals(made[1])
    assert made[1].equals(made[2])
    assert len({str(acting(Settings(where=(text,)))) for text in written}) == 1
    assert acting(Settings(where=written)) == acting(Settings(where=written[:1]))
    assert acting(Settings(where=("a > 1", "b > 1"))) != acting(Settings(where=("b > 1", "a > 1")))


def test_a_file_of_rules_counts_by_its_rules(tmp_path: Path) -> None:
    texts = {
        "mine": "about: mine\nrules: [{keep: word_count >= 50}, {keep: a > 1}]\n",
        "said": "# why\nabout: x\nrules: [{keep: word_count>=50, because: so}, {keep: a > 1}]\n",
        "turned": "about: mine\nrules: [{keep: a > 1}, {keep: word_count >= 50}]\n",
        "other": "about: mine\nrules: [{keep: word_count >= 51}, {keep: a > 1}]\n",
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    given = {name: Settings(files=(str(tmp_path / f"{name}.yaml"),)) for name in texts}
    found = {name: (rules.fingerprint(one), acting(one)) for name, one in given.items()}
    assert found["mine"] == found["said"]
    assert len({fingerprint for fingerprint, _ in found.values()}) == 3
    assert rules.fingerprint(Settings(where=("a > 1",))) == ""
    shipped = [rules.fingerprint(Settings(files=(name,))) for name in shipped_rule_sets()]
    assert len(set(shipped)) == len(shipped)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("rules: [", "not YAML"),
        ("about: x\nrules: []\n", "wrong"),
        ("about: x\nrules:\n  - drop: a > 1\n", "wrong"),
        ("about: x\nrules:\n  - keep: import os\n", "cannot be read"),
        ("just words", "wrong"),
    ],
)
def test_broken_rule_files(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(content)
    with pytest.raises(UsageError, match=message):
        load_rule_set(str(file))


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        ("label != '1.0'", ["b", "c"]),
        ("'1.0' != label", ["b", "c"]),
        ("label in (' 2', '3.00')", ["b", "c"]),
        ("label not in ['1.0', 'e\u0301']", ["b", "c"]),
        ("label == '01'", ["c"]),
        ("'1.0' < label", ["b", "c"]),
        ("not (x > 0 and label == '1.0')", ["b", "c"]),
        # Fields have no such rule.
        ("meta.label != '1.0'", ["a", "c"]),
    ],
)
def test_a_rule_names_a_label_in_any_of_its_spellings(rule: str, kept: list[str]) -> None:
    rows = pa.RecordBatch.from_pydict(
        {
            "id": ["a", "b", "c"],
            "label": ["1", "2", None],
            "meta.label": ["1", "1.0", None],
            "signal.x": [1, 1, 1],
        }
    )
    found = rules.apply(rows, Settings(where=(rule,)))
    assert [r["id"] for r in found.to_pylist() if r["drop.rule"] is None] == kept


def test_a_field_of_short_floats_is_compared_as_it_is_spelt() -> None:
    rows = pa.RecordBatch.from_pydict(
        {"id": ["a", "b"], "meta.score": pa.array([0.1, 0.3], pa.float32())}
    )
    for rule in ("meta.score <= 0.1", "meta.score == 0.1", "meta.score != 0.3"):
        found = rules.apply(rows, Settings(where=(rule,))).to_pylist()
        assert [row["drop.value"] for row in found] == [None, "meta.score=0.3"]


def test_a_rule_is_known_and_shown_by_labels_as_they_are_spelt() -> None:
    assert rules.expressions(Settings(where=("label!='1.0'", "label != ' 1'"))) == ("label != '1'",)
    assert (
        Settings(where=("label != '1.0'",)).normal() == Settings(where=("label != '1'",)).normal()
    )


@pytest.mark.parametrize("rule", ["label != ''", "label not in ('a', ' ')"])
def test_a_rule_that_names_no_label_is_refused(rule: str) -> None:
    with pytest.raises(ValidationError, match=r"no label is .*known\(label\)"):
        Settings(where=(rule,))


@pytest.mark.parametrize("rule", ["label == 1", "label in (1, 2)"])
def test_a_label_is_compared_with_words(rule: str) -> None:
    rows = pa.RecordBatch.from_pydict({"id": ["a"], "label": ["1"]})
    with pytest.raises(UsageError) as error:
        rules.apply(rows, Settings(where=(rule,)))
    assert "a label is text" in error.value.what
    assert "label == '1'" in error.value.hint
