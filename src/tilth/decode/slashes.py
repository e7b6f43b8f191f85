"""Backslashes in links."""

from __future__ import annotations

import re
from typing import Final

_BEFORE_QUERY: Final = re.compile(r"[^?#]*")
_OTHER_SCHEME: Final = re.compile(r"\s*(?!https?:)[A-Za-z][A-Za-z0-9+.-]*:", re.I)


def with_slashes(address: str) -> str:
    """A link as a browser reads it: backslashes before its query are slashes, of what leads to a
    web page (URL Standard, 4.4: of "special" schemes)."""
    if "\\" not in address or _OTHER_SCHEME.match(address):
        return address
    found = _BEFORE_QUERY.match(address)
    assert found is not None
    return found[0].replace("\\", "/") + address[found.end() :]
