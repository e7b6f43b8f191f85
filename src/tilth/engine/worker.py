"""A worker process: JSON tasks on standard input, JSON messages on standard output.

No pickle crosses the border, and a user's script needs no `if __name__ == "__main__"`. When the
engine is gone, killed or not, standard input ends and the worker ends with it at once, in the
middle of a task too: what a task commits, it commits by rename.
"""

from __future__ import annotations

import json
import math
import os
import queue
import threading
import time
import traceback
from collections.abc import Callable
from textwrap import shorten
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import JsonValue

    from tilth.records import Json

_PROGRESS_EVERY_S = 0.2
_MAX_SAID = 500


class Teller:
    """Passes on how far a task is, at most every `every_s`, and always what was said last.

    A phase that begins right after another's last word is so named within `every_s`, not only
    when it speaks again: a note that is dropped would leave the line with the phase before.

    Args:
        send: Takes a message; called from any thread, never after `close`.
        every_s: Seconds between messages.
    """

    def __init__(self, send: Callable[[Json], None], every_s: float = _PROGRESS_EVERY_S) -> None:
        self._send = send
        self._every_s = every_s
        self._lock = threading.Lock()
        self._last = -math.inf
        self._timer: threading.Timer | None = None
        self._waiting: list[JsonValue] | None = None

    def __call__(self, done: float, total: float | None, note: str) -> None:
        """How far the task is: done of total, and what it does."""
        with self._lock:
            self._waiting = [done, total, note]
            left = self._last + self._every_s - time.monotonic()
            if left <= 0:
                self._flush()
            elif self._timer is None:
                self._timer = threading.Timer(left, self._late)
                self._timer.daemon = True
                self._timer.start()

    def _late(self) -> None:
        with self._lock:
            self._timer = None
            self._flush()

    def _flush(self) -> None:
        if self._waiting is not None:
            self._send({"progress": self._waiting})
            self._waiting, self._last = None, time.monotonic()

    def close(self) -> None:
        """What waits is not said any more: the next message is the task's result."""
        with self._lock:
            self._waiting = None
            if self._timer is not None:
                self._timer.cancel()


def main() -> None:
    """Serve tasks until standard input ends."""
    # What an operation or a library prints must not mix with messages.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="surrogatepass")
    os.dup2(2, 1)
    # Nor may one that asks a question take the next task for the answer.
    given = os.fdopen(os.dup(0), encoding="utf-8", errors="surrogatepass")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    home = os.getcwd()
    tasks: queue.SimpleQueue[str] = queue.SimpleQueue()

    def listen() -> None:
        for line in given:
            tasks.put(line)
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()

    def send(message: Json) -> None:
        out.write(json.dumps(message) + "\n")
        out.flush()

    while True:
        task = json.loads(tasks.get())
        # What a recipe names is relative to where it was run, wherever the last task went.
        os.chdir(home)
        send(_run(task, send))


def _run(message: Json, send: Callable[[Json], None]) -> Json:
    from tilth.engine.apply import OF_THE_MACHINE
    from tilth.engine.perform import run_task
    from tilth.engine.tasks import Failure, Reply, read_task
    from tilth.errors import TilthError, place_of, words_of
    from tilth.reads import may_be_kept

    teller = Teller(send)
    try:
        reply = Reply(result=run_task(read_task(message), teller))
    except TilthError as error:
        kind = type(error).__name__
        failure = Failure(
            name=kind, what=error.what, where=error.where, hint=error.hint, code=error.code
        )
        reply = Reply(failure=failure)
    # Of a task, not of the worker: an operation may call `sys.exit`, or raise what ends a program.
    except BaseException as error:
        place = place_of(error)
        if isinstance(error, OSError) and (not place or error.errno in OF_THE_MACHINE):
            fault = words_of(error) or type(error).__name__
            reply = Reply(os_error=fault, trace=traceback.format_exc())
        else:
            # In one line: what libraries say may fill a page, and the trace has it all.
            said = shorten(words_of(error), _MAX_SAID, placeholder=" …")
            crash = f"{type(error).__name__}: {said}" + (f" ({place})" if place else "")
            reply = Reply(crash=crash, trace=traceback.format_exc())
    finally:
        teller.close()
    return reply.model_copy(update={"is_marked": may_be_kept()}).as_json()


if __name__ == "__main__":
    main()
