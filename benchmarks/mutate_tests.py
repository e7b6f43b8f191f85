"""Run tests many times over in one tree: what is large and never changed is imported once.

Reads JSON by line, {"tests": [...], "limit_s": ..., "numba": folder}, and answers each with
{"code": of pytest, or null where the time was over, "told": what was printed}. Every run is a fork
of its own, in which the project itself is imported anew.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from typing import Any

import pytest

# Costs seconds to import, and is not what is changed.
_LARGE = (
    "hypothesis.strategies",
    "numpy",
    "pyarrow.parquet",
    "pyarrow.compute",
    "pydantic",
    "yaml",
)
_LARGE += ("scipy.stats", "torch", "numba", "PIL.Image", "sklearn.metrics")
_QUIET = ("-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--tb=no", "-rfE")
# Of what is imported already, and has no test's assertions in it.
_UNWARNED = ("-W", "ignore::pytest.PytestAssertRewriteWarning")


def main() -> None:
    """Answer until the input ends."""
    for name in _LARGE:
        importlib.import_module(name)
    for line in sys.stdin:
        print(json.dumps(_run(**json.loads(line))), flush=True)


def _run(tests: list[str], limit_s: float, numba: str) -> dict[str, Any]:
    with tempfile.TemporaryFile() as told:
        child = os.fork()
        if not child:
            _test(tests, numba, told.fileno())
        code = _wait(child, limit_s)
        told.seek(0)
        return {"code": code, "told": told.read().decode("utf-8", "replace")[-20_000:]}


def _test(tests: list[str], numba: str, told: int) -> None:
    """In the fork: run them, and end."""
    code = 3
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(told, 1)
        os.dup2(told, 2)
        # For the processes that tests start, and for this one, which has read it already.
        os.environ["NUMBA_CACHE_DIR"] = numba
        importlib.import_module("numba.core.config").reload_config()
        code = pytest.main([*_QUIET, *_UNWARNED, "--hypothesis-profile=mutate", *tests])
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _wait(child: int, limit_s: float) -> int | None:
    """The exit status; None where it took too long, and was killed with all that it started.

    So it is where nobody waits for it any more.
    """
    end, asked_by = time.monotonic() + limit_s, os.getppid()
    try:
        while time.monotonic() < end and os.getppid() == asked_by:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                child = 0
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.02)
        return None
    finally:
        if child:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)


if __name__ == "__main__":
    main()
