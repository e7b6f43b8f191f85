"""The fields that a Markdown file may begin with: YAML between two lines of three hyphens."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import yaml

_FRONT: Final = re.compile(r"---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.S | re.M)
_MAX_CHARS: Final = 1 << 16
_MAX_DEPTH: Final = 32


def split(text: str) -> tuple[Mapping[str, Any], str]:
    """The fields of a text, and the text behind them.

    What stands there and is no mapping of YAML, or has an alias, which can stand for gigabytes, is
    a part of the text: three hyphens are a line across the page as well.
    """
    if not text.startswith("---"):
        return {}, text
    match = _FRONT.match(text, 0, _MAX_CHARS)
    if match is None:
        return {}, text
    fields = _parsed(match[1])
    if fields is None:
        return {}, text
    return fields, text[match.end() :].lstrip("\r\n")


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
