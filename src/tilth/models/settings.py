"""The settings of whatever models there are. Loads no torch: recipes are checked without it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import GetCoreSchemaHandler, TypeAdapter
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

from tilth.models.declare import NetworkSettings
from tilth.models.registry import declarations


def _validated(given: object) -> NetworkSettings:
    """The settings of the model whose `kind` is given, asked for when it is given.

    Which models there are depends on the recipe at hand: a type made beforehand could not know.
    """
    if isinstance(given, NetworkSettings):
        return given
    if not isinstance(given, Mapping):
        raise PydanticKnownError("model_attributes_type")
    by_kind = {declared.kind: declared.settings for declared in declarations()}
    if "kind" not in given:
        raise PydanticKnownError("union_tag_not_found", {"discriminator": "'kind'"})
    found = by_kind.get(given["kind"]) if isinstance(given["kind"], str) else None
    if found is None:
        tags = ", ".join(f"'{kind}'" for kind in by_kind)
        told = {"discriminator": "'kind'", "tag": str(given["kind"]), "expected_tags": tags}
        raise PydanticKnownError("union_tag_invalid", told)
    return found.model_validate(dict(given))


class _OneOf:
    """A field that takes the settings of any model, told apart by `kind`."""

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(_validated)


# A checker of types reads what all of them have; who needs more asks which it is, with
# `isinstance`.
if TYPE_CHECKING:
    ModelSettings = NetworkSettings
else:
    ModelSettings = _OneOf


def settings_classes() -> tuple[type[NetworkSettings], ...]:
    """The classes of which a value of `ModelSettings` is one."""
    return tuple(declared.settings for declared in declarations())


def model_settings(given: Mapping[str, Any]) -> ModelSettings:
    """The settings of a model as a recipe or a saved model writes them, `{kind: mlp, ...}`.

    Raises:
        ValidationError: There is no model of this kind, or a setting is not one of its.
    """
    return TypeAdapter(ModelSettings).validate_python(given)
