"""What an operation gives is refused at its own step where its kind promises something else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from tilth.engine.contract import (
    SamplesOnce,
    require_batch,
    require_batches,
    require_columns,
    require_figures,
    require_keys,
    require_same_rows,
    require_samples,
    require_sentences,
    require_shards,
)
from tilth.errors import StepError
from tilth.reading.records import Batcher
from tilth.schema import SCHEMA, sample_id, with_columns, without_columns

_GOOD: dict[str, list[Any]] = {
    "id": [sample_id("a"), sample_id("b")],
    "source": ["s", "s"],
    "uri": ["x:1", "x:2"],
    "text": ["one", "two"],
}


_ENDLESS: dict[str, Any] = {}
_ENDLESS["a"] = [_ENDLESS]


def _batch(**columns: Any) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({**_GOOD, **columns})


def test_standard_columns_get_their_standard_types() -> None:
    given = _batch(
        text=pa.array(["one", "two"]).dictionary_encode(),
        html=pa.array([b"a", None], pa.binary()),
        label_confidence=pa.array([1, 0], pa.int8()),
        label=pa.nulls(2),
    )
    found = require_batch(given, "`read`", "step")
    assert {name: found.schema.field(name).type for name in found.schema.names} == {
        name: SCHEMA[name] for name in (*_GOOD, "html", "label_confidence", "label")
    }
    assert found.to_pylist() == given.to_pylist()
    require_samples(found, "s", "step")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (None, "gives a NoneType, not a pyarrow.RecordBatch"),
        ({"id": "a"}, "gives a dict"),
        (pa.table(_GOOD), "gives a Table"),
        (_batch(text=[1, 2]), "the column `text` as int64; it is large_string"),
        (_batch(label=[0.5, 1.0]), "the column `label` as double; it is string"),
        (_batch(label=[True, False]), "the column `label` as bool"),
        (_batch(label_confidence=["a", "b"]), "the column `label_confidence` as string"),
        (_batch(text=[b"\xff", b""]), "gives `text` as no large_string"),
        (_batch(**{"drop.rule": [1, None]}), "the column `drop.rule` as int64"),
        (_batch(annotations=[["a"], []]), "gives `annotations` as no list"),
        (
            pa.RecordBatch.from_arrays([pa.array(["a"]), pa.array(["b"])], ["id", "id"]),
            "the column `id` twice",
        ),
    ],
)
def test_another_kind_of_value_is_refused(given: object, told: str) -> None:
    with pytest.raises(StepError) as raised:
        require_batch(given, "`apply`", "clean.mine, shard 0")
    assert told in raised.value.what
    assert raised.value.where == "clean.mine, shard 0"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (_batch().select(["source", "uri", "text"]), "no column `id`"),
        (_batch().select(["id", "source", "text"]), "no column `uri`"),
        (_batch(source=["s", None]), "rows without `source`"),
        (_batch(id=["x", sample_id("b")]), "the id `x`"),
        (_batch(source=["s", "t"]), "of the source `s` gives rows of `t`"),
        (_batch(id=[sample_id("a"), sample_id("b").upper()]), "which is no sample's"),
        (_batch(id=[sample_id("a"), sample_id("b") + "0"]), "which is no sample's"),
    ],
)
def test_a_sample_has_a_name_a_source_and_an_address(given: pa.RecordBatch, told: str) -> None:
    with pytest.raises(StepError) as raised:
        require_samples(require_batch(given, "`read`", "step"), "s", "step")
    assert told in raised.value.what


def test_a_batch_without_a_row_is_a_batch() -> None:
    empty = _batch().slice(0, 0)
    require_samples(require_batch(empty, "`read`", "step"), "s", "step")
    require_same_rows(empty, empty, "step")
    SamplesOnce().add(empty, "step")


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"split": ["train", "dev"]}, "gives 'dev' as `split`; it is one of train, validation"),
        ({"label_confidence": [0.5, 1.5]}, "gives 1.5 as `label_confidence`; it is from 0 to 1"),
        ({"label_confidence": [-0.1, None]}, "gives -0.1"),
        ({"label_confidence": [float("nan"), 1.0]}, "gives nan"),
    ],
)
def test_values_of_standard_columns_are_among_theirs(columns: dict[str, Any], told: str) -> None:
    with pytest.raises(StepError) as raised:
        require_batch(_batch(**columns), "`apply`", "step")
    assert told in raised.value.what
    sound = _batch(split=["test", None], label_confidence=[0.0, 1.0])
    assert require_batch(sound, "`apply`", "step").to_pylist() == sound.to_pylist()


def test_what_is_read_comes_batch_by_batch_and_to_the_last_row() -> None:
    def read(*, flush: bool) -> Iterator[object]:
        batcher = Batcher("s", ("text",), {}, None)
        yield from batcher.add({"text": "a"}, "f:1", 1)
        if flush:
            yield from batcher.flush()

    (batch,) = require_batches(read(flush=True), "step")
    assert isinstance(batch, pa.RecordBatch)
    with pytest.raises(StepError, match="its Batcher still holds 1 rows"):
        list(require_batches(read(flush=False), "step"))
    with pytest.raises(StepError, match="`read` gives a NoneType"):
        list(require_batches(None, "step"))


def test_keys_are_of_the_batch_and_decisions_of_shards_that_there_are() -> None:
    require_keys(pa.string(), ["a"], {"a": 0}, "`keys_again`", "step")
    for kind in (pa.large_string(), pa.int64(), pa.list_(pa.uint64()), pa.large_list(pa.string())):
        with pytest.raises(
            StepError,
            match=r"`keys_again` gives `key` as .*it is one of string, uint64, large_list",
        ):
            require_keys(kind, ["a"], {"a": 0}, "`keys_again`", "step")
    with pytest.raises(StepError, match="the id `b`, which is none of the batch"):
        require_keys(pa.string(), ["b"], {"a": 0}, "`keys_again`", "step")
    require_shards(pa.chunked_array([[-1, 0, 1]]), 2, "`resolve`", "step")
    for shards, told in (([0, 2], "the shard 2, and there are 2"), ([-2], "the shard -2")):
        with pytest.raises(StepError, match=told):
            require_shards(pa.chunked_array([shards]), 2, "`resolve`", "step")
    with pytest.raises(StepError, match="`resolve` decides of the shard none"):
        require_shards(pa.chunked_array([[0, None]]), 2, "`resolve`", "step")
    with pytest.raises(StepError, match="`shard` as double"):
        require_shards(pa.chunked_array([[0.0]]), 2, "`resolve`", "step")


def test_an_id_is_of_one_sample_in_a_shard() -> None:
    once = SamplesOnce()
    once.add(_batch(), "step")
    once.add(_batch(), "step")  # the same two files again, as in an archive
    once.add(_batch(target=["x", "y"], label=["1", "2"]), "step")  # with another translation
    once.add(_batch(image=pa.nulls(2, pa.large_binary())), "step")
    for name in ("text", "image", "audio", "html"):
        other = pa.array(["x", "y"]).cast(SCHEMA[name])
        with pytest.raises(StepError, match="to two samples"):
            once.add(_batch(**{name: other}), "step")
    once.add(_batch(id=[sample_id("c"), sample_id("d")]), "step")
    with pytest.raises(StepError, match=f"the id `{sample_id('a')}` to two samples"):
        once.add(_batch(id=[sample_id("e"), sample_id("a")]), "step")
    with pytest.raises(StepError, match="to two samples"):
        SamplesOnce().add(_batch(id=[sample_id("a")] * 2), "step")


def test_an_operation_adds_and_marks_and_leaves_the_rest() -> None:
    batch = _batch(html=[b"<p>", b"<p>"], split=["test", None])
    require_same_rows(batch, with_columns(batch, {"text": ["new"] * 2, "more": [1, 2]}), "step")
    require_same_rows(batch, without_columns(batch, ["html"]), "step")
    for other in (batch.slice(1), batch.take(pa.array([1, 0])), without_columns(batch, ["id"])):
        with pytest.raises(StepError, match="added, removed or reordered rows"):
            require_same_rows(batch, other, "step")
    for name in ("source", "uri", "text", "split"):
        with pytest.raises(StepError, match=f"no column `{name}`"):
            require_same_rows(batch, without_columns(batch, [name]), "step")
    for name in ("source", "uri"):
        with pytest.raises(StepError, match=f"changes `{name}`"):
            require_same_rows(batch, with_columns(batch, {name: ["x"] * 2}), "step")


def test_a_phase_gives_a_table_with_what_the_next_one_reads() -> None:
    table = pa.table({"id": ["a"], "key": ["b"]})
    assert require_columns(table, ("id", "key"), "`keys`", "mine") is table
    for given, told in ((None, "a NoneType"), (_batch(), "a RecordBatch"), (table, "`shard`")):
        with pytest.raises(StepError) as raised:
            require_columns(given, ("shard",), "`resolve`", "mine")
        assert told in raised.value.what


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (None, "a NoneType, not a dict"),
        ({"a": {"b": float("nan")}}, "gives nan under `a.b`"),
        ({"a": [1, float("inf")]}, "gives inf under `a.1`"),
        ({"a": {1: 2}}, "keys under `a` that are no text"),
        (_ENDLESS, "nested too deeply, or holds itself"),
        ({"a": {2.0}}, "a set under `a`"),
    ],
)
def test_figures_are_what_a_manifest_can_keep(given: object, told: str) -> None:
    with pytest.raises(StepError) as raised:
        require_figures(given, "step")
    assert told in raised.value.what


def test_figures_that_can_be_kept_stay_as_they_are() -> None:
    given = {"rows": 3, "share": 0.5, "by": {"a": [1, None, "x", True]}, "empty": {}}
    assert require_figures(given, "step") is given


@pytest.mark.parametrize(
    ("name", "step", "is_kept"),
    [
        ("signal.weight", "clean.mine (own/clean/mine.py), shard 0", False),
        ("signal.weight", "mix.mine (own/mix/mine.py), shard 0", True),
        ("signal.weight", "value.arm/mix.mine, shard 0", True),
        ("signal.votes", "clean.mine", False),
        ("signal.label", "mix.mine", False),
        ("signal.worth", "clean.mine", True),
    ],
)
def test_what_tilth_reads_itself_is_no_signal_of_ones_own(
    name: str, step: str, is_kept: bool
) -> None:
    after = with_columns(_batch(), {name: pa.array([1.0, 2.0])})
    require_same_rows(after, after, step)  # a step before may have given it
    if is_kept:
        require_same_rows(_batch(), after, step)
        return
    with pytest.raises(StepError, match="which is a name that Tilth reads itself"):
        require_same_rows(_batch(), after, step)


def test_a_source_gives_no_mixture() -> None:
    with pytest.raises(StepError, match=r"`read` gives `signal\.weight`"):
        require_samples(_batch(**{"signal.weight": [1.0, 1.0]}), "s", "collect.s")


@pytest.mark.parametrize("given", [None, "one", ["one", 2]])
def test_a_survey_gives_sentences(given: object) -> None:
    assert require_sentences(["one"], "step") == ["one"]
    with pytest.raises(StepError, match="not a list of sentences"):
        require_sentences(given, "step")
