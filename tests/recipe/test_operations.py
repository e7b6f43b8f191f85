"""The table of operations agrees with the modules."""

from __future__ import annotations

import inspect

import pytest

from tilth.recipe.operations import _FUNCTIONS, operation, operations


@pytest.mark.parametrize("name", sorted(operations()))
def test_module_has_what_its_kind_needs(name: str) -> None:
    op = operation(name)
    for function in _FUNCTIONS[op.kind]:
        assert callable(getattr(op.module, function))
    for function, number in _FUNCTIONS[op.kind].items():
        inspect.signature(getattr(op.module, function)).bind(*[None] * number)
    assert op.settings.__doc__
    for field, info in op.settings.model_fields.items():
        assert info.description, f"{name}.{field} has no description"
