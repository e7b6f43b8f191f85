"""A recurrent network that spells what it hears: convolution, bidirectional GRU or LSTM, symbols.

Graves et al., "Connectionist temporal classification" (2006). It gives, every 20 ms, a probability
for each symbol and for the blank, which parts symbols and fills the time between them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from tilth.models.ctc import CTCSettings
from tilth.models.dropout import Dropout
from tilth.models.facts import Sizes

STRIDE = 2  # frames that become one step


class CTC(nn.Module):
    """Frames of log-mel energies to log-probabilities of symbols.

    Args:
        settings: Of the network.
        mels: Bands of a frame.
        classes: Symbols, the blank among them.
    """

    def __init__(self, settings: CTCSettings, mels: int, classes: int) -> None:
        super().__init__()
        self.front = nn.Conv1d(mels, settings.channels, 5, STRIDE, padding=2)
        cell = nn.GRU if settings.cell == "gru" else nn.LSTM
        widths = [settings.channels] + [2 * settings.hidden] * (settings.layers - 1)
        self.recurrent = nn.ModuleList(
            cell(width, settings.hidden, batch_first=True, bidirectional=True) for width in widths
        )
        self.dropout = Dropout(settings.dropout)
        self.head = nn.Linear(2 * settings.hidden, classes)

    def forward(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """What is said at each step.

        Args:
            frames: float32 [n, frames, mels], 0 behind the end of an utterance.
            lengths: int64 [n], frames of each.

        Returns:
            Log-probabilities float32 [n, steps, classes], and the steps of each, int64 [n].
        """
        steps = num_steps(lengths)
        x = self.dropout(F.relu(self.front(frames.transpose(1, 2))).transpose(1, 2))
        # Packed: the backward direction begins at the end of each utterance, not at its padding.
        packed = pack_padded_sequence(x, steps.cpu(), batch_first=True, enforce_sorted=False)
        for layer in self.recurrent:
            packed, _ = layer(packed)
            packed = PackedSequence(
                self.dropout(packed.data),
                packed.batch_sizes,
                packed.sorted_indices,
                packed.unsorted_indices,
            )
        outputs, _ = pad_packed_sequence(packed, batch_first=True)
        return self.head(outputs).float().log_softmax(-1), steps


def num_steps(frames: Tensor) -> Tensor:
    """Steps of utterances of so many frames, int64 [n]."""
    return torch.div(frames + STRIDE - 1, STRIDE, rounding_mode="floor")


def make(settings: CTCSettings, sizes: Sizes) -> nn.Module:
    """The network for what the data demands."""
    return CTC(settings, sizes.mels, sizes.classes)
