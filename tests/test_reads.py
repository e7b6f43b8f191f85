"""Files that code of a user's own opens are known as they were when opened, and no others are."""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from tilth import reads as reads_module
from tilth.errors import OWN_MODULES
from tilth.extensions import load_module, open_extension
from tilth.own import OwnCode, read_code
from tilth.reads import Reads, as_now, may_be_kept, watching
from tilth.store.digests import digests_of


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, nothing in (("_kept", {}), ("_sought", {}), ("_written", set()), ("_asked", set())):
        monkeypatch.setattr(reads_module, name, nothing)
    Path("words.txt").write_text("spam")
    Path("more").mkdir()
    Path("more/words.txt").write_text("eggs")


_SPAM, _EGGS = (sha256(text).hexdigest() for text in (b"spam", b"eggs"))


def _run(body: str, *, apart: tuple[Path, ...] = ()) -> Reads:
    """What a function of the user's own with this body opens."""
    function = _written(body)
    with watching(apart) as reads:
        function.load().f("")
    return reads


def _written(body: str) -> OwnCode:
    imports = "import os, sqlite3, tempfile, threading\nfrom pathlib import Path\n"
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    Path("sig.py").write_text(f"{imports}def f(text):\n{lines}\n")
    return read_code("sig.py")


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("open('words.txt').close()", {"words.txt": _SPAM}),
        ("Path('./more/words.txt').read_text()", {"more/words.txt": _EGGS}),
        ("os.close(os.open(b'words.txt', os.O_RDONLY))", {"words.txt": _SPAM}),
        ("with open('words.txt') as a, open('more/words.txt') as b: pass",
         {"words.txt": _SPAM, "more/words.txt": _EGGS}),
        ("os.chdir('more')\nopen('words.txt').close()\nos.chdir('..')", {"more/words.txt": _EGGS}),
        ("t = threading.Thread(target=Path('words.txt').read_text)\nt.start()\nt.join()",
         {"words.txt": _SPAM}),
        ("from concurrent.futures import ThreadPoolExecutor as Pool\n"
         "paths = [Path('words.txt'), Path('more/words.txt')]\n"
         "with Pool(2) as pool: list(pool.map(Path.read_text, paths))",
         {"words.txt": _SPAM, "more/words.txt": _EGGS}),
        ("try: open('nowhere.txt')\nexcept OSError: pass", {"nowhere.txt": ""}),
        # What the code writes itself, it may read again.
        ("Path('new.txt').write_text('x')\nPath('new.txt').read_text()", {}),
        ("Path('words.txt').read_text()\nPath('words.txt').write_text('x')", {}),
        ("with tempfile.TemporaryFile() as f: f.write(b'x'); f.seek(0); f.read()", {}),
        # Python's own, and what is no file.
        ("import wave, pydoc_data.topics\nopen(os.__file__).close()", {}),
        ("open('/proc/self/status').close()\nopen('/dev/null').close()", {}),
        ("sqlite3.connect(':memory:').close()", {}),
    ],
)  # fmt: skip
def test_what_is_opened_for_reading_is_noted(body: str, wanted: dict[str, str]) -> None:
    reads = _run(body)
    assert reads.digests() == wanted
    assert reads.changed() == ()


def test_a_data_base_is_noted() -> None:
    with sqlite3.connect("words.db") as base:
        base.execute("create table words (word text)")
    base.close()
    found = _run("sqlite3.connect('words.db').close()").digests()
    assert found == {"words.db": sha256(Path("words.db").read_bytes()).hexdigest()}


def test_a_file_outside_of_the_working_directory_has_its_whole_path(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = Path("words.txt").absolute()
    function = _function("def f(text): open(text).close()")
    monkeypatch.chdir("more")
    with watching() as reads:
        function(str(path))
    assert reads.digests() == {str(path): _SPAM}


def _function(source: str) -> Callable[[str], object]:
    Path("own.py").write_text(source + "\n")
    function: Callable[[str], object] = read_code("own.py").load().f
    return function


def test_the_names_in_a_folder_count_where_it_is_listed() -> None:
    found = [_run("os.listdir('more')").digests()]
    Path("more/words.txt").write_text("other")
    found.append(_run("list(Path('more').iterdir())").digests())
    Path("more/third.txt").write_text("")
    found.append(_run("list(os.scandir('more'))").digests())
    assert [list(one) for one in found] == [["more/"]] * 3
    assert found[0] == found[1] != found[2]


def test_what_the_run_puts_into_a_folder_does_not_count() -> None:
    apart = (Path("runs/mine"),)
    before = _run("os.listdir('.')", apart=apart).digests()
    Path("runs/mine").mkdir(parents=True)
    Path("runs/mine/shard").write_text("x")
    after = _run("os.listdir('.')\nopen('runs/mine/shard').close()", apart=apart).digests()
    assert before == after


def test_what_tilth_itself_opens_is_not_noted() -> None:
    with watching() as reads:
        Path("words.txt").read_text()
    assert reads.digests() == {}


def test_a_digest_is_that_of_the_moment_of_opening_and_a_change_is_told() -> None:
    function = _function("from pathlib import Path\ndef f(t): return Path('words.txt').read_text()")
    with watching() as reads:
        function("")
        Path("words.txt").write_text("other")
        function("")
        Path("words.txt").write_text("spam")
    # Put back as it was: one of the two saw something else.
    assert reads.digests() == {"words.txt": _SPAM}
    assert reads.changed() == ("words.txt",)


def test_a_change_after_it_was_read_is_told_at_the_end() -> None:
    reads = _run("open('words.txt').close()")
    assert reads.changed() == ()
    Path("words.txt").write_text("spin")
    assert reads.changed() == ("words.txt",)
    assert reads.digests() == {"words.txt": _SPAM}


def test_a_module_that_is_imported_by_its_name_counts_cached_or_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("by_name.py").write_text("x = 1\n")
    digest = sha256(b"x = 1\n").hexdigest()
    body = "import importlib, sys\nsys.modules.pop('by_name', None)\n"
    body += "importlib.import_module('by_name')"
    assert _run(body).digests().get("by_name.py") == digest
    assert _run(body).digests().get("by_name.py") == digest
    sys.modules.pop("by_name")


def test_what_an_extension_read_as_it_was_imported_counts_wherever_it_is_used() -> None:
    (Path("mine") / "clean").mkdir(parents=True)
    source = "W = open('words.txt')\nW.close()\ndef apply(batch, settings): return batch\n"
    Path("mine/clean/shout.py").write_text(source)
    first = open_extension(Path("mine"))
    name = first.full_name("clean.shout")
    load_module(name)
    with watching() as without:
        pass
    with watching(modules=[name]) as reads:
        pass
    assert without.digests() == {}
    assert reads.digests() == {"words.txt": _SPAM}
    assert open_extension(Path("mine")) is first
    Path("words.txt").write_text("other")
    # It may keep what it read: it is imported anew.
    again = open_extension(Path("mine"))
    assert again is not first
    assert again.digest == first.digest


def test_nothing_is_noted_once_a_block_has_ended() -> None:
    function = _function("def f(t): open('words.txt').close()")
    with watching() as reads:
        os.getcwd()
    function("")
    assert reads.digests() == {}


def _opened_in_a_thread_of(module: str) -> None:
    """A thread with no code of the user's or Tilth's on its stack, but that module's, opens."""
    space: dict[str, object] = {"__name__": module}
    exec("def read():\n    open('words.txt').close()", space)
    read = space["read"]
    assert callable(read)
    thread = threading.Thread(target=read)
    thread.start()
    thread.join()


@pytest.mark.parametrize(
    ("module", "counts"),
    [
        ("some_library", True),
        ("torch.utils.data", True),
        ("torch._inductor.runtime.triton_heuristics", False),
        ("triton", False),
        ("triton.runtime.cache", False),
        ("tritonic", True),
    ],
)
def test_what_a_compiler_keeps_for_itself_is_no_input(module: str, counts: bool) -> None:
    _written("pass").load()
    with watching() as reads:
        _opened_in_a_thread_of(module)
    assert bool(reads.digests()) == counts


def test_where_no_code_is_a_users_own_no_thread_is_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [one for one in sys.modules if one.startswith(OWN_MODULES)]:
        monkeypatch.delitem(sys.modules, name)
    with watching() as reads:
        _opened_in_a_thread_of("some_library")
    assert not reads.digests()


def test_what_tilths_own_threads_open_is_none_of_it() -> None:
    """They digest sources, beside a task and under it."""
    Path("sig.py").write_text("def f(text):\n    pass\n")
    function = read_code("sig.py").load().f
    with watching() as reads:
        function("")
        digests_of(["words.txt", "more/words.txt"])
    assert reads.digests() == {}


@pytest.mark.parametrize(
    "body",
    [
        # A program writes it, the code reads it, and both are gone.
        "import subprocess\n"
        "with tempfile.TemporaryDirectory() as d:\n"
        "    subprocess.run(['cp', 'words.txt', d], check=True)\n"
        "    Path(d, 'words.txt').read_text()\n    os.listdir(d)",
        # A memo, written as safely as one should.
        "if Path('memo').exists(): Path('memo').read_text()\n"
        "Path('memo.part').write_text('x')\nos.replace('memo.part', 'memo')\n"
        "Path('memo').read_text()",
        "d = sqlite3.connect('memo.db')\nd.execute('create table if not exists t (x)')\n"
        "d.execute('insert into t values (1)')\nd.commit()\nd.close()",
    ],
)
def test_what_the_code_makes_for_itself_is_no_input(body: str) -> None:
    for _ in range(2):
        reads = _run(f"{body}\nPath('more/words.txt').read_text()")
        assert reads.changed() == ()
        assert reads.digests() == {"more/words.txt": _EGGS}


def test_a_file_that_goes_or_changes_meanwhile_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    # Written long before: nobody takes it for a temporary file of the code's own.
    monkeypatch.setattr(reads_module, "_COARSE_NS", -3600 * 10**9)
    reads = _run("Path('words.txt').read_text()\nPath('more/words.txt').read_text()")
    Path("words.txt").unlink()
    Path("more/words.txt").write_text("other")
    assert reads.changed() == ("more/words.txt", "words.txt")


def test_a_module_that_is_looked_for_by_name_counts_though_it_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path), *[one for one in sys.path if "lib" in one]])
    body = (
        "import importlib\ntry: importlib.import_module('plug.deep.one')\nexcept ImportError: pass"
    )
    assert _run(body).digests() == {"plug.py": "", "plug/": ""}
    Path("plug").mkdir()
    assert _run(body).digests() == {"plug/deep.py": "", "plug/deep/": ""}
    Path("plug/deep").mkdir()
    Path("plug/deep/one.py").write_text("")
    assert _run(body).digests().keys() == {"plug/deep/one.py"}


def test_what_a_library_opened_counts_for_all_code_in_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have kept it: the next to ask is not heard to open anything."""
    lib = tmp_path / "site-packages"
    lib.mkdir()
    (lib / "corp.py").write_text("def words():\n    return open('words.txt').close()\n")
    monkeypatch.syspath_prepend(str(lib))
    assert not may_be_kept()
    _run("Path('new.txt').write_text('x')")
    assert may_be_kept()
    monkeypatch.setattr(reads_module, "_written", set())
    assert _run("import corp\ncorp.words()").digests() == {"words.txt": _SPAM}
    assert may_be_kept()
    Path("other.py").write_text("def g(text):\n    pass\n")
    with watching() as reads:
        read_code("other.py").load().g("")
    assert reads.digests() == {"words.txt": _SPAM}


def test_a_project_may_lie_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reads_module, "_MEMORY", "/proc/self/")
    assert [*_run("open('/proc/self/cmdline').close()").digests()] == ["/proc/self/cmdline"]
    assert _run("open('/proc/cpuinfo').close()").digests() == {}


@pytest.mark.parametrize(
    "ask",
    [
        "Path('more.txt').exists()",
        "Path('more.txt').is_file() and Path('more.txt').read_text()",
        "os.path.exists('more.txt')",
        "os.path.isfile('./more.txt')",
        "Path('more.txt').stat().st_size if os.access('more.txt', os.R_OK) else 0",
    ],
)
def test_a_file_that_is_asked_about_counts_though_it_is_not_there(ask: str) -> None:
    reads = _run(ask)
    assert reads.digests() == {"more.txt": ""}
    if "read_text" not in ask:
        # A survey has the function and does not call it.
        assert reads.digests(asked=False) == {}
    Path("more.txt").mkdir()
    assert as_now(["more.txt"]) == {"more.txt": "a folder"}
    Path("more.txt").rmdir()
    Path("more.txt").write_text("spam")
    assert _run(ask).digests() == {"more.txt": _SPAM}
    Path("more.txt").unlink()
    Path("more.txt").mkdir()
    assert _run("Path('more.txt').is_dir()").digests() == {"more.txt": "a folder"}


def test_only_paths_that_are_spelt_and_asked_about_count() -> None:
    assert _run("text.replace('a.b', '').split('x.txt')").digests() == {}
    assert _run("Path('nowhere')").digests() == {}
    assert _run("Path(text).exists() or Path('/proc/nowhere').exists()").digests() == {}


def test_what_the_code_makes_where_it_is_not_there_is_no_input() -> None:
    body = (
        "if not Path('made').exists(): Path('made').mkdir()\n"
        "if not Path('done').is_file(): os.system('echo x > done')"
    )
    reads = _run(body)
    assert reads.changed() == ()
    assert reads.digests() == {}
