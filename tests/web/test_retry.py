"""How long a server asks to be left alone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tilth.web.retry import retry_after_s

_NOW = datetime(2015, 10, 21, 7, 27, 40, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        # All three forms of a date (RFC 9110, 5.6.7).
        ("Wed, 21 Oct 2015 07:28:00 GMT", 20.0),
        ("Wednesday, 21-Oct-15 07:28:00 GMT", 20.0),
        ("Wed Oct 21 07:28:00 2015", 20.0),
        # Past, or neither of them.
        ("Wed, 21 Oct 2015 07:00:00 GMT", 0.0),
        ("-5", 0.0),
        # As servers write it all the same.
        ("1.5", 1.5),
        ("20s", 20.0),
        ("20 seconds", 20.0),
        ("20, 30", 20.0),
        ('"20"', 20.0),
        ("+20", 20.0),
        ("2015-10-21T07:28:00Z", 20.0),
        ("2015-10-21 07:28:00", 20.0),
        ("2015-10-21T09:28:00+02:00", 20.0),
        ("1e9", 0.0),
        ("soon", 0.0),
        ("", 0.0),
    ],
)
def test_seconds_or_a_date(value: str, seconds: float) -> None:
    assert retry_after_s(value, _NOW) == seconds
