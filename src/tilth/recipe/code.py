"""A digest of the code that a step stands on: its modules and all that they import.

Of Tilth and of extensions: what they import of other packages is in `tilth.recipe.libraries`.
Imports are read, not run; of an extension with a module that finds code in another way, all of it
counts.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from tilth.extensions import Extension, find
from tilth.own import is_loose, read_code
from tilth.recipe.parsed import parsed
from tilth.syntax import digest_of, finds_otherwise, imported

# What decides no output though what decides one imports it; what only it imports does not either.
ASIDE: Mapping[str, str] = {
    "tilth": "says where its names are found",
    "tilth.extensions": "finds a user's modules, whose sources count themselves",
    "tilth.figures": "says what a figure is, and makes none",
    "tilth.hints": "words of errors that end a step",
    "tilth.reads": "watches what a user's code opens",
    "tilth.engine.reads": "keeps what was opened, with its digests",
    "tilth.store.digests": "says what files hold, which counts itself",
    "tilth.syntax": "says what of a user's code counts",
    "tilth.versions": "says which libraries count",
    "tilth.machine": "how much memory there is: what has no room is refused",
    "tilth.web.contact": "what is warned of before a run",
    "tilth.web.fetch": "what it brings is a file, which counts by its content",
    "tilth.web.objects": "what it brings are files, which count by name and content",
    "tilth.web.preview": "looks at sites before a crawl goes, and keeps nothing",
    "tilth.web.previewed": "what it saw",
    "tilth.web.stores": "how they are had",
}
# What trainings on text alone use, and where all trainings go through. It counts where their tasks
# import it, so that those on images and sound are not made again for it.
_OF_TEXT = frozenset({"tilth.tasks.text.tokenize", "tokenizers"})
_OF_ALL_TASKS = frozenset(
    {
        *("tilth.tasks.base", "tilth.tasks.build", "tilth.tasks.prepare", "tilth.tasks.splits"),
        *("tilth.pretrain.weights", "tilth.pretrain.hub", "tilth.transfer.target"),
    }
)
# What is started by its name, as an import would.
_STARTED: Mapping[str, tuple[str, ...]] = {
    "tilth.formats.apart": tuple(
        f"tilth.formats.{one}" for one in ("pdf", "docx", "epub", "sheets")
    ),
    "tilth.pretrain.launch": ("tilth.pretrain.rank",),
}


@cache
def code_digest(modules: tuple[str, ...]) -> str:
    """SHA-256 over the modules and all that they import, comments and docstrings aside.

    Automatic, so that a change of code cannot be forgotten in a version number; blind to
    comments, so that prose re-runs nothing. A module of an extension counts by its place in the
    extension, so that a folder can be moved.
    """
    digest = hashlib.sha256()
    parts = []
    for name in reachable(modules):
        found = find(name)
        if found is None:
            path = _path(name)
            assert path is not None
            parts.append((name, _source_digest(path)))
        else:
            extension, inner = found
            parts.append((f"extension {inner}", digest_of(extension.sources[inner].data)))
            if _finds_otherwise(extension, inner):
                parts.append(("extension", bytes.fromhex(extension.digest)))
    for name, source in sorted(parts):
        digest.update(name.encode())
        digest.update(source)
    return digest.hexdigest()[:16]


def code_version(modules: tuple[str, ...]) -> str:
    """As `code_digest`, with what extensions import of the user's own modules outside of them.

    Raises:
        SyntaxError, ValueError, OSError: One of these is no Python, or cannot be read.
    """
    # An extension was read once; what lies outside of it may be another by now.
    loose = [f"{name} {read_code(name).digest}" for name in _loose(modules)]
    if not loose:
        return code_digest(modules)
    return hashlib.sha256("\n".join([code_digest(modules), *loose]).encode()).hexdigest()[:16]


@cache
def _loose(modules: tuple[str, ...]) -> tuple[str, ...]:
    extensions = [name for name in reachable(modules) if find(name) is not None]
    found = {one for name in extensions for one in imports_of(name)}
    return tuple(sorted(name for name in found if is_loose(name)))


def reachable(modules: Iterable[str], without: Iterable[str] = ()) -> set[str]:
    """The modules of Tilth and of extensions that decide what some come to, these among them.

    Args:
        modules: Their full names.
        without: Further ones that are passed over, with what only they import.
    """
    left_out, seen = {*ASIDE, *without}, set[str]()
    queue = list(modules)
    while queue:
        name = queue.pop()
        if name in seen or name in left_out:
            continue
        found = find(name)
        if found is not None:
            extension, inner = found
            # Importing a module executes the packages around it. (Tilth's own declare something
            # at most, and are named with what they declare.)
            queue += [above for above in [name.rpartition(".")[0]] if above]
            if inner not in extension.sources:
                continue
        elif _path(name) is None:
            continue
        queue += imports_of(name)
        seen.add(name)
    return seen


def imports_of(name: str) -> tuple[str, ...]:
    """What a module of Tilth or of an extension imports, of these or not, by full names.

    Of `from a import b` both `a` and `a.b`: which of them is a module, the import does not say.
    """
    found = find(name)
    return _imports(name) if found is None else _imports_within(*found)


@cache
def _path(name: str) -> Path | None:
    if name.partition(".")[0] != "tilth":
        return None
    root = Path(__file__).parents[2]
    base = root.joinpath(*name.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


@cache
def _imports(name: str) -> tuple[str, ...]:
    path = _path(name)
    assert path is not None
    found = [*parsed(path)[1], *_STARTED.get(name, ())]
    if name in _OF_ALL_TASKS:
        return tuple(one for one in found if not _is_of_text(one))
    return tuple(found)


def _is_of_text(name: str) -> bool:
    return any(name == one or name.startswith(f"{one}.") for one in _OF_TEXT)


@cache
def _imports_within(extension: Extension, inner: str) -> tuple[str, ...]:
    package = inner if extension.is_package(inner) else inner.rpartition(".")[0]
    tree = ast.parse(extension.sources[inner].data)
    return tuple(imported(tree, extension.full_name(package)))


@cache
def _finds_otherwise(extension: Extension, inner: str) -> bool:
    """Whether a module of an extension may depend on more of it than its imports say."""
    return finds_otherwise(ast.parse(extension.sources[inner].data))


@cache  # Operations share most of the modules that they stand on.
def _source_digest(path: Path) -> bytes:
    return parsed(path)[0]
