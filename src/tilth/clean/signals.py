"""Measure signals: a number a document, stored as the column `signal.<name>`; nothing is dropped.

To add a shipped signal, write one entry in `SIGNALS`: a formula over the counts of
`tilth.kernels.signals` and `tilth.kernels.repetition` where it can be one, else `of_text=` a plain
function of one text. A user's own signal needs no change here: name its function in `functions`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator, model_validator

from tilth.clean.dictionary import dictionaries, words_of
from tilth.clean.functions import UserFunction, digest_of, digest_of_file, load_function
from tilth.figures import Definition
from tilth.hints import require_known
from tilth.schema import OWN_SIGNALS, PAYLOADS, SCHEMA, SIGNAL_PREFIX, column, with_columns
from tilth.settings import AnyOrder, BaseSettings

# Kernels load numba, and whoever reads or plans a recipe needs the names of signals alone.
if TYPE_CHECKING:
    from tilth.kernels.characters import Bytes, Integers

Floats = npt.NDArray[np.float64]


class Counts(dict[str, npt.NDArray[np.int64]]):
    """Counts by name, int64 [d]; each family is counted when first asked for."""

    def __init__(self, data: Bytes, offsets: Integers) -> None:
        super().__init__()
        self._source = (data, offsets, words_of(data, offsets))

    def __missing__(self, name: str) -> Integers:
        from tilth.kernels.repetition import count_repetitions
        from tilth.kernels.signals import COUNTS, count_text

        self.update((count_text if name in COUNTS else count_repetitions)(*self._source))
        return self[name]


@dataclass(frozen=True)
class Signal:
    """One measurable property of a text.

    Attributes:
        about: One line: what is measured, in what unit.
        of_counts: Formula over the counts of all documents of a batch; gives [d].
        of_text: Instead: a plain function of one text.
        type: Arrow type of the column.
        share: Whether it is a share of 1.
        source: Who measured it so, or asks for it.
    """

    about: str
    of_counts: Callable[[Counts], npt.NDArray[Any]] | None = None
    of_text: Callable[[str], Any] | None = None
    type: pa.DataType = field(default_factory=pa.float64)
    share: bool = False
    source: str = ""


def ratio(part: Integers, whole: Integers) -> Floats:
    """`part / whole`, at most 1; 0 where there is nothing to divide by."""
    return np.minimum(per_word(part, whole), 1.0)


def per_word(part: Integers, words: Integers) -> Floats:
    """`part / words`, without a bound; 0 where there are none."""
    return np.where(words > 0, part / np.maximum(words, 1), 0.0)


_GOPHER = "Rae et al. 2021 (Gopher), appendix A.1.1"
_GOPHER_TABLE = "Rae et al. 2021 (Gopher), table A1"
_C4 = "Raffel et al. 2020 (C4), section 2.2"
_FINEWEB = "Penedo et al. 2024 (FineWeb), section 3.5"
_DATATROVE = "Penedo et al. 2024 (FineWeb), released code"


def _count(about: str, name: str, source: str = "") -> Signal:
    return Signal(about, lambda counts: counts[name], type=pa.int64(), source=source)


def _ratio(about: str, part: str, whole: str, source: str = "") -> Signal:
    return Signal(
        about, lambda counts: ratio(counts[part], counts[whole]), share=True, source=source
    )


SIGNALS: Mapping[str, Signal] = {
    "char_count": _count("characters (code points)", "chars"),
    "word_count": _count(
        "words; punctuation marks are none; without the extra `scripts` each letter of a script "
        "that puts no blanks between words is one",
        "words",
        _GOPHER,
    ),
    "token_count": _count("words and punctuation marks", "tokens"),
    "line_count": _count("lines that are not blank", "lines"),
    "sentence_count": _count("sentence ends: a mark before white space", "sentences", _C4),
    "paragraph_count": _count("blocks between blank lines", "paragraphs"),
    "stop_word_count": _count(
        "how many of the, be, to, of, and, that, have, with occur", "stop_words", _GOPHER
    ),
    "curly_bracket_count": _count("curly brackets", "curly_brackets", _C4),
    "lorem_ipsum_count": _count("occurrences of `lorem ipsum`", "lorem_ipsums", _C4),
    "javascript_line_count": _count("lines that mention JavaScript", "javascript_lines", _C4),
    "mean_word_length": Signal(
        "characters a word",
        lambda counts: per_word(counts["word_chars"], counts["words"]),
        source=_GOPHER,
    ),
    "symbol_ratio": Signal(
        "# or ellipses a token, whichever is more",
        lambda counts: per_word(np.maximum(counts["hashes"], counts["ellipses"]), counts["tokens"]),
        source=_GOPHER,
    ),
    "new_line_ratio": Signal(
        "line feeds a token",
        lambda counts: per_word(counts["newlines"], counts["tokens"]),
        source=_DATATROVE,
    ),
    "alpha_word_ratio": _ratio(
        "tokens with a letter, of all tokens", "alpha_tokens", "tokens", _GOPHER
    ),
    "alpha_ratio": _ratio(
        "letters, and vowels and signs that a script writes as marks, of all characters",
        "alphas",
        "chars",
    ),
    "digit_ratio": _ratio("digits, of all characters", "digits", "chars"),
    "uppercase_ratio": _ratio("capitals, of all letters", "uppers", "alphas"),
    "unspaced_ratio": _ratio(
        "letters of scripts that put no blanks between words (Chinese, Japanese, Thai, Lao, Khmer, "
        "Burmese), of all letters",
        "unspaced",
        "alphas",
        "Unicode: Line_Break=SA, Ideographic, Script=Hiragana",
    ),
    "whitespace_ratio": _ratio("white space, of all characters", "spaces", "chars"),
    "bullet_line_ratio": _ratio("lines that open with a bullet", "bullet_lines", "lines", _GOPHER),
    "ellipsis_line_ratio": _ratio(
        "lines that end with an ellipsis", "ellipsis_lines", "lines", _GOPHER
    ),
    "line_punct_ratio": _ratio(
        "lines that end with a mark or closing quote", "terminal_lines", "lines", _FINEWEB
    ),
    "short_line_ratio": _ratio("lines of at most 30 characters", "short_lines", "lines", _FINEWEB),
    "duplicate_line_ratio": _ratio(
        "lines that stood before", "duplicate_lines", "lines", _GOPHER_TABLE
    ),
    "duplicate_line_char_ratio": _ratio(
        "characters in lines that stood before", "duplicate_line_chars", "chars", _GOPHER_TABLE
    ),
    "duplicate_paragraph_ratio": _ratio(
        "paragraphs that stood before", "duplicate_paragraphs", "paragraphs", _GOPHER_TABLE
    ),
    "duplicate_paragraph_char_ratio": _ratio(
        "characters in paragraphs that stood before",
        "duplicate_paragraph_chars",
        "chars",
        _GOPHER_TABLE,
    ),
    **{
        f"top_{n}_gram_char_ratio": _ratio(
            f"characters in the most common run of {n} words",
            f"top_{n}_gram_chars",
            "chars",
            _GOPHER_TABLE,
        )
        for n in range(2, 5)
    },
    **{
        f"duplicate_{n}_gram_char_ratio": _ratio(
            f"characters in runs of {n} words that stood before",
            f"duplicate_{n}_gram_chars",
            "chars",
            _GOPHER_TABLE,
        )
        for n in range(5, 11)
    },
}

FIGURES = tuple(
    Definition(
        SIGNAL_PREFIX + name,
        name.replace("_", " "),
        f"{signal.about[0].upper()}{signal.about[1:]}.",
        "the text of one sample, as it is at this step",
        share=signal.share,
        source=signal.source or signal.about,
        reference="the text taken apart in plain Python",
        test="tests/clean/test_signals.py::test_every_signal_is_that_of_plain_python",
    )
    for name, signal in SIGNALS.items()
)

# What `tells` is told by.
TELLS_BY = (SIGNAL_PREFIX + "unspaced_ratio",)


class Settings(BaseSettings):
    """Measure properties of each text and store them as columns; drops nothing."""

    names: Annotated[tuple[str, ...], AnyOrder()] = Field(
        (), description="Shipped signals to measure; none named: all"
    )
    functions: tuple[str, ...] = Field(
        (),
        description="Your own signals: `file.py:function` (relative to where the run starts) or "
        "`package.module:function`; a function of `text` that returns a float, int, bool or str",
    )
    reads: tuple[str, ...] = Field(
        (),
        description="Files that your functions read and that do not show by themselves, such as "
        "those that a library opens: the step runs anew when one changes",
    )

    @field_validator("names")
    @classmethod
    def _are_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        require_known(names, SIGNALS, "signal")
        return names

    @model_validator(mode="after")
    def _reads_for_functions(self) -> Settings:
        if self.reads and not self.functions:
            raise ValueError("`reads` names files of your own functions; name these in `functions`")
        return self

    def normal(self) -> Settings:
        """All that is measured by name: what functions and files hold is in the fingerprint."""
        names = tuple(spec.rpartition(":")[2] for spec in self.functions)
        return self.model_copy(update={"names": self.measured, "functions": names, "reads": ()})

    @field_validator("functions")
    @classmethod
    def _are_named(cls, functions: tuple[str, ...]) -> tuple[str, ...]:
        names = [spec.rpartition(":")[2] for spec in functions]
        for spec, name in zip(functions, names, strict=True):
            if not spec.rpartition(":")[0] or not name.isidentifier():
                raise ValueError(
                    f"`{spec}` names no function; write `my_signals.py:shouting` or "
                    "`package.module:shouting`"
                )
            if name in SIGNALS or names.count(name) > 1:
                raise ValueError(f"there is a signal `{name}` already; rename the function")
            if name in OWN_SIGNALS or name in SCHEMA:
                raise ValueError(
                    f"`{name}` is a name that Tilth writes and reads itself; rename the function"
                )
        return functions

    @property
    def measured(self) -> tuple[str, ...]:
        """The shipped signals that are measured, in the order of their columns."""
        return tuple(name for name in SIGNALS if name in (self.names or SIGNALS))


def reads(_: Settings) -> tuple[str, ...]:
    """The column that the shipped signals are measured on."""
    return ("text",)


def fills(settings: Settings) -> tuple[str, ...]:
    """The signals that it measures."""
    own = (spec.rpartition(":")[2] for spec in settings.functions)
    return tuple(SIGNAL_PREFIX + name for name in (*settings.measured, *own))


def survey(batches: Iterator[pa.RecordBatch], settings: Settings) -> list[str]:
    """The columns that a function of the user's reads, payloads aside, and that are empty."""
    empty = {
        column: function.name
        for function in map(load_function, settings.functions)
        for column in function.columns
        if column not in PAYLOADS
    }
    for batch in batches if empty else ():
        for name in list(empty):
            if column(batch, name).null_count < batch.num_rows:
                del empty[name]
    return [
        f"no sample has a value in `{name}`, which `{function}` reads"
        for name, function in empty.items()
    ]


def fingerprint(settings: Settings) -> str:
    """A digest of the user's functions, with what they import, and of the files in `reads`.

    Raises:
        MissingError, UsageError: A function cannot be used, or a file is not there.
    """
    if not settings.functions:
        return ""
    # By what decides the output: a file of functions may be called otherwise.
    functions = [
        f"function {one.rpartition(':')[2]} {digest_of(one)}" for one in settings.functions
    ]
    contents = [
        f"file {number} of reads {digest_of_file(path)}"
        for number, path in enumerate(settings.reads, start=1)
    ]
    return "\n".join([*functions, *contents])


def apply(batch: pa.RecordBatch, settings: Settings) -> pa.RecordBatch:
    """Add `signal.<name>` for each signal; a row without text has nulls."""
    from tilth.kernels.words import text_buffers

    text = column(batch, "text")
    counts = Counts(*text_buffers(text))
    mask = np.asarray(pc.is_null(text))
    columns: dict[str, pa.Array] = {}
    for name in settings.measured:
        signal = SIGNALS[name]
        if signal.of_counts is not None:
            values = pa.array(signal.of_counts(counts), signal.type, mask=mask)
            columns[SIGNAL_PREFIX + name] = values
        elif signal.of_text is not None:
            function = UserFunction(name, ("text",), signal.type, signal.of_text)
            columns[SIGNAL_PREFIX + name] = _call(function, batch)
    for spec in settings.functions:
        function = load_function(spec)
        columns[SIGNAL_PREFIX + function.name] = _call(function, batch)
    return with_columns(batch, columns)


def _call(function: UserFunction, batch: pa.RecordBatch) -> pa.Array:
    columns = [column(batch, name).to_pylist() for name in function.columns]
    values = [
        None if row[0] is None else function.result(*row) for row in zip(*columns, strict=True)
    ]
    return pa.array(values, function.type)


def tells(batches: Iterator[pa.RecordBatch], settings: Settings) -> list[str]:
    """How words are found in texts that are mostly of scripts without blanks, if there are any."""
    if "unspaced_ratio" not in settings.measured:
        return []
    count = sum(
        int(pc.sum(pc.greater(column(batch, TELLS_BY[0]), 0.5)).as_py() or 0) for batch in batches
    )
    words = (
        f"words are those of {dictionaries()}"
        if dictionaries()
        else "each letter counts as a word (`pip install 'tilth[scripts]'` brings dictionaries)"
    )
    texts = f"{count} texts are" if count > 1 else "1 text is"
    return [f"{texts} in scripts that put no blanks between words: {words}"] if count else []
