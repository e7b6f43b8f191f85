"""A data file comes whole or not at all, and is resumed where that is safe."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.web.sites import Reply, Site, redirect, running
from tilth.errors import DataError, MissingError, StorageError, UsageError
from tilth.web.fetch import MIRROR_VARIABLE, download, find_in_mirror

_BODY = bytes(range(256)) * 400
_SHA256 = hashlib.sha256(_BODY).hexdigest()
_BINARY = ("Content-Type", "application/octet-stream")


@pytest.fixture(autouse=True)
def _no_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MIRROR_VARIABLE, raising=False)


def _download(url: str, dest: Path, **changes: Any) -> Path:
    given: dict[str, Any] = {"allow_hosts": ("127.0.0.1",), "retry_s": 0.01, "timeout_s": 5.0}
    return download(url, dest=dest, **{**given, **changes})


def test_a_file_is_fetched_once(tmp_path: Path) -> None:
    dest = tmp_path / "new" / "data.bin"
    told: list[tuple[float, float | None, str]] = []
    with running(Site(pages={"/d/data.bin": Reply(_BODY, headers=(_BINARY,))})) as site:
        url = f"{site.root}/d/data.bin"
        for _ in range(2):
            path = _download(
                url,
                dest,
                sha256=_SHA256.upper(),
                size=len(_BODY),
                progress=lambda *given: told.append(given),
            )
            assert path == dest
    assert dest.read_bytes() == _BODY
    assert site.asked["/d/data.bin"] == 1
    assert told[-1][:2] == (len(_BODY), len(_BODY))
    assert [path.name for path in dest.parent.iterdir()] == ["data.bin"]


@pytest.mark.parametrize("place", ["data.bin", "sub/data.bin", "127.0.0.1/d/data.bin"])
@pytest.mark.parametrize("way", ["argument", "variable"])
def test_a_mirror_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, way: str
) -> None:
    mirror = tmp_path / "mirror"
    (mirror / place).parent.mkdir(parents=True)
    (mirror / place).write_bytes(_BODY)
    if way == "variable":
        monkeypatch.setenv(MIRROR_VARIABLE, str(mirror))
    path = _download(
        "http://127.0.0.1:1/d/data.bin",
        tmp_path / "dest",
        sha256=_SHA256,
        mirror=mirror if way == "argument" else None,
    )
    assert path == mirror / place


def test_a_wrong_file_in_a_mirror_is_passed_over_and_told(tmp_path: Path) -> None:
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "data.bin").write_bytes(b"another")
    with pytest.raises(MissingError, match=r"data\.bin could not be had") as caught:
        _download(
            "http://127.0.0.1:1/data.bin",
            tmp_path / "dest",
            sha256=_SHA256,
            mirror=tmp_path / "mirror",
        )
    assert "sha256" in caught.value.where
    assert "http://127.0.0.1:1/data.bin" in caught.value.where
    assert MIRROR_VARIABLE in caught.value.hint


def test_a_path_does_not_leave_the_mirror(tmp_path: Path) -> None:
    (tmp_path / "mirror").mkdir()
    (tmp_path / "secret").write_bytes(b"x")
    with pytest.raises(MissingError):
        _download(
            "http://127.0.0.1:1/%2e%2e/%2e%2e/secret",
            tmp_path / "dest",
            mirror=tmp_path / "mirror",
        )


class _Ranged:
    """A file that honours ranges and drops the first connection half way."""

    def __init__(self, body: bytes, etag: str = "") -> None:
        self.site = Site()
        self.body = body
        self.etag = etag
        self.site.pages = {"/data.bin": self.answer}

    def answer(self, count: int) -> Reply:
        headers: tuple[tuple[str, str], ...] = (_BINARY,)
        if self.etag:
            headers += (("ETag", self.etag),)
        asked = self.site.headers[-1]
        wanted = asked.get("range")
        if wanted is None or asked.get("if-range", self.etag) != self.etag:
            return Reply(self.body, headers=headers, cut=50_000 if count == 1 else None)
        first = int(wanted.removeprefix("bytes=").rstrip("-"))
        whole = f"bytes {first}-{len(self.body) - 1}/{len(self.body)}"
        return Reply(self.body[first:], 206, (*headers, ("Content-Range", whole)))


@pytest.mark.parametrize(
    ("sha256", "etag", "resumed"),
    [(_SHA256, "", True), (None, '"v1"', True), (None, 'W/"v1"', False), (None, "", False)],
)
def test_a_broken_transfer_is_resumed_where_safe(
    tmp_path: Path, sha256: str | None, etag: str, resumed: bool
) -> None:
    ranged = _Ranged(_BODY, etag)
    with running(ranged.site) as site:
        path = _download(f"{site.root}/data.bin", tmp_path / "data.bin", sha256=sha256)
    assert path.read_bytes() == _BODY
    assert ("range" in site.headers[-1]) == resumed
    assert site.asked["/data.bin"] == 2


def _begun(dest: Path, url: str, part: bytes, **said: Any) -> None:
    """As a killed download leaves it."""
    dest.with_name(f"{dest.name}.partial").write_bytes(part)
    address = hashlib.sha256(url.encode()).hexdigest()
    version = {"address": address, "etag": "", "modified": "", "size": None, **said}
    dest.with_name(f"{dest.name}.version").write_text(json.dumps(version))


def test_what_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    with running(_Ranged(_BODY, '"v1"').site) as site:
        url = f"{site.root}/data.bin"
        _begun(tmp_path / "data.bin", url, _BODY[:60_000], etag='"v1"')
        assert _download(url, tmp_path / "data.bin").read_bytes() == _BODY
    assert [one.get("range") for one in site.headers] == ["bytes=60000-"]


@pytest.mark.parametrize("sha256", [None, _SHA256])
@pytest.mark.parametrize("left", ["of another address", "of nobody knows what"])
def test_a_killed_download_goes_on_only_in_what_it_began(
    tmp_path: Path, sha256: str | None, left: str
) -> None:
    dest = tmp_path / "data.bin"
    with running(_Ranged(_BODY, '"v1"').site) as site:
        _begun(dest, f"{site.root}/other/data.bin", b"?" * 50, etag='"v1"', size=len(_BODY))
        if left == "of nobody knows what":
            (tmp_path / "data.bin.version").write_text("damaged")
        assert _download(f"{site.root}/data.bin", dest, sha256=sha256).read_bytes() == _BODY
    # Not one byte of it was taken for a part.
    assert "range" not in site.headers[0]


@pytest.mark.parametrize(
    ("said", "goes_on"),
    [
        ({}, True),
        ({"size": len(_BODY), "modified": "Mon, 02 Feb 2026 00:00:00 GMT"}, True),
        ({"size": 99}, False),
        ({"modified": "Sun, 01 Feb 2026 00:00:00 GMT"}, False),
        ({"etag": '"v0"'}, False),
    ],
)
def test_by_its_digest_it_goes_on_unless_the_server_says_that_it_is_another(
    tmp_path: Path, said: dict[str, Any], goes_on: bool
) -> None:
    def answer(count: int) -> Reply:
        start = int(site.headers[-1].get("range", "bytes=0-")[6:-1])
        whole = f"bytes {start}-{len(_BODY) - 1}/{len(_BODY)}"
        told = (
            *(("Content-Range", whole), ("ETag", '"v1"')),
            ("Last-Modified", "Mon, 02 Feb 2026 00:00:00 GMT"),
        )
        return Reply(_BODY[start:], 206 if start else 200, (_BINARY, *told))

    with running(Site(pages={"/data.bin": answer})) as site:
        url = f"{site.root}/data.bin"
        _begun(tmp_path / "data.bin", url, _BODY[:1000], **said)
        path = _download(url, tmp_path / "data.bin", sha256=_SHA256)
    assert path.read_bytes() == _BODY
    assert site.asked["/data.bin"] == (1 if goes_on else 2)
    assert [path.name for path in tmp_path.iterdir()] == ["data.bin"]


def _versioned(versions: dict[int, tuple[bytes, str]], asked: Site) -> Reply:
    """What a server answers that knows its versions: from request n on the one of that number."""
    count = asked.asked["/data.bin"]
    body, etag = versions[max(number for number in versions if number <= count)]
    headers = (_BINARY, *((("ETag", etag),) if etag else ()))
    if etag and asked.headers[-1].get("if-none-match") == etag:
        return Reply(b"", 304, headers)
    return Reply(body, headers=headers)


@pytest.mark.parametrize("etag", ['"v1"', 'W/"v1"', ""])
def test_what_is_here_is_taken_where_the_server_says_that_it_is_the_same(
    tmp_path: Path, etag: str
) -> None:
    site = Site(pages={"/data.bin": lambda _: _versioned({1: (_BODY, etag)}, site)})
    with running(site):
        for _ in range(2):
            path = _download(f"{site.root}/data.bin", tmp_path / "data.bin")
            assert path.read_bytes() == _BODY
    assert site.asked["/data.bin"] == 2
    # A weak one, or none, vouches for no byte: it was fetched again.
    assert ("if-none-match" in site.headers[-1]) == (etag == '"v1"')


@pytest.mark.parametrize("etags", [('"v1"', '"v2"'), ("", ""), ('"v1"', "")])
@pytest.mark.parametrize("size", [None, 7])
def test_what_is_here_is_not_taken_where_the_address_gives_another(
    tmp_path: Path, etags: tuple[str, str], size: int | None
) -> None:
    versions = {1: (b"the old", etags[0]), 2: (b"the new", etags[1])}
    site = Site(pages={"/data.bin": lambda _: _versioned(versions, site)})
    with running(site):
        url = f"{site.root}/data.bin"
        assert _download(url, tmp_path / "data.bin", size=size).read_bytes() == b"the old"
        assert _download(url, tmp_path / "data.bin", size=size).read_bytes() == b"the new"
        assert site.asked["/data.bin"] == 2


def test_what_is_here_of_another_address_is_not_taken(tmp_path: Path) -> None:
    pages = {path: Reply(path.encode(), headers=(("ETag", '"v1"'),)) for path in ("/a", "/b")}
    with running(Site(pages=dict(pages))) as site:
        for path in ("/a", "/b"):
            found = _download(site.root + path, tmp_path / "data.bin")
            assert found.read_bytes() == path.encode()


def test_of_another_version_nothing_is_left_to_be_taken_for_it(tmp_path: Path) -> None:
    """A kill while the new one is fetched must not leave the old one under its name."""
    dest = tmp_path / "data.bin"
    cut = Reply(_BODY, headers=(("ETag", '"v2"'),), cut=50_000)
    pages = {"/data.bin": lambda count: Reply(b"old", headers=(("ETag", '"v1"'),))}
    with running(Site(pages=dict(pages))) as site:
        _download(f"{site.root}/data.bin", dest)
        site.pages["/data.bin"] = cut
        with pytest.raises(MissingError):
            _download(f"{site.root}/data.bin", dest)
        assert not dest.exists()
        site.pages["/data.bin"] = Reply(b"", 304)
        with pytest.raises(MissingError, match="could not be had"):
            _download(f"{site.root}/data.bin", dest)


def test_a_file_in_the_mirror_goes_before_one_that_was_fetched(tmp_path: Path) -> None:
    mirror, dest = tmp_path / "mirror", tmp_path / "work" / "data.bin"
    mirror.mkdir()
    with running(Site(pages={"/data.bin": Reply(b"fetched")})) as site:
        url = f"{site.root}/data.bin"
        assert _download(url, dest, mirror=mirror).read_bytes() == b"fetched"
        assert find_in_mirror(url, mirror=mirror) is None
        (mirror / "data.bin").write_bytes(b"kept")
        assert _download(url, dest, mirror=mirror) == mirror / "data.bin"
        assert find_in_mirror(url, size=4, mirror=mirror) == mirror / "data.bin"
        assert find_in_mirror(url, size=5, mirror=mirror) is None


def test_a_file_that_changed_meanwhile_is_fetched_anew(tmp_path: Path) -> None:
    ranged = _Ranged(_BODY, '"v2"')
    with running(ranged.site) as site:
        url = f"{site.root}/data.bin"
        _begun(tmp_path / "data.bin", url, b"of version one", etag='"v1"')
        path = _download(url, tmp_path / "data.bin")
    assert path.read_bytes() == _BODY
    assert site.headers[0]["if-range"] == '"v1"'


def test_a_partial_file_of_something_else_is_done_away_with(tmp_path: Path) -> None:
    (tmp_path / "data.bin.partial").write_bytes(b"of another file")
    with running(_Ranged(_BODY).site) as site:
        path = _download(f"{site.root}/data.bin", tmp_path / "data.bin", sha256=_SHA256)
    assert path.read_bytes() == _BODY


def test_another_file_than_expected_is_refused(tmp_path: Path) -> None:
    with running(Site(pages={"/data.bin": Reply(_BODY)})) as site:
        with pytest.raises(DataError, match="sha256"):
            _download(f"{site.root}/data.bin", tmp_path / "a", sha256="0" * 64)
        with pytest.raises(DataError, match="bytes"):
            _download(f"{site.root}/data.bin", tmp_path / "b", size=5)
        with pytest.raises(DataError, match="bytes"):
            _download(f"{site.root}/data.bin", tmp_path / "c", max_bytes=5)
    assert not any((tmp_path / name).exists() for name in "abc")


def test_server_errors_are_tried_again_and_others_not(tmp_path: Path) -> None:
    good = Reply(_BODY)
    pages = {"/flaky": lambda count: good if count == 2 else Reply(status=503)}
    with running(Site(pages=dict(pages))) as site:
        assert _download(f"{site.root}/flaky", tmp_path / "a").read_bytes() == _BODY
        with pytest.raises(MissingError) as caught:
            _download(f"{site.root}/gone", tmp_path / "b")
    assert "HTTP status 404" in caught.value.where
    assert site.asked["/gone"] == 1


def test_redirects_are_followed_and_checked(tmp_path: Path) -> None:
    pages = {
        "/a": redirect("/b"),
        "/b": Reply(_BODY),
        "/private": redirect("http://localhost/secret"),
        "/file": redirect("file:///etc/passwd"),
        "/loop": redirect("/loop"),
    }
    with running(Site(pages=dict(pages))) as site:
        assert _download(f"{site.root}/a", tmp_path / "a").read_bytes() == _BODY
        for path in ("/private", "/file"):
            with pytest.raises(UsageError, match="may not be fetched"):
                _download(site.root + path, tmp_path / "b")
        with pytest.raises(MissingError) as caught:
            _download(f"{site.root}/loop", tmp_path / "c")
    assert "redirects more than" in caught.value.where


@pytest.mark.parametrize("url", ["http://127.0.0.1/x", "http://localhost/x", "ftp://a.b/x", "x"])
def test_private_addresses_and_other_schemes_are_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError, match="may not be fetched") as caught:
        _download(url, tmp_path / "x", allow_hosts=())
    assert "allow_hosts" in caught.value.hint


def test_an_unwritable_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StorageError):
        _download("http://127.0.0.1:1/x", tmp_path / "file" / "x")


def test_a_packed_file_in_the_mirror_is_unpacked(tmp_path: Path) -> None:
    content = b"1,one\n" * 1000
    folder = tmp_path / "mirror" / "some-set"
    folder.mkdir(parents=True)
    (folder / "rows.csv.gz").write_bytes(gzip.compress(b"other"))
    (tmp_path / "mirror" / "rows.csv.gz").write_bytes(b"not gzip at all")
    wanted: dict[str, Any] = {
        "dest": tmp_path / "work" / "rows.csv",
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
        "mirror": tmp_path / "mirror",
    }
    url = "http://nowhere.invalid/rows.csv"
    with pytest.raises(MissingError, match="could not be had") as raised:
        download(url, **wanted, retry_s=0.0)
    assert "some-set/rows.csv.gz (5 bytes instead of 6,000)" in str(raised.value.where)
    assert "mirror/rows.csv.gz (cut off or damaged: Not a gzipped" in str(raised.value.where)
    (folder / "rows.csv.gz").write_bytes(gzip.compress(content))
    found = download(url, **wanted)
    assert found == wanted["dest"]
    assert found.read_bytes() == content
    assert [path.name for path in found.parent.iterdir()] == ["rows.csv"]
