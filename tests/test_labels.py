"""One rule for what a label is, and a recipe names labels by it as well."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from tilth.label import vote
from tilth.labels import Label, as_label, named_label
from tilth.mix import weights
from tilth.tasks.settings import DataSettings, TargetDataSettings


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("1", "1"),
        ("1.0", "1"),
        (" 1 ", "1"),
        ("\t1.000\u00a0", "1"),
        ("-0.0", "0"),
        ("-3.0", "-3"),
        ("01", "01"),
        ("01.0", "01.0"),
        ("1.5", "1.5"),
        ("1.10", "1.10"),
        ("1e0", "1e0"),
        (".0", ".0"),
        ("٣.0", "٣.0"),
        ("true", "true"),
        ("True", "True"),
        ("NaN", "NaN"),
        ("Zoe\u0308", "Zoë"),
        ("\ufeff\u200b pos\u2060", "pos"),
        ("new  york", "new  york"),
        ("", None),
        (" \u200b\n", None),
    ],
)
def test_what_a_label_is(text: str, label: str | None) -> None:
    assert as_label(text) == label


@given(st.text())
def test_a_label_in_its_one_spelling_stays(text: str) -> None:
    label = as_label(text)
    assert label is None or as_label(label) == label


class Named(BaseModel):
    """A setting that names a label."""

    label: Label


@given(st.text())
def test_a_recipe_names_a_label_in_any_of_its_spellings(text: str) -> None:
    if as_label(text) is None:
        with pytest.raises(ValidationError, match="a label that is empty or blank is none"):
            Named(label=text)
    else:
        assert Named(label=text).label == named_label(text) == as_label(text)


def test_every_setting_that_names_labels_does_so() -> None:
    function = {"name": "one", "label": "1.0", "signal": "x", "at_least": 1}
    given = {"sets": (), "functions": (function,), "otherwise": "2.0"}
    voting = vote.Settings.model_validate(given)
    assert vote.gives_labels(voting) == ("1", "2")
    assert weights.Settings.model_validate({"labels": {" 1 ": 0.5, "1.5": 2.0}}).labels == (
        ("1", 0.5),
        ("1.5", 2.0),
    )
    with pytest.raises(ValidationError, match="stands there twice"):
        weights.Settings.model_validate({"labels": {"1": 0.5, "1.0": 2.0}})
    assert DataSettings(labels=("1.0", "e\u0301")).labels == ("1", "é")
    assert TargetDataSettings(labels=("1.0",)).labels == ("1",)
