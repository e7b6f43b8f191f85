"""Lines ahead are those that reading them one by one gives."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from tilth.reading.ahead import Ahead

DATA = st.lists(st.sampled_from([b"\n", b"a", b"bc\n", b"\r\n", b"defghij\n"])).map(b"".join)


@given(DATA, st.lists(st.tuples(st.booleans(), st.integers(1, 5))))
def test_lines_taken_many_at_a_time_and_one_by_one(
    data: bytes, steps: list[tuple[bool, int]]
) -> None:
    plain = io.BytesIO(data)
    ahead = Ahead(io.BytesIO(data), 1 << 20)
    for at_once, count in steps:
        if not at_once:
            assert ahead.readline(count) == plain.readline(count)
            continue
        here = plain.tell()
        wanted = [plain.readline() for _ in range(count)]
        found = ahead.lines(count)
        if wanted[-1].endswith(b"\n"):
            assert found is not None
            assert found.data == b"".join(wanted)
            assert (found.num_lines, found.longest) == (count, max(map(len, wanted)))
            ahead.take(len(found.data))
        else:
            assert found is None
            rest = ahead.lines(count, or_rest=True)
            left = b"".join(wanted)
            if left:
                assert rest is not None
                lines = left.removesuffix(b"\n").split(b"\n")
                assert rest.data == left.removesuffix(b"\n") + b"\n"
                assert (rest.num_lines, rest.longest) == (len(lines), max(map(len, lines)) + 1)
            plain.seek(here)
    assert ahead.readline(1 << 20) == plain.readline()


def test_of_long_lines_no_more_is_held_than_is_asked_for() -> None:
    stream = io.BytesIO(b"x" * (1 << 22) + b"\n")
    ahead = Ahead(stream, 1 << 19)
    assert ahead.lines(1) is None
    assert stream.tell() < 1 << 20
    assert len(ahead.readline(1 << 23)) == (1 << 22) + 1
