"""What the transforms of speech act on: waveforms, and their log-mel spectra."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Waves(NamedTuple):
    """Utterances as samples.

    Attributes:
        samples: float32 [samples] each, between -1 and 1.
        sample_rate: Samples a second.
        spans: int64 [n, 2], which words of its transcript each utterance holds: the first one and
            the one behind the last; None: it is not known what is said.
    """

    samples: Sequence[npt.NDArray[np.float32]]
    sample_rate: int
    spans: npt.NDArray[np.int64] | None = None


class Spectra(NamedTuple):
    """Utterances as frames of log-mel energies, padded to one length.

    Attributes:
        values: float32 [n, frames, bands], natural logarithms; low bands first.
        lengths: int64 [n], frames of each.
    """

    values: npt.NDArray[np.float32]
    lengths: npt.NDArray[np.int64]

    def inside(self) -> npt.NDArray[np.bool_]:
        """Which frames belong to the utterance, bool [n, frames]."""
        within: npt.NDArray[np.bool_] = np.arange(self.values.shape[1]) < self.lengths[:, None]
        return within
