"""What the three sections on training have in common."""

from __future__ import annotations

import pytest

from tilth.report.evidence import p_text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "\u2013"),
        (0.0, "<0.001"),
        (0.00099, "<0.001"),
        (0.0123, "0.012"),
        (0.05, "0.050"),
        # On its side of 0.05, and of 1.
        (0.0499, "0.0499"),
        (0.05004, "0.05004"),
        (0.9999, "0.9999"),
        (1.0, "1.000"),
    ],
)
def test_a_p_value_is_on_its_side_of_what_it_is_compared_with(
    value: float | None, shown: str
) -> None:
    assert p_text(value) == shown
