"""Packing: nothing is lost, nothing is predicted twice, and a small change moves little."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.samples import documents, images
from tilth.randomness import ids_to_u64
from tilth.training import examples as module
from tilth.training.examples import END, Documents, Examples, Ragged


def targets_of(rows: Examples) -> list[int]:
    """All tokens that are predicted, in order."""
    return [
        int(token)
        for window, count in zip(rows.rows, rows.labels, strict=True)
        for token in window[1 : 1 + count]
    ]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=60), st.integers(2, 12))
def test_every_token_is_predicted_exactly_once(lengths: list[int], context: int) -> None:
    docs = documents(lengths)
    rows = docs.pack(context)
    predicted = targets_of(rows)
    assert [t for t in predicted if t != END] == docs.tokens.tolist()
    assert predicted.count(END) == len(docs)  # each document's end is predicted too
    assert int(rows.labels.sum()) == len(docs.tokens) + len(docs)
    assert (rows.rows[:, 1:][np.arange(context) >= rows.labels[:, None]] == END).all()


def test_windows_follow_each_other_within_a_run() -> None:
    rows = documents([30]).pack(7)
    for one, following in zip(rows.rows[:-1], rows.rows[1:], strict=True):
        assert one[-1] == following[0]
    assert rows.rows[0, 0] == END


def test_leaving_a_document_out_moves_few_windows() -> None:
    docs = documents([25] * 400)
    whole = docs.pack(16)
    less = docs.select(np.delete(np.arange(400), 200)).pack(16)
    kept = np.isin(less.ids, whole.ids).mean()
    assert kept > 0.95
    shared = set(less.ids.tolist()) & set(whole.ids.tolist())
    of = {int(i): row for i, row in zip(whole.ids, whole.rows, strict=True)}
    same = [
        np.array_equal(of[int(i)], r)
        for i, r in zip(less.ids, less.rows, strict=True)
        if int(i) in shared
    ]
    assert np.mean(same) > 0.97


def test_ids_are_distinct() -> None:
    rows = documents([25] * 400).pack(16)
    assert len(set(rows.ids.tolist())) == len(rows)


def test_a_window_holds_documents_of_one_weight() -> None:
    docs = documents([10] * 90)
    weights = np.tile(np.array([0.0, 1.0, 2.5], np.float32), 30)
    docs = Documents(docs.tokens, docs.starts, docs.bytes, docs.ids, weights)
    rows = docs.pack(16)
    assert set(rows.weights.tolist()) == {1.0, 2.5}
    packing = rows.packing
    assert packing is not None
    assert set(packing.ids.tolist()) == set(docs.ids[weights > 0].tolist())
    # 30 documents of 10 tokens and an end each, for both of the weights.
    assert [int(rows.labels[rows.weights == w].sum()) for w in (1.0, 2.5)] == [330, 330]


def test_names_are_those_of_the_documents_in_the_window() -> None:
    docs = documents([3, 3, 20])
    rows = docs.pack(16)
    assert rows.names(np.array([0]))[0] == f"{int(docs.ids[0]):016x}"


def test_select_and_concatenate_documents() -> None:
    docs = documents([4, 0, 7])
    chosen = docs.select(np.array([2, 0]))
    assert chosen.tokens.tolist() == docs.tokens[4:].tolist() + docs.tokens[:4].tolist()
    assert chosen.starts.tolist() == [0, 7, 11]
    both = Documents.concatenate(
        [docs.select(np.array([True, True, False])), docs.select(np.array([2]))]
    )
    for name in ("tokens", "starts", "bytes", "ids", "weights"):
        assert np.array_equal(getattr(both, name), getattr(docs, name))
    assert len(docs.select(np.zeros(0, np.int64))) == 0
    assert len(docs.select(np.zeros(0, np.int64)).pack(8)) == 0


def test_select_of_images_and_not_of_windows() -> None:
    rows = images(10).select(np.arange(10) < 4)
    assert len(rows) == 4
    with pytest.raises(ValueError, match="pack"):
        documents([20]).pack(8).select(np.array([0]))


def test_a_large_pack_lies_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LARGE_BYTES", 1)
    docs = documents([30] * 20)
    on_disk, in_memory = docs.pack(8, tmp_path), docs.pack(8)
    assert isinstance(on_disk.rows, np.memmap)
    assert np.array_equal(on_disk.rows, in_memory.rows)
    assert list(tmp_path.iterdir()) == []


def test_id_numbers_are_the_first_16_digits() -> None:
    assert ids_to_u64(["00000000000000ff" + "a" * 16]).tolist() == [255]


rows_of_tokens = st.lists(st.lists(st.integers(1, 60_000), max_size=9), min_size=1, max_size=12)


@given(rows_of_tokens, st.data())
def test_ragged_rows_are_lists(rows: list[list[int]], data: st.DataObject) -> None:
    ragged = Ragged.of([np.array(row, np.uint16) for row in rows], np.uint16)
    assert [row.tolist() for row in ragged] == rows
    assert ragged.lengths.tolist() == [len(row) for row in rows]
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=1, max_size=9))
    index = np.array(chosen, np.int64)
    assert [row.tolist() for row in ragged.select(index)] == [rows[i] for i in chosen]
    padded, lengths = ragged.padded(index, fill=7, limit=5)
    cut = [rows[i][:5] for i in chosen]
    assert lengths.tolist() == [len(row) for row in cut]
    longest = max(len(row) for row in cut)
    assert padded.tolist() == [row + [7] * (longest - len(row)) for row in cut]


def test_shuffled_documents_stand_in_another_order_that_leaving_one_out_keeps() -> None:
    docs = replace(documents([25] * 400), shuffled=True)
    plain, whole = replace(docs, shuffled=False).pack(16), docs.pack(16)
    assert sorted(targets_of(whole)) == sorted(targets_of(plain))
    assert whole.packing is not None
    assert whole.packing.ids.tolist() != docs.ids.tolist()
    assert sorted(whole.packing.ids.tolist()) == sorted(docs.ids.tolist())
    less = docs.select(np.delete(np.arange(400), 200)).pack(16)
    assert np.isin(less.ids, whole.ids).mean() > 0.95
