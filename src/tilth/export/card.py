"""The card of an export, `README.md`: what it is, of which run, under which licences, and what not.

Its head is what Hugging Face's `datasets` reads: which files are which split, and of what types the
columns are where the files do not say it.
Source: huggingface.co/docs/hub/datasets-manual-configuration.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa
import yaml

from tilth.export.formats import OF
from tilth.export.hub_features import in_card
from tilth.export.samples import Resampled, Weights
from tilth.foreign import unmarked, visible

CARD: Final = "README.md"
_MAX_LICENCES: Final = 20


@dataclass(frozen=True)
class Part:
    """One part of an export, as its card has it.

    Attributes:
        split: `train`, `validation`, `test`; `train` where it is none of them.
        path: Its folder in the export, with a slash at its end; empty: the export's own.
        rows: That were written.
        weights, resampled: Of its samples.
        told: What there is to say of it.
    """

    split: str
    path: str
    rows: int
    weights: Weights | None = None
    resampled: Resampled | None = None
    told: tuple[str, ...] = ()


@dataclass(frozen=True)
class About:
    """What an export is of.

    Attributes:
        run, step, kind: Where its samples are from.
        format: One of the formats.
        schema: The columns of the samples.
        licences: Samples by licence; None: not counted.
        parts: What was written.
        with_nulls: Columns in which something is missing.
        run_card: The card of the run.
    """

    run: str
    step: str
    kind: str
    format: str
    schema: pa.Schema
    licences: Mapping[str, int] | None
    parts: Sequence[Part]
    with_nulls: Collection[str] = ()
    run_card: str = field(default="", repr=False)


def card_of(about: About) -> str:
    """The card, in Markdown with a head in YAML."""
    which = "final data set" if about.kind == "kept" else f"{about.kind} samples"
    form = OF[about.format]
    parts = [
        _head(about),
        f"# {_plain(about.run)}: {which} of `{about.step}`",
        f"{form.what}, exported by Tilth from the run `{_plain(about.run)}`.",
        _rows(about.parts),
        weights_sentence(about.format, about.parts),
        *(f"- {_plain(one)}" for part in about.parts for one in part.told),
        _licences(about.licences),
        _columns(about.schema),
    ]
    if about.run_card:
        parts += ["---", about.run_card.strip()]
    return "\n\n".join(part for part in parts if part) + "\n"


def weights_sentence(format: str, parts: Sequence[Part]) -> str:
    """What a reader has to know of the weights: that there are some, or that they were applied."""
    drawn = [part.resampled for part in parts if part.resampled is not None]
    if drawn:
        rows = sum(one.samples - one.left_out + one.repeated for one in drawn)
        return (
            f"Samples were drawn by their weights with the seed {drawn[0].seed}, as in the first "
            f"epoch of a training: of {sum(one.samples for one in drawn):,} samples, "
            f"{sum(one.left_out for one in drawn):,} were left out and "
            f"{sum(one.repeated for one in drawn):,} copies added, which makes {rows:,}."
        )
    found = [part.weights for part in parts if part.weights is not None]
    if not found:
        return ""
    least, most = min(one.least for one in found), max(one.most for one in found)
    return (
        f"Samples have weights, from {least:g} to {most:g}: how often a training is to see each in "
        f"an epoch. They are {OF[format].weight}. A loop that does not draw by them trains "
        "on another mixture than the recipe's; `--resample SEED` applies them."
    )


def _head(about: About) -> str:
    head: dict[str, object] = {}
    if (loads := OF[about.format].loads) and any(part.rows for part in about.parts):
        files = [{"split": part.split, "path": f"{part.path}{loads}"} for part in about.parts]
        head["configs"] = [{"config_name": "default", "data_files": files}]
        if listed := in_card(about.format, about.schema, about.with_nulls):
            head["dataset_info"] = {"features": listed}
    licences = [name for name in about.licences or {} if name != "not stated"]
    if len(licences) == 1 and len(about.licences or {}) == 1:
        head |= {"license": "other", "license_name": _plain(licences[0])[:80]}
    if not head:
        return ""
    return f"---\n{yaml.safe_dump(head, sort_keys=False, allow_unicode=True)}---"


def _rows(parts: Sequence[Part]) -> str:
    """Each part by its folder, or by its split where several lie side by side in one."""
    side_by_side = len(parts) > 1 and not any(part.path for part in parts)
    return "\n".join(
        f"- {part.split if side_by_side else part.path or './'}: {part.rows:,} "
        f"row{'' if part.rows == 1 else 's'}"
        for part in parts
    )


def _licences(licences: Mapping[str, int] | None) -> str:
    if not licences:
        return ""
    lines = [f"- {_plain(name)}: {number:,}" for name, number in list(licences.items())]
    more = len(lines) - _MAX_LICENCES
    lines[_MAX_LICENCES:] = [f"- and {more:,} more"] if more > 0 else []
    told = "## Licences, as the samples state them\n\n" + "\n".join(lines)
    if "not stated" in licences:
        told += "\n\nWhere the licence is not stated, find it out before you pass the data on."
    return told


def _columns(schema: pa.Schema) -> str:
    lines = [f"- `{_plain(one.name)}`: {_plain(str(one.type))}" for one in schema]
    return "## Columns of the samples\n\n" + "\n".join(lines) if lines else ""


def _plain(text: str) -> str:
    return unmarked(visible(text))
