"""The curve as TensorBoard reads it: each point once, however often the run was stopped."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from tests.training.samples import IMAGE, image_rows, images, tiny_mlp, write_dataset
from tilth.context import Context
from tilth.errors import MissingError
from tilth.pretrain.fit import Settings, fit
from tilth.tasks.images.classification.task import ImageClassification
from tilth.training.loop import TrainResult, train
from tilth.training.settings import LoopSettings, OptimizerSettings
from tilth.training.task import Batch


class Stopping(ImageClassification):
    """Stops a run after some steps."""

    def __init__(self, left: int) -> None:
        assert isinstance(IMAGE, ImageClassification)
        self.__dict__.update(IMAGE.__dict__)
        self.left = left

    def loss(self, outputs: Any, batch: Batch) -> Tensor:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().loss(outputs, batch)


def run(work: Path | None, steps: int = 99) -> TrainResult:
    loop = LoopSettings(
        max_steps=8, batch_size=8, eval_every=2, checkpoint_every=3, tensorboard=True
    )
    data = images(40)
    optimizer = OptimizerSettings(schedule="cosine")
    return train(tiny_mlp(), Stopping(steps), data, data, optimizer, loop, seed=0, work=work)


def test_each_point_is_written_once(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra `tensorboard` is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    # After step 5 the points of steps 2 and 4 are written, the checkpoint is that of step 3.
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, steps=5)
    result = run(tmp_path)
    events: Any = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    names = {"loss", "validation_loss", "accuracy", "learning_rate"}
    assert set(events.Tags()["scalars"]) == names
    for name in names:
        found = events.Scalars(name)
        assert [point.step for point in found] == [2, 4, 6, 8]
        expected = [point.as_json()[name] for point in result.curve]
        assert [point.value for point in found] == pytest.approx(expected, rel=1e-6)
        times = [point.wall_time for point in found]
        assert times == sorted(times)


def test_the_events_stay_with_the_model(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra `tensorboard` is not installed")
    settings = Settings.model_validate(
        {
            "task": "image-classification",
            "model": {"kind": "mlp", "hidden": [8]},
            "loop": {"max_steps": 4, "tensorboard": True},
        }
    )
    data = write_dataset(tmp_path / "data", image_rows(40))
    for name in ("out", "work"):
        (tmp_path / name).mkdir()
    for _ in range(2):
        fit({"data": data}, settings, tmp_path / "out", Context(work=tmp_path / "work"))
    assert len(list((tmp_path / "out" / "tensorboard").iterdir())) == 1


def test_the_missing_package_is_named_before_the_first_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("torch.utils.tensorboard", "torch.utils.tensorboard.writer", "tensorboard"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingError, match="tensorboard") as caught:
        run(tmp_path, steps=0)
    assert "tilth[tensorboard]" in caught.value.hint
    # Nothing is written where there is no folder to write to.
    assert run(None).stopped == "max_steps"
