"""Break the code on purpose, one place at a time, and see whether a test notices.

    python -m benchmarks.mutate                              the promises, then 25 places a room
    python -m benchmarks.mutate --number 0                   the promises alone
    python -m benchmarks.mutate --rooms statistics training/order --number 60 --seed 3
    python -m benchmarks.mutate --at store/files.py:131      all that can be done to one line

Each change is made in a copy of the tree and tried on the tests nearest to it: the file's own, then
those of its room, then those that are named for the room in `_WIDER`. The first that fails has
killed it, and so has one that runs into its limit of time. `promises.yaml` lists what may never
survive, by its text: a place that has moved is an error. The chance is seeded, also that of
hypothesis, so that the same call makes the same list.

By hand, not in CI: on two cores about two hours. What survived and why it may is in mutate.md.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Literal

import yaml

from benchmarks.mutations import Mutation, is_another_program, mutations

ROOT = Path(__file__).parents[1]
RUNNER = Path(__file__).with_name("mutate_tests.py")
PROMISES = Path(__file__).with_name("promises.yaml")
SOURCE = Path("src") / "tilth"
ROOMS = (
    *("statistics", "training/order", "training/state", "training/session"),
    *("schema", "kernels", "store", "recipe", "engine"),
)
Verdict = Literal["killed", "survived", "timeout"]

# Where the promises of a room are kept as well, beyond its own tests.
_WIDER: Mapping[str, tuple[str, ...]] = {
    "schema": ("tests/store/test_shard.py", "tests/engine/test_apply.py"),
    "statistics": ("tests/transfer/test_summary.py", "tests/value/test_summary.py"),
    "store": ("tests/engine/test_steps.py", "tests/engine/test_read.py"),
    "recipe": ("tests/engine/test_steps.py", "tests/query/test_explain.py"),
    "training": ("tests/pretrain/test_fit.py",),
    "engine": ("tests/test_privacy.py",),
}
# Of a room whose tests take long, those that a survivor is tried on beside its own.
_NEAR: Mapping[str, tuple[str, ...]] = {
    "engine": (
        *("tests/engine/test_steps.py", "tests/engine/test_perform.py", "tests/engine/test_run.py"),
        *("tests/engine/test_record.py", "tests/engine/test_shuffle.py"),
    ),
    "training": (
        *("tests/training/test_loop.py", "tests/training/test_resume.py"),
        *("tests/training/test_batches.py", "tests/training/test_freezing.py"),
        *("tests/training/test_ranks.py", "tests/training/test_evaluate.py"),
    ),
}
# A test that takes so many times what it takes on sound code, and so many seconds, hangs.
_SLOWER, _AT_LEAST_S = 4.0, 30.0


@dataclass(frozen=True)
class Try:
    """One change of one file, and where to look whether it is noticed.

    Attributes:
        file: Below `src/tilth`.
        promise: What would be broken; empty: found by chance.
        tests: To be run before those that are near by rule.
    """

    room: str
    file: str
    mutation: Mutation
    promise: str = ""
    tests: tuple[str, ...] = ()

    def __str__(self) -> str:
        told = f"{self.file}:{self.mutation.line}  {self.mutation}"
        return f"{told}  ({self.promise})" if self.promise else told


@dataclass(frozen=True)
class Outcome:
    """What became of it; `by`: the test that noticed."""

    verdict: Verdict
    by: str
    seconds: float


@dataclass
class Checkout:
    """A copy of the tree in which one file at a time is changed.

    Attributes:
        nearest: Try the tests of the file alone, and those that are named for a promise.
    """

    folder: Path
    nearest: bool = False
    _writes: int = 0
    _took: dict[tuple[str, ...], float] = field(default_factory=dict)
    _runner: subprocess.Popen[str] | None = None

    @classmethod
    def copied(cls, folder: Path, *, nearest: bool = False) -> Checkout:
        """All that git has or would have."""
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        ).stdout.decode()
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        return cls(folder, nearest)

    def tried(self, one: Try) -> Outcome:
        """Change, test, restore."""
        begun = time.monotonic()
        path = self.folder / SOURCE / one.file
        sound = path.read_bytes()
        # What is compiled is kept by numba under names that do not tell of its callees.
        compiled = b"njit" in sound
        verdict: Verdict = "survived"
        by = ""
        for stage in self._stages(one):
            limit = self._limit(stage)
            try:
                self._write(path, one.mutation.applied(sound))
                verdict, by = self._run(stage, limit, fresh=compiled)
            finally:
                self._write(path, sound)
            if verdict != "survived":
                break
        return Outcome(verdict, by, round(time.monotonic() - begun, 1))

    def _write(self, path: Path, source: bytes) -> None:
        """With a time of its own: byte code is kept by size and second of its source."""
        path.write_bytes(source)
        self._writes += 1
        moment = 1_000_000_000 + self._writes
        os.utime(path, (moment, moment))

    def _stages(self, one: Try) -> Iterator[tuple[str, ...]]:
        done: set[str] = set()
        inside = Path(one.file)
        mirror = Path("tests") / inside.with_name(f"test_{inside.name}")
        room = inside.parts[0]
        near = _NEAR.get(room) or tuple(
            str(path.relative_to(self.folder))
            for path in sorted((self.folder / "tests" / room).glob("test_*.py"))
        )
        further = () if self.nearest else (near, _WIDER.get(inside.with_suffix("").parts[0], ()))
        for stage in (one.tests, (str(mirror),), *further):
            left = [name for name in stage if name not in done]
            there = tuple(n for n in left if (self.folder / n.partition("::")[0]).is_file())
            done.update(there)
            if there:
                yield there

    def _limit(self, stage: tuple[str, ...]) -> float:
        """Seconds that tests may take. What fails on sound code would kill everything."""
        if stage not in self._took:
            begun = time.monotonic()
            verdict, by = self._run(stage, 3600.0, fresh=False)
            if verdict != "survived":
                sys.exit(f"fails on sound code: {by or ' '.join(stage)}")
            self._took[stage] = time.monotonic() - begun
        return _SLOWER * self._took[stage] + _AT_LEAST_S

    def _run(self, tests: Sequence[str], limit_s: float, *, fresh: bool) -> tuple[Verdict, str]:
        cache = self.folder / ".numba"
        if fresh:
            cache = Path(tempfile.mkdtemp(prefix="numba-", dir=self.folder))
        given = {"tests": list(tests), "limit_s": limit_s, "numba": str(cache)}
        try:
            code, told = self._ask(given)
        finally:
            if fresh:
                shutil.rmtree(cache, ignore_errors=True)
        if code is None:
            return "timeout", ""
        if code in (4, 5):
            sys.exit(f"no test was run: {' '.join(tests)}\n{told}")
        if code == 0:
            return "survived", ""
        found = re.search(r"^(?:FAILED|ERROR) (\S+)", told, re.M)
        return "killed", found[1] if found else f"exit {code}"

    def _ask(self, given: Mapping[str, Any]) -> tuple[int | None, str]:
        """Have `mutate_tests` run tests in this tree; its process is started when it is needed."""
        if self._runner is None:
            data = os.environ.get("TILTH_TEST_DATA", str(ROOT.parent / "shared" / "data"))
            paths = (str(self.folder / "src"), str(self.folder))
            self._runner = subprocess.Popen(
                [sys.executable, RUNNER],
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "TILTH_TEST_DATA": data},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        stdin, stdout = self._runner.stdin, self._runner.stdout
        if stdin is None or stdout is None:
            raise ValueError("the pipes were asked for")
        stdin.write(json.dumps(given) + "\n")
        stdin.flush()
        answer = json.loads(stdout.readline())
        return answer["code"], answer["told"]

    def close(self) -> None:
        """End the process that runs the tests."""
        if self._runner is not None:
            self._runner.communicate()
            self._runner = None


def promised(path: Path = PROMISES) -> list[Try]:
    """The places where a promise is kept, each with the change that would break it.

    Raises:
        SystemExit: A place is not there, or more than once.
    """
    found, moved = [], []
    for entry in yaml.safe_load(path.read_text("utf-8")):
        file, before, after = entry["file"], entry["from"].strip("\n"), entry["to"].strip("\n")
        source = (ROOT / SOURCE / file).read_bytes()
        if source.count(before.encode()) != 1:
            moved.append(f"{file}: {source.count(before.encode())} times `{before.strip()}`")
            continue
        start = source.index(before.encode())
        line = source.count(b"\n", 0, start) + 1
        mutation = Mutation(start, start + len(before.encode()), line, "promise", before, after)
        tests = tuple(entry.get("tests", ()))
        found.append(Try("promises", file, mutation, entry["promise"], tests))
    if moved:
        sys.exit("\n".join(["promises.yaml names places that have moved:", *moved]))
    return found


def files_of(room: str) -> list[str]:
    """The modules of a room, or the one that is named, below `src/tilth`."""
    place = ROOT / SOURCE / room
    paths = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    return [str(path.relative_to(ROOT / SOURCE)) for path in paths]


def sampled(room: str, number: int, seed: int) -> list[Try]:
    """So many places of a room, the same for the same seed."""
    sources = {file: (ROOT / SOURCE / file).read_bytes() for file in files_of(room)}
    places = [(file, one) for file, source in sources.items() for one in mutations(source)]
    random.Random(f"{seed} {room}").shuffle(places)
    sound = ((file, one) for file, one in places if is_another_program(one, sources[file]))
    chosen = [Try(room, file, one) for file, one in itertools.islice(sound, number)]
    return sorted(chosen, key=lambda one: (one.file, one.mutation.start))


def at(place: str) -> list[Try]:
    """All that can be done to one line, `store/files.py:131`."""
    file, _, line = place.removeprefix(f"{SOURCE}/").partition(":")
    source = (ROOT / SOURCE / file).read_bytes()
    found = [
        Try(place, file, one)
        for one in mutations(source)
        if one.line == int(line) and is_another_program(one, source)
    ]
    return found or sys.exit(f"there is nothing to change in {place}")


def table(done: Sequence[tuple[Try, Outcome]]) -> str:
    """Counts by room, as Markdown."""
    counts = Counter((one.room, outcome.verdict) for one, outcome in done)
    lines = ["| room | tried | killed | timeout | survived |", "| --- | --- | --- | --- | --- |"]
    for room in dict.fromkeys(one.room for one, _ in done):
        killed, timeout, survived = (counts[room, v] for v in ("killed", "timeout", "survived"))
        tried = killed + timeout + survived
        share = f"{killed} ({(killed + timeout) / tried:.0%} with timeouts)"
        lines.append(f"| {room} | {tried} | {share} | {timeout} | {survived} |")
    return "\n".join(lines)


def main() -> None:
    """Make the list, try it, and say what survived."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rooms", nargs="+", default=list(ROOMS), help="rooms, or modules of one")
    parser.add_argument("--number", type=int, default=25, help="places a room; 0: promises alone")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="copies of the tree side by side")
    parser.add_argument("--minutes", type=float, default=120.0, help="begin nothing after so many")
    parser.add_argument("--nearest", action="store_true", help="the tests of the file alone")
    parser.add_argument("--at", metavar="FILE:LINE", help="try one line, and nothing else")
    parser.add_argument("--no-promises", action="store_true", help="leave promises.yaml out")
    parser.add_argument("--report", type=Path, help="append every try to this file, JSON by line")
    given = parser.parse_args()
    if given.at:
        tries = at(given.at)
    else:
        tries = [] if given.no_promises else promised()
        for room in given.rooms:
            tries += sampled(room, given.number, given.seed)
    with tempfile.TemporaryDirectory(prefix="mutate-") as work:
        checkouts = [
            Checkout.copied(Path(work) / str(number), nearest=given.nearest)
            for number in range(given.jobs)
        ]
        done = _all(tries, checkouts, given.minutes * 60, given.report)
    print(f"\n{table(done)}")
    survived = [one for one, outcome in done if outcome.verdict == "survived"]
    print("\n".join(["", "survived:", *map(str, survived)]) if survived else "\nnothing survived")
    if len(done) < len(tries):
        print(f"{len(tries) - len(done)} of {len(tries)} were not tried: the time is over")
    sys.exit(any(one.promise for one in survived))


def _all(
    tries: Sequence[Try], checkouts: Sequence[Checkout], seconds: float, report: Path | None
) -> list[tuple[Try, Outcome]]:
    """Try them side by side, and tell as they come."""
    free: SimpleQueue[Checkout] = SimpleQueue()
    for checkout in checkouts:
        free.put(checkout)
    end = time.monotonic() + seconds

    def run(one: Try) -> tuple[Try, Outcome] | None:
        if time.monotonic() > end:
            return None
        checkout = free.get()
        try:
            return one, checkout.tried(one)
        finally:
            free.put(checkout)

    done = []
    with ThreadPoolExecutor(len(checkouts)) as threads:
        for found in threads.map(run, tries):
            if found is None:
                continue
            one, outcome = found
            done.append(found)
            by = f"  by {outcome.by}" if outcome.by else ""
            print(f"{outcome.verdict:8} {outcome.seconds:6.1f} s  {one}{by}", flush=True)
            if report is not None:
                with report.open("a", encoding="utf-8") as file:
                    entry = {"room": one.room, "file": one.file, "promise": one.promise}
                    entry |= asdict(one.mutation) | asdict(outcome)
                    file.write(json.dumps(entry) + "\n")
    for checkout in checkouts:
        checkout.close()
    return done


if __name__ == "__main__":
    main()
