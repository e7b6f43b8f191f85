"""What a language model is asked of a sample: a template with fields, and nothing else of it.

`{text}`, `{target}`, `{label}`, `{uri}`, `{source}`, `{subject}` and `{meta.NAME}` stand for what
the sample has, `{labels}` for the labels to choose from, `{{` and `}}` for brackets. What is filled
in is not looked at again: a text that has a field in it stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from tilth.hints import did_you_mean
from tilth.schema import META

FIELDS = ("text", "target", "label", "uri", "source", "subject")
LABELS = "labels"
_PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def fields_of(template: str) -> tuple[str, ...]:
    """The columns that a template names, each once.

    Raises:
        ValueError: It names something else, or has a bracket alone.
    """
    found: dict[str, None] = {}
    for part in _PART.finditer(template):
        name = part.group(1)
        if name is None:
            if part.group() in "{}":
                raise ValueError("a bracket stands alone: `{{` and `}}` are brackets of the text")
        elif name in FIELDS or (name.startswith(META) and len(name) > len(META)):
            found[name] = None
        elif name != LABELS:
            hint = did_you_mean(name, (*FIELDS, LABELS), "meta.NAME is a field of the record")
            raise ValueError(f"`{{{name[:80]}}}` is no field of a sample: {hint}")
    return tuple(found)


def filled(template: str, values: Mapping[str, str], labels: Sequence[str]) -> str:
    """The template with the values in their places.

    Args:
        template: One that `fields_of` takes.
        values: By column.
        labels: To choose from.
    """

    def put(part: re.Match[str]) -> str:
        name = part.group(1)
        if name is None:
            return part.group()[0]
        return ", ".join(labels) if name == LABELS else values[name]

    return _PART.sub(put, template)
