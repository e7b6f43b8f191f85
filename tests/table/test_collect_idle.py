"""What lies outside, and how it is had: no setting of it counts, but what is read.

That counts by the fingerprint: equal where the rows are equal, and another with another content.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.collect.test_audio import wav
from tests.table.entries import idle
from tests.table.sources import (
    FILES,
    Tree,
    data_of,
    fill,
    part_of,
    payload,
    png,
    read,
    settings,
    with_part,
)
from tests.table.test_collect_files import PLACES, each
from tests.table.test_order import made_of
from tests.table.trainings import pretrain, settings_of
from tests.web.proxies import Proxy, proxying
from tests.web.sites import Reply, Site, running
from tilth.collect import idx
from tilth.demo import site as demo_site
from tilth.errors import DataError, TilthError
from tilth.pretrain import fit
from tilth.pretrain.settings import Settings
from tilth.recipe.operations import operation
from tilth.settings import acting
from tilth.web import fetch

HOST = ("127.0.0.1",)


class Known(NamedTuple):
    """What a step of a source is known by, and its rows."""

    acting: Any
    outside: str
    rows: list[dict[str, Any]]


def known(source: str, work: Path, tree: Tree) -> Known:
    """Of the source with these settings, which has nothing from before."""
    folder = next(path for n in itertools.count() if not (path := work / f"work-{n}").exists())
    return Known(*names(source, tree), read(source, folder, tree))


def names(source: str, tree: Tree) -> tuple[Any, str]:
    """What acts, and the fingerprint."""
    module = operation(source).module
    given = module.Settings.model_validate(tree)
    return acting(given), module.fingerprint(given)


def are_one(first: Known, *others: Known) -> None:
    assert first.rows
    for other in others:
        assert other == first


def are_told_apart(one: Known, other: Known) -> None:
    """By the fingerprint alone."""
    assert one.acting == other.acting
    assert one.outside != other.outside
    assert payload(one.rows) != payload(other.rows)


def sha256_of(source: str, place: str, word: str = "heron") -> str:
    return hashlib.sha256(data_of(source, FILES[source][place], word)).hexdigest()


def with_other(source: str, place: str, folder: Path) -> Path:
    """The files of a source, of which one holds something else."""
    file = FILES[source][place]
    (fill(source, folder) / file).write_bytes(data_of(source, file, "egret"))
    return folder


@pytest.fixture(autouse=True)
def no_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(fetch.MIRROR_VARIABLE, raising=False)


@pytest.fixture(scope="module")
def web() -> Iterator[Site]:
    """A site with every file, the same to whoever shows a token, and another beside."""
    with running(Site()) as found:
        for source, files in FILES.items():
            for file in files.values():
                here = Reply(data_of(source, file))
                for token in ("", "?token=one", "?token=two"):
                    found.pages[f"/{source}/{file}{token}"] = here
                found.pages[f"/{source}/other/{file}"] = Reply(data_of(source, file, "egret"))
        yield found


@pytest.fixture
def resolved(web: Site, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Hosts under .localhost that were looked up: the site answers for them, as the one does that
    is started."""
    found: list[str] = []
    resolve = socket.getaddrinfo

    def local(host: Any, *args: Any, **given: Any) -> Any:
        if str(host).endswith(".localhost"):
            found.append(host)
            host = web.root.split("/")[2].split(":")[0]
        return resolve(host, *args, **given)

    @contextmanager
    def serve() -> Iterator[tuple[str, int]]:
        yield "127.0.0.1", web.port

    monkeypatch.setattr(socket, "getaddrinfo", local)
    # The real one takes a second to start.
    monkeypatch.setattr(demo_site, "serve", serve)
    return found


@idle(*each("path", PLACES))
def test_a_file_is_known_by_what_it_holds(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, place, _ = part_of(path)
    file = FILES[source][place]
    for folder in ("here", "moved"):
        fill(source, tmp_path / folder / "a")
    with_other(source, place, tmp_path / "other" / "a")
    tree = settings(source, "a")

    def at(folder: str, tree: Tree) -> Known:
        monkeypatch.chdir(tmp_path / folder)
        return known(source, tmp_path, tree)

    here = at("here", tree)
    are_one(here, at("moved", tree), at("here", with_part(tree, place, path=f"./a//{file}")))
    are_told_apart(here, at("other", tree))
    # The place is in the rows as they name it, and so in the fingerprint.
    away = at("here", with_part(tree, place, path=str(tmp_path / "moved" / "a" / file)))
    assert away.acting == here.acting
    assert away.outside != here.outside
    assert payload(away.rows) == payload(here.rows)


@idle("collect.idx.path")
def test_a_known_set_is_known_by_what_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = {
        name: {"url": f"http://a.org/{file}", "sha256": sha256_of("idx", f"files.{name}")}
        for name, file in (("images", "x"), ("labels", "y"))
    }
    small = {"about": "small", "license": "CC0-1.0", "files": [{"split": "train", **parts}]}
    found = idx._Known.model_validate(small)
    monkeypatch.setattr(idx, "_known", lambda _: found)
    for folder in ("here", "moved"):
        fill("idx", tmp_path / folder / "a")
    with_other("idx", "files.images", tmp_path / "other" / "a")
    met = []
    for folder, way in (("here", "a"), ("here", "./a/"), ("moved", "a")):
        monkeypatch.chdir(tmp_path / folder)
        met.append(known("idx", tmp_path, {"set": "mnist", "path": way}))
    are_one(*met)
    monkeypatch.chdir(tmp_path / "other")
    tree = {"set": "mnist", "path": "a"}
    assert names("idx", tree)[0] == met[0].acting
    assert names("idx", tree)[1] != met[0].outside
    with pytest.raises(DataError, match="sha256"):
        read("idx", tmp_path, tree)


@idle(*each("url", PLACES))
def test_an_address_is_known_by_what_it_gives_where_that_is_said(
    path: str, web: Site, tmp_path: Path
) -> None:
    source, place, _ = part_of(path)
    file = FILES[source][place]
    tree = settings(source, f"{web.root}/{source}", "url", allow_hosts=HOST)
    right = {"sha256": sha256_of(source, place)}
    # A token is in no row.
    ways = [
        with_part(tree, place, url=f"{web.root}/{source}/{file}?token={one}", **right)
        for one in ("one", "two")
    ]
    are_one(*(known(source, tmp_path, way) for way in ways))
    elsewhere = {"url": f"{web.root}/{source}/other/{file}"}
    for given in ({}, right):
        here = known(source, tmp_path, with_part(tree, place, **given))
        if given:
            elsewhere["sha256"] = sha256_of(source, place, "egret")
        are_told_apart(here, known(source, tmp_path, with_part(tree, place, **elsewhere)))


@idle(*each("headers"))
def test_headers_count_where_nothing_else_says_what_is_fetched(
    path: str, web: Site, tmp_path: Path
) -> None:
    source, _, _ = part_of(path)
    tree = settings(source, f"{web.root}/{source}", "url", allow_hosts=HOST)
    said = tree
    for place in FILES[source]:
        said = with_part(said, place, sha256=sha256_of(source, place))
    given: list[Tree] = [{}, {"X-Team": "a"}, {"X-Team": "b", "X-Other": "c"}]
    are_one(*(known(source, tmp_path, {**said, "headers": one}) for one in given))
    found = [names(source, {**tree, "headers": one}) for one in given]
    assert [one[0] for one in found] == [found[0][0]] * 3
    assert len({one[1] for one in found}) == 3


@idle(*each("mirror"))
def test_a_mirror_is_known_by_what_it_holds(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, _, _ = part_of(path)
    fill(source, tmp_path / "here" / "m")
    fill(source, tmp_path / "moved" / "m")
    fill(source, tmp_path / "other" / "m", "egret")
    tree = settings(source, f"http://a.org/{source}", "url")

    def at(folder: str, mirror: str) -> Known:
        monkeypatch.chdir(tmp_path / folder)
        return known(source, tmp_path, {**tree, "mirror": mirror})

    here = at("here", "m")
    are_one(here, at("here", "./m/"), at("moved", "m"), at("here", str(tmp_path / "moved" / "m")))
    are_told_apart(here, at("other", "m"))


@idle(*each("sha256", PLACES), *each("size", PLACES))
def test_what_a_file_should_be_is_what_it_is(path: str, web: Site, tmp_path: Path) -> None:
    source, place, setting = part_of(path)
    data = data_of(source, FILES[source][place])
    right, wrong = (
        (len(data), len(data) + 1)
        if setting == "size"
        else (sha256_of(source, place), sha256_of(source, place, "egret"))
    )
    tree = settings(source, f"{web.root}/{source}", "url", allow_hosts=HOST)
    mirrored = {**tree, "mirror": str(fill(source, tmp_path / "mirror"))}
    # Of a file that lies here it says what is known anyway.
    are_one(
        known(source, tmp_path, mirrored),
        known(source, tmp_path, with_part(mirrored, place, **{setting: right})),
    )
    # Of one that is still to be fetched it says more than was known.
    plain = known(source, tmp_path, tree)
    said = known(source, tmp_path, with_part(tree, place, **{setting: right}))
    assert (plain.acting, plain.rows) == (said.acting, said.rows)
    assert plain.outside != said.outside
    other = with_part(tree, place, **{setting: wrong})
    assert names(source, other)[0] == said.acting
    assert names(source, other)[1] != said.outside
    with pytest.raises(TilthError):
        read(source, tmp_path / "wrong", other)


@idle("collect.audio.transcripts")
def test_transcripts_are_known_by_what_they_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, text in (("here", "one"), ("moved", "one"), ("other", "two")):
        (tmp_path / folder / "a").mkdir(parents=True)
        (tmp_path / folder / "a" / "1.wav").write_bytes(wav())
        (tmp_path / folder / "t.tsv").write_text(f"1\t{text}\n")

    def at(folder: str, transcripts: str) -> Known:
        monkeypatch.chdir(tmp_path / folder)
        return known("audio", tmp_path, {"path": "a", "transcripts": transcripts})

    here = at("here", "t.tsv")
    are_one(here, at("here", ".//t.tsv"), at("moved", "t.tsv"))
    are_told_apart(here, at("other", "t.tsv"))
    away = at("here", str(tmp_path / "moved" / "t.tsv"))
    assert (away.acting, away.rows) == (here.acting, here.rows)


@idle("collect.label_studio.images")
def test_pictures_are_known_by_what_they_hold(tmp_path: Path) -> None:
    task = {"id": 1, "data": {"image": "p.png"}, "annotations": []}
    (tmp_path / "a.json").write_text(json.dumps([task]))
    for folder, shade in (("here", 1), ("moved", 1), ("other", 2)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "p.png").write_bytes(png(shade))

    def of(images: str) -> Known:
        tree = {"path": str(tmp_path / "a.json"), "images": images}
        return known("label_studio", tmp_path, tree)

    here = of(f"{tmp_path}/here")
    are_one(here, of(f"{tmp_path}/./here/"), of(f"{tmp_path}/moved"))
    are_told_apart(here, of(f"{tmp_path}/other"))


WAYS: dict[str, list[Any]] = {
    "allow_hosts": [["127.1"], [*HOST, "b.org"]],
    "digest": ["content"],
}


@idle(*[path for setting in WAYS for path in each(setting)])
def test_how_a_file_is_had_says_nothing(path: str, web: Site, tmp_path: Path) -> None:
    source, _, setting = part_of(path)
    tree = settings(source, f"{web.root}/{source}", "url", allow_hosts=HOST)
    trees = [tree, *({**tree, setting: one} for one in WAYS[setting])]
    are_one(*(known(source, tmp_path, one) for one in trees))


@idle("collect.audio.digest", "collect.label_studio.digest")
def test_how_files_beside_are_known_again_says_nothing(path: str, tmp_path: Path) -> None:
    source, _, setting = part_of(path)
    tree = settings(source, str(fill(source, tmp_path / "a")))
    if source == "audio":
        (tmp_path / "t.tsv").write_text("1_ann\tone\n")
        tree["transcripts"] = str(tmp_path / "t.tsv")
    else:
        (tmp_path / "p.png").write_bytes(png())
        task = {"id": 1, "data": {"image": "p.png"}, "annotations": []}
        (tmp_path / "a" / "a.json").write_text(json.dumps([task]))
        tree["images"] = str(tmp_path)
    are_one(known(source, tmp_path, tree), known(source, tmp_path, {**tree, setting: "content"}))


@idle(*each("serve"))
def test_who_answers_for_a_local_host_says_nothing(
    path: str, web: Site, resolved: list[str], tmp_path: Path
) -> None:
    source, _, _ = part_of(path)
    there = f"http://a.localhost:{web.port}/{source}"
    tree = settings(source, there, "url", allow_hosts=["a.localhost"])
    served = known(source, tmp_path, {**tree, "serve": "demo-site"})
    assert not resolved
    are_one(served, known(source, tmp_path, tree))
    assert resolved


def crawl_of(start: str, **given: Any) -> Tree:
    tree: Tree = {"start": [start], "allow_hosts": ["127.0.0.1", "a.localhost"], "sitemaps": False}
    return {**tree, "delay_s": 0, "retries": 1, "retry_s": 0, "timeout_s": 5, **given}


@idle("collect.crawl.serve")
def test_who_answers_for_a_local_site_says_nothing(
    web: Site, resolved: list[str], tmp_path: Path
) -> None:
    web.html("/site/", "/site/1")
    web.html("/site/1")
    tree = crawl_of(f"http://a.localhost:{web.port}/site/")
    served = known("crawl", tmp_path, {**tree, "serve": "demo-site"})
    assert not resolved
    are_one(served, known("crawl", tmp_path, tree))
    assert resolved


CRAWLED: dict[str, list[Any]] = {
    "timeout_s": [2, 50],
    "concurrency": [1, 2],
    "connections_per_host": [2, 3],
    "delay_s": [0.001, 0.01],
    "retries": [2, 3],
    "retry_s": [0.001, 0.01],
}


@idle(*[f"collect.crawl.{setting}" for setting in CRAWLED])
def test_how_fast_and_how_patiently_a_site_is_crawled_says_nothing(
    path: str, tmp_path: Path
) -> None:
    """Of a site that answers within the patience that each of them has."""
    source, _, setting = part_of(path)
    with running(Site()) as site:
        site.html("/", "/1", "/2", "/late")
        site.html("/1", "/3")
        site.html("/2", "/1", "/3")
        site.html("/3")
        late = Reply(b"<p>at last")
        site.pages["/late"] = lambda count: Reply(status=503) if count % 2 else late
        tree = crawl_of(f"{site.root}/")
        trees = [tree, *({**tree, setting: one} for one in CRAWLED[setting])]
        are_one(*(known(source, tmp_path, one) for one in trees))
        # What was fetched is not asked for again.
        asked = site.asked.total()
        assert read(source, tmp_path / "work-0", trees[-1])
        assert site.asked.total() == asked


@idle("collect.crawl.proxy")
def test_who_asks_the_site_for_a_crawl_says_nothing(tmp_path: Path) -> None:
    with running(Site()) as site, proxying(Proxy()) as proxy:
        site.html("/", "/1")
        site.html("/1")
        tree = crawl_of(f"{site.root}/")
        there = known("crawl", tmp_path, {**tree, "proxy": proxy.url})
        assert proxy.asked
        are_one(there, known("crawl", tmp_path, tree))


@idle("pretrain.initialise")
def test_what_a_training_starts_from_is_known_by_what_it_holds(tmp_path: Path) -> None:
    short: Tree = {"loop": {"max_steps": 1}}
    for name, seed in (("here", 1), ("moved", 1), ("other", 2)):
        shutil.copytree(pretrain(seed=seed, **short).folder, tmp_path / name)
    found = []
    for name in ("here", "moved", "other"):
        given = {"initialise": str(tmp_path / name), **short}
        stage = Settings.model_validate(settings_of("image-classification", **given))
        made = made_of(pretrain("image-classification", **given))
        found.append((acting(stage), fit.fingerprint(stage), made))
    here, moved, other = found
    assert here == moved
    assert here[0] == other[0]
    assert here[1] != other[1]
    assert here[2] != other[2]
