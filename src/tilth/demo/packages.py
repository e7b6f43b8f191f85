"""The public data set on the demo site: what the packages that Tilth asks for say of themselves.

Of all that is installed only what Tilth and its extra `train` name: of what those ask for in turn,
a developer's environment may have other versions than a bare one. So both give the same bytes, and
no text of Tilth's own is there.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import re

from tilth.demo.pages import scrub

_NAME = re.compile(r"\s*([A-Za-z0-9._-]+)")
_EXTRA = re.compile(r"""\bextra\s*==\s*["']([^"']+)["']""")


def packages() -> bytes:
    """One JSON line a package: name, version, summary, text, license; sorted by name."""
    rows = {}
    for key in needed("tilth", "train"):
        distribution = importlib.metadata.distribution(key)
        meta = distribution.metadata
        rows[key] = {
            "name": meta["Name"],
            "version": distribution.version,
            "summary": meta["Summary"] or "",
            "text": meta["Description"] or "",
            "license": meta["License-Expression"] or (meta["License"] or "")[:200],
        }
    lines = (json.dumps(rows[key], ensure_ascii=False) for key in sorted(rows))
    return scrub("".join(f"{line}\n" for line in lines)).encode("utf-8", "replace")


def needed(distribution: str, extra: str) -> set[str]:
    """The installed packages that a distribution with an extra asks for itself.

    Names are normalised (PEP 503). A marker other than an extra's is not read: what it asks for
    elsewhere only is not installed here.
    """
    found = set()
    for asked in importlib.metadata.requires(distribution) or []:
        requirement, _, marker = asked.partition(";")
        match = _NAME.match(requirement)
        extras = _EXTRA.findall(marker)
        if match is None or (extras and extra not in extras):
            continue
        key = re.sub(r"[-_.]+", "-", match[1]).lower()
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            importlib.metadata.distribution(key)
            found.add(key)
    return found
