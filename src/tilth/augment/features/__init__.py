"""Changes to log-mel spectra: one transform a module."""
