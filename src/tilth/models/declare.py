"""What a model says of itself, so that whoever meets its kind need not know it. Loads no torch.

A model is a folder: its `__init__.py` has the settings and a line `MODEL = Declaration(...)`, its
module `network` a function `make(settings, sizes)` that builds it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from pydantic import Field

from tilth.settings import BaseSettings

# Units or channels of a layer; layers one after another; how many of either a list may name. Beyond
# these no network of this library is trained on one machine.
MAX_WIDTH, MAX_LAYERS, MAX_STAGES = 65_536, 1000, 64
Count = Annotated[int, Field(ge=1, le=MAX_WIDTH)]

# How a network is called: what a task and the models that can learn it agree on. `n` is the batch;
# lengths are int64 [n], of what is padded. The layer that makes the classes is its `head`.
# images: pixels float [n, channels, height, width] to logits [n, classes].
# tokens: int64 [n, length] to logits [n, length, vocabulary]; where the data has classes, tokens
#   and their lengths to logits [n, classes].
# frames: float [n, frames, mels] and lengths to log-probabilities [n, steps, classes], and the
#   steps of each, int64 [n].
# pairs: source tokens and their lengths, target tokens and their lengths, to the logits of the
#   targets only, [sum of the target's lengths, vocabulary].
# To answer token by token, text-generation and translation ask more: the caches of `GPT` and of
# `Seq2Seq`.
Interface = Literal["images", "tokens", "frames", "pairs"]


def require_one_of(name: str, value: object, choices: Collection[object]) -> None:
    """Refuse a value of a declaration that is none of a closed set.

    Raises:
        ValueError: It is not; with the choices.
    """
    if value not in choices:
        listed = ", ".join(repr(choice) for choice in choices)
        raise ValueError(f"{name} is {value!r}, and one of {listed} is wanted")


class NetworkSettings(BaseSettings):
    """What the settings of every model have; each gives `kind` its own name as the default."""

    kind: str

    @property
    def window(self) -> int:
        """Tokens of running text that the model reads at once; 0: it reads no running text."""
        return 0


@dataclass(frozen=True)
class Declaration:
    """A model.

    Attributes:
        settings: Of the model.
        interface: How its network is called: a task learns with the models of its own interface.
        hub_type: Hugging Face's word (`model_type`) for the weights that it can start from, which
            the folder's module `hugging_face` reads; empty: only from its own.
        probe: Whether it can be trained at its end alone: it has a `head`, or `blocks` in a row.
    """

    settings: type[NetworkSettings]
    interface: Interface
    hub_type: str = ""
    probe: bool = True

    def __post_init__(self) -> None:
        """Refuse what no task could call.

        Raises:
            ValueError: There is no such interface.
        """
        require_one_of("interface", self.interface, get_args(Interface))

    @property
    def kind(self) -> str:
        """Its name in a recipe."""
        return str(self.settings.model_fields["kind"].default)
