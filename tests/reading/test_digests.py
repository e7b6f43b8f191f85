"""Digests of a batch are those of each record."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tilth.reading import digests
from tilth.schema import sample_id

SPACES = "".join(chr(code) for code in range(0x110000) if chr(code).isspace())
TEXT = st.one_of(st.text(), st.text(st.sampled_from(SPACES + "ab\u200b\xe9\u4e00"), max_size=9))


@given(st.lists(TEXT))
def test_white_space_is_what_split_takes_for_it(texts: list[str]) -> None:
    found = list(digests.normal([text.encode() for text in texts]))
    assert found == [" ".join(text.split()).encode() for text in texts]


def test_each_kind_of_white_space_and_long_texts() -> None:
    long = "x  y" * (digests._BYTES_AT_ONCE // 3)
    texts = [f"a{space}{space}b{space}" for space in SPACES] + [long, "", SPACES, long]
    found = list(digests.normal([text.encode() for text in texts]))
    assert found == [" ".join(text.split()).encode() for text in texts]


@given(st.text(), st.lists(st.tuples(st.text(), TEXT)))
def test_ids_and_keys_are_those_of_one_sample(source: str, rows: list[tuple[str, str]]) -> None:
    texts = [text.encode() for _, text in rows]
    ids = digests.ids_of(source, [name for name, _ in rows], texts)
    assert ids == [sample_id(source, name, text) for name, text in rows]
    keys = digests.content_keys(texts)
    assert keys == [sample_id("content", " ".join(text.split())) for _, text in rows]
