"""Samples as `tf.data` has them. Loads no TensorFlow: whoever calls has it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tilth.loaders.samples import Sample, Samples


def to_tf(tf: Any, samples: Samples) -> Any:
    """A `tf.data.Dataset` of one dict a sample, which knows how many there are.

    Args:
        tf: The module `tensorflow`.
        samples: What is decoded.
    """

    def rows() -> Iterator[Sample]:
        for place in range(len(samples)):
            sample = samples.sample(place)
            if "image" in sample:
                sample["image"] = sample["image"].transpose(1, 2, 0)
            yield sample

    signature = {name: _spec(tf, samples, name, kind) for name, kind in samples.kinds.items()}
    found = tf.data.Dataset.from_generator(rows, output_signature=signature)
    return found.apply(tf.data.experimental.assert_cardinality(len(samples)))


def _spec(tf: Any, samples: Samples, name: str, kind: str) -> Any:
    if kind == "image":
        channels, height, width = samples.image_shape or (None, None, None)
        return tf.TensorSpec((height, width, channels), tf.uint8)
    if kind in ("sound", "tokens"):
        return tf.TensorSpec((None,), tf.float32 if kind == "sound" else tf.int64)
    if kind == "text":
        return tf.TensorSpec((), tf.string)
    del name
    return tf.TensorSpec(
        (), {"label": tf.int64, "whole": tf.int64, "bool": tf.bool}.get(kind, tf.float64)
    )
