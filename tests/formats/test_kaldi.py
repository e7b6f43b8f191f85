"""Entries of Kaldi's tables: a command is none that is run, a segment has its times."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tilth.formats.kaldi import Segment, as_path, as_segment


@pytest.mark.parametrize(
    ("entry", "cause"),
    [
        ("sph2pipe -f wav a.sph |", "a command, and none is run"),
        ("sox a.wav -t wav - |  ", "a command"),
        ("| cat", "a command"),
        ("", "no file is named"),
        (" - ", "no file is named"),
        ("data/raw.ark:1234", "a place in an archive of Kaldi"),
        ("raw.ark:12[0:5]", "a place in an archive of Kaldi"),
    ],
)
def test_what_is_no_file(entry: str, cause: str) -> None:
    with pytest.raises(ValueError, match=cause):
        as_path(entry)


def test_a_path_may_have_blanks() -> None:
    assert as_path("waves/a b.wav ") == "waves/a b.wav"


def test_segments() -> None:
    assert as_segment("rec 0.20 1.5") == Segment("rec", Decimal("0.2"), Decimal("1.5"), None)
    assert as_segment("rec 3 -1") == Segment("rec", Decimal(3), None, None)
    assert as_segment("rec 0 1 1") == Segment("rec", Decimal(0), Decimal(1), 1)


@pytest.mark.parametrize(
    ("entry", "cause"),
    [
        ("rec 1", "a segment of 2 parts"),
        ("rec 1 2 3 4", "a segment of 5 parts"),
        ("rec 1e3 2000", "its times cannot be read: `1e3 2000`"),
        ("rec -1 2", "its times cannot be read"),
        ("rec nan 2", "its times cannot be read"),
        ("rec 0 1 A", "its times cannot be read"),
        ("rec 2 1", "it ends before it begins"),
        ("rec 1.0 1", "it ends where it begins"),
        ("rec 0 99999999999", "its times cannot be read"),
    ],
)
def test_what_is_no_segment(entry: str, cause: str) -> None:
    with pytest.raises(ValueError, match=cause):
        as_segment(entry)
