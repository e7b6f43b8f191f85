from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tilth.cli.output import as_plain, paragraph, print_json, table


@dataclass(frozen=True)
class _Thing:
    path: Path
    parts: tuple[float, ...]
    plan: object


def test_documents_are_strict_json(capsys: pytest.CaptureFixture[str]) -> None:
    thing = _Thing(Path("a/b"), (1.5, float("nan"), float("inf")), object())
    print_json({"thing": thing, "wörd": "\x1b[31m\u202e"})
    out = capsys.readouterr().out
    assert out.isascii()
    assert json.loads(out) == {
        "thing": {"path": "a/b", "parts": [1.5, None, None]},
        "wörd": "\x1b[31m\u202e",
    }
    assert as_plain(b"x") == "b'x'"


def test_markup_in_a_cell_stays_text(capsys: pytest.CaptureFixture[str]) -> None:
    table(["a", "n"], [["[red]x[/red] :smile:", "1"]], right=(1,))
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == "[red]x[/red] :smile:  1"


def test_a_pipe_is_never_folded(capsys: pytest.CaptureFixture[str]) -> None:
    table(["a"], [["word " * 60]])
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_paragraphs_are_folded_and_indented(capsys: pytest.CaptureFixture[str]) -> None:
    paragraph("word " * 60, indent="    ")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 1
    assert all(line.startswith("    word") and len(line) <= 110 for line in lines)


def test_a_stream_that_cannot_draw_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, "ascii"))
    table(["a"], [["b"]])
    assert b"-" in raw.getvalue()
