"""Which parameters are trained at a step: a pure function of the settings and the step.

Gradual unfreezing: the layers nearest the input, which are the most general, begin to change last
(Howard and Ruder 2018, "Universal language model fine-tuning", section 3.3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import nn

from tilth.errors import UsageError
from tilth.hints import closest

_RATES = "optimizer.rates"


def first_steps(
    model: nn.Module,
    frozen: Sequence[str],
    unfreeze: Mapping[str, float],
    total_steps: int | None,
) -> dict[str, int]:
    """The first step of each parameter that is ever trained, by name; the run's first step is 0.

    Args:
        model: Has the parameters.
        frozen: Prefixes of names that are never trained.
        unfreeze: Prefix -> share of the run, below 1; of two that fit, the longer decides.
        total_steps: Of the whole run, or None.

    Raises:
        UsageError: No name begins with a prefix, nothing is left to train, or the run has no known
            end.
    """
    if unfreeze and total_steps is None:
        raise UsageError(
            "a share of the run depends on its last step, and none is set",
            where="unfreeze",
            hint="set loop.max_steps, loop.epochs or loop.max_tokens",
        )
    names = [name for name, _ in model.named_parameters()]
    for setting, prefixes in (("freeze", frozen), ("unfreeze", unfreeze)):
        for prefix in prefixes:
            require_prefix(prefix, names, setting)
    found = {}
    for name in names:
        if not name.startswith(tuple(frozen)):
            fitting = [prefix for prefix in unfreeze if name.startswith(prefix)]
            share = unfreeze[max(fitting, key=len)] if fitting else 0.0
            found[name] = int(share * (total_steps or 0))
    if not found:
        raise UsageError("all parameters are frozen: nothing is left to train", where="freeze")
    if min(found.values()) > 0:
        raise UsageError(
            f"nothing is trained in the first {min(found.values())} steps",
            where="unfreeze",
            hint="leave out what is to be trained from the start, the head most likely",
        )
    return found


def train_from(model: nn.Module, first: Mapping[str, int], step: int | None) -> None:
    """Make the model ready for a step: what is trained, and training mode.

    Parts of which nothing is trained stay as they are: no dropout, and batch normalization keeps
    its averages.

    Args:
        model: Changed in place.
        first: The first step of each parameter.
        step: That is about to be made; None: all that is ever trained is.
    """
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in first and (step is None or step >= first[name]))
    model.train()
    for module in model.modules():
        parameters = list(module.parameters())
        if parameters and not any(parameter.requires_grad for parameter in parameters):
            module.eval()


def require_prefix(prefix: str, names: Sequence[str], setting: str) -> None:
    """Refuse a prefix that no parameter's name has.

    Raises:
        UsageError: None has.
    """
    if not any(name.startswith(prefix) for name in names):
        parts = dict.fromkeys(name[: at + 1] for name in names for at in _dots(name))
        near = closest(prefix, [*parts, *names])
        raise UsageError(
            f"no parameter's name begins with `{prefix}`",
            where=setting,
            hint=(f"did you mean `{near}`? " if near else "")
            + "the parts of this model are "
            + ", ".join(dict.fromkeys(name.split(".")[0] + "." for name in names)),
        )


def require_parts(
    names: Sequence[str],
    frozen: Sequence[str],
    unfreeze: Sequence[str],
    rates: Sequence[str],
    stage: str = "",
) -> None:
    """Refuse prefixes that say nothing of any parameter that is trained.

    Args:
        names: Of all parameters.
        frozen: Prefixes of `freeze`.
        unfreeze: Prefixes of `unfreeze`.
        rates: Prefixes of `optimizer.rates`.
        stage: Of the recipe, with a dot, as `pretrain.`: where they stand.

    Raises:
        UsageError: No name begins with one, all that do are frozen, or nothing is left to train.
    """
    for setting, prefixes in (("freeze", frozen), ("unfreeze", unfreeze), (_RATES, rates)):
        for prefix in prefixes:
            require_prefix(prefix, names, stage + setting)
    trained = [name for name in names if not name.startswith(tuple(frozen))]
    if not trained:
        what = "all parameters are frozen: nothing is left to train"
        raise UsageError(what, where=f"{stage}freeze")
    for setting, prefixes in (("unfreeze", unfreeze), (_RATES, rates)):
        for prefix in prefixes:
            if not any(name.startswith(prefix) for name in trained):
                raise UsageError(
                    f"`{setting}` of `{prefix}` does nothing: `freeze` holds all that begins so",
                    where=stage + setting,
                )


def _dots(name: str) -> list[int]:
    return [at for at, letter in enumerate(name) if letter == "."]
