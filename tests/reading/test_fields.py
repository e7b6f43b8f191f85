"""Which field is which column: keys of the schema, keys of the user's own, and slips."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tilth.reading.fields import Fields, carried, filled, names_of, open_names_of
from tilth.schema import SCHEMA
from tilth.settings import acting


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("labl", "label"),
        ("lable", "label"),
        ("labels", "label"),
        ("txt", "text"),
        ("texts", "text"),
        ("licence", "license"),
        ("annotation", "annotations"),
        ("subjct", "subject"),
        ("spilt", "split"),
        ("year", None),
        ("title", None),
        ("url", None),
        ("lang", None),
        ("date", None),
        ("author", None),
        ("score", None),
        ("meta.labels", None),
    ],
)
def test_a_key_that_is_nearly_a_column_is_a_slip(key: str, meant: str | None) -> None:
    if meant is None:
        assert Fields.model_validate({key: "x"}).others == {key: "x"}
        return
    with pytest.raises(ValidationError, match=f"did you mean `{meant}`"):
        Fields.model_validate({key: "x"})


def test_a_column_that_no_field_fills_is_no_key() -> None:
    for key in SCHEMA.keys() - Fields.model_fields.keys():
        with pytest.raises(ValidationError, match="a column that no field fills"):
            Fields.model_validate({key: "x"})


def test_a_field_is_named_by_text_and_a_column_once() -> None:
    with pytest.raises(ValidationError):
        Fields.model_validate({"year": 2015})
    with pytest.raises(ValidationError, match="are one column"):
        Fields.model_validate({"year": "a", "meta.year": "b"})


def test_the_order_of_keys_says_nothing_and_each_counts() -> None:
    one = Fields.model_validate({"year": "a", "kind": "b"})
    other = Fields.model_validate({"kind": "b", "year": "a"})
    assert acting(one) == acting(other)
    assert acting(one) != acting(Fields.model_validate({"kind": "b", "year": "c"}))
    assert acting(one) != acting(Fields.model_validate({"kind": "b"}))
    assert Fields.model_validate(one.model_dump(mode="json")) == one


def test_what_is_named_and_what_may_be_filled() -> None:
    fields = Fields.model_validate(
        {"text": ["a", "b"], "year": "issued.year", "label": "l", "meta": ["c", "meta.d"]}
    )
    assert names_of(fields) == ("a", "b", "l", "issued.year", "c", "meta.d")
    assert open_names_of(fields) == ("l", "issued.year", "c", "meta.d")
    assert filled(fields, license=None, split=None) == (
        *("text", "label", "label_origin", "meta.year", "meta.c", "meta.d"),
    )
    assert filled(Fields(), license="CC0", split=None) == ("text", "license", "meta.*")
    assert carried("none") == ()
    assert carried(("meta",)) == ("meta.*",)
