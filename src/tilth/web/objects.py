"""Objects of a store (`s3://`, `gs://`), by way of fsspec: found, fetched, put.

An object is read as it was listed: by its ETag (``If-Match``, RFC 9110 section 13.1.1) or version,
its size, and its MD5 where the store tells one. What an earlier call fetched of the same version is
gone on from.
"""

from __future__ import annotations

import base64
import fnmatch
import glob
import hashlib
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, Final

from tilth.errors import DataError, MissingError, TilthError
from tilth.formats.streams import Stored
from tilth.store.files import move, remove
from tilth.web.stores import (
    Access,
    NothingThereError,
    StoppedError,
    Store,
    changed_at,
    parts_of,
    shown,
    store_of,
)

_MD5: Final = re.compile("[0-9a-f]{32}")
# What one request asks for; so much of an object is in memory.
_CHUNK: Final = 4 << 20


@dataclass(frozen=True)
class Object:
    """An object as it was listed.

    Attributes:
        uri: Its address.
        key: Its name below the bucket.
        stored: What the store says of it.
    """

    uri: str
    key: str
    stored: Stored


def find(place: str, access: Access) -> list[Object]:
    """The objects at an address, in the order of their names.

    Args:
        place: Of an object; of all below a name (a folder); or with `*`, `?`, `[...]`, and `**`
            for folders in any number.
        access: How the store is reached.

    Returns:
        One whose address is `place`, or all below; none where a bucket is empty.

    Raises:
        MissingError: There is nothing, or it may not be read.
        DataError: An object and a folder have that name.
        UsageError: The store is at an address that is not allowed.
    """
    scheme, bucket, key = parts_of(place)
    store = store_of(scheme, access, place)
    at = f"{bucket}/{key}"
    if key and not key.endswith("/"):
        with suppress(NothingThereError):
            info = store.ask(place, lambda: store.fs.info(at))
            if info["type"] == "file":
                if _has_below(store, at):
                    raise DataError(
                        "an object has this name, and a folder too",
                        where=shown(place),
                        hint=f"`{place}/` are those in the folder, "
                        f"`{place[:-1]}[{place[-1]}]` is the object",
                        code="ambiguous",
                    )
                return [Object(place, key, stored_of(scheme, info))]
            return _listed(store, scheme, bucket, f"{key}/", place)
        if not glob.has_magic(key):
            raise _nothing_at(store, bucket, place)
        fixed = re.split(r"[*?\[]", key, maxsplit=1)[0].rpartition("/")[0]
        listed = _listed(store, scheme, bucket, fixed and f"{fixed}/", place)
        found = [one for one in listed if _fits(one.key, key)]
        if not found:
            raise _nothing_at(store, bucket, place)
        return found
    found = _listed(store, scheme, bucket, key, place)
    if not found and key:
        raise _nothing_at(store, bucket, place)
    return found


def fetch(
    found: Object,
    place: Path,
    access: Access,
    *,
    count: Callable[[int], None] = lambda _: None,
    stop: Event | None = None,
    retry_s: float | None = None,
) -> Path:
    """An object, as a file on this machine.

    It is at its place once it is whole; what an earlier call left beside it is gone on from. The
    place belongs to this version of the object alone.

    Args:
        found: It, as it was listed.
        place: Where it goes; its folder is made.
        access: How the store is reached.
        count: Told of bytes as they come, and of those that are there.
        stop: Once it is set, the fetching is given up.
        retry_s: Pause before the second try, doubled for each further one; default `RETRY_S`.

    Raises:
        DataError: It is another one by now, or is not what the store says that it is.
        MissingError: It cannot be had.
        StoppedError: `stop` was set.
    """
    size = found.stored.size
    if place.is_file() and place.stat().st_size == size:
        count(size)
        return place
    scheme, bucket, key = parts_of(found.uri)
    store, at = store_of(scheme, access, found.uri), f"{bucket}/{key}"
    partial = place.with_name(place.name + ".partial")
    place.parent.mkdir(parents=True, exist_ok=True)
    begun = partial.stat().st_size if partial.is_file() else 0
    if begun > size:
        remove(partial)
        begun = 0
    count(begun)
    for is_last in (False, True):
        _copy(store, scheme, at, found, partial, count, stop, retry_s)
        if not found.stored.md5 or _md5(partial) == found.stored.md5 or _is_sealed(store, at):
            move(partial, place)
            return place
        # What was left of an earlier call may be at fault: once more, from the start.
        remove(partial)
        count(-size)
        if is_last:
            break
    raise DataError(
        "what was fetched is not what the store says that it is, by its MD5",
        where=shown(found.uri),
        hint="put the object there again: its ETag is of other content",
        code="digest",
    )


def _copy(
    store: Store,
    scheme: str,
    at: str,
    found: Object,
    partial: Path,
    count: Callable[[int], None],
    stop: Event | None,
    retry_s: float | None,
) -> None:
    """Write what is missing of an object behind what there is."""
    size = found.stored.size
    with partial.open("ab") as file:

        def go_on() -> bool:
            with store.fs.open(at, "rb", block_size=_CHUNK, cache_type="none") as stream:
                if stored_of(scheme, stream.details) != found.stored:
                    raise _changed(found)
                stream.seek(file.tell())
                while (left := size - file.tell()) > 0:
                    if stop is not None and stop.is_set():
                        raise StoppedError
                    data = stream.read(min(_CHUNK, left))
                    if not data:
                        raise OSError(f"it ends after {file.tell():,} of {size:,} bytes")
                    file.write(data)
                    count(len(data))
            return True

        store.ask(found.uri, go_on, file.tell, retry_s)
        file.flush()
        os.fsync(file.fileno())
    if scheme != "s3" and stored_of(scheme, store.fs.info(at)) != found.stored:
        raise _changed(found)


def put(place: Path, uri: str, access: Access, *, retry_s: float | None = None) -> bool:
    """Put a file where an address says, unless it is there with the same bytes.

    Returns:
        Whether it was put.

    Raises:
        MissingError: It cannot be put.
        DataError: What is there then is not what was put.
    """
    scheme, bucket, key = parts_of(uri)
    store, at = store_of(scheme, access, uri), f"{bucket}/{key}"
    there, size, md5 = look(uri, access), place.stat().st_size, _md5(place)
    if there is not None and (there.size, there.md5) == (size, md5):
        return False

    def act() -> None:
        store.fs.put_file(str(place), at)

    store.ask(uri, act, None, retry_s, verb="written")
    there = look(uri, access)
    if there is not None and there.size == size and there.md5 not in ("", md5):
        there = there if _is_sealed(store, at) else None
    if there is None or there.size != size:
        raise DataError("what was put is not what is there now", where=shown(uri), code="digest")
    return True


def look(uri: str, access: Access) -> Stored | None:
    """What the store says of an object; None: there is none.

    Raises:
        MissingError: It cannot be asked.
    """
    scheme, bucket, key = parts_of(uri)
    store = store_of(scheme, access, uri)
    try:
        info = store.ask(uri, lambda: store.fs.info(f"{bucket}/{key}"))
    except NothingThereError:
        return None
    return stored_of(scheme, info) if info["type"] == "file" else None


def stored_of(scheme: str, info: Mapping[str, Any]) -> Stored:
    """What a listing, or an answer about one object, says of it.

    Raises:
        DataError: By that it could not be told from another one.
    """
    size = int(info.get("size") or 0)
    if scheme == "s3":
        # Weak or strong, quoted or not, it names the bytes.
        tag = str(info.get("ETag") or "").strip('"')
        version, md5 = tag, tag if _MD5.fullmatch(tag) else ""
    else:
        md5 = base64.b64decode(info.get("md5Hash") or "").hex()
        version = str(info.get("generation") or md5)
    if not version:
        raise DataError("the store names no version of it", where=str(info.get("name")))
    return Stored(version, size, md5)


def _changed(found: Object) -> DataError:
    return changed_at(found.uri)


def _nothing_at(store: Store, bucket: str, place: str) -> MissingError:
    try:
        store.ask(place, lambda: store.fs.info(bucket))
    except NothingThereError:
        cause, code = f"there is no bucket `{bucket}`", "missing"
    except TilthError:
        cause, code = "no such object, folder or pattern", "nothing-there"
    else:
        cause, code = f"no such object, folder or pattern in the bucket `{bucket}`", "nothing-there"
    return MissingError(
        cause, where=shown(place), hint="upper and lower case count in a name", code=code
    )


def _has_below(store: Store, at: str) -> bool:
    """Whether there is a folder of the object's name, as far as it may be listed."""
    try:
        return any(name != at for name in store.ask(at, lambda: store.fs.find(at)))
    except MissingError:
        return False


def _listed(store: Store, scheme: str, bucket: str, folder: str, place: str) -> list[Object]:
    """All objects below a folder, whose name ends in a slash where it is not the bucket."""
    at = f"{bucket}/{folder}".rstrip("/") if folder.strip("/") else bucket
    found = store.ask(place, lambda: store.fs.find(at, detail=True))
    objects = [
        Object(f"{scheme}://{name}", name.partition("/")[2], stored_of(scheme, info))
        for name, info in found.items()
        if info["type"] == "file"
    ]
    return sorted((one for one in objects if one.key.startswith(folder)), key=lambda one: one.key)


def _fits(key: str, pattern: str) -> bool:
    """Whether a key is of a pattern: a star of a name stands for no slash and no hidden name, two
    stars for folders in any number. In time linear in the key, whatever the stars.
    """
    names = pattern.split("/")

    def with_none(at: set[int]) -> set[int]:
        # Two stars may stand for no folder at all.
        for one in range(len(names)):
            if one in at and names[one] == "**":
                at.add(one + 1)
        return at

    at = with_none({0})
    for part in key.split("/"):
        follow: set[int] = set()
        for one in at - {len(names)}:
            if part.startswith(".") and not names[one].startswith("."):
                continue
            if names[one] == "**":
                follow.add(one)
            elif fnmatch.fnmatchcase(part, names[one]):
                follow.add(one + 1)
        at = with_none(follow)
    return len(names) in at


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _is_sealed(store: Store, at: str) -> bool:
    """Whether it is encrypted with a key of its own: then its ETag is no MD5 of what it holds."""
    if store.scheme != "s3":
        return False
    bucket, _, key = at.partition("/")
    head = store.ask(at, lambda: store.fs.call_s3("head_object", Bucket=bucket, Key=key))
    kind = head.get("ServerSideEncryption", "AES256")
    return bool(head.get("SSECustomerAlgorithm")) or kind != "AES256"
