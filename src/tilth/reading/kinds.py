"""Which files of a folder, or objects of a store, a source reads, and why it passes over others."""

from __future__ import annotations

import os
import re

from tilth.errors import DataError
from tilth.formats.streams import without_packing

HIDDEN = "hidden: its name begins with a point"
LOCK = "a lock file of a document that was open (`~$`): it says who had it, and nothing of what"
OTHER_TYPE = "of a type that this source does not read"
METADATA_BESIDE = "metadata of the files beside it, which `join: metadata` reads"
# Tables that lie beside the files of Hugging Face's ImageFolder and AudioFolder.
METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
# Also of a few letters only: a name may end in anything.
_ENDING = re.compile(r"\.[a-z0-9]{1,8}")


def is_metadata(name: str) -> bool:
    """Whether a file of this name is a table of those beside it."""
    return os.path.basename(name).lower() in METADATA


def is_lock(name: str) -> bool:
    """Whether Word, Excel or PowerPoint calls a file so that it lays beside one that is open."""
    return os.path.basename(name).startswith("~$")


def of_other_type(name: str) -> str:
    """Why a file of this name is passed over by a source of others; its ending tells which."""
    if is_metadata(name):
        return METADATA_BESIDE
    if is_lock(name):
        return LOCK
    ending = os.path.splitext(name)[1].lower()
    shown = ending if _ENDING.fullmatch(ending) else "no ending" if not ending else "other"
    return f"{OTHER_TYPE} ({shown})"


def no_file_of(suffixes: tuple[str, ...], shown: str) -> DataError:
    """The error for a folder that has no file of the kind."""
    endings = dict.fromkeys(map(without_packing, suffixes))
    return DataError(
        f"the folder has no file{' ending in ' * any(endings)}{', '.join(endings)}",
        where=shown,
        hint="name the file, or a glob such as `folder/*.txt`",
        code="empty-source",
    )
