"""`make mutate` changes what it says it changes, and its promises name places that are there."""

from __future__ import annotations

import ast
import itertools
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks import mutate
from benchmarks.mutations import Mutation, is_another_program, mutations

_SOUND = b'''"""What a module is for: a < b."""

from __future__ import annotations

LIMIT: Literal[3] = 3


@cache(maxsize=4)
def among(x: int | None, n: int = 2, *, strict: bool = True) -> bool:
    """Whether x < n."""
    assert n != 1
    if x is None or x not in (1, n):
        raise ValueError(f"{x + 1} is not there, {n - 1} is", 5)
    y = x + n  # a < b
    y -= 1
    note(y, hint=6, sort=True)
    for one in range(7):
        if not one:
            continue
        break
    return max(x, y) >= -n
'''


def _found(source: bytes = _SOUND) -> list[str]:
    return [f"{one.line} {one}" for one in mutations(source) if is_another_program(one, source)]


def test_all_that_can_be_wrong_is_done_and_no_word_is_touched() -> None:
    assert _found() == [
        "5 constant: `3` -> `2`",
        "5 constant: `3` -> `4`",
        "9 constant: `2` -> `1`",
        "9 constant: `2` -> `3`",
        "9 constant: `True` -> `False`",
        "12 condition: `x is None or x not in (1, n)` -> `not (x is None or x not in (1, n))`",
        "12 comparison: `is` -> `is not`",
        "12 and/or: `or` -> `and`",
        "12 comparison: `not in` -> `in`",
        "12 constant: `1` -> `0`",
        "12 constant: `1` -> `2`",
        "14 arithmetic: `+` -> `-`",
        "15 arithmetic: `-=` -> `+=`",
        "15 arithmetic: `-=` -> `=`",
        "15 constant: `1` -> `0`",
        "15 constant: `1` -> `2`",
        "16 left out: `note(y, hint=6, sort=True)` -> `pass`",
        "16 argument left out: `, sort=True` -> `nothing`",
        "16 constant: `True` -> `False`",
        "17 constant: `7` -> `6`",
        "17 constant: `7` -> `8`",
        "18 sign: `not one` -> `one`",
        "19 left out: `continue` -> `pass`",
        "20 break: `break` -> `continue`",
        "21 name: `max` -> `min`",
        "21 return: `max(x, y) >= -n` -> `None`",
        "21 comparison: `>=` -> `>`",
        "21 sign: `-n` -> `n`",
    ]


def test_each_is_another_program_and_one_place_of_it() -> None:
    for one in mutations(_SOUND):
        changed = one.applied(_SOUND)
        assert changed[: one.start] == _SOUND[: one.start]
        assert changed[len(changed) - len(_SOUND) + one.end :] == _SOUND[one.end :]
        assert _SOUND.splitlines()[one.line - 1].find(one.before.splitlines()[0].encode()) >= 0
        if is_another_program(one, _SOUND):
            assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(_SOUND))


def test_what_is_written_in_other_alphabets_moves_no_place() -> None:
    source = 'x = "日本", 1 < 2\n'.encode()
    assert "comparison: `<` -> `<=`" in {str(one) for one in mutations(source)}
    (one,) = (one for one in mutations(source) if one.kind == "comparison")
    assert one.applied(source).decode() == 'x = "日本", 1 <= 2\n'


def test_a_sample_is_that_of_its_seed() -> None:
    first, again, other = (mutate.sampled("schema", 6, seed) for seed in (0, 0, 1))
    assert first == again != other
    assert len(first) == 6
    assert {one.file for one in first} == {"schema.py"}
    assert mutate.files_of("training/order") == ["training/order.py"]
    assert "store/shard.py" in mutate.files_of("store")


def test_one_line_is_tried_by_its_place() -> None:
    source = (mutate.ROOT / mutate.SOURCE / "schema.py").read_bytes()
    line = next(one.line for one in mutations(source) if one.kind == "comparison")
    found = mutate.at(f"schema.py:{line}")
    assert {one.mutation.line for one in found} == {line}
    with pytest.raises(SystemExit, match="nothing to change"):
        mutate.at("schema.py:1")


def test_every_promise_names_a_place_that_is_there() -> None:
    found = mutate.promised()
    for one in found:
        source = (mutate.ROOT / mutate.SOURCE / one.file).read_bytes()
        assert is_another_program(one.mutation, source), one
        for test in one.tests:
            assert (mutate.ROOT / test.partition("::")[0]).is_file(), test
    names = [one.promise for one in found]
    assert sorted(set(names)) == sorted(names)


def test_a_promise_whose_place_has_moved_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "promises.yaml"
    path.write_text('- {promise: p, file: schema.py, from: "not there", to: ""}\n')
    with pytest.raises(SystemExit, match=r"schema\.py: 0 times `not there`"):
        mutate.promised(path)


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[mutate.Checkout]:
    """A tree of one module and its tests."""
    half = "from tilth.room.half import half\n\n"
    files = {
        "pyproject.toml": "[tool.pytest.ini_options]\nfilterwarnings = ['error']\n",
        "src/tilth/__init__.py": "",
        "src/tilth/room/half.py": "def half(n: int) -> int:\n    return n // 2 if n > 0 else 0\n",
        "tests/conftest.py": "import hypothesis as h\nh.settings.register_profile('mutate')\n",
        "tests/room/test_half.py": f"{half}def test_half() -> None:\n    assert half(4) == 2\n",
        "tests/room/test_other.py": f"{half}def test_odd() -> None:\n    assert half(3) == 1\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    made = mutate.Checkout(tmp_path)
    yield made
    made.close()


def _try(checkout: mutate.Checkout, before: str, after: str) -> mutate.Outcome:
    source = (checkout.folder / "src/tilth/room/half.py").read_bytes()
    start = source.index(before.encode())
    mutation = Mutation(start, start + len(before), 2, "test", before, after)
    outcome = checkout.tried(mutate.Try("room", "room/half.py", mutation))
    assert (checkout.folder / "src/tilth/room/half.py").read_bytes() == source
    return outcome


def test_the_nearest_test_that_notices_is_named_and_the_file_restored(
    checkout: mutate.Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"// 2": "// 2 + n % 2", "n > 0": "n >= 0"}
    found = [_try(checkout, before, after) for before, after in told.items()]
    assert [(one.verdict, one.by) for one in found] == [
        ("killed", "tests/room/test_other.py::test_odd"),
        ("survived", ""),
    ]
    monkeypatch.setattr(mutate, "_AT_LEAST_S", 0.0)
    monkeypatch.setattr(mutate, "_SLOWER", 1.0)
    hangs = _try(checkout, "return", "import time; time.sleep(60); return")
    assert hangs.verdict == "timeout"


def test_tests_that_fail_by_themselves_kill_nothing(checkout: mutate.Checkout) -> None:
    failing = "def test() -> None:\n    assert 0\n"
    (checkout.folder / "tests/room/test_half.py").write_text(failing)
    with pytest.raises(SystemExit, match=r"fails on sound code: tests/room/test_half\.py::test"):
        _try(checkout, "//", "*")


def test_the_copy_is_what_git_has(tmp_path: Path) -> None:
    mutate.Checkout.copied(tmp_path)
    listed = subprocess.run(
        ["git", "ls-files"], cwd=mutate.ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    python = [name for name in listed if name.endswith(".py") and (mutate.ROOT / name).is_file()]
    assert all((tmp_path / name).is_file() for name in python)
    assert not (tmp_path / ".git").exists()


def test_the_table_counts_by_room() -> None:
    one = mutate.Try("store", "store/files.py", Mutation(0, 1, 1, "constant", "1", "2"))
    verdicts: tuple[mutate.Verdict, ...] = ("killed", "killed", "timeout", "survived")
    done = list(zip(itertools.repeat(one), (mutate.Outcome(v, "", 1.0) for v in verdicts)))
    assert mutate.table(done).splitlines()[-1] == "| store | 4 | 2 (75% with timeouts) | 1 | 1 |"
