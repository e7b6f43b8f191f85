"""What files hold that code of the user's own opened, and of those that are not there."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tilth.engine.reads import ABSENT, as_now


def test_each_file_is_what_it_holds_now(tmp_path: Path) -> None:
    there, gone = tmp_path / "a", tmp_path / "b"
    there.write_bytes(b"words")
    assert as_now([str(gone), str(there), str(tmp_path)]) == {
        str(there): hashlib.sha256(b"words").hexdigest(),
        str(gone): ABSENT,
        str(tmp_path): ABSENT,
    }
    assert list(as_now([str(gone), str(there)])) == [str(there), str(gone)]
