"""A field by its name, or the nearest that there is."""

from __future__ import annotations

import pyarrow as pa
import pytest

from tilth.errors import UsageError
from tilth.meta.named import field_of


def test_a_field_by_its_name_or_the_nearest() -> None:
    batch = pa.record_batch({"text": ["a"], "meta.year": [2015]})
    assert field_of(batch, "meta.year").to_pylist() == [2015]
    short = pa.record_batch({"meta.score": pa.array([0.1, None], pa.float32())})
    assert field_of(short, "meta.score").to_pylist() == [0.1, None]
    with pytest.raises(UsageError, match=r"no record has the field `meta.yaer`") as caught:
        field_of(batch, "meta.yaer")
    assert caught.value.hint == "did you mean `meta.year`?"
    with pytest.raises(UsageError) as caught:
        field_of(batch.select(["text"]), "meta.year")
    assert caught.value.hint == "no source passes on a field"
