"""A digest of the code that a step stands on: its modules and all that they import.

Of Tilth and of extensions: what they import of other packages is in `tilth.recipe.libraries`.
Imports are read, not run; of an extension with a module that finds code in another way, all of it
counts.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from tilth.extensions import Extension, find

# What decides no output though what decides one imports it; what only it imports does not either.
ASIDE: Mapping[str, str] = {
    "tilth": "says where its names are found",
    "tilth.extensions": "finds a user's modules, whose sources count themselves",
    "tilth.hints": "words of errors that end a step",
    "tilth.machine": "how much memory there is: what has no room is refused",
    "tilth.web.fetch": "what it brings is a file, which counts by its content",
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
_STARTED: Mapping[str, tuple[str, ...]] = {"tilth.pretrain.launch": ("tilth.pretrain.rank",)}


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
            parts.append((f"extension {inner}", _digest(extension.sources[inner].data)))
            if _finds_otherwise(extension, inner):
                parts.append(("extension", bytes.fromhex(extension.digest)))
    for name, source in sorted(parts):
        digest.update(name.encode())
        digest.update(source)
    return digest.hexdigest()[:16]


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
    found = [*imported(ast.parse(path.read_bytes()), ""), *_STARTED.get(name, ())]
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


# What finds code, or text of the module's own, where no import names it.
_FINDERS = {
    *("importlib", "import_module", "load_module", "__import__", "__getattr__", "pkgutil", "runpy"),
    *("__path__", "__doc__", "getdoc", "getsource", "inspect", "resources", "model_json_schema"),
}
_BUILTINS = {"exec", "eval", "compile"}  # and not `re.compile`, `model.eval()`


@cache
def _finds_otherwise(extension: Extension, inner: str) -> bool:
    """Whether a module of an extension may depend on more of it than its imports say."""
    return finds_otherwise(ast.parse(extension.sources[inner].data))


def finds_otherwise(tree: ast.Module) -> bool:
    """Whether a module may depend on code that no import of it names, or on its own text."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Name):
            names = [node.id]
            if node.id in _BUILTINS:
                return True
        elif isinstance(node, ast.Attribute):
            names = [node.attr]
        elif isinstance(node, ast.FunctionDef):
            names = [node.name]
        elif isinstance(node, ast.Import):
            names = [part for alias in node.names for part in alias.name.split(".")]
        elif isinstance(node, ast.ImportFrom):
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            if node.level and "*" in names:
                return True
        if not _FINDERS.isdisjoint(names):
            return True
    return False


def imported(tree: ast.Module, package: str) -> Iterator[str]:
    """What a module imports wherever in it, but for type checking alone.

    Args:
        tree: The module.
        package: The full name of the package that it is in, for relative imports.

    Yields:
        Full names; of `from a import b` both `a` and `a.b`.
    """
    for node in _executed(tree):
        if isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def _executed(node: ast.AST) -> Iterator[ast.AST]:
    """A tree's nodes, less what only a type checker sees."""
    yield node
    children = ast.iter_child_nodes(node)
    if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
        children = iter(node.orelse)
    for child in children:
        yield from _executed(child)


@cache  # Operations share most of the modules that they stand on.
def _source_digest(path: Path) -> bytes:
    return _digest(path.read_bytes())


def _digest(source: bytes) -> bytes:
    """SHA-256 of a module's syntax tree, less docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            value = body[0].value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                body.pop(0)
    return hashlib.sha256(ast.dump(tree).encode("utf-8", "surrogatepass")).digest()
