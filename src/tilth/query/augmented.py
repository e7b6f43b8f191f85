"""What augmentation makes of a few training samples, as training will see them.

Every view is a function of (seed, epoch, id) alone, so any of them can be made again.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tilth.augment.chain import from_recipe, kind_of
from tilth.augment.sounds import Spectra, Waves
from tilth.augment.token_rows import TokenRows
from tilth.errors import DataError, MissingError, UsageError, missing_extra
from tilth.query.draw import draw_ids
from tilth.query.predict import MODEL, model_step
from tilth.query.rows import Row
from tilth.query.runs import RunView
from tilth.query.samples import rows_by_id
from tilth.randomness import Keys, ids_to_u64, keys_for
from tilth.recipe.load import parse_recipe
from tilth.store import Dataset
from tilth.tasks.settings import TASKS

_COLUMNS = ["id", "uri", "label", "text", "image", "audio", "target"]
_SPLIT = "train"
_CELL_PX = 64  # small images are enlarged to about this

Specs = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class View:
    """One look at a sample: a text, a picture as the bytes of a PNG, or a picture and its words."""

    text: str = ""
    png: bytes = b""


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


@dataclass(frozen=True)
class _Work:
    """What every kind of sheet is made from."""

    run: RunView
    data: Mapping[str, Any]
    specs: Specs
    seed: int
    epochs: tuple[int, ...]


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
        UsageError: The recipe augments nothing that its task can use.
        MissingError: The run has not come so far, or there is no such sample.
    """
    copy = f"{run.folder.name}/recipe.yaml"
    recipe = parse_recipe(run.record["recipe_yaml"], copy, to_run=False)
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
    work = _Work(run, settings["data"], specs, int(seed), epochs)
    dataset = Dataset(run.end_of_line().folder)
    ids = list(samples) or draw_ids(dataset, work.data, n)[_SPLIT]
    rows = rows_by_id(dataset, "kept", ids, _COLUMNS)
    if not rows:
        raise MissingError(
            "there is no such sample at the end of the line",
            where=", ".join(ids[:3]) or run.name,
            hint=f"tilth show {run.name} {run.end_of_line().name}",
        )
    kinds, make = _KINDS.get(TASKS[settings["task"]].data, ((), None))
    if make is None or not any(kind_of(name) in kinds for spec in specs for name in spec):
        raise UsageError(
            f"{settings['task']} takes none of the recipe's transforms",
            hint=f"it takes those of {' and '.join(kinds)}" if kinds else "it takes none at all",
            code="no-augmentation",
        )
    looks = make(work, rows)
    return AugmentedSheet(
        run.name,
        kinds[0],
        tuple(name for spec in specs for name in spec),
        work.seed,
        epochs,
        tuple(
            AugmentedSample(row["id"], str(row.get("uri")), row.get("label"), look[0], look[1:])
            for row, look in zip(rows, looks, strict=True)
        ),
    )


def _keys(work: _Work, rows: Sequence[Row], epoch: int) -> Keys:
    return keys_for(work.seed, epoch, ids_to_u64([row["id"] for row in rows]))


def _transform(work: _Work, kind: str) -> Callable[[Any, Any], Any]:
    # Of speech there are two kinds, and a recipe may name one alone.
    return from_recipe(work.specs, kind) or (lambda batch, _: batch)


def _images(work: _Work, rows: Sequence[Row]) -> list[tuple[View, ...]]:
    """Each image, and what each epoch sees, as PNG."""
    from tilth.tasks.images.decode import ImageDecoder

    size = work.data.get("image_size")
    decoder = ImageDecoder(tuple(size) if size else None, work.data.get("channels"))
    pixels, sound = decoder.decode([row.get("image") for row in rows], [r["id"] for r in rows])
    if not sound.all():
        raise DataError("an image cannot be decoded", where=", ".join(decoder.unreadable[:5]))
    images = pixels.astype(np.float32) / 255
    transform = _transform(work, "images")
    columns = [images]
    columns += [transform(images.copy(), _keys(work, rows, epoch)) for epoch in work.epochs]
    return [tuple(View(png=_png(column[at])) for column in columns) for at in range(len(rows))]


def _png(image: Any) -> bytes:
    """An image float32 [channels, height, width], values in [0, 1], as PNG."""
    from PIL import Image

    levels = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    picture = Image.fromarray(levels[0] if len(levels) == 1 else levels.transpose(1, 2, 0))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def _texts(work: _Work, rows: Sequence[Row]) -> list[tuple[View, ...]]:
    """Each text as the model reads it, and as each epoch sees it."""
    folder = model_step(work.run).folder / MODEL
    try:
        from tilth.tasks.text.tokenize import decode, encode_bounded, end_token, load_tokenizer
    except ImportError as error:
        raise missing_extra(error.name or "tokenizers", "train") from None
    tokenizer = load_tokenizer(folder / "tokenizer.json")
    end = end_token(tokenizer)
    encoded = encode_bounded(tokenizer, [row["text"] for row in rows], work.data["max_length"])
    lengths = np.array([len(one) for one in encoded], np.int64)
    tokens = np.full((len(rows), int(lengths.max())), end, np.int64)
    for row, one in enumerate(encoded):
        tokens[row, : len(one)] = one
    original = TokenRows(tokens, lengths, tokenizer.get_vocab_size(), end)
    transform = _transform(work, "tokens")
    looks = [original, *(transform(original, _keys(work, rows, e)) for e in work.epochs)]
    return [
        tuple(View(decode(tokenizer, look.tokens[at, : look.lengths[at]])) for look in looks)
        for at in range(len(rows))
    ]


def _sounds(work: _Work, rows: Sequence[Row]) -> list[tuple[View, ...]]:
    """The log-mel spectrum of each utterance, and what each epoch sees; low bands below.

    With each, the words that are left in it.
    """
    try:
        from tilth.tasks.speech.features import log_mel, normalise
        from tilth.tasks.speech.sound import decode_sound
    except ImportError as error:
        raise missing_extra(error.name or "torch", "train") from None
    rate, mels = int(work.data["sample_rate"]), int(work.data["mels"])
    decoded = [decode_sound(row["audio"], rate) for row in rows]
    said = [(row.get("target") or "").split() for row in rows]
    spans = np.array([(0, max(len(words), 1)) for words in said], np.int64)
    waves = Waves([one.astype(np.float32) / np.float32(32768) for one in decoded], rate, spans)
    on_waves, on_spectra = _transform(work, "audio"), _transform(work, "features")
    looks: list[tuple[Waves, Spectra]] = [(waves, normalise(log_mel(waves, mels)))]
    for epoch in work.epochs:
        keys = _keys(work, rows, epoch)
        changed = on_waves(waves, keys)
        looks.append((changed, normalise(on_spectra(log_mel(changed, mels), keys))))
    return [
        tuple(_heard(words, wave, one, at) for wave, one in looks) for at, words in enumerate(said)
    ]


def _heard(words: Sequence[str], waves: Waves, spectra: Spectra, at: int) -> View:
    first, end = (0, len(words)) if waves.spans is None else waves.spans[at]
    return View(" ".join(words[first:end]), _spectrogram(spectra.values[at, : spectra.lengths[at]]))


def _spectrogram(frames: Any) -> bytes:
    """Frames float32 [frames, bands], mean 0 and variance 1, as a PNG with time to the right."""
    return _png(((frames.T[::-1] + 2) / 5)[None])


_KINDS: Mapping[
    str, tuple[tuple[str, ...], Callable[[_Work, Sequence[Row]], list[tuple[View, ...]]]]
] = {
    "images": (("images",), _images),
    "labelled": (("tokens",), _texts),
    "speech": (("audio", "features"), _sounds),
}


def write_png(sheet: AugmentedSheet, path: Path) -> None:
    """A contact sheet: a row a sample, the original first, then the epochs.

    Raises:
        UsageError: The samples are no images.
    """
    from PIL import Image

    from tilth.store.files import write_bytes

    if not all(sample.original.png for sample in sheet.samples):
        raise UsageError(
            "these samples have no picture", hint="name a file that ends in .html", where=str(path)
        )
    pictures = [
        [Image.open(io.BytesIO(view.png)) for view in (sample.original, *sample.views)]
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
