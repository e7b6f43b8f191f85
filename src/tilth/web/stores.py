"""A store of objects (`s3://`, `gs://`): its address, how it is reached, and what is tried again.

Hosts are checked once resolved, as everywhere: the store's client dials through the same resolver
as the crawler's. Keys are the environment's own; where it looks for them is not checked.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from tilth.errors import (
    DataError,
    MissingError,
    TilthError,
    UsageError,
    missing_extra,
    source_changed,
    words_of,
)
from tilth.foreign import visible
from tilth.web.address import PORTS, AddressRefusedError, allowed_places, check_url, place_of
from tilth.web.secrets import masked

_Any = TypeVar("_Any")
# Scheme, the package that knows it, and the extra that brings it.
STORES: Final = {"s3": ("s3fs", "s3"), "gs": ("gcsfs", "gs")}
# The user's own word of where a store is, in no recipe.
_ENDPOINTS: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "STORAGE_EMULATOR_HOST")
_SCHEME: Final = re.compile(r"([A-Za-z][\w+.:-]*)://")
_BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,221}")
# Failures in a row, with nothing had between them, after which it is given up.
_TRIES: Final = 6
RETRY_S: Final = 0.5
_TIMEOUT_S: Final = 60
# Whose errors are about an exchange, and none of this code's.
_LIBRARIES: Final = ("botocore", "aiobotocore", "aiohttp", "fsspec", "s3fs", "gcsfs", "google")
_NO_KEYS: Final = ("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound")


@dataclass(frozen=True)
class Access:
    """How a store is reached.

    Attributes:
        endpoint: Its address; None: the one that the scheme or the environment says.
        region, profile: As Amazon names them.
        anon: Nothing is signed: what is public alone can be had.
        allow_hosts: Hosts that may be at addresses that are not public.
    """

    endpoint: str | None = None
    region: str | None = None
    profile: str | None = None
    anon: bool = False
    allow_hosts: frozenset[str] = frozenset()


def scheme_of(place: str) -> str | None:
    """The scheme of an address; None: it is a path."""
    found = _SCHEME.match(place)
    return None if found is None else found[1].lower()


def shown(place: str) -> str:
    """An address of a store as an error tells it: safe to print, and without keys in it."""
    return visible(masked(place))


def parts_of(place: str) -> tuple[str, str, str]:
    """Scheme, bucket and key of an address.

    Raises:
        ValueError: It is of another kind, or has no bucket.
    """
    scheme = scheme_of(place) or ""
    if scheme not in STORES:
        known = "s3:// and gs:// are read, and what is at an http or https address is a `url`"
        raise ValueError(f"`{scheme}://` is no store that is known: {known}")
    bucket, _, key = place.partition("://")[2].partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise ValueError(f"no name of a bucket: {shown(place).partition('://')[2]!r}")
    return scheme, bucket, key


def check_endpoint(endpoint: str, allow_hosts: frozenset[str]) -> None:
    """Refuse the address of a store that is none, or spells out one that is not public.

    Raises:
        ValueError: It is no http or https address, or has more than host and port.
        AddressRefusedError: It is not public.
    """
    parts = urlsplit(endpoint)
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("`endpoint` is scheme, host and port; keys belong into the environment")
    check_url(endpoint, allowed_places(allow_hosts, [endpoint]))


class StoppedError(Exception):
    """Nobody waits for the object any more."""


class NothingThereError(MissingError):
    """No such object or bucket."""


class Store:
    """One store, asked again where that may help."""

    def __init__(self, fs: Any, scheme: str) -> None:
        self.fs = fs
        self.scheme = scheme

    def ask(
        self,
        place: str,
        act: Callable[[], _Any],
        progress: Callable[[], int] | None = None,
        retry_s: float | None = None,
        verb: str = "had",
    ) -> _Any:
        """What comes of asking.

        Args:
            place: What it is about.
            act: Asks.
            progress: How far it has come: failures are counted from there.
            retry_s: As of `fetch`.
            verb: What cannot be done where it fails.

        Raises:
            MissingError: It failed for good, or `_TRIES` times in a row.
            UsageError: The store is at an address that is not allowed.
        """
        failed, at = 0, progress() if progress is not None else 0
        while True:
            try:
                return act()
            except (TilthError, StoppedError):
                raise
            except Exception as error:
                chain = list(_chain(error))
                if not any(_is_exchange(one) for one in chain):
                    raise
                if _is_expired(chain):
                    raise changed_at(place) from error
                failed = 1 if progress is not None and progress() > at else failed + 1
                at = progress() if progress is not None else 0
                if (lasting := _lasting(chain, place, verb)) is not None:
                    raise lasting from error
                if failed == _TRIES:
                    raise MissingError(
                        f"could not be {verb}, in {_TRIES} tries: {_words(chain)}",
                        where=shown(place),
                        hint="run it again: what is there already stays",
                        code="unreachable",
                    ) from error
                time.sleep((RETRY_S if retry_s is None else retry_s) * 2 ** (failed - 1))


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or one.__context__


def _is_exchange(error: BaseException) -> bool:
    return isinstance(error, OSError) or type(error).__module__.partition(".")[0] in _LIBRARIES


def _status(error: BaseException) -> int:
    """The HTTP status that an error is of; 0: of none."""
    answer = getattr(error, "response", None)
    meta = answer.get("ResponseMetadata", {}) if isinstance(answer, Mapping) else {}
    status = meta.get("HTTPStatusCode", 0)
    if type(error).__module__.startswith("gcsfs"):
        status = getattr(error, "code", 0)
    return int(status) if str(status).isdigit() else 0


def _is_expired(chain: list[BaseException]) -> bool:
    return any(type(one).__name__ == "FileExpired" or _status(one) == 412 for one in chain)


def _words(chain: list[BaseException]) -> str:
    """What the last of them says, without what could be a secret."""
    return masked(words_of(chain[0]))[:300] or type(chain[0]).__name__


def _lasting(chain: list[BaseException], place: str, verb: str) -> TilthError | None:
    """The error for what no other try would cure."""
    where = shown(place)
    for one in chain:
        if isinstance(one, AddressRefusedError):
            return UsageError(
                f"the store may not be reached: {one}",
                where=where,
                hint=f'`allow_hosts: ["{one.place}"]` if the address is meant',
                code="address",
            )
    if any(type(one).__name__ in _NO_KEYS for one in chain):
        return MissingError(
            f"there are no keys for the store: {_words(chain)}",
            where=where,
            hint="export AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=..., or name a `profile` "
            "under `storage:`; `storage: {anon: true}` is for what is public",
            code="missing-secret",
        )
    statuses = {_status(one) for one in chain} - {0}
    if any(isinstance(one, FileNotFoundError) for one in chain) or 404 in statuses:
        return NothingThereError(
            "no such object or bucket",
            where=where,
            hint="the bucket is what stands between `//` and the next slash; upper and lower case "
            "count in a name",
            code="missing",
        )
    if any(isinstance(one, PermissionError) for one in chain) or statuses & {401, 403}:
        return MissingError(
            f"the store refuses it: {_words(chain)}",
            where=where,
            hint="the keys are those of the environment, or of `storage: {profile: NAME}`",
            code="unreadable",
        )
    if any(400 <= status < 500 and status not in (408, 429) for status in statuses):
        return MissingError(f"could not be {verb}: {_words(chain)}", where=where, code="refused")
    return None


def changed_at(uri: str) -> DataError:
    return source_changed(shown(uri), when="after it was listed")


def store_of(scheme: str, access: Access, place: str) -> Store:
    """The store of a scheme, reached.

    Raises:
        MissingError: Its package is not installed.
        UsageError: It is at an address that is not allowed, or cannot be set up as is asked.
    """
    # The library's own loop is of one process.
    said = tuple(value for name in _ENDPOINTS if (value := os.environ.get(name)))
    try:
        return _connected(scheme, access, said, os.getpid())
    except ImportError as error:
        package, extra = STORES[scheme]
        raise missing_extra(error.name or package, extra) from None
    except Exception as error:
        if (lasting := _lasting(list(_chain(error)), place, "reached")) is not None:
            raise lasting from error
        raise UsageError(
            f"the store cannot be set up: {_words([error])}", where=shown(place)
        ) from error


@lru_cache(16)
def _connected(scheme: str, access: Access, said: tuple[str, ...], pid: int) -> Store:  # noqa: ARG001
    # The base install has neither, and no run needs them that reads what is here.
    import fsspec

    from tilth.web.resolver import CheckedResolver

    endpoints = [*said, *([] if access.endpoint is None else [access.endpoint])]
    own = {place_of(one) for one in said if urlsplit(one).scheme in PORTS}
    if access.endpoint is not None:
        check_endpoint(access.endpoint, access.allow_hosts)
    resolver = CheckedResolver(allowed_places(access.allow_hosts, endpoints) | own, {})
    common = {"use_listings_cache": False, "skip_instance_cache": True}
    if scheme == "s3":
        fs = fsspec.filesystem(
            "s3",
            anon=access.anon,
            endpoint_url=access.endpoint,
            client_kwargs={"region_name": access.region} if access.region else {},
            config_kwargs={
                "connector_args": {"resolver": resolver},
                "connect_timeout": _TIMEOUT_S,
                "read_timeout": _TIMEOUT_S,
                # Tries are counted here.
                "retries": {"total_max_attempts": 1},
            },
            **({"profile": access.profile} if access.profile else {}),
            **common,
        )
        fs.retries = 1
        fs.connect()
        return Store(fs, scheme)
    import aiohttp
    from fsspec.asyn import get_loop, sync

    # The one that `fsspec` knows asks by gRPC first of what kind a bucket is, at hosts unchecked.
    from gcsfs.core import GCSFileSystem

    async def connector() -> aiohttp.TCPConnector:
        return aiohttp.TCPConnector(resolver=resolver)

    return Store(
        GCSFileSystem(
            token="anon" if access.anon else None,
            endpoint_url=access.endpoint,
            session_kwargs={"connector": sync(get_loop(), connector)},
            timeout=_TIMEOUT_S,
            **common,
        ),
        scheme,
    )
