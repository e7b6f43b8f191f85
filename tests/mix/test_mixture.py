"""The figures of a mixture are of what a training draws, and no cut or order changes one."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.inline import run_inline, use_inline
from tilth import schema
from tilth.mix import mixture, weights
from tilth.mix.diversity import near_duplicates, vendi_score, word_figures
from tilth.mix.weights import Settings
from tilth.query.runs import open_run
from tilth.store import Dataset
from tilth.tasks.prepare import prepare
from tilth.tasks.settings import DataSettings
from tilth.training.order import Order

Row = dict[str, Any]

ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "source": st.sampled_from(["web", "Bücher", "王"]),
            "label": st.sampled_from(["a", "ß", "(none)", None]),
            "split": st.sampled_from(["train", "test", "validation", "dev", None]),
            "text": st.sampled_from(["one two", "ein größerer Text", "", None]),
        }
    ),
    max_size=30,
)
SETTINGS = Settings.model_validate(
    {"sources": {"web": 0.1, "王": 3}, "labels": {"a": 0, "ß": 2.5}, "otherwise": 0.7}
)


def batch_of(rows: list[Row]) -> pa.RecordBatch:
    columns = {name: [row.get(name) for row in rows] for name in ("source", "label", "split")}
    return pa.RecordBatch.from_pydict(
        {
            "id": [row.get("id", schema.sample_id(str(at))) for at, row in enumerate(rows)],
            **{name: pa.array(values, pa.string()) for name, values in columns.items()},
            "text": pa.array([row.get("text") for row in rows], pa.large_string()),
        }
    )


def described(rows: list[Row], given: Settings = SETTINGS, cut: int = 7) -> Any:
    """The figures over what is kept, in pieces."""
    done = weights.apply(batch_of(rows), given)
    kept = done.filter(schema.column(done, "drop.rule").is_null())
    return weights.describe(
        iter([kept.slice(start, cut) for start in range(0, kept.num_rows, cut)]), given
    )


def texts_of(texts: list[str], **more: Any) -> list[Row]:
    return [{"source": "web", "text": text, **more} for text in texts]


@settings(max_examples=40)
@given(ROWS)
def test_every_figure_is_that_of_plain_lines(rows: list[Row]) -> None:
    weight = {"web": 0.1, "王": 3, "Bücher": 0.7}
    of_label = {"a": 0, "ß": 2.5}
    for row in rows:
        row["weight"] = weight[row["source"]] * of_label.get(row["label"], 1)
    kept = [row for row in rows if row["weight"]]
    drawn = [row for row in kept if row["split"] in ("train", None)]
    total = sum(row["weight"] for row in drawn)
    read = sum(row["weight"] * len(row["text"] or "") for row in drawn)
    found = described(rows)
    assert found["training_samples"] == len(drawn)
    assert found["expected_draws"] == pytest.approx(total)
    assert found["characters"] == sum(len(row["text"] or "") for row in drawn)
    assert found.get("text", {}).get("texts", 0) == sum(row["text"] is not None for row in drawn)
    if any(row["split"] for row in kept):
        assert {row["name"]: row["samples"] for row in found["splits"]} == Counter(
            row["split"] or "(none)" for row in kept
        )
    else:
        assert "splits" not in found
    for name in ("source", "label"):
        values = {row[name] for row in kept}
        if values <= {None}:
            assert f"{name}s" not in found
            continue
        table = found[f"{name}s"]
        assert len(table) == len(values)
        told = Counter(
            (
                one["name"],
                one["samples"],
                one["held_out"],
                round(one["share_of_epoch"], 6),
                round(one.get("share_of_characters", -1), 6),
            )
            for one in table
        )
        expected = Counter[tuple[Any, ...]]()
        for value in values:
            here = [row for row in drawn if row[name] == value]
            chars = sum(row["weight"] * len(row["text"] or "") for row in here)
            seen = sum(row["weight"] for row in here)
            expected[
                "(none)" if value is None else value,
                len(here),
                sum(row[name] == value for row in kept) - len(here),
                round(seen / total, 6) if total else 0,
                round(chars / read, 6) if read else -1,
            ] += 1
        assert told == expected
        for key in ("share_of_epoch", "share_of_characters") if read else ():
            assert sum(one[key] for one in table) == pytest.approx(1)
        groups = {row[name] for row in drawn} - {None}
        assert found[f"effective_{name}s"]["groups"] == len(groups)


def test_the_make_up_of_the_mixture() -> None:
    rows = [
        {"source": "web", "label": "code", "text": "x = 1", "split": "train"},
        {"source": "web", "text": "a text of six words here"},
        {"source": "books", "label": "prose", "text": "another text"},
        {"source": "other", "label": "prose"},
        *texts_of(["held out"] * 5, label="prose", split="test"),
    ]
    given_settings = Settings.model_validate({"sources": {"web": 0.5, "books": 2}})
    found = described(rows, given_settings)
    assert (found["training_samples"], found["expected_draws"]) == (4, 4.0)
    assert found["characters"] == 5 + 24 + 12
    assert found["sources"][0] == {
        "name": "web",
        "samples": 2,
        "held_out": 5,
        "share_of_epoch": 0.25,
        "share_of_characters": pytest.approx(14.5 / 38.5),
    }
    assert [row["name"] for row in found["labels"]] == ["prose", "code", "(none)"]
    assert found["effective_sources"]["simpson"] == pytest.approx(1 / (1 / 16 + 1 / 4 + 1 / 16))
    # A sample without a label is of no label.
    assert found["effective_labels"]["simpson"] == pytest.approx(1 / ((1 / 7) ** 2 + (6 / 7) ** 2))
    assert found["splits"][0] == {"name": "test", "samples": 5}
    assert "`data.validation_share`" in found["drawn_from"]
    rows.append({"source": "web", "split": "validation", "text": "as well"})
    assert "`data.validation_share`" not in described(rows, given_settings)["drawn_from"]


RECIPE = """
tilth: 1
name: drawn
collect:
  a: {{jsonl: {{path: {a}, fields: {{label: label, split: split}}}}}}
  b: {{jsonl: {{path: {b}, fields: {{label: label, split: split}}}}}}
mix:
  - weights: {{sources: {{a: 0.3, b: 1.5}}}}
  - weights: {{labels: {{x: 2}}}}
"""


def test_shares_are_what_the_order_of_training_draws(tmp_path: Path) -> None:
    """Through the books, the selection, the arrays and the order of a training, many epochs."""
    draw = random.Random(1)
    for source in "ab":
        rows = [
            {
                "text": f"{source} {number} " + "more " * draw.randrange(9),
                "label": draw.choice("xyz"),
                "split": "test" if number % 2 else draw.choice(["train", "train", None]),
            }
            for number in range(80)
        ]
        (tmp_path / source).with_suffix(".jsonl").write_text("\n".join(map(json.dumps, rows)))
    places = {source: tmp_path / f"{source}.jsonl" for source in "ab"}
    with pytest.MonkeyPatch.context() as patch:
        use_inline(patch)
        run_inline(RECIPE.format(**places), tmp_path / "run")
    step = next(one for one in open_run(tmp_path / "run").line() if one.name == "mix.weights-2")
    found: Any = step.manifest.figures
    kind = {
        int(row["id"][:16], 16): (row["source"], row["label"])
        for batch in Dataset(step.folder).batches(["id", "source", "label"])
        for row in batch.to_pylist()
    }
    data = DataSettings.model_validate({"validation_share": 0, "max_length": 24})
    made = prepare(step.folder, "text-classification", data, tmp_path / "work")
    examples = made.splits["train"]
    order = Order(examples.ids, examples.weights, seed=3)
    epochs = 700
    seen: Counter[Any] = Counter()
    for epoch in range(epochs):
        drawn = [kind[int(one)] for one in examples.ids[order.epoch(epoch)]]
        seen.update(name for pair in drawn for name in (("source", pair[0]), ("label", pair[1])))
    total = sum(count for (column, _), count in seen.items() if column == "source")
    assert found["training_samples"] == len(examples) == 80
    assert total / epochs == pytest.approx(found["expected_draws"], rel=0.02)
    for name in ("source", "label"):
        for row in found[f"{name}s"]:
            share = seen[name, row["name"]] / total
            assert share == pytest.approx(row["share_of_epoch"], abs=0.012)


@pytest.mark.parametrize("cut", [1, 7, 60])
def test_neither_order_nor_cut_changes_a_figure(cut: int) -> None:
    rows = [
        {
            "id": schema.sample_id(str(n)),
            "source": ["web", "王", "other"][n % 3],
            "label": "ab"[n % 2],
            "split": ["train", None, "test"][n % 5 % 3],
            "text": f"text number {n} of many " * (n % 5 + 1),
        }
        for n in range(60)
    ]
    given_settings = Settings.model_validate({"sources": {"web": 0.1, "王": 0.7}})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mixture, "DRAWN_TEXTS", 10)
        patch.setattr(mixture, "DRAWN_WORDS", 30)
        whole = described(rows, given_settings, 60)
        mixed = list(rows)
        random.Random(cut).shuffle(mixed)
        assert described(mixed, given_settings, cut) == whole
    assert whole["text"]["drawn_texts"] == 10
    assert set(whole["text"]["vendi_score"]) == {"value", "low", "high"}


def test_images_have_no_figures_of_text() -> None:
    done = weights.apply(schema.without_columns(batch_of(texts_of(["a"] * 3)), ["text"]), SETTINGS)
    found: Any = weights.describe(iter([done]), SETTINGS)
    assert "text" not in found
    assert found["characters"] == 0
    assert "share_of_characters" not in found["sources"][0]
    assert weights.describe(iter([]), SETTINGS)["training_samples"] == 0


def test_what_every_epoch_draws_alike_is_told_exactly() -> None:
    texts = [f"text {number} of a hundred" for number in range(100)]
    found = described(texts_of(texts) + texts_of(["never"] * 50, split="test"), Settings())["text"]
    plain = word_figures(texts, 10_000)
    assert plain
    assert found["epochs"] == 1
    assert found["drawn_texts"] == found["texts"] == 100
    assert found["vendi_score"] == pytest.approx(vendi_score(texts), abs=1e-6)
    for name in ("words", "entropy_bits", "distinct_1", "distinct_3"):
        assert found[name] == pytest.approx(plain[name], abs=1e-6)
    assert found["near_duplicate_free_share"] == 1


def test_variety_is_of_what_the_weights_draw() -> None:
    """Friedman and Dieng 2023, with probabilities: of nine and one in ten, exp of their entropy."""
    rows = [{"source": "王", "text": "one"}, {"source": "web", "text": "other"}]
    nine = Settings.model_validate({"sources": {"王": 9, "web": 1}})
    found = described(rows, nine)["text"]
    assert found["drawn_texts"] == 10
    assert found["vendi_score"] == pytest.approx(np.exp(-0.9 * np.log(0.9) - 0.1 * np.log(0.1)))
    # A text that is drawn twice is no copy of itself; one that is there twice has one.
    assert found["near_duplicate_free_share"] == 1
    found = described([*rows, {"source": "web", "text": "ONE!"}], nine)["text"]
    assert found["near_duplicate_free_share"] == pytest.approx(1 / 11)


def test_what_epochs_draw_apart_has_an_interval() -> None:
    half = Settings(otherwise=0.5)
    found = described(texts_of([f"w{number}" for number in range(60)]), half)["text"]
    assert found["epochs"] == mixture.EPOCHS
    score = found["vendi_score"]
    assert score["low"] < score["value"] < score["high"]
    # Each text is unlike all others: the score is what an epoch draws, 30 on average.
    assert score["value"] == pytest.approx(found["drawn_texts"])
    assert score["low"] < 30 < score["high"]
    # So few that an epoch may draw none.
    assert described(texts_of(["w"]), Settings(otherwise=0.001))["text"] == {
        "texts": 1,
        "near_duplicate_free_share": 1,
    }


def test_near_duplicates_are_not_told_of_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixture, "COMPARED_TEXTS", 20)
    texts = [f"a b c d e {number % 10}" for number in range(20)]
    whole = described(texts_of(texts), Settings())["text"]
    assert whole["near_duplicate_free_share"] == 1 - near_duplicates(texts, 0.8).mean() == 0
    found = described(texts_of([*texts, "one more"]), Settings())["text"]
    assert "near_duplicate_free_share" not in found
    assert "`deduplicate: [minhash]`" in found["near_duplicates"]
