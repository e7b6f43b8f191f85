"""Translation memories: two languages of each unit, and what of a file is not read is told."""

from __future__ import annotations

import datetime
import gzip
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.growth.measure import least_s
from tilth.collect import tmx
from tilth.context import Context
from tilth.errors import DataError
from tilth.formats import tmx as formats

Passed = list[tuple[str, str]]
HEAD = '<?xml version="1.0"?>\n<!DOCTYPE tmx SYSTEM "tmx14.dtd">\n<tmx version="1.4">\n'
HEAD += '<header srclang="en" datatype="plaintext"><prop type="x">of the header</prop></header>\n'


def unit(*variants: str, **given: str) -> str:
    said = "".join(f' {name}="{value}"' for name, value in given.items())
    return f"<tu{said}>{''.join(variants)}</tu>\n"


def variant(language: str, text: str, more: str = "") -> str:
    return f'<tuv xml:lang="{language}">{more}<seg>{text}</seg></tuv>'


def both(number: int) -> str:
    return unit(variant("en", f"one {number}"), variant("de", f"eins {number}"))


def file_of(*units: str) -> str:
    return f"{HEAD}<body>{''.join(units)}</body></tmx>"


def read(
    folder: Path,
    data: str | bytes,
    limit: int | None = None,
    passed: Passed | None = None,
    **given: Any,
) -> list[dict[str, Any]]:
    path = folder / "a.tmx"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    settings = tmx.Settings.model_validate(
        {"path": str(path), "source": "en", "target": "de", **given}
    )
    tmx.fingerprint(settings)
    noted: Passed = [] if passed is None else passed
    context = Context(folder, limit=limit, passes_over=lambda *one: noted.append(one))
    return [row for batch in tmx.read(settings, "s", context) for row in batch.to_pylist()]


def test_a_unit_with_all_that_it_says(tmp_path: Path) -> None:
    data = file_of(
        unit(
            '<note>first</note><prop type="domain">law</prop><prop type="domain">trade</prop>',
            variant("en-GB", "A &lt;b&gt; colour.\n", '<prop type="quality">90</prop>'),
            variant("DE", "Eine Farbe."),
            tuid="7",
            creationdate="20020131T163812Z",
        )
    )
    (row,) = read(tmp_path, data, split="train", license="CC0")
    assert (row["text"], row["target"]) == ("A <b> colour.", "Eine Farbe.")
    assert (row["split"], row["license"]) == ("train", "CC0")
    assert row["uri"] == f"{tmp_path / 'a.tmx'}:5"
    assert {name[5:]: value for name, value in row.items() if name.startswith("meta.")} == {
        "tuid": "7",
        "creationdate": datetime.datetime(2002, 1, 31, 16, 38, 12, tzinfo=datetime.UTC),
        "note": "first",
        "domain": ["law", "trade"],
        "source_language": "en-GB",
        "target_language": "DE",
        "source": '{"quality":"90"}',
    }
    (row,) = read(tmp_path, data, meta=["tuid"])
    assert [name for name in row if name.startswith("meta.")] == ["meta.tuid"]


def test_the_exact_language_goes_first_and_a_further_one_is_told(tmp_path: Path) -> None:
    passed: Passed = []
    variants = [variant(one, one) for one in ("en-US", "en", "eng", "de_AT", "de-DE")]
    (row,) = read(tmp_path, file_of(unit(*variants)), passed=passed)
    assert (row["text"], row["target"]) == ("en", "de_AT")
    assert [reason for _, reason in passed] == [tmx.FURTHER, tmx.FURTHER, tmx.third("eng")]
    (row,) = read(tmp_path, file_of(unit(*variants)), source="en-us", target="de-de")
    assert (row["text"], row["target"]) == ("en-US", "de-DE")


@pytest.mark.parametrize(
    ("segment", "text"),
    [
        ('Press <bpt i="1">&lt;b></bpt>here<ept i="1">&lt;/b></ept> now', "Press here now"),
        ("a <ph>{0}</ph> b<it pos='begin'>[</it>", "a  b"),
        ("a <hi type='term'>big <hi>old</hi></hi> tree", "a big old tree"),
        ("a<ut>x</ut>b &amp; c &#233;", "ab & c é"),
        ("see<ph>\\footnote{<sub>a note</sub>}</ph> there", "see there"),
    ],
)
def test_codes_are_no_text(segment: str, text: str, tmp_path: Path) -> None:
    passed: Passed = []
    data = file_of(unit(variant("en", segment), variant("de", "x")))
    (row,) = read(tmp_path, data, passed=passed)
    assert row["text"] == text
    assert [reason for _, reason in passed] == [tmx.SUB_FLOW] * ("<sub>" in segment)


def test_what_is_not_a_pair(tmp_path: Path) -> None:
    passed: Passed = []
    data = file_of(
        unit(variant("en", "alone"), variant("fr", "seul")),
        unit(variant("en", " "), variant("de", "leer")),
        unit(variant("en", "x" * 300), variant("de", "lang")),
        unit(variant("en", "named &company; here"), variant("de", "x")),
        both(1),
    )
    rows = read(tmp_path, data, passed=passed, max_record_bytes=256)
    assert [row["text"] for row in rows] == [None, None, None, "one 1"]
    errors = [row["error"] or "" for row in rows]
    assert "the source side (en) is empty" in errors[0]
    assert "above `max_record_bytes` of 256" in errors[1]
    assert "the entity `&company;` is declared nowhere" in errors[2]
    assert passed == [(f"{tmp_path / 'a.tmx'}:5", tmx.LACKING)]
    with pytest.raises(DataError, match="not one unit has both en and it") as caught:
        read(tmp_path, file_of(unit(variant("en", "a"), variant("fr", "b")), both(1)), target="it")
    assert "there are en, fr, de" in caught.value.hint


@pytest.mark.parametrize(
    ("units", "cause"),
    [
        (
            unit(variant("en", "do not <note>n</note>go"), variant("de", "x")),
            "`note` within a `seg`",
        ),
        (unit(variant("en", '<hi>a <prop type="x">n</prop></hi>b')), "`prop` within a `seg`"),
        (unit(variant("en", "a<seg>b</seg>"), variant("de", "x")), "`seg` within a `seg`"),
        (unit("<note>a<hi>b</hi></note>", variant("en", "a")), "`hi` within a `note`"),
        (unit('<tuv xml:lang="en">', variant("de", "x"), "</tuv>"), "`tuv` within a `tuv`"),
        (unit(variant("en", "a"), both(7).strip(), variant("de", "b")), "a `tu` within a `tu`"),
        (unit(variant("en", "a" + both(7).strip()), variant("de", "b")), "a `tu` within a `tu`"),
    ],
)
def test_a_unit_with_something_where_it_cannot_be(units: str, cause: str, tmp_path: Path) -> None:
    passed: Passed = []
    rows = read(tmp_path, file_of(units, both(1)), passed=passed)
    assert [row["text"] for row in rows] == [*["one 7"] * ("one 7" in units), None, "one 1"]
    assert cause in rows[-2]["error"]
    assert passed == []


def test_what_stands_in_no_unit_is_told(tmp_path: Path) -> None:
    passed: Passed = []
    data = file_of(
        variant("en", "stray\n"),
        "<seg>stray</seg>\n",
        "words\n",
        unit(
            "<seg>no</seg><prop>x</prop>or", variant("en", "a"), "<seg>b</seg>", variant("de", "c")
        ),
    )
    rows = read(tmp_path, data, passed=passed)
    assert [(row["text"], row["target"], row["error"]) for row in rows] == [("a", "c", None)]
    assert [(place.rpartition(":")[2], reason) for place, reason in passed] == [
        ("5", formats.STRAY_VARIANT),
        ("6", formats.STRAY_SEGMENT),
        ("8", formats.STRAY_WORDS),
        ("8", formats.STRAY_SEGMENT),
        ("8", formats.UNTYPED),
        ("8", formats.STRAY_WORDS),
        ("8", formats.STRAY_SEGMENT),
    ]


def test_a_third_language_is_told(tmp_path: Path) -> None:
    passed: Passed = []
    both_and = (variant("en", "a"), variant("fr", "b"), variant("de-AT", "c"), variant("fr", "d"))
    rows = read(tmp_path, file_of(*[unit(*both_and, "<tuv><seg>e</seg></tuv>")] * 2), passed=passed)
    assert len(rows) == 2
    assert [reason for _, reason in passed] == [tmx.third("fr"), tmx.third("")] * 2
    assert tmx.third("fr") == "a text in the language fr, which is neither `source` nor `target`"


@pytest.mark.parametrize("packed", [False, True])
def test_what_came_before_the_damage_is_kept(packed: bool, tmp_path: Path) -> None:
    whole = file_of(*map(both, range(5)))
    cut = whole[: whole.index("eins 3") + 4].encode()
    rows = read(tmp_path, gzip.compress(cut) if packed else cut)
    assert [row["text"] for row in rows] == ["one 0", "one 1", "one 2", None]
    assert rows[-1]["uri"] == f"{tmp_path / 'a.tmx'}:8"
    assert "in line 8; what follows the unit of line 7 is lost" in rows[-1]["error"]
    rows = read(
        tmp_path, whole.replace('</seg></tuv></tu>\n<tu><tuv xml:lang="en"><seg>one 2', "<")
    )
    assert [row["text"] for row in rows] == ["one 0", None]


def test_of_a_packed_stream_that_is_cut_off_what_could_be_unpacked_is_kept(tmp_path: Path) -> None:
    many = gzip.compress(file_of(*map(both, range(20_000))).encode())
    rows = read(tmp_path, many[: len(many) * 19 // 20])
    assert rows[-1]["error"] is not None
    assert 13_000 < len(rows) < 20_000


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ('<!DOCTYPE tmx [<!ENTITY a "b">]><tmx/>', "its DOCTYPE declares something of its own"),
        ('<!DOCTYPE tmx SYSTEM "x.dtd" [<!ENTITY a SYSTEM "/etc/passwd">]><tmx/>', "DOCTYPE"),
        ("<html/>", "its root is `html`, not `tmx`"),
        (file_of(), "empty"),
    ],
)
def test_what_is_refused(data: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, data)


@pytest.mark.parametrize(
    "data",
    [
        file_of(unit(variant("en", "<hi>" * 100 + "x" + "</hi>" * 100), variant("de", "x"))),
        f"{HEAD}<body><tu x='{'a' * (3 << 20)}'></tu></body></tmx>",
    ],
)
def test_what_is_too_deep_or_too_long_is_left_in_time(data: str, tmp_path: Path) -> None:
    (row,) = read(tmp_path, data)
    assert row["error"] is not None
    assert least_s(lambda: read(tmp_path, data), 2) < 2


def test_other_encodings(tmp_path: Path) -> None:
    data = file_of(unit(variant("en", "naïve"), variant("de", "größer")))
    (row,) = read(tmp_path, data.replace('1.0"', '1.0" encoding="UTF-16"', 1).encode("utf-16"))
    assert (row["text"], row["target"]) == ("naïve", "größer")
    latin = data.replace('1.0"', '1.0" encoding="ISO-8859-1"', 1).encode("latin-1")
    assert read(tmp_path, latin)[0]["target"] == "größer"


def test_settings(tmp_path: Path) -> None:
    assert len(read(tmp_path, file_of(*map(both, range(5))), limit=2)) == 2
    for given in ({"source": "de"}, {"source": "en us"}, {"target": ""}):
        with pytest.raises(ValidationError):
            tmx.Settings.model_validate({"path": "x", "source": "en", "target": "de", **given})
