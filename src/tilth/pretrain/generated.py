"""What a trained model makes of a few held-out samples, for a reader of the report to look at.

Asked once and kept beside the model: a report that is written anew does not load torch again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, JsonValue

from tilth.errors import TilthError
from tilth.pretrain.ask import TrainedModel, answer_contents, options_for, read_model
from tilth.records import Record, read_if_whole
from tilth.schema import Row
from tilth.spell import percent
from tilth.store.files import write_record
from tilth.tasks.prediction import Prediction
from tilth.tasks.registry import declaration

GENERATED = "generated.json"
NUM_SAMPLES = 8
_EXCERPT, _MAX_ANSWER, _PROMPT_WORDS, _MAX_TOKENS = 600, 2400, 6, 200


@dataclass(frozen=True)
class Drawn:
    """Samples to ask about.

    Attributes:
        split: Which they are of.
        rows: With the columns of the sample schema that they have; `uri` among them.
    """

    split: str
    rows: Sequence[Row]


class Sample(Record):
    """One answer, as it is kept.

    Attributes:
        input: The text that the model was given, or where its image or recording is from.
        image: The image that it was given, as a data URI.
        answer: In one line: the text, or the class with its probability.
        expected: What it is compared with, where that is known.
    """

    input: str
    image: str | None
    answer: str
    expected: str | None


class Generated(Record):
    """Answers to held-out samples.

    Attributes:
        split: Which the samples are of.
        options: Those that decided the answers.
        samples: What was answered.
        note: Why the model was not asked.
    """

    split: str = ""
    options: dict[str, JsonValue] = Field(default_factory=dict)
    samples: tuple[Sample, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Shown:
    """How what came in or out is written down, as it may be shared.

    Attributes:
        text: Gives the opening of a text, of so many characters at most.
        image: Gives a picture as a data URI, where one can be made.
    """

    text: Callable[[str, int], str]
    image: Callable[[bytes], str | None]


def generated_samples(folder: Path, draw: Callable[[], Drawn], shown: Shown) -> Generated | None:
    """Answers to held-out samples, of which there are `NUM_SAMPLES` at most.

    Args:
        folder: Of the trained model.
        draw: Gives the samples; not called where the model was asked before.
        shown: Makes the words and the pictures that are kept.

    Returns:
        None for a task that answers nothing, and where there is no model.
    """
    path = folder / GENERATED
    asked = read_if_whole(Generated, path)
    if asked is not None:
        return asked
    try:
        model = read_model(folder, str(folder))
    except TilthError:
        return None
    if not declaration(model.task).verb:
        return None
    try:
        made = _ask(model, draw(), shown)
    except Exception as error:
        # A report tells of a run whose model cannot be asked here: torch is not installed, say.
        return Generated(note=f"the model was not asked: {error}".partition("\n")[0])
    write_record(path, made)
    return made


def _ask(model: TrainedModel, drawn: Drawn, shown: Shown) -> Generated:
    options = options_for(model, {"max_tokens": _MAX_TOKENS})
    task = declaration(model.task)
    rows = drawn.rows[: NUM_SAMPLES // 2] if task.prompts else drawn.rows[:NUM_SAMPLES]
    contents = [_opening(row["text"]) if task.prompts else row[model.reads] for row in rows]
    samples = []
    for row, content, answer in zip(
        rows, contents, answer_contents(model, contents, options), strict=True
    ):
        image = row.get("image")
        expected = row.get(task.answer) if task.answer else None
        sample = Sample(
            input=shown.text(content if isinstance(content, str) else row["uri"], _EXCERPT),
            image=None if image is None else shown.image(image),
            # A model may have learnt by heart what its data held.
            answer=shown.text(_words(answer), _MAX_ANSWER),
            expected=None if expected is None else shown.text(expected, _EXCERPT),
        )
        samples.append(sample)
    decided = {name: getattr(options, name) for name in task.asked_with}
    return Generated(split=drawn.split, options=decided, samples=tuple(samples))


def _opening(text: str) -> str:
    return " ".join(text.split()[:_PROMPT_WORDS])


def _words(answer: Prediction) -> str:
    if answer.label is not None:
        share = (answer.scores or {}).get(answer.label)
        return answer.label + (f" ({percent(share, decimals=0)})" if share is not None else "")
    return answer.text or ""
