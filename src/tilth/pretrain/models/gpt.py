"""A decoder-only Transformer (Radford et al. 2019), with rotary positions and no biases."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tilth.pretrain.models.dropout import Dropout, drop
from tilth.pretrain.settings import GPTSettings

# Longer windows go to the fused attention kernel, whose memory does not grow with their square.
_SHORT = 256


class Attention(nn.Module):
    """Causal self-attention of several heads with rotary positions (Su et al. 2021)."""

    def __init__(self, settings: GPTSettings) -> None:
        super().__init__()
        self.heads = settings.heads
        self.dropout = settings.dropout
        self.inputs = nn.Linear(settings.width, 3 * settings.width, bias=False)
        self.outputs = nn.Linear(settings.width, settings.width, bias=False)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        """x float [n, length, width] to the same shape."""
        n, length, width = x.shape
        queries, keys, values = (
            part.view(n, length, self.heads, -1).transpose(1, 2)
            for part in self.inputs(x).split(width, dim=2)
        )
        mixed = attend(
            rotate(queries, cosine, sine),
            rotate(keys, cosine, sine),
            values,
            self.dropout if self.training else 0.0,
        )
        projected: Tensor = self.outputs(mixed.transpose(1, 2).reshape(n, length, width))
        return projected


class Block(nn.Module):
    """Attention, then a two-layer perceptron, each added to a normalised stream (pre-norm)."""

    def __init__(self, settings: GPTSettings) -> None:
        super().__init__()
        width = settings.width
        self.attention_norm = nn.LayerNorm(width, bias=False)
        self.attention = Attention(settings)
        self.mlp_norm = nn.LayerNorm(width, bias=False)
        self.expand = nn.Linear(width, 4 * width, bias=False)
        self.contract = nn.Linear(4 * width, width, bias=False)
        self.dropout = Dropout(settings.dropout)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        """x float [n, length, width] to the same shape."""
        x = x + self.dropout(self.attention(self.attention_norm(x), cosine, sine))
        hidden = F.gelu(self.expand(self.mlp_norm(x)), approximate="tanh")
        added: Tensor = x + self.dropout(self.contract(hidden))
        return added


class GPT(nn.Module):
    """Predicts each next token from those before it; input and output share one embedding.

    Args:
        settings: Layers, width, heads, context, dropout.
        vocabulary: Number of tokens.
    """

    cosine: Tensor
    sine: Tensor

    def __init__(self, settings: GPTSettings, vocabulary: int) -> None:
        super().__init__()
        self.context = settings.context
        self.tokens = nn.Embedding(vocabulary, settings.width)
        self.dropout = Dropout(settings.dropout)
        self.blocks = nn.ModuleList(Block(settings) for _ in range(settings.layers))
        self.norm = nn.LayerNorm(settings.width, bias=False)
        cosine, sine = rotations(settings.context, settings.width // settings.heads)
        self.register_buffer("cosine", cosine, persistent=False)
        self.register_buffer("sine", sine, persistent=False)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                nn.init.normal_(weight, std=0.02)
            if name.endswith(("outputs.weight", "contract.weight")):
                # The residual stream sums 2 x layers of these: its variance stays that of one.
                nn.init.normal_(weight, std=0.02 / (2 * settings.layers) ** 0.5)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens int64 [n, length <= context] to logits float [n, length, vocabulary]."""
        length = tokens.shape[1]
        cosine, sine = self.cosine[:length], self.sine[:length]
        x = self.dropout(self.tokens(tokens))
        for block in self.blocks:
            x = block(x, cosine, sine)
        return F.linear(self.norm(x), self.tokens.weight)


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


def rotations(context: int, head_width: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines float32 [context, head_width / 2] of the angle of each position and pair.

    Angles are position x 10000^(-2 i / head_width) (Su et al. 2021, section 3.2.2).
    """
    frequency = 10_000.0 ** (-torch.arange(0, head_width, 2).double() / head_width)
    angle = torch.outer(torch.arange(context).double(), frequency)
    return angle.cos().float(), angle.sin().float()


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turn pairs (i, i + head_width / 2) of x [n, heads, length, head_width] by their angles."""
    first, second = x.chunk(2, dim=-1)
    turned = torch.cat((first * cosine - second * sine, second * cosine + first * sine), dim=-1)
    return turned.to(x.dtype)
