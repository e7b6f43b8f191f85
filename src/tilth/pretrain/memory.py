"""Give memory back that training no longer uses."""

from __future__ import annotations

import ctypes


def release_free_memory() -> None:
    """Return what is free within the heap to the system, where the C library can (glibc).

    Where every batch is of another size, the pieces that one leaves free fit no array of the
    next, and the heap grows with every step: to 6 GB for a translation model that needs 1.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
