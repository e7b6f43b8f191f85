"""Where the files of a source are, how they are fetched, and what all of them say."""

from __future__ import annotations

import gzip
import hashlib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.table.entries import effect, extreme, name, refused, unordered
from tests.table.sources import (
    FILES,
    data_of,
    fill,
    part_of,
    payload,
    png,
    read,
    settings,
    with_part,
)
from tests.table.whole import said
from tests.web.sites import Reply, Site, running
from tilth.demo import site as demo_site
from tilth.errors import MissingError, TilthError
from tilth.recipe.operations import operation
from tilth.settings import acting
from tilth.store import digests
from tilth.web import fetch

HOST = ("127.0.0.1",)
# Every source that reads files, and every place of a file.
SOURCES = [f"collect.{source}" for source in FILES]
PLACES = [f"collect.{source}.{place}".rstrip(".") for source in FILES for place in FILES[source]]


def each(setting: str, of: list[str] = SOURCES, without: tuple[str, ...] = ()) -> list[str]:
    return [f"{one}.{setting}" for one in of if one not in without]


LONG = each("max_record_bytes", without=("collect.idx",))


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with running(Site()) as found:
        for source, files in FILES.items():
            for file in files.values():
                found.pages[f"/{source}/{file}"] = Reply(data_of(source, file))
                found.pages[f"/{source}/other/{file}"] = Reply(data_of(source, file, "egret"))
        yield found


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not answer is not waited for."""
    monkeypatch.delenv(fetch.MIRROR_VARIABLE, raising=False)
    monkeypatch.setattr("tilth.web.fetch.time.sleep", lambda _: None)


@effect(*each("path", PLACES))
def test_the_file_is_the_one_at_the_path(path: str, tmp_path: Path) -> None:
    source, place, _ = part_of(path)
    tree = settings(source, str(fill(source, tmp_path / "a")))
    file = FILES[source][place]
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / file).write_bytes(data_of(source, file, "egret"))
    other = with_part(tree, place, path=str(tmp_path / "b" / file))
    assert payload(read(source, tmp_path, tree)) != payload(read(source, tmp_path, other))


@name(*each("path", PLACES))
def test_a_file_that_is_not_there_is_told_by_the_plan(path: str, tmp_path: Path) -> None:
    source, place, _ = part_of(path)
    tree = settings(source, str(fill(source, tmp_path / "a")))
    file = tmp_path / "a" / FILES[source][place]
    file.rename(file.with_name(f"{file.name}z"))
    module = operation(source).module
    with pytest.raises(MissingError, match="no such file") as caught:
        module.fingerprint(module.Settings.model_validate(tree))
    if len(file.name) > 1:
        assert f"did you mean `{file.name}z`" in caught.value.hint


@effect(*each("url", PLACES))
def test_the_file_is_the_one_at_the_address(path: str, site: Site, tmp_path: Path) -> None:
    source, place, _ = part_of(path)
    tree = settings(source, f"{site.root}/{source}", "url", allow_hosts=HOST)
    url = f"{site.root}/{source}/other/{FILES[source][place]}"
    here = read(source, tmp_path / "a", tree)
    there = read(source, tmp_path / "b", with_part(tree, place, url=url))
    assert payload(here) != payload(there)


@name(*each("url", PLACES))
def test_an_address_of_nothing_is_refused(path: str, site: Site, tmp_path: Path) -> None:
    source, place, _ = part_of(path)
    tree = settings(source, f"{site.root}/{source}", "url", allow_hosts=HOST)
    with pytest.raises(MissingError, match="could not be had") as caught:
        read(source, tmp_path, with_part(tree, place, url=f"{site.root}/nowhere"))
    assert "HTTP status 404" in caught.value.where
    for wrong in ("nowhere", "ftp://a.org/x"):
        tree = with_part(tree, place, url=wrong)
        assert "only http and https are fetched" in said({"collect": {"a": {source: tree}}})


@effect(*each("headers"))
def test_headers_are_sent(
    path: str, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, _, _ = part_of(path)
    monkeypatch.setenv("TABLE_KEY", "opensesame")
    tree = settings(source, f"{site.root}/{source}", "url", allow_hosts=HOST)
    read(source, tmp_path / "a", tree)
    assert "x-key" not in site.headers[-1]
    read(source, tmp_path / "b", {**tree, "headers": {"X-Key": "${TABLE_KEY}"}})
    assert site.headers[-1]["x-key"] == "opensesame"


@unordered(*each("headers"))
def test_headers_have_no_order(path: str, site: Site, tmp_path: Path) -> None:
    source, _, _ = part_of(path)
    tree = settings(source, f"{site.root}/{source}", "url", allow_hosts=HOST)
    found, read_of = [], []
    for number, names in enumerate(("ab", "ba")):
        given = {**tree, "headers": {f"X-{one}": one for one in names}}
        found.append(read(source, tmp_path / str(number), given))
        assert {one: site.headers[-1][f"x-{one}"] for one in "ab"} == {"a": "a", "b": "b"}
        read_of.append(acting(operation(source).settings.model_validate(given)))
    assert found[0] == found[1]
    assert read_of[0] == read_of[1]


@name(*each("headers"), "collect.crawl.headers")
def test_a_secret_that_is_not_set_and_a_header_that_is_none(path: str) -> None:
    source, _, _ = part_of(path)
    tree = {"start": ["http://a.org/"]}
    if source != "crawl":
        tree = settings(source, "http://a.org", "url")
    for headers, cause in (
        ({"X-Key": "${TABLE_NO_SUCH}"}, "the secret ${TABLE_NO_SUCH} is not set"),
        ({"Host": "b.org"}, "`Host` is not a header that a source may set"),
    ):
        assert cause in said({"collect": {"a": {source: {**tree, "headers": headers}}}})


@effect(*each("mirror"))
def test_a_mirror_is_looked_into_first(path: str, site: Site, tmp_path: Path) -> None:
    source, _, _ = part_of(path)
    mirror = fill(source, tmp_path / "mirror", "egret")
    tree = settings(source, f"{site.root}/{source}", "url", allow_hosts=HOST)
    fetched = payload(read(source, tmp_path / "a", tree))
    asked = sum(site.asked.values())
    kept = payload(read(source, tmp_path / "b", {**tree, "mirror": str(mirror)}))
    assert kept != fetched
    assert sum(site.asked.values()) == asked


@name(*each("mirror"))
def test_a_mirror_that_is_not_there_is_told_by_the_plan(path: str, tmp_path: Path) -> None:
    source, _, _ = part_of(path)
    (tmp_path / "mirror").mkdir()
    tree = settings(source, "http://a.org", "url", mirror=str(tmp_path / "miror"))
    module = operation(source).module
    with pytest.raises(MissingError) as caught:
        module.fingerprint(module.Settings.model_validate(tree))
    assert "did you mean `mirror`" in caught.value.hint


@effect(*each("digest"))
def test_a_file_is_read_through_each_time(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if the files were of yesterday.
    monkeypatch.setattr(digests, "_SETTLED_NS", 0)
    source, _, _ = part_of(path)
    folder, memo = fill(source, tmp_path / "files"), tmp_path / "memo"
    near = settings(source, str(folder))
    far = settings(source, "http://a.org", "url", mirror=str(folder))
    module = operation(source).module
    for tree in (near, far):
        stat, content = (
            module.Settings.model_validate({**tree, "digest": how}) for how in ("stat", "content")
        )
        with digests.remembering(memo):
            found = module.fingerprint(stat)
        with digests.remembering(memo, read=False):
            assert module.fingerprint(stat) == found
            with pytest.raises(digests.UnreadError):
                module.fingerprint(content)
        assert module.fingerprint(content) == found


@effect(*each("serve"))
def test_a_local_site_answers_for_its_hosts(
    path: str, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def serve() -> Iterator[tuple[str, int]]:
        yield "127.0.0.1", site.port

    # A resolver may take its time to say that there is no such name.
    known = socket.getaddrinfo

    def resolve(host: str, *args: Any, **given: Any) -> Any:
        if host.endswith(".localhost"):
            raise OSError("no such name")
        return known(host, *args, **given)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    # The real one takes a second to start; `tests/demo` and the quickstart are about it.
    monkeypatch.setattr(demo_site, "serve", serve)
    source, _, _ = part_of(path)
    host = {"allow_hosts": ["a.localhost"]}
    tree = settings(source, f"http://a.localhost/{source}", "url", **host)
    assert payload(read(source, tmp_path / "a", {**tree, "serve": "demo-site"}))
    with pytest.raises(MissingError, match="could not be had"):
        read(source, tmp_path / "b", tree)


@effect(*each("allow_hosts"))
def test_a_host_here_is_asked_where_it_is_allowed(site: Site, tmp_path: Path) -> None:
    for source in FILES:
        tree = settings(source, f"{site.root}/{source}", "url")
        assert "127.0.0.1, which is not a public address" in said(
            {"collect": {"a": {source: tree}}}
        )
        # However the number is written.
        assert read(source, tmp_path / source, {**tree, "allow_hosts": ["127.1"]})


@name(*each("allow_hosts"))
def test_a_host_that_is_none_or_another_allows_nothing(path: str) -> None:
    source, _, _ = part_of(path)
    tree = settings(source, "http://127.0.0.1", "url")
    for hosts, cause in ((["a/b"], "not a host name"), (["127.0.0.2"], "list it in `allow_hosts`")):
        assert cause in said({"collect": {"a": {source: {**tree, "allow_hosts": hosts}}}})


@refused(*each("headers"), *each("mirror"), *each("serve"), *each("allow_hosts"))
def test_where_nothing_is_fetched_it_is_refused(path: str) -> None:
    source, _, setting = part_of(path)
    value = {
        "headers": {"X-Team": "a"},
        "mirror": ".",
        "serve": "demo-site",
        "allow_hosts": ["a.localhost"],
    }[setting]
    tree = {**settings(source, "here"), setting: value}
    found = said({"collect": {"a": {source: tree}}})
    assert f"`{setting}` belongs to `url`: nothing is fetched here" in found


@effect(*each("sha256", PLACES))
@name(*each("sha256", PLACES))
def test_a_file_of_another_digest_is_refused(site: Site, tmp_path: Path) -> None:
    for number, place_of in enumerate(PLACES):
        source, place, _ = part_of(f"{place_of}.sha256")
        data = data_of(source, FILES[source][place])
        tree = settings(source, f"{site.root}/{source}", "url", allow_hosts=HOST)
        right = with_part(tree, place, sha256=hashlib.sha256(data).hexdigest())
        assert read(source, tmp_path / f"{number}-right", right)
        wrong = with_part(tree, place, sha256=hashlib.sha256(b"other").hexdigest())
        with pytest.raises(TilthError, match="sha256"):
            read(source, tmp_path / f"{number}-wrong", wrong)


@effect(*each("size", PLACES))
def test_a_file_of_another_size_is_refused(path: str, site: Site, tmp_path: Path) -> None:
    source, place, _ = part_of(path)
    size = len(data_of(source, FILES[source][place]))
    tree = settings(source, f"{site.root}/{source}", "url", allow_hosts=HOST)
    assert read(source, tmp_path / "a", with_part(tree, place, size=size))
    for number in (size - 1, size + 1):
        with pytest.raises(TilthError, match="bytes"):
            read(source, tmp_path / str(number), with_part(tree, place, size=number))


@extreme(*each("size", PLACES))
def test_a_size_is_none_that_no_file_has(path: str) -> None:
    source, place, _ = part_of(path)
    tree = settings(source, "http://a.org", "url")
    for wrong in (-1, 1.5, float("nan")):
        found = said({"collect": {"a": {source: with_part(tree, place, size=wrong)}}})
        assert "size" in found
    assert not said({"collect": {"a": {source: with_part(tree, place, size=1 << 62)}}})


@refused(*each("sha256", PLACES), *each("size", PLACES))
def test_a_digest_beside_a_path(path: str, tmp_path: Path) -> None:
    source, place, setting = part_of(path)
    given = {"sha256": hashlib.sha256(b"other").hexdigest(), "size": 9999}[setting]
    tree = with_part(settings(source, str(fill(source, tmp_path))), place, **{setting: given})
    if source == "idx":
        # Of an idx file it is that of the content, wherever the file is.
        with pytest.raises(TilthError, match=r"sha256|bytes"):
            read(source, tmp_path, tree)
    else:
        assert "`sha256` and `size` belong to `url`" in said({"collect": {"a": {source: tree}}})


def test_the_digest_of_an_idx_file_is_that_of_its_content(tmp_path: Path) -> None:
    folder = fill("idx", tmp_path)
    digest = hashlib.sha256((folder / "x").read_bytes()).hexdigest()
    (folder / "x").write_bytes(gzip.compress((folder / "x").read_bytes()))
    tree = with_part(settings("idx", str(folder)), "files.images", sha256=digest)
    assert read("idx", tmp_path, tree)


@effect(*LONG)
def test_a_longer_record_is_quarantined(path: str, tmp_path: Path) -> None:
    source, _, _ = part_of(path)
    tree = settings(source, str(fill(source, tmp_path, "heron" * 60)))
    if source == "image_folder":
        (tmp_path / "a.tar").unlink()
        (tmp_path / "cat").mkdir()
        (tmp_path / "cat" / "1.png").write_bytes(png(0))
        tree = {"path": str(tmp_path)}
    assert [row["error"] for row in read(source, tmp_path, tree)] == [None]
    (row,) = read(source, tmp_path, {**tree, "max_record_bytes": 64})
    assert "`max_record_bytes` of 64" in row["error"]


@extreme(*LONG)
def test_the_bounds_of_a_record(path: str, tmp_path: Path) -> None:
    source, _, _ = part_of(path)
    tree = settings(source, str(fill(source, tmp_path)))
    for wrong in (0, 63, -1, (1 << 31) + 1, float("nan")):
        with pytest.raises(ValidationError, match="max_record_bytes"):
            operation(source).settings.model_validate({**tree, "max_record_bytes": wrong})
    (row,) = read(source, tmp_path, {**tree, "max_record_bytes": 1 << 31})
    assert row["error"] is None


@effect(*each("license"))
def test_the_rows_have_the_licence(path: str, tmp_path: Path) -> None:
    source, _, _ = part_of(path)
    tree = settings(source, str(fill(source, tmp_path)))
    assert [row.get("license") for row in read(source, tmp_path, tree)] == [None]
    (row,) = read(source, tmp_path, {**tree, "license": "CC0-1.0"})
    assert row["license"] == "CC0-1.0"
    assert "license" in said({"collect": {"a": {source: {**tree, "license": " "}}}})
