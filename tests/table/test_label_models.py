"""The settings of `label_errors` and `language_model`, and of the way back from annotators."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.label.model_server import KEY, TOKENS, Answer, ModelServer, labelled, serving
from tests.label.test_label_errors import WORDS, WRONG, rows_of, wrong
from tests.table.entries import effect, extreme, idle, name, refused, unordered
from tests.table.samples import Row, applied, batch, told
from tilth.errors import DataError, MissingError, UsageError
from tilth.label import language_model
from tilth.label.accepted import Accepted, write_accepted
from tilth.label.language_model import Settings
from tilth.schema import sample_id
from tilth.settings import acting

NAMES = sorted(WORDS)
AT = "label.language_model."


@effect("label.label_errors.action", "label.label_errors.held_out")
def test_what_happens_to_an_error() -> None:
    rows = [row | {"split": ("test", "validation")[n % 2]} for n, row in enumerate(rows_of())]
    for held_out, gone in ((False, 0), (True, len(WRONG))):
        found = applied("label_errors", batch(rows), action="drop", held_out=held_out)
        assert sum(row["drop.rule"] is not None for row in found) == gone
        assert wrong(found) == [*WRONG]
    changed = applied("label_errors", batch(rows_of()), action="replace")
    given = [row["label"] for row in rows_of()]
    assert [n for n, row in enumerate(changed) if row["label"] != given[n]] == [*WRONG]


@effect("label.label_errors.folds", "label.label_errors.seed")
@extreme("label.label_errors.folds", "label.label_errors.seed")
def test_the_folds_decide_the_figures() -> None:
    usual = applied("label_errors", batch(rows_of()))
    for setting, ends, bad in (("folds", (2, 20), (1, 21)), ("seed", (2**32 - 1,), (-1, 2**32))):
        for value in ends:
            found = applied("label_errors", batch(rows_of()), **{setting: value})
            assert wrong(found) == [*WRONG]
            assert found != usual
        for value in bad:
            assert setting in told("label_errors", **{setting: value})


@effect("label.label_errors.max_chars", "label.label_errors.max_samples")
@extreme("label.label_errors.max_chars", "label.label_errors.max_samples")
def test_how_much_is_looked_at() -> None:
    rows = [row | {"text": f"{'x' * 20} {row['text']}"} for row in rows_of()]
    assert wrong(applied("label_errors", batch(rows))) == [*WRONG]
    assert wrong(applied("label_errors", batch(rows), max_chars=10)) != [*WRONG]
    with pytest.raises(DataError, match="more than the 89"):
        applied("label_errors", batch(rows), max_samples=89)
    for setting in ("max_chars", "max_samples"):
        assert setting in told("label_errors", **{setting: 1})


@effect("label.label_errors.predictions", "label.label_errors.max_table_bytes")
@extreme("label.label_errors.max_table_bytes")
@name("label.label_errors.predictions")
def test_a_table(tmp_path: Path) -> None:
    columns: dict[str, Any] = {"id": [sample_id(str(n)) for n in range(90)]}
    # By this table all are of one class.
    columns |= {one: [0.8 if one == NAMES[0] else 0.1] * 90 for one in NAMES}
    pq.write_table(pa.table(columns), tmp_path / "p.parquet")
    found = applied("label_errors", batch(rows_of()), predictions=str(tmp_path / "p.parquet"))
    assert {row["signal.likeliest_label"] for row in found} == {NAMES[0]}
    with pytest.raises(DataError, match="max_table_bytes"):
        applied(
            "label_errors",
            batch(rows_of()),
            predictions=str(tmp_path / "p.parquet"),
            max_table_bytes=1024,
        )
    assert "max_table_bytes" in told("label_errors", predictions="p", max_table_bytes=1023)
    with pytest.raises(MissingError, match="no such table"):
        applied("label_errors", batch(rows_of()), predictions=str(tmp_path / "q.parquet"))


@effect("label.annotations.relabel")
def test_a_suspect_label_makes_room_for_answers(tmp_path: Path) -> None:
    (tmp_path / "rounds").mkdir()
    names = [sample_id(str(n)) for n in range(2)]
    write_accepted(tmp_path, [Accepted(one, "a", "bird", "accepted") for one in names], "rule")
    rows = [{"text": "x", "label": "tool", "signal.label_error": error} for error in (1, 0)]
    for relabel, left in ((False, ["tool", "tool"]), (True, [None, "tool"])):
        found = applied("annotations", batch(rows), ledger=str(tmp_path), relabel=relabel)
        assert [row["label"] for row in found] == left


@effect(*(f"label.distil.{one}" for one in ("gives", "min_confidence", "max_samples")))
@effect(*(f"label.distil.{one}" for one in ("max_terms", "max_chars", "seed")))
@extreme(*(f"label.distil.{one}" for one in ("min_confidence", "max_samples", "max_terms")))
@extreme("label.distil.max_chars", "label.distil.seed")
def test_what_is_learnt_and_given() -> None:
    rows = [{**row, "label": row["label"] if n < 30 else None} for n, row in enumerate(rows_of())]
    samples = batch(rows)
    usual = applied("distil", samples)
    assert None not in {row["label"] for row in usual}
    sure = applied("distil", samples, min_confidence=1)
    assert {row["label"] for row in sure[30:]} == {None}
    answers = applied("distil", samples, gives="annotation")
    assert answers[40]["annotations"] == [
        {"annotator": "model:distil", "label": usual[40]["label"]}
    ]
    two = [applied("distil", samples, max_samples=2, seed=seed) for seed in (0, 2**32 - 1)]
    assert two[0] != two[1] != usual
    for setting, least, below in (("max_terms", 1, 0), ("max_chars", 10, 9), ("max_samples", 2, 1)):
        assert applied("distil", samples, **{setting: least}) != usual
        assert setting in told("distil", **{setting: below})
    for setting, above in (("min_confidence", 1.1), ("seed", 2**32), ("max_terms", 1_000_001)):
        assert setting in told("distil", **{setting: above})


# language_model


def cat(_: str) -> Answer:
    return labelled("cat")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    monkeypatch.setenv("MODEL_KEY", KEY)
    with serving(cat) as found:
        yield found


def given(server: ModelServer, folder: Path, **other: Any) -> dict[str, Any]:
    return {
        "url": server.url,
        "model": "m-1",
        "prompt": "Which? {text} {target}",
        "labels": ["cat", "dog"],
        "allow": ["text", "target"],
        "headers": {"Authorization": "Bearer ${MODEL_KEY}", "X-Who": "me"},
        "allow_hosts": ["127.0.0.1"],
        "cache": str(folder / "answers"),
        "retry_s": 0.01,
        **other,
    }


def ask(server: ModelServer, folder: Path, **other: Any) -> list[Row]:
    rows = [{"text": letter * 50, "target": "u"} for letter in "st"]
    settings = Settings.model_validate(given(server, folder, **other))
    found: list[Row] = language_model.apply(batch(rows), settings).to_pylist()
    return found


@effect(
    *(AT + one for one in ("url", "model", "prompt", "system", "labels", "answer", "max_chars")),
    *(AT + one for one in ("max_tokens", "temperature", "headers", "allow", "gives")),
)
def test_what_is_asked(server: ModelServer, tmp_path: Path, path: str) -> None:
    setting = path.rpartition(".")[2]
    values: dict[str, Any] = {
        "url": server.url.replace("/v1", "/v2"),
        "model": "m-2",
        "prompt": "Say: {text} {target}",
        "system": "Be brief.",
        "labels": ["cat", "cow"],
        "answer": "json_object",
        "max_chars": 10,
        "max_tokens": 5,
        "temperature": 1.5,
        "headers": {"X-Who": "you"},
    }
    ask(server, tmp_path)
    before = (len(server.documents), server.keys | set(), server.paths | set())
    if setting == "allow":
        assert "does not allow" in _refusal(server, tmp_path, allow=["text"])
        return
    if setting == "gives":
        (row, _) = ask(server, tmp_path, gives="annotation")
        assert row["annotations"] == [{"annotator": "model:m-1", "label": "cat"}]
        return
    other = tmp_path / "other" if setting == "headers" else tmp_path
    ask(server, other, **{setting: values[setting]})
    after = (len(server.documents), server.keys | set(), server.paths | set())
    assert after[0] == before[0] + 2
    documents = [json.dumps(one) for one in server.documents]
    if setting not in ("url", "headers"):
        assert {*documents[:2]}.isdisjoint(documents[2:])
    else:
        assert after[1:] != before[1:]


def _refusal(server: ModelServer, folder: Path, **other: Any) -> str:
    return told("language_model", **given(server, folder, **other))


@refused(AT + "allow", AT + "max_cost", AT + "retry_s")
@name(AT + "url", AT + "allow", AT + "allow_hosts", AT + "headers", AT + "price.currency")
def test_what_is_refused(server: ModelServer, tmp_path: Path) -> None:
    assert "`allow` names `label`" in _refusal(server, tmp_path, allow=["text", "target", "label"])
    assert "allow_hosts" in _refusal(server, tmp_path, allow_hosts=["other.example"])
    assert "bounds nothing" in _refusal(server, tmp_path, max_cost=1)
    assert "retry_s" in _refusal(server, tmp_path, retries=0)
    assert "currency" in _refusal(
        server, tmp_path, price={"input": 1, "output": 1, "currency": "Euro"}
    )
    with pytest.raises(MissingError, match="NO_SUCH_KEY"):
        ask(server, tmp_path, headers={"Authorization": "Bearer ${NO_SUCH_KEY}"})
    # Another place of the same host is another address.
    server.says = lambda _: (404, {}, {})
    with pytest.raises(UsageError, match="404"):
        ask(server, tmp_path, url=server.url + "/none")


@extreme(
    *(AT + one for one in ("max_chars", "max_tokens", "temperature", "max_cost", "at_once")),
    *(AT + one for one in ("timeout_s", "retries", "retry_s", "price.input", "price.output")),
)
def test_ends(server: ModelServer, tmp_path: Path, path: str) -> None:
    setting = path.removeprefix(AT).removeprefix("price.")
    price = {"input": 1, "output": 1}
    ends: dict[str, tuple[Any, Any, Any, Any]] = {
        "max_chars": (9, 10, 1_000_000, 1_000_001),
        "max_tokens": (0, 1, 100_000, 100_001),
        "temperature": (-0.1, 0, 2, 2.1),
        "max_cost": (0, 0.001, 1e9, 1.1e9),
        "at_once": (0, 1, 256, 257),
        "timeout_s": (0, 20, 3600, 3601),
        "retries": (-1, 1, 100, 101),
        "retry_s": (0, 0.001, 120, 121),
        "input": (-1, 0, 1_000_000, 1_000_001),
        "output": (-1, 0, 1_000_000, 1_000_001),
    }
    below, least, most, above = ends[setting]

    def put(value: Any) -> dict[str, Any]:
        if setting in price:
            return {"price": {**price, setting: value}}
        return {setting: value} | ({"price": price} if setting == "max_cost" else {})

    for bad in (below, above):
        assert setting in _refusal(server, tmp_path, **put(bad))
    for number, value in enumerate((least, most)):
        rows = ask(server, tmp_path / str(number), **put(value))
        assert [row["label"] for row in rows] == ["cat", "cat"]


@effect(AT + "price", AT + "price.input", AT + "price.output", AT + "price.currency")
@effect(AT + "max_cost", AT + "cache", AT + "allow_hosts")
def test_what_it_costs(server: ModelServer, tmp_path: Path) -> None:
    price = {"input": 1000, "output": 0, "currency": "EUR"}
    rows = [{"text": "t" * 50, "target": "u"}, {"text": "s", "target": "u"}]

    def figures(**other: Any) -> Any:
        settings = Settings.model_validate(given(server, tmp_path, **other))
        out = language_model.apply(batch(rows), settings)
        return language_model.describe(iter([out]), settings)

    assert "cost" not in figures()
    assert figures(price=price)["cost"] == pytest.approx(2 * TOKENS[0] / 1000)
    assert figures(price=price)["currency"] == "EUR"
    more = figures(price=price | {"output": 1000})
    assert more["cost"] == pytest.approx(2 * sum(TOKENS) / 1000)
    with pytest.raises(UsageError, match="`max_cost` is"):
        figures(price=price, max_cost=2 * TOKENS[0] / 1000, system="anew")
    assert server.asked.total() == 2
    figures(cache=str(tmp_path / "elsewhere"))
    assert server.asked.total() == 4
    assert "allow_hosts" in _refusal(server, tmp_path, allow_hosts=[])


@effect(*(AT + one for one in ("retries", "retry_s", "timeout_s", "at_once")))
def test_how_a_server_is_waited_for(server: ModelServer, tmp_path: Path) -> None:
    server.says = lambda _: (503, {}, {})
    for retries, tries in ((0, 1), (2, 3)):
        before = server.asked.total()
        more = {} if retries else {"retry_s": 1}
        with pytest.raises(MissingError, match=f"tried {tries} times"):
            ask(server, tmp_path, retries=retries, at_once=1, **more)
        assert server.asked.total() == before + tries
    with pytest.raises(MissingError, match=r"within 0\.001 s"):
        ask(server, tmp_path, retries=0, retry_s=1, timeout_s=0.001)


@idle(*(AT + one for one in ("allow_hosts", "at_once", "cache", "headers", "max_cost")))
@idle(*(AT + one for one in ("retries", "retry_s", "timeout_s")))
@unordered(AT + "allow", AT + "headers")
def test_what_changes_nothing(server: ModelServer, tmp_path: Path) -> None:
    price = {"input": 1, "output": 1}
    other = {
        "allow_hosts": ["127.0.0.1", "other.example"],
        "at_once": 1,
        "cache": str(tmp_path / "elsewhere"),
        "max_cost": 5,
        "retries": 1,
        "retry_s": 0.02,
        "timeout_s": 30,
        "allow": ["target", "text"],
    }
    one = Settings.model_validate(given(server, tmp_path, price=price))
    two = Settings.model_validate(given(server, tmp_path, price=price, **other))
    heads = dict(reversed([*one.headers.items()]))
    two = two.model_copy(update={"headers": heads})
    assert acting(one) == acting(two)
    assert ask(server, tmp_path, price=price) == ask(server, tmp_path, price=price, **other)
    plain = Settings.model_validate(given(server, tmp_path, price=price, headers={}))
    assert acting(one) == acting(plain)
