"""The names of licences, from the addresses by which pages state them."""

from __future__ import annotations

import re
from typing import Final

# All of a text is an address.
ADDRESS: Final = re.compile(r"\s*(?:https?:)?//\S+\s*", re.I)
_CREATIVE_COMMONS: Final = re.compile(
    r"\s*(?:(?:https?:)?//)?(?:www\.)?creativecommons\.org/"
    r"(?:licenses/(by(?:-nc)?(?:-nd|-sa)?)/([0-9]\.[0-9])(?:/([a-z]{2,3}))?"
    r"|publicdomain/(zero|mark)/1\.0)(?:/(?:deed|legalcode)(?:[.-][a-z_-]{2,20})?)?/?(?:[?#]\S*)?\s*",
    re.I,
)
# The versions that SPDX knows of each kind, and its names of those that were ported to a law.
_VERSIONS: Final = frozenset({"1.0", "2.0", "2.5", "3.0", "4.0"})
_PORTED: Final = frozenset(
    (
        *("CC-BY-2.5-AU", "CC-BY-3.0-AT", "CC-BY-3.0-AU", "CC-BY-3.0-DE", "CC-BY-3.0-IGO"),
        *("CC-BY-3.0-NL", "CC-BY-3.0-US", "CC-BY-NC-3.0-DE", "CC-BY-NC-ND-3.0-DE"),
        *("CC-BY-NC-ND-3.0-IGO", "CC-BY-NC-SA-2.0-DE", "CC-BY-NC-SA-2.0-FR"),
        *("CC-BY-NC-SA-2.0-UK", "CC-BY-NC-SA-3.0-DE", "CC-BY-NC-SA-3.0-IGO", "CC-BY-ND-3.0-DE"),
        *("CC-BY-SA-2.0-UK", "CC-BY-SA-2.1-JP", "CC-BY-SA-3.0-AT", "CC-BY-SA-3.0-DE"),
        "CC-BY-SA-3.0-IGO",
    )
)


def license_of(address: str) -> str:
    """Of an address the licence there; empty where it is no whole address."""
    if match := _CREATIVE_COMMONS.fullmatch(address):
        kind, version, law, public = (part and part.upper() for part in match.groups())
        if public:
            return "CC0-1.0" if public == "ZERO" else "CC-PDM-1.0"
        name = f"CC-{kind}-{version}" + (f"-{law}" if law else "")
        # A licence of one country is another one, also where SPDX has no name for it.
        if name in _PORTED or (not law and version in _VERSIONS):
            return name
    return address.strip() if ADDRESS.fullmatch(address) else ""
