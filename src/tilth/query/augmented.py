"""What augmentation makes of a few training samples, as training will see them.

Every view is a function of (seed, epoch, id) alone, so any of them can be made again.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tilth.augment.registry import kind_of
from tilth.errors import MissingError, UsageError, missing_extra
from tilth.extensions import load_module, using
from tilth.models.settings import model_settings
from tilth.pretrain.start import trained_on
from tilth.query.draw import draw_ids
from tilth.query.predict import MODEL, model_step
from tilth.query.runs import RunView
from tilth.query.samples import rows_by_id
from tilth.recipe.load import parse_recipe
from tilth.schema import Row
from tilth.tasks.registry import declaration
from tilth.tasks.settings import DataSettings, form_of
from tilth.tasks.sheet import Augmenting, View

_COLUMNS = ["id", "uri", "source", "split", "label", "text", "image", "audio", "target"]
_SPLIT = "train"
_CELL_PX = 64  # small images are enlarged to about this


@dataclass(frozen=True)
class AugmentedSample:
    """A training sample as it is, and as each epoch sees it."""

    id: str
    uri: str
    label: str | None
    original: View
    views: tuple[View, ...]


@dataclass(frozen=True)
class AugmentedSheet:
    """Some samples of a run's training split.

    Attributes:
        kind: images, tokens or audio: what is augmented.
        steps: The transforms, in order.
        seed: With the epoch and the sample's id it decides every view.
        epochs: Of the views, in order.
    """

    run: str
    kind: str
    steps: tuple[str, ...]
    seed: int
    epochs: tuple[int, ...]
    samples: tuple[AugmentedSample, ...]


def augmented_sheet(
    run: RunView,
    *,
    n: int = 12,
    num_epochs: int = 5,
    first_epoch: int = 0,
    samples: Sequence[str] = (),
) -> AugmentedSheet:
    """Look at training samples as the epochs of training see them.

    Args:
        run: Its data line must be finished; for text also its training, which learns the tokens.
        n: Samples, those with the smallest ids.
        num_epochs: Views a sample.
        first_epoch: Number of the first one.
        samples: These ids instead.

    Raises:
        UsageError: The recipe augments nothing that its task can use, or a sample is not one of
            those that it is trained on.
        MissingError: The run has not come so far, or there is no such sample.
    """
    with using(run.extensions):
        return _sheet(run, n, num_epochs, first_epoch, samples)


def _sheet(
    run: RunView, n: int, num_epochs: int, first_epoch: int, samples: Sequence[str]
) -> AugmentedSheet:
    copy = f"{run.folder.name}/recipe.yaml"
    recipe = parse_recipe(run.record.recipe_yaml, copy, to_run=False, extensions=run.extensions)
    if recipe.pretrain is None or not recipe.transforms:
        raise UsageError(
            f"the recipe of `{run.name}` augments nothing",
            where=str(run.folder / "recipe.yaml"),
            hint="put transforms under `augment`; `tilth list operations` lists them",
            code="no-augmentation",
        )
    settings = recipe.pretrain.settings.model_dump(mode="json")
    specs = [
        {step.operation.name: step.settings.model_dump(mode="json")} for step in recipe.transforms
    ]
    epochs = tuple(range(first_epoch, first_epoch + num_epochs))
    seed = (settings["seeds"] or [recipe.header.seed])[0]
    data = DataSettings.model_validate(settings["data"])
    augmenting = Augmenting(
        form_of(
            data,
            trained_on(settings["initialise"]),
            window=model_settings(settings["model"]).window,
        ),
        specs,
        int(seed),
        epochs,
        lambda: model_step(run).folder / MODEL,
    )
    dataset = run.final_step().dataset()
    ids = list(samples) or draw_ids(dataset, settings["data"], n)[_SPLIT]
    rows = rows_by_id(dataset, "kept", ids, _COLUMNS)
    absent = sorted({*ids} - {row["id"] for row in rows})
    if absent or not rows:
        raise MissingError(
            "there is no such sample at the end of the line",
            where=", ".join(absent[:3]) or run.name,
            hint=f"tilth show {run.name} {run.end_of_line().name}",
        )
    _require_trained_on(rows, settings["data"])
    task = declaration(settings["task"])
    kinds = task.transforms
    if not task.data.sheet or not any(kind_of(name) in kinds for spec in specs for name in spec):
        raise UsageError(
            f"{task.name} takes none of the recipe's transforms",
            hint=f"it takes those of {' and '.join(kinds)}" if kinds else "it takes none at all",
            code="no-augmentation",
        )
    try:
        sheet = load_module(task.data.sheet)
    except ImportError as error:
        raise missing_extra(error.name or "torch", "train") from None
    views = sheet.looks(augmenting, rows)
    return AugmentedSheet(
        run.name,
        kinds[0],
        tuple(name for spec in specs for name in spec),
        augmenting.seed,
        epochs,
        tuple(
            AugmentedSample(row["id"], str(row.get("uri")), row.get("label"), look[0], look[1:])
            for row, look in zip(rows, views, strict=True)
        ),
    )


def _require_trained_on(rows: Sequence[Row], data: Mapping[str, Any]) -> None:
    """Refuse samples that training does not see.

    Raises:
        UsageError: One is of another split, source or label.
    """
    wanted = {name: data.get(key) for name, key in (("source", "sources"), ("label", "labels"))}
    for row in rows:
        given = {"split": row.get("split") or _SPLIT}
        given |= {name: row.get(name) for name, values in wanted.items() if values}
        allowed = {"split": [data.get(_SPLIT, _SPLIT)], **wanted}
        for name, value in given.items():
            if value not in (allowed[name] or ()):
                raise UsageError(
                    f"this is no training sample: its {name} is `{value}`",
                    where=row["id"],
                    hint="only what is trained on is augmented",
                )


def write_png(sheet: AugmentedSheet, path: Path) -> None:
    """A contact sheet: a row a sample, the original first, then the epochs.

    Raises:
        UsageError: The samples are no images.
    """
    from PIL import Image

    from tilth.decode.picture import decode_picture
    from tilth.store.files import write_bytes

    if not all(sample.original.png for sample in sheet.samples):
        raise UsageError(
            "these samples have no picture", hint="name a file that ends in .html", where=str(path)
        )
    pictures = [
        [decode_picture(view.png).image for view in (sample.original, *sample.views)]
        for sample in sheet.samples
    ]
    width = 2 + max(one.width for row in pictures for one in row)
    height = 2 + max(one.height for row in pictures for one in row)
    paper = Image.new("RGB", (2 + width * len(pictures[0]), 2 + height * len(pictures)), "gray")
    for down, row in enumerate(pictures):
        for across, one in enumerate(row):
            paper.paste(one.convert("RGB"), (2 + across * width, 2 + down * height))
    zoom = max(1, _CELL_PX // width)
    large = paper.resize((paper.width * zoom, paper.height * zoom), Image.Resampling.NEAREST)
    out = io.BytesIO()
    large.save(out, "PNG")
    write_bytes(path, out.getvalue())
