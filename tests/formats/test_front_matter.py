"""Front matter: fields and the text behind them, or a text that only looks so."""

from __future__ import annotations

import datetime
import time

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

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
        "---\na: [\n---\nmore",
        "---\na: 1\nnever closed",
        "---\na: &x [1]\nb: *x\n---\nmore",
        "---\na: 2024-99-99\n---\nmore",
        "---\na: !!python/object/apply:os.system [ls]\n---\nmore",
        "---\na: " + "[" * 100 + "]" * 100 + "\n---\nmore",
        "---\na: " + "x" * 70_000 + "\n---\nmore",
    ],
)
def test_what_only_looks_so_is_text(text: str) -> None:
    assert split(text) == ({}, text)


def test_no_front_matter_takes_long() -> None:
    start = time.process_time()
    split("---\n" + "a: b\n---x\n" * 6000)
    split("---\n" + "{" * 60_000 + "\n---\n")
    split("---\n" + "- " * 3_000 + "\n---\n")
    assert time.process_time() - start < 5


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text("abc", min_size=1), st.integers() | st.text("xyz é'\"")))
def test_what_yaml_writes_comes_back(fields: dict[str, object]) -> None:
    text = f"---\n{yaml.safe_dump(fields, allow_unicode=True)}---\nbody"
    assert split(text) == (fields, "body")
