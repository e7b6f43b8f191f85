"""Nothing that a stranger wrote steers the terminal, whatever prints it."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

import tilth.cli
from tests.cli.conftest import Command
from tests.query.models import image_model, png
from tilth.cli.main import app
from tilth.foreign import visible

# A title by OSC, ended by BEL and by ST; colours by CSI; both again by C1 controls; what comes
# back to the line's beginning; what turns writing round; half of a pair of surrogates.
_STEER = "\x1b]0;own\x07\x1b]8;;e.org\x1b\\\x1b[31m\x9d0;own\x9c\x9b31m\r\u202e\u2066"
_WORD = re.sub(r"[\\\r]", "", _STEER)
_TORN = f"{_STEER}\udcff"
_RECIPE = {
    "tilth": 1,
    "name": "odd",
    "error_budget": 0.5,
    "about": f"about {_STEER}",
    "collect": {"docs": {"jsonl": {"path": f"{_STEER}/*.jsonl", "license": _STEER}}},
    # A word in a rule has no backslash, and ends with its line.
    "clean": [{"rules": {"where": [f"meta.kind != 'b{_WORD}'"]}}],
    "deduplicate": [{"hold_out": {"test": 0.1, "validation": 0}}],
    "annotate": {
        "question": f"which {_STEER}",
        "classes": ["a", f"b{_STEER}"],
        "annotators": 1,
        "gold": 0,
    },
}
# S stands for what steers, T for that with what is no Unicode.
_VERBS = (
    "check odd.yaml",
    "plan odd.yaml",
    "plan odd.yaml --explain collect.docs",
    "run odd.yaml",
    "run odd.yaml",
    "status odd",
    "status",
    "list runs",
    "list operations",
    "show odd collect.docs",
    "show odd collect.docs --quarantined",
    "show odd collect.docs --passed-over",
    "show odd clean.rules --dropped",
    "show odd clean.rules --rule S",
    "show odd clean.rules --rule T",
    "trace odd docs.jsonl:3",
    "diff odd@1 odd",
    "verify odd",
    "report odd",
    "export odd --to out",
    "export odd train --to S --dry-run",
    "export odd --format csv --to S",
    "annotate odd.yaml --dry-run",
    "annotate odd.yaml --items 3 --to S-round",
    "annotate odd.yaml --import back.csv",
    "annotate odd.yaml --status",
    "annotate odd.yaml --accept S",
    "init --from S",
    "init S",
    "doctor S.yaml",
    "doctor odd.yaml",
    "check S.yaml",
    "check bad.yaml",
    "run bad.yaml",
    "run S.yaml",
    "run odd.yaml --only T",
    "show odd T",
    "show T T",
    "explain T",
    "trace odd T",
    "diff odd T",
    "verify T",
    "report T",
    "status T",
    "remove T",
    "remove odd --unused",
    "classify model a.png S.png",
    "classify T x",
    "generate T x",
    "translate T x",
    "transcribe T x.wav",
    "transcribe model S.wav",
    "T",
    "show --T",
    "show odd collect.docs -n T",
    "run odd.yaml extra T",
    "demo-site --port T",
    "status T --debug",
)


def _write(folder: Path) -> None:
    (folder / _STEER).mkdir()
    rows = [
        {"text": f"{_STEER} text {n}", "label": f"l{_STEER}", "kind": f"{'ab'[n % 2]}{_WORD}"}
        | {f"field{_STEER}": _STEER, "id": f"{n}{_STEER}"}
        for n in range(12)
    ]
    lines = [json.dumps(row) for row in rows] + [f'{{"text": "{_STEER}', '{"text": "\\udc80"}']
    (folder / _STEER / "docs.jsonl").write_text("\n".join(lines), "utf-8", newline="")
    (folder / _STEER / f"{_TORN}.bin").write_bytes(b"\0")
    # JSON is YAML.
    (folder / "odd.yaml").write_text(json.dumps(_RECIPE), "utf-8")
    bad = {"tilth": 1, "name": "bad", _STEER: 1, "collect": {"a": {_STEER: {_STEER: _STEER}}}}
    (folder / "bad.yaml").write_text(json.dumps(bad), "utf-8")
    back = f"item,annotator,label\n{_STEER},{_STEER},{_STEER}\n"
    (folder / "back.csv").write_text(back, "utf-8", newline="")


# A few, each of another module, for every day.
_SOME = (
    *("check odd.yaml", "run odd.yaml", "status odd", "show odd collect.docs", "check bad.yaml"),
    *("show odd clean.rules --dropped", "trace odd T", "show --T", "T", "status T --debug"),
)


def _told(folder: Path, tilth_in: Command, verbs: tuple[str, ...]) -> set[str]:
    """What verbs say holds no sign that steers; returns those that came to an end of their own."""
    _write(folder)
    done = set()
    for verb in verbs:
        words = [re.sub("[ST](?![a-z])", _put, word) for word in verb.split(" ")]
        found = tilth_in(folder, *words)
        told = found.stdout + found.stderr
        assert told.strip(), verb
        assert visible(told) == told, verb
        # 1: done, with records that failed.
        assert found.exit_code <= 1 or "error[" in told, (verb, told)
        assert "error[internal]" not in told, (verb, told)
        if "error[" not in told:
            done.add(verb.split(" ")[0])
    return done


def test_no_sign_of_a_stranger_reaches_the_terminal(tmp_path: Path, tilth_in: Command) -> None:
    assert _told(tmp_path, tilth_in, _SOME) == {"check", "run", "status", "show"}


@pytest.mark.slow
def test_whatever_the_verb(tmp_path: Path, tilth_in: Command) -> None:
    image_model(tmp_path / "model")
    (tmp_path / "a.png").write_bytes(png(10))
    # Those that show data not by their errors alone.
    wanted = {"show", "trace", "status", "list", "plan", "run", "diff", "annotate", "export"}
    assert _told(tmp_path, tilth_in, _VERBS) >= wanted


def test_no_verb_is_left_out() -> None:
    tried = {verb.split(" ")[0] for verb in _VERBS}
    assert tried >= {one.name for one in app.registered_commands}


def _put(match: re.Match[str]) -> str:
    return _TORN if match[0] == "T" else _STEER


def test_whatever_is_printed_goes_one_way() -> None:
    """By `output`, or on the live line, which write out what steers."""
    stray = []
    for path in sorted(Path(tilth.cli.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if re.search(r"(^|\.)(print|echo|secho|print_exception|print_exc)$", called) or (
                re.search(r"std(out|err)\.write", called)
            ):
                stray.append(f"{path.name}: {called}")
    assert stray == [
        "output.py: console.print",  # into a text, of cells that are written out
        "progress.py: self._console.print",
    ]
