"""Data sets in known layouts: of the hub, shards of WebDataset, Moses and TMX."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.collect.archives import tar, zip_
from tests.collect.test_audio import wav
from tests.table.entries import effect, extreme, idle, name, unordered
from tests.table.sources import png, read
from tests.table.whole import said
from tests.web.sites import Reply, Site, running
from tilth.collect import hub
from tilth.errors import DataError, MissingError, TilthError
from tilth.settings import acting

COMMIT, OTHER = "a" * 40, "b" * 40
CARD = """---
configs:
- {config_name: default, data_files: [{split: train, path: a.jsonl}, {split: rest, path: b.jsonl}]}
- {config_name: more, data_files: c.jsonl}
---
"""
FILES = {
    "README.md": CARD,
    **{f"{one}.jsonl": f'{{"text": "of {one}", "n": 1}}\n' for one in "abc"},
}
SPLITS = {"rest": "test", "train": "train"}
HAD = ("headers", "endpoint", "allow_hosts", "digest", "revision")


def folder(work: Path, **changed: str) -> Path:
    place = work / "ds"
    place.mkdir(parents=True, exist_ok=True)
    for file, text in FILES.items():
        (place / file).write_text(changed.get(file[0], text))
    return place


def texts(work: Path, limit: int | None = None, **given: Any) -> list[Any]:
    given = {"splits": SPLITS, **given}
    return [row["text"] for row in read("hub", work / "work", given, limit)]


def wrong(**given: Any) -> str:
    return said({"collect": {"a": {"hub": given}}})


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A hub with two data sets, each of two commits."""
    for one in ("HF_TOKEN", "HF_ENDPOINT", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(one, raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("tilth.web.fetch.time.sleep", lambda _: None)
    with running(Site()) as found:
        for owner in ("me", "you"):
            for commit in (COMMIT, OTHER):
                base = f"/datasets/{owner}/ds/resolve/{commit}"
                listed = []
                for file, text in FILES.items():
                    data = text.replace("of a", f"of {owner} {commit[0]}").encode()
                    listed.append({"rfilename": file, "size": len(data)})
                    found.pages[f"{base}/{file}"] = Reply(data)
                info = Reply(json.dumps({"sha": commit, "siblings": listed}).encode())
                names = ("main", commit) if commit == COMMIT else (commit,)
                for revision in names:
                    page = f"/api/datasets/{owner}/ds/revision/{revision}?blobs=true"
                    found.pages[page] = info
        yield found


def remote(site: Site, **given: Any) -> dict[str, Any]:
    return {"name": "me/ds", "endpoint": site.root, "allow_hosts": ["127.0.0.1"], **given}


def afresh(monkeypatch: pytest.MonkeyPatch, work: Path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(work))


@effect("collect.hub.path", "collect.hub.config", "collect.hub.splits")
@name("collect.hub.path", "collect.hub.config", "collect.hub.splits")
def test_a_folder_and_what_of_it(tmp_path: Path) -> None:
    place = str(folder(tmp_path))
    assert texts(tmp_path, path=place) == ["of a", "of b"]
    assert texts(tmp_path, path=place, config="more", splits={}) == ["of c"]
    rows = read("hub", tmp_path, {"path": place, "splits": SPLITS})
    assert [row["split"] for row in rows] == ["train", "test"]
    with pytest.raises(DataError, match="did you mean `more`"):
        texts(tmp_path, path=place, config="moer")
    with pytest.raises(DataError, match="did you mean `rest`"):
        texts(tmp_path, path=place, splits={"rset": "test"})
    with pytest.raises(MissingError, match="did you mean `ds`"):
        texts(tmp_path, path=str(tmp_path / "dss"))
    assert "train" in wrong(path="x", splits={"rest": "trian"})


@effect("collect.hub.split")
@name("collect.hub.split")
def test_the_splits_that_are_read(tmp_path: Path) -> None:
    place = str(folder(tmp_path))
    assert texts(tmp_path, path=place, split="rest") == ["of b"]
    assert texts(tmp_path, path=place, split=["rest", "train"]) == ["of a", "of b"]
    one, listed = (hub.Settings(path="x", split=given) for given in ("rest", ("rest",)))
    assert acting(one) == acting(listed)
    with pytest.raises(DataError, match="did you mean `rest`"):
        texts(tmp_path, path=place, split="rets")


@unordered("collect.hub.splits")
def test_splits_have_no_order(tmp_path: Path) -> None:
    place = str(folder(tmp_path))
    turned = dict(reversed(SPLITS.items()))
    rows = [read("hub", tmp_path, {"path": place, "splits": one}) for one in (SPLITS, turned)]
    assert rows[0] == rows[1]
    settings = [hub.Settings.model_validate({"path": "x", "splits": s}) for s in (SPLITS, turned)]
    assert acting(settings[0]) == acting(settings[1])


@idle("collect.hub.path")
def test_a_folder_is_known_by_what_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def known(path: str) -> tuple[Any, str]:
        settings = hub.Settings.model_validate({"path": path, "splits": SPLITS})
        return acting(settings), hub.fingerprint(settings)

    for one in ("here", "there"):
        folder(tmp_path / one)
    monkeypatch.chdir(tmp_path / "here")
    first = known("ds")
    monkeypatch.chdir(tmp_path / "there")
    assert known("./ds/") == first
    folder(tmp_path / "there", a='{"text": "other"}\n')
    assert known("ds")[0] == first[0]
    assert known("ds")[1] != first[1]


@effect("collect.hub.name", "collect.hub.revision", "collect.hub.endpoint")
def test_a_name_and_its_revision(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert texts(tmp_path, **remote(site))[0] == "of me a"
    assert texts(tmp_path, **remote(site, name="you/ds"))[0] == "of you a"
    assert texts(tmp_path, **remote(site, revision=OTHER))[0] == "of me b"
    prints = {
        hub.fingerprint(hub.Settings.model_validate(remote(site, **one)))
        for one in ({}, {"revision": COMMIT}, {"revision": OTHER}, {"name": "you/ds"})
    }
    assert len(prints) == 3


@name("collect.hub.name", "collect.hub.revision", "collect.hub.endpoint")
def test_what_no_hub_has(site: Site, tmp_path: Path) -> None:
    for given in ({"name": "me/other"}, {"revision": "v9"}, {"endpoint": f"{site.root}/x"}):
        with pytest.raises(MissingError, match="404"):
            texts(tmp_path, **remote(site, **given))
    assert "either `name: owner/name`" in wrong()
    assert "either `name: owner/name`" in wrong(name="a/b", path="x")
    for setting, value in (("endpoint", "http://e.org"), ("headers", {"A": "b"})):
        assert f"`{setting}` belongs to `name`" in wrong(path="x", **{setting: value})
    assert "`revision` belongs to `name`" in wrong(path="x", revision=COMMIT)
    assert "`allow_hosts` belongs to `name`" in wrong(path="x", allow_hosts=["a.org"])
    assert "should match" in wrong(name="a/b/c")
    assert "http" in wrong(name="a/b", endpoint="ftp://e.org")


@effect("collect.hub.headers", "collect.hub.allow_hosts")
def test_headers_are_sent_to_a_host_that_is_allowed(site: Site, tmp_path: Path) -> None:
    texts(tmp_path, **remote(site, headers={"X-One": "two"}))
    assert all(one.get("x-one") == "two" for one in site.headers)
    assert "list it in `allow_hosts`" in wrong(name="a/b", endpoint=site.root)


@name("collect.hub.headers", "collect.hub.allow_hosts")
def test_a_header_or_a_host_that_is_none(site: Site, tmp_path: Path) -> None:
    with pytest.raises(TilthError, match="NOT_SET_HERE"):
        texts(tmp_path, **remote(site, headers={"X-One": "${NOT_SET_HERE}"}))
    assert "not a host name" in wrong(name="a/b", allow_hosts=["a/b"])


@unordered("collect.hub.headers")
@idle(*[f"collect.hub.{one}" for one in HAD])
def test_how_a_name_is_had_says_nothing(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    ways: tuple[dict[str, Any], ...] = (
        {},
        {"headers": {"A": "b", "C": "d"}},
        {"headers": {"C": "d", "A": "b"}},
        {"endpoint": f"{site.root}/"},
        {"allow_hosts": ["127.0.0.1", "e.org"]},
        {"digest": "content"},
        {"revision": COMMIT},
    )
    for number, given in enumerate(ways):
        afresh(monkeypatch, tmp_path / f"cache-{number}")
        tree = remote(site, splits=SPLITS, **{"headers": {}, **given})
        settings = hub.Settings.model_validate(tree)
        rows = read("hub", tmp_path / f"{number}", tree)
        found.append((acting(settings), hub.fingerprint(settings), rows))
    assert all(one == found[0] for one in found)


@effect("collect.hub.digest")
def test_a_file_is_read_through_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def digests_of(paths: Any, *, anew: bool) -> list[str]:
        asked.append(anew)
        return [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]

    monkeypatch.setattr("tilth.reading.inputs.digests_of", digests_of)
    for digest in ("stat", "content"):
        hub.fingerprint(hub.Settings(path=str(folder(tmp_path)), digest=digest))
    assert asked == [False, True]


MEDIA = [
    f"collect.{source}.{column}"
    for source in ("hub", "webdataset")
    for column in ("image", "audio")
]


def media(source: str, work: Path, column: str, wanted: str | None) -> list[Any]:
    ending = "png" if column == "image" else "wav"
    cells = [png(1), png(2)] if column == "image" else [wav(1600), wav(1700)]
    given: dict[str, Any] = {} if wanted is None else {column: wanted}
    work.mkdir(exist_ok=True)
    if source == "hub":
        cell = [[{"bytes": data, "path": None}] for data in cells]
        pq.write_table(pa.table({"first": cell[0], "second": cell[1]}), work / "train.parquet")
        return [row[column] for row in read("hub", work, {"path": str(work), **given})]
    members = [(f"a.{one}.{ending}", data) for one, data in zip(("x", "y"), cells, strict=True)]
    (work / "a.tar").write_bytes(tar(members))
    rows = read("webdataset", work, {"path": str(work / "a.tar"), **given})
    return [row["error"] or row[column] for row in rows]


@effect(*MEDIA)
def test_which_picture_and_which_sound(path: str, tmp_path: Path) -> None:
    _, source, column = path.split(".")
    names = ("first", "second") if source == "hub" else ("x", "y")
    if source == "webdataset":
        names = tuple(f"{one}.{'png' if column == 'image' else 'wav'}" for one in names)  # type: ignore[assignment]
    one, other = (media(source, tmp_path / one, column, one) for one in names)
    assert one != other


@name(*MEDIA)
def test_a_picture_or_sound_that_is_not_there(path: str, tmp_path: Path) -> None:
    _, source, column = path.split(".")
    if source == "hub":
        with pytest.raises(DataError, match=r"no column `secnd` \(did you mean `second`\?\)"):
            media(source, tmp_path / "ds", column, "secnd")
        return
    ending = "jpg" if column == "image" else "flac"
    assert f"it has no .{ending}, only x." in media(source, tmp_path / "ds", column, ending)[0]
    near = "jpegg" if column == "image" else "flacc"
    tree = {"path": "x", column: near}
    assert f"did you mean `{near[:-1]}`" in said({"collect": {"a": {source: tree}}})


PIXELS = [f"collect.{source}.max_pixels" for source in ("hub", "webdataset")]


@effect(*PIXELS)
@extreme(*PIXELS)
def test_a_larger_picture_is_quarantined(path: str, tmp_path: Path) -> None:
    source = path.split(".")[1]
    for most, cause in ((16, ""), (15, "above `max_pixels` of 15"), (1, "above `max_pixels` of 1")):
        work = tmp_path / str(most)
        work.mkdir()
        if source == "hub":
            cell = [{"bytes": png(1), "path": None}]
            pq.write_table(pa.table({"image": cell}), work / "train.parquet")
            tree: dict[str, Any] = {"path": str(work), "image": "image"}
        else:
            (work / "a.tar").write_bytes(tar([("a.png", png(1))]))
            tree = {"path": str(work / "a.tar")}
        (row,) = read(source, work, {**tree, "max_pixels": most})
        assert cause in (row["error"] or "")
        assert (row["error"] is None) == (not cause)
    for bad in (0, 1 << 40):
        assert "max_pixels" in said({"collect": {"a": {source: {"path": "x", "max_pixels": bad}}}})


@effect("collect.hub.max_record_bytes")
@extreme("collect.hub.max_record_bytes")
def test_a_longer_record_is_quarantined(tmp_path: Path) -> None:
    for kind in ("parquet", "jsonl"):
        work = tmp_path / kind
        work.mkdir()
        if kind == "parquet":
            pq.write_table(pa.table({"text": ["x" * 100]}), work / "train.parquet")
        else:
            (work / "train.jsonl").write_text(json.dumps({"text": "x" * 100}))
        for most in (64, 1 << 31):
            (row,) = read("hub", work / "work", {"path": str(work), "max_record_bytes": most})
            assert ("max_record_bytes" in (row["error"] or "")) == (most == 64)
    for bad in (0, 63, (1 << 31) + 1):
        assert "max_record_bytes" in wrong(path="x", max_record_bytes=bad)


SIDES = [f"collect.{source}.{side}" for source in ("moses", "tmx") for side in ("source", "target")]


def pair_of(source: str, work: Path, /, **given: Any) -> list[Any]:
    work.mkdir(exist_ok=True)
    words = {"de": "eins", "en": "one", "fr": "un"}
    if source == "moses":
        place = work / "a.zip"
        place.write_bytes(zip_([(f"a.{one}", f"{word}\n".encode()) for one, word in words.items()]))
    else:
        place = work / "a.tmx"
        sides = (f'<tuv xml:lang="{one}"><seg>{word}</seg></tuv>' for one, word in words.items())
        unit = f'<tu tuid="7"><prop type="of">law</prop>{"".join(sides)}</tu>'
        place.write_text(f"<tmx><body>{unit}</body></tmx>")
    return read(source, work, {"path": str(place), "source": "de", "target": "en", **given})


@effect(*SIDES)
def test_each_side_is_a_column(path: str, tmp_path: Path) -> None:
    _, source, side = path.split(".")
    (row,) = pair_of(source, tmp_path, **{side: "fr"})
    assert row["text" if side == "source" else "target"] == "un"
    assert row["target" if side == "source" else "text"] in ("eins", "one")


@name(*SIDES)
def test_a_language_that_is_not_there(path: str, tmp_path: Path) -> None:
    _, source, side = path.split(".")
    message = "not one unit has both" if source == "tmx" else "no file that ends in .it"
    with pytest.raises(DataError, match=message):
        pair_of(source, tmp_path, **{side: "it"})
    tree = {"path": "x", "source": "en", "target": "en"}
    assert "`source` and `target` are" in said({"collect": {"a": {source: tree}}})


@effect("collect.moses.split", "collect.tmx.split")
def test_all_pairs_are_of_the_split(path: str, tmp_path: Path) -> None:
    source = path.split(".")[1]
    assert [row["split"] for row in pair_of(source, tmp_path, split="test")] == ["test"]
    assert [row["split"] for row in pair_of(source, tmp_path)] == [None]


@effect("collect.tmx.meta")
@name("collect.tmx.meta")
def test_which_fields_of_a_unit_travel(tmp_path: Path) -> None:
    own = {"meta.tuid", "meta.of", "meta.source_language", "meta.target_language"}
    for meta, wanted in (("all", own), ("none", set()), (["of"], {"meta.of"})):
        (row,) = pair_of("tmx", tmp_path, meta=meta)
        assert {column for column in row if column.startswith("meta.")} == wanted
    with pytest.raises(DataError, match="did you mean `tuid`"):
        pair_of("tmx", tmp_path, meta=["tuidd"])
