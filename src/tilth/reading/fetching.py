"""What all sources of files are told: where a file is, how it is had, how it is known again.

None of it is a part of an identity: what the file holds is, and the name that its records are known
by. Both stand in the fingerprint of the source.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Collection, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from tilth.settings import ActsOn, AnyOrder
from tilth.web.address import AddressRefusedError, canonical_host, check_url
from tilth.web.secrets import HEADERS

_LOCAL = ".localhost"


# As an address has it, with a port or without; an IPv6 address alone needs no brackets.
_WITH_PORT = re.compile(r"(?:\[(.+)\]|([^:]+))(?::\d{1,5})?")


def _canonical(hosts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(_host_of, hosts)))


def _host_of(host: str) -> str:
    found = _WITH_PORT.fullmatch(host)
    return canonical_host(host if found is None else found[1] or found[2])


def plain(path: str) -> str:
    """A path in the one way of writing it: `./a`, `a//b` and `a/` are `a`, `a/b` and `a`.

    `a/../b` stays as it is, since `a` may be a link, and so does `./~a`, which is nobody's home.
    """
    parts = [part for part in path.split("/") if part not in ("", ".")]
    root = "/" if path.startswith("/") else ""
    if parts and parts[0].startswith("~") and not root and not path.startswith("~"):
        parts.insert(0, ".")
    return root + "/".join(parts) or "." * bool(path)


Place = Annotated[Annotated[str, AfterValidator(plain)] | None, ActsOn("outside")]
Url = Annotated[str | None, ActsOn("outside")]
Sha256 = Annotated[str | None, Field(pattern="^[0-9a-f]{64}$"), ActsOn("outside")]
Size = Annotated[int | None, ActsOn("outside")]
Digest = Annotated[
    Literal["stat", "content"],
    Field(
        description="how a file is known to hold what it held: `stat`, by its inode, its size and "
        "the times of its last change, or `content`, for disks whose times cannot be relied on: it "
        "is read through each time"
    ),
    ActsOn("speed"),
]
# In the fingerprint where nothing else says what is fetched.
Headers = Annotated[dict[str, str], Field(description=HEADERS), ActsOn("outside"), AnyOrder()]
Hosts = Annotated[
    tuple[str, ...],
    AfterValidator(_canonical),
    Field(
        description="hosts that may be fetched from although their address is private, at whatever "
        "port"
    ),
]
# Of sources that fetch what is named, and follow no link.
KnownHosts = Annotated[Hosts, ActsOn("politeness")]
Mirror = Annotated[
    str | None,
    Field(
        description="folder to look in before fetching; default: that of --mirror or $TILTH_MIRROR",
        min_length=1,
    ),
    ActsOn("outside"),
]
Serve = Annotated[
    Literal["demo-site"] | None,
    Field(description="site to start here, to answer for the `allow_hosts` under .localhost"),
    ActsOn("politeness"),
]
License = Annotated[str | None, Field(pattern=r"\S")]


class Fetching(Protocol):
    """Settings of a source that fetches, or may."""

    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def mirror(self) -> str | None: ...
    @property
    def serve(self) -> str | None: ...
    @property
    def allow_hosts(self) -> Collection[str]: ...
    @property
    def digest(self) -> Literal["stat", "content"]: ...


def check_fetching(settings: Fetching, urls: Collection[str]) -> None:
    """Refuse what could not act: settings of fetching where nothing is, addresses that never are.

    Args:
        settings: Of the source.
        urls: All that it fetches; none: its files are here.

    Raises:
        ValueError: With the setting and the reason.
    """
    for name in ("headers", "mirror", "serve", "allow_hosts"):
        if not urls and getattr(settings, name):
            raise ValueError(f"`{name}` belongs to `url`: nothing is fetched here")
    for url in urls:
        try:
            check_url(url, settings.allow_hosts)
        except AddressRefusedError as error:
            raise ValueError(f"{error}; list it in `allow_hosts` if it is meant") from None
    if urls:
        check_serving(settings.serve, settings.allow_hosts, urls)


def check_serving(serve: str | None, allow_hosts: Collection[str], urls: Collection[str]) -> None:
    """Refuse a local site that would answer for none of the addresses.

    Raises:
        ValueError: It would not.
    """
    hosts = {urlsplit(url).hostname or "" for url in urls}
    if serve is not None and not any(
        host.endswith(_LOCAL) and host in allow_hosts for host in hosts
    ):
        raise ValueError(
            f"`serve: {serve}` answers for hosts under {_LOCAL} that `allow_hosts` lists, and no "
            "address is at one"
        )


def mirror_of(settings: Fetching) -> Path | None:
    """The folder that the recipe names, if it does."""
    return None if settings.mirror is None else Path(os.path.expanduser(settings.mirror))


def run_to_end(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end, also under an event loop that runs already (a notebook)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(work)
        return
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()
