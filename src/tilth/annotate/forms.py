"""Write an order in the form that a platform takes: the tasks, how to show them, the label set.

Pictures and sound lie in `media/` under the names of their tasks. Whatever the form, a task has a
field `item`, its name, which has to come back with the answer.
"""

from __future__ import annotations

import csv
import html
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from tilth.export.rows import Encodable

MEDIA: Final = "media"
_KINDS: Final = {"image": "Image", "audio": "Audio"}
# A task as it goes out: `item`, and by the names of the shown columns texts and paths of files.
Fields = Mapping[str, str]


@dataclass(frozen=True)
class Asked:
    """What is asked of each task.

    Attributes:
        question: In words.
        classes: To choose from; none: free text.
        shown: Names of the fields beside `item`, in order.
        annotators: Answers that each task is to get.
    """

    question: str
    classes: Sequence[str]
    shown: Sequence[str]
    annotators: int


Write = Callable[[Path, Iterator[Fields], Asked], None]


def _jsonl(folder: Path, tasks: Iterator[Fields], _: Asked) -> None:
    with _text(folder / "tasks.jsonl") as file:
        for task in tasks:
            file.write(json.dumps(task, ensure_ascii=False) + "\n")


def _csv(folder: Path, tasks: Iterator[Fields], asked: Asked) -> None:
    with _text(folder / "tasks.csv") as file:
        writer = csv.DictWriter(Encodable(file), ["item", *asked.shown])
        writer.writeheader()
        writer.writerows(tasks)


def _label_studio(folder: Path, tasks: Iterator[Fields], asked: Asked) -> None:
    """Tasks to import, and the interface as Label Studio's templates have it."""
    with _text(folder / "tasks.json") as file:
        for number, task in enumerate(tasks):
            file.write(("[\n" if number == 0 else ",\n") + json.dumps({"data": task}))
        file.write("\n]\n")
    with _text(folder / "config.xml") as file:
        file.write(_interface(asked))


def _interface(asked: Asked) -> str:
    def quoted(text: str) -> str:
        return html.escape(" ".join(text.split()))

    shown = [
        f'  <{_KINDS.get(name, "Text")} name="{quoted(name)}" value="${quoted(name)}"/>'
        for name in asked.shown
    ]
    to = quoted(asked.shown[0])
    if asked.classes:
        answer = [
            f'  <Choices name="label" toName="{to}" choice="single" required="true">',
            *(f'    <Choice value="{quoted(name)}"/>' for name in asked.classes),
            "  </Choices>",
        ]
    else:
        answer = [f'  <TextArea name="label" toName="{to}" maxSubmissions="1" required="true"/>']
    header = f'  <Header value="{quoted(asked.question)}"/>'
    return "\n".join(["<View>", header, *shown, *answer, "</View>", ""])


def _ground_truth(folder: Path, tasks: Iterator[Fields], asked: Asked) -> None:
    """SageMaker Ground Truth's input manifest and label categories.

    Source: docs.aws.amazon.com/sagemaker/latest/dg/sms-input-data-input-manifest.html and
    sms-label-cat-config-attributes.html
    """
    media = next((name for name in asked.shown if name in _KINDS), None)
    first = media or asked.shown[0]
    key = "source-ref" if media is not None else "source"
    with _text(folder / "tasks.manifest") as file:
        for task in tasks:
            rest = {name: value for name, value in task.items() if name != first}
            file.write(json.dumps({key: task[first], **rest}, ensure_ascii=False) + "\n")
    if asked.classes:
        labels = [{"label": name} for name in asked.classes]
        with _text(folder / "classes.json") as file:
            json.dump({"document-version": "2018-11-28", "labels": labels}, file, indent=2)


def _mturk(folder: Path, tasks: Iterator[Fields], asked: Asked) -> None:
    """MTurk's input for a batch, and the page of its project (Crowd HTML Elements)."""
    _csv(folder, tasks, asked)
    shown = []
    for name in asked.shown:
        value = "${" + name + "}"
        tag = {
            "image": f'<img src="{value}" alt="" style="max-width: 100%">',
            "audio": f'<audio controls src="{value}"></audio>',
        }
        shown.append(tag.get(name, f"<p>{value}</p>"))
    question = html.escape(asked.question)
    if asked.classes:
        choices = html.escape(json.dumps([*asked.classes], ensure_ascii=False))
        answer = [
            f'  <crowd-classifier name="label" categories="{choices}" header="{question}">',
            f"    <classification-target>{''.join(shown)}</classification-target>",
            f'    <full-instructions header="Guidelines">{question}</full-instructions>',
            "  </crowd-classifier>",
        ]
    else:
        answer = [
            f"  <p>{question}</p>{''.join(shown)}",
            '  <crowd-text-area name="label" required></crowd-text-area>',
        ]
    with _text(folder / "question.html") as file:
        script = '<script src="https://assets.crowd.aws/crowd-html-elements.js"></script>'
        form = '<crowd-form answer-format="flatten-objects">'
        file.write("\n".join([script, form, *answer, "</crowd-form>", ""]))


FORMS: Final[Mapping[str, Write]] = {
    "label_studio": _label_studio,
    "ground_truth": _ground_truth,
    "mturk": _mturk,
    "csv": _csv,
    "jsonl": _jsonl,
}


def _text(path: Path) -> IO[str]:
    # What is no Unicode cannot be shown, and costs the character, not the order.
    return open(path, "w", encoding="utf-8", errors="replace", newline="")
