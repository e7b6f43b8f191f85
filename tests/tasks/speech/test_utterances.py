"""Utterances as numbers; what cannot be learnt from is left out and noted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tasks.speech.speech_samples import encode, say, speech_dataset, speech_rows
from tilth.errors import DataError
from tilth.tasks.prepare import Prepared, prepare
from tilth.tasks.settings import DataSettings
from tilth.tasks.speech.utterances import steps_needed
from tilth.training.examples import Examples, Ragged


def prepared(folder: Path, rows: list[dict[str, Any]], **given: Any) -> Prepared:
    dataset = speech_dataset(folder / "data", rows)
    (folder / "work").mkdir(exist_ok=True)
    data = DataSettings.model_validate({"validation_share": 0})
    return prepare(dataset, "speech-recognition", data, folder / "work", **given)


def test_samples_and_symbols(tmp_path: Path) -> None:
    one = prepared(tmp_path, speech_rows())
    assert one.facts.classes == ("", "a", "b", "c")
    assert one.facts.transcripts == one.facts.words == ("ab", "abc", "bc", "ca", "cb")
    assert (one.facts.sample_rate, one.facts.sizes.mels) == (8000, 40)
    test = one.splits["test"]
    assert isinstance(test, Examples)
    assert isinstance(test.inputs, Ragged)
    assert isinstance(test.targets, Ragged)
    assert len(test) == 12
    np.testing.assert_array_equal(test.targets[0], [1, 2])
    expected = np.rint(say("ab", 0.06) * 32768)
    assert np.abs(test.inputs[0] - expected).max() <= 1


def test_what_cannot_be_learnt_from_is_left_out(tmp_path: Path) -> None:
    rows = speech_rows(300)
    rows[3]["audio"] = b"no sound"
    rows[4]["audio"] = encode(say("cb")[:300])
    one = prepared(tmp_path, rows)
    assert one.unreadable == (rows[3]["id"], rows[4]["id"])
    assert sum(len(split) for split in one.splits.values()) == 298
    for row in rows[5:10]:
        row["audio"] = b""
    with pytest.raises(DataError, match="7 of 300 utterances"):
        prepared(tmp_path / "worse", rows)


def test_no_transcript(tmp_path: Path) -> None:
    rows = speech_rows()
    rows[7]["target"] = None
    with pytest.raises(DataError, match="transcript of every utterance"):
        prepared(tmp_path, rows)


def test_symbols_of_another_model(tmp_path: Path) -> None:
    given = ("", "c", "b", "a", "x")
    assert prepared(tmp_path, speech_rows(), classes=given).facts.classes == given
    with pytest.raises(DataError, match="symbol `c`"):
        prepared(tmp_path / "other", speech_rows(), classes=("", "a", "b"))


def test_equal_symbols_need_a_blank_between() -> None:
    assert steps_needed(np.array([1, 2, 2, 3, 3, 3], np.uint16)) == 9
