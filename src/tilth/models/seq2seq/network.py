"""An encoder-decoder Transformer (Vaswani et al. 2017), as small data wants it.

Otherwise than there: norms stand before each part (Xiong et al. 2020), positions are rotary (Su et
al. 2021), nothing has a bias, and one embedding serves source, target and output (Press and Wolf
2017), for both languages share one vocabulary.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tilth.models.dropout import Dropout, drop
from tilth.models.facts import Sizes
from tilth.models.rotary import rotate, rotations
from tilth.models.seq2seq import Seq2SeqSettings


class Memory(NamedTuple):
    """What the encoder made of a batch of source texts.

    Attributes:
        vectors: float [n, source_length, width].
        mask: float [n, 1, 1, source_length]: 0, or -inf behind the end of a text.
    """

    vectors: Tensor
    mask: Tensor


class Cache:
    """What the decoder needs to go on by one token; `rows` hypotheses stand for each source text.

    Attributes:
        memory: float [layers, 2, n, heads, source_length, head_width], keys and values of the
            source texts.
        mask: float [n, 1, 1, source_length].
        past: float [layers, 2, n x rows, heads, room, head_width], keys and values of the tokens
            read so far.
        length: How many those are.
        rows: Hypotheses a source text.
    """

    def __init__(self, memory: Tensor, mask: Tensor, rows: int, room: int) -> None:
        layers, _, n, heads, _, head_width = memory.shape
        self.memory, self.mask, self.rows, self.length = memory, mask, rows, 0
        self.past = memory.new_zeros(layers, 2, n * rows, heads, room, head_width)

    def choose(self, texts: Tensor, rows: Tensor) -> None:
        """Go on with some source texts (int64 [m]) and some hypotheses (int64 [m x rows])."""
        if len(texts) < self.memory.shape[2]:
            self.memory, self.mask = self.memory[:, :, texts], self.mask[texts]
        self.past = self.past[:, :, rows]


class Attention(nn.Module):
    """Attention of several heads: of tokens to their own text, or to another."""

    def __init__(self, settings: Seq2SeqSettings) -> None:
        super().__init__()
        width = settings.width
        self.heads = settings.heads
        self.dropout = settings.attention_dropout
        self.queries = nn.Linear(width, width, bias=False)
        self.memory = nn.Linear(width, 2 * width, bias=False)
        self.outputs = nn.Linear(width, width, bias=False)

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
        """Softmax(q k / sqrt(head_width)) v, heads joined.

        Args:
            queries: float [n, heads, length, head_width].
            keys, values: float [n, heads, other_length, head_width].
            mask: float, added to the scores: broadcast to [n, heads, length, other_length].

        Returns:
            float [n, length, width].
        """
        n, heads, length, head_width = queries.shape
        scores = queries @ keys.transpose(2, 3) * head_width**-0.5
        if mask is not None:
            scores = scores + mask
        shares = drop(scores.softmax(-1), self.dropout if self.training else 0.0)
        mixed = (shares.to(values.dtype) @ values).transpose(1, 2)
        outputs: Tensor = self.outputs(mixed.reshape(n, length, heads * head_width))
        return outputs

    def ask(self, x: Tensor) -> Tensor:
        """Queries of x float [n, length, width], float [n, heads, length, head_width]."""
        return self._split(self.queries(x))

    def tell(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of x float [n, length, width], float [n, heads, length, head_width]."""
        keys, values = self.memory(x).chunk(2, dim=2)
        return self._split(keys), self._split(values)

    def _split(self, x: Tensor) -> Tensor:
        n, length, width = x.shape
        return x.view(n, length, self.heads, width // self.heads).transpose(1, 2)


class Perceptron(nn.Module):
    """Two layers, after their norm."""

    def __init__(self, settings: Seq2SeqSettings) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(settings.width, bias=False)
        self.expand = nn.Linear(settings.width, settings.hidden, bias=False)
        self.contract = nn.Linear(settings.hidden, settings.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """x float [n, length, width] to the same shape."""
        contracted: Tensor = self.contract(F.relu(self.expand(self.norm(x))))
        return contracted


class EncoderBlock(nn.Module):
    """Attention to the text itself, then a perceptron, each added to the stream."""

    def __init__(self, settings: Seq2SeqSettings) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(settings.width, bias=False)
        self.attention = Attention(settings)
        self.perceptron = Perceptron(settings)
        self.dropout = Dropout(settings.dropout)

    def forward(self, x: Tensor, mask: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        """x float [n, length, width] to the same shape."""
        normed = self.norm(x)
        queries = rotate(self.attention.ask(normed), cosine, sine)
        keys, values = self.attention.tell(normed)
        mixed = self.attention(queries, rotate(keys, cosine, sine), values, mask)
        x = x + self.dropout(mixed)
        added: Tensor = x + self.dropout(self.perceptron(x))
        return added


class DecoderBlock(nn.Module):
    """Attention to what is written, attention to the source, then a perceptron."""

    def __init__(self, settings: Seq2SeqSettings) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(settings.width, bias=False)
        self.attention = Attention(settings)
        self.source_norm = nn.LayerNorm(settings.width, bias=False)
        self.source_attention = Attention(settings)
        self.perceptron = Perceptron(settings)
        self.dropout = Dropout(settings.dropout)

    def forward(
        self, x: Tensor, future: Tensor, memory: Memory, cosine: Tensor, sine: Tensor
    ) -> Tensor:
        """x float [n, length, width] to the same shape; `future` hides later tokens."""
        queries, keys, values = self._own(x, cosine, sine)
        x = x + self.dropout(self.attention(queries, keys, values, future))
        asked = self.source_attention.ask(self.source_norm(x))
        told = self.source_attention.tell(memory.vectors)
        x = x + self.dropout(self.source_attention(asked, *told, memory.mask))
        added: Tensor = x + self.dropout(self.perceptron(x))
        return added

    def step(self, x: Tensor, layer: int, cache: Cache, cosine: Tensor, sine: Tensor) -> Tensor:
        """One more token of each hypothesis: x float [n x rows, 1, width] to the same shape."""
        queries, keys, values = self._own(x, cosine, sine)
        past = cache.past[layer]
        past[0, :, :, cache.length], past[1, :, :, cache.length] = keys[:, :, 0], values[:, :, 0]
        seen = past[:, :, :, : cache.length + 1]
        x = x + self.attention(queries, seen[0], seen[1], None)
        # The hypotheses of one text ask side by side: its keys are kept once, not once for each.
        n, width = cache.memory.shape[2], x.shape[2]
        asked = self.source_attention.ask(self.source_norm(x).view(n, cache.rows, width))
        told = cache.memory[layer]
        x = x + self.source_attention(asked, told[0], told[1], cache.mask).view_as(x)
        added: Tensor = x + self.perceptron(x)
        return added

    def _own(self, x: Tensor, cosine: Tensor, sine: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        normed = self.norm(x)
        keys, values = self.attention.tell(normed)
        return (
            rotate(self.attention.ask(normed), cosine, sine),
            rotate(keys, cosine, sine),
            values,
        )


class Seq2Seq(nn.Module):
    """Reads a source text and predicts each next token of the target text.

    Args:
        settings: Layers, width, heads, dropout.
        vocabulary: Number of tokens of both languages.
    """

    def __init__(self, settings: Seq2SeqSettings, vocabulary: int) -> None:
        super().__init__()
        self.head_width = settings.width // settings.heads
        self.tokens = nn.Embedding(vocabulary, settings.width)
        self.dropout = Dropout(settings.dropout)
        self.encoder = nn.ModuleList(EncoderBlock(settings) for _ in range(settings.encoder_layers))
        self.encoder_norm = nn.LayerNorm(settings.width, bias=False)
        self.decoder = nn.ModuleList(DecoderBlock(settings) for _ in range(settings.decoder_layers))
        self.decoder_norm = nn.LayerNorm(settings.width, bias=False)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                # Smaller where queries and keys are made, so that attention begins evenly spread.
                spread = name.endswith(("queries.weight", "memory.weight"))
                nn.init.xavier_uniform_(weight, gain=0.5**0.5 if spread else 1.0)
        # Scaled up where they are read, so that they are of size 1 there and logits are small.
        nn.init.normal_(self.tokens.weight, std=settings.width**-0.5)

    def forward(self, source: Tensor, lengths: Tensor, inputs: Tensor, counts: Tensor) -> Tensor:
        """Logits of the targets only, one text after another, so that none is for padding.

        Args:
            source: int64 [n, source_length], padded.
            lengths: int64 [n], of the source texts.
            inputs: int64 [n, target_length], what stands before each target.
            counts: int64 [n], targets of each text.

        Returns:
            float [sum of counts, vocabulary].
        """
        vectors = self.decode(inputs, self.encode(source, lengths))
        return self.logits(vectors[_within(counts, inputs.shape[1])])

    def encode(self, source: Tensor, lengths: Tensor) -> Memory:
        """Read source texts, int64 [n, source_length], padded, of these lengths (int64 [n])."""
        length = source.shape[1]
        x = self._embed(source)
        mask = x.new_zeros(source.shape[0], 1, 1, length)
        mask.masked_fill_(~_within(lengths, length)[:, None, None], -torch.inf)
        cosine, sine = self._rotations(length, x)
        for block in self.encoder:
            x = block(x, mask, cosine, sine)
        return Memory(self.encoder_norm(x), mask)

    def decode(self, inputs: Tensor, memory: Memory) -> Tensor:
        """Tokens int64 [n, target_length] to vectors float [n, target_length, width]."""
        length = inputs.shape[1]
        x = self._embed(inputs)
        future = torch.full((length, length), -torch.inf, device=x.device).triu(1)
        cosine, sine = self._rotations(length, x)
        for block in self.decoder:
            x = block(x, future, memory, cosine, sine)
        normed: Tensor = self.decoder_norm(x)
        return normed

    def logits(self, vectors: Tensor) -> Tensor:
        """Vectors float [..., width] to logits float [..., vocabulary]."""
        return F.linear(vectors, self.tokens.weight)

    def new_cache(self, memory: Memory, rows: int, room: int) -> Cache:
        """For `rows` hypotheses of up to `room` tokens for each source text."""
        told = []
        for block in self.decoder:
            assert isinstance(block, DecoderBlock)
            told.append(torch.stack(block.source_attention.tell(memory.vectors)))
        return Cache(torch.stack(told), memory.mask, rows, room)

    def step(self, tokens: Tensor, cache: Cache) -> Tensor:
        """Logits float [n x rows, vocabulary] after one more token, int64 [n x rows]."""
        x = self._embed(tokens[:, None])
        cosine, sine = self._rotations(cache.length + 1, x)
        for layer, block in enumerate(self.decoder):
            assert isinstance(block, DecoderBlock)
            x = block.step(x, layer, cache, cosine[-1:], sine[-1:])
        cache.length += 1
        return self.logits(self.decoder_norm(x)[:, 0])

    def _embed(self, tokens: Tensor) -> Tensor:
        embedded: Tensor = self.dropout(self.tokens(tokens) * self.tokens.embedding_dim**0.5)
        return embedded

    def _rotations(self, length: int, like: Tensor) -> tuple[Tensor, Tensor]:
        cosine, sine = rotations(length, self.head_width)
        return cosine.to(like.device), sine.to(like.device)


def _within(lengths: Tensor, longest: int) -> Tensor:
    """Which of `longest` places belong to each text, bool [n, longest]."""
    return torch.arange(longest, device=lengths.device) < lengths[:, None]


def make(settings: Seq2SeqSettings, sizes: Sizes) -> nn.Module:
    """The network for what the data demands."""
    return Seq2Seq(settings, sizes.vocabulary)
