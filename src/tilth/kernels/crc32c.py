"""CRC-32C (Castagnoli), the checksum of TFRecord files.

Source: RFC 3720, section 12.1 and appendix B.4.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from tilth.kernels.characters import Bytes, Integers

_POLYNOMIAL: Final = 0x82F63B78  # with its bits in reverse
_ALL: Final = 0xFFFFFFFF


def crc32c(data: bytes) -> int:
    """The checksum, 32 bits without a sign."""
    return int(_crc32c(np.frombuffer(data, np.uint8), _TABLE))


def plain_crc32c(data: bytes) -> int:
    """The plain twin: bit by bit, as it is defined."""
    crc = _ALL
    for byte in data:
        crc = _shifted(crc ^ byte)
    return crc ^ _ALL


def _shifted(crc: int) -> int:
    """The remainder after eight bits more."""
    for _ in range(8):
        crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
    return crc


_TABLE: Final = np.array([_shifted(byte) for byte in range(256)], np.int64)


@njit(cache=True, nogil=True)
def _crc32c(data: Bytes, table: Integers) -> int:
    crc = _ALL
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ _ALL
