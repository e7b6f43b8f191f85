"""The guide's verb, section and signal, made in a copy of Tilth as they stand, answer."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest

from tests.copied import ROOT, called, copy_with, printed

_TEXTS = [
    ("All is quiet on the hill, and the sheep are asleep.", "MIT"),
    ("BUY NOW! BUY NOW! ONLY TODAY!", "CC0-1.0"),
    ("The gate was left open again.", "<b>own</b>\u202e"),
    ("Nobody knows who did it.", "CC0-1.0"),
]


def _block(language: str) -> str:
    """The one block of a language that CONTRIBUTING has."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8").replace("\n   ", "\n")
    (block,) = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return str(block)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy with what both pages add, and a run with the signal of one's own."""
    root = tmp_path_factory.mktemp("answers")
    assert copy_with(["docs/guides/extend-answers.md", "CONTRIBUTING.md"], root) == 6
    lines = [json.dumps({"text": text, "terms": terms}) for text, terms in _TEXTS]
    (root / "docs.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    name, _, function = _block("python").removeprefix("# ").partition("\n")
    (root / name).write_text(function, "utf-8")
    source = "name: my\ncollect: {docs: {jsonl: {path: docs.jsonl, fields: {license: terms}}}}\n"
    (root / "my.yaml").write_text(source + _block("yaml"), "utf-8")
    printed(root, "run", "my.yaml")
    return root


def test_a_verb_of_ones_own(copy: Path) -> None:
    # What shouts was dropped.
    counts = {"MIT": 1, "<b>own</b>\u202e": 1, "CC0-1.0": 1}
    answer = json.loads(printed(copy, "licences", "my", "--json"))
    assert answer == {"run": "my", "licences": counts}
    rows = [line.split() for line in printed(copy, "licences", "my").splitlines()]
    assert rows[0] == ["licence", "samples"]
    assert sorted(rows[2:]) == [["<b>own</b>[U+202E]", "1"], ["CC0-1.0", "1"], ["MIT", "1"]]


def test_a_verb_of_ones_own_is_a_verb_like_the_others(copy: Path) -> None:
    verbs = re.findall(r"^  ([a-z-]+) ", printed(copy, "--help").partition("Commands:")[2], re.M)
    assert verbs[verbs.index("diff") + 1] == "licences"
    help_ = printed(copy, "licences", "--help")
    for word in ("Count a run's final samples", "--runs", "--json", "--debug", "tilth licences qu"):
        assert word in help_
    done = called(copy, "licences", "mi", "--json")
    assert done.returncode == 3
    assert json.loads(done.stdout)["error"]["code"] == "no-run"
    assert "choose from `my`" in done.stderr
    assert "did you mean `licences`?" in called(copy, "licenses", "my").stderr


def test_a_section_of_ones_own(copy: Path) -> None:
    page = (copy / "runs" / "my" / "report.html").read_text("utf-8")
    assert '<a href="#licences">Licences</a>' in page
    own = page.partition('<h2 id="licences">Licences of the sources</h2>')[2].partition("</sec")[0]
    assert "Kept samples of the sources" in own
    cells = [html.unescape(cell) for cell in re.findall(r"<bdi>(.*?)</bdi>", own)]
    assert cells[:2] == ["CC0-1.0", "2"]
    assert dict(zip(cells[::2], cells[1::2], strict=True)) == {
        "CC0-1.0": "2",
        "MIT": "1",
        "<b>own</b>[U+202E]": "1",
    }
    assert "3 of 3 shown" in own


def test_a_signal_of_ones_own(copy: Path) -> None:
    shown = printed(copy, "show", "my", "clean.rules", "--dropped")
    assert "dropped by shouting <= 0.3  [shouting=1]" in shown
    assert shown.splitlines()[-1].startswith("my clean.rules, dropped: 1 of 1")
    changed = (copy / "my.yaml").read_text("utf-8").replace("<= 0.3", "<= 0.2")
    (copy / "changed.yaml").write_text(changed, "utf-8")
    steps = json.loads(printed(copy, "plan", "changed.yaml", "--json"))["steps"]
    assert [step["name"] for step in steps if not step["cached"]] == ["clean.rules"]


def test_a_signal_for_everyone(copy: Path) -> None:
    assert "words a line" in printed(copy, "explain", "words_per_line")
    text = (copy / "my.yaml").read_text("utf-8").replace("name: my", "name: everyone")
    text = text.replace("{functions:", "{names: [words_per_line], functions:")
    (copy / "everyone.yaml").write_text(text, "utf-8")
    printed(copy, "run", "everyone.yaml", "--only", "signals")
    assert "words_per_line=11" in printed(copy, "trace", "everyone", "docs.jsonl:1")
