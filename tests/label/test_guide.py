"""The recipes of the guide on labels: errors found, a model asked, the rest labelled."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.engine.inline import use_inline
from tests.label.model_server import KEY, Answer, labelled, serving
from tests.label.test_label_errors import WORDS
from tests.table.whole import problems, read, rows, run
from tilth.recipe.plan import build_plan

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "labels.md"
CARD, LOAN = WORDS["fruit"], WORDS["tool"]


def recipe(name: str) -> dict[str, Any]:
    blocks = re.findall(r"^```yaml\n(.*?)^```", GUIDE.read_text("utf-8"), re.M | re.S)
    found = [tree for block in blocks if (tree := yaml.safe_load(block))["name"] == name]
    (tree,) = found
    del tree["tilth"]
    made: dict[str, Any] = tree
    return made


@pytest.fixture
def tickets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Forty texts of two classes, two of them labelled wrongly and eight not at all."""
    use_inline(monkeypatch)
    monkeypatch.chdir(tmp_path)
    told = []
    for n in range(48):
        words = (CARD, LOAN)[n % 2]
        text = " ".join(words[(n + k * (1 + n // 12)) % 6] for k in range(5))
        label = None if n >= 40 else ("card", "loan")[(n + (n in (7, 22))) % 2]
        told.append({"text": f"{text} {n}", "label": label})
    (tmp_path / "tickets.jsonl").write_text("".join(json.dumps(row) + "\n" for row in told))
    return tmp_path


def test_wrong_labels(tickets: Path) -> None:
    tree = recipe("tickets")
    done = run(tree, tickets, only="label.label_errors")
    found = rows(done, "label.label_errors", "text", "signal.label_error")
    wrong = [row["text"].rpartition(" ")[2] for row in found if row["signal.label_error"] == 1]
    assert sorted(wrong) == ["22", "7"]


def test_an_arm_for_each_way_to_fix_them(tickets: Path) -> None:
    tree = recipe("worth")
    assert not problems(tree)
    names = {step.name for step in build_plan(read(tree)).steps}
    assert {"value", "label.label_errors"} <= names
    assert any("dropped" in name for name in names), names


def test_a_language_model(tickets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_KEY", KEY)
    asked: list[str] = []

    def says(question: str) -> Answer:
        asked.append(question)
        return labelled("card" if any(word in question for word in CARD) else "loan")

    tree = recipe("asked")
    settings = tree["label"][0]["language_model"]
    with serving(says) as server:
        settings |= {"url": server.url, "allow_hosts": ["127.0.0.1"]}
        done = run(tree, tickets)
    found = rows(done, "label.language_model", "text", "label")
    numbers = [int(row["text"].rpartition(" ")[2]) for row in found]
    assert [row["label"] for row in found] == [("card", "loan")[n % 2] for n in numbers]
    assert len(asked) == 48
    assert asked[0].startswith("A customer of a bank writes:\n")
    assert "one of: card, loan?" in asked[0]
    written = [path.read_bytes() for path in tickets.rglob("*") if path.is_file()]
    assert any(b"MODEL_KEY" in data for data in written)
    assert not any(KEY.encode() in data for data in written)


def test_the_rest(tickets: Path) -> None:
    done = run(recipe("rest"), tickets)
    found = rows(done, "label.distil", "text", "label", "label_origin", "split")
    own = [row for row in found if row["label_origin"] == "distil"]
    assert own
    for row in own:
        assert row["label"] == ("card", "loan")[int(row["text"].rpartition(" ")[2]) % 2]
