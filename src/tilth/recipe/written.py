"""Settings say the same once they are written down and read again.

A step's identity is a digest of what is written, and a worker reads it: settings that come back as
others would run as nobody asked, under the identity of what was asked.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping

from pydantic import BaseModel, ValidationError

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
        ExtensionError: JSON cannot hold them, their order is by chance, they come back as others,
            or a default is none that may be given; says which.
    """
    for name, value in settings:
        if fault := _fault_in(value):
            raise _changed(owner, name, fault)
    try:
        text = json.dumps(settings.model_dump(mode="json"), allow_nan=False)
        again = type(settings).model_validate(json.loads(text))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        field = type(settings).model_fields.get(name)
        if field is not None and field.get_default(call_default_factory=True) == getattr(
            settings, name
        ):
            raise _changed(owner, name, f"has a default that it refuses: {first['msg']}") from None
        raise _changed(owner, name, f"is refused as it was written down: {first['msg']}") from None
    except (ValueError, TypeError) as error:
        raise _changed(owner, "", f"cannot be written down: {error}") from None
    if again != settings:
        pairs = zip(settings, again, strict=True)
        differ = [(name, one, other) for (name, one), (_, other) in pairs if one != other]
        if not differ:
            raise _changed(owner, "", "holds what is not among its fields, and is not kept")
        name, one, other = differ[0]
        raise _changed(owner, name, f"is {one!r:.60} and is read again as {other!r:.60}")


def _fault_in(value: object) -> str:
    """What of a value cannot be kept, wherever in it; empty: nothing is known of."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"is {value}, which is no number that can be kept"
    if isinstance(value, set | frozenset):
        return "is a set, whose order is another in each process"
    parts: Iterable[object] = ()
    if isinstance(value, Mapping):
        parts = value.values()
    elif isinstance(value, list | tuple):
        parts = value
    elif isinstance(value, BaseModel) or dataclasses.is_dataclass(value):
        parts = vars(value).values()
    return next(filter(None, map(_fault_in, parts)), "")


def _changed(owner: str, name: str, what: str) -> ExtensionError:
    shown = f"`{name}` of `{owner}`" if name else f"what is set of `{owner}`"
    return ExtensionError(f"{shown} {what}", hint=_HINT, code="unwritable-setting")
