"""What a page says of its encoding: the cases of html5lib, and odd ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.decode.encodings import name_of
from tilth.decode.prescan import declared_in


def test_cases_of_html5lib(shared_data: Path) -> None:
    """Those of 1024 bytes and less; where nothing is said it expects windows-1252."""
    number = 0
    for file in sorted((shared_data / "charset/html5lib-encoding").glob("tests*.dat")):
        for case in file.read_bytes().split(b"#data\n")[1:]:
            data, _, told = case.partition(b"\n#encoding\n")
            wanted = name_of(told.split(b"\n")[0].decode())
            if len(data) < 1024 and data[:1] not in (b"\xef", b"\xff", b"\xfe"):
                number += 1
                assert (declared_in(data) or "windows-1252") == wanted, data
    assert number > 50


@pytest.mark.parametrize(
    ("head", "wanted"),
    [
        (b"<meta charset=koi8-r>", "koi8-r"),
        (b"<META CHARSET = 'KOI8-R'/>", "koi8-r"),
        (b"<!-- <meta charset=koi8-r> --><meta charset=big5>", "big5"),
        (b"<a title='<meta charset=koi8-r>'><meta charset=big5>", "big5"),
        (b"<meta content='text/html; charset=koi8-r'>", ""),
        (b"<meta content='a; charset=koi8-r' http-equiv=Content-Type>", "koi8-r"),
        (b"<meta name=x content='charset=koi8-r' charset=big5>", "big5"),
        (b"<meta charset=nonsense><meta charset=big5>", "big5"),
        (b"<meta charset=utf-16>", "utf-8"),
        (b"<meta charset=x-user-defined>", "windows-1252"),
        (b"<meta charset=utf-7><meta charset=hz-gb-2312>", ""),
        (b"<metax charset=koi8-r>", ""),
        (b"<meta charset=koi8-r", ""),
        (b"<meta charset='koi8-r", ""),
        (b" " * 1020 + b"<meta charset=koi8-r>", ""),
        (b"<?xml version='1.0' encoding='koi8-r'?>", "koi8-r"),
        (b"<?xml version='1.0' encoding='koi8-r'?><meta charset=big5>", "big5"),
        (b"<?xml version='1.0'?><x encoding='koi8-r'>", ""),
    ],
)
def test_declared(head: bytes, wanted: str) -> None:
    assert declared_in(head) == wanted


@given(st.binary(max_size=100), st.sampled_from([b"<meta ", b"<", b"<!--", b"<a b", b"</"]))
def test_no_bytes_make_it_fail(data: bytes, start: bytes) -> None:
    declared_in(start + data)
