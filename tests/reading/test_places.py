"""Names of what lies in archives: plain ones, hidden ones, and those that no record may have."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.collect.archives import FORMATS, pack
from tilth.formats.streams import SourceFile
from tilth.reading.places import inside, is_hidden, plain, wrong_with


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("a/.b", True), (".a/b", True), ("a/b", False), ("./a", False), ("../a", False)],
)
def test_hidden(name: str, is_one: bool) -> None:
    assert is_hidden(name) == is_one


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("a/b.c", ""),
        ("a..b/c..", ""),
        ("c:a", ""),
        ("../a", "leads out"),
        ("a/..", "leads out"),
        ("/a", "leads out"),
        ("c:/a", "leads out"),
        ("\udcff", "not UTF-8"),
    ],
)
def test_names_that_no_record_may_have(name: str, wrong: str) -> None:
    assert wrong in wrong_with(name)
    assert bool(wrong) == bool(wrong_with(name))


@pytest.mark.parametrize("ending", FORMATS)
def test_every_member_is_given_or_told_of(ending: str, tmp_path: Path) -> None:
    names = ["./a.txt", "b//c.txt", "a.txt", "../a.txt", ".h", "x.log"]
    path = pack(tmp_path, ending, [(name, b"1") for name in names])
    told: list[tuple[str, str]] = []
    found = [
        (one.name, one.uri, one.wrong)
        for one in inside(
            SourceFile(path, path.name, "in"),
            10,
            lambda name: "a log" if name.endswith(".log") else "hidden" * is_hidden(name),
            lambda place, reason: told.append((place, reason)),
        )
    ]
    assert found == [
        ("a.txt", "in:a.txt", ""),
        ("b/c.txt", "in:b/c.txt", ""),
        ("a.txt", "in:a.txt (2)", "a second member of this name"),
        ("../a.txt", "in:../a.txt", "its name leads out of the archive"),
    ]
    assert told == [("in:.h", "hidden"), ("in:x.log", "a log")]
    assert plain("/./a//b/.") == "/a/b"
