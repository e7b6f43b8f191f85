"""Rules as text: a closed language of comparisons, evaluated over whole columns, without `eval`.

The grammar is a part of Python's: names, numbers, strings, `and or not`, comparisons (chained too),
`in (...)`, `+ - * / %`, and the functions `abs`, `min`, `max`, `log`, `known`. A name is that of a
signal, a column, or a field: `meta.year`, `meta['date of issue']`. A time is compared with one in
ISO 8601, as `meta.issued >= '2015-01-01'`; `'news' in meta.tags` asks a list.

A word that is compared with `label` is spelt as labels are (`tilth.labels`): `label != '1.0'` is
`label != '1'`.

Nulls follow three-valued logic (Kleene): a comparison with a null is *unknown*, so are division by
zero and not-a-number, `unknown or true` is true. `known(x)` says whether x is there.
"""

from __future__ import annotations

import ast
import datetime
import decimal
import itertools
import re
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tilth.errors import UsageError
from tilth.foreign import shorten, visible
from tilth.labels import named_label
from tilth.schema import META

MAX_CHARS = 2000
_TIME = pa.timestamp("us")
_LABEL = "label"
_PART = re.compile(r"\d{4}(-\d{2})?\Z", re.ASCII)
# Expressions are read, printed and evaluated by recursion: an endless sum is as deep as it is long.
_MAX_DEPTH = 60
# Decimal numbers of this many digits at most are compared as they are (Arrow's decimal128).
_DIGITS = 38
_NUMBER = r"^\s*[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?\s*$"
_MAX_QUOTED = 40

_COMPARE: Mapping[type[ast.cmpop], tuple[str, Callable[..., Any]]] = {
    ast.Lt: ("<", pc.less),
    ast.LtE: ("<=", pc.less_equal),
    ast.Gt: (">", pc.greater),
    ast.GtE: (">=", pc.greater_equal),
    ast.Eq: ("==", pc.equal),
    ast.NotEq: ("!=", pc.not_equal),
}
_ARITHMETIC: Mapping[type[ast.operator], Callable[..., Any]] = {
    ast.Add: pc.add,
    ast.Sub: pc.subtract,
    ast.Mult: pc.multiply,
    ast.Div: pc.divide,
    ast.Mod: lambda x, y: pc.subtract(x, pc.multiply(y, pc.floor(pc.divide(x, y)))),
}
_FUNCTIONS = ("abs", "min", "max", "log", "known")
_GRAMMAR = "such as `word_count >= 50` or `0.2 <= digit_ratio and language == 'en'`"


@lru_cache(maxsize=1024)
def parse(text: str) -> ast.expr:
    """The checked syntax tree of an expression.

    Raises:
        UsageError: It is not in the language, with the part that is not.
    """
    if len(text) > MAX_CHARS:
        raise UsageError(f"the rule is longer than {MAX_CHARS} characters", where=text[:60] + "…")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        place = f" at character {error.offset}" if isinstance(error, SyntaxError) else ""
        raise UsageError(
            f"the rule cannot be read{place}", where=text, hint=f"write an expression {_GRAMMAR}"
        ) from error
    if _is_deeper(tree, _MAX_DEPTH):
        raise UsageError(
            f"the rule is nested more than {_MAX_DEPTH} levels deep",
            where=shorten(text, _MAX_QUOTED),
            hint="write it as several rules, or measure a signal of your own",
        )
    _check(tree, text)
    _spell_labels(tree, text)
    if isinstance(tree, ast.Constant | ast.BinOp) or not names(text):
        raise UsageError(
            "the rule compares no signal", where=text, hint=f"write an expression {_GRAMMAR}"
        )
    return tree


@lru_cache(maxsize=1024)
def normal(text: str) -> str:
    """An expression as it is shown, however it was written: its blanks, brackets, quotation marks.

    Raises:
        UsageError: As `parse`.
    """
    printed = ast.unparse(parse(text))
    return printed if len(printed) <= MAX_CHARS else text.strip()


def _is_deeper(tree: ast.AST, most: int) -> bool:
    """Whether a tree has more levels than so many; not by recursion."""
    level = [tree]
    for _ in range(most):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    return bool(level)


def names(text: str) -> tuple[str, ...]:
    """The signals, columns and fields that an expression reads, in order of appearance."""
    # Not by recursion: an endless sum is as deep as it is long.
    found: list[tuple[int, int, str]] = []
    left: list[ast.AST] = [ast.parse(text.strip(), mode="eval").body]
    while left:
        node: Any = left.pop()
        name = _name_of(node)
        if name is not None:
            found.append((node.lineno, node.col_offset, name))
        elif isinstance(node, ast.Call):
            left += node.args
        else:
            left += ast.iter_child_nodes(node)
    return tuple(dict.fromkeys(name for _, _, name in sorted(found)))


def _name_of(node: ast.AST) -> str | None:
    """The column that a part of an expression is the name of; None: it is something else."""
    if isinstance(node, ast.Name):
        return node.id
    name: object
    if isinstance(node, ast.Attribute):
        before, name = _name_of(node.value), node.attr
    elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        before, name = _name_of(node.value), node.slice.value
    else:
        return None
    if before is None or not isinstance(name, str) or not f"{before}.".startswith(META):
        return None
    return f"{before}.{name}"


def names_needed(text: str) -> tuple[str, ...]:
    """The signals without which it cannot be decided: of those that it reads, the ones that it does
    not ask about with `known`."""
    tree = ast.parse(text.strip(), mode="eval")
    asked = {
        _name_of(arg)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        for arg in node.args
        if node.func.id == "known"
    }
    return tuple(name for name in names(text) if name not in asked)


def _check(node: ast.expr, text: str) -> None:
    """Raise where a node is outside the language."""
    match node:
        case ast.BoolOp(values=values):
            parts = list(values)
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.UAdd(), operand=operand):
            parts = [operand]
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            parts = [left]
            for op, right in zip(ops, comparators, strict=True):
                if isinstance(op, ast.In | ast.NotIn):
                    if _name_of(right) is None:
                        _check_choices(right, text)
                elif type(op) in _COMPARE:
                    parts.append(right)
                else:
                    _refuse(node, text)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            parts = [left, right]
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
            if (len(args) != 1) if name in ("abs", "log", "known") else (len(args) < 2):
                _refuse(node, text)
            parts = list(args)
        case ast.Name() | ast.Attribute() | ast.Subscript() if _name_of(node) is not None:
            parts = []
        case ast.Constant(value=bool() | str()):
            parts = []
        case ast.Constant(value=int() | float() as number):
            _check_number(number, node, text)
            parts = []
        case _:
            _refuse(node, text)
    for part in parts:
        _check(part, text)


def _check_choices(node: ast.expr, text: str) -> None:
    items = node.elts if isinstance(node, ast.Tuple | ast.List) else []
    kinds = {
        isinstance(item.value, str) if isinstance(item, ast.Constant) else None for item in items
    }
    if len(kinds) != 1 or None in kinds:
        _refuse(node, text)
    for item in items:
        if isinstance(item, ast.Constant) and isinstance(item.value, int | float):
            _check_number(item.value, item, text)


def _check_number(number: float, node: ast.expr, text: str) -> None:
    """Raise where a number is beyond all that a column can hold."""
    if abs(number) > sys.float_info.max:
        part = shorten(ast.get_source_segment(text.strip(), node) or text, _MAX_QUOTED)
        raise UsageError(
            f"`{part}` is larger than any number that is compared",
            where=shorten(text, _MAX_QUOTED),
            hint=f"the largest is {sys.float_info.max:.2g}",
        )


def _spell_labels(tree: ast.expr, text: str) -> None:
    """Spell the words that are compared with `label` as labels are.

    Raises:
        UsageError: No label is spelt like one of them.
    """
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare):
            continue
        sides = [node.left, *node.comparators]
        for pair in itertools.pairwise(sides):
            if not any(_name_of(side) == _LABEL for side in pair):
                continue
            for word in (one for side in pair for one in getattr(side, "elts", (side,))):
                if isinstance(word, ast.Constant) and isinstance(word.value, str):
                    try:
                        word.value = named_label(word.value)
                    except ValueError as error:
                        hint = "`known(label)` says that a sample has one"
                        raise UsageError(str(error), where=text, hint=hint) from None


def _refuse(node: ast.expr, text: str) -> Any:
    part = ast.get_source_segment(text.strip(), node) or text
    raise UsageError(
        f"`{part}` is not allowed in a rule",
        where=text,
        hint="names, fields (`meta.year`), numbers, strings, comparisons, and/or/not, + - * / %, "
        "abs, min, max, log, known",
    )


def evaluate(
    text: str, lookup: Callable[[str], pa.Array], num_rows: int
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Decide an expression for every row.

    Args:
        text: The expression.
        lookup: Gives the column of a name, [num_rows]; that of `uri` for an error.
        num_rows: Rows of the batch.

    Returns:
        true: bool [num_rows], where it is true.
        unknown: bool [num_rows], where a null leaves it open.

    Raises:
        UsageError: A type that does not fit: text compared with a number, or no yes-or-no result.
    """
    result = _Evaluation(text, lookup).boolean(parse(text))
    if isinstance(result, pa.Scalar):
        result = pa.repeat(result, num_rows)
    unknown = np.asarray(pc.is_null(result))
    return np.asarray(pc.fill_null(result, False)), unknown


class _Evaluation:
    """One expression over one batch: numbers are float64, words are large strings."""

    def __init__(self, text: str, lookup: Callable[[str], pa.Array]) -> None:
        self.text = text
        self.lookup = lookup

    def fail(self, node: ast.expr, what: str, *sides: tuple[ast.expr, Any]) -> Any:
        """Refuse a part.

        Args:
            node: It.
            what: Why.
            sides: What it compares or counts with: a field among them that is text says why it is.
        """
        part = ast.get_source_segment(self.text.strip(), node) or self.text
        for side, value in sides:
            name = _name_of(side) or ""
            if name == _LABEL:
                raise UsageError(
                    f"`{part}` {what}: a label is text",
                    where=self.text,
                    hint="compare it with words, as `label == '1'`",
                    code="text-label",
                )
            if name.startswith(META) and pa.types.is_large_string(value.type):
                raise UsageError(
                    f"`{part}` {what}: {self._why_text(name, value)}",
                    where=self.text,
                    hint=f"write `{name}` alike in all records, or compare it as the text that it "
                    f"is: {_compared_as_text(node, side)}",
                    code="text-field",
                )
        raise UsageError(f"`{part}` {what}", where=self.text)

    def _why_text(self, name: str, values: pa.Array) -> str:
        """What made a field text, as far as the batch at hand tells."""
        found = values.drop_null()
        others = np.flatnonzero(~np.asarray(pc.match_substring_regex(found, _NUMBER)))
        if not len(found):
            return f"`{name}` is text"
        if not len(others):
            return (
                f"`{name}` is text in all records since it is in one, though what was looked at "
                f"reads as numbers (`{_quoted(found[0])}`)"
            )
        row = int(np.flatnonzero(np.asarray(values.is_valid()))[others[0]])
        return (
            f"`{name}` is text in all records since some of its values are, as "
            f"`{_quoted(values[row])}` of {visible(str(self.lookup('uri')[row]))}"
        )

    def boolean(self, node: ast.expr) -> Any:
        value = _if_nothing(self.value(node), pa.bool_())
        if not pa.types.is_boolean(value.type):
            self.fail(node, "is neither true nor false; compare it with something")
        return value

    def number(self, node: ast.expr) -> Any:
        value = _if_nothing(self.value(node), pa.float64())
        if not pa.types.is_float64(value.type):
            self.fail(node, "is not a number", (node, value))
        return value

    def value(self, node: ast.expr) -> Any:
        name = _name_of(node)
        if name is not None:
            return _typed(self.lookup(name))
        match node:
            case ast.Constant(value=bool() as value):
                return pa.scalar(value)
            case ast.Constant(value=str() as value):
                return pa.scalar(value, pa.large_string())
            case ast.Constant(value=value):
                return pa.scalar(float(value), pa.float64())  # type: ignore[arg-type]
            case ast.BoolOp(op=op, values=values):
                join = pc.and_kleene if isinstance(op, ast.And) else pc.or_kleene
                result = self.boolean(values[0])
                for part in values[1:]:
                    result = join(result, self.boolean(part))
                return result
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return pc.invert(self.boolean(operand))
            case ast.UnaryOp(op=op, operand=operand):
                number = self.number(operand)
                return pc.negate(number) if isinstance(op, ast.USub) else number
            case ast.BinOp(left=left, op=op, right=right):
                return _finite(_ARITHMETIC[type(op)](self.number(left), self.number(right)))
            case ast.Call(func=ast.Name(id=name), args=args):
                return self.call(name, args)
            case ast.Compare():
                return self.compare(node)
        return self.fail(node, "is not allowed in a rule")

    def call(self, name: str, args: list[ast.expr]) -> Any:
        if name == "known":
            return pc.is_valid(self.value(args[0]))
        numbers = [self.number(arg) for arg in args]
        match name:
            case "abs":
                return pc.abs(numbers[0])
            case "log":
                return _finite(pc.ln(numbers[0]))
            case "min":
                return pc.min_element_wise(*numbers, skip_nulls=False)
            case "max":
                return pc.max_element_wise(*numbers, skip_nulls=False)
        raise ValueError(f"there is no function `{name}`")  # `check` lets none by

    def compare(self, node: ast.Compare) -> Any:
        result = None
        left_node, left = node.left, self.value(node.left)
        for op, right_node in zip(node.ops, node.comparators, strict=True):
            if isinstance(op, ast.In | ast.NotIn):
                part = self.contains(left_node, left, right_node)
                part = pc.invert(part) if isinstance(op, ast.NotIn) else part
            else:
                symbol, function = _COMPARE[type(op)]
                right = self.value(right_node)
                one, other = self.alike(left_node, left, right_node, right)
                if one.type != other.type or pa.types.is_nested(one.type):
                    self.fail(
                        node,
                        f"compares {_kind(one.type)} with {_kind(other.type)}",
                        (left_node, one),
                        (right_node, other),
                    )
                if pa.types.is_boolean(one.type) and symbol not in ("==", "!="):
                    self.fail(node, "orders true and false")
                part = function(one, other)
                left_node, left = right_node, right
            result = part if result is None else pc.and_kleene(result, part)
        return result

    def alike(self, left_node: ast.expr, left: Any, right_node: ast.expr, right: Any) -> Any:
        """Both sides of a comparison: a word beside a time is read as one, and what says nothing in
        any record is of the other's type."""
        if pa.types.is_null(left.type) or pa.types.is_null(right.type):
            return _if_nothing(left, right.type), _if_nothing(right, left.type)
        if pa.types.is_timestamp(left.type) and isinstance(right_node, ast.Constant):
            right = self.time(right_node)
        elif pa.types.is_timestamp(right.type) and isinstance(left_node, ast.Constant):
            left = self.time(left_node)
        elif pa.types.is_float64(left.type) and pa.types.is_float64(right.type):
            wholes = [self.whole(left_node), self.whole(right_node)]
            left, right = _of_one_type(*wholes) if None not in wholes else (left, right)
        return left, right

    def whole(self, node: ast.expr) -> Any:
        """What a part says, where it is a whole number or a column of them: a number of more than
        53 bits, as many an id is, has neighbours that are the same as float64. None: it is not."""
        name = _name_of(node)
        if name is not None:
            column = self.lookup(name)
            is_whole = pa.types.is_integer(column.type) and column.type != pa.uint64()
            is_wide = pa.types.is_decimal128(column.type) and column.type.scale == 0
            return column.cast(pa.int64()) if is_whole else column if is_wide else None
        match node:
            case ast.Constant(value=bool()):
                return None
            case ast.Constant(value=int() as value):
                return _whole(value)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as value)):
                return _whole(-value)
        return None

    def time(self, node: ast.Constant) -> Any:
        """A word as a time, of the zone UTC where it has one."""
        try:
            # A year or a month is its first day.
            text = str(node.value)
            whole = text + "-01-01"[-3 * (2 - text.count("-")) :] if _PART.match(text) else text
            found = datetime.datetime.fromisoformat(whole)
        except ValueError:
            self.fail(node, "is compared with a time: write it as '2015-01-31'")
        if found.tzinfo is not None:
            found = found.astimezone(datetime.UTC).replace(tzinfo=None)
        return pa.scalar(found, _TIME)

    def among(self, node: ast.expr, value: Any, items: Any) -> Any:
        """Whether a list has a word or number, row by row."""
        if not isinstance(node, ast.Constant) or not pa.types.is_list(items.type):
            self.fail(node, f"cannot be in {_kind(items.type)}")
        inside = _typed(pc.list_flatten(items))
        wholes = self.whole(node) if pa.types.is_integer(items.type.value_type) else None
        if wholes is not None and wholes.type == pa.int64():
            inside, value = pc.list_flatten(items).cast(pa.int64()), wholes
        if pa.types.is_null(inside.type):
            return pc.if_else(items.is_valid(), pa.scalar(False), pa.scalar(None, pa.bool_()))
        if inside.type != value.type:
            self.fail(node, f"is {_kind(value.type)}, and an item is {_kind(inside.type)}")
        has = np.zeros(len(items), bool)
        hits = np.asarray(pc.fill_null(pc.equal(inside, value), False))
        has[np.asarray(pc.list_parent_indices(items))[hits]] = True
        return pc.if_else(items.is_valid(), pa.array(has), pa.scalar(None, pa.bool_()))

    def contains(self, node: ast.expr, value: Any, choices: ast.expr) -> Any:
        if _name_of(choices) is not None:
            return self.among(node, value, self.value(choices))
        items: list[Any] = ast.literal_eval(choices)
        kind = pa.large_string() if isinstance(items[0], str) else pa.float64()
        wholes = self.whole(node) if kind == pa.float64() else None
        if wholes is not None and all(type(item) is int for item in items):
            value, kind = wholes, pa.decimal128(_DIGITS, 0)
            value = value.cast(kind)
            # What no column can hold is in none.
            items = [item for item in items if abs(item) < 10**_DIGITS]
        if pa.types.is_timestamp(value.type) and isinstance(items[0], str):
            times = [self.time(ast.copy_location(ast.Constant(item), choices)) for item in items]
            kind, items = _TIME, [time.as_py() for time in times]
        value = _if_nothing(value, kind)
        if value.type != kind:
            what = f"is {_kind(value.type)} and cannot be among {_kind(kind)[2:]}s"
            self.fail(node, what, (node, value))
        found = pc.is_in(value, value_set=pa.array(list(items), kind))
        return pc.if_else(pc.is_valid(value), found, pa.scalar(None, pa.bool_()))


def _whole(value: int) -> Any:
    """A whole number as Arrow has it; None: it is too long."""
    if -(2**63) <= value < 2**63:
        return pa.scalar(value, pa.int64())
    if abs(value) < 10**_DIGITS:
        return pa.scalar(decimal.Decimal(value), pa.decimal128(_DIGITS, 0))
    return None


def _of_one_type(left: Any, right: Any) -> tuple[Any, Any]:
    """Whole numbers on both sides, of the type that holds both."""
    if left.type == right.type:
        return left, right
    kind = pa.decimal128(_DIGITS, 0)
    return left.cast(kind), right.cast(kind)


def _quoted(value: Any) -> str:
    return shorten(visible(str(value)), _MAX_QUOTED)


def _compared_as_text(node: ast.expr, side: ast.expr) -> str:
    """The comparison that is meant, with its numbers as text."""
    if not isinstance(node, ast.Compare) or any(
        not isinstance(one, ast.Constant)
        for one in (node.left, *node.comparators)
        if one is not side
    ):
        return f"`{ast.unparse(side)} == '2015'`"
    parts = [
        one if one is side or not isinstance(one, ast.Constant) else ast.Constant(str(one.value))
        for one in (node.left, *node.comparators)
    ]
    meant = ast.unparse(ast.Compare(parts[0], node.ops, parts[1:]))
    orders = any(not isinstance(op, ast.Eq | ast.NotEq) for op in node.ops)
    return f"`{meant}`" + (", which goes letter by letter" if orders else "")


def _typed(array: pa.Array) -> Any:
    """The column as float64, boolean, large string or time; lists and bytes as they are."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _typed(array.dictionary_decode())
    if pa.types.is_boolean(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind):
        return array
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _finite(array.cast(pa.float64(), safe=False))
    if pa.types.is_decimal(kind):
        return array.cast(pa.float64())
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        # An instant is the time that it has in UTC.
        return array.cast(pa.timestamp("us", getattr(kind, "tz", None))).cast(_TIME)
    if pa.types.is_nested(kind) or pa.types.is_large_binary(kind):
        return array
    return array.cast(pa.large_string())


def _if_nothing(values: Any, kind: pa.DataType) -> Any:
    """A column that says nothing in any record, as one of a type."""
    if not pa.types.is_null(values.type):
        return values
    return pa.scalar(None, kind) if isinstance(values, pa.Scalar) else pa.nulls(len(values), kind)


def _finite(values: Any) -> Any:
    """Not-a-number and infinity are no values."""
    return pc.if_else(pc.is_finite(values), values, pa.scalar(None, pa.float64()))


def _kind(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "a yes-or-no"
    if pa.types.is_timestamp(kind):
        return "a time"
    if pa.types.is_nested(kind):
        return "a list"
    if pa.types.is_large_binary(kind):
        return "bytes"
    return "a number" if pa.types.is_float64(kind) else "a word"
