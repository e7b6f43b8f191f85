"""What all sources of files are told: where a file is, how it is had, how it is known again.

None of it is a part of an identity: what the file holds is, and the name that its records are known
by. Both stand in the fingerprint of the source.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from tilth.settings import ActsOn, AnyOrder, BaseSettings
from tilth.web.address import (
    AddressRefusedError,
    allowed_places,
    check_url,
    joined,
    split_place,
)
from tilth.web.proxy import checked_proxy
from tilth.web.secrets import HEADERS
from tilth.web.stores import Access, check_endpoint, parts_of, scheme_of

_LOCAL = ".localhost"


def _canonical(hosts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(joined(*split_place(host)) for host in hosts))


def plain(path: str) -> str:
    """A path in the one way of writing it: `./a`, `a//b` and `a/` are `a`, `a/b` and `a`.

    `a/../b` stays as it is, since `a` may be a link, and so does `./~a`, which is nobody's home.
    """
    parts = [part for part in path.split("/") if part not in ("", ".")]
    root = "/" if path.startswith("/") else ""
    if parts and parts[0].startswith("~") and not root and not path.startswith("~"):
        parts.insert(0, ".")
    return root + "/".join(parts) or "." * bool(path)


def _here(place: str) -> str:
    if (scheme := scheme_of(place)) is not None:
        raise ValueError(f"a path on this machine, and no address (`{scheme}://`), stands here")
    return plain(place)


def _anywhere(place: str) -> str:
    if scheme_of(place) is None:
        return plain(place)
    scheme, _, rest = place.partition("://")
    parts_of(place)
    return f"{scheme.lower()}://{rest}"


Place = Annotated[Annotated[str, AfterValidator(_here)] | None, ActsOn("outside")]
# Also what is in a store.
AnyPlace = Annotated[Annotated[str, AfterValidator(_anywhere)] | None, ActsOn("outside")]
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
        description="hosts that may be fetched from although their address is private, as "
        "`host:port`; without a port: at those at which the recipe names the host, else 80 and 443"
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
ProxyUrl = Annotated[
    Annotated[str, AfterValidator(checked_proxy)] | None,
    Field(
        description="ask through this proxy, as `http://proxy.example.org:3128`; its user and "
        "password as ${NAME} of the environment or ${file:PATH}"
    ),
    ActsOn("politeness"),
]
License = Annotated[str | None, Field(pattern=r"\S")]


class Store(BaseSettings):
    """How a store is reached; keys come from the environment or the profile."""

    endpoint: str | None = Field(
        None,
        description="address of a store of one's own, as http://minio.example:9000; default: that "
        "of the scheme, or $AWS_ENDPOINT_URL",
    )
    region: str | None = Field(None, description="Amazon's region", min_length=1)
    profile: str | None = Field(None, description="profile of ~/.aws/config", min_length=1)
    anon: bool = Field(False, description="sign nothing: for what is public")


# What is there is known by its ETag, wherever it is.
Storage = Annotated[
    Store, Field(description="how the store of `s3://` or `gs://` is reached"), ActsOn("outside")
]


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
    @property
    def storage(self) -> Store: ...


def check_fetching(
    settings: Fetching, urls: Collection[str], paths: Collection[str | None] = ()
) -> None:
    """Refuse what could not act: settings of fetching where nothing is, addresses that never are.

    Args:
        settings: Of the source.
        urls: All that it fetches; none: its files are here, or in a store.
        paths: All else that it reads.

    Raises:
        ValueError: With the setting and the reason.
    """
    stores = {scheme for path in paths if (scheme := scheme_of(path or "")) is not None}
    for name in ("headers", "mirror", "serve", "allow_hosts"):
        if not urls and not (name == "allow_hosts" and stores) and getattr(settings, name):
            raise ValueError(f"`{name}` belongs to `url`: nothing is fetched here")
    _check_storage(settings, stores, has_files=any(not scheme_of(path or "x") for path in paths))
    for url in urls:
        try:
            check_url(url, allowed_places(settings.allow_hosts, [url]))
        except AddressRefusedError as error:
            raise ValueError(f"{error}; list it in `allow_hosts` if it is meant") from None
    if urls:
        check_serving(settings.serve, settings.allow_hosts, urls)


def _check_storage(settings: Fetching, stores: Collection[str], *, has_files: bool) -> None:
    storage = settings.storage
    if not stores:
        if storage != Store():
            raise ValueError("`storage` belongs to a path at s3:// or gs://, and there is none")
        return
    if settings.digest != "stat" and not has_files:
        raise ValueError("`digest` belongs to files: an object is known by what its store says")
    if "s3" not in stores and (storage.region or storage.profile):
        raise ValueError("`region` and `profile` belong to s3://")
    if storage.endpoint is not None:
        try:
            check_endpoint(storage.endpoint, frozenset(settings.allow_hosts))
        except AddressRefusedError as error:
            raise ValueError(f"{error}; list it in `allow_hosts` if it is meant") from None


def access_of(settings: Fetching) -> Access:
    """How the source reaches its store."""
    given = settings.storage
    hosts = frozenset(settings.allow_hosts)
    return Access(given.endpoint, given.region, given.profile, given.anon, hosts)


def check_serving(serve: str | None, allow_hosts: Collection[str], urls: Collection[str]) -> None:
    """Refuse a local site that would answer for none of the addresses.

    Raises:
        ValueError: It would not.
    """
    hosts = {urlsplit(url).hostname or "" for url in urls}
    allowed = {host for host, _ in map(split_place, allow_hosts)}
    if serve is not None and not any(host.endswith(_LOCAL) for host in hosts & allowed):
        raise ValueError(
            f"`serve: {serve}` answers for hosts under {_LOCAL} that `allow_hosts` lists, and no "
            "address is at one"
        )


def mirror_of(settings: Fetching) -> Path | None:
    """The folder that the recipe names, if it does."""
    return None if settings.mirror is None else Path(os.path.expanduser(settings.mirror))


def run_to_end(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end, also under an event loop that runs already (a notebook).

    A task group wraps what its tasks raise; here the first of that is raised.
    """
    try:
        _run(work)
    except BaseExceptionGroup as group:
        raise _first(group) from group


def _run(work: Coroutine[Any, Any, None]) -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(work)
        return
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
