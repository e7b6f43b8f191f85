"""What CI holds against the wheel: its files, and what a run from it said beside the README."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def check() -> ModuleType:
    spec = importlib.util.spec_from_file_location("wheel_check", ROOT / ".ci" / "wheel_check.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SHOWN = """\
```text
pretrain: bits per byte 2.26 bits/byte on test
transfer: at 12 samples it helps: +0.419 [0.392, 0.446] bits/byte over
  from-scratch; worth 4.9x [2.8, 8.4] the data
value: pretrain: helps
value: the source a helps: +0.7 bits/byte [0.6, 0.8]; from-scratch was cut short: 0.01

report  runs/quickstart/report.html
```
"""


def _said(old: str, new: str) -> str:
    text = "clean.rules: 5 in = 5 kept\n\n" + SHOWN.partition("\n")[2].replace("```\n", "")
    assert old in text
    return text.replace(old, new)


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("2.26", "2.31", ""),
        ("over\n  from-scratch", "over from-scratch", ""),
        ("+0.419 [0.392, 0.446]", "+0.401 [0.35, 0.452]", ""),
        ("+0.419 [0.392, 0.446]", "+0.380 [0.35, 0.41]", "+0.380 is outside"),
        ("4.9x [2.8, 8.4]", "9.1x [4.0, 20]", "9.1x is outside"),
        ("4.9x [2.8, 8.4]", "8.1x [4.0, > 9]", ""),
        ("+0.7 bits/byte [0.6, 0.8]", "+0.9 bits/byte [0.6, 1.2]", "+0.9 bits/byte is outside"),
        ("4.9x [2.8, 8.4]", "5x [4, 9]", ""),
        ("; from-scratch was cut short: 0.01", "", ""),
        ("pretrain: helps", "pretrain: undecided", "other words"),
        ("value: pretrain: helps\n", "", "other words"),
    ],
)
def test_lines_and_verdicts_are_compared(check: ModuleType, old: str, new: str, wrong: str) -> None:
    lines = check.shown_lines(SHOWN)
    assert len(lines) == 5
    found = "\n".join(check.differences(_said(old, new), lines))
    assert (wrong in found) if wrong else not found


def test_the_readme_has_the_lines(check: ModuleType) -> None:
    lines = check.shown_lines((ROOT / "README.md").read_text("utf-8"))
    assert lines[-1] == "report  runs/quickstart/report.html"
    assert check.differences("\n".join(lines), lines) == []


def test_a_file_that_a_wheel_lacks_is_named(check: ModuleType) -> None:
    source = ROOT / "src"
    names = [
        str(path.relative_to(source))
        for path in (source / "tilth").rglob("*")
        if "__pycache__" not in path.parts
    ]
    assert check.missing_from_wheel(names, source) == []
    names.remove("tilth/py.typed")
    names.remove("tilth/recipes/quickstart.yaml")
    assert check.missing_from_wheel(names, source) == [
        "tilth/py.typed",
        "tilth/recipes/quickstart.yaml",
    ]
