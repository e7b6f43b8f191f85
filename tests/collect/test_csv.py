"""Delimited text: agrees with the standard library on good files, loses one record on bad ones."""

from __future__ import annotations

import csv as standard
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

import tilth
from tilth.collect import csv
from tilth.context import Context
from tilth.engine.events import Event, Warned
from tilth.errors import DataError
from tilth.reading import inputs, records


def read(path: Path, limit: int | None = None, **given: Any) -> list[dict[str, Any]]:
    found = csv.read(csv.Settings(path=str(path), **given), "s", Context(path.parent, limit=limit))
    rows: list[dict[str, Any]] = pa.Table.from_batches(list(found)).to_pylist()
    return rows


def texts(path: Path, **given: Any) -> list[str | None]:
    return [row["text"] for row in read(path, **given)]


def write(path: Path, data: str | bytes) -> Path:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


CELL = st.text(st.sampled_from('ab ",\n'), max_size=6)


@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=8))
def test_fields_are_those_of_the_standard_library(rows: list[tuple[str, str]]) -> None:
    stream = io.StringIO()
    standard.writer(stream, lineterminator="\n").writerows(rows)
    splitter, found = csv.Splitter(",", '"'), []
    for line in stream.getvalue().removesuffix("\n").split("\n"):
        if splitter.feed(line):
            found.append(tuple(splitter.fields))
            splitter = csv.Splitter(",", '"')
    assert found == rows


def test_columns_by_name_quotes_and_line_breaks(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'y,text\r\n1,"a ""b"", c\r\nd"\r\n2,plain\r\n')
    rows = read(path, fields={"label": "y"}, split="test")
    assert [(row["text"], row["label"], row["split"]) for row in rows] == [
        ('a "b", c\nd', "1", "test"),
        ("plain", "2", "test"),
    ]
    assert rows[1]["uri"] == f"{path}:4"


def test_tsv_without_header_and_quotes(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", 'ham\t"so he said\nspam\tWIN "now"\n')
    found = read(path, header=False, columns=("y", "text"), quote="", fields={"label": "y"})
    assert [(row["label"], row["text"]) for row in found] == [
        ("ham", '"so he said'),
        ("spam", 'WIN "now"'),
    ]


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        (b"1,2,3", "3 columns instead of 2"),
        (b"1", "1 columns instead of 2"),
        (b"1,\xff", "invalid UTF-8"),
        (b'1,"never closed', "text after a closing quotation mark"),
        (b'1,"a"b', "text after a closing quotation mark, at character 6"),
        (b"1," + b"x" * 300, "302 bytes, above `max_record_bytes` of 100"),
    ],
)
def test_a_bad_record_costs_one_record(tmp_path: Path, line: bytes, cause: str) -> None:
    lines = [b"y,text", b"1,one", line, b'1,"t\nwo"', b'1,"three"']
    path = write(tmp_path / "a.csv", b"\n".join(lines) + b"\n")
    rows = read(path, max_record_bytes=100, encoding="utf-8")
    assert [row["text"] for row in rows if not row["error"]] == ["one", "t\nwo", "three"]
    (bad,) = [row for row in rows if row["error"]]
    assert bad["error"].startswith(f"{path}:3: ")
    assert cause in bad["error"]


def test_an_open_quotation_mark_at_the_end_costs_its_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'text\n"open\nb\nc\n')
    rows = read(path)
    assert [row["text"] for row in rows] == [None, "b", "c"]
    assert "never closed" in rows[0]["error"]


def test_a_decimal_comma_is_read_or_told(tmp_path: Path) -> None:
    """Of all records together, whatever delimiter and however the rows come in batches."""
    rows = "".join(f"text {n};{n};{n},5;1.234,{n}\n" for n in range(700))
    path = write(tmp_path / "a.csv", f"text;whole;price;sum\n{rows}")
    told: dict[str, list[str]] = {}
    for decimal in (".", ","):
        recipe = tmp_path / "recipe.yaml"
        source = f'{{csv: {{path: {path}, decimal: "{decimal}"}}}}'
        recipe.write_text(f"tilth: 1\nname: a\ncollect: {{prices: {source}}}\n", "utf-8")
        events: list[Event] = []
        run = tilth.run(recipe, runs=tmp_path / "runs", workers=1, progress=events.append)
        told[decimal] = [one.message for one in events if isinstance(one, Warned)]
        found = run.dataset("collect.prices").to_arrow()
        assert found["meta.whole"].to_pylist() == list(range(700))
        assert found["meta.sum"].to_pylist()[:2] == ["1.234,0", "1.234,1"]
        prices = found["meta.price"].to_pylist()
        assert prices == [n + 0.5 if decimal == "," else f"{n},5" for n in range(700)]
    assert told[","] == []
    (sentence,) = told["."]
    assert "`meta.price` is text, and all its values are numbers if a comma parts" in sentence


def test_another_encoding(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text\nnaïve\n".encode("latin-1"))
    assert texts(path, encoding="latin-1") == ["naïve"]
    path = write(tmp_path / "b.csv", "text|n\n数据|1\n".encode("gb18030"))
    assert texts(path, encoding="gb18030", delimiter="|") == ["数据"]


def test_columns_that_are_not_there_are_said_once(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "body,y\n" * 10)
    with pytest.raises(DataError, match="no column `text`; there are body, y"):
        read(path)
    write(path, "text,text\na,b\n")
    with pytest.raises(DataError, match="column `text` is there twice"):
        read(path)


def test_a_header_alone_is_an_empty_source(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the source is empty"):
        read(write(tmp_path / "a.csv", "text\n"))


def test_blank_lines_are_no_records(tmp_path: Path) -> None:
    assert texts(write(tmp_path / "a.csv", "y,text\n\n1,a\n\n")) == ["a"]


def test_settings_must_name_the_columns() -> None:
    with pytest.raises(ValidationError, match="either `header: true`"):
        csv.Settings(path="a", header=False)
    with pytest.raises(ValidationError, match="one character"):
        csv.Settings(path="a", delimiter="ab")


def test_ag_news(shared_data: Path) -> None:
    path = shared_data / "ag-news-test" / "test.csv.gz"
    rows = read(
        path,
        header=False,
        columns=("class", "title", "description"),
        fields={"text": ("title", "description"), "label": "class"},
    )
    assert len(rows) == 7600
    assert not any(row["error"] for row in rows)
    labels = [row["label"] for row in rows]
    assert [labels.count(name) for name in "1234"] == [1900] * 4


def test_labels_by_what_they_mean(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "y,text\n1,one\n3,three\n2,two\n")
    rows = read(path, fields={"label": "y"}, labels={"1": "World", "2": "Sports"})
    assert [row["label"] for row in rows] == ["World", None, "Sports"]
    assert rows[1]["error"] == f"{path}:3: label `3` is not in `labels`"
    with pytest.raises(ValidationError, match="which column has the label"):
        csv.Settings(path="a", labels={"1": "World"})


def test_the_first_rows_are_for_training(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text\n" + "".join(f"row {n}\n" for n in range(10)))
    rows = read(path, split={"train": 0.3, "test": 0.7})
    assert [row["split"] for row in rows] == ["train"] * 3 + ["test"] * 7
    (first,) = read(path, limit=1, split={"train": 0.3, "test": 0.7})
    assert first["split"] == "train"


def test_banking77(shared_data: Path) -> None:
    folder = shared_data / "banking77"
    rows = read(folder / "train.csv", fields={"label": "category"}, split="train")
    assert len(rows) == 10_003
    assert len({row["label"] for row in rows}) == 77
    assert not any(row["error"] for row in rows)
    assert len(read(folder / "test.csv", fields={"label": "category"})) == 3_080


def test_sms_spam(shared_data: Path) -> None:
    rows = read(
        shared_data / "sms-spam" / "sms.tsv",
        header=False,
        columns=("label", "text"),
        quote="",
        fields={"label": "label"},
        split={"train": 0.3, "test": 0.7},
    )
    assert len(rows) == 5_574
    labels = [row["label"] for row in rows]
    assert (labels.count("ham"), labels.count("spam")) == (4_827, 747)
    assert [row["split"] for row in rows].count("train") == 1_672


def _plain_errors(data: str, max_bytes: int) -> list[str]:
    """What each record of the columns text and y is, by going on from each line anew: quadratic."""
    lines = data.split("\n")[:-1] if data.endswith("\n") else data.split("\n")
    found, at = [], 0
    while at < len(lines):
        splitter, size, error = csv.Splitter(",", '"'), -1, "a quotation mark is never closed"
        after = at + 1
        for number, line in enumerate(lines[at:], start=at):
            size += len(line.encode()) + 1
            try:
                if size > max_bytes:
                    raise records.RecordError(inputs.too_long(size, max_bytes))
                if splitter.feed(line):
                    wrong = f"{len(splitter.fields)} columns instead of 2"
                    fits = len(splitter.fields) >= 2 and not any(splitter.fields[2:])
                    error = "" if fits else wrong
                    after = after if error else number + 1
                    break
            except records.RecordError as raised:
                error = str(raised)
                break
        if lines[at].strip():
            found.append(f"{at + 2}: {error}" if error else "\n".join(splitter.fields[:2]))
        at = after
    return found


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(['"', '""', ",", "\n", "x", '\n"', '","', ',"', " "]), max_size=60
    ).map("".join),
    st.sampled_from([64, 1000]),
)
def test_records_are_those_of_going_on_from_each_line_anew(
    tmp_path_factory: pytest.TempPathFactory, data: str, max_bytes: int
) -> None:
    path = write(tmp_path_factory.getbasetemp() / "plain.csv", "text,y\n" + data + "\nlast,1\n")
    rows = read(path, max_record_bytes=max_bytes, fields={"text": ["text", "y"]})
    found = [row["error"].removeprefix(f"{path}:") if row["error"] else row["text"] for row in rows]
    assert found == _plain_errors(data + "\nlast,1\n", max_bytes)


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        # A spreadsheet's columns right of its data, in the header, in the rows, in some of them.
        ("text,n,,\na,1,,\nb,2,,\n", [{"n": "1"}, {"n": "2"}]),
        ("text,n\na,1,,\nb,2\n", [{"n": "1"}, {"n": "2"}]),
        ("text,n,,\na,1\nb,2,\nc,3,,,,\n", [{"n": "1"}, {"n": "2"}, {"n": "3"}]),
        ('text,n\n"a\nb",1,,\n', [{"n": "1"}]),
        ('text,n,,\n"a\nb",1\n', [{"n": "1"}]),
        # A column without a name is none, wherever it stands.
        (",text,n\n0,a,1\n1,b,2\n", [{"n": "1"}, {"n": "2"}]),
        ("text,,n\na,,1\n", [{"n": "1"}]),
        # A name that is there twice.
        ("text,n,n,n (2)\na,1,2,3\n", [{"n": "1", "n (2)": "3", "n (3)": "2"}]),
        # An empty cell says nothing.
        ("text,n,m\na,,1\nb, ,\n", [{"m": "1"}, {"n": " "}]),
    ],
)
def test_columns_of_a_spreadsheet(tmp_path: Path, table: str, rows: list[dict[str, str]]) -> None:
    found = read(write(tmp_path / "a.csv", table))
    assert not any(row["error"] for row in found)
    assert [
        {k.removeprefix("meta."): v for k, v in row.items() if "meta." in k and v is not None}
        for row in found
    ] == rows


def test_too_many_and_too_few_cells_are_a_fault_where_they_say_something(tmp_path: Path) -> None:
    found = read(write(tmp_path / "a.csv", "text,n,\na\nb,1,,x\nc,1,x\nd,1\n"))
    assert [row["error"] for row in found] == [
        f"{tmp_path / 'a.csv'}:2: 1 columns instead of 3",
        f"{tmp_path / 'a.csv'}:3: 4 columns instead of 3",
        None,
        None,
    ]


def test_a_nameless_column_that_holds_something_is_told(tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []
    path = write(tmp_path / "a.csv", ",text,,n\n,a,,1\n5,b,,2\n6,c,,3\n")
    context = Context(tmp_path, passes_over=lambda place, reason: told.append((place, reason)))
    list(csv.read(csv.Settings(path=str(path)), "s", context))
    assert told == [(f"{path}:column 1", "a field without a name")]


def test_the_rest_of_a_line_is_text(tmp_path: Path) -> None:
    """As fastText has it: a label, a blank, and text with blanks and quotation marks."""
    path = write(
        tmp_path / "a.txt",
        '__label__sauce How much "potato starch" to use?\n__label__bread  two blanks\n'
        "no label here\n__label__ empty\n__label__alone\n",
    )
    rows = read(
        path,
        header=False,
        columns=["label", "text"],
        delimiter=" ",
        quote="",
        rest=True,
        label_prefix="__label__",
        fields={"label": "label"},
    )
    assert [(row["label"], row["text"]) for row in rows[:2]] == [
        ("sauce", 'How much "potato starch" to use?'),
        ("bread", " two blanks"),
    ]
    assert [row["error"].partition(": ")[2] for row in rows[2:]] == [
        "label `no` is not `__label__` and a name",
        "label `__label__` is not `__label__` and a name",
        "1 columns instead of 2 or more",
    ]
    for wrong in ({"rest": True}, {"label_prefix": "x"}):
        with pytest.raises(ValidationError, match="needs"):
            csv.Settings.model_validate({"path": "a", **wrong})


@given(
    st.lists(
        st.tuples(st.text("ab,", min_size=1, max_size=3), st.text('x ,"', max_size=6)), max_size=6
    )
)
def test_a_label_and_the_rest_are_those_of_split(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "rest.txt"
    write(path, "__ first\n" + "".join(f"{label} {text}\n" for label, text in lines))
    rows = read(
        path,
        header=False,
        columns=["label", "text"],
        delimiter=" ",
        quote="",
        rest=True,
        fields={"label": "label"},
    )
    assert [(row["label"], row["text"]) for row in rows] == [("__", "first"), *lines]


@settings(deadline=None, max_examples=300)
@given(
    lines=st.lists(
        st.sampled_from(
            [
                *(b"a,b\n", b'"x",y\n', b'"x\n', b'y",z\n', b"\n", b" ,\t\n", b"a\n", b'p"q,r\n'),
                *(b"\xff,b\n", b"a,b\r\n", b'a,"b\rc"\n', b"a,b,,\n", b'"a"b,c\n', b"\r\n"),
                *(b'"", "\n', b'"0123456789\n', b"\0,b\n", b'"q""r",s'),
            ]
        ),
        max_size=14,
    ),
    at_once=st.integers(1, 9),
)
def test_blocks_of_regular_lines_give_what_line_by_line_does(
    lines: list[bytes], at_once: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "blocks.csv"
    path.write_bytes(b"text,more\n" + b"".join(lines))
    file = inputs.SourceFile(path, "blocks.csv", "blocks.csv")
    # A few bytes of which some are zeros look like UTF-16.
    plain = csv.Settings(path="x", encoding="utf-8")
    given = csv.Settings.model_construct(**plain.__dict__ | {"max_record_bytes": 20})
    found = []
    for encodings in ((), ("utf-8",)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(csv, "_LINES_AT_ONCE", at_once)
            patch.setattr(csv, "_BY_BYTE", encodings)
            rows = list(csv.read_file(file, given))
            found.append([(place, str(row), size) for place, row, size in rows])
    assert found[0] == found[1]


WORDS = "Übermäßig große Bäume stehen für gewöhnlich über den Dächern, sagen “alle”."


@pytest.mark.parametrize(
    ("data", "given"),
    [
        (f"text;n\r\n{WORDS};1,5\r\n".encode("cp1252"), {"encoding": "cp1252"}),
        (f"text;n\r\n{WORDS};1,5\r\n".encode("cp1252"), {"encoding": "auto"}),
        (f"\ufefftext;n\r\n{WORDS};1,5\r\n".encode(), {}),
        (f"\ufefftext\tn\r\n{WORDS}\t1,5\r\n".encode("utf-16-le"), {}),
        (f"\ufefftext\tn\r\n{WORDS}\t1,5\r\n".encode("utf-16-be"), {"encoding": "auto"}),
        (f"sep=;\r\ntext;n\r\n{WORDS};1,5\r\n".encode(), {}),
        (f"text;n\r{WORDS};1,5\r".encode(), {}),
    ],
)
def test_as_a_spreadsheet_program_writes_it(
    tmp_path: Path, data: bytes, given: dict[str, str]
) -> None:
    path = write(tmp_path / "a.csv", data)
    assert texts(path, **given) == [WORDS]
