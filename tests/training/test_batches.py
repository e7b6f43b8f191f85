"""The batches are a function of (seed, position), whatever was read before."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.samples import IMAGE, IMAGE_FACTS, images, same_bits, tiny_mlp, weights_of
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
