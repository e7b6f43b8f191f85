"""Which parts of a network a probe or LoRA may be told to freeze or unfreeze. Loads torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from tilth.errors import UsageError
from tilth.models.build import build_model, unfilled
from tilth.models.facts import Sizes
from tilth.models.lora import adapt
from tilth.models.settings import ModelSettings
from tilth.training.freezing import require_prefix
from tilth.transfer.target import frozen_for_probe


def require_kept(
    model: ModelSettings,
    sizes: Sizes,
    method: Literal["probe", "lora"],
    freeze: Sequence[str],
    unfreeze: Sequence[str],
    stage: str,
) -> None:
    """Refuse to freeze or unfreeze what a method that trains little does not train anyway.

    Args:
        model, sizes: The network, of which only the names of parameters are looked at.
        method: Which.
        freeze, unfreeze: Prefixes of names.
        stage: Where they stand in the recipe, with a dot.

    Raises:
        UsageError: A prefix names no parameter that the method trains, or it names them all.
    """
    with unfilled():
        network = build_model(model, sizes, seed=0)
        kept = frozen_for_probe(network)[0] if method == "probe" else adapt(network, 1)
    names = [name for name, _ in network.named_parameters()]
    trained = [name for name in names if name not in kept]
    for setting, prefixes in (("freeze", freeze), ("unfreeze", unfreeze)):
        for prefix in prefixes:
            require_prefix(prefix, names, stage + setting)
            if not any(name.startswith(prefix) for name in trained):
                raise UsageError(
                    f"`{setting}` of `{prefix}` does nothing: {method} trains nothing of it",
                    where=stage + setting,
                )
    left = [name for name in trained if not name.startswith(tuple(freeze))]
    if all(name.startswith(tuple(unfreeze)) for name in left):
        raise UsageError(
            f"nothing of what {method} trains is trained from the start",
            where=stage + ("unfreeze" if left else "freeze"),
        )
