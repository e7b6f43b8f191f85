"""The batches are a function of (seed, position), whatever was read before."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.samples import IMAGE, IMAGE_FACTS, images, same_bits, tiny_mlp, weights_of
from tilth.augment.chain import build
from tilth.tasks.images.classification.task import ImageClassification
from tilth.tasks.settings import ObjectiveSettings
from tilth.training import batches
from tilth.training.batches import batches_from
from tilth.training.examples import Examples
from tilth.training.loop import train
from tilth.training.order import Index, Order
from tilth.training.settings import LoopSettings, OptimizerSettings
from tilth.training.stopping import plan_steps


def test_ragged_rows_are_batched_by_length_from_any_position() -> None:
    """A pure function of (seed, position): started anywhere, the rest is the same."""

    class Uneven(ImageClassification):
        def lengths(self, examples: Examples) -> Index:
            return (examples.ids % np.uint64(37)).astype(np.int64)

    data, task = images(700), Uneven(IMAGE_FACTS, ObjectiveSettings())
    settings = LoopSettings(epochs=2.2, batch_size=8)
    order = Order(data.ids, data.weights, 5)
    plan = plan_steps(settings, OptimizerSettings(), order, data)

    def rows_from(position: int) -> list[list[int]]:
        found = batches_from(task, data, order, plan, settings, position, 5)
        return [rows.tolist() for rows, _ in found]

    whole = rows_from(0)
    assert sum(len(rows) for rows in whole) == 1_540
    position = 0
    for number, rows in enumerate(whole):
        if number % 17 == 0 or len(rows) < 8:
            assert rows_from(position) == whole[number:]
        position += len(rows)
    lengths = task.lengths(data)
    spread = np.mean([np.ptp(lengths[rows]) for rows in whole])
    assert spread < 0.2 * np.ptp(lengths)
    first_epoch = np.concatenate(whole[: 512 // 8])
    assert len(set(first_epoch.tolist())) == 512


def test_gathering_several_batches_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    many, one = tiny_mlp(), tiny_mlp()
    settings = LoopSettings(max_steps=30, batch_size=8)
    train(many, IMAGE, images(50), None, OptimizerSettings(), settings, seed=0)
    monkeypatch.setattr(batches, "_GATHERED_BYTES", 1)
    train(one, IMAGE, images(50), None, OptimizerSettings(), settings, seed=0)
    assert same_bits(weights_of(many), weights_of(one))


@pytest.mark.parametrize("position", [0, 8, 64, 72])
def test_the_seed_decides_and_the_last_batch_is_cut(position: int) -> None:
    data = images(70)
    settings = LoopSettings(epochs=1.5, batch_size=8)

    def rows(seed: int) -> list[list[int]]:
        order = Order(data.ids, data.weights, seed)
        plan = plan_steps(settings, OptimizerSettings(), order, data)
        found = batches_from(IMAGE, data, order, plan, settings, position, seed)
        return [index.tolist() for index, _ in found]

    assert rows(3) == rows(3) != rows(4)
    assert sum(map(len, rows(3))) == 105 - position
    assert [len(one) for one in rows(3)][-1] == 105 % 8


class _Uneven(ImageClassification):
    """Rows of four lengths."""

    def lengths(self, examples: Examples) -> Index:
        return (examples.ids % np.uint64(4)).astype(np.int64)


def _uneven(order_seed: int, seed: int, position: int = 0) -> list[list[int]]:
    data, task = images(512), _Uneven(IMAGE_FACTS, ObjectiveSettings())
    settings = LoopSettings(epochs=2, batch_size=8)
    order = Order(data.ids, data.weights, order_seed)
    plan = plan_steps(settings, OptimizerSettings(), order, data)
    found = batches_from(task, data, order, plan, settings, position, seed)
    return [rows.tolist() for rows, _ in found]


def test_batches_of_like_length_are_shuffled_by_the_seed_anew_in_each_stretch() -> None:
    first, other = _uneven(5, 1), _uneven(5, 2)
    # The same batches, for the order of the rows is the same, one after another otherwise.
    assert first != other
    for start in (0, 32):  # a stretch is 32 batches
        assert sorted(first[start : start + 32]) == sorted(other[start : start + 32])
        assert first[start : start + 32] != other[start : start + 32]

    def places(stretch: int) -> list[int]:
        """Which of the stretch's batches, the shortest rows first, comes when."""
        data = images(512)
        rows, _ = Order(data.ids, data.weights, 5).take(stretch * 256, 256)
        lengths = _Uneven(IMAGE_FACTS, ObjectiveSettings()).lengths(data)[rows]
        by_length = rows[np.argsort(lengths, kind="stable")].reshape(32, 8).tolist()
        return [by_length.index(batch) for batch in first[stretch * 32 : stretch * 32 + 32]]

    assert sorted(places(0)) == sorted(places(1)) == list(range(32))
    assert places(0) != places(1)


@pytest.mark.parametrize("task", [ImageClassification, _Uneven])
def test_what_a_transform_draws_is_drawn_by_the_seed_of_the_run(
    task: type[ImageClassification],
) -> None:
    drawn = task(IMAGE_FACTS, ObjectiveSettings(), augment=build([("noise", {})]))
    data, settings = images(64), LoopSettings(epochs=1, batch_size=8)
    order = Order(data.ids, data.weights, 5)
    plan = plan_steps(settings, OptimizerSettings(), order, data)

    def pixels(seed: int) -> dict[int, bytes]:
        """Of each row, whatever batch it is in."""
        found: dict[int, bytes] = {}
        for rows, batch in batches_from(drawn, data, order, plan, settings, 0, seed):
            for row, image in zip(rows.tolist(), batch.inputs[0], strict=True):
                found[row] = image.numpy().tobytes()
        return found

    one, again, other = pixels(1), pixels(1), pixels(2)
    assert one == again
    assert all(one[row] != other[row] for row in range(64))
