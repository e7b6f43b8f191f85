"""When training ends, and when it is measured: all limits of the settings as one plan."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tilth.errors import UsageError
from tilth.training.examples import Examples
from tilth.training.order import Index, Order
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
        UsageError: The schedule depends on the last step and none is set, or there are fewer tokens
            to train on than one row has.
    """
    batch = loop.batch_size
    limits: list[tuple[int, float, str]] = []  # steps, rows, what says so
    if loop.max_steps is not None:
        limits.append((loop.max_steps, math.inf, "max_steps"))
    if loop.epochs is not None:
        whole = int(loop.epochs)
        rows = order.start(whole) + round((loop.epochs - whole) * order.length(whole))
        rows = max(rows, 1)
        limits.append((math.ceil(rows / batch), rows, "epochs"))
    if loop.max_tokens is not None:
        most = min((min(steps * batch, rows) for steps, rows, _ in limits), default=math.inf)
        rows = _rows_of(loop.max_tokens, order, examples.tokens, most)
        limits.append((math.ceil(rows / batch), rows, "max_tokens"))
    total, rows_at_most, named = min(
        limits, default=(None, math.inf, ""), key=lambda limit: limit[:2]
    )
    if total is None and optimizer.schedule not in ("constant", "inverse-sqrt"):
        raise UsageError(
            f"the schedule `{optimizer.schedule}` depends on the last step, and none is set",
            hint="set loop.max_steps, loop.epochs or loop.max_tokens",
        )
    eval_every = loop.eval_every or max(
        math.ceil(order.length(0) / batch) if total is None else total // 10, 1
    )
    end = None if rows_at_most == math.inf else int(rows_at_most)
    return Plan(total, end, named, loop.max_seconds, eval_every)


def _rows_of(max_tokens: int, order: Order, tokens: Index, most: float) -> int:
    """How many rows of the order have so many tokens at most; not counted on beyond `most` rows.

    Raises:
        UsageError: The first row has more.
    """
    rows, left, epoch = 0, max_tokens, 0
    while rows <= most:
        used = np.cumsum(tokens[order.epoch(epoch)])
        taken = int(np.searchsorted(used, left, side="right"))
        rows += taken
        if taken < len(used):
            break
        left -= int(used[-1]) if len(used) else 0
        epoch += 1
        if not order.is_weighted:  # every epoch has the same tokens
            whole, left = divmod(left, max(int(used[-1]), 1))
            rows, epoch = rows + whole * len(used), epoch + whole
    if not rows:
        raise UsageError(
            f"loop.max_tokens ({max_tokens}) is less than one row of the data has "
            f"({int(tokens[order.epoch(0)[:1]].sum())})",
            where="loop.max_tokens",
            hint="allow more tokens",
        )
    return rows
