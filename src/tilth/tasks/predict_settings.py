"""How a trained model answers: every setting of generation and prediction. Loads no torch."""

from __future__ import annotations

from pydantic import Field

from tilth.settings import BaseSettings


class PredictSettings(BaseSettings):
    """How new samples are answered by a trained model."""

    max_tokens: int = Field(
        default=200, ge=1, description="tokens written at most, of a translation too"
    )
    temperature: float = Field(
        default=0.8,
        ge=0,
        le=1000,
        description="divides the logits before drawing; 0: the likeliest",
    )
    top_k: int = Field(default=0, ge=0, description="draw among so many tokens; 0: all")
    top_p: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="draw among the likeliest tokens that together have this probability",
    )
    repetition_penalty: float = Field(
        default=1.0,
        ge=1,
        le=1000,
        description="logits of tokens that stand there already are divided by this, or multiplied "
        "where they are negative; 1: nothing",
    )
    beam: int = Field(
        default=5, ge=1, le=1000, description="translation: hypotheses kept; 1: greedy"
    )
    length_penalty: float = Field(
        default=1.0,
        ge=0,
        le=100,
        description="translation: exponent of the length that scores are divided by",
    )
    seed: int = Field(default=0, ge=0, lt=1 << 64, description="fixes what is drawn")
    batch_size: int = Field(default=32, ge=1, description="samples answered at once")
    first: int = Field(
        default=0,
        ge=0,
        lt=1 << 62,
        description="place of the first sample in its stream: a draw depends on seed and place",
    )
