"""Try faults by hand.

python -m tests.faults --count 1000           so many stops at random moments; --seed: others
python -m tests.faults --calls                every call of a run's steps fails, one at a time
python -m tests.faults --around --count 70    disks, clocks, sources, other runs
python -m tests.faults --kinds records,text   of these kinds of runs alone
python -m tests.faults --state FILE           goes on after what the file has; all is added to it
python -m tests.faults --minutes 30           stops after so many
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.faults import failing, stops, surroundings
from tests.faults.trial import END, KINDS, Calm, Child, calm_runs, went_on

# Of a process or a moment, which are others each time.
_NUMBER = re.compile(r"\.\d{3,}(?=\.)")


@dataclass(frozen=True)
class Found:
    """One that was tried.

    Attributes:
        name: What was done.
        wrong: What was wrong; empty: nothing.
        facts: What the summary counts, by what it is of.
    """

    name: str
    wrong: str
    facts: Mapping[str, Sequence[str]]


class Tried:
    """What was tried so far. Kept in a file, a line each.

    Args:
        file: None: nowhere.

    Attributes:
        found: By name.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self.found: dict[str, Found] = {}
        if file is not None and file.is_file():
            for line in file.read_text("utf-8").splitlines():
                one = Found(**json.loads(line))
                self.found[one.name] = one

    def add(self, one: Found) -> None:
        """Take in one more."""
        self.found[one.name] = one
        if self._file is not None:
            with open(self._file, "a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(one)) + "\n")

    def summary(self) -> str:
        """What was tried in all, and of what, a line each."""
        counts: dict[str, Counter[str]] = {}
        for one in self.found.values():
            for name, values in one.facts.items():
                counts.setdefault(name, Counter()).update(values)
        wrong = sum(bool(one.wrong) for one in self.found.values())
        lines = [
            f"{name}: " + ", ".join(f"{value} {times}" for value, times in count.most_common())
            for name, count in counts.items()
        ]
        return "\n".join([*lines, f"{len(self.found)} tried in all, {wrong} wrong"])


def calls_of(calm: Calm, step: str) -> list[str]:
    """The calls of a step, from before it: what each does, and to which file."""
    told = calm.folder / "calls.txt"

    def before(run: Path) -> None:
        out = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        failing.install(failing.Calls(failing.Fault(), run, out))

    calm.before(step)
    Child(calm.recipe, calm.only(step), before).wait()
    return told.read_text("utf-8").splitlines()


def tried_call(fault: failing.Fault, calm: Calm, step: str) -> str:
    """Let a call fail, and run again; what was wrong, mostly nothing."""
    calm.before(step)
    ended = Child(
        calm.recipe, calm.only(step), lambda run: failing.install(failing.Calls(fault, run))
    ).wait()
    return went_on(calm, step, ended)


def _stops(
    seed: int, count: int, calm: Mapping[str, Calm], known: Container[str]
) -> Iterator[Found]:
    for number in range(count):
        stop = stops.drawn(seed, number, calm)
        name = f"stop {seed}:{number} {stop}"
        if name in known:
            continue
        wrong, landed, open_then = stops.tried(stop, calm[stop.kind])
        facts = {"came": ["in time" if landed else "too late"]}
        if landed:
            facts["sent"] = [stop.how + (", with workers" if stop.workers else "")]
            facts["open"] = sorted({_kind_of(one) for one in open_then} or {"nothing"})
            facts["in"] = [f"{stop.kind} {stop.step}"]
        yield Found(name, wrong, facts)


def _kind_of(name: str) -> str:
    """What a file of a run is, its numbers and digests aside."""
    path = Path(name.removesuffix(" (deleted)"))
    if path.name == ".":
        return "a folder"
    if path.name.endswith(".aside"):
        return f"a new {Path(path.name.split('.')[1]).name} or its like"
    return path.suffix or path.name


def _calls(
    seed: int, every: int, calm: Mapping[str, Calm], known: Container[str]
) -> Iterator[Found]:
    for kind, one in calm.items():
        for step in (*one.steps, END):
            calls = calls_of(one, step)
            for number in range(1 + seed % every, len(calls) + 1, every):
                fault = failing.drawn(seed, kind, step, number)
                call = _NUMBER.sub(".N", calls[number - 1])
                name = f"{kind} {step} {fault} ({call})"
                if name not in known:
                    facts = {"failed": [call.partition(" ")[0]], "in": [f"{kind} {step}"]}
                    yield Found(name, tried_call(fault, one, step), facts)


def _around(
    seed: int, count: int, calm: Mapping[str, Calm], known: Container[str]
) -> Iterator[Found]:
    for number in range(count):
        one = surroundings.drawn(seed, number, calm)
        name = f"around {seed}:{number} {one}"
        if name not in known:
            yield Found(name, surroundings.tried(one, calm[one.kind]), {"met": [one.how]})


def main() -> int:
    """As the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=100_000, help="how many at most")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--calls", action="store_true", help="every call fails")
    parser.add_argument("--every", type=int, default=1, help="with --calls: each so manieth")
    parser.add_argument("--around", action="store_true", help="disks, clocks, sources, other runs")
    parser.add_argument("--state", type=Path, help="what was tried, to go on with")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after these")
    asked = parser.parse_args()
    kinds = [kind for kind in KINDS if kind in asked.kinds.split(",")]
    tried, began, wrong, done = Tried(asked.state), time.monotonic(), 0, 0
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} {' '.join(sys.argv[1:])}", flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="faults-") as name,
        calm_runs(kinds, Path(name)) as calm,
    ):
        if asked.calls:
            every = _calls(asked.seed, asked.every, calm, frozenset(tried.found))
        elif asked.around:
            every = _around(asked.seed, asked.count, calm, frozenset(tried.found))
        else:
            every = _stops(asked.seed, asked.count, calm, frozenset(tried.found))
        for found in itertools.islice(every, asked.count):
            tried.add(found)
            done += 1
            wrong += bool(found.wrong)
            if found.wrong:
                print(f"{found.name}: {found.wrong}", flush=True)
            if done % 25 == 0:
                print(f"{done}: {wrong} wrong, {time.monotonic() - began:.0f} s", flush=True)
            if time.monotonic() - began > 60 * asked.minutes:
                break
    print(tried.summary())
    print(f"{done} tried now, {wrong} wrong, {time.monotonic() - began:.0f} s")
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main())
