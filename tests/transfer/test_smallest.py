"""The smallest effect that matters: by metric, where nobody has named one."""

from __future__ import annotations

import pytest

from tilth.query.explain import explain
from tilth.transfer.smallest import smallest_effect_of


def test_a_metric_that_nobody_declares_has_the_smaller_one() -> None:
    assert smallest_effect_of("of a task of one's own", None) == 0.01


def test_what_is_given_goes_first() -> None:
    assert smallest_effect_of("accuracy", None) == 0.5
    assert smallest_effect_of("bits_per_byte", None) == 0.01
    assert smallest_effect_of("accuracy", 0.0) == 0.0
    assert smallest_effect_of("accuracy", 2) == 2


@pytest.mark.parametrize("stage", ["transfer", "value"])
def test_explain_says_the_default_of_each_metric(stage: str) -> None:
    settings = {info.name: info for info in explain(stage)[0].settings}
    said = settings["smallest_effect"]
    assert said.default == "nothing"
    assert "nothing: 0.01 of loss, bits_per_byte; 0.5 of accuracy, top5" in said.description
