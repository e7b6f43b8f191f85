"""What becomes of memory that a step of training frees: kept for the next one, or given back."""

from __future__ import annotations

import ctypes
import os

# Numbers of glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT_BYTES = 256 << 20
# The largest that glibc takes; its own rule gets here by itself, but not once the other is set.
_HEAP_BYTES = 32 << 20


def keep_free_memory() -> None:
    """Let what a step frees lie in the heap for the next one, where the C library can (glibc).

    By itself it gives the end of the heap back after every step and fetches it again, a page fault
    for every 4 KB: a fifth of the step of a small GPT (dev/LOG.md). Arrays of more than 32 MB are
    given back as ever. The setting is the process's and cannot be read, so it stays; where the
    environment has one, as in the workers of a run, that one holds.
    """
    option = getattr(ctypes.CDLL(None), "mallopt", None)
    if option is not None and "MALLOC_TRIM_THRESHOLD_" not in os.environ:
        option(_TRIM_THRESHOLD, _KEPT_BYTES)
        option(_MMAP_THRESHOLD, _HEAP_BYTES)


def release_free_memory() -> None:
    """Return what is free within the heap to the system, where the C library can (glibc).

    Where every batch is of another size, the pieces that one leaves free fit no array of the
    next, and the heap grows with every step: to 6 GB for a translation model that needs 1.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
