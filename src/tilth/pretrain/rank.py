"""One process of a data parallel training: what torchrun starts, `-m tilth.pretrain.rank SPEC`."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

from torch import distributed

from tilth.context import Context, silent
from tilth.extensions import Reference, open_reference, using
from tilth.pretrain.fit import fit
from tilth.pretrain.launch import RESULT, WITH_PARENT
from tilth.pretrain.settings import Planned, Settings
from tilth.store.files import read_json, write_record
from tilth.training.ranks import current


def main(spec_file: Path) -> None:
    """Train as the specification says; the first process speaks and writes the result.

    The others keep their copy of the model in a folder of their own.
    """
    distributed.init_process_group("gloo")
    try:
        spec = read_json(spec_file)
        with using([open_reference(Reference.model_validate(e)) for e in spec["extensions"]]):
            _train(spec)
        distributed.barrier()
    finally:
        distributed.destroy_process_group()


def _train(spec: Any) -> None:
    settings = Settings.model_validate(spec["settings"])
    out, work = Path(spec["out"]), Path(spec["work"])
    ranks = current()
    if not ranks.is_first:
        out = work / f"rank-{ranks.rank}"
        out.mkdir(exist_ok=True)
    context = Context(
        work=work,
        seed=spec["seed"],
        threads=spec["threads"],
        progress=_tell if ranks.is_first else silent,
    )
    inputs = {name: Path(path) for name, path in spec["inputs"].items()}
    result = fit(inputs, settings, out, context, Planned.model_validate(spec["planned"]))
    if ranks.is_first:
        write_record(work / RESULT, result)


def _tell(done: float, of: float | None, note: str) -> None:
    print(json.dumps({"progress": [done, of, note]}), flush=True)


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    if WITH_PARENT in sys.argv[2:]:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    main(Path(sys.argv[1]))
