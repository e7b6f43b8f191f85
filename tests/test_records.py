"""Records are kept as JSON, and read back whatever version wrote them."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from pydantic import Field, ValidationError

from tilth.errors import DataError
from tilth.records import (
    DAMAGED,
    Figured,
    Json,
    Record,
    parse,
    read_as,
    read_file,
    read_if_whole,
    sealed,
)


class Inner(Record):
    low: float | None
    num_in: int = Field(alias="in")


class Outer(Record):
    name: str
    inner: Inner
    added_later: tuple[int, ...] = ()


class Scores(Figured):
    split: str


class Keyed(Record):
    counts: dict[str, int]
    path: Path


OUTER = Outer(name="a", inner=Inner(low=None, num_in=3), added_later=(1, 2))


def test_a_record_is_read_back_as_it_was() -> None:
    kept = OUTER.as_json()
    assert kept == {"name": "a", "inner": {"low": None, "in": 3}, "added_later": [1, 2]}
    assert parse(Outer, json.dumps(kept).encode(), "x") == OUTER


def test_what_an_earlier_version_lacks_has_its_default_and_what_it_had_more_goes() -> None:
    old = {"name": "a", "inner": {"low": 1, "in": 3}, "gone": {"deep": []}}
    found = read_as(Outer, old, "x")
    assert found == Outer(name="a", inner=Inner(low=1.0, num_in=3))


def test_what_is_kept_has_a_checksum_that_every_change_breaks() -> None:
    kept = Outer(name="ä\ud800", inner=Inner(low=0.1, num_in=3), added_later=(10**30, 2)).as_kept()
    text = json.dumps(kept, ensure_ascii=False).encode("utf-8", "surrogatepass")
    whole = parse(Outer, text, "x")
    # However it is laid out.
    assert parse(Outer, json.dumps(kept, indent=3, sort_keys=True).encode(), "x") == whole
    key = text.index(b'"checksum"') + 1
    for at in range(len(text)):
        for bit in range(8):
            changed = text[:at] + bytes([text[at] ^ 1 << bit]) + text[at + 1 :]
            if key <= at < key + len("checksum") and changed[at : at + 1] not in b'"\\':
                # Under another key the checksum is none, and all else is as it was.
                with suppress(DataError):
                    assert parse(Outer, changed, "x") == whole
                continue
            with pytest.raises(DataError) as caught:
                parse(Outer, changed, "x")
            assert caught.value.code == DAMAGED


def test_what_an_earlier_version_kept_has_none_and_is_read() -> None:
    assert parse(Outer, json.dumps(OUTER.as_json()).encode(), "x") == OUTER
    # Nor is another one right that stands for other numbers.
    with pytest.raises(DataError, match="its checksum is that of other content"):
        parse(Outer, json.dumps(OUTER.as_json() | {"checksum": "0" * 16}).encode(), "x")
    assert sealed(OUTER.as_kept()) == OUTER.as_kept()


def test_a_flipped_format_is_damage_and_no_later_version() -> None:
    class Later(Record):
        format: int = 1

    kept = {**Later().as_kept(), "format": 9}
    with pytest.raises(DataError) as caught:
        parse(Later, json.dumps(kept).encode(), "x")
    assert caught.value.code == DAMAGED
    with pytest.raises(DataError) as caught:
        parse(Later, json.dumps(sealed(kept)).encode(), "x")
    assert caught.value.code == "later-format"


def test_a_record_never_changes() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        OUTER.name = "b"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"{", "Expecting"), (b"\xff", "cannot be read"), (b"[]", "cannot be read"), (b"{}", "name"),
     (b'{"name": "a", "inner": {"low": "x", "in": 1}}', r"inner\.low")],
)  # fmt: skip
def test_damage_is_named_with_its_place(data: bytes, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        parse(Outer, data, "folder/file.json", "the file")
    assert caught.value.where == "folder/file.json"
    assert caught.value.what.startswith("the file cannot be read")
    assert caught.value.code == "bad-record"


def test_figures_stand_beside_the_fields() -> None:
    kept: Json = {"split": "test", "accuracy": 90.0, "signature": "nrefs:1"}
    found = read_as(Scores, kept, "x")
    assert found.figures == {"accuracy": 90.0, "signature": "nrefs:1"}
    assert found.as_json() == kept
    with pytest.raises(DataError, match="accuracy"):
        read_as(Scores, {"split": "test", "accuracy": [1]}, "x")


def test_text_that_is_no_unicode_is_kept() -> None:
    data = json.dumps({"split": "\ud800"}, ensure_ascii=False).encode("utf-8", "surrogatepass")
    assert parse(Scores, data, "x").split == "\ud800"
    odd = Keyed(counts={"a\udcff": 1}, path=Path("b"))
    assert odd.as_json() == {"counts": {"a\udcff": 1}, "path": "b"}
    assert read_as(Keyed, odd.as_json(), "x") == odd


def test_a_number_that_json_cannot_say_is_refused_where_it_is_made() -> None:
    for value in (math.nan, math.inf):
        with pytest.raises(ValidationError, match="finite"):
            Inner(low=value, num_in=1)


def test_the_results_of_all_stages_load_no_numpy() -> None:
    code = (
        "import sys, tilth.pretrain.result, tilth.transfer.result, tilth.value.result;"
        "print([m for m in ('numpy', 'torch', 'scipy', 'pyarrow') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_a_file_that_is_none_or_nested_too_deeply_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "deep").write_text("[" * 100_000 + "]" * 100_000)
    for name, told in (("folder", "Is a directory"), ("deep", "nested too deeply")):
        with pytest.raises(DataError, match=told) as raised:
            read_file(Record, tmp_path / name, "the record")
        assert raised.value.code == DAMAGED
        assert read_if_whole(Record, tmp_path / name) is None
    with pytest.raises(FileNotFoundError):
        read_file(Record, tmp_path / "nothing")
