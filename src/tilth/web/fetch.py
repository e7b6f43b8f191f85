"""Download a public data file: from a mirror folder, or by HTTP with resume and digest.

A file is written aside, synced and renamed, so a file at its final name is complete. What an
earlier call left, whole or in part, is taken where it is what the address gives now: its digest is
known, or the server vouches for the same version (a strong ETag with ``If-None-Match`` and
``If-Range``, RFC 9110 section 13.1). Of another address or version it is fetched anew.
"""

from __future__ import annotations

import gzip
import hashlib
import http.client
import os
import socket
import ssl
import time
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, unquote, urljoin, urlsplit

from tilth.context import Progress, silent
from tilth.decode.slashes import with_slashes
from tilth.errors import DataError, MissingError, StorageError, UsageError
from tilth.records import Record, read_if_whole
from tilth.store.files import aside_of, move, remove, sha256_file, write_record
from tilth.web.address import (
    PORTS,
    AddressRefusedError,
    Places,
    Served,
    allowed_places,
    canonical_host,
    check_url,
    resolve,
    served_hosts,
)
from tilth.web.secrets import Secrets, masked
from tilth.web.urls import as_sent

MIRROR_VARIABLE = "TILTH_MIRROR"

_CHUNK = 1 << 20
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 10
# Everything that may stand in a path or a query, and what is percent-encoded already.
_SAFE = "/?:@!$&'()*+,;=-._~%[]"
_TRIES = 4


@dataclass(frozen=True)
class _Expected:
    """What the file must be, as far as the recipe says."""

    sha256: str | None
    size: int | None
    max_bytes: int

    def mismatch(self, path: Path) -> str:
        """Why a file is not the expected one; empty if it is."""
        size = path.stat().st_size
        if self.size is not None and size != self.size:
            return f"{size:,} bytes instead of {self.size:,}"
        if self.sha256 is not None and (digest := sha256_file(path)) != self.sha256.lower():
            return f"sha256 {digest} instead of {self.sha256.lower()}"
        return ""

    @property
    def limit(self) -> int:
        return self.size if self.size is not None else self.max_bytes


class _Version(Record):
    """What is being fetched, or was; it stands beside the file until a digest vouches for it.

    Attributes:
        address: SHA-256 of the address, as the recipe has it.
        etag: Where the server gives one that stands for the bytes; else empty.
        modified: When it says that the file was written last; empty: it does not.
        size: Bytes of the whole file, as far as it says.
    """

    address: str
    etag: str
    modified: str
    size: int | None

    def is_other(self, later: _Version) -> bool:
        """Whether a later answer is about another file, by what both of them say."""
        pairs = [(getattr(self, name), getattr(later, name)) for name in type(self).model_fields]
        return any(one != other for one, other in pairs if one and other)


class _TransferError(Exception):
    """A failed exchange; `again` where another try may cure it."""

    def __init__(self, message: str, *, again: bool = True) -> None:
        super().__init__(message)
        self.again = again


def download(
    url: str,
    *,
    dest: Path,
    sha256: str | None = None,
    size: int | None = None,
    mirror: Path | None = None,
    allow_hosts: Collection[str] = (),
    serve: str | None = None,
    max_bytes: int = 1 << 40,
    timeout_s: float = 60.0,
    retry_s: float = 1.0,
    headers: Mapping[str, str] | None = None,
    progress: Progress = silent,
) -> Path:
    """The file behind a URL, as a local path.

    Looked for in this order: `dest` itself where it has the digest, the mirror folder, the network.
    In a mirror folder the file is looked up as ``HOST/PATH``, as ``NAME``, and as ``*/NAME``; it is
    used in place, not copied. Where the digest is known, the same with ``.gz`` behind it is
    unpacked. What an earlier call left at `dest` is not fetched again where the server says that it
    is the same still.

    Args:
        url: An http or https address; `${NAME}` in its query is filled in when it is asked for.
        dest: Where the file goes; its folder is made.
        sha256: Hex digest that the file must have.
        size: Bytes that the file must have.
        mirror: Folder of files fetched before; default: environment variable TILTH_MIRROR.
        allow_hosts: Hosts that may be at addresses that are not public, as `allowed_places` has it.
        serve: None, or "demo-site": the demo site answers, for the time of the download, for the
            `allow_hosts` under ``.localhost``.
        max_bytes: Refuse more than this where the size is not known.
        timeout_s: Seconds without a byte after which a try is given up.
        retry_s: Pause before the second try; doubled for each further one.
        headers: Sent to the origin of `url` alone; `${NAME}` is filled in (see `secrets`).
        progress: Called with (bytes, total bytes or None, "4.2 MB/s").

    Raises:
        MissingError: Nowhere to be had; names every place that was tried. Or a secret is not set.
        DataError: The file is there but is not the expected one.
        UsageError: The URL or its address is not allowed.
        StorageError: `dest` cannot be written.
    """
    expected = _Expected(sha256, size, max_bytes)
    if sha256 is not None and dest.is_file() and not expected.mismatch(dest):
        return dest
    tried: list[str] = []
    secrets = Secrets(headers, [url])
    folder = _mirror_folder(mirror)
    if folder is not None and (found := _in_mirror(url, folder, expected, tried)) is not None:
        return found
    try:
        dest.parent.mkdir(parents=True, exist_ok=True)
        if folder is not None and _unpacked(url, folder, expected, dest, tried):
            return dest
        with _serving(serve, allow_hosts) as served:
            allowed = allowed_places(allow_hosts, [url])
            transfer = _Transfer(url, secrets, allowed, served, timeout_s)
            return _over_network(transfer, dest, expected, retry_s, progress, tried)
    except (AddressRefusedError, ValueError) as error:
        raise UsageError(
            f"{masked(url)} may not be fetched: {secrets.hide(str(error))}",
            hint="list the host in `allow_hosts` if the address is meant",
            code="address",
        ) from error
    except OSError as error:
        raise StorageError(f"cannot write {dest}: {error}", hint="free space or rights") from error


def find_in_mirror(url: str, *, size: int | None = None, mirror: Path | None = None) -> Path | None:
    """The file of no known digest that `download` would take from the mirror folder now.

    Args:
        url: As of `download`.
        size: Bytes that it must have.
        mirror: As of `download`.

    Returns:
        Its place there; None: it would be fetched.
    """
    folder = _mirror_folder(mirror)
    return None if folder is None else _in_mirror(url, folder, _Expected(None, size, 0), [])


def _mirror_folder(named: Path | None) -> Path | None:
    return named or (Path(value) if (value := os.environ.get(MIRROR_VARIABLE)) else None)


def _in_mirror(url: str, folder: Path, expected: _Expected, tried: list[str]) -> Path | None:
    """The file in the mirror folder, if one of the places has the expected one."""
    for place in _places(url, folder):
        reason = expected.mismatch(place)
        if not reason:
            return place
        tried.append(f"{place} ({reason})")
    tried.append(f"{folder} (no {Path(urlsplit(url).path).name})")
    return None


def _places(url: str, folder: Path, suffix: str = "") -> list[Path]:
    """The files of the mirror folder that may be the wanted one."""
    parts = urlsplit(url)
    path = Path(unquote(parts.path).lstrip("/"))
    if ".." in path.parts or not path.name:
        return []
    name = path.name + suffix
    places = [folder / (parts.hostname or "") / path.with_name(name), folder / name]
    if folder.is_dir():
        places += sorted(child / name for child in folder.iterdir() if child.is_dir())
    return [place for place in places if place.is_file()]


def _unpacked(url: str, folder: Path, expected: _Expected, dest: Path, tried: list[str]) -> bool:
    """Unpack the file into `dest` if the mirror folder has it as gzip; whether it had."""
    if expected.sha256 is None:
        return False
    aside = aside_of(dest)
    for place in _places(url, folder, ".gz"):
        left = expected.limit + 1
        try:
            with gzip.open(place) as packed, aside.open("wb") as file:
                while left and (chunk := packed.read(min(_CHUNK, left))):
                    file.write(chunk)
                    left -= len(chunk)
                file.flush()
                os.fsync(file.fileno())
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            tried.append(f"{place} (cut off or damaged: {error})")
            continue
        reason = expected.mismatch(aside)
        if not reason:
            move(aside, dest)
            return True
        tried.append(f"{place} ({reason})")
    remove(aside)
    return False


@contextmanager
def _serving(serve: str | None, allow_hosts: Collection[str]) -> Iterator[Served]:
    if serve is None:
        yield {}
        return
    from tilth.demo.site import serve as serve_demo

    with serve_demo() as address:
        yield served_hosts(allow_hosts, address)


def _over_network(
    transfer: _Transfer,
    dest: Path,
    expected: _Expected,
    retry_s: float,
    progress: Progress,
    tried: list[str],
) -> Path:
    shown = transfer.shown
    partial = dest.with_name(dest.name + ".partial")
    last = ""
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(retry_s * 2 ** (attempt - 1))
        resumed = partial.is_file() and partial.stat().st_size > 0
        try:
            with closing(transfer):
                if transfer.into(partial, dest, expected, progress):
                    return dest
        except _TransferError as error:
            last = transfer.secrets.hide(str(error))
            if not error.again:
                break
            continue
        reason = expected.mismatch(partial)
        if not reason:
            move(partial, dest)
            if expected.sha256 is not None:
                remove(_version_file(dest))
            return dest
        remove(partial)
        if not resumed:
            raise DataError(
                f"{shown} is not the expected file: {reason}",
                where=str(dest),
                hint="correct `sha256` and `size` in the recipe if the file was renewed",
                code="digest",
            )
        last = reason
    tried.append(f"{shown} ({last})")
    name = Path(urlsplit(shown).path).name
    raise MissingError(
        f"{name or shown} could not be had",
        where="; ".join(tried),
        hint=f"try again later, or put {name} into a folder and name it with --mirror DIR "
        f"or {MIRROR_VARIABLE}",
    )


class _Transfer:
    """HTTP exchanges about one file, redirects followed, each hop's address checked."""

    def __init__(
        self,
        url: str,
        secrets: Secrets,
        allowed: Places,
        served: Served,
        timeout_s: float,
    ) -> None:
        self.url = url
        self.shown = masked(url)
        self.secrets = secrets
        self.allowed = allowed
        self.served = served
        self.timeout_s = timeout_s
        self.connection: http.client.HTTPConnection | None = None
        self.response: http.client.HTTPResponse | None = None

    def close(self) -> None:
        # The connection lets go of a response that is its last: it is closed for itself.
        for opened in (self.response, self.connection):
            if opened is not None:
                opened.close()

    def into(self, partial: Path, dest: Path, expected: _Expected, progress: Progress) -> bool:
        """Write the body to `partial`, from where it ends if that is a part of the same.

        Returns:
            Whether nothing was written, as `dest` is what the address gives.
        """
        beside = _version_file(dest)
        known = read_if_whole(_Version, beside)
        if known is None or known.address != _digest(self.url):
            known = _Version(address=_digest(self.url), etag="", modified="", size=None)
            remove(partial)
        is_whole = (
            expected.sha256 is None
            and bool(known.etag)
            and dest.is_file()
            and not expected.mismatch(dest)
        )
        headers = {"User-Agent": "tilth", "Accept-Encoding": "identity"}
        start = partial.stat().st_size if partial.is_file() else 0
        if is_whole:
            start = 0
            headers["If-None-Match"] = known.etag
        elif start and (expected.sha256 or known.etag):
            headers["Range"] = f"bytes={start}-"
            if known.etag:
                headers["If-Range"] = known.etag
        else:
            start = 0
        response = self._follow(headers)
        if response.status == 304:
            return True
        if response.status == 416:
            # The partial file is longer than the file: it is of another version.
            remove(partial)
            raise _TransferError("the partial file does not fit; started over")
        tag, total = response.headers.get("ETag", ""), _total(response)
        found = _Version(
            address=known.address,
            etag="" if tag.startswith("W/") else tag,
            modified=response.headers.get("Last-Modified", ""),
            size=total,
        )
        if response.status != 206:
            start = 0
        elif not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            remove(partial)
            raise _TransferError("the server sent another range than was asked for")
        elif known.is_other(found):
            remove(partial)
            raise _TransferError("the file is another one by now; started over")
        if total is not None and total > expected.limit:
            raise DataError(
                f"{self.shown} has {total:,} bytes, expected at most {expected.limit:,}",
                code="size",
            )
        if not start:
            # Before the version is written down: a kill must not leave old bytes beside a new one.
            remove(dest, partial)
            write_record(beside, found)
        with open(partial, "ab" if start else "wb") as file:
            self._copy(response, file, start, total, expected, progress)
        return False

    def _copy(
        self,
        response: http.client.HTTPResponse,
        file: BinaryIO,
        done: int,
        total: int | None,
        expected: _Expected,
        progress: Progress,
    ) -> None:
        began, first = time.monotonic(), done
        while True:
            try:
                chunk = response.read(_CHUNK)
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise _TransferError(f"broke off after {done:,} bytes: {error}") from error
            if not chunk:
                break
            done += len(chunk)
            if done > expected.limit:
                raise DataError(f"{self.shown} has more than {expected.limit:,} bytes", code="size")
            file.write(chunk)
            rate = (done - first) / max(time.monotonic() - began, 1e-3)
            progress(done, total, f"{rate / 1e6:.1f} MB/s")
        file.flush()
        os.fsync(file.fileno())
        if total is not None and done < total:
            raise _TransferError(f"broke off after {done:,} of {total:,} bytes")

    def _follow(self, headers: dict[str, str]) -> http.client.HTTPResponse:
        url = self.url
        for _ in range(_MAX_REDIRECTS):
            response = self._get(url, headers)
            if response.status in (200, 206, 416):
                return response
            if response.status == 304 and "If-None-Match" in headers:
                return response
            if response.status in _REDIRECTS and (target := response.headers.get("Location")):
                url = _target(url, target)
                continue
            if response.status in (408, 425, 429) or response.status >= 500:
                raise _TransferError(f"HTTP status {response.status}")
            raise _TransferError(f"HTTP status {response.status}", again=False)
        raise _TransferError(f"redirects more than {_MAX_REDIRECTS} times", again=False)

    def _get(self, url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
        check_url(url, self.allowed)
        self.close()
        # Here and for this origin alone, so that no redirect carries a secret elsewhere.
        headers = {**headers, **self.secrets.headers_for(url)}
        parts = urlsplit(self.secrets.filled(url))
        host = canonical_host(parts.hostname or "")
        secure = parts.scheme == "https"
        port = parts.port or PORTS[parts.scheme]
        try:
            sock = self._dial(host, port, secure)
            self.connection = http.client.HTTPConnection(host, port, timeout=self.timeout_s)
            self.connection.sock = sock
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            self.connection.request("GET", quote(path, safe=_SAFE), headers=headers)
            self.response = self.connection.getresponse()
            return self.response
        except AddressRefusedError:
            raise
        except (OSError, http.client.HTTPException) as error:
            raise _TransferError(str(error) or type(error).__name__) from error
        except ValueError as error:
            # A name that no resolver takes, or a status line that no parser does.
            raise _TransferError(str(error), again=False) from error

    def _dial(self, host: str, port: int, secure: bool) -> socket.socket:
        """A connection to the first checked address that answers."""
        failure: OSError = OSError(f"{host} has no address")
        for address in resolve(host, port, self.allowed, self.served):
            try:
                sock = socket.create_connection(address, timeout=self.timeout_s)
            except OSError as error:
                failure = error
                continue
            if not secure:
                return sock
            try:
                return ssl.create_default_context().wrap_socket(sock, server_hostname=host)
            except OSError:
                sock.close()
                raise
        raise failure


def _version_file(dest: Path) -> Path:
    return dest.with_name(dest.name + ".version")


def _digest(url: str) -> str:
    return hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()


def _total(response: http.client.HTTPResponse) -> int | None:
    """Bytes of the whole file, as far as the server says."""
    if response.status == 206:
        return _as_size(response.headers.get("Content-Range", "").rpartition("/")[2])
    return _as_size(response.headers.get("Content-Length", ""))


def _as_size(value: str) -> int | None:
    """A header's number of bytes; None where it is no number or one that no file can have."""
    value = value.strip()
    is_number = value.isascii() and value.isdecimal() and len(value) <= 19
    return int(value) if is_number else None


def _target(url: str, location: str) -> str:
    """Where a redirect leads; whether it may lead there is not asked here.

    Raises:
        _TransferError: To nothing that can be an address.
    """
    try:
        target = urljoin(url, with_slashes(as_sent(location.strip())))
        parts = urlsplit(target)
        if parts.scheme in PORTS:
            canonical_host(parts.hostname or "")
            _ = parts.port  # raises where it is no port
    except ValueError as error:
        raise _TransferError(f"redirects to {location[:200]!r}: {error}", again=False) from error
    return target
