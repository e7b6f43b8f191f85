"""The checksum against its plain twin and the examples of its RFC."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.kernels.crc32c import crc32c, plain_crc32c


@given(st.binary(max_size=300))
def test_kernel_equals_plain_twin(data: bytes) -> None:
    assert crc32c(data) == plain_crc32c(data)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", 0),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
        (b"123456789", 0xE3069283),
    ],
)
def test_the_examples_of_the_rfc(data: bytes, expected: int) -> None:
    assert crc32c(data) == expected
