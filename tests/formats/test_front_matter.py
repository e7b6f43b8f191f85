"""Front matter: fields and the text behind them, or a text that only looks so."""

from __future__ import annotations

import datetime
import tomllib
from functools import partial

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.growth.measure import least_s
from tilth.formats.front_matter import split


def test_fields_and_text_are_parted() -> None:
    text = "---\ntitle: On bread\ntags: [a, b]\ndate: 2024-05-01\n---\n\n# Bread\n\n---\n\nMore\n"
    fields, body = split(text)
    assert fields == {"title": "On bread", "tags": ["a", "b"], "date": datetime.date(2024, 5, 1)}
    assert body == "# Bread\n\n---\n\nMore\n"
    assert split("---\r\na: 1\r\n---\r\nx") == ({"a": 1}, "x")
    assert split("---\na: 1\n...\nx") == ({"a": 1}, "x")
    assert split("---\na: 1\n---") == ({"a": 1}, "")


@pytest.mark.parametrize(
    "text",
    [
        "no front matter",
        "----\na: 1\n----\n",
        "---\nan aside\n---\nmore",
        "---\n- a\n- b\n---\nmore",
        "---\na: 1\nnever closed",
        "---\nNote: an aside: long\n\nIt goes on.\n\nAnd on.\n---\nmore",
        "---\nhttp://example.org\n---\nmore",
        "---\nat 12:30 we met\n---\nmore",
        "+++\nplus signs\n+++\nmore",
        '+++\ntitle = "never closed"\n',
        "++++\na = 1\n++++\n",
    ],
)
def test_what_only_looks_so_is_text(text: str) -> None:
    assert split(text) == ({}, text)


@pytest.mark.parametrize(
    "front",
    [
        "a: [",
        "a: &x [1]\nb: *x",
        "a: 2024-99-99",
        "a: !!python/object/apply:os.system [ls]",
        "a: " + "[" * 100 + "]" * 100,
        "a: " + "x" * 70_000,
        "title: Bread: a history\ndate: 2024-01-01",
        "# by hand\n\ntitle: x\n[a, b]: list as a key",
        "'quoted': *nowhere",
        "title:\n\t- a tab",
        "title:Bread\ndate:2024",
        "a: 1\na b\nc: @x",
    ],
)
@pytest.mark.parametrize("line", ["\n", "\r\n"])
def test_what_cannot_be_read_is_no_part_of_the_text(front: str, line: str) -> None:
    text = f"---\n{front}\n---\n\nmore\n".replace("\n", line)
    assert split(text) == (None, f"more{line}")


@pytest.mark.parametrize(
    "front", ['title = "x"', "# a\n[params]\nb = [\n  1,\n]", "a.b = 2024-01-01"]
)
def test_toml_is_known_and_not_read(front: str) -> None:
    assert tomllib.loads(front)
    assert split(f"+++\n{front}\n+++\n# More\n") == (None, "# More\n")


def test_no_front_matter_takes_long() -> None:
    for text in (
        "---\n" + "a: b\n---x\n" * 6000,
        "---\n" + "{" * 60_000 + "\n---\n",
        "---\n" + "- " * 3_000 + "\n---\n",
        "+++\n" + "a = 1\n+++x\n" * 100_000,
        "---\n" + "a: b\n" * 200_000 + "---\n",
    ):
        assert least_s(partial(split, text), 4) < 4


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text("abc", min_size=1), st.integers() | st.text("xyz é'\"")))
def test_what_yaml_writes_comes_back(fields: dict[str, object]) -> None:
    text = f"---\n{yaml.safe_dump(fields, allow_unicode=True)}---\nbody"
    assert split(text) == (fields, "body")


@settings(max_examples=60, deadline=None)
@given(st.text("ab:=-+[]{}*&#'\"\n\t ", max_size=60), st.sampled_from(("---", "+++")))
def test_nothing_but_the_block_is_taken(front: str, fence: str) -> None:
    text = f"{fence}\n{front}\n{fence}\nbody"
    fields, body = split(text)
    assert text.endswith(body)
    assert body.endswith("body")
    assert fields != {} or body == text
