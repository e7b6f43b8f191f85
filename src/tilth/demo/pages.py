"""The documentation on the demo site: the standard library's and numpy's, by way of `pydoc`.

`pydoc` says what is public, what its docstring is and what belongs to a module or a class; the HTML
is written here. Its own HTML prints values and file paths, which belong to the machine it runs on
(here a datum is shown by its type), repeats every inherited method, and writes spaces as ``&nbsp;``
in nested tables, which text extractors return out of order. Here a docstring's paragraphs, headings
and examples are ``<p>``, ``<h4>`` and ``<pre>``.

Rendering imports what it documents, so it belongs in a process of its own (`demo_site`), started
with ``PYTHONHASHSEED=0``: the same Python and numpy then give the same bytes.
"""

from __future__ import annotations

import contextlib
import functools
import html
import importlib
import inspect
import io
import os
import pkgutil
import pydoc
import re
import sys
import types
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

# What importing would open, print or start, and what is not there to be read about.
_SKIPPED = frozenset(
    (
        *("antigravity", "distutils", "ensurepip", "idlelib", "lib2to3", "msilib", "nt", "test"),
        *("this", "tkinter", "turtle", "turtledemo", "sitecustomize", "usercustomize"),
    )
)
# The codecs under `encodings` are generated tables, 120 pages alike but for a name.
_SKIPPED_PARTS = frozenset({"test", "tests", "__main__", "encodings"})
_NUMPY_SPACES = (
    "numpy",
    "numpy.char",
    "numpy.fft",
    "numpy.lib.format",
    "numpy.lib.scimath",
    "numpy.lib.stride_tricks",
    "numpy.linalg",
    "numpy.ma",
    "numpy.polynomial.chebyshev",
    "numpy.polynomial.hermite",
    "numpy.polynomial.laguerre",
    "numpy.polynomial.legendre",
    "numpy.polynomial.polynomial",
    "numpy.random",
    "numpy.rec",
    "numpy.strings",
    "numpy.testing",
)
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_UNDERLINE = re.compile(r"^[-=~^]{3,}$")
# Lines that lose their meaning when they are joined: examples, indented, tables, lists.
_LAID_OUT = re.compile(r"^(\s|>>>|[-+*|=#] ?|\d+[.)])|[^.!?:]  +\S")

Pages = Mapping[str, str]


def stdlib_modules() -> list[str]:
    """Names of the standard library's public modules that import here, packages' parts included."""
    names = []
    for name in sorted(sys.stdlib_module_names):
        if name.startswith("_") or name in _SKIPPED:
            continue
        names.append(name)
        path = getattr(load(name), "__path__", [])
        for found in pkgutil.walk_packages(path, f"{name}.", onerror=lambda _: None):
            parts = found.name.split(".")
            if not any(part in _SKIPPED_PARTS or part.startswith("_") for part in parts):
                names.append(found.name)
    return [name for name in sorted(names) if load(name) is not None]


def numpy_objects() -> dict[str, object]:
    """Public functions, classes and submodules of numpy: dotted name -> object, sorted.

    An object is listed once, under the first of its names.
    """
    found: dict[str, object] = {}
    seen: set[int] = set()
    for space in _NUMPY_SPACES:
        module = load(space)
        if module is None:
            continue
        found[space] = module
        for name in sorted(getattr(module, "__all__", ())):
            value = getattr(module, name, None)
            if _is_documented(value) and id(value) not in seen and not name.startswith("_"):
                seen.add(id(value))
                found[f"{space}.{name}"] = value
    return dict(sorted(found.items()))


def load(name: str) -> types.ModuleType | None:
    """The module, imported in silence; None where it cannot be (other system, missing library)."""
    with _silence():
        try:
            return importlib.import_module(name)
        except (Exception, SystemExit):
            # A module of the standard library may fail to import for any reason of the system's.
            return None


def render(name: str, value: Any, pages: Pages) -> bytes:
    """The page of a module, class or function.

    Args:
        name: Dotted name, the title.
        value: What it names.
        pages: Dotted name -> path of its page; what has none is not linked.
    """
    with _silence():
        if inspect.ismodule(value):
            body = _module(value, pages)
        elif inspect.isclass(value):
            body = _class(value, name.rpartition(".")[2], pages)
        else:
            body = _routine(value, name.rpartition(".")[2])
    return page(name, f"<h1>{html.escape(name)}</h1>\n{body}")


def page(title: str, body: str, language: str = "en", head: str = "") -> bytes:
    """A complete HTML document, with nothing in it that belongs to this machine."""
    document = (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{html.escape(title)}</title>\n{head}</head>\n<body>\n"
        '<nav><a href="/stdlib/">Standard library</a> <a href="/numpy/">numpy</a></nav>\n'
        f"<main>\n{body}</main>\n</body>\n</html>\n"
    )
    return scrub(document).encode("utf-8", "replace")


def paragraphs(text: str) -> str:
    """A docstring as HTML: paragraphs, underlined headings, and the rest kept line for line."""
    blocks = []
    for block in re.split(r"\n\s*\n", text.expandtabs().strip("\n")):
        lines = block.splitlines()
        if len(lines) >= 2 and _UNDERLINE.match(lines[1].strip()):
            blocks.append(f"<h4>{html.escape(lines[0].strip())}</h4>\n")
            lines = lines[2:]
        if any(line.strip() for line in lines):
            tag = "pre" if any(_LAID_OUT.search(line) for line in lines) else "p"
            blocks.append(f"<{tag}>{html.escape(chr(10).join(lines))}</{tag}>\n")
    return "".join(blocks)


def listing(names: Iterable[str], pages: Pages) -> str:
    """A list of links."""
    return (
        "<ul>\n" + "".join(f"<li>{_link(name, name, pages)}</li>\n" for name in names) + "</ul>\n"
    )


@functools.cache
def private_strings() -> tuple[str, ...]:
    """Folders of this machine and account, longest first; none may stand in a page."""
    folders = {str(Path.home()), os.getcwd(), *sys.path}
    folders.update((sys.prefix, sys.base_prefix, sys.exec_prefix, sys.executable))
    folders.update(str(Path(folder).resolve()) for folder in list(folders) if folder)
    return tuple(sorted((f for f in folders if len(f) > 4), key=lambda f: (-len(f), f)))


def scrub(text: str) -> str:
    """The text without object addresses and without this machine's folders."""
    text = _ADDRESS.sub("", text)
    for private in private_strings():
        text = text.replace(private, "...")
    return text


def _module(module: types.ModuleType, pages: Pages) -> str:
    name = module.__name__
    parts = [paragraphs(pydoc.getdoc(module))]
    inside = [page for page in pages if page.rpartition(".")[0] == name]
    if inside:
        parts.append(f"<h2>Contents</h2>\n{listing(inside, pages)}")
    listed = getattr(module, "__all__", None)
    members = [
        (key, value)
        for key, value in inspect.getmembers(module)
        # What has a page of its own stands there.
        if not key.startswith("__")
        and pydoc.visiblename(key, listed, module)
        and f"{name}.{key}" not in pages
    ]
    sections: tuple[tuple[str, Callable[[Any], bool], Callable[[str, Any], str]], ...] = (
        ("Classes", inspect.isclass, lambda key, value: _class(value, key, pages)),
        ("Functions", inspect.isroutine, lambda key, value: _routine(value, key)),
        ("Data", pydoc.isdata, lambda key, value: _datum(key, value)),
    )
    for title, is_kind, shown in sections:
        found = [
            shown(key, value)
            for key, value in members
            if is_kind(value)
            and (listed is not None or is_kind is pydoc.isdata or _is_own(module, value))
        ]
        if found:
            parts.append(f"<h2>{title}</h2>\n{''.join(found)}")
    for title in ("__author__", "__credits__"):
        if isinstance(text := getattr(module, title, None), str):
            parts.append(f"<h2>{title.strip('_').title()}</h2>\n{paragraphs(text)}")
    return "".join(parts)


def _class(value: Any, name: str, pages: Pages) -> str:
    """A class with the members that it defines; inherited ones stand with their class."""
    bases = ", ".join(
        _link(base.__module__, pydoc.classname(base, value.__module__), pages)
        for base in value.__bases__
        if base is not object
    )
    signature = _signature(value)
    parts = [f"<h3>class {html.escape(name)}{f'({bases})' if bases else ''}</h3>\n"]
    if signature not in ("", "()"):
        parts.append(f"<p><code>{html.escape(name + signature)}</code></p>\n")
    parts.append(paragraphs(pydoc.getdoc(value)))
    for key, kind, owner, member in inspect.classify_class_attrs(value):
        if owner is not value or key.startswith("_"):
            continue
        if kind == "data" and not inspect.isdatadescriptor(member):
            parts.append(_datum(key, member))
        elif inspect.isroutine(reached := getattr(value, key, member)):
            parts.append(_routine(reached, key))
        else:
            parts.append(f"<h4><code>{html.escape(key)}</code></h4>\n")
            parts.append(paragraphs(pydoc.getdoc(member)))
    return "".join(parts)


def _routine(value: Any, name: str) -> str:
    prefix = "async " if inspect.iscoroutinefunction(value) else ""
    title = html.escape(prefix + name + (_signature(value) or "(...)"))
    return f"<h4><code>{title}</code></h4>\n{paragraphs(pydoc.getdoc(value))}"


def _datum(name: str, value: Any) -> str:
    return f"<p><code>{html.escape(name)}: {html.escape(type(value).__name__)}</code></p>\n"


def _link(name: str, text: str, pages: Pages) -> str:
    path = pages.get(name)
    return f'<a href="{path}">{html.escape(text)}</a>' if path else html.escape(text)


def _signature(value: Any) -> str:
    try:
        signature = inspect.signature(value)
    except (ValueError, TypeError):
        return ""
    parameters = [
        parameter
        if parameter.default is parameter.empty
        else parameter.replace(default=_Default(parameter.default))
        for parameter in signature.parameters.values()
    ]
    return str(signature.replace(parameters=parameters))


class _Default:
    """A default value as it is shown: plain constants and names; of all else, that there is one.

    The module `cgi` has the process environment for a default, secrets and all.
    """

    def __init__(self, value: Any) -> None:
        if _is_constant(value):
            self.shown = repr(value)
        else:
            self.shown = getattr(value, "__qualname__", "...")

    def __repr__(self) -> str:
        return self.shown


def _is_constant(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return len(value) <= 4 and all(map(_is_constant, value))
    if isinstance(value, str | bytes):
        # A longer one, or one with a slash, may be a path or come from the environment.
        return len(value) <= 24 and not set(repr(value)) & {"/", "@"}
    return type(value) in (int, float, bool, type(None))


def _is_documented(value: Any) -> bool:
    # A ufunc is callable but no routine to `inspect`.
    return inspect.isroutine(value) or inspect.isclass(value) or type(value).__name__ == "ufunc"


def _is_own(module: types.ModuleType, value: Any) -> bool:
    return inspect.isbuiltin(value) or (inspect.getmodule(value) or module) is module


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Discard what imported code prints and warns of."""
    out = io.StringIO()
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(out),
    ):
        warnings.simplefilter("ignore")
        yield
