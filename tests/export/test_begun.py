"""Killed in the middle and started again: the same bytes, and what was done is not done again."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.export.made import dataset, digests, export, png, texts, wav
from tilth.export import formats, names
from tilth.export.begun import LEDGER, Begun, row_sizes
from tilth.schema import WEIGHT
from tilth.store import Dataset
from tilth.tasks.text.tokenize import Tokenizer, train_tokenizer

FORMATS = names.FORMATS


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    rows = [
        row | {"image": png(at), "audio": wav(at), "label": "ab"[at % 2], WEIGHT: 1.5}
        for at, row in enumerate(texts(20))
    ]
    return dataset(tmp_path_factory.mktemp("mixed"), [rows[:12], rows[12:]])


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer([row["text"] for row in texts(20)], 300)


def _export(mixed: Dataset, folder: Path, format: str, tokenizer: Tokenizer) -> tuple[int, Any]:
    given = tokenizer if formats.OF[format].needs_tokenizer else None
    return export(mixed, folder, format, seed=3, max_rows=6, tokenizer=given)


def _killed(work: Callable[[], object]) -> bool:
    """Do something in a process of its own; whether that was killed."""
    child = os.fork()
    if not child:
        signal.alarm(60)
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) == (os.WTERMSIG(status) == signal.SIGKILL)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


class _Killed:
    """A writer whose process is killed after it wrote its third shard, before that counts."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer
        self.max_rows = writer.max_rows
        self.max_bytes = writer.max_bytes

    def shard(self, batches: Iterator[pa.RecordBatch], number: int, first: int) -> Any:
        said = self._writer.shard(batches, number, first)
        if number == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return said


@pytest.mark.parametrize("format", FORMATS)
def test_a_kill_in_the_middle(
    format: str,
    mixed: Dataset,
    tokenizer: Tokenizer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = _export(mixed, tmp_path / "whole", format, tokenizer)
    real = formats.writer_of

    def work() -> None:
        monkeypatch.setattr("tests.export.made.writer_of", lambda *given: _Killed(real(*given)))
        _export(mixed, tmp_path / "killed", format, tokenizer)

    assert _killed(work)
    assert (tmp_path / "killed" / LEDGER).is_file()
    begun: list[int] = []

    class Counted(_Killed):
        def shard(self, batches: Iterator[pa.RecordBatch], number: int, first: int) -> Any:
            begun.append(number)
            return self._writer.shard(batches, number, first)

        def finish(self, facts: Any) -> Any:
            return self._writer.finish(facts)

    monkeypatch.setattr("tests.export.made.writer_of", lambda *given: Counted(real(*given)))
    assert _export(mixed, tmp_path / "killed", format, tokenizer) == whole
    assert begun[0] == 2
    assert digests(tmp_path / "killed") == digests(tmp_path / "whole")


@pytest.mark.parametrize("format", FORMATS)
def test_kills_at_random_moments(
    format: str, mixed: Dataset, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    """A moment is a call of any function, of Python's own too: `write`, `truncate`, `unlink`."""
    calls = 0

    def count(frame: Any, event: str, what: object) -> None:
        nonlocal calls
        calls += 1
        if calls == last:
            os.kill(os.getpid(), signal.SIGKILL)

    def work(folder: Path) -> None:
        nonlocal calls
        calls = 0
        sys.setprofile(count)
        try:
            _export(mixed, folder, format, tokenizer)
        finally:
            sys.setprofile(None)

    last = 0
    work(tmp_path / "whole")
    random, kills, all_calls = np.random.default_rng(FORMATS.index(format)), 0, calls
    for _ in range(6):
        last = int(random.integers(1, all_calls))
        kills += _killed(partial(work, tmp_path / "killed"))
    # What was done is not done again, so the later ones may come too late.
    assert kills
    _export(mixed, tmp_path / "killed", format, tokenizer)
    assert digests(tmp_path / "killed") == digests(tmp_path / "whole")


def test_a_shard_that_is_not_whole_any_more_is_written_again(
    mixed: Dataset, tmp_path: Path
) -> None:
    whole = export(mixed, tmp_path / "whole", "tfrecord", max_rows=6)
    folder = tmp_path / "begun"
    export(mixed, folder, "tfrecord", max_rows=6)
    done = [
        {"part": "train", "rows": 6, "facts": {}, "sizes": {}, "files": {name: size}}
        for name, size in ((name, (folder / name).stat().st_size) for name in digests(folder))
    ]
    lines = [json.dumps(line) for line in [{"identity": "tfrecord None"}, *done[:3]]]
    lines.append('{"part": "train", "rows": 6, "fa')
    (folder / LEDGER).write_text("\n".join(lines))
    (folder / "train-00001.tfrecord").write_bytes(b"cut")
    assert export(mixed, folder, "tfrecord", max_rows=6) == whole
    assert digests(folder) == digests(tmp_path / "whole")


def test_what_another_export_began_is_removed(tmp_path: Path) -> None:
    Begun(tmp_path, "one")
    (tmp_path / "of-one").write_text("x")
    Begun(tmp_path, "one")
    assert (tmp_path / "of-one").is_file()
    Begun(tmp_path, "two")
    assert [path.name for path in tmp_path.iterdir()] == [LEDGER]


def test_a_shard_ends_with_the_row_that_is_enough(mixed: Dataset, tmp_path: Path) -> None:
    export(mixed, tmp_path / "rows", "tfrecord", max_rows=7)
    assert len(digests(tmp_path / "rows")) == 3
    large = dataset(tmp_path / "data", [[{"text": "x" * 1000}] * 9])
    import tilth.export.tfrecord as module

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.TfRecord, "max_bytes", 2500)
        export(large, tmp_path / "bytes", "tfrecord")
    # 3 of a thousand letters are more than 2,500 bytes, 2 are not.
    assert len(digests(tmp_path / "bytes")) == 3


def test_what_is_in_lists_and_structs_takes_room() -> None:
    def sizes(values: list[Any]) -> list[int]:
        column = pa.array([[], *values])[1:] if isinstance(values[0], list) else pa.array(values)
        found: list[int] = row_sizes(pa.RecordBatch.from_pydict({"meta.x": column})).to_pylist()
        return found

    assert sizes([[1, 2, 3], None, []]) == [32, 8, 8]
    assert sizes([["ab"], ["", "abc"]]) == [18, 27]
    assert sizes([[[1], [2, 3]], [[]]]) == [48, 16]
    assert sizes([{"a": "abc", "b": [1]}, None]) == [8 + 11 + 16, 24]
