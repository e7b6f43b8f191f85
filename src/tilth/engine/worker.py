"""A worker process: JSON tasks on standard input, JSON messages on standard output.

No pickle crosses the border, and a user's script needs no `if __name__ == "__main__"`. When the
engine is gone, killed or not, standard input ends and the worker ends with it at once, in the
middle of a task too: what a task commits, it commits by rename.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
import traceback
from typing import Any

_PROGRESS_EVERY_S = 0.2


def main() -> None:
    """Serve tasks until standard input ends."""
    # What an operation or a library prints must not mix with messages.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="surrogatepass")
    os.dup2(2, 1)
    tasks: queue.SimpleQueue[str] = queue.SimpleQueue()

    def listen() -> None:
        for line in sys.stdin:
            tasks.put(line)
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()

    def send(message: dict[str, Any]) -> None:
        out.write(json.dumps(message) + "\n")
        out.flush()

    while True:
        task = json.loads(tasks.get())
        send(_run(task, send))


def _run(task: dict[str, Any], send: Any) -> dict[str, Any]:
    from tilth.engine.tasks import run_task
    from tilth.errors import TilthError

    last = 0.0

    def progress(done: float, total: float | None, note: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _PROGRESS_EVERY_S:
            last = now
            send({"progress": [done, total, note]})

    try:
        return {"done": run_task(task, progress)}
    except TilthError as error:
        return {
            "error": {
                "class": type(error).__name__,
                "what": error.what,
                "where": error.where,
                "hint": error.hint,
                "code": error.code,
            }
        }
    except OSError as error:
        return {"os_error": [error.errno, str(error)], "trace": traceback.format_exc()}
    except Exception as error:
        return {"crash": f"{type(error).__name__}: {error}", "trace": traceback.format_exc()}


if __name__ == "__main__":
    main()
