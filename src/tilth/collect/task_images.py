"""The image behind a reference in a task: a data URI, or a file of the delivery."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Literal, Protocol, TypeGuard
from urllib.parse import parse_qs, unquote, unquote_to_bytes, urlsplit

from tilth.reading import inputs, members, records
from tilth.reading.whole import whole_picture


def load_image(
    reference: Any, root: Path, max_bytes: int, max_pixels: int
) -> tuple[bytes, tuple[str, ...]]:
    """The bytes of the image behind a reference, decoded once as a check, and what is not seen.

    Args:
        reference: A data URI, a path relative to `root`, or one of Label Studio's own addresses
            (``/data/local-files/?d=...``, ``/data/upload/...``), which mean a path below `root`.
        root: Folder that no path may lead out of.
        max_bytes, max_pixels: What it may have.

    Raises:
        RecordError: it is not there, is outside `root`, is remote, or is no whole image.
    """
    if not isinstance(reference, str):
        raise records.RecordError("the image is not given as text")
    if reference.startswith("data:"):
        data = _data_uri(reference)
    else:
        data = _image_file(reference, root, max_bytes)
    return data, whole_picture(data, max_pixels).unseen


def _data_uri(reference: str) -> bytes:
    """The bytes of a data URI (RFC 2397)."""
    head, comma, body = reference.partition(",")
    if not comma:
        raise records.RecordError("a data URI without a comma")
    if not head.endswith(";base64"):
        return unquote_to_bytes(body)
    try:
        return base64.b64decode(unquote(body), validate=True)
    except (binascii.Error, ValueError) as error:
        raise records.RecordError(f"the data URI is not base64: {error}") from None


def is_file(reference: Any) -> TypeGuard[str]:
    """Whether a reference is the name of a file, if of any image."""
    return isinstance(reference, str) and not reference.startswith("data:")


def path_of(reference: str, root: Path, resolve: Callable[[str], str] = os.path.realpath) -> Path:
    """The file behind a reference that names one.

    Args:
        reference: As of `load_image`.
        root: As of `load_image`.
        resolve: Follows the links in a path.

    Raises:
        RecordError: It is outside `root`, or remote.
    """
    try:
        parts = urlsplit(reference)
    except ValueError as error:
        raise records.RecordError(f"image address {reference[:80]}: {error}") from None
    if parts.scheme in ("http", "https", "s3", "gs"):
        raise records.RecordError(f"the image is remote: {reference[:80]}")
    relative = reference
    if parts.path.startswith("/data/local-files"):
        relative = parse_qs(parts.query).get("d", [""])[0]
    elif parts.path.startswith("/data/upload/"):
        relative = unquote(parts.path.removeprefix("/data/upload/"))
    base = resolve(str(root))
    path = resolve(os.path.join(base, relative.replace("\0", "")))
    # Followed through links: an export may not read files that are not part of the delivery.
    if os.path.commonpath([base, path]) != base:
        raise records.RecordError(f"image {reference[:80]} is outside the delivery's folder")
    return Path(path)


class _Bounded(Protocol):
    """What the settings say of reading."""

    @property
    def max_record_bytes(self) -> int: ...
    @property
    def digest(self) -> Literal["stat", "content"]: ...


def fingerprint(root: Path, references: Sequence[str] | None, settings: _Bounded) -> str:
    """What images hold, one a line; of what cannot be read, why.

    Args:
        root: As of `load_image`.
        references: As of `load_image`, of files; None: all files below `root`.
        settings: Bounds, and how a file is known to hold what it held.
    """
    if references is None:
        below = sorted(path for path in root.rglob("*") if not path.is_dir())
        named = {str(path.relative_to(root)): path for path in below}
    else:
        named = files_of(root, references)
    most = [settings.max_record_bytes] * len(named)
    contents = inputs.contents_of(list(named.values()), settings.digest, most)
    return "\n".join(
        f"{name!a} {content if isinstance(content, str) else content.strerror}"
        for name, content in zip(named, contents, strict=True)
    )


def files_of(root: Path, references: Iterable[str]) -> dict[str, Path]:
    """The files that references name, links followed; less what is remote or outside of `root`,
    which is not read: all that is said of it stands in the export."""
    resolve, named = _resolver(), dict[str, Path]()
    for reference in references:
        with suppress(records.RecordError):
            named[reference] = path_of(reference, root, resolve)
    return named


def _resolver() -> Callable[[str], str]:
    """As `os.path.realpath`, of many files of few folders."""
    folder_of = cache(os.path.realpath)

    def resolve(path: str) -> str:
        folder, name = os.path.split(path)
        if name in ("", ".", ".."):
            return os.path.realpath(path)
        whole = os.path.join(folder_of(folder), name)
        return os.path.realpath(whole) if os.path.islink(whole) else whole

    return resolve


def _image_file(reference: str, root: Path, max_bytes: int) -> bytes:
    path = path_of(reference, root)
    try:
        return members.read_whole(path, max_bytes)
    except records.RecordError as error:
        raise records.RecordError(f"image {reference[:80]}: {error}") from None
