"""The curve of a training as TensorBoard's event files."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from tilth.errors import missing_extra
from tilth.store.files import remove
from tilth.training.curve import CurvePoint

# What a point is plotted against, not what is plotted.
_AXES = ("step", "examples", "seconds")


class Events:
    """Writes each number of a point under its name, at its step and its second of the run.

    The files are made anew from the curve so far, so that a run that is gone on with has each
    point once, whatever was written before it was killed.

    Args:
        folder: Is replaced.
        curve: The points so far.
        seconds: Of the run so far: when it began on the clock of the events.

    Raises:
        MissingError: tensorboard is not installed.
    """

    def __init__(self, folder: Path, curve: Sequence[CurvePoint], seconds: float) -> None:
        try:
            from torch.utils.tensorboard.writer import SummaryWriter
        except ImportError:
            raise missing_extra("tensorboard", "tensorboard") from None
        remove(folder)
        self._writer = SummaryWriter(str(folder))
        self._begun = time.time() - seconds
        for point in curve:
            self.add(point)

    def add(self, point: CurvePoint) -> None:
        """Write a point, so that whoever watches sees it."""
        walltime = self._begun + (point.seconds or 0.0)
        for name, value in point.as_json().items():
            if name not in _AXES:
                self._writer.add_scalar(name, value, point.step, walltime=walltime)
        self._writer.flush()

    def close(self) -> None:
        """Nothing is written after this."""
        self._writer.close()
