"""What the two cards are written with: foreign text and tables in Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tilth.foreign import unmarked as plain

__all__ = ["code", "fenced", "markdown_table", "plain"]


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]], right: int) -> str:
    """A Markdown table whose columns from `right` on hold numbers."""
    rule = ["---" if at < right else "---:" for at in range(len(columns))]
    lines = [columns, rule, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def fenced(text: str, language: str = "") -> str:
    """A block of code that cannot be closed from within."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def code(text: str) -> str:
    """Foreign text as code within a line."""
    return "`" + " ".join(text.replace("`", "'").split()) + "`"
