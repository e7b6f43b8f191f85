"""What the data says of itself: all that a model and a task are built with beside the settings."""

from __future__ import annotations

from pydantic import Field

from tilth.settings import BaseSettings


class Sizes(BaseSettings):
    """What the data demands of a model: sizes of its first and last layer."""

    vocabulary: int = Field(default=0, ge=0, description="text: number of tokens")
    image: tuple[int, int, int] = Field(default=(0, 0, 0), description="channels, height, width")
    classes: int = Field(default=0, ge=0, description="outputs: classes, or symbols of speech")
    mels: int = Field(default=0, ge=0, description="speech: bands of a frame")


class Facts(BaseSettings):
    """Kept beside a model's weights, so that new samples are read as the training samples were."""

    sizes: Sizes = Field(default=Sizes(), description="what the model is built with")
    classes: tuple[str, ...] = Field(
        default=(), description="name of each output; of speech the symbols, the blank first"
    )
    mean: tuple[float, ...] = Field(
        default=(), description="images: mean of the training pixels a channel, between 0 and 1"
    )
    std: tuple[float, ...] = Field(default=(), description="images: their standard deviation")
    sample_rate: int = Field(default=0, ge=0, description="speech: samples a second")
    max_length: int = Field(default=0, ge=0, description="tokens of a text that are read; 0: all")
    transcripts: tuple[str, ...] = Field(
        default=(), description="speech: the distinct transcripts of the training split, if few"
    )
    words: tuple[str, ...] = Field(
        default=(), description="speech: the distinct words of the training split, if not too many"
    )

    def normalised_as(self, model: Facts | None) -> Facts:
        """These facts with the normalisation that a trained model knows its pictures by."""
        if model is None or not model.mean:
            return self
        return self.model_copy(update={"mean": model.mean, "std": model.std})
