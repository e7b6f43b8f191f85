"""A recipe for what lies at a path: guesses, each with what was seen, which run as they stand.

What is written is a beginning, to be read and changed. It is tried before it is given: it is
checked, and of each source the first samples are read by the very source that it names.
"""

from __future__ import annotations

import math
import tempfile
import textwrap
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import yaml

from tilth.clean import extract, language
from tilth.context import Context
from tilth.errors import DataError
from tilth.foreign import visible
from tilth.query.seen import Seen, look
from tilth.query.source import Source
from tilth.query.sourced import sources_of
from tilth.recipe.load import parse_recipe
from tilth.recipe.model import RecipeStep
from tilth.schema import ERROR, column
from tilth.spell import counted, percent, plural

# Of each source, samples that are read and seconds for it; texts whose language is looked at.
TRIED: Final = 200
TRIED_SECONDS: Final = 10.0
_MAX_TEXTS: Final = 100
_MAX_PAGES: Final = 10
# Texts below which no language is said to be one of the data's.
_LEAST_TEXTS: Final = 10
# Share of the texts from which on a language is one of the data's.
_LEAST_SHARE: Final = 0.05
_LEAST_LETTERS: Final = 20
# A budget is kept where no sample of the trial was bad.
_BUDGET: Final = 0.01
_WIDTH: Final = 96


@dataclass
class Tried:
    """What came of the first samples of a source.

    Attributes:
        num_rows, num_bad: How many were read, and how many of these could not be.
        errors: Why, with how often.
        splits: How many of the others are of each split; of none: under None.
        languages: Of their texts.
        is_whole: Whether these are all that the source has.
    """

    num_rows: int = 0
    num_bad: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    splits: Counter[str | None] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    is_whole: bool = False


@dataclass(frozen=True)
class Draft:
    """A recipe that was drafted.

    Attributes:
        text: Of the file.
        name: Of its run.
        sources: Name -> operation.
        about: What was seen, in sentences.
    """

    text: str
    name: str
    sources: Mapping[str, str]
    about: tuple[str, ...]


def draft(path: str, name: str) -> Draft:
    """A recipe for what lies at a path.

    Args:
        path: A file, a folder or a glob, relative to the working directory.
        name: Of the recipe's run.

    Raises:
        MissingError: There is nothing.
        UsageError: It is an address, or too large to be listed.
        DataError: Nothing of it can be read.
    """
    seen = look(path)
    sources = sources_of(seen)
    recipe = parse_recipe(_written(seen, sources, name, []), "the draft")
    sources, tried = _readable(recipe.sources, sources, seen)
    for source, one in zip(sources, tried, strict=True):
        # What was read to its end knows better than the names of files.
        all_have = None not in one.splits
        source.has_splits = all_have and (source.has_splits or one.is_whole)
    text = _written(seen, sources, name, tried)
    parse_recipe(text, "the draft")
    about = [f"{source.name}: {one}" for source in sources for one in source.about]
    return Draft(text, name, {one.name: one.op for one in sources}, tuple(about))


def _readable(
    steps: Sequence[RecipeStep], sources: Sequence[Source], seen: Seen
) -> tuple[list[Source], list[Tried]]:
    """The sources of which something can be read, and what came of each; the others are told.

    Raises:
        DataError: There is none.
    """
    found: list[Source] = []
    tried: list[Tried] = []
    first: DataError | None = None
    for step, source in zip(steps, sources, strict=True):
        try:
            tried.append(_try(step, source, seen.path))
            found.append(source)
        except DataError as error:
            first = first or error
            place = source.settings.get("path", "")
            seen.left.append(f"{place} is left out: `{source.op}` says {error.what}")
    if not found and first is not None:
        raise first
    return found, tried


def _try(step: RecipeStep, source: Source, path: str) -> Tried:
    """Read the first samples of a source.

    Raises:
        DataError: Not one could be read, or the source refuses what it finds.
    """
    tried = Tried()
    ends = time.monotonic() + TRIED_SECONDS
    with tempfile.TemporaryDirectory() as work:
        read = step.operation.module.read(step.settings, source.name, Context(Path(work)))
        with closing(read):
            for batch in read:
                _count(tried, batch.slice(0, TRIED - tried.num_rows))
                if tried.num_rows >= TRIED or time.monotonic() > ends:
                    break
            else:
                tried.is_whole = True
    if tried.num_rows and tried.num_bad == tried.num_rows:
        (cause, _), *_ = tried.errors.most_common(1)
        raise DataError(
            f"not one of the first {plural(tried.num_rows, 'sample')} could be read: {cause}",
            where=path,
            hint=f"`tilth explain {source.op}` says what can be set",
            code="unreadable",
        )
    return tried


def _count(tried: Tried, batch: pa.RecordBatch) -> None:
    errors = column(batch, ERROR).to_pylist()
    bad = [one for one in errors if one]
    tried.num_rows += batch.num_rows
    tried.num_bad += len(bad)
    tried.errors.update(visible(one)[:100] for one in bad)
    # As a run does it: what cannot be read is quarantined before anything is drawn.
    good = batch.filter(pa.array([not one for one in errors]))
    tried.splits.update(column(good, "split").to_pylist())
    left = _MAX_TEXTS - tried.languages.total()
    for text in _texts(good.slice(0, max(0, left))):
        tried.languages[language.identify(text, language.Settings())[0]] += 1


def _texts(batch: pa.RecordBatch) -> Iterator[str]:
    """Texts of samples, of pages the main one, that are long enough to know their language."""
    if "html" in batch.schema.names and column(batch, "html").null_count < batch.num_rows:
        batch = extract.apply(batch.slice(0, _MAX_PAGES), extract.Settings())
    for text in column(batch, "text").to_pylist():
        if text and sum(map(str.isalpha, text[:2000])) >= _LEAST_LETTERS:
            yield text


def _written(seen: Seen, sources: Sequence[Source], name: str, tried: Sequence[Tried]) -> str:
    """The recipe's text.

    Args:
        seen: What was seen.
        sources: That read it.
        name: Of the run.
        tried: What came of each; none: they were not tried yet.
    """
    has = frozenset().union(*(source.has for source in sources))
    lines = [
        *_comment(_opening(seen)),
        "tilth: 1",
        f"name: {_plain(name)}",
        "seed: 0",
        *_budget(sources, tried),
        "",
        "collect:",
    ]
    for at, source in enumerate(sources):
        lines += _source_lines(source, tried[at] if tried else None)
    lines += ["", *_clean(has, tried)]
    is_open = not all(source.has_splits for source in sources)
    lines += ["", *_deduplicate(has, is_open=is_open)]
    if "annotations" in has:
        lines += ["", "label:"]
        lines += _comment(["people's answers become one label a sample"], 2)
        lines += ["  - consensus"]
    lines += ["", *_mix(sources), "", *_pretrain(has)]
    return "\n".join(lines).rstrip() + "\n"


def _opening(seen: Seen) -> list[str]:
    # A path may hold what breaks a comment's line.
    place = visible(seen.path).replace("\n", " ")
    looked = f"{plural(len(seen.files), 'file')}, {seen.num_bytes:,} bytes"
    found = [
        f"What `tilth init --from` saw at {place}, and guessed: read it, change it, and run it.",
        f"Looked at: {looked}. {'; '.join(seen.left) + '.' if seen.left else ''}",
    ]
    reasons = [counted(number, reason) for reason, number in seen.passed.most_common(6)]
    if reasons:
        found.append(f"Passed over: {visible('; '.join(reasons))}.")
    found.append("Lines that begin with `# -` or `# key:` are what may be meant instead, or too.")
    return found


def _budget(sources: Sequence[Source], tried: Sequence[Tried]) -> list[str]:
    """A budget that holds what is known to be bad, with as much again."""
    shares = [
        max(source.unread, one.num_bad / max(1, one.num_rows))
        for source, one in zip(sources, tried, strict=bool(tried))
    ]
    worst = max(shares, default=0.0)
    if worst <= _BUDGET / 2:
        return []
    budget = min(1.0, math.ceil(200 * worst) / 100)
    told = f"up to {percent(worst)} of a source could not be read: see why before you rely on it"
    return [*_comment([told]), f"error_budget: {budget:g}"]


def _comment(sentences: Sequence[str], indent: int = 0) -> list[str]:
    start = " " * indent + "# "
    return [
        line
        for sentence in sentences
        for line in textwrap.wrap(
            " ".join(visible(sentence).split()),
            _WIDTH,
            initial_indent=start,
            subsequent_indent=start + "  ",
            break_on_hyphens=False,
        )
    ]


def _plain(value: Any) -> str:
    """A value on one line of YAML."""
    text: str = yaml.safe_dump(
        value, default_flow_style=True, width=math.inf, allow_unicode=True, sort_keys=False
    )
    return text.strip().removesuffix("...").strip()


def _source_lines(source: Source, tried: Tried | None) -> Iterator[str]:
    yield f"  {source.name}:"
    about = list(source.about)
    if tried is not None and tried.num_rows:
        were = "was" if tried.num_rows == 1 else "were"
        about.append(f"tried: {plural(tried.num_rows, 'sample')} from its beginning {were} read")
        if tried.num_bad:
            why = f"`tilth show NAME collect.{source.name} --quarantined` says why"
            about.append(f"{tried.num_bad:,} of them could not be: once it ran, {why}")
    yield from _comment(about, 4)
    yield f"    {source.op}:"
    for key, value in source.settings.items():
        yield from _comment(source.why.get(key, ()), 6)
        if key == "fields" and isinstance(value, Mapping):
            yield "      fields:"
            for name, one in value.items():
                yield from _comment(source.why.get(f"fields.{name}", ()), 8)
                yield f"        {name}: {_plain(one)}"
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            yield f"      {key}:"
            yield from (f"        - {_plain(one)}" for one in value)
        else:
            yield f"      {key}: {_plain(value)}"
    yield from _comment([f"perhaps: {one}" for one in source.perhaps], 6)


def _clean(has: frozenset[str], tried: Sequence[Tried]) -> list[str]:
    if not has & {"text", "html", "image"}:
        return ["# clean: what is measured of sounds is said by `tilth list signals`"]
    lines = ["clean:"]
    if "html" in has:
        lines += _comment(["the main text of each page; what is no page passes unchanged"], 2)
        lines += ["  - extract"]
    if has & {"text", "html"}:
        lines += ["  - normalize", *_language(tried)]
        lines += _comment(["- signals", "- rules: {where: [word_count >= 30]}"], 2)
    if "image" in has:
        lines += ["  - check_image"]
        lines += _comment(['- rules: {where: ["width >= 32", "height >= 32"]}'], 2)
    return lines


def _language(tried: Sequence[Tried]) -> list[str]:
    counts = sum((one.languages for one in tried), Counter[str]())
    if not counts:
        return _comment(["- language: {keep: [en]}"], 2)
    if counts.total() < _LEAST_TEXTS:
        told = f"{plural(counts.total(), 'text')}: too few to say which languages these are"
        return _comment([told, "- language: {keep: [en]}"], 2)
    found = [
        (code, number)
        for code, number in counts.most_common()
        if number >= max(_LEAST_SHARE * counts.total(), 1 + counts.total() // _LEAST_TEXTS // 5)
        and code != language.UNKNOWN
    ]
    shares = ", ".join(f"`{code}` {percent(n, counts.total(), 0)}" for code, n in found)
    told = f"of {plural(counts.total(), 'text')} that were looked at: {shares or 'none is sure'}"
    keep = ", ".join(code for code, _ in found) or "en"
    kept = f"- language: {{keep: [{keep}, unknown]}}"
    if len(found) > 1:
        told += "; to keep some of them only, name them under `keep`"
        return [*_comment([told], 2), "  - language", *_comment([kept], 2)]
    return _comment([told, kept], 2)


def _deduplicate(has: frozenset[str], *, is_open: bool) -> list[str]:
    lines = ["deduplicate:"]
    if is_open:
        told = "no file and no field says what is for test and validation, so it is drawn"
        lines += _comment([told, "`by:` keeps together what belongs together, as a speaker"], 2)
        lines += ["  - hold_out: {test: 0.1, validation: 0.1}"]
    if has & {"text", "html"}:
        lines += ["  - exact", *_comment(["- minhash"], 2)]
    for payload in ("image", "audio"):
        if payload in has:
            lines += [f"  - exact: {{of: {payload}}}"]
    return lines


def _mix(sources: Sequence[Source]) -> list[str]:
    weights = ", ".join(f"{source.name}: 1.0" for source in sources)
    lines = ["mix:", *_comment(["how often the samples of a source are seen in an epoch"], 2)]
    return [*lines, f"  - weights: {{sources: {{{weights}}}}}"]


def _pretrain(has: frozenset[str]) -> list[str]:
    """A training to begin with, commented out: a look does not tell whether the data suffice."""
    task, model = _task_for(has)
    if not task:
        return []
    told = "a training, with the extra `train`; `tilth explain pretrain` lists its settings"
    return [
        *_comment([told]),
        "# pretrain:",
        f"#   task: {task}",
        f"#   model: {model}",
        "#   loop: {batch_size: 32, max_steps: 200}",
    ]


def _task_for(has: frozenset[str]) -> tuple[str, str]:
    if "image" in has:
        is_labelled = bool(has & {"label", "annotations"})
        return ("image-classification", "{kind: cnn}") if is_labelled else ("", "")
    if "audio" in has:
        return ("speech-recognition", "{kind: ctc}") if "target" in has else ("", "")
    if "target" in has:
        return "translation", "{kind: seq2seq}"
    if has & {"label", "annotations"}:
        return "text-classification", "{kind: gpt}"
    return "text-generation", "{kind: gpt}"
