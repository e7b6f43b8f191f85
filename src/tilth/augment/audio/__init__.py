"""Changes to waveforms: one transform a module."""
