"""A GPT that says which class a text is of, instead of what comes next."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tilth.models.dropout import Dropout
from tilth.models.gpt import GPTSettings
from tilth.models.gpt.decoder import GPT


class GPTClassifier(GPT):
    """The classes' scores from the vector of a text's last token, which has seen all others.

    All tensors but `head.` have the names and shapes of the GPT's, so that a language model's
    weights fit (Radford et al. 2018, section 3.2). The last token is the end token. The mean over
    the tokens' vectors got 15 % where this gets 18 % (banking77, 100 labels; see dev/LOG.md).

    Args:
        settings: As of the GPT.
        vocabulary: Number of tokens.
        classes: Number of classes.
    """

    def __init__(self, settings: GPTSettings, vocabulary: int, classes: int) -> None:
        super().__init__(settings, vocabulary)
        self.head_dropout = Dropout(settings.dropout)
        self.head = nn.Linear(settings.width, classes)
        nn.init.normal_(self.head.weight, std=0.02)
        torch.nn.init.zeros_(self.head.bias)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:  # type: ignore[override]
        """Tokens int64 [n, longest], of each row the first `lengths` (int64 [n]), to logits.

        Returns:
            float [n, classes].
        """
        vectors = self.encode(tokens)
        # A sum over one place, and not an index: its gradient is deterministic on every device.
        place = torch.arange(tokens.shape[1], device=tokens.device)
        last = (place == lengths[:, None] - 1).to(vectors.dtype)
        logits: Tensor = self.head(self.head_dropout((vectors * last[:, :, None]).sum(1)))
        return logits
