"""A digest of the code that a step stands on: its modules and all that they import.

Of Tilth and of extensions: other packages are named in the run's record by their versions. Imports
are read, not run; of an extension with a module that finds code in another way, all of it counts.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from tilth.extensions import Extension, find


@cache
def code_digest(modules: tuple[str, ...]) -> str:
    """SHA-256 over the modules and all that they import, comments and docstrings aside.

    Automatic, so that a change of code cannot be forgotten in a version number; blind to
    comments, so that prose re-runs nothing. A module of an extension counts by its place in the
    extension, so that a folder can be moved.
    """
    digest = hashlib.sha256()
    parts = []
    for name in _reachable(modules):
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


def _reachable(modules: Sequence[str]) -> set[str]:
    seen: set[str] = set()
    queue = list(modules)
    while queue:
        name = queue.pop()
        # The package itself (`from tilth import schema`) only says where its names are found.
        if name in seen or name == "tilth":
            continue
        found = find(name)
        if found is not None:
            extension, inner = found
            # Importing a module executes the packages around it.
            queue += [above for above in [name.rpartition(".")[0]] if above]
            if inner not in extension.sources:
                continue
            queue += _imports_of(extension, inner)
        elif _path(name) is not None:
            queue += _imports(name)
        else:
            continue
        seen.add(name)
    return seen


@cache
def _path(name: str) -> Path | None:
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
    return tuple(_imported(ast.parse(path.read_bytes()), ""))


@cache
def _imports_of(extension: Extension, inner: str) -> tuple[str, ...]:
    package = inner if extension.is_package(inner) else inner.rpartition(".")[0]
    tree = ast.parse(extension.sources[inner].data)
    return tuple(_imported(tree, extension.full_name(package)))


# What finds code, or text of the module's own, where no import names it.
_FINDERS = {
    *("importlib", "import_module", "load_module", "__import__", "__getattr__", "pkgutil", "runpy"),
    *("__path__", "__doc__", "getdoc", "getsource", "inspect", "resources", "model_json_schema"),
}
_BUILTINS = {"exec", "eval", "compile"}  # and not `re.compile`, `model.eval()`


@cache
def _finds_otherwise(extension: Extension, inner: str) -> bool:
    """Whether a module of an extension may depend on more of it than its imports say."""
    for node in ast.walk(ast.parse(extension.sources[inner].data)):
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


def _imported(tree: ast.Module, package: str) -> Iterator[str]:
    """What a module imports: of Tilth, and relative to the package that it is in."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([node.module] if node.module else [])])
            elif not base.startswith("tilth"):
                continue
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.startswith("tilth"))


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
