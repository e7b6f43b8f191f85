"""Whether the parts of a model that a recipe names are there, before anything is read or trained.

Which parameters a network has follows from its settings and its task; no data is needed. Torch is
loaded only where a recipe names some.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

from tilth.models.facts import Sizes
from tilth.models.settings import ModelSettings
from tilth.pretrain.settings import Settings
from tilth.tasks.registry import declaration
from tilth.tasks.settings import TaskName

# Any data will do: the sizes decide shapes, not names.
_CLASSES = 2
_SIZES = {"vocabulary": 300, "image": (3, 32, 32), "mels": 40}


def require_named_parts(settings: Settings) -> None:
    """Refuse `freeze`, `unfreeze` and `optimizer.rates` of what the model has not.

    Raises:
        UsageError: As `require_parts_of`.
    """
    require_parts_of(
        settings.task,
        settings.model,
        settings.freeze,
        tuple(settings.unfreeze),
        tuple(settings.optimizer.rates),
        "pretrain.",
    )


def require_parts_of(
    task: TaskName,
    model: ModelSettings,
    freeze: Sequence[str],
    unfreeze: Sequence[str],
    rates: Sequence[str],
    stage: str,
) -> None:
    """Refuse prefixes of names that no parameter of a model has.

    Without torch, with which the names are found, nothing is refused here, and training does.

    Args:
        task: That it learns.
        model: Its settings.
        freeze, unfreeze, rates: The prefixes.
        stage: Where they stand, with a dot.

    Raises:
        UsageError: No parameter's name begins so, all that do are frozen, or nothing is trained.
    """
    if not (freeze or unfreeze or rates) or importlib.util.find_spec("torch") is None:
        return
    from tilth.models.build import parameter_names
    from tilth.training.freezing import require_parts

    require_parts(parameter_names(model, any_sizes(task)), freeze, unfreeze, rates, stage)


def any_sizes(task: TaskName) -> Sizes:
    """Sizes with which a network has the names of its parameters, though not their shapes."""
    declared = declaration(task)
    running_text = declared.interface in ("tokens", "pairs") and not declared.labels
    return Sizes.model_validate({**_SIZES, "classes": 0 if running_text else _CLASSES})
