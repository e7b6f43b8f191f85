"""The samples that are looked at: the smallest ids of each split that is used."""

from __future__ import annotations

import pytest

from tests.query.trained import trained_run
from tilth.query.draw import draw_held_out, draw_ids
from tilth.store import Dataset


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return Dataset(trained_run(tmp_path_factory.mktemp("draw")).end_of_line().folder)


def test_the_smallest_ids_of_a_split_are_drawn(dataset: Dataset) -> None:
    rows = dataset.to_arrow(["id", "split", "label", "subject"]).to_pylist()
    drawn = draw_ids(dataset, {}, 5)
    for split in ("train", "test"):
        assert drawn[split] == sorted(row["id"] for row in rows if row["split"] == split)[:5]
    assert drawn["validation"] == []
    dark = draw_ids(dataset, {"labels": ["dark"], "test": "train"}, 3)
    wanted = [r["id"] for r in rows if r["label"] == "dark" and r["split"] == "train"]
    assert dark["test"] == dark["train"] == sorted(wanted)[:3]
    assert not any(draw_ids(dataset, {"sources": ["other"]}, 3).values())


def test_a_fold_is_tested_on_what_it_left_out(dataset: Dataset) -> None:
    rows = dataset.to_arrow(["id", "subject"]).to_pylist()
    drawn = draw_ids(dataset, {}, 200, ("subject", "bob"))
    assert drawn["test"] == sorted(row["id"] for row in rows if row["subject"] == "bob")
    assert drawn["train"] == sorted(row["id"] for row in rows if row["subject"] != "bob")


def test_samples_to_ask_a_model_about_are_held_out(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    run = trained_run(tmp_path_factory.mktemp("draw"))
    drawn = draw_held_out(run, run.step("pretrain"), 4)
    dataset = Dataset(run.end_of_line().folder)
    assert drawn.split == "test"
    assert [row["id"] for row in drawn.rows] == draw_ids(dataset, {}, 4)["test"]
    assert all(row["image"] and row["label"] for row in drawn.rows)
