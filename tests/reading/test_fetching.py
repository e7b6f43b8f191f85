"""Settings of fetching stand where something is fetched, and are refused where nothing is."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tilth.collect import crawl, idx, parallel
from tilth.errors import MissingError
from tilth.reading import inputs
from tilth.settings import BaseSettings, acting
from tilth.web.fetch import MIRROR_VARIABLE

URL = "https://example.org/a.csv"
GIVEN: list[dict[str, Any]] = [
    {"headers": {"X-Team": "a"}},
    {"mirror": "."},
    {"serve": "demo-site", "allow_hosts": ["a.localhost"]},
    {"allow_hosts": ["a.localhost"]},
]


def pair(place: str) -> list[dict[str, Any]]:
    named = {place: URL if place == "url" else "a.csv"}
    return [{"split": "train", "images": named, "labels": named}]


def sides(place: str) -> list[dict[str, Any]]:
    named = {place: URL if place == "url" else "a.csv"}
    return [{"source": named, "target": named}]


@pytest.mark.parametrize("given", GIVEN, ids=lambda given: next(iter(given)))
@pytest.mark.parametrize(
    ("settings", "local"),
    [
        (inputs.FileSettings, {"path": "a.csv"}),
        (idx.Settings, {"files": pair("path")}),
        (idx.Settings, {"set": "mnist", "path": "here"}),
        (parallel.Settings, {"files": sides("path")}),
    ],
)
def test_where_nothing_is_fetched_they_are_refused(
    settings: type[BaseSettings], local: dict[str, Any], given: dict[str, Any]
) -> None:
    settings.model_validate(local)
    with pytest.raises(ValidationError, match=f"`{next(iter(given))}` belongs to `url`"):
        settings.model_validate({**local, **given})


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        ({}, "neither `path` nor `url`"),
        ({"url": "a.csv"}, "only http and https"),
        ({"url": "ftp://example.org/a.csv"}, "only http and https"),
        ({"url": "http://127.0.0.1/a.csv"}, "not a public address; list it in `allow_hosts`"),
        ({"url": URL, "allow_hosts": ["a/b"]}, "not a host name"),
        ({"url": URL, "serve": "demo-site", "allow_hosts": ["x.localhost"]}, "no address is at"),
        ({"url": "http://x.localhost/a", "serve": "demo-site"}, "no address is at one"),
        ({"url": URL, "serve": "demo-sight"}, "demo-site"),
        ({"url": URL, "mirror": ""}, "at least 1 character"),
    ],
)
def test_what_could_not_be_fetched_is_refused(given: dict[str, Any], cause: str) -> None:
    with pytest.raises(ValidationError, match=cause):
        inputs.FileSettings.model_validate(given)


def test_a_host_is_allowed_however_it_is_spelt() -> None:
    found = inputs.FileSettings(url="http://127.0.0.1/a.csv", allow_hosts=("127.1", "A.Localhost."))
    assert found.allow_hosts == ("127.0.0.1", "a.localhost")
    hosts = ("127.1:9", "[::1]:80", "::2", "[::3]", "b.localhost:1")
    found = inputs.FileSettings(url="http://127.0.0.1:9/a.csv", allow_hosts=hosts)
    assert found.allow_hosts == ("127.0.0.1:9", "[::1]:80", "::2", "::3", "b.localhost:1")


def test_a_host_is_allowed_at_its_port_and_no_other() -> None:
    with pytest.raises(ValidationError, match="allowed at port 8000 and not at 9"):
        inputs.FileSettings(url="http://127.0.0.1:9/a.csv", allow_hosts=("127.0.0.1:8000",))
    with pytest.raises(ValidationError, match="is no port"):
        inputs.FileSettings(url="http://127.0.0.1:9/a.csv", allow_hosts=("127.0.0.1:99999",))


def test_a_crawl_of_no_local_host_needs_no_local_site() -> None:
    with pytest.raises(ValidationError, match="no address is at one"):
        crawl.Settings(start=("http://example.org/",), serve="demo-site")


@pytest.mark.parametrize("agent", [" ", "/1.0", " bot"])
def test_a_crawler_has_a_name(agent: str) -> None:
    with pytest.raises(ValidationError, match="user_agent"):
        crawl.Settings(start=("http://example.org/",), user_agent=agent)


def test_a_mirror_that_is_not_there_is_an_error_of_the_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mirror").mkdir()
    settings = inputs.FileSettings(url=URL, mirror=str(tmp_path / "miror"))
    with pytest.raises(MissingError, match="no such file, folder or glob") as caught:
        inputs.fingerprint_files(settings, (".csv",))
    assert "did you mean `mirror`" in caught.value.hint
    monkeypatch.setenv("HOME", str(tmp_path))
    there = inputs.FileSettings(url=URL, mirror="~/mirror")
    assert inputs.fingerprint_files(there, (".csv",)) == f"'a.csv' '{URL}' {URL}"


def _known(**given: Any) -> str:
    return inputs.fingerprint_files(inputs.FileSettings(url=URL, **given), (".csv",))


def test_what_a_mirror_has_is_what_counts_wherever_the_mirror_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(MIRROR_VARIABLE, raising=False)
    address = _known()
    for name, data in (("one", b"a"), ("two", b"a"), ("three", b"b")):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub" / "a.csv").write_bytes(data)
    one, two, three = (_known(mirror=str(tmp_path / name)) for name in ("one", "two", "three"))
    assert one == two
    assert len({one, three, address}) == 3
    monkeypatch.setenv(MIRROR_VARIABLE, str(tmp_path / "three"))
    assert _known() == three
    monkeypatch.setenv(MIRROR_VARIABLE, str(tmp_path / "two"))
    assert _known() == one
    # Replaced, with the size and the time that it had.
    kept = tmp_path / "two" / "sub" / "a.csv"
    state = kept.stat()
    kept.write_bytes(b"b")
    os.utime(kept, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert _known() == three
    # A file of another size would not be taken.
    assert _known(size=9) == f"{address} 9"


def test_a_digest_is_the_content_wherever_it_comes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(MIRROR_VARIABLE, raising=False)
    (tmp_path / "a.csv").write_bytes(b"a")
    digest = hashlib.sha256(b"a").hexdigest()
    found = _known(sha256=digest)
    assert found == _known(mirror=str(tmp_path))
    assert found == _known(mirror=str(tmp_path), sha256=digest, size=1)
    assert found != _known(sha256=hashlib.sha256(b"b").hexdigest())


def test_how_it_is_had_is_no_part_of_an_identity() -> None:
    plain = inputs.FileSettings(url=URL)
    other = {
        "url": "https://example.org/b.csv",
        "headers": {"X-Team": "a"},
        "sha256": "0" * 64,
        "size": 3,
        "mirror": ".",
        "allow_hosts": ["a.localhost"],
        "digest": "content",
    }
    assert acting(inputs.FileSettings.model_validate(other)) == acting(plain)
    assert acting(inputs.FileSettings(path="a.csv")) == acting(plain)
    assert acting(plain) == {"max_record_bytes": 8 << 20, "license": None}
    for source, given in ((idx, pair), (parallel, sides)):
        one = source.Settings.model_validate({"files": given("url")})
        two = source.Settings.model_validate({"files": given("path"), "digest": "content"})
        assert acting(one) == acting(two)


def test_headers_count_where_nothing_else_says_what_is_fetched(tmp_path: Path) -> None:
    plain, one, other = (_known(headers=each) for each in ({}, {"X-Set": "a"}, {"X-Set": "b"}))
    assert len({plain, one, other}) == 3
    assert _known(headers={"x-set": "a"}) == one
    assert _known(headers={"B": "2", "A": "1"}) == _known(headers={"A": "1", "B": "2"})
    # With a digest, or a mirror that has it, what it holds is known.
    digest = "0" * 64
    assert _known(sha256=digest, headers={"X-Set": "a"}) == _known(sha256=digest)
    (tmp_path / "a.csv").write_bytes(b"a")
    mirror = str(tmp_path)
    assert _known(mirror=mirror, headers={"X-Set": "a"}) == _known(mirror=mirror)
