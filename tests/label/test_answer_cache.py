"""Answers that were paid for are on the disk before the next thing happens."""

from __future__ import annotations

from pathlib import Path

from tilth.label.answer_cache import FILE, AnswerCache, Kept, request_digest


def test_each_answer_is_synced_into_one_file(tmp_path: Path) -> None:
    request = request_digest("http://a.example/v1", b"{}")
    folder = tmp_path / "mine"
    with AnswerCache(folder) as kept:
        # 2 is FULL: in WAL mode each commit is synced, and each answer is one.
        (how,) = kept._db.execute("PRAGMA synchronous").fetchone()
        assert how == 2
        kept.keep(request, "m", Kept("cat", "", 1, 2))
        assert not kept._db.in_transaction
        with AnswerCache(folder) as other:
            assert other.find(request) == Kept("cat", "", 1, 2)
    assert [path.name for path in folder.iterdir()] == [FILE]
