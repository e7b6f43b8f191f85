"""When training ends, and when it is measured: all limits of the settings as one plan."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tilth.errors import UsageError
from tilth.training.examples import Examples
from tilth.training.order import Order
from tilth.training.settings import LoopSettings, OptimizerSettings


@dataclass(frozen=True)
class Plan:
    """The limits of a run.

    Attributes:
        total_steps: The last step, or None if only patience or time ends the run.
        total_examples: Where the last batch is cut, or None.
        named: The setting that decided `total_steps`.
        max_seconds: Limit of time, or None.
        eval_every: Steps between validations.
    """

    total_steps: int | None
    total_examples: int | None
    named: str
    max_seconds: float | None
    eval_every: int

    @property
    def last_tenth(self) -> int | None:
        """Steps that are done when the last tenth, or the last step, begins; None: not known."""
        return None if self.total_steps is None else self.total_steps - -(-self.total_steps // 10)

    def limit_reached(self, steps: int, seconds: float) -> str:
        """The limit that ends the run after so many steps and seconds; empty: none does."""
        if self.total_steps is not None and steps >= self.total_steps:
            return self.named
        if self.max_seconds is not None and seconds >= self.max_seconds:
            return "max_seconds"
        return ""


def plan_steps(
    loop: LoopSettings, optimizer: OptimizerSettings, order: Order, examples: Examples
) -> Plan:
    """Turn the limits into steps; the lowest one counts.

    Raises:
        UsageError: The schedule depends on the last step and none is set.
    """
    batch = loop.batch_size
    limits: list[tuple[int, str, int | None]] = []
    if loop.max_steps is not None:
        limits.append((loop.max_steps, "max_steps", None))
    if loop.epochs is not None:
        whole = int(loop.epochs)
        rows = order.start(whole) + round((loop.epochs - whole) * order.length(whole))
        limits.append((max(math.ceil(rows / batch), 1), "epochs", max(rows, 1)))
    if loop.max_tokens is not None:
        tokens_a_row = float(examples.counts.mean())
        limits.append((math.ceil(loop.max_tokens / tokens_a_row / batch), "max_tokens", None))
    total, named, rows_or_none = min(limits, default=(None, "", None), key=lambda limit: limit[0])
    if total is None and optimizer.schedule not in ("constant", "inverse-sqrt"):
        raise UsageError(
            f"the schedule `{optimizer.schedule}` depends on the last step, and none is set",
            hint="set loop.max_steps, loop.epochs or loop.max_tokens",
        )
    eval_every = loop.eval_every or max(
        math.ceil(order.length(0) / batch) if total is None else total // 10, 1
    )
    return Plan(total, rows_or_none, named, loop.max_seconds, eval_every)
