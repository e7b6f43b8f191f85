"""Why a step runs: the true reason, and no other, in the words of the recipe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import tilth
from tests.engine.inline import use_inline
from tilth.engine.why import _difference, why_it_runs
from tilth.recipe.identity import FORMULA

PARTS: dict[str, Any] = {
    "formula": FORMULA,
    "operation": "normalize",
    "settings": {"form": "NFC", "names": ["a"]},
    "code": "c1",
    "inputs": {"0": "d1", "1": "d2"},
}
NAMES = {"0": "collect.a", "1": "collect.b"}


def _why(**changed: Any) -> str:
    return why_it_runs({**PARTS, **changed}, PARTS, NAMES)


def test_why_a_step_runs_says_what_changed_from_what_to_what() -> None:
    assert why_it_runs(PARTS, None, NAMES) == "never run"
    assert _why(settings={**PARTS["settings"], "form": "NFKC"}) == 'form: "NFC" -> "NFKC"'
    assert _why(inputs={"0": "d1", "1": "d9"}) == "its input changed: `collect.b`"
    assert _why(code="c2", inputs={"0": "x", "1": "d2"}) == (
        "its code changed; its input changed: `collect.a`"
    )
    assert _why(limit=5) == "--limit: none -> 5"
    assert _why(libraries={"numpy": "2"}) == 'libraries: none -> {"numpy": "2"}'
    # Of a file that it did not open when it last ran, nobody knows that it changed.
    assert "words.txt" not in _why(reads={"words.txt": "d"})
    found, gone = {"reads": {"words.txt": "d"}}, {"reads": {"words.txt": ""}}
    assert why_it_runs(PARTS | gone, PARTS | found, NAMES) == "`words.txt` is gone"
    assert why_it_runs(PARTS | found, PARTS | gone, NAMES) == "`words.txt` is new"
    assert _why(outside="d") == "what it reads changed"
    assert _why(inputs={"0": "d1"}) == "its input changed: `collect.b`"


def test_what_an_earlier_version_made_is_made_again_once() -> None:
    earlier = {key: value for key, value in PARTS.items() if key != "formula"}
    assert "again once" in why_it_runs(PARTS, earlier, NAMES)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (1, 2, "1 -> 2"),
        (None, 2, "none -> 2"),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, "b: 2 -> 3"),
        ({"a": 1}, {"a": 1, "b": {"c": 3}}, '+ b ({"c": 3})'),
        ({"a": 1, "b": {}}, {"a": 1}, "- b"),
        ([1, 2], [1, 3], "2 -> 3"),
        (
            [{"erase": {"most": 0.1, "fill": 0}}],
            [{"erase": {"most": 0.2, "fill": 0}}],
            "erase: most: 0.1 -> 0.2",
        ),
        ([1, 2], [2, 1], "in another order"),
        ([1], [1, 2], "+ 2"),
        (["a", "b", "c"], ["d", "c"], '+ "d", - "a", - "b"'),
        ([], [{"speed": {"most": 0.1}}], '+ {"speed": {"most": 0.1}}'),
    ],
)
def test_of_old_and_new_only_what_differs_is_told(old: object, new: object, told: str) -> None:
    assert _difference(old, new) == told


def test_another_transform_is_no_change_of_code() -> None:
    now = {**PARTS, "settings": {"form": "NFKC", "names": ["a"]}, "code": "c2"}
    assert why_it_runs(now, PARTS, NAMES) == 'form: "NFC" -> "NFKC"'


_TEXTS = """tilth: 1
name: why
seed: 0
threads: 1
collect: {a: {jsonl: {path: a.jsonl, fields: {split: part}}}}
clean:
- signals: {functions: ["sig.py:loud"], names: [word_count]}
- rules: {where: ["loud <= 3"]}
pretrain:
  task: text-generation
  model: {kind: gpt, layers: 1, width: 8, heads: 2, context: 16}
  data: {vocabulary: 270}
  loop: {max_steps: 2}
value:
  arms: {all: {without: clean.rules}}
  seeds: 2
  loop: {max_steps: 2}
"""
_SIG = """from pathlib import Path
from helper import count


def loud(text: str) -> float:
    words = [*Path("words.txt").read_text().split(), *Path("more.txt").read_text().split()]
    return count(text, words)
"""


@pytest.fixture
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_inline(monkeypatch)
    monkeypatch.chdir(tmp_path)
    with Path("a.jsonl").open("w") as file:
        for n in range(40):
            text = f"line {n} of {n * 7} words that are not the same as {n * 3} of them"
            part = ("train", "train", "validation", "test")[n % 4]
            file.write(json.dumps({"text": text, "part": part}) + "\n")
    Path("sig.py").write_text(_SIG)
    Path("helper.py").write_text("def count(text, words):\n    return float(len(words))\n")
    Path("words.txt").write_text("drat")
    Path("more.txt").write_text("bosh")
    Path("r.yaml").write_text(_TEXTS)
    tilth.run("r.yaml", progress=False)


def _whys(text: str = _TEXTS) -> dict[str, str]:
    """Why each step runs that does, with this recipe."""
    Path("r.yaml").write_text(text)
    return {one.name: one.why for one in tilth.plan("r.yaml").steps if not one.cached}


@pytest.mark.usefixtures("_place")
def test_the_file_is_named_that_is_another() -> None:
    assert _whys() == {}
    Path("more.txt").write_text("bother")
    assert _whys()["clean.signals"] == "`more.txt` changed"
    Path("more.txt").unlink()
    assert _whys()["clean.signals"] == "`more.txt` is gone"
    Path("more.txt").write_text("bosh")
    Path("helper.py").write_text("def count(text, words):\n    return 1.0 + len(words)\n")
    assert _whys()["clean.signals"] == "what it reads: `function loud` changed"
    # And an input that changed is no word list that did.
    Path("helper.py").write_text("def count(text, words):\n    return float(len(words))\n")
    with Path("a.jsonl").open("a") as file:
        file.write('{"text": "one more", "part": "train"}\n')
    tilth.run("r.yaml", only="collect.a", progress=False)
    assert _whys()["clean.signals"] == "its input changed: `collect.a`"


@pytest.mark.usefixtures("_place")
def test_of_a_comparison_its_own_reasons_and_how_many_trainings_there_are_to_do() -> None:
    assert _whys(_TEXTS.replace("seeds: 2", "seeds: 3")) == {
        "value": "seeds: 2 -> 3; 2 of 6 trainings to do"
    }
    whys = _whys(_TEXTS.replace("value:\n", "value:\n  smallest_effect: 2.0\n"))
    assert whys == {"value": "smallest_effect: none -> 2.0"}
    # What only pretraining takes is none of its reasons.
    whys = _whys(_TEXTS.replace("max_steps: 2}\nvalue", "max_steps: 4}\nvalue"))
    assert whys == {"pretrain": "loop: max_steps: 2 -> 4"}
    whys = _whys(_TEXTS.replace("seed: 0", "seed: 1"))
    assert "the recipe's seed: 0 -> 1" in whys["value"]
    assert "4 of 4 trainings to do" in whys["value"]
    whys = _whys(_TEXTS.replace("loud <= 3", "loud <= 1"))
    assert whys["value"] == "if `clean.rules` comes out otherwise"
