"""What a run's model makes of a few held-out samples, for a reader of the report to look at.

Asked once and kept beside the model: a report that is written anew does not load torch again.
"""

from __future__ import annotations

import json
from typing import Any

from tilth.errors import TilthError
from tilth.pretrain.ask import TrainedModel, answer_contents, options_for
from tilth.query.draw import draw_ids
from tilth.query.predict import MODEL, find_model
from tilth.query.runs import RunStep, RunView
from tilth.query.samples import image_uri, rows_by_id
from tilth.query.share import shareable_opening
from tilth.store import Dataset
from tilth.store.files import write_json
from tilth.tasks.predict_settings import PredictSettings
from tilth.tasks.prediction import Prediction
from tilth.tasks.registry import declaration

GENERATED = "generated.json"
_NUM_SAMPLES, _EXCERPT, _PROMPT_WORDS, _MAX_TOKENS = 8, 600, 6, 200
_COLUMNS = ["id", "uri", "text", "image", "audio", "target", "label"]


def generated_samples(run: RunView, step: RunStep) -> dict[str, Any] | None:
    """Answers to the samples of the test split with the smallest ids: a uniform draw.

    Args:
        run: The run.
        step: The one that trained the model.

    Returns:
        split, options and samples: {"input", "image", "answer", "expected"}, the last three null
        where there is none; `note` where the model failed. None for a task that answers nothing.
    """
    path = step.folder / MODEL / GENERATED
    if path.is_file():
        kept: dict[str, Any] = json.loads(path.read_bytes())
        return kept
    try:
        model = find_model(step.folder / MODEL)
    except TilthError:
        return None
    if not declaration(model.task).verb:
        return None
    try:
        made = _ask(model, Dataset(run.step(step.inputs[0]).folder), step)
    except Exception as error:
        # A report tells of a run whose model cannot be asked here: torch is not installed, say.
        return {"samples": [], "note": f"the model was not asked: {error}".partition("\n")[0]}
    write_json(path, made)
    return made


def _ask(model: TrainedModel, dataset: Dataset, step: RunStep) -> dict[str, Any]:
    data = step.settings.get("data")
    chosen = data if isinstance(data, dict) else {}
    drawn = draw_ids(dataset, chosen, _NUM_SAMPLES, _left_out(step))
    split = next((name for name in ("test", "validation") if drawn[name]), "train")
    ids = drawn[split]
    rows = rows_by_id(dataset, "kept", ids, _COLUMNS)
    options = options_for(model, {"max_tokens": _MAX_TOKENS})
    task = declaration(model.task)
    if task.prompts:
        contents: list[str | bytes] = [_opening(row["text"]) for row in rows[: _NUM_SAMPLES // 2]]
    else:
        contents = [row[model.reads] for row in rows]
    samples = []
    for row, content, answer in zip(
        rows, contents, answer_contents(model, contents, options), strict=False
    ):
        image = row.get("image")
        expected = row.get(task.answer) if task.answer else None
        samples.append(
            {
                "input": shareable_opening(
                    content if isinstance(content, str) else row["uri"], _EXCERPT
                ),
                "image": image_uri(image) if image is not None else None,
                "answer": _words(answer),
                "expected": None if expected is None else shareable_opening(expected, _EXCERPT),
            }
        )
    return {"split": split, "options": _told(model, options), "samples": samples}


def _left_out(step: RunStep) -> tuple[str, str] | None:
    """(column, value) of the fold that the model at hand was tested on."""
    name = step.settings.get("cross_validate")
    folds = step.pretrained.folds if step.pretrained is not None else ()
    return (str(name), str(folds[0].fold)) if name and folds else None


def _opening(text: str) -> str:
    return " ".join(text.split()[:_PROMPT_WORDS])


def _words(answer: Prediction) -> str:
    """An answer in one line: the text, or the class with its probability."""
    if answer.label is not None:
        share = (answer.scores or {}).get(answer.label)
        return answer.label + (f" ({share:.0%})" if share is not None else "")
    # A model may have learnt by heart what its data held.
    return shareable_opening(answer.text or "", 4 * _EXCERPT)


def _told(model: TrainedModel, options: PredictSettings) -> dict[str, Any]:
    """The options that decided."""
    return {name: getattr(options, name) for name in declaration(model.task).asked_with}
