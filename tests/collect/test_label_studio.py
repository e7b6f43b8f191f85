"""Label Studio exports: cut into tasks in bounded memory; a bad task costs one task."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pyarrow as pa
import pytest

from tilth import schema
from tilth.collect import label_studio
from tilth.context import Context
from tilth.errors import DataError
from tilth.store import digests
from tilth.web.fetch import MIRROR_VARIABLE


def png(value: int = 0) -> bytes:
    stream = io.BytesIO()
    PIL.Image.fromarray(np.full((4, 4), value, np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def answer(who: Any, *choices: str, control: str = "kind", **given: Any) -> dict[str, Any]:
    result = {"from_name": control, "type": "choices", "value": {"choices": list(choices)}}
    return {"completed_by": who, "result": [result], **given}


def task(number: int, data: dict[str, Any], *answers: Any) -> dict[str, Any]:
    return {"id": number, "data": data, "annotations": list(answers)}


def export(folder: Path, *tasks: Any) -> Path:
    path = folder / "export.json"
    path.write_text(json.dumps(tasks, indent=1))
    return path


def read(path: Path, limit: int | None = None, **given: Any) -> list[dict[str, Any]]:
    found = label_studio.read(
        label_studio.Settings(path=str(path), **given), "s", Context(path.parent, limit=limit)
    )
    rows: list[dict[str, Any]] = pa.Table.from_batches(list(found)).to_pylist()
    return rows


def test_text_tasks_with_several_annotators(tmp_path: Path) -> None:
    path = export(
        tmp_path,
        task(
            7,
            {"text": "hello", "split": "dev"},
            answer({"id": 1, "email": "a@example.org"}, "greeting"),
            answer({"id": 2}, "question"),
            answer(3, "greeting"),
            answer(4, "question", was_cancelled=True),
            {"completed_by": 5, "result": []},
            {"completed_by": 6, "result": [{"type": "rating", "value": {"rating": 3}}]},
        ),
        task(8, {"text": "why"}, answer("x", "question", ground_truth=True), answer(1, "other")),
        task(9, {"text": "unseen"}),
    )
    rows = read(path, license="CC0")
    assert rows[0].pop("id")
    assert rows[0] == {
        "source": "s",
        "uri": f"{path}:1",
        "key": schema.sample_id("content", "hello"),
        "text": "hello",
        "label": None,
        "label_confidence": None,
        "label_origin": None,
        "annotations": [
            {"annotator": "a@example.org", "label": "greeting"},
            {"annotator": "2", "label": "question"},
            {"annotator": "3", "label": "greeting"},
        ],
        "split": "validation",
        "license": "CC0",
        "error": None,
    }
    assert (rows[1]["label"], rows[1]["label_origin"]) == ("question", "expert")
    assert rows[1]["annotations"] == [{"annotator": "1", "label": "other"}]
    assert rows[2]["annotations"] == []


def test_the_images_of_a_delivery(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for name in ("a.png", "b c.png"):
        (tmp_path / "images" / name).write_bytes(png())
    inline = "data:image/png;base64," + base64.b64encode(png(9)).decode()
    path = export(
        tmp_path,
        task(1, {"image": "images/a.png"}),
        task(2, {"image": inline}),
        task(3, {"image": "/data/local-files/?d=images/b%20c.png"}),
        task(4, {"image": "/data/upload/images/a.png"}),
    )
    rows = read(path)
    assert [row["error"] for row in rows] == [None] * 4
    assert [row["image"] for row in rows] == [png(), png(9), png(), png()]
    assert "text" not in rows[0]


BAD_TASKS: list[tuple[Any, str]] = [
    ("text", "not a JSON object"),
    ({"image": "x", "choice": "y"}, "no `data`; was it exported as JSON-MIN?"),
    (task(1, {"audio": "x"}), "no field `image`"),
    ({"data": {"image": "a.png"}}, "no list of `annotations`"),
    (task(1, {"image": "a.png"}, "yes"), "an annotation is not an object"),
    (task(1, {"image": "a.png"}, answer(1, "a", "b")), "one annotator chose 2 classes"),
    (task(1, {"image": "a.png"}, answer(None, "a")), "does not say who `completed_by`"),
    (
        task(
            1,
            {"image": "a.png"},
            {
                "completed_by": 1,
                "result": answer(1, "a")["result"] + answer(1, "b", control="mood")["result"],
            },
        ),
        "answers to several controls (kind, mood); set `control`",
    ),
    (
        task(
            1,
            {"image": "a.png"},
            answer(1, "a", ground_truth=True),
            answer(2, "b", ground_truth=True),
        ),
        "two ground truths: a and b",
    ),
    (task(1, {"image": "missing.png"}), "No such file"),
    (task(1, {"image": "../secret.png"}), "outside the delivery's folder"),
    (task(1, {"image": "/etc/passwd"}), "outside the delivery's folder"),
    (task(1, {"image": "link.png"}), "outside the delivery's folder"),
    (task(1, {"image": "https://example.org/a.png"}), "the image is remote"),
    (task(1, {"image": "data:image/png;base64,###"}), "not base64"),
    (task(1, {"image": "data:image/png;base64,AAAA"}), "cannot be decoded"),
    (task(1, {"image": "cut.png"}), "cannot be decoded"),
    (task(1, {"image": "large.png"}), "above `max_pixels`"),
    (task(1, {"image": "a.png", "text": "x" * 3000}), "above `max_record_bytes` of 2,000"),
]


@pytest.mark.parametrize(("bad", "cause"), BAD_TASKS)
def test_a_bad_task_costs_one_task(tmp_path: Path, bad: Any, cause: str) -> None:
    folder = tmp_path / "delivery"
    folder.mkdir()
    (tmp_path / "secret.png").write_bytes(png())
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "a.png").write_bytes(png())
    (folder / "cut.png").write_bytes(png()[: len(png()) // 2])
    PIL.Image.fromarray(np.zeros((200, 200), np.uint8)).save(folder / "large.png")
    good = task(5, {"image": "a.png"}, answer(1, "yes"))
    path = export(folder, good, bad, good)
    rows = read(path, max_pixels=10_000, max_record_bytes=2000)
    assert [row["error"] is None for row in rows] == [True, False, True]
    assert rows[1]["error"].startswith(f"{path}:2: ")
    assert cause in rows[1]["error"]


def test_spans_and_boxes_are_no_answers(tmp_path: Path) -> None:
    span = {"start": 0, "end": 2, "text": "to", "labels": ["place"]}
    box = {"x": 1, "y": 1, "width": 5, "height": 5, "rectanglelabels": ["cat"]}
    drawn = [
        {"completed_by": 1, "result": [{"from_name": "c", "type": kind, "value": value}]}
        for kind, value in (("labels", span), ("rectanglelabels", box))
    ]
    path = export(tmp_path, task(1, {"text": "to be"}, *drawn, answer(2, "a")))
    (row,) = read(path)
    assert row["annotations"] == [{"annotator": "2", "label": "a"}]


def test_a_control_may_be_chosen(tmp_path: Path) -> None:
    both = answer(1, "a")["result"] + answer(1, "b", control="mood")["result"]
    path = export(tmp_path, task(1, {"text": "t"}, {"completed_by": 1, "result": both}))
    (row,) = read(path, control="mood")
    assert row["annotations"] == [{"annotator": "1", "label": "b"}]


@pytest.mark.parametrize(
    ("damage", "cause"),
    [
        (lambda data: data[:-3], "cut off"),
        (lambda data: b"{}", "not a JSON array"),
        (lambda data: data.replace(b"]", b"}", 1), "`}` closes nothing"),
        (lambda data: data + b"]", "text after the end"),
        (lambda data: b"", "it is empty"),
    ],
)
def test_a_damaged_export_is_an_error(tmp_path: Path, damage: Any, cause: str) -> None:
    path = export(tmp_path, task(1, {"text": "t"}), task(2, {"text": "t"}))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match="not a Label Studio JSON export") as raised:
        read(path)
    assert cause in raised.value.what
    assert str(path) in raised.value.where


def test_an_export_without_tasks_is_an_empty_source(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the source is empty"):
        read(export(tmp_path))


def test_limit(tmp_path: Path) -> None:
    path = export(tmp_path, *(task(n, {"text": str(n)}) for n in range(30)))
    assert [row["text"] for row in read(path, limit=5)] == ["0", "6", "12", "18", "24"]


def _pictures(folder: Path, *names: str) -> None:
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(png(number))


def _known(path: Path | None = None, **given: Any) -> str:
    place = {} if path is None else {"path": str(path)}
    return label_studio.fingerprint(label_studio.Settings.model_validate({**place, **given}))


@pytest.mark.parametrize("own_folder", [True, False])
def test_the_images_that_tasks_name_count_and_no_others(own_folder: bool, tmp_path: Path) -> None:
    folder = tmp_path / "pictures" if own_folder else tmp_path
    _pictures(folder, "a.png", "in/b.png", "in/c.png")
    names = ["a.png", "/data/local-files/?d=in/b.png", "gone.png", "https://a.org/x.png", "../x"]
    path = export(tmp_path, *(task(n, {"image": name}) for n, name in enumerate(names)))
    given = {"images": str(folder)} if own_folder else {}
    before = _known(path, **given)
    (folder / "in/c.png").write_bytes(b"another")
    (folder / "a.png").touch()
    assert _known(path, **given) == before
    seen = {before}
    for name, data in (("a.png", png(7)), ("in/b.png", png(8)), ("gone.png", png(9))):
        (folder / name).write_bytes(data)
        seen.add(_known(path, **given))
    assert len(seen) == 4
    # Where none is read, none counts.
    texts = _known(path, text="caption")
    (folder / "a.png").write_bytes(png(1))
    assert _known(path, text="caption") == texts


def test_an_export_is_gone_through_for_its_images_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "_SETTLED_NS", 0)
    _pictures(tmp_path, "a.png", "b.png")
    path = export(tmp_path, task(1, {"image": "a.png", "other": "b.png"}))
    with digests.remembering(tmp_path / "memo"):
        before, other = _known(path), _known(path, image="other")
    monkeypatch.setattr(label_studio, "cut_items", None)
    with digests.remembering(tmp_path / "memo", read=False):
        assert _known(path) == before
        assert _known(path, image="other") == other != before
        (tmp_path / "a.png").write_bytes(png(5))
        with pytest.raises(digests.UnreadError):
            _known(path)


def test_of_an_export_that_is_not_here_all_images_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(MIRROR_VARIABLE, raising=False)
    folder, mirror = tmp_path / "pictures", tmp_path / "mirror"
    mirror.mkdir()
    _pictures(folder, "a.png", "b.png")
    given: dict[str, Any] = {"url": "https://a.org/export.json", "images": str(folder)}
    before = _known(**given)
    (folder / "b.png").write_bytes(png(5))
    assert _known(**given) != before
    # Where a mirror has it, it is known which.
    path = export(mirror, task(1, {"image": "a.png"}))
    given |= {"mirror": str(mirror)}
    before = _known(**given)
    (folder / "b.png").write_bytes(png(6))
    assert _known(**given) == before
    (folder / "a.png").write_bytes(png(6))
    assert _known(**given) != before
    assert _known(**given, sha256=hashlib.sha256(path.read_bytes()).hexdigest()) == _known(**given)


def test_what_else_a_task_says_travels(tmp_path: Path) -> None:
    data = {"text": "a", "split": "test", "source": "wiki", "n": 3, "o": {"x": 1}}
    path = export(tmp_path, task(1, data, answer(1, "yes")))
    (row,) = read(path)
    assert {name: value for name, value in row.items() if name.startswith("meta.")} == {
        "meta.source": "wiki",
        "meta.n": 3,
        "meta.o": '{"x":1}',
    }
    (row,) = read(path, meta=["n"])
    assert [name for name in row if name.startswith("meta.")] == ["meta.n"]
    (row,) = read(path, meta="none")
    assert not [name for name in row if name.startswith("meta.")]


def test_images_that_tasks_name_are_not_passed_over(tmp_path: Path) -> None:
    """They are read with their tasks; what no task names is told of."""
    (tmp_path / "images").mkdir()
    for name in ("a.png", "b.png"):
        (tmp_path / "images" / name).write_bytes(png())
    export(tmp_path, task(1, {"image": "images/a.png"}, answer(1, "x")))
    told: list[str] = []
    context = Context(tmp_path, passes_over=lambda place, _: told.append(place))
    settings = label_studio.Settings(path=str(tmp_path))
    assert list(label_studio.read(settings, "s", context))
    assert told == [f"{tmp_path}/images/b.png"]
