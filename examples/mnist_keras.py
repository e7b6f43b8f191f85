"""The 784-128-10 network in Keras 3, on data from a Tilth run; on any of Keras's backends.

    tilth run mnist --only collect.mnist
    pip install keras tensorflow-cpu
    KERAS_BACKEND=tensorflow python examples/mnist_keras.py runs/mnist

On TensorFlow the samples come as `tf.data`, decoded; on JAX and PyTorch they are read into two
numpy arrays, which for MNIST take 47 MB.
"""

from __future__ import annotations

import argparse
import io
from typing import Any

import keras
import numpy as np
import PIL.Image

import tilth
from tilth import Dataset

BATCH = 32


def stream(dataset: Dataset, *, shuffle: bool) -> Any:
    """Batches of (pixels float32 [n, 784] in 0 to 1, class int64 [n]) as a `tf.data.Dataset`."""
    import tensorflow as tf

    def pair(sample: dict[str, Any]) -> tuple[Any, Any]:
        return tf.reshape(sample["image"], [784]), sample["label"]

    # Cached after the first epoch; shuffled anew before each.
    samples = dataset.to_tf(["image", "label"]).map(pair).cache()
    if shuffle:
        samples = samples.shuffle(60_000, seed=0)
    return samples.batch(BATCH).map(lambda x, y: (tf.cast(x, tf.float32) / 255, y)).prefetch(8)


def arrays(dataset: Dataset) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """All pixels, float32 [n, 784] in 0 to 1, and classes, int64 [n]."""
    pixels, classes = [], []
    for batch in dataset.batches(["image", "label"]):
        for row in batch.to_pylist():
            pixels.append(np.asarray(PIL.Image.open(io.BytesIO(row["image"])), np.uint8).ravel())
            classes.append(int(row["label"]))
    return np.stack(pixels).astype(np.float32) / 255, np.array(classes, np.int64)


def network() -> keras.Model:
    """784-128-10 with dropout, as in Keras's own introduction."""
    return keras.Sequential(
        [
            keras.Input((784,)),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(10),
        ]
    )


def main(run: str, epochs: int) -> float:
    """Train, and return the accuracy on the test split."""
    keras.utils.set_random_seed(0)
    data = tilth.open_run(run)
    train, test = data.dataset("train"), data.dataset("test")
    model = network()
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    if keras.backend.backend() == "tensorflow":
        model.fit(stream(train, shuffle=True), shuffle=False, epochs=epochs, verbose=2)
        _, accuracy = model.evaluate(stream(test, shuffle=False), verbose=0)
    else:
        pixels, classes = arrays(train)
        model.fit(pixels, classes, batch_size=BATCH, epochs=epochs, verbose=2)
        _, accuracy = model.evaluate(*arrays(test), verbose=0)
    print(f"{keras.backend.backend()}: accuracy {accuracy:.2%} on the test split")
    return float(accuracy)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train a Keras network on a Tilth run of MNIST.")
    parser.add_argument("run", nargs="?", default="runs/mnist", help="the run's folder")
    parser.add_argument("--epochs", type=int, default=5)
    arguments = parser.parse_args()
    main(arguments.run, arguments.epochs)
