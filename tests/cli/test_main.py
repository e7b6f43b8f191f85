from __future__ import annotations

import subprocess
import sys


def test_the_package_is_the_command() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "tilth", "show"], capture_output=True, text=True, check=False
    )
    assert found.returncode == 2
    assert "tilth show --help" in found.stderr or "Usage: tilth show" in found.stderr
    assert "__main__" not in found.stderr
