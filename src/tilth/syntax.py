"""What of a module's source counts: its syntax tree, and what it imports. Nothing is run."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator

# What finds code, or text of the module's own, where no import names it.
_FINDERS = {
    *("importlib", "import_module", "load_module", "__import__", "__getattr__", "pkgutil", "runpy"),
    *("__path__", "__doc__", "getdoc", "getsource", "inspect", "resources", "model_json_schema"),
}
# What asks the system about a file and opens none, of which nobody is told; what makes a path.
_ASKING = {
    *("exists", "lexists", "is_file", "is_dir", "is_symlink", "isfile", "isdir", "islink"),
    *("stat", "lstat", "getsize", "getmtime", "getctime", "access"),
}
_PATHS = {"Path", "PurePath", "PosixPath", "join", *_ASKING}
_BUILTINS = {"exec", "eval", "compile"}  # and not `re.compile`, `model.eval()`


# What Tilth's modules say in words where they declare a figure; of a `Definition` two of these
# stand behind name and heading.
_WORDS = {"about", "rows", "source", "reference", "test"}


def digest_of(source: bytes, *, declares: bool = False) -> bytes:
    """SHA-256 of a module's syntax tree, less docstrings; comments are not in it.

    Args:
        source: The module's.
        declares: Whether it is one of Tilth's: what it says of its figures in words makes none, so
            that another sentence makes nothing again.

    Raises:
        SyntaxError, ValueError: It is no Python.
    """
    tree = ast.parse(source)
    if declares:
        _leave_words_out(tree)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            value = body[0].value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                body.pop(0)
    return hashlib.sha256(ast.dump(tree).encode("utf-8", "surrogatepass")).digest()


def _leave_words_out(tree: ast.Module) -> None:
    """Take out of a module's declarations of figures what only says what a figure is."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    partials = {id(one) for one in calls if _named(one.args[:1]) == "Definition"}
    # `_counted = partial(Definition, unit="samples")`, and then `_counted("in", "in", ...)`.
    definitions = {
        _named(node.targets)
        for node in tree.body
        if isinstance(node, ast.Assign) and id(node.value) in partials
    } | {"Definition"}
    for node in calls:
        name = _called(node)
        if id(node) in partials or name in definitions or name == "Metric":
            node.keywords = [one for one in node.keywords if one.arg not in _WORDS]
            if name in definitions:
                del node.args[2:4]


def _named(nodes: list[ast.expr]) -> str:
    return next((node.id for node in nodes if isinstance(node, ast.Name)), "")


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
        elif isinstance(node, ast.Constant) and node.value == "__doc__":
            return True
        elif isinstance(node, ast.Import):
            names = [part for alias in node.names for part in alias.name.split(".")]
        elif isinstance(node, ast.ImportFrom):
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            if node.level and "*" in names:
                return True
        if not _FINDERS.isdisjoint(names):
            return True
    return False


def asked_about(tree: ast.Module) -> set[str]:
    """Paths that a module may ask about, as whether a file is there, as far as it spells them."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    if _ASKING.isdisjoint(map(_called, calls)):
        return set()
    return {
        value.value
        for call in calls
        if _called(call) in _PATHS
        for value in call.args[:1]
        if isinstance(value, ast.Constant) and isinstance(value.value, str) and value.value
    }


def _called(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


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
