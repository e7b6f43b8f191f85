"""What is shown of foreign text is nobody's."""

from __future__ import annotations

import pytest

from tilth.engine.share import shareable
from tilth.query.share import shareable_excerpt, shareable_opening

_CARD = "4111 1111 1111 1111"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from greta.holm@mailbox.se, (541) 714-1388", "from [EMAIL], [PHONE]"),
        (f"paid with {_CARD}.", "paid with [CARD]."),
        # Side by side, neither is what it is to the finders.
        (f"from (541) 714-1388 {_CARD}", "from (541) [NUMBER]"),
        ("at 93.184.216.34, http://u:p@h/?token=a", "at [IP], http://***@h/?token=***"),
        (
            "2024-05-06, 1,234,567 of 12 345 678 and 555",
            "2024-05-06, 1,234,567 of 12 345 678 and 555",
        ),
        ("table 1 2 3 4 5 6 7 8 9 10 11 12 13 14", "table 1 2 3 4 5 6 7 8 9 10 11 12 13 14"),
    ],
)
def test_openings(text: str, expected: str) -> None:
    assert shareable_opening(text, 600) == expected
    assert shareable_excerpt({"text": text}, 600) == expected
    assert shareable_excerpt({"html": f"<p>{text}</p><b>".encode()}, 600) == expected
    assert shareable_excerpt({"target": text}, 600) == expected


@pytest.mark.parametrize("filler", ["word ", " ", "a@b.se ", "\n"])
@pytest.mark.parametrize("private", ["greta.holm@mailbox.se", _CARD, "541-714-1388"])
def test_what_is_cut_in_two_is_not_shown(filler: str, private: str) -> None:
    for start in (*range(560, 620), *range(2360, 2420), *range(2770, 2830)):
        shown = shareable_opening((filler * 3000)[:start] + f" {private} " + filler * 1000, 600)
        assert len(shown) <= 600
        assert not any(private[:length] in shown for length in (6, 9, 12))


def test_what_is_no_text_stays() -> None:
    assert shareable(None) is None
    assert shareable_excerpt({"image": b"12"}, 600) == "(image, 2 bytes)"
