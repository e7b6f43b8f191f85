"""A proxy through which a crawl asks: where it is, and what it is shown as a password."""

from __future__ import annotations

import base64
from urllib.parse import unquote, urlsplit

from tilth.web.address import Places, canonical_host
from tilth.web.secrets import read_filled


def checked_proxy(url: str) -> str:
    """The address of a proxy as it may stand in a recipe.

    Raises:
        ValueError: It is none.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"a proxy is at an http or https address, not {parts.scheme or 'none'!r}")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("the address of a proxy is a scheme, a host and a port")
    canonical_host(parts.hostname or "")
    if parts.port is None:
        raise ValueError("the address of a proxy has a port: `http://proxy.example.org:3128`")
    return url.rstrip("/")


class Proxy:
    """Where a proxy is.

    Args:
        url: As the recipe has it: `${NAME}` may stand for user and password.

    Attributes:
        url: Its address, without user and password.
        places: Its host and port: the recipe names it, so that it need not be public.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._user, self._has_user, host = parts.netloc.rpartition("@")
        self.url = f"{parts.scheme}://{host}"
        self.places: Places = frozenset(((canonical_host(parts.hostname or ""), parts.port or 0),))

    @property
    def headers(self) -> dict[str, str]:
        """What it is shown: user and password, read now, where it has some (RFC 7617).

        Raises:
            MissingError: A secret is no longer there.
        """
        if not self._has_user:
            return {}
        name, _, password = self._user.partition(":")
        pair = f"{read_filled(unquote(name))}:{read_filled(unquote(password))}"
        packed = str(base64.b64encode(pair.encode()), "ascii")
        return {"Proxy-Authorization": f"Basic {packed}"}
