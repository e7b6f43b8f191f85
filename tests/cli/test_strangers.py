"""Nothing that a stranger wrote steers the terminal, whatever prints it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Command
from tilth.foreign import visible

_STEER = "\x1b]0;own\x07\x1b[31m\u202e"
_RECIPE = {
    "tilth": 1,
    "name": "odd",
    "about": f"about {_STEER}",
    "collect": {"docs": {"jsonl": {"path": f"{_STEER}/*.jsonl"}}},
    "clean": [
        {"rules": {"where": [f"meta.kind != 'b{_STEER}'"]}},
        {"hold_out": {"test": 0.1, "validation": 0}},
    ],
}
_VERBS = (
    "check odd.yaml",
    "plan odd.yaml",
    "plan odd.yaml --explain collect.docs",
    "run odd.yaml",
    "run odd.yaml",
    "status odd",
    "list runs",
    "show odd collect.docs",
    "show odd collect.docs --errors",
    "show odd collect.docs --passed-over",
    "show odd clean.rules --dropped",
    "diff odd@1 odd",
    "export odd --to out",
    f"check {_STEER}.yaml",
    f"run {_STEER}.yaml",
    f"show odd {_STEER}",
    f"explain {_STEER}",
    f"trace odd {_STEER}",
    f"init --from {_STEER}",
)


def test_no_sign_of_a_stranger_reaches_the_terminal(tmp_path: Path, tilth_in: Command) -> None:
    folder = tmp_path / _STEER
    folder.mkdir()
    rows = [
        {"text": f"{_STEER} text {n}", "label": f"l{_STEER}", "kind": f"{'ab'[n % 2]}{_STEER}"}
        for n in range(12)
    ]
    lines = [json.dumps(row) for row in rows] + [f'{{"text": "{_STEER}']
    (folder / "docs.jsonl").write_text("\n".join(lines), "utf-8")
    (folder / f"{_STEER}.bin").write_bytes(b"\0")
    # JSON is YAML.
    (tmp_path / "odd.yaml").write_text(json.dumps(_RECIPE), "utf-8")
    for verb in _VERBS:
        found = tilth_in(tmp_path, *verb.split(" "))
        told = found.stdout + found.stderr
        assert told.strip(), verb
        assert visible(told) == told, verb
        assert found.exit_code == 0 or "error[" in told, (verb, told)
        assert "error[internal]" not in told, (verb, told)
