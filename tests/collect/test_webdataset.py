"""WebDataset shards: members of one name are one sample, and each is in the books."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.collect.archives import TARS, pack, tar
from tests.collect.test_audio import wav
from tests.table.sources import png
from tilth.collect import webdataset
from tilth.context import Context
from tilth.errors import DataError, MissingError

Passed = list[tuple[str, str]]


def read(
    path: Path | str, limit: int | None = None, passed: Passed | None = None, **given: Any
) -> list[dict[str, Any]]:
    settings = webdataset.Settings(path=str(path), **given)
    webdataset.fingerprint(settings)
    noted: Passed = [] if passed is None else passed
    context = Context(Path("/nowhere"), limit=limit, passes_over=lambda *one: noted.append(one))
    return [row for batch in webdataset.read(settings, "s", context) for row in batch.to_pylist()]


def sample(key: str, **parts: bytes | str) -> list[tuple[str, bytes]]:
    return [
        (f"{key}.{ending.replace('_', '.')}", data if isinstance(data, bytes) else data.encode())
        for ending, data in parts.items()
    ]


def shard(folder: Path, *samples: list[tuple[str, bytes]], name: str = "a.tar") -> Path:
    path = folder / name
    path.write_bytes(tar([member for members in samples for member in members]))
    return path


@pytest.mark.parametrize("ending", TARS)
def test_members_of_one_name_are_one_sample(ending: str, tmp_path: Path) -> None:
    members = [
        *sample("train/000", jpg=png(1), cls="3", json='{"caption": "heron", "year": 2015}'),
        *sample(
            "train/001",
            jpg=png(2),
            cls="\ufeff4 \n".encode("utf-16-be"),
            json='{"caption": "egret", "n": [1, 2]}',
        ),
    ]
    path = pack(tmp_path, ending, members)
    first, second = read(path, split="train", license="CC0")
    assert (first["image"], first["label"], first["meta.caption"]) == (png(1), "3", "heron")
    assert (first["meta.year"], second["meta.n"]) == (2015, [1, 2])
    assert (second["label"], second["label_origin"], second["split"]) == ("4", "given", "train")
    assert first["uri"] == f"{path}:train/000"
    assert first["license"] == "CC0"
    assert first["id"] != second["id"]


def test_the_key_ends_at_the_first_point(tmp_path: Path) -> None:
    path = shard(
        tmp_path, sample("v1.0/a", txt="one", en_txt="two", TXT2="x"), sample("b", txt="t")
    )
    passed: Passed = []
    first, second = read(path, passed=passed, fields={"target": "en.txt"}, limit=1) * 2
    assert first["uri"].endswith(":v1.0/a")
    assert (first["text"], first["target"]) == ("one", "two")
    assert passed[0] == (
        f"{path}:v1.0/a.TXT2",
        "of a type that this source does not read (.txt2)",
    )
    assert second == first


def test_sound_with_its_transcript_and_text_beside_a_picture(tmp_path: Path) -> None:
    path = shard(tmp_path, sample("a", flac=wav(1600), txt="one"))
    (row,) = read(path)
    assert (row["audio"], row["text"], row.get("target")) == (
        wav(1600),
        "one",
        None,
    )
    (row,) = read(path, fields={"target": "text"})
    assert (row["text"], row["target"]) == (None, "one")
    (row,) = read(shard(tmp_path, sample("a", html="<p>x</p>", png=png()), name="b.tar"))
    assert (row["html"], row["content_type"], row["image"]) == (b"<p>x</p>", "text/html", png())


def test_a_field_of_the_json_and_a_member_of_one_name(tmp_path: Path) -> None:
    said = json.dumps({"text": "of the json", "label": "x", "split": "val"})
    (row,) = read(
        shard(tmp_path, sample("a", txt="of the txt", json=said)), fields={"split": "split"}
    )
    assert (row["text"], row["meta.text (2)"]) == ("of the txt", "of the json")
    assert (row["label"], row["split"]) == ("x", "validation")


def test_several_pictures_of_a_sample(tmp_path: Path) -> None:
    path = shard(tmp_path, sample("a", input_png=png(1), output_png=png(2)))
    passed: Passed = []
    (row,) = read(path, passed=passed)
    assert row["image"] == png(1)
    assert passed == [(f"{path}:a.output.png", webdataset.ANOTHER)]
    (row,) = read(path, image="output.png")
    assert row["image"] == png(2)
    (row,) = read(path, image="third.png")
    assert "it has no .third.png, only input.png, output.png" in row["error"]
    with pytest.raises(ValidationError, match="no extension `jpgg` that is read"):
        webdataset.Settings(path="x", image="jpgg")


def test_bad_samples_cost_themselves(tmp_path: Path) -> None:
    path = shard(
        tmp_path,
        sample("good", png=png(1), cls="1"),
        sample("cut", png=png(1)[:40], cls="1"),
        sample("lacks", cls="1"),
        sample("long", png=png(1), txt="x" * 2000),
        [*sample("again", png=png(1)), *sample("again", PNG=png(2))],
        sample("json", png=png(1), json="[1]"),
        sample("bytes", png=png(1), txt=b"\xff"),
        sample("good", txt="elsewhere"),
        [("../out.png", png(1))],
        sample("many", **{f"n{n}_txt": "x" for n in range(101)}),
        sample("last", png=png(3), cls="2"),
    )
    rows = read(path, max_record_bytes=1000)
    errors = {row["uri"].rpartition(":")[2]: row["error"] for row in rows if row["error"]}
    assert [row["image"] for row in rows if not row["error"]] == [png(1), png(3)]
    wanted = {
        "cut": "cannot be decoded",
        "lacks": "it has no image, which samples before it have",
        "long": "above `max_record_bytes` of 1,000",
        "again": "two members with the extension .png",
        "json": "a list, not a JSON object",
        "bytes": ".txt: invalid UTF-8",
        "good": "stand elsewhere in the shard as well",
        "../out.png": "leads out of the archive",
        "many": "more than 100 members of one name",
    }
    assert errors.keys() == wanted.keys()
    for key, cause in wanted.items():
        assert cause in errors[key], key


def test_a_damaged_shard_costs_what_is_damaged(tmp_path: Path) -> None:
    members = [sample(f"{n}", txt=f"text {n}", cls="1") for n in range(3)]
    data = tar([member for one in members for member in one])
    (tmp_path / "a.tar").write_bytes(data[:2600])
    shard(tmp_path, *members, name="b.tar")
    rows = read(tmp_path)
    assert [row["text"] for row in rows if not row["error"]] == [
        "text 0",
        *(f"text {n}" for n in range(3)),
    ]
    errors = [row["error"] for row in rows if row["error"]]
    assert "the shard may end within it" in errors[0]
    assert "cut off or damaged" in errors[1]
    # A header that is damaged costs its member, and what is of its sample is told apart.
    at = data.index(b"1.txt")
    (tmp_path / "a.tar").write_bytes(data[:at] + b"?" + data[at + 1 :])
    rows = read(tmp_path / "a.tar")
    assert [row["text"] for row in rows] == ["text 0", None, None, "text 2"]
    assert "no header to be read" in rows[1]["error"]


def test_shards_by_number_glob_and_folder(tmp_path: Path) -> None:
    for number in range(3):
        shard(tmp_path, sample("0", txt=f"{number}"), name=f"s-{number:02d}.tar")
    for path in ("", "s-*.tar", "s-{00..02}.tar"):
        rows = read(tmp_path / path)
        assert [row["text"] for row in rows] == ["0", "1", "2"]
        assert len({row["id"] for row in rows}) == 3
    assert [row["text"] for row in read(tmp_path / "s-{01..01}.tar")] == ["1"]
    with pytest.raises(MissingError, match=r"s-03\.tar"):
        read(tmp_path / "s-{00..03}.tar")
    for wrong in ("s-{02..00}.tar", "{0..1}-{0..1}.tar"):
        with pytest.raises(DataError, match="not the numbers of shards"):
            read(tmp_path / wrong)
    one = webdataset.fingerprint(webdataset.Settings(path=str(tmp_path / "s-{00..02}.tar")))
    shard(tmp_path, sample("0", txt="other"), name="s-01.tar")
    assert webdataset.fingerprint(webdataset.Settings(path=str(tmp_path / "s-{00..02}.tar"))) != one


def test_a_limit_is_shared_out(tmp_path: Path) -> None:
    samples = [sample(f"{n:02d}", txt=f"{n}", cls=str(n // 8)) for n in range(16)]
    rows = read(shard(tmp_path, *samples), limit=4)
    assert [row["label"] for row in rows] == ["0", "0", "1", "1"]


def test_nothing_of_the_kind(tmp_path: Path) -> None:
    passed: Passed = []
    path = shard(tmp_path, [("a.pyd", b"pickle"), (".b.txt", b"hidden")])
    with pytest.raises(DataError, match="empty"):
        read(path, passed=passed)
    assert [reason for _, reason in passed][:2] == [
        "of a type that this source does not read (.pyd)",
        "hidden: its name begins with a point",
    ]
    with pytest.raises(DataError, match="`fields` names the field `txtt`"):
        read(shard(tmp_path, sample("a", txt="x")), fields={"label": "txtt"})


def test_pictures_as_they_are_handed_around(shared_data: Path, tmp_path: Path) -> None:
    files = sorted((shared_data / "imagenet-sample" / "images").rglob("*.[jJ]*"))[:6]
    samples = [sample(file.stem.split(".")[0], jpg=file.read_bytes(), cls="1") for file in files]
    rows = read(shard(tmp_path, *samples))
    assert [row["image"] for row in rows] == [file.read_bytes() for file in files]
