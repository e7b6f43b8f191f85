"""The way into a loop of the user's own: decoded samples for PyTorch, tf.data, Hugging Face."""

from tilth.loaders.dataset import Dataset

__all__ = ["Dataset"]
