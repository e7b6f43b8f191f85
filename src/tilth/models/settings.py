"""The settings of whatever models there are. Loads no torch: recipes are checked without it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, TypeAdapter

from tilth.models.declare import NetworkSettings
from tilth.models.registry import declarations

# One of the models' settings, told apart by `kind`. A checker of types reads what all of them have;
# who needs more asks which it is, with `isinstance`.
if TYPE_CHECKING:
    ModelSettings = NetworkSettings
else:
    ModelSettings = Annotated[
        reduce(or_, (declared.settings for declared in declarations())),
        Field(discriminator="kind"),
    ]


def model_settings(given: Mapping[str, Any]) -> ModelSettings:
    """The settings of a model as a recipe or a saved model writes them, `{kind: mlp, ...}`.

    Raises:
        ValidationError: There is no model of this kind, or a setting is not one of its.
    """
    return TypeAdapter(ModelSettings).validate_python(given)
