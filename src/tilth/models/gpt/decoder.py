"""A decoder-only Transformer (Radford et al. 2019).

By default with rotary positions and no biases; with `positions: learned` and `bias: true` it is
GPT-2, weight for weight (see `hugging_face`).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tilth.models.dropout import Dropout, drop
from tilth.models.gpt import GPTSettings
from tilth.models.rotary import rotate, rotations

# Longer windows go to the fused attention kernel, whose memory does not grow with their square.
_SHORT = 256


class Rotation(NamedTuple):
    """Cosines and sines of the positions of some tokens, float [length, head_width / 2].

    With a batch dimension in front, [n, 1, length, head_width / 2], where the rows of a batch
    stand at different positions.
    """

    cosine: Tensor
    sine: Tensor


class Cache:
    """Keys and values of the tokens read so far, so that a further token costs one position.

    Args:
        settings: Of the model.
        num_rows: Rows of the batch.
        like: A weight of the model: gives type and device.
    """

    def __init__(self, settings: GPTSettings, num_rows: int, like: Tensor) -> None:
        shape = (
            settings.layers,
            num_rows,
            settings.heads,
            settings.context,
            settings.width // settings.heads,
        )
        self.keys = torch.zeros(shape, dtype=like.dtype, device=like.device)
        self.values = torch.zeros_like(self.keys)

    def select(self, rows: Tensor) -> None:
        """Go on with these rows (int64 [m]) only."""
        self.keys, self.values = self.keys[:, rows], self.values[:, rows]


class Attention(nn.Module):
    """Causal self-attention of several heads, by default with rotary positions (Su et al. 2021)."""

    def __init__(self, settings: GPTSettings) -> None:
        super().__init__()
        self.heads = settings.heads
        self.dropout = settings.dropout
        self.inputs = nn.Linear(settings.width, 3 * settings.width, bias=settings.bias)
        self.outputs = nn.Linear(settings.width, settings.width, bias=settings.bias)

    def forward(self, x: Tensor, rotation: Rotation | None) -> Tensor:
        """x float [n, length, width] to the same shape."""
        queries, keys, values = self._project(x, rotation)
        mixed = attend(queries, keys, values, self.dropout if self.training else 0.0)
        return self._join(mixed)

    def read(
        self, x: Tensor, rotation: Rotation | None, keys: Tensor, values: Tensor, at: Tensor
    ) -> Tensor:
        """The same for the tokens at positions `at`, after those in the cache.

        Args:
            x: float [n, length, width].
            rotation: Of the positions `at`.
            keys, values: This layer's cache, float [n, heads, context, head_width]; gets these
                tokens' own.
            at: int64 [n, length], the positions of the tokens.
        """
        queries, new_keys, new_values = self._project(x, rotation)
        rows = torch.arange(len(x), device=x.device)[:, None]
        keys[rows, :, at] = new_keys.transpose(1, 2)
        values[rows, :, at] = new_values.transpose(1, 2)
        longest = int(at.max()) + 1
        past = torch.arange(longest, device=x.device) <= at[:, None, :, None]
        mixed = F.scaled_dot_product_attention(
            queries, keys[:, :, :longest], values[:, :, :longest], attn_mask=past
        )
        return self._join(mixed)

    def _project(self, x: Tensor, rotation: Rotation | None) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, float [n, heads, length, head_width]."""
        n, length, width = x.shape
        queries, keys, values = (
            part.view(n, length, self.heads, -1).transpose(1, 2)
            for part in self.inputs(x).split(width, dim=2)
        )
        if rotation is not None:
            queries, keys = rotate(queries, *rotation), rotate(keys, *rotation)
        return queries, keys, values

    def _join(self, mixed: Tensor) -> Tensor:
        n, _, length, _ = mixed.shape
        projected: Tensor = self.outputs(mixed.transpose(1, 2).reshape(n, length, -1))
        return projected


class Block(nn.Module):
    """Attention, then a two-layer perceptron, each added to a normalised stream (pre-norm)."""

    def __init__(self, settings: GPTSettings) -> None:
        super().__init__()
        width, bias = settings.width, settings.bias
        self.attention_norm = nn.LayerNorm(width, bias=bias)
        self.attention = Attention(settings)
        self.mlp_norm = nn.LayerNorm(width, bias=bias)
        self.expand = nn.Linear(width, 4 * width, bias=bias)
        self.contract = nn.Linear(4 * width, width, bias=bias)
        self.dropout = Dropout(settings.dropout)

    def forward(self, x: Tensor, rotation: Rotation | None) -> Tensor:
        """x float [n, length, width] to the same shape."""
        x = x + self.dropout(self.attention(self.attention_norm(x), rotation))
        return self._think(x)

    def read(
        self, x: Tensor, rotation: Rotation | None, keys: Tensor, values: Tensor, at: Tensor
    ) -> Tensor:
        """The same after what is in the cache; see `Attention.read`."""
        x = x + self.attention.read(self.attention_norm(x), rotation, keys, values, at)
        return self._think(x)

    def _think(self, x: Tensor) -> Tensor:
        hidden = F.gelu(self.expand(self.mlp_norm(x)), approximate="tanh")
        added: Tensor = x + self.dropout(self.contract(hidden))
        return added


class GPT(nn.Module):
    """Predicts each next token from those before it; input and output share one embedding.

    Args:
        settings: Layers, width, heads, context, dropout, positions, bias.
        vocabulary: Number of tokens.
    """

    cosine: Tensor
    sine: Tensor

    def __init__(self, settings: GPTSettings, vocabulary: int) -> None:
        super().__init__()
        self.settings = settings
        self.context = settings.context
        self.tokens = nn.Embedding(vocabulary, settings.width)
        self.positions: nn.Embedding | None = None
        if settings.positions == "learned":
            self.positions = nn.Embedding(settings.context, settings.width)
        self.dropout = Dropout(settings.dropout)
        self.blocks = nn.ModuleList(Block(settings) for _ in range(settings.layers))
        self.norm = nn.LayerNorm(settings.width, bias=settings.bias)
        if self.positions is None:
            cosine, sine = rotations(settings.context, settings.width // settings.heads)
            self.register_buffer("cosine", cosine, persistent=False)
            self.register_buffer("sine", sine, persistent=False)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                nn.init.normal_(weight, std=0.02)
            if name.endswith(("outputs.weight", "contract.weight")):
                # The residual stream sums 2 x layers of these: its variance stays that of one.
                nn.init.normal_(weight, std=0.02 / (2 * settings.layers) ** 0.5)
            if name.endswith(".bias"):
                nn.init.zeros_(weight)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens int64 [n, length <= context] to logits float [n, length, vocabulary]."""
        return self.logits(self.encode(tokens))

    def encode(self, tokens: Tensor) -> Tensor:
        """Tokens int64 [n, length <= context] to their vectors, float [n, length, width]."""
        length = tokens.shape[1]
        x = self.tokens(tokens)
        rotation: Rotation | None = None
        if self.positions is None:
            rotation = Rotation(self.cosine[:length], self.sine[:length])
        else:
            x = x + self.positions.weight[:length]
        x = self.dropout(x)
        for block in self.blocks:
            x = block(x, rotation)
        normed: Tensor = self.norm(x)
        return normed

    def new_cache(self, num_rows: int) -> Cache:
        """An empty cache for a batch of this many rows."""
        return Cache(self.settings, num_rows, self.tokens.weight)

    def read(self, tokens: Tensor, at: Tensor, cache: Cache) -> Tensor:
        """Read further tokens of each row; for answering only: there is no dropout.

        Args:
            tokens: int64 [n, length].
            at: int64 [n, length], the position of each, below the context. Rows may differ. All
                positions below the first one must have been read, and a position may be read anew.
            cache: Gets the tokens' keys and values.

        Returns:
            The tokens' vectors, float [n, length, width]; `logits` makes logits of them.
        """
        x = self.tokens(tokens)
        rotation: Rotation | None = None
        if self.positions is None:
            rotation = Rotation(self.cosine[at][:, None], self.sine[at][:, None])
        else:
            x = x + self.positions(at)
        for layer, block in enumerate(self.blocks):
            assert isinstance(block, Block)
            x = block.read(x, rotation, cache.keys[layer], cache.values[layer], at)
        normed: Tensor = self.norm(x)
        return normed

    def logits(self, vectors: Tensor) -> Tensor:
        """Vectors float [..., width] to logits float [..., vocabulary]."""
        return F.linear(vectors, self.tokens.weight)


def attend(queries: Tensor, keys: Tensor, values: Tensor, dropout: float) -> Tensor:
    """Causal softmax(q k / sqrt(head_width)) v; all float [n, heads, length, head_width].

    Up to `_SHORT` positions the products are plain matrix products: these are a third faster than
    the fused kernel there, and are the ones that precision `fp32-fast` speeds up.
    """
    n, heads, length, head_width = queries.shape
    if length > _SHORT:
        return F.scaled_dot_product_attention(
            queries, keys, values, dropout_p=dropout, is_causal=True
        )
    q, k, v = (part.reshape(n * heads, length, head_width) for part in (queries, keys, values))
    future = torch.full((length, length), -torch.inf, device=q.device, dtype=q.dtype).triu(1)
    scores = torch.baddbmm(future, q, k.transpose(1, 2), alpha=head_width**-0.5)
    shares = drop(scores.softmax(-1), dropout)
    return torch.bmm(shares.to(v.dtype), v).view(n, heads, length, head_width)
