"""A plan names what of the files outside is another, and a run's folder keeps no name for it."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

import tilth
from tests.engine.inline import use_inline
from tilth.engine.outside import is_sound, keep_outside, what_changed
from tilth.recipe.identity import digest_of_outside

_A, _B = (sha256(text).hexdigest() for text in (b"a", b"b"))


def _changed(folder: Path, before: str, now: str) -> str:
    keep_outside(folder, before)
    return what_changed(folder, digest_of_outside(before), now)


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (f"'a.txt' 'in/a.txt' {_A}", f"'a.txt' 'in/a.txt' {_B}", "`a.txt` changed"),
        (f"'a.txt' 'a.txt' {_A}", f"'a.txt' 'a.txt' {_A}\n'b c' 'b c' {_B}", "`b c` new"),
        (f"'a' 'a' {_A}\n'b' 'b' {_A}", f"'a' 'a' {_A}", "1 gone"),
        (f"'a' 'a' {_A}\n'b' 'b' {_A}", f"'b' 'b' {_A}\n'a' 'a' {_A}", "in another order"),
        (f"'a' 'x/a' {_A}", f"'a' 'y/a' {_A}", "`a` new, 1 gone"),
        (f"'it\\'s' 'a' {_A}", f"'it\\'s' 'a' {_B}", "`it's` changed"),
        (f"""\"it's\" 'a' {_A}""", f"""\"it's\" 'a' {_B}""", "`it's` changed"),
        (f"w.bin {_A}\nc.json {_A}", f"w.bin {_B}\nc.json {_A}", "`w.bin` changed"),
        ("x >= 1\0y >= 2", "x >= 1\0y >= 3\0z", "`y >= 3`, `z` new, 1 gone"),
        ("name (on the hub)", f"w.bin {_A}", "`w.bin` new, 1 gone"),
        (
            "\n".join(f"'{number}' '' {_A}" for number in range(9)),
            "\n".join(f"'{number}' '' {_B}" for number in range(5)),
            "`0`, `1` and 3 more changed, 4 gone",
        ),
        (f"'a' 'a' {_A}", f"'{'x' * 90}.txt' 'a' {_A}", f"`...{'x' * 53}.txt` new, 1 gone"),
        # The like of a person's name is not printed into a record.
        ("'b' 'b' .", f"'greta.holm@mailbox.se/1.txt' 'x' {_A}", "`[EMAIL]/1.txt` new, 1 gone"),
        # A line that no digest ends.
        ("'a' 'a' Permission denied", f"'a' 'a' {_A}", "`a` new, 1 gone"),
    ],
)
def test_what_is_another_is_named(before: str, now: str, told: str, tmp_path: Path) -> None:
    assert _changed(tmp_path, before, now) == told


def test_nothing_is_said_of_what_was_not_kept(tmp_path: Path) -> None:
    line = f"'a' 'a' {_A}"
    digest = digest_of_outside(line)
    assert what_changed(tmp_path, digest, "x") == ""
    keep_outside(tmp_path, "")
    keep_outside(tmp_path, None)
    assert not list(tmp_path.iterdir())
    keep_outside(tmp_path, line)
    (kept,) = tmp_path.iterdir()
    assert what_changed(tmp_path, digest, "x") == "`x` new, 1 gone"
    assert what_changed(tmp_path, digest_of_outside("another"), "x") == ""
    kept.write_bytes(kept.read_bytes()[:-3])
    assert what_changed(tmp_path, digest, "x") == ""


def test_no_name_is_kept(tmp_path: Path) -> None:
    keep_outside(tmp_path, f"'greta.txt' 'in/greta.txt' {_A}")
    (kept,) = tmp_path.iterdir()
    assert b"greta" not in kept.read_bytes()
    assert kept.stat().st_size == 32 + 16 + 8


_RECIPE = """tilth: 1
name: told
collect: {a: {text_file: {path: in}}}
clean:
- signals: {names: [word_count], functions: ["sig.py:loud", "sig.py:calm"], reads: [words.txt]}
- rules: {files: [rules.yaml]}
"""


@pytest.fixture
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_inline(monkeypatch)
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    Path("in/a.txt").write_text("A heron by the river.")
    Path("in/b.txt").write_text("A stone in the meadow.")
    Path("sig.py").write_text(
        "def loud(text: str) -> float:\n    return 1.0\n\n\ndef calm(text: str) -> float:\n"
        "    return 2.0\n"
    )
    Path("words.txt").write_text("drat")
    Path("rules.yaml").write_text("about: mine\nrules:\n- keep: word_count >= 2\n")
    Path("r.yaml").write_text(_RECIPE)
    tilth.run("r.yaml", progress=False)


@pytest.mark.usefixtures("_place")
def test_a_plan_says_which_file_is_another() -> None:
    def why(name: str) -> str:
        (step,) = (one for one in tilth.plan("r.yaml").steps if one.name == name)
        return step.why

    Path("in/b.txt").write_text("A stone in the barn, and more.")
    Path("in/c.txt").write_text("Copper.")
    assert why("collect.a") == (
        "what it reads: `b.txt` changed, `c.txt` new; "
        "reads 2 of 3 files, the others are as they were"
    )
    Path("in/b.txt").unlink()
    Path("in/c.txt").unlink()
    assert why("collect.a") == "what it reads: 1 gone; what is there was read before"
    Path("in/b.txt").write_text("A stone in the meadow.")
    assert why("collect.a").startswith("as before: ")
    Path("words.txt").write_text("oh")
    assert why("clean.signals") == "what it reads: `file 1 of reads` changed"
    Path("words.txt").write_text("drat")
    Path("rules.yaml").write_text("about: mine\nrules:\n- keep: word_count >= 3\n")
    assert why("clean.rules") == "what it reads: `word_count >= 3` new, 1 gone"


def test_a_flipped_bit_is_seen_and_says_nothing(tmp_path: Path) -> None:
    line = f"'a' 'a' {_A}"
    digest = digest_of_outside(line)
    assert is_sound(tmp_path)
    keep_outside(tmp_path, line)
    assert is_sound(tmp_path)
    (kept,) = tmp_path.iterdir()
    whole = kept.read_bytes()
    for at in range(len(whole)):
        kept.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        assert not is_sound(tmp_path)
        assert what_changed(tmp_path, digest, "x") == ""
    # As an earlier version wrote it.
    kept.write_bytes(whole[:-8])
    assert is_sound(tmp_path)
    assert what_changed(tmp_path, digest, f"'a' 'a' {_B}") == "`a` changed"
