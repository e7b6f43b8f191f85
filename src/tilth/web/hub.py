"""Data sets of the Hugging Face hub: which commit, which files, and each file, checked.

What is fetched goes into the cache of `huggingface_hub`, where every other program finds it too.
Of the hub's API (huggingface.co/docs/hub/api) two addresses are asked: what a revision is and
holds, `/api/datasets/NAME/revision/REVISION?blobs=true`, and a file,
`/datasets/NAME/resolve/COMMIT/FILE`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from tilth.context import Progress, silent
from tilth.errors import DataError, MissingError
from tilth.records import Record, read_if_whole
from tilth.store.files import move, remove, write_bytes, write_record
from tilth.store.hub_cache import cached_commit, is_commit, is_offline, storage_of
from tilth.web.fetch import download

HUB: Final = "https://huggingface.co"
# As the hub allows them (`huggingface_hub.utils.validate_repo_id`).
NAME: Final = r"^[A-Za-z0-9][\w.-]{0,95}(?:/[A-Za-z0-9][\w.-]{0,95})?$"
REVISION: Final = r"^[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)*$"
_MAX_INFO: Final = 256 << 20
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class HubFile(Record):
    """A file of a data set, as the hub lists it.

    Attributes:
        name: Its path inside, with forward slashes.
        size: In bytes; None: the hub does not say.
        sha256: In hex, of files in its large storage; None of the others.
        blob: Of the others the name that Git has for their content, SHA-1 in hex; None: unknown.
    """

    name: str
    size: int | None
    sha256: str | None
    blob: str | None = None

    def check(self, path: Path) -> None:
        """Refuse other content than Git has; the large ones were checked as they came.

        Raises:
            DataError: It is another.
        """
        if self.sha256 is not None or self.blob is None:
            return
        data = path.read_bytes()
        # Git's objects, git-scm.com/book, "Git Internals".
        head = f"blob {len(data)}\0".encode()
        if hashlib.sha1(head + data, usedforsecurity=False).hexdigest() != self.blob:
            raise DataError(
                f"{self.name} is not the file that the hub lists",
                where=str(path),
                hint="run it again: it is fetched anew",
                code="digest",
            )


class _Listing(Record):
    """The files of a commit, which never change."""

    files: tuple[HubFile, ...]


@dataclass(frozen=True)
class Repository:
    """A data set of the hub, and how it is had.

    Attributes:
        name: As `owner/name`.
        revision: A commit, branch or tag.
        endpoint: The hub; None: $HF_ENDPOINT, or huggingface.co.
        headers: Sent to it; `${NAME}` is filled in. Without them $HF_TOKEN is shown, if it is set,
            to the hub of the environment alone, never to an `endpoint` that a recipe names.
        allow_hosts: Hosts that may be at addresses that are not public.
    """

    name: str
    revision: str
    endpoint: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    allow_hosts: Collection[str] = ()

    @property
    def is_pinned(self) -> bool:
        """Whether the revision is the same for good."""
        return is_commit(self.revision)

    @property
    def storage(self) -> Path:
        """Its folder of the cache."""
        return storage_of("datasets", self.name)

    def snapshot(self, commit: str) -> Path:
        """The folder of the cache that has a commit's files."""
        return self.storage / "snapshots" / commit

    def commit(self) -> str:
        """The commit that the revision is: of a branch or tag that of the cache, asked for once.

        Raises:
            MissingError: The hub does not answer, or may not be asked.
            DataError: It answers something else.
            UsageError: Its address is not allowed.
        """
        if is_commit(self.revision):
            return self.revision
        found = cached_commit(self.storage, self.revision)
        if found is None:
            found, _ = self._asked(self.revision)
            ref = self.storage / "refs" / self.revision
            ref.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(ref, found.encode())
        return found

    def files(self, commit: str) -> list[HubFile]:
        """All files of a commit, as the hub lists them, sorted by name; asked for once.

        Raises:
            MissingError, DataError, UsageError: As of `commit`.
        """
        kept = self.storage / "tilth" / f"{commit}.json"
        if (known := read_if_whole(_Listing, kept)) is not None:
            return list(known.files)
        found = self._asked(commit)[1]
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_record(kept, _Listing(files=tuple(found)))
        return found

    def fetch(self, file: HubFile, commit: str, progress: Progress = silent) -> Path:
        """A file of a commit, in the cache; fetched if it is not there.

        Raises:
            MissingError: It cannot be had.
            DataError: It is not what the hub lists.
            UsageError: An address is not allowed.
        """
        place = self.snapshot(commit) / file.name
        if place.is_file() and file.size in (None, place.stat().st_size):
            return place
        self._require_online(file.name)
        url = f"{self._hub}/datasets/{self.name}/resolve/{commit}/{quote(file.name)}"
        # Beside the snapshots until it is whole: of what stands there nobody asks whether it is.
        aside = self.storage / "tilth" / commit / file.name
        fetched = download(
            url,
            dest=aside,
            sha256=file.sha256,
            size=file.size,
            headers=self._headers,
            allow_hosts=self.allow_hosts,
            progress=progress,
        )
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            file.check(fetched)
        except DataError:
            remove(aside)
            raise
        if fetched == aside:
            move(aside, place)
            remove(aside.with_name(f"{aside.name}.version"))
            return place
        return fetched

    @property
    def _hub(self) -> str:
        return (self.endpoint or os.environ.get("HF_ENDPOINT") or HUB).rstrip("/")

    @property
    def _headers(self) -> Mapping[str, str]:
        if self.headers or self.endpoint is not None or not os.environ.get("HF_TOKEN"):
            return self.headers
        return {"Authorization": "Bearer ${HF_TOKEN}"}

    def _require_online(self, what: str) -> None:
        if is_offline():
            raise MissingError(
                f"{what} is not in the cache, and HF_HUB_OFFLINE forbids to ask the hub",
                where=str(self.storage),
                hint=f"`hf download {self.name} --repo-type dataset --revision {self.revision}` "
                "where the hub can be reached",
            )

    def _asked(self, revision: str) -> tuple[str, list[HubFile]]:
        """The commit of a revision, and its files."""
        self._require_online(f"revision {revision} of {self.name}")
        url = f"{self._hub}/api/datasets/{self.name}/revision/{quote(revision, safe='')}?blobs=true"
        with tempfile.TemporaryDirectory(prefix="tilth-hub-") as folder:
            path = download(
                url,
                dest=Path(folder) / "info.json",
                max_bytes=_MAX_INFO,
                headers=self._headers,
                allow_hosts=self.allow_hosts,
            )
            data = path.read_bytes()
        try:
            info: Any = json.loads(data)
            commit, listed = info["sha"], info["siblings"]
            if not is_commit(commit):
                raise ValueError(f"`{commit[:50]}` is no commit")
            found = sorted(map(_file, listed), key=lambda file: file.name)
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise DataError(
                f"not the answer of a hub: {type(error).__name__}: {error}"[:200],
                where=url,
                hint="`endpoint` is the address of the hub itself, such as https://huggingface.co",
                code="damaged-file",
            ) from error
        return commit, found


def _file(listed: Any) -> HubFile:
    """One of the API's `siblings`.

    Raises:
        KeyError, TypeError, ValueError: It is none, or its name leads out of the data set.
    """
    name, size, large = str(listed["rfilename"]), listed.get("size"), listed.get("lfs") or {}
    parts = name.split("/")
    if "" in parts or ".." in parts or "." in parts or "\\" in name or ":" in parts[0]:
        raise ValueError(f"`{name[:80]}` leads out of the data set")
    digest = large.get("sha256")
    if digest is not None and not _SHA256.fullmatch(digest):
        raise ValueError(f"`{digest[:80]}` is no SHA-256")
    blob = listed.get("blobId")
    return HubFile(
        name=name,
        size=None if size is None else int(size),
        sha256=digest,
        blob=None if large else blob,
    )
