"""The stage: from a data set on disk to a trained model on disk."""
