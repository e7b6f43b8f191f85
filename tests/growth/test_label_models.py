"""Labels judged by a table, and asked of a model, over ten times as many samples."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.growth.measure import assert_linear
from tests.label.model_server import labelled, serving
from tests.shuffles import run_shuffle
from tests.table.samples import batch
from tilth.label import label_errors, language_model

CLASSES = 20


def test_more_labels_judged_by_a_table(tmp_path: Path) -> None:
    def make(n: int) -> Callable[[], object]:
        samples = batch([{"label": f"c{i * 7919 % CLASSES}"} for i in range(n)])
        rows = np.random.default_rng(0).dirichlet(np.ones(CLASSES), n)
        columns = {f"c{k}": rows[:, k] for k in range(CLASSES)}
        path = tmp_path / f"{n}.parquet"
        pq.write_table(pa.table({"id": samples.column("id"), **columns}), path)
        settings = label_errors.Settings(predictions=str(path))

        def run() -> object:
            out = run_shuffle(label_errors, settings, [samples])
            return label_errors.describe(iter(out), settings)

        return run

    assert_linear(make, 100, 1_000)


def test_more_samples_asked_of_a_model(tmp_path: Path) -> None:
    folders = count()
    with serving(lambda _: labelled("a")) as server:

        def make(n: int) -> Callable[[], object]:
            samples = batch([{"text": f"text {i}"} for i in range(n)])

            def run() -> object:
                settings = language_model.Settings(
                    url=server.url,
                    model="m",
                    prompt="{text}",
                    labels=("a", "b"),
                    allow=("text",),
                    allow_hosts=("127.0.0.1",),
                    cache=str(tmp_path / str(next(folders))),
                )
                out = language_model.apply(samples, settings)
                return language_model.describe(iter([out]), settings)

            return run

        assert_linear(make, 5, 20)
