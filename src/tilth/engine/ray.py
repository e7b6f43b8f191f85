"""The same tasks on a Ray cluster. Every node must see the run's folder under the same path."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from pydantic import JsonValue

from tilth.engine.tasks import Task, read_task
from tilth.errors import MissingError, TilthError, missing_extra
from tilth.records import Json

Listen = Callable[[int, float, float | None, str], None]


def _remote(message: Json) -> JsonValue:
    from tilth.context import silent
    from tilth.engine.perform import run_task

    return run_task(read_task(message), silent)


class RayEngine:
    """Runs tasks on a cluster, as many at a time as it has processors.

    Args:
        address: `auto` or `host:port` of a running cluster; `local` starts one here.

    Raises:
        MissingError: Ray is not installed, or no cluster answers.
    """

    def __init__(self, address: str) -> None:
        try:
            import ray
        except ImportError:
            raise missing_extra("ray", "ray") from None
        self._ray = ray
        self._started = not ray.is_initialized()
        if self._started:
            try:
                ray.init(
                    address=None if address == "local" else address,
                    include_dashboard=False,
                    log_to_driver=False,
                )
            except (ConnectionError, ValueError, RuntimeError) as error:
                raise MissingError(
                    f"no Ray cluster answers at `{address}`: {error}",
                    hint="start one with `ray start --head`, or use --ray local",
                ) from error
        self._task = ray.remote(_remote)

    def run(self, tasks: Iterable[Task], _: Listen) -> Iterator[tuple[int, JsonValue]]:
        """Run tasks; yields (position in `tasks`, result) as they finish.

        Raises:
            TilthError: The first failure.
        """
        waiting = enumerate(tasks)
        at_once = max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        running: dict[Any, int] = {}
        while True:
            for index, task in islice(waiting, at_once - len(running)):
                running[self._task.remote(task.as_json())] = index
            if not running:
                return
            done, _pending = self._ray.wait(list(running), num_returns=1)
            for reference in done:
                index = running.pop(reference)
                try:
                    yield index, self._ray.get(reference)
                except self._ray.exceptions.RayTaskError as error:
                    cause = error.cause
                    raise cause if isinstance(cause, TilthError) else error from None

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        if self._started:
            self._ray.shutdown()
