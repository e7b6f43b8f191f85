"""Where `huggingface_hub` keeps what it fetched, read without loading it; nobody is asked.

Source: huggingface.co/docs/huggingface_hub, "Environment variables" and "Understand caching".
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final, Literal

_COMMIT: Final = re.compile(r"[0-9a-f]{40}")


def hub_cache() -> Path:
    """The cache's folder, as the environment says."""
    caches = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("HF_HOME", f"{caches}/huggingface")
    cache = os.environ.get("HUGGINGFACE_HUB_CACHE", f"{home}/hub")
    cache = os.environ.get("HF_HUB_CACHE", cache)
    return Path(os.path.expandvars(os.path.expanduser(cache)))


def is_offline() -> bool:
    """Whether the environment forbids to ask the hub."""
    said = (os.environ.get(name, "") for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"))
    return any(one.upper() in ("1", "ON", "YES", "TRUE") for one in said)


def storage_of(kind: Literal["models", "datasets"], name: str) -> Path:
    """The folder of one repository; its revisions are under `snapshots`."""
    return hub_cache() / f"{kind}--{name.replace('/', '--')}"


def is_commit(revision: str) -> bool:
    """Whether a revision names one state for good, and no branch or tag."""
    return _COMMIT.fullmatch(revision) is not None


def cached_commit(storage: Path, revision: str) -> str | None:
    """The commit that a branch or tag stood for when it was fetched; None: nobody knows."""
    try:
        commit = (storage / "refs" / revision).read_bytes()[:41].strip()
    except OSError:
        return None
    found = str(commit, "ascii", "replace")
    return found if is_commit(found) else None
