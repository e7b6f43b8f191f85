"""Compare what a run's data sets hold with what was committed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from tilth.errors import DataError, MissingError, UsageError
from tilth.query.removal import alone
from tilth.query.runs import RunStep, RunView
from tilth.spell import plural
from tilth.store.dataset import Dataset, committed_files, damages_of
from tilth.store.files import remove
from tilth.store.manifest import MANIFEST
from tilth.store.shard import forget_shards


@dataclass(frozen=True)
class VerifiedStep:
    """The data set of a step.

    Attributes:
        name: Of the step.
        folder: Where it stands.
        files: Files that were compared.
        num_bytes: Of them.
        damage: What is not as it was committed, a sentence each.
        forgotten: Whether it was forgotten, so that the next run makes it again.
    """

    name: str
    folder: str
    files: int
    num_bytes: int
    damage: tuple[str, ...] = ()
    forgotten: bool = False


@dataclass(frozen=True)
class Verified:
    """What a verification found.

    Attributes:
        run: The run's name.
        steps: Its data sets, each once, in order.
    """

    run: str
    steps: tuple[VerifiedStep, ...]

    @property
    def files(self) -> int:
        """Files that were compared."""
        return sum(step.files for step in self.steps)

    @property
    def num_bytes(self) -> int:
        """Of these."""
        return sum(step.num_bytes for step in self.steps)

    @property
    def damaged(self) -> tuple[VerifiedStep, ...]:
        """The steps of which something is not as it was committed."""
        return tuple(step for step in self.steps if step.damage)

    def __str__(self) -> str:
        if not self.damaged:
            return f"{self.run}: {self.summary}, all as they were committed"
        lines = [f"{step.name}: {one}" for step in self.damaged for one in step.damage]
        return "\n".join([*lines, f"{self.run}: {len(self.damaged)} of {self.summary} damaged"])

    @property
    def summary(self) -> str:
        """`12 data sets, 143 files`."""
        return f"{plural(len(self.steps), 'data set')}, {plural(self.files, 'file')}"


def verify_run(run: RunView, *, forget: bool = False) -> Verified:
    """Read every file of a run's data sets and models, and compare its SHA-256 with the manifest.

    Args:
        run: The run, or an entry of its history.
        forget: Forget the data sets that are damaged: the next run makes them again, and no other.

    Raises:
        UsageError: `forget` of an entry of a history, which no run makes again.
        StorageError: With `forget`: a run goes on in the folder, or it cannot be changed.
        DataError: A data set is of a later version.
    """
    if forget and run.entry is not None:
        raise UsageError(
            "an entry of a history is not made again",
            hint=f"`tilth verify {run.folder.name} --forget` is of its last invocation",
        )
    steps = {step.folder: step for step in reversed(run.steps)}
    found = tuple(_verified(step) for step in reversed(steps.values()))
    if forget and any(step.damage for step in found):
        with alone(run.folder):
            found = tuple(_forgotten(step) if step.damage else step for step in found)
    return Verified(run.name, found)


def _verified(step: RunStep) -> VerifiedStep:
    files = num_bytes = 0
    damage = list(damages_of(step.folder, read=True))
    try:
        _ = step.manifest
        for _, file in committed_files(Dataset(step.folder)):
            files += 1
            num_bytes += file.bytes
    except (MissingError, DataError) as error:
        # Whole, and of another invocation: damaged it is not, and it is not what this run had.
        damage = damage or [error.what]
    return VerifiedStep(step.name, str(step.folder), files, num_bytes, tuple(damage))


def _forgotten(step: VerifiedStep) -> VerifiedStep:
    folder = Path(step.folder)
    if not any(damages_of(folder, read=True)):
        return step
    if folder.is_dir():
        # Nobody knows what is whole of the data beside it.
        remove(folder / MANIFEST)
        forget_shards(folder)
    return replace(step, forgotten=True)
