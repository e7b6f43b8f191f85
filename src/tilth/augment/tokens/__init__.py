"""Changes to texts: one transform a module, over rows of tokens."""
