"""Whether the parts of a model that a recipe names are there, before anything is read or trained.

Which parameters a network has follows from its settings and its task; no data is needed. Torch is
loaded only where a recipe names some.
"""

from __future__ import annotations

import importlib.util

from tilth.models.facts import Sizes
from tilth.pretrain.settings import Settings
from tilth.tasks.registry import declaration

# Any data will do: the sizes decide shapes, not names.
_CLASSES = 2
_SIZES = {"vocabulary": 300, "image": (3, 32, 32), "mels": 40}


def require_named_parts(settings: Settings) -> None:
    """Refuse `freeze`, `unfreeze` and `optimizer.rates` of what the model has not.

    Without torch, with which the names are found, nothing is refused here, and training does.

    Raises:
        UsageError: No parameter's name begins so, all that do are frozen, or nothing is trained.
    """
    rates = settings.optimizer.rates
    named = bool(settings.freeze or settings.unfreeze or rates)
    if not named or importlib.util.find_spec("torch") is None:
        return
    from tilth.models.build import parameter_names
    from tilth.training.freezing import require_parts

    declared = declaration(settings.task)
    running_text = declared.interface in ("tokens", "pairs") and not declared.labels
    sizes = Sizes.model_validate({**_SIZES, "classes": 0 if running_text else _CLASSES})
    names = parameter_names(settings.model, sizes)
    require_parts(names, settings.freeze, tuple(settings.unfreeze), tuple(rates), "pretrain.")
