"""The formats of an export: their names, what each carries, and what writes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tilth.export.begun import Place, Writer
from tilth.export.rows import MEDIA
from tilth.export.samples import Samples

if TYPE_CHECKING:
    from tokenizers import Tokenizer


@dataclass(frozen=True)
class Format:
    """What there is to know of a format before anything is written.

    Attributes:
        what: It is, for the card.
        weight: Where a reader finds the weight.
        loads: What Hugging Face's `datasets` loads of a part, below its folder; empty: nothing.
        needs_tokenizer: Whether it holds tokens.
        is_flat: Whether the parts of an export lie side by side, not in a folder each.
        has_shards: Whether a shard has a file of its own.
        beside: The columns whose values are files of their own.
        of_part: Files that a part has besides.
    """

    what: str
    weight: str
    loads: str = ""
    needs_tokenizer: bool = False
    is_flat: bool = False
    has_shards: bool = True
    beside: tuple[str, ...] = ()
    of_part: int = 0


_COLUMN: Final = "the column `signal.weight`"
_BESIDE: Final = (
    "`signal.weight` in the tables `*-documents-*.parquet` beside the tokens, by document"
)


def _folder(what: str, payload: str) -> Format:
    weight = "the column `signal.weight` of `metadata.parquet`"
    return Format(what, weight, "**", has_shards=False, beside=(payload,), of_part=1)


def _tokens(what: str) -> Format:
    return Format(what, _BESIDE, needs_tokenizer=True, is_flat=True, of_part=2)


OF: Final[dict[str, Format]] = {
    "parquet": Format("Parquet, with the features of Hugging Face", _COLUMN, "*.parquet"),
    "jsonl": Format("JSON Lines", "the field `signal.weight`", "*.jsonl", beside=MEDIA),
    "csv": Format("CSV", _COLUMN, "*.csv", beside=MEDIA),
    "imagefolder": _folder("ImageFolder", "image"),
    "audiofolder": _folder("AudioFolder", "audio"),
    "webdataset": Format("WebDataset", "`signal.weight` in each sample's `json`", "*.tar"),
    "tfrecord": Format("TFRecord of `tf.train.Example`", "the feature `signal.weight`"),
    "nanogpt": _tokens("nanoGPT's tokens"),
    "megatron": _tokens("Megatron's indexed tokens"),
    "mds": Format("Mosaic MDS", _COLUMN, of_part=1),
}


def writer_of(
    format: str, place: Place, samples: Samples, tokenizer: Tokenizer | None = None
) -> Writer:
    """What writes samples in a format.

    Args:
        format: One of `tilth.export.names.FORMATS`.
        place: Where to.
        samples: What.
        tokenizer: Of a format that needs one.

    Raises:
        UsageError: The samples lack what the format is made of.
    """
    # A format is loaded where it is asked for: tokens need a library that others do not.
    if tokenizer is not None:
        from tilth.export.tokens import Megatron, NanoGpt

        return (NanoGpt if format == "nanogpt" else Megatron)(place, samples, tokenizer)
    return _plain(format)(place, samples)


def _plain(format: str) -> Callable[[Place, Samples], Writer]:
    from tilth.export import folders, lines, mds, parquet, tfrecord, webdataset

    made: dict[str, Callable[[Place, Samples], Writer]] = {
        "parquet": parquet.ParquetWriter,
        "jsonl": lines.JsonLines,
        "csv": lines.Csv,
        "imagefolder": folders.ImageFolder,
        "audiofolder": folders.AudioFolder,
        "webdataset": webdataset.WebDataset,
        "tfrecord": tfrecord.TfRecord,
        "mds": mds.Mds,
    }
    return made[format]
