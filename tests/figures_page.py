"""The page of the figures, made from what declares them.

`python -m tests.reference` (`make reference`) writes it into docs/reference/figures.md.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from tilth.figures import Definition
from tilth.pretrain.result import PretrainResult
from tilth.query.figures import BOOKS, METRICS, definitions, owner_words, owners, spell_how
from tilth.transfer.result import TransferResult
from tilth.value.result import ValueResult

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "figures.md"
MARK = "<!-- From here on made by `make reference`. -->\n"
STAGE_RECORDS = {"pretrain": PretrainResult, "transfer": TransferResult, "value": ValueResult}
_COLUMNS = ("figure", "what it says", "of", "unit", "how", "source", "compared with")


def tables() -> str:
    """The part of the page that is made, as Markdown: a table for each who declares figures."""
    parts = []
    for owner in (BOOKS, METRICS, *(one for one in owners() if one not in (BOOKS, METRICS))):
        if found := definitions(owner):
            head = owner_words(owner)
            parts.append(f"## {head[0].upper()}{head[1:]}")
            parts.append("\n".join(_table(list(found.values()))))
    return "\n\n".join(parts) + "\n"


def _table(found: list[Definition]) -> Iterator[str]:
    yield f"| {' | '.join(_COLUMNS)} |"
    yield f"| {' | '.join('---' for _ in _COLUMNS)} |"
    for one in found:
        unit = "share, in percent" if one.share else one.unit
        better = f"{one.better} is better" if one.better else ""
        by = f"`{one.test}`" if one.test else ""
        cells = (
            f"`{one.name}`",
            one.about if one.heading in ("", one.name) else f"{one.heading}: {one.about}",
            one.rows,
            "; ".join(filter(None, (unit, better))),
            spell_how(one).lower() if not one.interval else spell_how(one),
            one.source,
            ": ".join(filter(None, (one.reference, by))),
        )
        yield f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def numbers_of(kind: Any, names: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The names of all numbers that a record can have, as `figures_of` builds them."""
    for field, declared in typing.get_type_hints(kind).items():
        if field.startswith(("_", "model_")) and field != "model":
            continue
        for part in _parts(declared):
            if part in (int, float):
                yield (*names, field)
            elif isinstance(part, type) and (
                issubclass(part, BaseModel) or dataclasses.is_dataclass(part)
            ):
                yield from numbers_of(part, (*names, field))


def _parts(declared: Any) -> Iterator[Any]:
    """The types in a declaration: of `tuple[Gain, ...] | None` it is `Gain`."""
    origin, inner = typing.get_origin(declared), typing.get_args(declared)
    if origin is None:
        yield declared
    elif origin is dict:
        yield from _parts(inner[1])
    elif origin in (tuple, typing.Union, types.UnionType, typing.Annotated):
        for part in inner:
            yield from _parts(part)


def write() -> None:
    """Write the part of the page that is made."""
    written = PAGE.read_text("utf-8").partition(MARK)[0]
    PAGE.write_text(f"{written}{MARK}\n{tables()}", "utf-8")
