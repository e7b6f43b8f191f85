"""A user's function is its code and all of theirs that it imports: digested and executed as one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from tilth import own
from tilth.own import held, read_code
from tilth.reads import watching


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Modules are looked for in the working directory, as with PYTHONPATH."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def _write(**files: str) -> None:
    for name, text in files.items():
        path = Path(*name.split("__")).with_suffix(".py")
        path = path.with_name("__init__.py") if path.name == "init.py" else path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def _call(place: str, name: str = "f") -> object:
    return getattr(read_code(place).load(), name)("eggs")


# What is named, what it stands on, and what is edited: every way of reaching it.
_WAYS: dict[str, tuple[str, dict[str, str], str]] = {
    "itself": ("sig.py", {"sig": "def f(t): return ONE"}, "sig"),
    "beside": (
        "sig.py",
        {"sig": "from helper import f", "helper": "def f(t): return ONE"},
        "helper",
    ),
    "inside a function": (
        "sig.py",
        {
            "sig": "def f(t):\n    import helper\n    return helper.g()",
            "helper": "def g(): return ONE",
        },
        "helper",
    ),
    "all of a package": (
        "sig.py",
        {
            "sig": "from a import *\ndef f(t): return b.g()",
            "a__init": "__all__ = ['b']",
            "a__b": "def g(): return ONE",
        },
        "a__b",
    ),
    "as another name": (
        "sig.py",
        {"sig": "import a.b as c\ndef f(t): return c.g()", "a__b": "def g(): return ONE"},
        "a__b",
    ),
    "by its whole name": (
        "sig.py",
        {
            "sig": "import a.b\ndef f(t): return a.b.g()",
            "a__init": "",
            "a__b": "def g(): return ONE",
        },
        "a__b",
    ),
    "through the package": (
        "mine",
        {"mine__init": "from mine.words import f", "mine__words": "def f(t): return ONE"},
        "mine__words",
    ),
    "relatively": (
        "mine.sig",
        {"mine__init": "", "mine__sig": "from ._h import f", "mine___h": "def f(t): return ONE"},
        "mine___h",
    ),
    "a module from a package": (
        "mine.sig",
        {
            "mine__sig": "from mine import h\ndef f(t): return h.g()",
            "mine__h": "def g(): return ONE",
        },
        "mine__h",
    ),
    "the package around": (
        "mine.sig",
        {
            "mine__init": "X = ONE",
            "mine__sig": "from . import X\ndef f(t): return X",
        },
        "mine__init",
    ),
    "two steps away": (
        "sig.py",
        {"sig": "from a import f", "a": "from b import g as f", "b": "def g(t): return ONE"},
        "b",
    ),
    "in a circle": (
        "sig.py",
        {
            "sig": "from a import f",
            "a": "import b\nX = ONE\ndef f(t): return b.g()",
            "b": "import a\ndef g(): return a.X",
        },
        "a",
    ),
}


@pytest.mark.parametrize("way", _WAYS)
def test_what_a_function_stands_on_counts_and_is_executed(way: str) -> None:
    place, files, edited = _WAYS[way]
    _write(**{name: text.replace("ONE", "1") for name, text in files.items()})
    first = read_code(place)
    assert _call(place) == 1
    _write(**{edited: "# a word\n" + files[edited].replace("ONE", "1") + "\n"})
    assert read_code(place).digest == first.digest
    assert _call(place) == 1
    _write(**{edited: files[edited].replace("ONE", "2")})
    assert read_code(place).digest != first.digest
    assert _call(place) == 2
    _write(**{edited: files[edited].replace("ONE", "1")})
    assert read_code(place).digest == first.digest
    assert _call(place) == 1


def test_where_it_lies_and_how_it_is_named_do_not_count(tmp_path: Path) -> None:
    _write(sig="from helper import f", helper="def f(t): return 1", elsewhere__other="")
    _write(elsewhere__other="from helper import f", elsewhere__helper="def f(t): return 1")
    found = {
        read_code(place).digest
        for place in ("sig.py", "./sig.py", str(tmp_path / "sig.py"), "elsewhere/other.py", "sig")
    }
    assert len(found) == 1


def test_what_is_not_imported_does_not_count() -> None:
    _write(sig="import json\nfrom typing import TYPE_CHECKING\ndef f(t): return 1", other="x = 1")
    before = read_code("sig.py").digest
    _write(other="x = 2")
    assert read_code("sig.py").digest == before


def test_two_functions_have_each_its_own_helper() -> None:
    for name, number in (("a", 1), ("b", 2)):
        _write(**{f"{name}__sig": "def f(t):\n    import helper\n    return helper.X"})
        _write(**{f"{name}__helper": f"X = {number}"})
    one, two = (read_code(f"{name}/sig.py").load() for name in ("a", "b"))
    assert [one.f(""), two.f(""), one.f("")] == [1, 2, 1]


def test_a_users_file_does_not_stand_in_for_pythons() -> None:
    _write(sig="import json\ndef f(t): return json.dumps([1])", json="dumps = None")
    assert _call("sig.py") == "[1]"
    assert set(read_code("sig.py").sources) == {"sig"}


@pytest.mark.parametrize(
    "source",
    [
        '"""eggs"""\ndef f(t): return __doc__',
        "import importlib\ndef f(t): return 1",
        "eval('1')\nf = len",
    ],
)
def test_of_what_finds_otherwise_all_beside_it_counts(source: str) -> None:
    _write(sig=source, other="x = 1")
    found = {read_code("sig.py").digest}
    _write(sig=source + "# a word\n")
    found.add(read_code("sig.py").digest)
    _write(other="x = 1  # a word\n")
    found.add(read_code("sig.py").digest)
    assert len(found) == 3


def test_the_libraries_that_are_imported_count(monkeypatch: pytest.MonkeyPatch) -> None:
    _write(sig="from helper import f", helper="def f(t):\n    import hypothesis\n    return 1")
    _write(plain="def f(t): return 1")
    installed = {"hypothesis": "1.0"}
    monkeypatch.setattr("tilth.versions.version_of", lambda name: installed.get(name, "1"))

    def digests() -> list[str]:
        own._read.clear()
        return [read_code(place).digest for place in ("sig.py", "plain.py")]

    before = digests()
    installed["hypothesis"] = "2.0"
    after = digests()
    assert after[0] != before[0]
    assert after[1] == before[1]


def test_the_code_of_tilth_that_is_imported_counts() -> None:
    _write(sig="from tilth.kernels.plain import signals as f")
    reading = own._Reading("sig.py")
    reading.code()
    assert "tilth.kernels.plain" in reading._tilth
    assert "tilth" not in reading._tilth
    assert reading._foreign == set()


def test_what_is_installed_is_imported_as_ever() -> None:
    assert read_code("textwrap").load() is sys.modules["textwrap"]
    assert read_code("pytest").sources == {}
    with pytest.raises(ModuleNotFoundError):
        read_code("no_such_module").load()


def test_a_module_says_where_it_lies_and_its_lines_are_in_tracebacks() -> None:
    _write(sig="def f(t):\n    raise ValueError(__file__)\n")
    with pytest.raises(ValueError, match=r"sig\.py") as caught:
        _call("sig.py")
    assert caught.traceback[-1].path == Path("sig.py").absolute()
    assert str(caught.traceback[-1].statement).strip() == "raise ValueError(__file__)"


def test_what_was_first_read_in_a_block_is_what_is_executed_in_it() -> None:
    _write(sig="def f(t): return 1")
    with held():
        before = read_code("sig.py").digest
        _write(sig="def f(t): return 2")
        assert read_code("sig.py").digest == before
        assert _call("sig.py") == 1
    assert _call("sig.py") == 2


def test_a_folder_that_a_call_puts_where_modules_lie_is_gone_after_the_block() -> None:
    """The next task finds what the plan found; a folder that a module puts there stays."""
    add = "import os, sys\n{}sys.path.insert(0, os.path.abspath({!r}))\n"
    _write(sig=add.format("def f(t):\n    ", "lib") + "    import deep\n    return deep.N")
    _write(top=add.format("", "other") + "def f(t):\n    import wide\n    return wide.N")
    _write(lib__deep="N = 1", other__wide="N = 2")
    planned = read_code("sig.py").digest
    for _ in range(2):
        with held():
            assert read_code("sig.py").digest == planned
            assert _call("sig.py") == 1
            assert _call("top.py") == 2
        assert str(Path("lib").absolute()) not in sys.path
    assert str(Path("other").absolute()) in sys.path


_KEEPS = (
    "from pathlib import Path\nW = Path('words.txt').read_text()\ndef f(t): return W",
    "from pathlib import Path\nfrom functools import cache\n@cache\n"
    "def words(): return Path('words.txt').read_text()\ndef f(t): return words()",
)


@pytest.mark.parametrize("source", _KEEPS)
def test_what_a_function_read_and_keeps_is_read_anew_when_it_changes(source: str) -> None:
    _write(sig="from helper import f", helper=source)
    for text in ("spam", "spam", "eggs"):
        Path("words.txt").write_text(text)
        with watching() as reads:
            assert _call("sig.py") == text
        # The second time nothing was opened, and it counts all the same.
        assert reads.digests() == {"words.txt": sha256(text.encode()).hexdigest()}


def test_a_new_module_before_the_one_that_was_found_is_found(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    _write(first__sig="from helper import f", helper="def f(t): return 1")
    assert _call("first/sig.py") == 1
    _write(first__helper="def f(t): return 2")
    assert _call("first/sig.py") == 2


def test_what_has_not_changed_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planning asks for every function, and a step for each batch."""
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    monkeypatch.setattr(own, "_SETTLED_NS", -(10**15))  # whenever it was written
    _write(sig="from helper import f", helper="def f(t): return 1")
    first = read_code("sig.py")
    assert read_code("sig.py") is first
    Path("helper.py").touch()
    assert read_code("sig.py") is not first


def test_a_package_of_ones_own_may_be_installed_as_others_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its version may stay as it is installed again with other code."""
    folder = tmp_path / "venv" / "site-packages"
    (folder / "mine").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(folder))
    module = folder / "mine" / "words.py"
    (folder / "mine" / "__init__.py").write_text("from mine.words import f\n")
    module.write_text("def f(t): return 1\n")
    before = read_code("mine")
    assert not before.sources
    assert read_code("mine").digest == before.digest
    module.write_text("def f(t): return 22\n")
    assert read_code("mine").digest != before.digest
    # What it imports is known by its version.
    (folder / "mine" / "__init__.py").write_text("import numpy\n")
    assert "numpy" not in str(read_code("mine").sources)
