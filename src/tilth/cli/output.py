"""Print results: one JSON document, or lines and tables. A closed pipe ends them quietly.

Whatever is printed as text may hold what strangers wrote, in data, recipes or names of files: no
sign of it steers the terminal (`tilth.foreign.visible`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import math
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from tilth.foreign import visible
from tilth.spell import plural as plural

_MIN_WIDTH, _PIPE_WIDTH = 60, 10_000


def write(text: str, stream: IO[str] | None = None) -> None:
    """Write to standard output; when nobody reads any more, to nowhere."""
    stream = stream or sys.stdout
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        # Python flushes once more at its end, into the same closed pipe.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)


def line(text: str = "") -> None:
    """One line to standard output."""
    write(visible(text) + "\n")


def say(text: str) -> None:
    """One line to standard error: what is no result."""
    write(visible(text) + "\n", sys.stderr)


def print_json(value: Any, indent: int | None = 2) -> None:
    """A document of `--json`: strict JSON (RFC 8259) in ASCII; without `indent` on one line."""
    text = json.dumps(as_plain(value), indent=indent, ensure_ascii=True, allow_nan=False)
    write(text + "\n")


def as_plain(value: Any) -> Any:
    """Dataclasses, paths, tuples and non-finite numbers as JSON has them."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        shown = [f for f in dataclasses.fields(value) if f.name not in ("plan", "record")]
        return {f.name: as_plain(getattr(value, f.name)) for f in shown}
    if isinstance(value, Mapping):
        return {str(key): as_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int | bool):
        return value
    return str(value) if isinstance(value, Path) else repr(value)


def width(stream: IO[str] | None = None) -> int:
    """Columns to fill: the terminal's, and without end where the output is no terminal."""
    stream = stream or sys.stdout
    if not stream.isatty():
        return _PIPE_WIDTH
    return max(_MIN_WIDTH, shutil.get_terminal_size((80, 24)).columns)


def table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()
) -> None:
    """A table that fits the terminal: the last column that is not a number is folded.

    Args:
        columns: Headings.
        rows: Cells as text.
        right: Positions of the columns that hold numbers.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    # Numbers and short words keep their column; what is long shares the rest.
    folds = {
        index
        for index in range(len(columns))
        if index not in right and max((len(row[index]) for row in rows), default=0) > 16
    }
    for index, name in enumerate(columns):
        made.add_column(
            name,
            justify="right" if index in right else "left",
            no_wrap=index not in folds,
            overflow="fold",
        )
    for row in rows:
        made.add_row(*(Text(visible(cell)) for cell in row))
    terminal = sys.stdout.isatty()
    out = io.StringIO()
    console = Console(
        file=out,
        width=width(),
        force_terminal=terminal,
        color_system="standard" if terminal and "NO_COLOR" not in os.environ else None,
        highlight=False,
        legacy_windows=False,
    )
    console.print(made)
    text = "".join(part.rstrip() + "\n" for part in out.getvalue().splitlines())
    write(text if _can_encode("─") else text.replace("─", "-"))


def paragraph(text: str, indent: str = "    ", first: str | None = None) -> None:
    """Text folded at the terminal's width, indented."""
    line(fold(text, indent, first, width()))


def fold(text: str, indent: str, first: str | None = None, columns: int = _PIPE_WIDTH) -> str:
    """Text in lines of at most `columns` or 110 characters, indented, the first one by `first`."""
    import textwrap

    folded = textwrap.wrap(
        text,
        min(columns, 110),
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_on_hyphens=False,
    )
    return "\n".join(folded) if folded else (first or "").rstrip()


def _can_encode(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def count(value: int | None) -> str:
    """12,345; a dash where there is no number."""
    return "-" if value is None else f"{value:,}"
