"""Counts of characters, lines and words against the plain twin."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tilth.kernels.plain import plain_count_text
from tilth.kernels.signals import COUNTS, count_text
from tilth.kernels.words import split_words, text_buffers

ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
PROSE = st.lists(
    st.sampled_from(
        [
            *(
                "the",
                "The",
                "of",
                "and",
                "have",
                "be",
                "word",
                "12",
                "_",
                "__",
                "#",
                "日本。",
                "！",
            ),
            *(
                "...",
                "..",
                ".",
                "…",
                "!",
                "?",
                '"',
                "”",
                ")",
                "]",
                "'",
                "(",
                "-",
                "•",
                "*",
                "{",
                "}",
            ),
            *("javascript", "JavaScript", "Lorem", "ipsum", "lorem", "lorem ipsum", "हिन्दी", ","),
            *("\u200b", "\u00ad", "\x00", "\u0130", "é", "\n", "\n\n", " ", "\t", "\r\n", "\u00a0"),
            "a" * 31,
        ]
    ),
    max_size=40,
).flatmap(lambda parts: st.sampled_from(["", " "]).map(lambda join: join.join(parts)))


def count(texts: list[str]) -> list[dict[str, int]]:
    data, offsets = text_buffers(pa.array(texts, pa.large_string()))
    counts = count_text(data, offsets, split_words(data, offsets))
    return [{name: int(counts[name][i]) for name in COUNTS} for i in range(len(texts))]


@given(st.lists(ANY | PROSE, max_size=5))
@settings(max_examples=300, deadline=None)
@example(['Wait... what?! "Yes."\n- item…\n  {x}  \n'])
@example(["STOP stop \u017ftop The", "JavaScript", "javascrip", "lorem ipsu"])
def test_kernel_equals_plain_twin(texts: list[str]) -> None:
    assert count(texts) == [plain_count_text(text) for text in texts]


def test_known_document() -> None:
    (counts,) = count(["The quick fox...\n- jumps over # 12 dogs!\n\nand “so on.”"])
    assert counts["tokens"] == 17
    assert counts["words"] == 10
    assert counts["lines"] == 3
    assert counts["bullet_lines"] == 1
    assert counts["ellipsis_lines"] == 1
    assert counts["terminal_lines"] == 3
    assert counts["sentences"] == 3
    assert counts["stop_words"] == 2
    assert counts["newlines"] == 3


def test_no_documents() -> None:
    assert count([]) == []
