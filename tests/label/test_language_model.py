"""Labels by a language model, of a real server on loopback: asked once, kept, checked, priced."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.label.model_server import KEY, TOKENS, Answer, ModelServer, labelled, serving
from tests.table.samples import Row, applied, batch
from tests.table.whole import problems, read, rows, run, said
from tilth.cli.recipes import print_plan
from tilth.errors import MissingError, StorageError, UsageError
from tilth.label import language_model
from tilth.label.answer_cache import FILE, AnswerCache
from tilth.label.language_model import Settings
from tilth.query.plans import plan_recipe

TEXTS = [f"text {n} of a {'cat' if n % 2 else 'dog'}" for n in range(10)]


def sensible(question: str) -> Answer:
    return labelled("cat" if "cat" in question else "dog")


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with serving(sensible) as found:
        yield found


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_KEY", KEY)


def given(server: ModelServer, folder: Path, **other: Any) -> dict[str, Any]:
    return {
        "url": server.url,
        "model": "m-1",
        "prompt": "Which animal? {text}",
        "labels": ["cat", "dog"],
        "allow": ["text"],
        "headers": {"Authorization": "Bearer ${MODEL_KEY}"},
        "allow_hosts": ["127.0.0.1"],
        "cache": str(folder / "answers"),
        "retry_s": 0.01,
        **other,
    }


def asked(server: ModelServer, folder: Path, samples: list[Row], **other: Any) -> list[Row]:
    settings = Settings.model_validate(given(server, folder, **other))
    found: list[Row] = language_model.apply(batch(samples), settings).to_pylist()
    return found


def texts(*more: Row) -> list[Row]:
    return [*({"text": text} for text in TEXTS), *more]


def errors(found: list[Row]) -> list[str | None]:
    return [row["error"] for row in found]


def test_samples_get_labels_and_nothing_is_asked_twice(server: ModelServer, tmp_path: Path) -> None:
    samples = texts({"text": TEXTS[0]}, {"text": "labelled", "label": "cow"})
    found = asked(server, tmp_path, samples)
    names = ["dog", "cat"] * 5
    assert [row["label"] for row in found] == [*names, "dog", "cow"]
    assert [row["label_origin"] for row in found] == ["model:m-1"] * 11 + [None]
    assert errors(found) == [None] * 12
    assert asked(server, tmp_path, samples) == found
    assert server.answered == {f"Which animal? {text}": 1 for text in TEXTS}
    assert server.keys == {f"Bearer {KEY}"}
    assert server.paths == {"/v1/chat/completions"}
    # What is asked is not written down, and what is, is for its owner alone.
    file = tmp_path / "answers" / FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    kept = b"".join(path.read_bytes() for path in file.parent.iterdir())
    assert b"Which animal" not in kept
    assert KEY.encode() not in kept
    # Another question is another request.
    asked(server, tmp_path, samples, system="Be brief.")
    assert server.answered.total() == 20


def test_the_request_is_what_the_protocol_says(server: ModelServer, tmp_path: Path) -> None:
    asked(server, tmp_path, texts()[:1], system="Be {{brief}}.", max_tokens=7, temperature=0.5)
    (document,) = server.documents
    assert document["model"] == "m-1"
    assert document["messages"] == [
        {"role": "system", "content": "Be {{brief}}."},
        {"role": "user", "content": f"Which animal? {TEXTS[0]}"},
    ]
    assert (document["max_tokens"], document["temperature"]) == (7, 0.5)
    wanted = document["response_format"]["json_schema"]
    assert wanted["schema"]["properties"]["label"]["enum"] == ["cat", "dog"]
    assert wanted["strict"] is True
    asked(server, tmp_path, texts()[:1], answer="json_object")
    assert server.documents[1]["response_format"] == {"type": "json_object"}
    server.says = lambda _: " cat "
    (row,) = asked(server, tmp_path, texts()[:1], answer="text")
    assert "response_format" not in server.documents[2]
    assert row["label"] == "cat"


def test_a_template_is_filled_once_and_from_what_it_names(
    server: ModelServer, tmp_path: Path
) -> None:
    rows = [{"text": "see {meta.to} and {labels}", "meta.to": "x" * 50, "meta.no": "secret"}]
    prompt = "{{{labels}}} {meta.to}: {text}"
    asked(server, tmp_path, rows, prompt=prompt, allow=["text", "meta.to"], max_chars=30)
    (question,) = server.asked
    assert question == "{cat, dog} " + "x" * 30 + ": see {meta.to} and {labels}"
    assert "secret" not in json.dumps(server.documents)


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"allow": []}, "the prompt sends `text` to http"),
        ({"prompt": "{text} {meta.mail}"}, "the prompt sends `meta.mail`"),
        ({"allow": ["text", "meta.mail"]}, "`allow` names `meta.mail`, which the prompt does not"),
        ({"prompt": "What?", "allow": []}, "asks the same of every sample"),
        ({"prompt": "{txt}"}, "did you mean `text`"),
        ({"prompt": "{text} {"}, "a bracket stands alone"),
        ({"system": "About {text}"}, "fields belong to `prompt`"),
        ({"labels": ["cat", "cat"]}, "`cat` stands twice"),
        ({"max_cost": 1}, "bounds nothing without `price`"),
        ({"retries": 0}, "`retry_s` does nothing"),
        ({"allow_hosts": []}, "list it in `allow_hosts`"),
        ({"url": "ftp://a.example/v1"}, "http"),
        ({"url": "https://a.example/v1/chat/completions"}, "is what stands before"),
    ],
)
def test_settings_that_leak_or_do_nothing_are_refused(
    server: ModelServer, tmp_path: Path, other: dict[str, Any], why: str
) -> None:
    with pytest.raises(ValidationError, match=why):
        Settings.model_validate(given(server, tmp_path, **other))
    assert not server.asked


def test_a_key_stands_in_no_recipe_and_has_to_be_there(
    server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = whole(server, tmp_path)
    assert not problems(tree)
    monkeypatch.delenv("MODEL_KEY")
    assert "MODEL_KEY" in said(tree)
    settings = tree["label"][0]["language_model"]
    settings["headers"] = {"Authorization": f"Bearer {KEY}"}
    assert "secret-in-recipe" in said(tree)


def test_an_answer_that_is_no_label_is_quarantined(server: ModelServer, tmp_path: Path) -> None:
    answers: dict[str, Answer] = {
        "0": labelled("cow"),
        "1": "cat",
        "2": json.dumps(["cat"]),
        "3": json.dumps({"label": 5}),
        "4": (200, {"choices": []}, {}),
        "5": (200, {"choices": [{"message": {"content": None, "refusal": "I\x1b will not"}}]}, {}),
        "6": (200, {"choices": [{"finish_reason": "content_filter", "message": {}}]}, {}),
        "7": (400, {"error": {"message": f"too long, {KEY}"}}, {}),
        "8": labelled(" cat\ufeff"),
        "9": "[" * 100_000,
    }
    server.says = lambda question: answers[question.split()[3]]
    found = asked(server, tmp_path, texts({"text": " "}, {"text": None}))
    assert [row["label"] for row in found] == [None] * 8 + ["cat"] + [None] * 3
    why = errors(found)
    assert why[0] == 'the model\'s answer is none of the labels: `{"label": "cow"}`'
    assert why[8] is None
    assert all("none of the labels" in str(why[n]) for n in (0, 1, 2, 3, 9))
    assert "has no `choices`" in str(why[4])
    assert str(why[5]).startswith("the model refused: I")
    assert "\x1b" not in str(why[5])
    assert "its filter held the answer back" in str(why[6])
    assert "it answers 400: too long" in str(why[7])
    assert KEY not in str(why[7])
    assert why[10:] == ["no `text` to ask the model about"] * 2
    before = server.asked.total()
    asked(server, tmp_path, texts())
    # What was answered is kept, however useless; what was refused as a request was not paid for.
    assert server.asked.total() - before == 2


def test_a_server_that_is_busy_for_once_is_asked_again(server: ModelServer, tmp_path: Path) -> None:
    answers: list[Answer] = [(503, {}, {}), labelled("cat")]
    turns = iter(answers)
    server.says = lambda _: next(turns)
    (row,) = asked(server, tmp_path, texts()[:1])
    assert row["label"] == "cat"
    server.says = lambda _: (503, {}, {})
    with pytest.raises(MissingError, match=r"it answers 503 \(tried 3 times\)") as caught:
        asked(server, tmp_path, texts()[1:2], retries=2)
    assert caught.value.code == "no-answer"
    assert server.asked.total() == 5


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, {"message": f"wrong key {KEY}"}),
        (404, {"message": "no such model"}),
        (429, {"message": "pay", "code": "insufficient_quota"}),
        (302, {}),
    ],
)
def test_what_no_request_would_get_stops_the_step_at_once(
    server: ModelServer, tmp_path: Path, status: int, error: dict[str, str]
) -> None:
    server.says = lambda _: (status, {"error": error}, {"Location": "http://elsewhere.example/"})
    with pytest.raises(UsageError, match=f"it answers {status}") as caught:
        asked(server, tmp_path, texts(), at_once=1)
    assert KEY not in str(caught.value)
    assert server.asked.total() == 1


def test_no_server_is_said_with_what_to_do(tmp_path: Path) -> None:
    with serving(sensible) as server:
        pass
    with pytest.raises(MissingError, match="does not answer") as caught:
        asked(server, tmp_path, texts()[:1], retries=1)
    assert "is not asked again" in caught.value.hint


def test_so_many_at_once_and_no_more(server: ModelServer, tmp_path: Path) -> None:
    both = threading.Barrier(3, timeout=30)

    def together(question: str) -> Answer:
        both.wait()
        return sensible(question)

    server.says = together
    found = asked(server, tmp_path, texts()[:9], at_once=3)
    assert errors(found) == [None] * 9
    assert server.most == 3


def test_a_failure_waits_for_what_is_under_way(server: ModelServer, tmp_path: Path) -> None:
    refused = threading.Event()

    def one_fails(question: str) -> Answer:
        if question.endswith(TEXTS[0]):
            refused.set()
            return 401, {}, {}
        refused.wait(30)
        return sensible(question)

    server.says = one_fails
    with pytest.raises(UsageError):
        asked(server, tmp_path, texts(), at_once=2)
    server.says = sensible
    asked(server, tmp_path, texts())
    assert max(server.answered.values()) == 1


def test_the_most_that_may_be_spent_is_kept_to(server: ModelServer, tmp_path: Path) -> None:
    price = {"input": 1000, "output": 2000, "currency": "EUR"}
    each = (TOKENS[0] * 1000 + TOKENS[1] * 2000) / 1e6
    limits = {"price": price, "max_cost": 2.5 * each, "at_once": 1}
    with pytest.raises(UsageError, match=r"have cost 0\.05 EUR, and `max_cost` is 0\.04"):
        asked(server, tmp_path, texts(), **limits)
    assert server.asked.total() == 3
    limits["max_cost"] = 10 * each + 1e-9
    asked(server, tmp_path, texts(), **limits)
    assert server.asked.total() == 10


def test_what_is_under_way_when_the_most_is_spent_is_kept(
    server: ModelServer, tmp_path: Path
) -> None:
    both = threading.Barrier(2, timeout=30)

    def second_waits(question: str) -> Answer:
        both.wait()
        if question.endswith(TEXTS[1]):
            with AnswerCache(tmp_path / "answers") as cache:
                while not cache.spent("m-1").requests:
                    time.sleep(0.01)
        return sensible(question)

    server.says = second_waits
    limits = {"price": {"input": 1000, "output": 0}, "max_cost": 0.001, "at_once": 2}
    with pytest.raises(UsageError, match="`max_cost` is"):
        asked(server, tmp_path, texts(), **limits)
    server.says = sensible
    asked(server, tmp_path, texts())
    assert server.asked == {f"Which animal? {text}": 1 for text in TEXTS}


def test_what_two_workers_ask_at_once_is_paid_twice_and_kept_once(
    server: ModelServer, tmp_path: Path
) -> None:
    """Both are paid for, and the first stays."""
    both = threading.Barrier(2, timeout=30)

    def together(_: str) -> Answer:
        return labelled(("cat", "dog")[both.wait()])

    server.says = together
    with ThreadPoolExecutor(2) as workers:
        done = [workers.submit(asked, server, tmp_path, texts()[:1]) for _ in range(2)]
        labels = {row["label"] for one in done for row in one.result()}
    assert server.answered.total() == 2
    (row,) = asked(server, tmp_path, texts()[:1])
    assert labels == {row["label"]}
    assert server.answered.total() == 2
    with AnswerCache(tmp_path / "answers") as cache:
        assert cache.spent("m-1").requests == 2


def test_answers_stand_beside_peoples(server: ModelServer, tmp_path: Path) -> None:
    people = [{"annotator": "ann", "label": "dog"}]
    both: list[Row] = [{"text": "a cat", "annotations": people}, {"text": "a dog", "label": "cow"}]
    found = asked(server, tmp_path, both, gives="annotation")
    assert found[0]["annotations"] == [*people, {"annotator": "model:m-1", "label": "cat"}]
    assert found[1]["annotations"] == [{"annotator": "model:m-1", "label": "dog"}]
    assert [row["label"] for row in found] == [None, "cow"]
    # And are weighed with theirs: two say that it is a cat, and one that it is a dog.
    bob = [{"annotator": "bob", "label": "cat"}]
    row = {"text": "a cat", "annotations": [*found[0]["annotations"], *bob]}
    (both_say,) = applied("consensus", batch([row]), method="majority")
    assert (both_say["label"], both_say["label_confidence"]) == ("cat", pytest.approx(2 / 3))
    assert language_model.fills(Settings.model_validate(given(server, tmp_path))) == (
        *("label", "label_origin"),
    )


def test_figures_are_what_the_server_counted(server: ModelServer, tmp_path: Path) -> None:
    server.says = lambda question: labelled("cow") if " 4 " in question else sensible(question)
    price = {"input": 3, "output": 15}
    settings = Settings.model_validate(given(server, tmp_path, price=price))
    rows = texts({"text": TEXTS[0]}, {"text": "x", "label": "cow"}, {"text": None})
    out = language_model.apply(batch(rows), settings)
    figures = language_model.describe(iter([out.slice(0, 4), out.slice(4)]), settings)
    requests = server.answered.total()
    assert figures == {
        "model": "m-1",
        "answered": 11,
        "requests": requests,
        "refused": 1,
        "prompt_tokens": requests * TOKENS[0],
        "completion_tokens": requests * TOKENS[1],
        "labels": {"cat": 5, "dog": 5},
        "cost": pytest.approx(requests * (TOKENS[0] * 3 + TOKENS[1] * 15) / 1e6),
        "currency": "USD",
    }
    assert requests == 10


def whole(server: ModelServer, folder: Path, **other: Any) -> dict[str, Any]:
    path = folder / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    return {
        "collect": {"texts": {"jsonl": {"path": str(path)}}},
        "label": [{"language_model": given(server, folder, **other)}],
    }


def test_a_plan_says_how_many_requests_and_what_they_cost(
    server: ModelServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = whole(server, tmp_path, price={"input": 1_000_000, "output": 10, "currency": "EUR"})
    runs = tmp_path / "runs"

    def told() -> str:
        step = plan_recipe(read(tree), runs=runs).steps[-1]
        return step.forecast

    assert told() == (
        "how much is asked is known once `collect.texts` is finished (`--only collect.texts`)"
    )
    run(tree, tmp_path, only="collect.texts")
    num_bytes = sum(len(f"Which animal? {text}") for text in TEXTS)
    low, high = num_bytes / 4, num_bytes / 4 + 10 * 100 * 10 / 1e6
    assert told() == (
        f"10 requests to m-1, about {low:,.2f} EUR for the prompts (a token for 4 bytes) and at "
        f"most {high:,.2f} with answers of 100 tokens each"
    )
    asked(server, tmp_path, texts()[:4])
    assert told().startswith("6 requests to m-1 (4 more were answered before), about")
    assert server.asked.total() == 4
    assert told() in str(plan_recipe(read(tree), runs=runs))
    print_plan(plan_recipe(read(tree), runs=runs), json=False)
    shown = " ".join(capsys.readouterr().out.split())
    assert f"what it costs: step is label.language_model {told()}" in shown.replace(
        "─", ""
    ).replace("  ", " ")
    done = run(tree, tmp_path)
    assert [row["label"] for row in rows(done, "label.language_model")] == ["dog", "cat"] * 5
    assert told() == ""
    assert max(server.asked.values()) == 1
    # Another price or another place of the answers asks nothing anew.
    other = whole(server, tmp_path, at_once=2, retries=1)
    run(other, tmp_path)
    assert max(server.asked.values()) == 1


CHILD = """
import json, sys
from tests.table.samples import batch
from tilth.label import language_model
settings = language_model.Settings.model_validate(json.loads(sys.argv[1]))
language_model.apply(batch([{"text": text} for text in json.loads(sys.argv[2])]), settings)
"""


def test_killed_in_mid_batch_it_asks_nothing_again_that_was_answered(
    server: ModelServer, tmp_path: Path
) -> None:
    hold, held = threading.Event(), threading.Semaphore(0)
    first = {f"Which animal? {text}" for text in TEXTS[:5]}

    def some_never(question: str) -> Answer:
        if question not in first:
            held.release()
            hold.wait(60)
            return 500, {}, {}
        return sensible(question)

    server.says = some_never
    command = [sys.executable, "-c", CHILD, json.dumps(given(server, tmp_path)), json.dumps(TEXTS)]
    with subprocess.Popen(command, env=os.environ) as child:
        # Four are under way, so that all that were answered before are on the disk.
        for _ in range(4):
            assert held.acquire(timeout=60)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    assert server.answered == dict.fromkeys(first, 1)
    hold.set()
    server.says = sensible
    found = asked(server, tmp_path, texts())
    assert [row["label"] for row in found] == ["dog", "cat"] * 5
    assert server.answered == {f"Which animal? {text}": 1 for text in TEXTS}


def test_answers_that_cannot_be_read_are_said(server: ModelServer, tmp_path: Path) -> None:
    folder = tmp_path / "answers"
    folder.mkdir()
    (folder / FILE).write_bytes(b"no database at all, and long enough to be looked at" * 100)
    with pytest.raises(StorageError, match="cannot be read or written"):
        asked(server, tmp_path, texts())
    assert not server.asked
