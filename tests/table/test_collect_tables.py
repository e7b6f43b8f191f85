"""CSV, JSON Lines and Parquet: which field is which column, and what a row does not say."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.collect.tabular import SOURCES, read, write
from tests.table.entries import effect, extreme, name, refused
from tests.table.sources import png
from tests.table.whole import said
from tilth.errors import DataError

RECORD: dict[str, Any] = {
    "text": "plain",
    "body": "a heron",
    "key": "k1",
    "class": "bird",
    "to": "ein Reiher",
    "at": "http://a.org/1",
    "part": "dev",
    "rights": "CC0-1.0",
    "who": "ann",
    "said": [{"annotator": "p", "label": "bird"}],
    "form": "signed 2024",
    "when": "2024-02-29",
}
# Column, the field that fills it, and what then stands there.
FIELDS = {
    "text": ("body", "a heron"),
    "label": ("class", "bird"),
    "target": ("to", "ein Reiher"),
    "uri": ("at", "http://a.org/1"),
    "split": ("part", "validation"),
    "license": ("rights", "CC0-1.0"),
    "subject": ("who", "ann"),
    "annotations": ("said", [{"annotator": "p", "label": "bird"}]),
    "consent": ("form", "signed 2024"),
    "fetched_at": ("when", "2024-02-29"),
}
ALL = [f"collect.{kind}" for kind in SOURCES]


def each(*names: str) -> list[str]:
    return [f"{one}.{column}" for one in ALL for column in names]


def kind_of(path: str) -> str:
    return path.split(".")[1]


@effect(*each(*(f"fields.{column}" for column in FIELDS)))
def test_the_column_is_filled_by_the_field(path: str, tmp_path: Path) -> None:
    kind, column = kind_of(path), path.rpartition(".")[2]
    field, value = FIELDS[column]
    source = write(kind, tmp_path, [RECORD])
    (plain,) = read(kind, source)
    (row,) = read(kind, source, fields={column: field})
    assert plain.get(column) != value
    assert row[column] == value


@effect(*each("fields"))
def test_several_fields_are_one_text(path: str, tmp_path: Path) -> None:
    kind = kind_of(path)
    source = write(kind, tmp_path, [RECORD])
    (row,) = read(kind, source, fields={"text": ["class", "body"]})
    assert row["text"] == "bird\na heron"
    tree = {"path": "x", "fields": {"txt": "body"}}
    assert "did you mean `text`" in said({"collect": {"a": {kind: tree}}})
    tree = {"path": "x", "fields": {"text": []}}
    assert "at least 1" in said({"collect": {"a": {kind: tree}}})


@effect(*each("fields.id"))
def test_a_record_is_known_by_its_own_name(path: str, tmp_path: Path) -> None:
    kind = kind_of(path)
    source = write(kind, tmp_path, [RECORD])
    moved = write(kind, tmp_path, [{**RECORD, "key": "k0", "text": "new"}, RECORD], "moved")
    named, *_ = (row["id"] for row in read(kind, source, fields={"id": "key"}))
    assert named in [row["id"] for row in read(kind, moved, fields={"id": "key"})]
    unnamed = {row["id"] for row in read(kind, source)}
    assert not unnamed & {row["id"] for row in read(kind, moved)}


@name(*each("fields.id", *(f"fields.{column}" for column in FIELDS)))
def test_a_field_that_is_not_there_is_told_with_the_nearest(path: str, tmp_path: Path) -> None:
    kind, column = kind_of(path), path.rpartition(".")[2]
    source = write(kind, tmp_path, [{"text": "a", "colour_name": "b"}] * 3)
    if kind in ("files", "jsonl", "webdataset") and column in ("text", "target"):
        # It costs each line that lacks it; a run of which all fail stops with this cause.
        rows = read(kind, source, fields={column: "colour_nam"})
        assert all("(did you mean `colour_name`?)" in row["error"] for row in rows)
        return
    with pytest.raises(DataError, match="colour_nam") as caught:
        read(kind, source, fields={column: "colour_nam"})
    assert "did you mean `colour_name`" in str(caught.value)


@effect(*each("license"))
def test_rows_without_a_licence_have_the_sources(path: str, tmp_path: Path) -> None:
    kind = kind_of(path)
    rights = [{**RECORD, "rights": value} for value in ("CC0-1.0", None, "")]
    source = write(kind, tmp_path, rights)
    rows = read(kind, source, fields={"license": "rights"}, license="MIT")
    assert [row["license"] for row in rows] == ["CC0-1.0", "MIT", "MIT"]


@effect(*(path for path in each("split") if path != "collect.hub.split"))
def test_rows_without_a_split_have_the_sources(path: str, tmp_path: Path) -> None:
    kind = kind_of(path)
    source = write(kind, tmp_path, [{**RECORD, "part": part} for part in ("dev", None, " ")])
    rows = read(kind, source, fields={"split": "part"}, split="test")
    assert [row["split"] for row in rows] == ["validation", "test", "test"]
    assert {row["split"] for row in read(kind, source, split="train")} == {"train"}
    tree = {"path": "x", "split": "trian"}
    assert "train" in said({"collect": {"a": {kind: tree}}})


@effect("collect.parquet.image")
def test_a_column_of_images(tmp_path: Path) -> None:
    source = write("parquet", tmp_path, [{"text": "a", "pic": png()}])
    (row,) = read("parquet", source, image="pic")
    assert row["image"] == png()
    assert "image" not in read("parquet", source)[0]


@refused("collect.parquet.fields.text", "collect.parquet.image")
def test_an_image_is_read_instead_of_a_text() -> None:
    tree = {"path": "x", "image": "pic", "fields": {"text": "body"}}
    assert "`fields.text` is not read beside `image`" in said({"collect": {"a": {"parquet": tree}}})
    tree["fields"] = {"label": "y"}
    assert not said({"collect": {"a": {"parquet": tree}}})


@name("collect.parquet.image")
def test_a_column_of_images_that_is_not_there(tmp_path: Path) -> None:
    source = write("parquet", tmp_path, [{"text": "a", "pic": png()}])
    with pytest.raises(DataError, match=r"no column `pict` \(did you mean `pic`\?\)"):
        read("parquet", source, image="pict")


def csv(folder: Path, text: str | bytes, limit: int | None = None, **given: Any) -> list[Any]:
    path = folder / "a.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read("csv", path, limit, **given)


def wrong(**given: Any) -> str:
    return said({"collect": {"a": {"csv": {"path": "a.csv", **given}}}})


@effect("collect.csv.delimiter")
def test_the_delimiter_cuts(tmp_path: Path) -> None:
    text = "text;n,text\na;b,c\n"
    assert csv(tmp_path, text, delimiter=";")[0]["text"] == "a"
    assert csv(tmp_path, "text\tn\na,b\tc\n", delimiter="\t")[0]["text"] == "a,b"
    for bad in ("", ";;", "\n"):
        assert "one character" in wrong(delimiter=bad)
    assert "are one character" in wrong(delimiter="'", quote="'")


@effect("collect.csv.quote")
def test_the_quote_holds_a_delimiter(tmp_path: Path) -> None:
    text = "text,n\n'a,b',c\n"
    assert csv(tmp_path, text, quote="'")[0]["text"] == "a,b"
    assert "3 columns instead of 2" in csv(tmp_path, text)[0]["error"]
    assert csv(tmp_path, 'text\n"a"\n', quote="")[0]["text"] == '"a"'
    assert "no line break" in wrong(quote="\r")
    assert "are one character" in wrong(quote=",")


@effect("collect.csv.header", "collect.csv.columns")
def test_columns_are_named_by_the_first_line_or_the_recipe(tmp_path: Path) -> None:
    text = "text,y\na,b\n"
    assert [row["text"] for row in csv(tmp_path, text)] == ["a"]
    rows = csv(tmp_path, text, header=False, columns=["y", "text"])
    assert [row["text"] for row in rows] == ["y", "b"]


@refused("collect.csv.header", "collect.csv.columns")
def test_a_header_and_columns_exclude_each_other() -> None:
    assert "either `header: true`" in wrong(columns=["text"])
    assert "either `header: true`" in wrong(header=False)


@name("collect.csv.columns")
def test_fields_are_among_the_columns_of_the_recipe() -> None:
    found = wrong(header=False, columns=["text", "label"], fields={"label": "lable"})
    assert "no column `lable` (did you mean `label`?)" in found
    assert "is there twice" in wrong(header=False, columns=["text", "text"])


@effect("collect.csv.decimal")
def test_a_comma_parts_a_fraction(tmp_path: Path) -> None:
    text = "text;y\na;1,0\nb;1\nc;-0,50\nd;1.234,0\n"
    given: dict[str, Any] = {"fields": {"label": "y"}}
    labels = [row["label"] for row in csv(tmp_path, text, decimal=",", **given)]
    assert labels == ["1", "1", "-0.50", "1.234,0"]
    assert csv(tmp_path, text, **given)[0]["label"] == "1,0"
    given |= {"label_prefix": "y="}
    text = "text;y\na;y=1,0\n"
    assert csv(tmp_path, text, decimal=",", **given)[0]["label"] == "1"
    assert "does not take ';'" in wrong(decimal=";")


@refused("collect.csv.decimal")
def test_a_comma_cannot_part_fractions_and_columns() -> None:
    assert "are one character" in wrong(decimal=",", delimiter=",", quote="")


@effect("collect.csv.encoding")
def test_another_encoding_reads_other_letters(tmp_path: Path) -> None:
    data = "text\nnaïve\n".encode("cp1252")
    assert csv(tmp_path, data, encoding="cp1252")[0]["text"] == "naïve"
    assert "invalid UTF-8" in csv(tmp_path, data, encoding="utf-8")[0]["error"]
    # Unless it is said, it is as it looks.
    text = "Übermäßig große Bäume stehen für gewöhnlich über den Dächern."
    assert csv(tmp_path, f"text\n{text}\n".encode("cp1252"))[0]["text"] == text


@name(*(f"collect.{one}.encoding" for one in ("csv", "files", "jsonl", "text_file", "join")))
def test_an_encoding_that_is_none(path: str) -> None:
    _, kind, _ = path.split(".")
    given: dict[str, Any] = {"path": "a", "encoding": "utf-9"}
    if kind == "join":
        kind, given = "csv", {"path": "a", "join": {"path": "b", "by": "id", "encoding": "utf-9"}}
    found = said({"collect": {"a": {kind: given}}})
    assert "no encoding `utf-9` (did you mean `utf-8`?)" in found


@effect("collect.csv.labels")
def test_labels_are_given_their_meaning(tmp_path: Path) -> None:
    text, fields = "text,y\na,1\nb,2\nc,\n", {"label": "y"}
    rows = csv(tmp_path, text, fields=fields, labels={"1": "World", "2": "Sport"})
    assert [row["label"] for row in rows] == ["World", "Sport", None]
    assert [row["label"] for row in csv(tmp_path, text, fields=fields)] == ["1", "2", None]
    (_, bad, _) = csv(tmp_path, text, fields=fields, labels={"1": "World"})
    assert "label `2` is not in `labels`" in bad["error"]


@name("collect.csv.labels")
def test_a_label_that_no_row_has_is_refused(tmp_path: Path) -> None:
    text = "text,y\n" + "a,wrold\nb,sport\n" * 5
    given = {"fields": {"label": "y"}, "labels": {"world": "World", "sport": "Sport"}}
    for limit in (None, 2):
        with pytest.raises(DataError, match="`labels` names the label `world`") as caught:
            csv(tmp_path, text, limit, **given)
        assert "did you mean `wrold`" in caught.value.hint
    assert "`labels` needs `fields: {label: ...}`" in wrong(labels={"a": "b"})


SHARES = [f"collect.csv.split.{name}" for name in ("train", "validation", "test")]


@effect("collect.csv.split", *SHARES)
def test_shares_of_a_file_are_its_splits_in_order(tmp_path: Path) -> None:
    text = "text\n" + "".join(f"{n}\n" for n in range(20))
    shares = {"train": 0.5, "validation": 0.2, "test": 0.3}
    found = [row["split"] for row in csv(tmp_path, text, split=shares)]
    assert found == ["train"] * 10 + ["validation"] * 4 + ["test"] * 6
    for part, share in shares.items():
        other = "test" if part != "test" else "train"
        moved = {**shares, part: share - 0.1, other: shares[other] + 0.1}
        after = Counter(row["split"] for row in csv(tmp_path, text, split=moved))
        assert after[part] == found.count(part) - 2
    # Of a trial run each split has a part.
    assert len({row["split"] for row in csv(tmp_path, text, 3, split=shares)}) == 3
    # A row that states its own keeps it.
    own = "text,part\n" + "a,\n" * 9 + "b,test\n"
    rows = csv(tmp_path, own, split={"train": 1}, fields={"split": "part"})
    assert [row["split"] for row in rows] == ["train"] * 9 + ["test"]


@extreme(*SHARES)
def test_a_share_is_between_nothing_and_all(path: str, tmp_path: Path) -> None:
    part = path.rpartition(".")[2]
    other = "test" if part != "test" else "train"
    text = "text\na\nb\nc\n"
    assert {row["split"] for row in csv(tmp_path, text, split={part: 1})} == {part}
    rows = csv(tmp_path, text, split={part: 0, other: 1})
    assert {row["split"] for row in rows} == {other}
    for bad in ({part: -0.1, other: 1.1}, {part: float("nan"), other: 1}, {part: 0.5}, {part: 1.5}):
        assert "split" in wrong(split=bad)
