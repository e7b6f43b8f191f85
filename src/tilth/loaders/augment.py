"""A recipe's transforms, to be built in whichever process applies them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tilth.augment.chain import Transform, from_recipe
from tilth.augment.registry import kind_of
from tilth.extensions import Extension, using


@dataclass(frozen=True)
class Augment:
    """The recipe's transforms.

    Attributes:
        specs: Each {op: settings}.
        extensions: In which transforms of the user's own are found.
    """

    specs: Sequence[Mapping[str, Any]]
    extensions: Sequence[Extension] = ()

    def build(self, kind: str) -> Transform | None:
        """Those of a kind in a row; None: there is none."""
        with using(self.extensions):
            return from_recipe(self.specs, kind)

    @property
    def digest(self) -> str | None:
        """Of the transforms and of the extensions that they may be of; None: there is none."""
        if not self.specs:
            return None
        told = [[dict(one) for one in self.specs], sorted(one.digest for one in self.extensions)]
        return hashlib.sha256(json.dumps(told, sort_keys=True, default=repr).encode()).hexdigest()[
            :16
        ]

    def kinds(self) -> dict[str, str]:
        """What each transform changes, by its name."""
        with using(self.extensions):
            return {name: kind_of(name) for spec in self.specs for name in spec}
