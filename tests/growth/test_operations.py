"""Every operation of the registry, over records and texts ten times as many and as long.

A new operation is tried as it is. Where it needs settings or columns that no other needs, they
stand in `SETTINGS` and `_batch`.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import PIL.Image
import pyarrow as pa
import pytest

from tests.augment.texts import keys
from tests.deduplicate.conftest import sample_batch, shuffle
from tests.growth.measure import assert_linear
from tests.growth.shapes import PAGES, TEXTS, Shape
from tilth.augment.registry import kind_of
from tilth.augment.sounds import Spectra, Waves
from tilth.augment.token_rows import TokenRows
from tilth.engine.parts import with_parts
from tilth.errors import DataError
from tilth.recipe.operations import Operation, operations

SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "rules": {"where": ["label != 'x' and known(source)"]},
    "hold_out": {"test": 0.1},
    "annotations": {"ledger": "annotations/none"},
    "redact": {"columns": ["text", "target"]},
    "weights": {"sources": {f"s{i}": 0.5 for i in range(100)}},
    "select": {"css": "p"},
    "chunk": {"at_most": 50, "overlap": 5},
    "preferences": {"first": "meta.first", "second": "meta.second"},
}
# Characters of a record, and records; ten times the second is the most. No more, so that kernels
# that are fast anyhow are not measured where their tables have outgrown the processor's cache.
START, LARGEST = 1000, 30_000
RECORDS, MOST_RECORDS = 20, 500
# Shapes that every operation is tried with by default; the others are slow in sum.
USUAL = (
    *("one line without blanks", "one word", "blanks", "digits", "punctuation", "newlines"),
    *("brackets", "directory", "numbered lines", "marks"),
)

OPERATIONS = operations()
# A language model is asked by the network: tests/growth/test_label_models.py.
MAPS = [
    name
    for name, op in OPERATIONS.items()
    if op.kind in ("map", "part", "shuffle") and name != "language_model"
]
PAGED = ("extract", "select")
TRANSFORMS = [name for name, op in OPERATIONS.items() if op.kind == "transform"]


def _batch(texts: list[str], name: str) -> pa.RecordBatch:
    """Samples with all that a record operation may look at; `check_image` alone gets images."""
    rows: list[dict[str, Any]] = []
    for i, text in enumerate(texts):
        row: dict[str, Any] = {
            "id": f"{i:032x}",
            "source": f"s{i % 300}",
            "uri": f"https://host{i}.org/{i}",
            "text": text,
            "target": text[:1000],
            "split": "test" if i % 10 == 3 else "train",
            "annotations": [
                {"annotator": f"a{(i * 7 + j) % 50}", "label": f"l{(i + j // 2) % 5}"}
                for j in range(3)
            ],
        }
        if name in PAGED:
            row["html"] = text.encode()
        if name == "check_image":
            row["image"] = _png(len(text))
        if name == "preferences":
            for place, one in enumerate(row["annotations"]):
                one["label"] = ("first", "second", "tie")[(i + place) % 3]
        rows.append(row)
    batch = sample_batch(rows)
    for field, step in (("meta.first", 1), ("meta.second", 7)) if name == "preferences" else ():
        things = [f"{i * step % 40} {text}" for i, text in enumerate(texts)]
        batch = batch.append_column(field, pa.array(things))
    return batch


def _png(num_pixels: int) -> bytes:
    out = io.BytesIO()
    side = max(1, int(num_pixels**0.5))
    PIL.Image.new("L", (side, side)).save(out, "png")
    return out.getvalue()


def _run(op: Operation, batch: pa.RecordBatch) -> Callable[[], object]:
    settings = op.settings.model_validate(SETTINGS.get(op.name, {}))

    def run() -> object:
        if op.kind == "map":
            return op.module.apply(batch, settings)
        if op.kind == "part":
            return with_parts(batch, op.module.part(batch, settings), f"{op.stage}.{op.name}")
        try:
            return shuffle(op.module, settings, batch)
        except DataError:
            return None  # not a word to compare: said, and measured all the same

    return run


def _usual(shapes: Mapping[str, Shape], usual: tuple[str, ...]) -> list[Any]:
    return [
        pytest.param(name, marks=() if name in usual else pytest.mark.sweep, id=name)
        for name in shapes
    ]


@pytest.mark.parametrize("shape", _usual(TEXTS, USUAL))
@pytest.mark.parametrize("name", [name for name in MAPS if name not in PAGED])
def test_a_longer_record(name: str, shape: str) -> None:
    op = OPERATIONS[name]
    assert_linear(lambda n: _run(op, _batch([TEXTS[shape](n)] * 2, name)), START, LARGEST)


@pytest.mark.parametrize("shape", _usual(PAGES, ("tables", "open depth", "signs")))
@pytest.mark.parametrize("method", ["trafilatura", "resiliparse"])
def test_a_longer_page(method: str, shape: str) -> None:
    op = OPERATIONS["extract"]
    settings = op.settings.model_validate({"method": method})

    def make(n: int) -> Callable[[], object]:
        batch = _batch([PAGES[shape](n)], "extract")
        return lambda: op.module.apply(batch, settings)

    # From where trafilatura compares no more, above 5,000 elements: up to there its time is
    # bounded, not linear. Of links, from where its trees no longer fit into the cache: 150,000 and
    # 1,500,000 characters take 0.105 and 1.58 s, 600,000 and 1,500,000 take 0.60 and 1.58.
    start = {"tables": 60_000, "links": 600_000}.get(shape) if method == "trafilatura" else None
    assert_linear(make, start or 10_000, start or 60_000)


@pytest.mark.parametrize("shape", _usual(PAGES, ("tables", "open depth", "rows")))
@pytest.mark.parametrize("css", ["div, td, li, h1", ":has(a)", "article p"])
def test_a_longer_page_of_elements(css: str, shape: str) -> None:
    op = OPERATIONS["select"]
    given = {"css": css, "fields": {"title": "b", "link": "a::attr(href)"}}
    settings = op.settings.model_validate({**given, "max_elements": 1_000_000})

    def make(n: int) -> Callable[[], object]:
        batch = _batch([PAGES[shape](n)], "select")
        return lambda: with_parts(batch, op.module.part(batch, settings), "clean.select")

    # Up to the greatest depth, time is bounded and not linear.
    start = 60_000 if "depth" in shape else 10_000
    assert_linear(make, start, start)


@pytest.mark.parametrize("form", ["the same", "distinct", "short", "nearly the same"])
@pytest.mark.parametrize("name", MAPS)
def test_more_records(name: str, form: str) -> None:
    def text(i: int) -> str:
        return {
            "the same": "one text that stands there again and again, with a word or two in it",
            "distinct": f"record {i:07d} of many, with the number {i * 7919 % 10**7:07d} in it",
            "short": "x",
            "nearly the same": f"one text of a good many words that differs in number {i:07d} only "
            "while all that stands before and after it is what it was in every other one of them",
        }[form]

    op = OPERATIONS[name]
    assert_linear(
        lambda n: _run(op, _batch([text(i) for i in range(n)], name)), RECORDS, MOST_RECORDS
    )


# The answers to n items: from an item and the place of an answer to who gave it, and what it is.
CROWDS: Mapping[str, Callable[[int, int, int], tuple[int, int]]] = {
    "labels": lambda n, i, j: (j, i + j // 2),
    "annotators": lambda n, i, j: (3 * i + j, (i + j // 2) % 5),
    "labels and annotators": lambda n, i, j: ((3 * i + j) % (n // 2), (i + j // 2) % (n // 2)),
    "answers to one": lambda n, i, j: (3 * i + j, 3 * i + j),
}


@pytest.mark.parametrize(
    ("method", "form"),
    [
        *(("dawid-skene", form) for form in ("labels and annotators", "answers to one")),
        ("mace", "labels and annotators"),
        *(
            pytest.param("dawid-skene", f, marks=pytest.mark.sweep)
            for f in ("labels", "annotators")
        ),
        *(
            pytest.param(method, form, marks=pytest.mark.sweep)
            for method in ("majority", "single")
            for form in CROWDS
        ),
    ],
)
def test_a_consensus_of_more(method: str, form: str) -> None:
    op = OPERATIONS["consensus"]
    settings = op.settings.model_validate({"method": method})

    def make(n: int) -> Callable[[], object]:
        answers = [[CROWDS[form](n, i, j) for j in range(3)] for i in range(n)]
        if form == "answers to one":
            answers = [[answer for few in answers for answer in few]]
        rows = [
            {
                "id": f"{i:032x}",
                "source": "s",
                "annotations": [{"annotator": f"a{who}", "label": f"l{what}"} for who, what in few],
            }
            for i, few in enumerate(answers)
        ]
        batch = sample_batch(rows)

        def run() -> object:
            keys = op.module.keys(batch, settings)
            keys = keys.append_column("shard", pa.array([0] * len(keys), pa.int32()))
            keys = keys.append_column("position", pa.array(range(len(keys)), pa.int64()))
            found = op.module.resolve(op.module.reduce(keys, settings), settings)
            return op.module.describe(iter([op.module.apply(batch, found, settings)]), settings)

        return run

    # From where not every class is weighed for every item; up to there all are. Each of n answers
    # to one item is weighed for 128 classes: above 100 the tables outgrow the processor's cache.
    start, largest = (100, 100) if form == "answers to one" else (300, 500)
    assert_linear(make, start, largest)


def _transform_input(kind: str, num: int, size: int) -> Any:
    rng = np.random.default_rng(0)
    if kind == "tokens":
        tokens = rng.integers(1, 50, (num, size + 2))
        tokens[:, 0] = tokens[:, -1] = 0
        return TokenRows(tokens, np.full(num, size + 2), 50, 0)
    if kind == "images":
        side = max(8, int(size**0.5))
        return rng.random((num, 3, side, side), np.float32)
    if kind == "audio":
        return Waves([rng.random(max(800, size), np.float32) for _ in range(num)], 8000)
    frames = max(10, size // 80)
    return Spectra(rng.random((num, frames, 16), np.float32), np.full(num, frames))


def _transform(name: str, num: int, size: int) -> Callable[[], object]:
    op = OPERATIONS[name]
    given = _transform_input(kind_of(name), num, size)
    drawn = keys(num)
    return lambda: op.module.transform(given, drawn, op.settings())


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_transform_of_more_samples(name: str) -> None:
    assert_linear(lambda n: _transform(name, n, 400), 8, 200)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_transform_of_longer_samples(name: str) -> None:
    assert_linear(lambda n: _transform(name, 4, n), 400, 20_000)
