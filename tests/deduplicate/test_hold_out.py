"""The split is a function of the group alone, has the asked sizes, and respects what is given."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pytest
from pydantic import ValidationError

from tilth import schema
from tilth.deduplicate import hold_out
from tilth.deduplicate.hold_out import Settings
from tilth.errors import DataError, UsageError

from .conftest import sample_batch


def splits(rows: list[dict[str, str | None]], settings: Settings) -> list[str]:
    found: list[str] = hold_out.apply(sample_batch(rows), settings)["split"].to_pylist()
    return found


def pages(count: int, **more: str | None) -> list[dict[str, str | None]]:
    return [
        {"id": f"i{n}", "source": "web", "uri": f"http://a.org/{n}", **more} for n in range(count)
    ]


def test_shares_are_as_asked() -> None:
    counts = Counter(splits(pages(20_000), Settings(test=0.1, validation=0.2)))
    assert abs(counts["test"] / 20_000 - 0.1) < 0.01
    assert abs(counts["validation"] / 20_000 - 0.2) < 0.01
    assert counts["train"] == 20_000 - counts["test"] - counts["validation"]


def test_extreme_shares() -> None:
    assert set(splits(pages(50), Settings(test=1.0, validation=0.0))) == {"test"}
    assert set(splits(pages(50), Settings(test=0.0, validation=0.0))) == {"train"}
    assert splits([], Settings()) == []


def test_split_does_not_depend_on_the_rest_of_the_batch() -> None:
    rows = pages(200)
    settings = Settings(test=0.3, validation=0.3)
    whole = splits(rows, settings)
    assert whole == [splits([row], settings)[0] for row in rows]
    assert whole[::-1] == splits(rows[::-1], settings)


def test_salt_gives_another_split() -> None:
    rows = pages(200)
    assert splits(rows, Settings(test=0.5)) != splits(rows, Settings(test=0.5, salt="b"))


def test_growing_a_share_moves_nothing_out_of_it() -> None:
    rows = pages(500)
    small = splits(rows, Settings(test=0.1, validation=0.0))
    large = splits(rows, Settings(test=0.2, validation=0.0))
    assert all(b == "test" for a, b in zip(small, large, strict=True) if a == "test")


@pytest.mark.parametrize("by", ["subject", "source", "site"])
def test_groups_stay_together(by: str) -> None:
    rows: list[dict[str, str | None]] = [
        {
            "id": str(n),
            "source": f"s{n % 40}",
            "subject": f"p{n % 40}",
            "uri": f"http://H{n % 40}.org/{n}",
        }
        for n in range(400)
    ]
    found = splits(rows, Settings.model_validate({"by": by, "test": 0.5}))
    assert all(found[n] == found[n % 40] for n in range(400))
    assert {"test", "train"} <= set(found)


def test_site_ignores_case_and_port_and_falls_back_on_the_address() -> None:
    urls = ["http://A.org/1", "https://a.org:8000/2", "data.jsonl:1", "data.jsonl:2"]
    rows: list[dict[str, str | None]] = [{"id": u, "source": "s", "uri": u} for u in urls]
    for salt in map(str, range(20)):
        found = splits(rows, Settings(by="site", test=0.5, validation=0, salt=salt))
        assert found[0] == found[1]
    many: list[dict[str, str | None]] = [
        {"id": str(n), "source": "s", "uri": f"data.jsonl:{n}"} for n in range(100)
    ]
    assert set(splits(many, Settings(by="site", test=0.5, validation=0))) == {"test", "train"}


def test_official_split_stays_and_other_sources_train() -> None:
    rows = pages(3, split="test") + pages(3, source="other") + pages(1, split=None)
    settings = Settings(sources=("web",), test=0.0, validation=1.0)
    assert splits(rows, settings) == ["test"] * 3 + ["train"] * 3 + ["validation"]


def test_sample_without_group_is_an_error_and_not_a_guess() -> None:
    with pytest.raises(DataError, match="no `subject`"):
        splits(pages(1), Settings(by="subject"))
    assert splits(pages(1), Settings(by="subject", sources=("else",))) == ["train"]


def test_shares_above_one_are_refused() -> None:
    with pytest.raises(ValidationError, match="above 1"):
        Settings(test=0.6, validation=0.5)


def keyed(count: int, **more: str | None) -> list[dict[str, str | None]]:
    return [
        {"id": f"i{n}", "source": "s", "uri": f"a.jsonl:{n}", "key": f"{n:032x}", **more}
        for n in range(count)
    ]


def test_a_sample_is_known_by_its_key_and_a_page_by_its_address() -> None:
    rows = keyed(300)
    moved = [{**row, "uri": f"./other.jsonl:{n + 7}", "id": f"j{n}"} for n, row in enumerate(rows)]
    settings = Settings(test=0.3, validation=0.2)
    assert splits(rows, settings) == splits(moved, settings)
    assert splits(rows, settings) != splits(keyed(300, key=None), settings)
    assert splits(pages(300), settings) == splits(pages(300, key=None), settings)


@pytest.mark.parametrize("by", ["uri", "id", "site"])
def test_no_draw_hangs_on_the_file_and_its_rows(by: str) -> None:
    settings = Settings.model_validate({"by": by, "test": 0.3, "validation": 0.2})
    rows = keyed(300)
    moved = [{**row, "uri": f"b.jsonl:{n + 7}", "id": f"j{n}"} for n, row in enumerate(rows)]
    assert splits(rows, settings) == splits(moved, settings)
    assert len(set(splits(rows, settings))) == 3


def survey(rows: list[dict[str, str | None]], settings: Settings) -> list[str]:
    batch = sample_batch(rows)
    return hold_out.survey(iter([batch.slice(0, 1), batch.slice(1)]), settings)


def test_nothing_to_hold_out_is_an_error() -> None:
    assert survey(keyed(200), Settings(test=0.5)) == []
    assert survey([*keyed(200), *keyed(5, split="train")], Settings(test=0.5)) == []
    with pytest.raises(DataError, match="every sample has a split already"):
        survey(keyed(200, split="train"), Settings(test=0.5))
    others = [*keyed(2, split="train"), *keyed(9, source="b")]
    with pytest.raises(DataError, match="every sample has a split already"):
        survey(others, Settings(sources=("s",)))
    assert hold_out.survey(iter([]), Settings()) == []


def test_a_split_that_nothing_is_drawn_to_is_told() -> None:
    (told,) = survey(keyed(20, source="one"), Settings(by="source", test=0.5, validation=0.5))
    assert "of 20 samples none is drawn to" in told


def test_a_field_keeps_together_what_it_names() -> None:
    rows = pages(300)
    patients = [number % 40 for number in range(300)]
    batch = schema.with_columns(sample_batch(rows), {"meta.patient": pa.array(patients)})
    settings = Settings(test=0.3, validation=0.2, by="meta.patient")
    found = hold_out.apply(batch, settings)["split"].to_pylist()
    sides: dict[int, set[str]] = {}
    for patient, split in zip(patients, found, strict=True):
        sides.setdefault(patient, set()).add(split)
    assert all(len(one) == 1 for one in sides.values())
    assert len(set(found)) == 3
    assert hold_out.reads(settings) == ("meta.patient",)
    with pytest.raises(DataError, match=r"no `meta.patient`"):
        hold_out.apply(schema.with_columns(batch, {"meta.patient": pa.nulls(300)}), settings)
    with pytest.raises(UsageError, match=r"no record has the field `meta.patient`"):
        hold_out.apply(sample_batch(rows), settings)
    with pytest.raises(ValidationError):
        Settings.model_validate({"by": "patient"})


def test_a_name_is_one_however_it_is_written() -> None:
    """A person on both sides of a split, once composed and once not, would be a leak."""
    for n in range(40):
        ways = [f"Renée Й{n}", f"Rene\u0301e И\u0306{n}", f"RENÉE й{n}"]
        rows: list[dict[str, str | None]]
        rows = [{"id": str(n), "source": "a", "subject": name} for n, name in enumerate(ways)]
        assert len(set(splits(rows, Settings(by="subject", test=0.5)))) == 1
        rows = [{"id": str(n), "source": "a", "uri": name} for n, name in enumerate(ways[:2])]
        assert len(set(splits(rows, Settings(test=0.5)))) == 1
