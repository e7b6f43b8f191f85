"""Compare a wheel with its source, and what a run said with what the README shows.

python wheel_check.py holds WHEEL SRC     every file of the package is in the wheel
python wheel_check.py said OUTPUT README  the same lines and verdicts, figures within intervals
"""

from __future__ import annotations

import re
import sys
import zipfile
from pathlib import Path

_NUMBER = r"[+-]?\d+(?:,\d{3})*(?:\.\d+)?"
# `+0.419 bits/byte [0.392, 0.446]`, `2.46 [2.39, 2.54]`, `4.9x [2.8, > 8]`: a figure with its
# interval, whose ends are open where the measured range ends.
_FIGURE = re.compile(
    rf"({_NUMBER})([^\s;]{{0,3}}(?: [^\s;]+)?) \[(< )?({_NUMBER}), (> )?({_NUMBER})\]"
)
# Said where a gain reaches what matters; in quickstart it lies there, on either side.
_CAVEAT = re.compile(r"; from-scratch was cut short[^;]*")


def missing_from_wheel(names: list[str], source: Path) -> list[str]:
    """Files of the package, data and code, that a wheel with these names lacks."""
    wanted = [
        path.relative_to(source).as_posix()
        for path in sorted((source / "tilth").rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    ]
    return [name for name in wanted if name not in set(names)]


def shown_lines(readme: str) -> list[str]:
    """The lines that the README says a run ends with, folded ones joined."""
    (block,) = re.findall(r"```text\n(.*?)```", readme, re.DOTALL)
    return _joined(block)


def differences(said: str, shown: list[str]) -> list[str]:
    """Where the end of a run's output is not what is shown: other words, or figures far off."""
    ending = _joined(said)[-len(shown) :]
    if len(ending) < len(shown):
        return [f"{len(ending)} lines, not {len(shown)}"]
    return [
        f"shown: {here}\nsaid:  {there}\n       {why}"
        for here, there in zip(shown, ending, strict=True)
        if (why := _difference(here, there))
    ]


def _joined(text: str) -> list[str]:
    """Lines without blank ones; an indented line goes on with the one before."""
    return re.sub(r"\n+[ \t]+", " ", text.strip()).replace("\n\n", "\n").split("\n")


def _difference(shown: str, said: str) -> str:
    if _words(shown) != _words(said):
        return "other words"
    pairs = zip(_FIGURE.findall(shown), _FIGURE.findall(said), strict=True)
    for (_, _, below, low, above, high), (value, unit, *_) in pairs:
        reached = bool(below) or _value(low) <= _value(value)
        if not (reached and (above or _value(value) <= _value(high))):
            return f"{value}{unit} is outside of the interval shown, [{low}, {high}]"
    return ""


def _words(line: str) -> str:
    """The line without its numbers, the caveat on from-scratch, and what makes an end open."""
    return re.sub(rf"(?:[<>] )?{_NUMBER}", "#", _CAVEAT.sub("", line))


def _value(number: str) -> float:
    return float(number.replace(",", ""))


def main(what: str, first: str, second: str) -> int:
    """Print what is wrong; 1 if something is."""
    if what == "holds":
        with zipfile.ZipFile(first) as wheel:
            wrong = [
                f"not in the wheel: {n}" for n in missing_from_wheel(wheel.namelist(), Path(second))
            ]
    else:
        said = Path(first).read_text("utf-8")
        wrong = differences(said, shown_lines(Path(second).read_text("utf-8")))
    print("\n".join(wrong) or f"{Path(first).name}: as it should be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
