"""What language models answered, kept on disk: a request that was answered is not asked again.

A folder with one SQLite database in WAL mode. Each answer is committed, and synced, before the next
thing happens, so that a kill at any moment costs the requests under way and nothing else. A request
stands in it by a digest: what was asked, which may be anybody's text, is not written down.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from tilth.errors import StorageError

FILE = "answers.sqlite"
_WAIT_S = 60.0
_TABLES = """
    CREATE TABLE IF NOT EXISTS answers (
        request BLOB PRIMARY KEY, content TEXT, refusal TEXT NOT NULL,
        prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS spent (
        model TEXT PRIMARY KEY, requests INTEGER NOT NULL,
        prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL
    ) WITHOUT ROWID;
"""


class Kept(NamedTuple):
    """An answer: its text, a refusal's words, and the tokens that were paid for."""

    content: str | None
    refusal: str
    prompt_tokens: int
    completion_tokens: int


class Spent(NamedTuple):
    """What a model was asked in all."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


def request_digest(url: str, document: bytes) -> bytes:
    """What a request is known by: where it goes, secrets by their names, and all that it says."""
    place = url.encode("utf-8", "surrogatepass")
    return hashlib.sha256(len(place).to_bytes(4, "big") + place + document).digest()


class AnswerCache:
    """The answers in a folder, which is made if need be; a context manager.

    Args:
        folder: Where they are.

    Raises:
        StorageError: They cannot be read or written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # For its owner alone: an answer may repeat what was asked.
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
            self._db = sqlite3.connect(self._path, isolation_level=None, timeout=_WAIT_S)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_TABLES)
        except (OSError, sqlite3.Error) as error:
            raise self._broken(error) from None

    def __enter__(self) -> AnswerCache:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._db.close()

    def find(self, request: bytes) -> Kept | None:
        """What was answered to a request; None: nothing yet."""
        columns = "content, refusal, prompt_tokens, completion_tokens"
        try:
            row = self._db.execute(
                f"SELECT {columns} FROM answers WHERE request = ?",  # noqa: S608
                (request,),
            ).fetchone()
        except sqlite3.Error as error:
            raise self._broken(error) from None
        return None if row is None else Kept(*row)

    def keep(self, request: bytes, model: str, kept: Kept) -> None:
        """Write an answer down; it is on the disk afterwards."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            with self._db:
                # Two processes may ask the same at once: the first answer stays, both are paid for.
                self._db.execute(
                    "INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?)", (request, *kept)
                )
                self._db.execute("INSERT OR IGNORE INTO spent VALUES (?, 0, 0, 0)", (model,))
                self._db.execute(
                    "UPDATE spent SET requests = requests + 1, prompt_tokens = prompt_tokens + ?, "
                    "completion_tokens = completion_tokens + ? WHERE model = ?",
                    (kept.prompt_tokens, kept.completion_tokens, model),
                )
        except sqlite3.Error as error:
            raise self._broken(error) from None

    def spent(self, model: str) -> Spent:
        """What a model was asked in all, by whatever recipe."""
        try:
            row = self._db.execute(
                "SELECT requests, prompt_tokens, completion_tokens FROM spent WHERE model = ?",
                (model,),
            ).fetchone()
        except sqlite3.Error as error:
            raise self._broken(error) from None
        return Spent() if row is None else Spent(*row)

    def _broken(self, error: Exception) -> StorageError:
        return StorageError(
            f"the answers of the model cannot be read or written: {error}",
            where=str(self._path),
            hint="a full disk, or a folder of another; `cache` names another folder",
        )
