"""What a source has fetched may be newer than the data set beside it."""

from __future__ import annotations

from pathlib import Path

from tilth.store import refreshed


def test_how_far_it_is(tmp_path: Path) -> None:
    work = tmp_path / "work"
    assert refreshed.state(work) == ""
    refreshed.begin(work)
    assert refreshed.state(work) == "begun"
    refreshed.fetched(work)
    # Asked again before it was read: the data set is older still.
    refreshed.begin(work)
    assert refreshed.state(work) == "fetched"
    refreshed.forget(work)
    refreshed.forget(work)
    assert (refreshed.state(work), list(work.iterdir())) == ("", [])


def test_a_mark_that_is_damaged_is_of_what_is_not_done(tmp_path: Path) -> None:
    refreshed.fetched(tmp_path)
    (mark,) = tmp_path.iterdir()
    for text in (b"", b"fetch"):
        mark.write_bytes(text)
        assert refreshed.state(tmp_path) == "begun"
