"""The simulated delivery: real digits, stated error rates, and "simulated" wherever it shows."""

from __future__ import annotations

import io
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pyarrow as pa
import pytest
from pydantic import ValidationError

from tilth.collect import demo_digits
from tilth.context import Context
from tilth.errors import MissingError

pytest.importorskip("sklearn")


def read(work: Path, limit: int | None = None, **given: Any) -> pa.Table:
    settings = demo_digits.Settings(**given)
    return pa.Table.from_batches(
        list(demo_digits.read(settings, "digits", Context(work, limit=limit)))
    )


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    return read(tmp_path_factory.mktemp("work"))


def test_all_digits_with_a_stratified_test_split(table: pa.Table) -> None:
    rows = table.to_pylist()
    assert len(rows) == 1797
    assert not any(row["error"] for row in rows)
    test = [row for row in rows if row["split"] == "test"]
    assert 355 <= len(test) <= 363
    assert {row["label_origin"] for row in test} == {"expert"}
    assert all(not row["annotations"] for row in test)
    assert set(Counter(row["label"] for row in test).values()) <= set(range(34, 38))
    train = [row for row in rows if row["split"] == "train"]
    assert all(row["label"] is None and len(row["annotations"]) == 3 for row in train)


def test_simulated_is_said_where_answers_show(table: pa.Table) -> None:
    rows = table.to_pylist()
    names = {answer["annotator"] for row in rows for answer in row["annotations"]}
    assert names == {
        "simulated-1 (5% wrong)",
        "simulated-2 (10% wrong)",
        "simulated-3 (20% wrong)",
        "simulated-4 (30% wrong)",
        "simulated-5 (45% wrong)",
    }
    assert all(row["uri"].startswith("simulated-annotations.json:") for row in rows)


def test_images_and_error_rates_are_the_stated_ones(table: pa.Table) -> None:
    from sklearn.datasets import load_digits

    digits = load_digits()
    wrong: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for row, image, truth in zip(table.to_pylist(), digits.images, digits.target, strict=True):
        pixels = np.array(PIL.Image.open(io.BytesIO(row["image"])))
        assert (pixels == np.rint(image * 255 / 16)).all()
        assert row["label"] in (None, str(truth))
        for answer in row["annotations"]:
            total[answer["annotator"]] += 1
            wrong[answer["annotator"]] += answer["label"] != str(truth)
    for name, rate in zip(sorted(total), (0.05, 0.1, 0.2, 0.3, 0.45), strict=True):
        # Four standard errors of a binomial share.
        assert abs(wrong[name] / total[name] - rate) < 4 * (rate / total[name]) ** 0.5


def test_the_same_everywhere_and_another_for_another_seed(tmp_path: Path, table: pa.Table) -> None:
    assert read(tmp_path / "elsewhere").equals(table)
    assert not read(tmp_path / "elsewhere", seed=1).equals(table)
    assert read(tmp_path / "elsewhere", limit=50).num_rows == 50


def test_the_delivery_is_a_label_studio_export(tmp_path: Path) -> None:
    images = np.zeros((20, 8, 8))
    classes = np.arange(20) % 10
    settings = demo_digits.Settings(error_rates=(0.0, 0.0), annotators_per_item=2, test_share=0.5)
    path = demo_digits.write_delivery(images, classes, settings, tmp_path)
    tasks = json.loads(path.read_text())
    assert [task["data"]["split"] for task in tasks].count("test") == 10
    for task, truth in zip(tasks, classes, strict=True):
        assert (tmp_path / task["data"]["image"]).is_file()
        for answer in task["annotations"]:
            assert answer["result"][0]["value"]["choices"] == [str(truth)]
            assert answer["ground_truth"] == (task["data"]["split"] == "test")


def test_settings_are_checked() -> None:
    with pytest.raises(ValidationError, match="3 answers an item need as many annotators"):
        demo_digits.Settings(error_rates=(0.1,))
    with pytest.raises(ValidationError, match="between 0 and 1"):
        demo_digits.Settings(error_rates=(0.1, 0.2, 1.5))


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingError, match="scikit-learn") as raised:
        read(tmp_path)
    assert raised.value.hint == "pip install 'tilth[train]'"


@pytest.mark.parametrize(
    ("rate", "shown"),
    [
        *((0.05, "5%"), (0.0, "0%"), (1.0, "100%"), (0.004, "0.4%"), (0.9999, "99.99%")),
        *((0.07, "7%"), (1e-9, "1e-07%"), (1 - 1e-9, "99.9999999%")),
    ],
)
def test_an_annotator_is_called_by_how_often_he_is_wrong(rate: float, shown: str) -> None:
    assert demo_digits.annotator_name(0, rate) == f"simulated-1 ({shown} wrong)"
