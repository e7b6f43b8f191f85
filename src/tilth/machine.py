"""What machine this is: cores, memory, processor, GPU; no name of host or user."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
from pathlib import Path

from tilth.records import Record
from tilth.versions import version_of


class Machine(Record):
    """What a run ran on; empty where it is not known.

    Attributes:
        gpus: Models of NVIDIA's that the driver names, by `; `; whether a training took one is
            said beside its figures.
    """

    cores: int = 0
    memory_gib: float = 0.0
    processor: str = ""
    gpus: str = ""
    system: str = ""
    python: str = ""


def describe_machine() -> Machine:
    """This machine."""
    return Machine(
        cores=num_cores(),
        memory_gib=round(memory_bytes() / 2**30, 1),
        processor=_processor(),
        gpus=_gpus(),
        system=platform.system(),
        python=platform.python_version(),
    )


def num_cores() -> int:
    """Cores that this process may use: a container or a job may hold fewer than there are."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1


def is_supported() -> bool:
    """Whether the system has the file locks that keep two runs of one folder apart."""
    try:
        import fcntl  # noqa: F401  (whether it is there is the question)
    except ImportError:
        return False
    return True


def memory_bytes() -> int:
    """Physical memory; 0 where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0


def memory_limit() -> int:
    """What this process may use: physical memory, or less in a container; 0: not known."""
    there = memory_bytes()
    try:
        given = int(Path("/sys/fs/cgroup/memory.max").read_text())
    except (OSError, ValueError):  # no such system, or "max": no limit
        return there
    return min(there, given) if there else given


def training_device(wanted: str) -> str:
    """What training makes of a device; torch is loaded only where there may be a GPU.

    Args:
        wanted: auto, cpu or cuda.
    """
    if wanted != "auto":
        return wanted
    if not _may_have_gpu():
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _may_have_gpu() -> bool:
    """Whether torch may find a GPU here, as far as can be told without it."""
    version = version_of("torch")
    if not version or version.endswith("+cpu") or sys.platform == "darwin":
        return False
    if os.environ.get("CUDA_VISIBLE_DEVICES", "all").strip() in ("", "-1"):
        return False
    # NVIDIA's, AMD's, and those of a Windows host; of another system nothing is known.
    devices = ("nvidiactl", "nvidia0", "kfd", "dxg")
    return not sys.platform.startswith("linux") or any(Path("/dev", n).exists() for n in devices)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _gpus(driver: Path = Path("/proc/driver/nvidia/gpus")) -> str:
    """The models that the driver names, without loading torch."""
    found = []
    for info in sorted(driver.glob("*/information")):
        with contextlib.suppress(OSError):
            for line in info.read_text("utf-8", "replace").splitlines():
                if line.startswith("Model:"):
                    found.append(line.partition(":")[2].strip())
    return "; ".join(found)
