"""Start the processes of a data parallel training through torchrun, and listen to the first."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tilth.context import Context
from tilth.errors import StepError
from tilth.extensions import active
from tilth.pretrain.result import PretrainResult
from tilth.pretrain.settings import Planned, Settings
from tilth.records import read_file
from tilth.store.files import remove, write_json

RESULT = "result.json"
# An argument: end when standard input ends, which it does with this process, killed or not.
WITH_PARENT = "--with-parent"
_KEPT_LINES = 200


def launch(
    inputs: Mapping[str, Path], settings: Settings, out: Path, context: Context, planned: Planned
) -> PretrainResult:
    """What `tilth.pretrain.fit.fit` returns, computed by `settings.loop.processes` processes.

    By hand, over several machines with one file system, the same is
    ``torchrun --nnodes ... -m tilth.pretrain.rank SPEC.json``.

    Raises:
        StepError: A process failed; its last lines are the cause.
    """
    spec = context.work / "spec.json"
    result = context.work / RESULT
    remove(result)
    write_json(
        spec,
        {
            "inputs": {name: str(path) for name, path in inputs.items()},
            "settings": settings.model_dump(mode="json"),
            "planned": planned.model_dump(mode="json"),
            "out": str(out),
            "work": str(context.work),
            "seed": context.seed,
            "threads": context.threads,
            "extensions": [extension.reference().as_json() for extension in active()],
        },
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", str(settings.loop.processes), "-m", "tilth.pretrain.rank"]
    last: list[str] = []
    with subprocess.Popen(
        [*command, str(spec), WITH_PARENT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # The lock of the run's folder goes on to torchrun, which outlives its processes: whoever
        # runs again waits until the last of them is gone.
        close_fds=False,
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if line.startswith('{"progress"'):
                    context.progress(*json.loads(line)["progress"])
                else:
                    last = [*last[-_KEPT_LINES:], line.rstrip()]
        except BaseException:
            process.terminate()
            raise
    if process.returncode or not result.is_file():
        # The first error is the cause; torchrun's own report of it follows.
        causes = [line for line in last if re.match(r"\S*Error:|error\[", line.strip())] or last
        raise StepError(
            f"one of {settings.loop.processes} training processes failed",
            where=causes[0] if causes else "",
            hint="with loop.processes: 1 the error is shown in full",
        )
    return read_file(PretrainResult, result)
