"""Settings say the same once they are written down and read again.

A step's identity is a digest of what is written, and a worker reads it: settings that come back as
others would run as nobody asked, under the identity of what was asked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from pydantic import ValidationError

from tilth.errors import ExtensionError
from tilth.settings import BaseSettings

_HINT = (
    "steps are named by their settings as JSON and workers read them from it: no alias, no "
    "exclude, no secret, no set, and a validator leaves alone what it made itself"
)


def require_written(settings: BaseSettings, owner: str) -> None:
    """Refuse settings that are not what comes back of them.

    Args:
        settings: As a recipe gave them.
        owner: The operation that they are of.

    Raises:
        ExtensionError: JSON cannot hold them, or their order is by chance, or they come back as
            others; says which.
    """
    for name, value in settings:
        if _has_set(value):
            raise _changed(owner, name, "is a set, whose order is another in each process")
    try:
        text = json.dumps(settings.model_dump(mode="json"), allow_nan=False)
        again = type(settings).model_validate(json.loads(text))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise _changed(owner, name, f"is refused as it was written down: {first['msg']}") from None
    except (ValueError, TypeError) as error:
        raise _changed(owner, "", f"cannot be written down: {error}") from None
    if again != settings:
        name, before, after = next(
            (
                (name, value, got)
                for (name, value), (_, got) in zip(settings, again, strict=True)
                if got != value
            ),
            ("", settings, again),
        )
        raise _changed(owner, name, f"is {before!r:.60} and is read again as {after!r:.60}")


def _has_set(value: object) -> bool:
    """Whether there is a set anywhere in a value of settings."""
    if isinstance(value, BaseSettings):
        return any(_has_set(one) for _, one in value)
    if isinstance(value, Mapping):
        return any(map(_has_set, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_has_set, value))
    return isinstance(value, set | frozenset)


def _changed(owner: str, name: str, what: str) -> ExtensionError:
    shown = f"`{name}` of `{owner}`" if name else f"what is set of `{owner}`"
    return ExtensionError(f"{shown} {what}", hint=_HINT, code="unwritable-setting")
