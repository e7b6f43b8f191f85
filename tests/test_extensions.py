"""A folder of modules is read once; what was read is what is imported, under names of its own."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from tilth.errors import DataError, ExtensionError, MissingError
from tilth.extensions import (
    Extension,
    Reference,
    active,
    find,
    load_module,
    open_extension,
    open_reference,
    using,
)


def _written(folder: Path, **files: str) -> Path:
    """A folder with these modules, by dotted name with __ for the dot."""
    for name, text in files.items():
        path = folder.joinpath(*name.split("__")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def _value(extension: Extension, module: str = "clean.a") -> object:
    return load_module(extension.full_name(module)).VALUE


def test_modules_import_each_other_relatively(tmp_path: Path) -> None:
    folder = _written(
        tmp_path / "mine",
        clean__a="from ..words import two\nfrom . import _b\nVALUE = two() + _b.ONE\n",
        clean___b="ONE = 1\n",
        words="def two() -> int:\n    return 2\n",
    )
    (folder / "clean" / "notes.txt").write_text("no module")
    (folder / "clean" / "v2.1.py").write_text("no module either")
    found = open_extension(folder)
    assert _value(found) == 3
    assert found.modules("clean") == ("a",)
    assert found.name == "mine"
    assert not hasattr(load_module(found.full_name("clean.a")), "__file__")


def test_nothing_is_imported_before_it_is_asked_for(tmp_path: Path) -> None:
    found = open_extension(_written(tmp_path / "mine", clean__a="raise SystemExit\n"))
    assert found.has("clean.a")
    assert not found.unreadable()
    with pytest.raises(ExtensionError, match=r"mine/clean/a\.py:1` cannot be imported: SystemExit"):
        load_module(found.full_name("clean.a"))


def test_no_module_stands_in_for_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import json

    folder = _written(tmp_path / "json", json="", clean__a="import json\nVALUE = json.dumps(1)\n")
    monkeypatch.chdir(tmp_path)
    found = open_extension(Path("json"))
    assert _value(found) == "1"
    assert sys.modules["json"] is json
    with pytest.raises(ModuleNotFoundError):
        load_module(f"{folder.name}_of_nobody.clean.a")


def test_an_edit_makes_another_extension_and_the_first_stays(tmp_path: Path) -> None:
    folder = _written(tmp_path / "mine", clean__a="VALUE = 1\n", clean__b="from .a import VALUE\n")
    before = open_extension(folder)
    _written(folder, clean__a="VALUE = 2\n")
    after = open_extension(folder)
    # `b` was not imported before the edit, and still sees what was read with it.
    assert _value(before, "clean.b") == 1
    assert _value(after, "clean.b") == 2
    assert before.digest != after.digest
    _written(folder, clean__a="VALUE = 1\n")
    assert open_extension(folder) is before


def test_the_digest_is_of_what_is_in_it_and_not_of_where_it_is(tmp_path: Path) -> None:
    first = open_extension(_written(tmp_path / "a" / "mine", clean__a="VALUE = 1\n"))
    second = open_extension(_written(tmp_path / "b" / "mine", clean__a="VALUE = 1\n"))
    renamed = open_extension(_written(tmp_path / "c" / "mine", clean__b="VALUE = 1\n"))
    assert first.digest == second.digest != renamed.digest


def test_an_error_names_the_line_of_the_module_at_fault(tmp_path: Path) -> None:
    folder = _written(
        tmp_path / "mine", clean__a="from .b import x\n", clean__b="x = 1\n\n\ny = z\n"
    )
    with pytest.raises(ExtensionError, match=r"`some/mine/clean/b\.py:4` .*: NameError: .*'z'"):
        load_module(open_extension(folder, "some/mine").full_name("clean.a"))
    _written(folder, clean__b="x = (\n")
    (error,) = open_extension(folder).unreadable()
    assert "`mine/clean/b.py:1` cannot be imported: SyntaxError: '(' was never closed" in error.what
    _written(folder, clean__b="from mine.clean import c\n")
    with pytest.raises(ExtensionError) as raised:
        load_module(open_extension(folder).full_name("clean.b"))
    assert "relatively" in raised.value.hint
    _written(folder, clean__b="\nimport nothing_of_this_name\n")
    with pytest.raises(ExtensionError, match=r"b\.py:2") as raised:
        load_module(open_extension(folder).full_name("clean.b"))
    assert "install `nothing_of_this_name`" in raised.value.hint


def test_what_is_no_extension(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="there is no folder `lost`"):
        open_extension(tmp_path / "lost")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ExtensionError, match="`empty` has no module"):
        open_extension(tmp_path / "empty")
    _written(tmp_path / "huge", **{f"a{n}": "" for n in range(1001)})
    with pytest.raises(ExtensionError, match="too large"):
        open_extension(tmp_path / "huge")


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    folder = _written(tmp_path / "mine", clean__a="VALUE = 1\n")
    os.mkfifo(folder / "clean" / "b.py")
    with pytest.raises(ExtensionError, match=r"`mine/clean/b\.py` is no file"):
        open_extension(folder)


def test_a_link_to_a_folder_is_not_passed_over(tmp_path: Path) -> None:
    folder = _written(tmp_path / "mine", clean__a="VALUE = 1\n")
    elsewhere = _written(tmp_path / "elsewhere", b="VALUE = 1\n")
    (folder / "clean" / "more").symlink_to(elsewhere)
    with pytest.raises(ExtensionError, match="`mine/clean/more` is a link to a folder"):
        open_extension(folder)


@pytest.mark.parametrize("name", ["/", ""])
def test_an_extension_has_a_name(name: str) -> None:
    with pytest.raises(ExtensionError, match="a folder with a name"):
        open_extension(Path(name), shown=name.rstrip("/"))


def test_what_an_import_prints_is_no_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = _written(tmp_path / "mine", clean__a="print('hello')\nVALUE = 1\n")
    assert _value(open_extension(folder)) == 1
    assert capsys.readouterr() == ("", "hello\n")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("raise BaseException('no')", "BaseException: no"),
        ("import sys\nsys.exit(3)", "SystemExit: 3"),
        ("raise ValueError('\\ud800')", r"ValueError: \ud800"),
        (
            "class Odd(Exception):\n    def __str__(self):\n        raise KeyError\n\n\nraise Odd",
            "Odd: what it says cannot be told: KeyError",
        ),
    ],
)
def test_whatever_an_import_raises_is_said(source: str, told: str, tmp_path: Path) -> None:
    folder = _written(tmp_path / "mine", clean__a=source)
    with pytest.raises(ExtensionError) as caught:
        _value(open_extension(folder))
    assert told in caught.value.what
    assert caught.value.what.isprintable()


def test_another_process_opens_the_same_or_none(tmp_path: Path) -> None:
    folder = _written(tmp_path / "mine", clean__a="VALUE = 1\n")
    told = Reference.model_validate(open_extension(folder).reference().as_json())
    assert _value(open_reference(told)) == 1
    _written(folder, clean__a="VALUE = 2\n")
    with pytest.raises(DataError, match="was changed"):
        open_reference(told)
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(MissingError, match="not there any more"):
        open_reference(told)


def test_names_are_known_inside_the_block_and_in_no_other_thread(tmp_path: Path) -> None:
    found = open_extension(_written(tmp_path / "mine", clean__a=""))
    seen: list[tuple[Extension, ...]] = []
    with using([found]):
        assert active() == (found,)
        with using(()):
            assert active() == ()
        thread = threading.Thread(target=lambda: seen.append(active()))
        thread.start()
        thread.join()
    assert seen == [()]
    assert active() == ()
    assert find("tilth.errors") is None
