"""Hot text loops, compiled with Numba over Arrow string buffers, each with a plain twin."""
