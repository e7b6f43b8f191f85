"""What machine this is: cores, memory, processor; no name of host or user."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from tilth.records import Record


class Machine(Record):
    """What a run ran on; empty where it is not known."""

    cores: int = 0
    memory_gib: float = 0.0
    processor: str = ""
    system: str = ""
    python: str = ""


def describe_machine() -> Machine:
    """This machine."""
    return Machine(
        cores=num_cores(),
        memory_gib=round(memory_bytes() / 2**30, 1),
        processor=_processor(),
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


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
