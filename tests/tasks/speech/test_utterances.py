"""Utterances as numbers; what cannot be learnt from is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.augment.sounds import RATE
from tests.tasks.speech.speech_samples import encode, say, speech_dataset, speech_rows
from tilth.errors import DataError
from tilth.models.ctc.network import num_steps
from tilth.tasks.prepare import Prepared, prepare
from tilth.tasks.settings import DataSettings
from tilth.tasks.speech.utterances import is_too_short
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
    expected = say("ab", 0.06)
    assert test.inputs[0].dtype == np.float32
    assert np.abs(test.inputs[0] - expected).max() <= 1 / 32768


def test_what_cannot_be_decoded_is_an_error_that_names_it(tmp_path: Path) -> None:
    rows = speech_rows(30)
    for odd, cause in ((b"no sound", "cannot be decoded: no WAV"), (None, "there is none")):
        rows[3]["audio"] = odd
        with pytest.raises(DataError, match=cause) as caught:
            prepared(tmp_path / cause[:6], rows)
        assert rows[3]["id"] in caught.value.where


def test_what_is_too_short_stays_and_is_told(tmp_path: Path) -> None:
    """It teaches nothing, and where it is measured its words count as wrong."""
    rows = speech_rows(300)
    for row, samples in ((4, 100), (9, 1)):
        rows[row]["audio"] = encode(say("cb")[:samples])
    one = prepared(tmp_path, rows)
    assert sum(len(split) for split in one.splits.values()) == 300
    (told,) = one.notes
    assert "too short for their transcript (20 ms a symbol, less the silence at" in told
    assert f"2 of 300 ({rows[4]['id']}, {rows[9]['id']})" in told
    assert prepared(tmp_path / "other", speech_rows()).notes == ()


def test_silence_is_no_time_to_say_anything_in(tmp_path: Path) -> None:
    """The spectrum is without it, and so would be what is learnt, without a word."""
    rows = speech_rows(30)
    rows[4]["audio"] = encode(np.concatenate([say("ab", 0.05), np.zeros(RATE, np.float32)]))
    rows[4]["target"] = "abcabcabcabc"
    (told,) = prepared(tmp_path, rows).notes
    assert f"1 of 30 ({rows[4]['id']})" in told


def test_too_short_is_where_no_path_spells_a_text() -> None:
    for frames in range(40):
        for text in ("a", "ab", "aab", "abcabc", "aaaaaa"):
            steps = int(num_steps(torch.tensor([frames]))[0])
            logs = torch.zeros(max(steps, 1), 1, 4).log_softmax(-1)
            symbols = torch.tensor([["abc".index(one) + 1 for one in text]])
            lengths = torch.tensor([steps]), torch.tensor([len(text)])
            loss = torch.nn.functional.ctc_loss(logs, symbols, *lengths, reduction="sum")
            assert is_too_short(frames, text) == bool(torch.isinf(loss)), (frames, text)


def test_a_letter_with_an_accent_is_one_symbol(tmp_path: Path) -> None:
    """As it is in the answers: half of a letter would count as an error of its own."""
    rows = speech_rows(30)
    for row, spelt in enumerate(("bé", "be\u0301", "e\u0301b")):
        rows[row]["target"] = spelt
    one = prepared(tmp_path, rows)
    assert one.facts.classes == ("", "a", "b", "c", "é")
    assert {"bé", "éb"} <= {*one.facts.words} == {*one.facts.transcripts}
    targets: list[list[int]] = []
    for split in one.splits.values():
        assert isinstance(split, Examples)
        assert isinstance(split.targets, Ragged)
        targets += [split.targets[at].tolist() for at in range(len(split))]
    assert targets.count([2, 4]) == 2


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
