"""The public data set on the demo site: what the packages that Tilth needs say of themselves.

Of all that is installed only what the extra `train` asks for, and what that asks for in turn: a
bare environment and a developer's then give the same bytes, and no text of Tilth's own is there.
"""

from __future__ import annotations

import importlib.metadata
import json
import re

from tilth.demo.pages import scrub

_NAME = re.compile(r"\s*([A-Za-z0-9._-]+)\s*(?:\[([^\]]*)\])?")
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
    """The installed packages that a distribution with an extra needs, itself left out.

    Names are normalised (PEP 503). A marker other than an extra's is not read: what it asks for
    elsewhere only is not installed here.
    """
    seen = {(distribution, extra)}
    found, waiting = set(), list(seen)
    while waiting:
        name, given = waiting.pop()
        try:
            requirements = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        found.add(name)
        for asked in requirements:
            requirement, _, marker = asked.partition(";")
            match = _NAME.match(requirement)
            extras = _EXTRA.findall(marker)
            if match is None or (extras and given not in extras):
                continue
            key = re.sub(r"[-_.]+", "-", match[1]).lower()
            for one in ["", *(part.strip() for part in (match[2] or "").split(",") if part)]:
                if (key, one) not in seen:
                    seen.add((key, one))
                    waiting.append((key, one))
    return found - {distribution}
