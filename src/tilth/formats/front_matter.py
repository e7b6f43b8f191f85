"""The fields that a Markdown file may begin with: YAML between two lines of three hyphens."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import yaml

_FRONT: Final = re.compile(r"---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.S | re.M)
_TOML: Final = re.compile(r"\+\+\+[ \t]*\r?\n(.*?)^\+\+\+[ \t]*(?:\r?\n|\Z)", re.S | re.M)
_MAX_CHARS: Final = 1 << 16
# How far its end is looked for.
_MAX_AWAY: Final = 1 << 20
_MAX_DEPTH: Final = 32
# A field of YAML or TOML at the begin of a line; and what else their lines begin with.
_FIELD: Final = re.compile(r"""[\w"'][^\n:]{0,99}:(?:\s|$)|[A-Za-z_][\w-]{0,40}:(?!/)""")
_TOML_FIELD: Final = re.compile(r"""[\w"'][^\n=]{0,99}=|\[""")
_ELSE: Final = re.compile(r"[\s#\-\]})?\[{&*!]")


def split(text: str, most: int = _MAX_CHARS) -> tuple[Mapping[str, Any] | None, str]:
    """The fields of a text, and the text behind them; no fields where they cannot be read.

    What begins with a field and is no mapping of YAML, or has an alias, which can stand for
    gigabytes, or is longer than `most` characters, cannot be read, nor can TOML between lines of
    `+++`. Anything else is a part of the text: three hyphens are a line across the page as well.
    """
    if text.startswith("+++"):
        match = _TOML.match(text, 0, _MAX_AWAY)
        if match is None or not _looks_so(match[1], _TOML_FIELD):
            return {}, text
        return None, text[match.end() :].lstrip("\r\n")
    match = _FRONT.match(text, 0, _MAX_AWAY) if text.startswith("---") else None
    if match is None:
        return {}, text
    fields = _parsed(match[1]) if match.end() <= most else None
    if fields is None and not _looks_so(match[1], _FIELD):
        return {}, text
    return fields, text[match.end() :].lstrip("\r\n")


def _looks_so(front: str, field: re.Pattern[str]) -> bool:
    """Whether it begins with a field, and at least every second line is one or goes with one."""
    lines = [line for line in front.splitlines() if line.strip() and not line.startswith("#")]
    if not lines or not field.match(lines[0]):
        return False
    return 2 * sum(1 for line in lines if field.match(line) or _ELSE.match(line)) >= len(lines)


def _parsed(front: str) -> Mapping[str, Any] | None:
    try:
        depth = 0
        for event in yaml.parse(front, yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                return None
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > _MAX_DEPTH:
                return None
        found = yaml.safe_load(front)
    # A date may be none, and a number too long to be read.
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    return {str(name): value for name, value in found.items()}
