"""Changes to images: one transform a module, over float32 [n, channels, height, width]."""
