"""Starters with a few random mistakes are a recipe, or one of Tilth's errors: never another."""

from __future__ import annotations

import random

import pytest

from tilth.errors import TilthError
from tilth.recipe.load import parse_recipe, starters
from tilth.recipe.plan import build_plan

# What a hand slips into a line, what YAML makes something else of, and what is too much of a thing.
_SLIPS = (
    *("\x00", "\x07", "\ud800", "\u2028", "\u202e", "\ufeff", "\u0085", "\t", "'", '"', '"\\x'),
    *("{" * 2000, "[" * 2000, "- " * 1500 + "1", "-" * 1500 + " x > 1", "9" * 5000, "1e400"),
    *(".nan", ".inf", "0x", "0o9", "1_000", "~", "12:30:45", "2020-13-45", "2020-01-01", "="),
    *("&a [*a]", "<<: *x", "<<: {a: 1}", "? a", "? {a: b}\n: c", "[1,2]: 3", "1.5: 3", "null: 2"),
    *("!!python/object:os.system x", "!!binary x", "!!timestamp 2020-99-99", "!!set {a}", "!!int"),
    *("!!float y", "!!bool maybe", "!!omap [a: 1]", "%YAML 9.9", "---\n---", "...", "a: b: c", "|"),
)
_MARKS = ":{}[]*&!#'\",-?\t\x00\u0085\ufeff\ud83d"
_TAGS = ("int", "float", "bool", "timestamp", "binary", "set", "null", "str", "map", "seq")


def _slip(lines: list[str], chance: random.Random) -> None:
    at, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    line = lines[at]
    match chance.randrange(9):
        case 0:
            lines[at] = line + chance.choice(_SLIPS)
        case 1:
            lines.insert(at, chance.choice(_SLIPS))
        case 2:
            lines[at] = f"{line.split(':')[0]}: {chance.choice(_SLIPS)}"
        case 3:
            lines[at] = "  " * chance.randrange(4) + line.strip()
        case 4 if len(lines) > 1:
            del lines[at]
        case 5:
            lines[at], lines[other] = lines[other], lines[at]
        case 6:
            lines.insert(at, lines[other])
        case 7:
            place = chance.randrange(len(line) + 1)
            lines[at] = line[:place] + chance.choice(_MARKS) + line[place:]
        case _:
            lines[at] = line.replace(":", f": !!{chance.choice(_TAGS)} ", 1)


def _mutated(chance: random.Random) -> str:
    lines = chance.choice(list(starters().values())).split("\n")
    for _ in range(chance.choice((1, 1, 2, 4))):
        _slip(lines, chance)
    return "\n".join(lines)


@pytest.mark.slow
def test_a_broken_recipe_has_an_error_of_its_own() -> None:
    told = 0
    for seed in range(150):
        text = _mutated(random.Random(seed))
        try:
            build_plan(parse_recipe(text))
        except TilthError:
            told += 1
        except Exception as error:
            pytest.fail(f"seed {seed}: {error!r}")
    assert 50 < told < 150
