"""The loop from initialised weights to converged ones. It knows no modality."""
