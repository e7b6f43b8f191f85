"""Small wrongs that can be done to a Python file, one at a time: what a test should notice.

Left out is what no test has to hold: strings, docstrings, annotations, decorators, `assert`, and
the words of an error.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

_COMPARISONS: Final[dict[type[ast.cmpop], tuple[str, str]]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
}
_ARITHMETIC: Final[dict[type[ast.operator], tuple[str, str]]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "*"),
    ast.Pow: ("**", "*"),
    ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
    ast.BitXor: ("^", "&"),
}
_PAIRS: Final = (("min", "max"), ("any", "all"), ("floor", "ceil"), ("and_", "or_"))
_NAMES: Final = {one: other for pair in _PAIRS for one, other in (pair, pair[::-1])}
# What an error says, and what a setting is for.
_WORDS: Final = frozenset(("hint", "where", "code", "what", "description"))
_ERRORS: Final = re.compile(r"(?:Error|Problem)$|^(?:not_a_number|source_changed|missing_extra)$")


@dataclass(frozen=True)
class Mutation:
    """One change of one place.

    Attributes:
        start, end: The bytes that are replaced.
        line: Where they begin, from 1.
        kind: What is done: comparison, condition, arithmetic, constant, ...
        before, after: What stands there, and what is put in its place.
    """

    start: int
    end: int
    line: int
    kind: str
    before: str
    after: str

    def applied(self, source: bytes) -> bytes:
        """The file with this change."""
        return source[: self.start] + self.after.encode() + source[self.end :]

    def __str__(self) -> str:
        before, after = (" ".join(text.split())[:60] for text in (self.before, self.after))
        return f"{self.kind}: `{before}` -> `{after or 'nothing'}`"


def mutations(source: bytes) -> list[Mutation]:
    """All that can be done to a file, in the order of its lines; see `is_another_program`."""
    found = _Finder(source).of(ast.parse(source))
    return sorted(found, key=lambda one: (one.start, one.end, one.after))


def is_another_program(one: Mutation, source: bytes) -> bool:
    """Whether it can be read at all, and is not only written otherwise."""
    try:
        changed = ast.parse(one.applied(source))
    except SyntaxError:
        return False
    return ast.dump(changed) != ast.dump(ast.parse(source))


class _Finder:
    """Walks over a syntax tree with its text at hand."""

    def __init__(self, source: bytes) -> None:
        self._source = source
        self._lines = [0]
        for line in source.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))

    def of(self, node: ast.AST) -> Iterator[Mutation]:
        """What can be done to a node and all below it."""
        if isinstance(node, ast.Raise | ast.Assert | ast.JoinedStr | ast.Import | ast.ImportFrom):
            return
        yield from self._own(node)
        for child in _kept_children(node):
            yield from self.of(child)

    def _own(self, node: ast.AST) -> Iterator[Mutation]:
        match node:
            case ast.Compare(left=left, ops=ops, comparators=others):
                for (one, other), op in zip(pairwise([left, *others]), ops, strict=True):
                    sign, wrong = _COMPARISONS[type(op)]
                    yield from self._between(one, other, sign, wrong, "comparison")
            case ast.BoolOp(op=op, values=values):
                sign, wrong = ("and", "or") if isinstance(op, ast.And) else ("or", "and")
                for one, other in pairwise(values):
                    yield from self._between(one, other, sign, wrong, "and/or")
            case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
                yield self._replaced(node, self._text(operand), "sign")
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                if not (_is_text(left) or _is_text(right) or _is_union(node)):
                    sign, wrong = _ARITHMETIC[type(op)]
                    yield from self._between(left, right, sign, wrong, "arithmetic")
            case ast.AugAssign(target=target, op=op, value=value) if type(op) in _ARITHMETIC:
                sign, wrong = _ARITHMETIC[type(op)]
                if not _is_text(value):
                    yield from self._between(target, value, sign + "=", wrong + "=", "arithmetic")
                yield from self._between(target, value, sign + "=", "=", "arithmetic")
            case ast.Constant(value=value):
                for wrong in _wrong_constants(value):
                    yield self._replaced(node, wrong, "constant")
            case ast.Call():
                yield from self._of_call(node)
            case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
                yield from self._turned(test)
            case ast.comprehension(ifs=ifs):
                for test in ifs:
                    yield from self._turned(test)
            case ast.Return(value=ast.expr() as value):
                yield self._replaced(value, "None", "return")
            case ast.Expr(value=ast.Call()):
                yield self._replaced(node, "pass", "left out")
            case ast.Continue():
                yield self._replaced(node, "pass", "left out")
            case ast.Break():
                yield self._replaced(node, "continue", "break")
            case _:
                return

    def _turned(self, test: ast.expr) -> Iterator[Mutation]:
        """The other way round, unless that is what a changed comparison is already."""
        turned = ast.Eq | ast.NotEq | ast.In | ast.NotIn | ast.Is | ast.IsNot
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            return
        if isinstance(test, ast.Compare) and isinstance(test.ops[0], turned):
            return
        yield self._replaced(test, f"not ({self._text(test)})", "condition")

    def _of_call(self, call: ast.Call) -> Iterator[Mutation]:
        name = _name_of(call.func)
        if name in _NAMES:
            end = self._place(call.func)[1]
            start = end - len(name.encode())
            yield self._at(start, end, _NAMES[name], "name")
        for word in call.keywords:
            if word.arg is None or word.arg in _WORDS:
                continue
            start, end = self._place(word)
            after = re.match(rb"\s*,\s*", self._source[end:])
            before = re.search(rb",\s*$", self._source[:start])
            if after:
                end += after.end()
            elif before:
                start = before.start()
            yield self._at(start, end, "", "argument left out")

    def _between(
        self, one: ast.AST, other: ast.AST, sign: str, wrong: str, kind: str
    ) -> Iterator[Mutation]:
        start, stop = self._place(one)[1], self._place(other)[0]
        # A comment may stand between the two, and white space within `not in`.
        pattern = (
            r"\b" + sign.replace(" ", r"\s+") + r"\b" if sign[0].isalpha() else re.escape(sign)
        )
        found = re.search(pattern.encode(), self._source[start:stop])
        if found:
            yield self._at(start + found.start(), start + found.end(), wrong, kind)

    def _replaced(self, node: ast.AST, wrong: str, kind: str) -> Mutation:
        return self._at(*self._place(node), wrong, kind)

    def _at(self, start: int, end: int, wrong: str, kind: str) -> Mutation:
        line = self._source.count(b"\n", 0, start) + 1
        return Mutation(start, end, line, kind, self._source[start:end].decode(), wrong)

    def _text(self, node: ast.AST) -> str:
        start, end = self._place(node)
        return self._source[start:end].decode()

    def _place(self, node: ast.AST) -> tuple[int, int]:
        """Its first byte, and one past its last one."""
        line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
        last, stop = getattr(node, "end_lineno", line), getattr(node, "end_col_offset", column)
        return self._lines[line - 1] + column, self._lines[last - 1] + stop


def _kept_children(node: ast.AST) -> Iterator[ast.AST]:
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_comment"):
            continue
        if isinstance(node, ast.Call) and _ERRORS.search(_name_of(node.func)):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.keyword) and child.arg in _WORDS:
                continue
            if isinstance(child, ast.AST):
                yield child


def _wrong_constants(value: object) -> list[str]:
    match value:
        case bool():
            return [str(not value)]
        case int():
            return [str(value + 1), *([str(value - 1)] if value else [])]
        case float():
            return [repr(value * 2 if value else 1.0)]
    return []


def _name_of(function: ast.expr) -> str:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _is_text(node: ast.AST) -> bool:
    """Whether it is written as text, which no arithmetic is done with."""
    text = isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
    return text or isinstance(node, ast.JoinedStr)


def _is_union(node: ast.BinOp) -> bool:
    """`A | B` of types."""
    if not isinstance(node.op, ast.BitOr):
        return False
    builtin = {"str", "int", "float", "bool", "bytes", "list", "tuple", "dict", "set"}
    for side in (node.left, node.right):
        if isinstance(side, ast.Constant) and side.value is None:
            return True
        name = _name_of(side)
        if name in builtin or (name[:1].isupper() and not name.isupper()):
            return True
    return False
