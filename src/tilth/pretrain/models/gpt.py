"""A decoder-only Transformer (Radford et al. 2019), with rotary positions and no biases."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tilth.pretrain.settings import GPTSettings


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
        mixed = F.scaled_dot_product_attention(
            rotate(queries, cosine, sine),
            rotate(keys, cosine, sine),
            values,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=True,
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
        self.dropout = nn.Dropout(settings.dropout)

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
        self.dropout = nn.Dropout(settings.dropout)
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
