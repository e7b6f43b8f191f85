"""The page of twelve scripts holds what the command writes, and what it writes is measured."""

from __future__ import annotations

import re

from benchmarks import scripts

KINDS = list(scripts.PERSONAL)


def _rows(table: str) -> dict[str, list[str]]:
    lines = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("|")]
    return {line[0]: line[1:] for line in lines[2:]}


def test_the_page_is_as_the_command_writes_it() -> None:
    text = scripts.PAGE.read_text("utf-8")
    measured = text.partition(scripts.MADE_BELOW)[2].strip("\n")
    assert scripts.written(text, measured) == text
    said = re.search(
        r"`python -m benchmarks.scripts` on \d{4}-\d\d-\d\d, .+: 100 texts of 100 words", measured
    )
    assert said
    names = [script.name for script in scripts.scripts()]
    assert len(names) == 12
    first, second = (_rows(part) for part in measured.split("\n\n")[2:4])
    assert list(first) == list(second) == names
    for name in names:
        assert len(first[name]) == 11
        assert len(second[name]) == len(KINDS)
        for cell in first[name] + second[name]:
            assert re.fullmatch(r"\d+|(\*\*)?\d+\.\d\d(\*\*)?", cell)
        # Copies with 1 % of their characters edited, by shingles of characters; unrelated ones.
        assert float(first[name][5].strip("*")) >= scripts.GOALS[scripts.EDITED]
        assert first[name][6] == "0"
    # What the project promises of every script.
    goal = scripts.GOALS["redacted"]
    for name, cells in second.items():
        for kind, cell in zip(KINDS, cells, strict=True):
            assert float(cell.strip("*")) >= goal or (name, kind) == ("Latin", "ip")


def test_what_is_below_its_goal_is_marked() -> None:
    row = scripts.Row(
        near=dict.fromkeys(scripts.KINDS, 0.5),
        by_characters=dict.fromkeys(scripts.KINDS, 0.96),
        language=0.9,
        extracted=1.0,
        redacted=dict.fromkeys(scripts.PERSONAL, 0.9),
        missed=["ip: `x` is left"],
    )
    made = scripts.tables({"Latin": row}, 3, "2026-01-02", "a machine")
    assert "on 2026-01-02, a machine, " in made
    assert (
        "| Latin | 0.00 | **0.50** | 0.50 | 0.50 | **0.50** | 0.96 | 0 | **0.50** | **0.00** "
        "| 0.90 | 1.00 |" in made
    )
    assert "| Latin | " + " | ".join(["**0.90**"] * 5) + " |" in made
    assert made.endswith("- Latin, ip: `x` is left")


def test_a_text_is_measured_by_itself() -> None:
    script = next(one for one in scripts.scripts() if one.name == "Greek")
    row = scripts.Row()
    scripts.measure(script, row, 2)
    assert (row.words, row.language, row.extracted) == (1.0, 1.0, 1.0)
    assert set(row.redacted.values()) == {1.0}
    assert not row.missed


def test_copies_differ_in_what_was_asked() -> None:
    for script in scripts.scripts():
        text = script.text(7)
        assert script.text(7) == text != script.text(8)
        assert script.copy(7, "capitals") == text.upper()
        letters = script.copy(7, "1 % of characters")
        assert len(letters) == len(text)
        assert 0 < sum(a != b for a, b in zip(text, letters, strict=True)) <= 0.02 * len(text)
        if script.joint:
            words = script.copy(7, "5 % of words")
            pairs = zip(text.split(), words.split(), strict=True)
            assert sum(a != b for a, b in pairs) == 5


def test_an_edit_changes_the_shingles_that_it_stands_in() -> None:
    """Why a copy with 5 % of its words replaced is none at 0.7."""
    script = next(one for one in scripts.scripts() if one.name == "Latin")

    def shingles(text: str) -> set[tuple[str, ...]]:
        words = text.split()
        return {tuple(words[at : at + 5]) for at in range(len(words) - 4)}

    def common(kind: str) -> float:
        pairs = [(shingles(script.text(n)), shingles(script.copy(n, kind))) for n in range(40)]
        return sum(len(a & b) / len(a | b) for a, b in pairs) / len(pairs)

    assert common("1 % of words") > 0.85
    assert 0.5 < common("5 % of words") < 0.65
    assert 0.4 < common("1 % of characters") < 0.65
