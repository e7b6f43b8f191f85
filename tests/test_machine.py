"""What a record says of the machine: enough to compare, nothing of its owner."""

from __future__ import annotations

import getpass
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tilth import machine
from tilth.machine import (
    describe_machine,
    is_supported,
    memory_bytes,
    memory_limit,
    num_cores,
)


def test_it_names_no_host_and_no_user() -> None:
    machine = describe_machine()
    assert machine.cores >= 1
    assert machine.memory_gib == round(memory_bytes() / 2**30, 1) > 0
    assert machine.processor
    said = " ".join(map(str, machine.as_json().values())).split()
    assert platform.node() not in said
    assert getpass.getuser() not in said


def test_gpus_are_named_by_what_the_driver_says(tmp_path: Path) -> None:
    assert machine._gpus(tmp_path) == ""
    for number, model in enumerate(("NVIDIA H200", "NVIDIA L4")):
        (tmp_path / f"0000:0{number}:00.0").mkdir()
        told = f"Model: \t\t {model}\nIRQ:   \t\t 0\n"
        (tmp_path / f"0000:0{number}:00.0" / "information").write_text(told)
    assert machine._gpus(tmp_path) == "NVIDIA H200; NVIDIA L4"


def test_a_process_may_use_no_more_than_there_is() -> None:
    assert 0 < memory_limit() <= memory_bytes()


def test_a_system_with_locks_is_supported() -> None:
    assert is_supported()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores are not held here")
def test_cores_are_those_that_the_process_may_use() -> None:
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
        "from tilth.machine import describe_machine; print(describe_machine().cores)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "1"
    assert num_cores() == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("wheel", ["2.6.0+cpu", "2.6.0+cu124", ""])
@pytest.mark.parametrize("hidden", [True, False])
def test_torch_is_asked_only_where_there_may_be_a_gpu(
    wheel: str, hidden: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def is_available() -> bool:
        asked.append(1)
        return True

    monkeypatch.setattr(torch.cuda, "is_available", is_available)
    monkeypatch.setattr(machine, "version_of", lambda _: wheel)
    monkeypatch.setattr(Path, "exists", lambda _: True)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "" if hidden else "0")
    may = wheel.endswith("cu124") and not hidden
    assert machine.training_device("auto") == ("cuda" if may else "cpu")
    assert bool(asked) == may
    assert machine.training_device("cpu") == "cpu"
    assert machine.training_device("cuda") == "cuda"
