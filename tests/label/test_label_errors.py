"""Labels that are likely to be wrong: judged by folds or a table; marked, dropped, replaced."""

from __future__ import annotations

import io
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.shuffles import run_shuffle
from tests.table.samples import Row, applied, batch, told
from tests.table.whole import rows as tabled
from tests.table.whole import run as run_recipe
from tests.table.whole import said
from tilth import schema
from tilth.errors import DataError, MissingError
from tilth.label import classifier, label_errors
from tilth.label.label_errors import Settings
from tilth.schema import sample_id

WORDS = {
    "fruit": ["apple", "pear", "plum", "cherry", "grape", "melon"],
    "tool": ["hammer", "saw", "drill", "pliers", "wrench", "chisel"],
    "bird": ["robin", "heron", "owl", "finch", "crane", "swift"],
}
WRONG = (3, 40, 77)


def rows_of(num: int = 90, **given: Any) -> list[Row]:
    """Texts of three classes, three of them labelled as another."""
    draw = random.Random(0)
    names = sorted(WORDS)
    rows: list[Row] = []
    for n in range(num):
        name = names[n % 3]
        label = names[(n + 1) % 3] if n in WRONG else name
        rows.append({"text": " ".join(draw.choices(WORDS[name], k=6)), "label": label, **given})
    return rows


def wrong(rows: list[Row]) -> list[int]:
    return [n for n, row in enumerate(rows) if row["signal.label_error"] == 1]


def test_folds_find_what_was_planted_and_leave_the_rest() -> None:
    rows = applied("label_errors", batch(rows_of()))
    assert wrong(rows) == [*WRONG]
    names = sorted(WORDS)
    for n in WRONG:
        assert rows[n]["signal.likeliest_label"] == names[n % 3]
        assert rows[n]["label"] == names[(n + 1) % 3]
    by_quality = sorted(range(90), key=lambda n: rows[n]["signal.label_quality"])
    assert {*by_quality[:3]} == {*WRONG}


def test_no_cut_into_shards_and_no_order_shows() -> None:
    samples = batch(rows_of())
    whole = {row["id"]: row for row in applied("label_errors", samples)}
    parts = [samples.slice(50), samples.slice(0, 20), samples.slice(20, 30)]
    for shard in run_shuffle(label_errors, Settings(), parts):
        for row in shard.to_pylist():
            assert row == whole[row["id"]]


def test_errors_are_dropped_or_replaced_but_never_what_is_held_out() -> None:
    rows = rows_of()
    rows[WRONG[0]]["split"], rows[WRONG[1]]["split"] = "test", "train"
    dropped = applied("label_errors", batch(rows), action="drop")
    assert [n for n, row in enumerate(dropped) if row["drop.rule"]] == [*WRONG[1:]]
    assert dropped[40]["drop.value"].startswith("given `tool`, likeliest `fruit` (0.")
    assert dropped[3]["signal.label_error"] == 1
    replaced = applied("label_errors", batch(rows), action="replace")
    assert [row["signal.given_label"] for row in replaced if row["signal.given_label"]] == [
        *("tool", "bird")
    ]
    assert replaced[40]["label"] == "fruit"
    assert replaced[40]["label_origin"] == "label_errors"
    assert 0.5 < replaced[40]["label_confidence"] < 1
    assert replaced[3]["label"] == rows[3]["label"]
    assert replaced[3]["label_origin"] is None
    everywhere = applied("label_errors", batch(rows), action="drop", held_out=True)
    assert [n for n, row in enumerate(everywhere) if row["drop.rule"]] == [*WRONG]


def test_samples_without_a_label_and_rare_classes_are_not_judged() -> None:
    rows = [*rows_of(), {"text": "owl"}, *({"text": "saw", "label": "rare"} for _ in range(4))]
    samples = batch(rows)
    found = applied("label_errors", samples)
    assert [row["signal.label_quality"] for row in found[90:]] == [None] * 5
    assert wrong(found) == [*WRONG]
    (said,) = label_errors.survey(iter([samples]), Settings())
    assert said == "1 class with fewer than 5 labels (`rare`): these labels are not judged"


def test_copies_do_not_vouch_for_each_other() -> None:
    # Ten copies of one wrong label would outvote the rest, had each another fold.
    rows = rows_of()
    rows += [{"text": "apple saw zebra", "label": "bird", "key": "same"} for _ in range(10)]
    found = applied("label_errors", batch(rows))
    likeliest = {row["signal.likeliest_label"] for row in found[90:]}
    assert "bird" not in likeliest


def test_each_fifth_is_judged_by_a_classifier_of_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    learn, learnt = classifier.learn, []

    def spy(texts: Sequence[str], *given: Any) -> Any:
        learnt.append({*texts})
        return learn(texts, *given)

    monkeypatch.setattr(classifier, "learn", spy)
    rows = rows_of()
    applied("label_errors", batch([{**row, "key": row["text"]} for row in rows]))
    every = {row["text"] for row in rows}
    assert len(learnt) == 5
    assert all(0 < len(every - one) < len(every) / 2 for one in learnt)
    assert Counter(text for one in learnt for text in every - one) == dict.fromkeys(every, 1)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([{"text": "a"}], "there are no labels"),
        ([{"text": "a", "label": "x"}] * 9, "there is one class"),
        ([{"text": "a", "label": "x"}, {"text": "b", "label": "y"}], "there is no class with 5"),
    ],
)
def test_one_class_is_judged_against_nothing(rows: list[Row], why: str) -> None:
    with pytest.raises(DataError, match=why):
        label_errors.survey(iter([batch(rows)]), Settings())


def test_more_samples_than_fit_are_an_error() -> None:
    with pytest.raises(DataError, match="90 samples have a label, more than the 50"):
        applied("label_errors", batch(rows_of()), max_samples=50)


def test_settings_that_do_nothing_are_refused() -> None:
    assert "`held_out` does nothing" in told("label_errors", held_out=True)
    assert "`folds` does nothing beside" in told("label_errors", predictions="p", folds=3)
    assert "bounds nothing without" in told("label_errors", max_table_bytes=2048)
    assert label_errors.warns(Settings(action="drop", held_out=True))
    assert not label_errors.warns(Settings())


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Predictions of `rows_of`, all but one sample."""
    names = sorted(WORDS)
    rows = np.full((90, 3), 0.1)
    rows[np.arange(90), np.arange(90) % 3] = 0.8
    ids = [sample_id(str(n)) for n in range(89)]
    columns = {"id": ids, **{name: rows[:89, k] for k, name in enumerate(names)}}
    pq.write_table(pa.table(columns), tmp_path / "p.parquet")
    return tmp_path / "p.parquet"


def test_a_table_of_predictions_judges_pictures_too(table: Path) -> None:
    rows = [{"label": row["label"], "image": b"-"} for row in rows_of()]
    found = applied("label_errors", batch(rows), predictions=str(table))
    assert wrong(found) == [*WRONG]
    assert found[89]["signal.label_quality"] is None
    assert found[0]["signal.label_quality"] == pytest.approx((0.8 - 0.1 + 1) / 2)
    assert "text" not in label_errors.reads(Settings(predictions="p"))
    tree: dict[str, Any] = {"collect": {"a": {"image_folder": {"path": "in"}}}}
    assert "`label.label_errors` reads `text`" in said({**tree, "label": ["label_errors"]})
    judged = {**tree, "label": [{"label_errors": {"predictions": str(table)}}]}
    assert not said(judged)


def test_the_table_is_part_of_what_the_step_is_known_by(table: Path) -> None:
    settings = Settings(predictions=str(table))
    before = label_errors.fingerprint(settings)
    held = pq.read_table(table)
    pq.write_table(held.slice(1), table)
    assert label_errors.fingerprint(settings) != before
    other = settings.model_copy(update={"predictions": "elsewhere"})
    assert settings.normal() == other.normal() != Settings().normal()
    assert label_errors.fingerprint(Settings()) == ""
    table.unlink()
    with pytest.raises(MissingError, match="no such table"):
        label_errors.fingerprint(settings)


def _write(path: Path, **columns: Any) -> None:
    pq.write_table(pa.table(columns), path)


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"id": ["0"], "fruit": [0.5]}, "labelled `bird`, of which there is no column"),
        ({"fruit": [0.5]}, "no column `id`"),
        ({"id": [1], "fruit": [0.5]}, "`id` holds int64"),
        ({"id": ["0"], "bird": ["x"], "fruit": [0.5], "tool": [0.2]}, "holds string"),
        ({"id": ["0"], "bird": [0.5], " bird": [0.5]}, "stands there twice"),
        ({"id": ["0"], "bird": [0.5], "fruit": [0.5], "tool": [0.2]}, "add up to 1.2"),
        ({"id": ["0"], "bird": [1.5], "fruit": [-0.5], "tool": [0.0]}, "add up to 1"),
        ({"id": ["0"], "bird": [1.5], "fruit": [float("nan")], "tool": [0.5]}, "are none"),
        (
            {"id": ["0", "0"], "bird": [1.0, 1], "fruit": [0.0, 0], "tool": [0.0, 0]},
            "stands in it twice",
        ),
        ({"id": ["?"], "bird": [1.0], "fruit": [0.0], "tool": [0.0]}, "none of the 90 samples"),
    ],
)
def test_a_table_that_is_none_is_told_of(
    tmp_path: Path, columns: dict[str, list[Any]], why: str
) -> None:
    ids = [sample_id(name) if name == "0" else name for name in columns.get("id", [])]
    _write(tmp_path / "p.parquet", **columns | ({"id": ids} if ids else {}))
    with pytest.raises(DataError, match=why):
        applied("label_errors", batch(rows_of()), predictions=str(tmp_path / "p.parquet"))


def test_a_table_is_bounded_and_no_other_file_is_one(table: Path) -> None:
    with pytest.raises(DataError, match="above `max_table_bytes`"):
        applied(
            "label_errors", batch(rows_of()), predictions=str(table), max_table_bytes=90 * 3 * 8 - 1
        )
    table.write_bytes(b"id,bird\n")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        applied("label_errors", batch(rows_of()), predictions=str(table))


def test_every_figure_is_that_of_plain_lines() -> None:
    samples = batch([*rows_of(), {"text": "owl", "label": "rare"}, {"text": "nothing"}])
    (out,) = run_shuffle(label_errors, Settings(action="replace"), [samples])
    rows = out.to_pylist()
    figures: Any = label_errors.describe(iter([out.slice(0, 30), out.slice(30)]), Settings())
    judged = [row for row in rows if row["signal.label_quality"] is not None]
    given = {row["id"]: row["label"] for row in samples.to_pylist()}
    errors = [row for row in judged if row["signal.label_error"] == 1]
    assert figures["judged"] == len(judged) == 90
    assert figures["not_judged"] == 1
    assert figures["label_errors"] == len(errors) == 3
    assert figures["label_error_share"] == 3 / 90
    agreeing = sum(given[row["id"]] == row["signal.likeliest_label"] for row in judged)
    assert figures["agreement"] == agreeing / 90
    pairs = Counter((given[row["id"]], row["signal.likeliest_label"]) for row in errors)
    assert {(p["given"], p["likeliest"]): p["samples"] for p in figures["pairs"]} == pairs
    listed = figures["likeliest_errors"]
    worst = sorted(errors, key=lambda row: (row["signal.label_quality"], row["id"]))
    assert [one["sample"] for one in listed] == [row["id"] for row in worst]
    assert [one["quality"] for one in listed] == [row["signal.label_quality"] for row in worst]
    assert listed[0]["what"] == worst[0]["text"]
    empty = label_errors.describe(iter([]), Settings())
    assert empty == {"judged": 0, "not_judged": 0, "label_errors": 0}


def test_a_picture_is_shown_and_only_the_twenty_worst(tmp_path: Path) -> None:
    out = io.BytesIO()
    Image.new("RGB", (200, 100), (255, 0, 0)).save(out, "PNG")
    rows = [
        {
            "label": "a",
            "image": out.getvalue(),
            "signal.label_quality": n / 100,
            "signal.label_error": 1,
            "signal.likeliest_label": "b",
        }
        for n in range(50)
    ]
    random.Random(1).shuffle(rows)
    figures: Any = label_errors.describe(iter([batch(rows)]), Settings())
    listed = figures["likeliest_errors"]
    assert [one["quality"] for one in listed] == [n / 100 for n in range(20)]
    assert all(one["image"].startswith("data:image/png;base64,") for one in listed)
    assert listed[0]["what"].startswith("a.jsonl:")
    assert schema.SIGNAL_PREFIX + "label_quality" in label_errors.fills(Settings())


def test_the_report_shows_pictures_of_wrong_labels(tmp_path: Path) -> None:
    for n in range(12):
        name = ("red", "blue")[(n + (n == 5)) % 2]
        (tmp_path / "in" / name).mkdir(parents=True, exist_ok=True)
        colour = (200 + n, 0, n) if n % 2 == 0 else (n, 0, 200 + n)
        Image.new("RGB", (8, 8), colour).save(tmp_path / "in" / name / f"{n}.png")
    tree: dict[str, Any] = {"collect": {"a": {"image_folder": {"path": str(tmp_path / "in")}}}}
    seen = tabled(run_recipe(tree, tmp_path), "collect.a", "id", "uri")
    is_red = [int(row["uri"].rpartition("/")[2].partition(".")[0]) % 2 == 0 for row in seen]
    _write(
        tmp_path / "p.parquet",
        id=[row["id"] for row in seen],
        red=[0.9 if red else 0.1 for red in is_red],
        blue=[0.1 if red else 0.9 for red in is_red],
    )
    tree["label"] = [{"label_errors": {"predictions": str(tmp_path / "p.parquet")}}]
    done = run_recipe(tree, tmp_path)
    page = done.write_report().read_text("utf-8")
    assert page.count('<img src="data:image/png;base64,') == 1
    table = page.partition("likeliest errors")[2].partition("</table>")[0]
    assert "<img" in table
    assert "red" in table
