"""Compare what a run holds with what was committed: its data sets, and what it keeps beside them.

Of what is beside them nothing decides a data set that is there: results of cells that a grid has
summed up, entries of the history, the index of files, what a model answered. It is told, since who
reads it should know; forgotten, it is made again where somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tilth.engine.again import INDEX, has_sound_index
from tilth.engine.cells import CELLS, KeptCell
from tilth.engine.outside import OUTSIDE, is_sound
from tilth.engine.record import HISTORY, RECORD, RunRecord, earlier_records
from tilth.errors import DataError, MissingError, UsageError
from tilth.pretrain.generated import GENERATED, Generated
from tilth.query.removal import alone
from tilth.query.runs import RunStep, RunView
from tilth.records import CHECKSUM, Record, read_if_whole
from tilth.spell import plural
from tilth.store.dataset import Dataset, committed_files, damages_of
from tilth.store.files import remove, storage_errors
from tilth.store.manifest import MANIFEST, MODEL, RESULT
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
class DamagedFile:
    """A file beside the data sets that is not as it was written.

    Attributes:
        path: Of it.
        decides: What is known without it.
        forgotten: Whether it was forgotten.
    """

    path: str
    decides: str
    forgotten: bool = False

    def __str__(self) -> str:
        return f"{self.path} is damaged: {self.decides}"


@dataclass(frozen=True)
class Verified:
    """What a verification found.

    Attributes:
        run: The run's name.
        steps: Its data sets, each once, in order.
        beside: What beside them is damaged.
        unsealed: Files of an earlier version, which have no checksum and are taken as they stand.
    """

    run: str
    steps: tuple[VerifiedStep, ...]
    beside: tuple[DamagedFile, ...] = ()
    unsealed: int = 0

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
        lines = [f"{step.name}: {one}" for step in self.damaged for one in step.damage]
        lines += [str(one) for one in self.beside]
        found = f"{len(self.damaged)} of {self.summary} damaged"
        if not self.damaged:
            found = f"{self.summary}, all as they were committed"
        return "\n".join([*lines, f"{self.run}: {found}{self.without}"])

    @property
    def is_damaged(self) -> bool:
        """Whether anything is not as it was committed."""
        return bool(self.damaged or self.beside)

    @property
    def without(self) -> str:
        """What is to be said of files without a checksum; mostly nothing."""
        if not self.unsealed:
            return ""
        files = plural(self.unsealed, "file")
        return f"; {files} of an earlier version without a checksum, taken as they stand"

    @property
    def summary(self) -> str:
        """`12 data sets, 143 files`."""
        return f"{plural(len(self.steps), 'data set')}, {plural(self.files, 'file')}"


def verify_run(run: RunView, *, forget: bool = False) -> Verified:
    """Read every file of a run's data sets and models, and compare its SHA-256 with the manifest;
    of what is kept as JSON compare the checksum.

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
    beside = tuple(_damaged_beside(run, found))
    if forget and (beside or any(step.damage for step in found)):
        with alone(run.folder):
            found = tuple(_forgotten(step) if step.damage else step for step in found)
            for one in beside:
                _forget_file(Path(one.path))
            beside = tuple(replace(one, forgotten=True) for one in beside)
    return Verified(run.name, found, beside, sum(map(_is_unsealed, _records(run, found))))


def _records(run: RunView, steps: Iterable[VerifiedStep]) -> Iterator[Path]:
    """The files that hold records which a run trusts."""
    yield run.folder / RECORD
    for step in steps:
        yield Path(step.folder) / MANIFEST
    yield from sorted((run.folder / CELLS).glob("*.json"))


def _is_unsealed(path: Path) -> bool:
    try:
        return f'"{CHECKSUM}"'.encode() not in path.read_bytes()
    except OSError:
        return False


def _damaged_beside(run: RunView, steps: Iterable[VerifiedStep]) -> Iterator[DamagedFile]:
    if run.entry is None:
        for path in earlier_records(run.folder).values():
            if _is_damaged(RunRecord, path):
                yield DamagedFile(str(path), "that entry of the history cannot be opened")
        for path in sorted((run.folder / CELLS).glob("*.json")):
            if _is_damaged(KeptCell, path):
                told = "a comparison that asks for it runs it again"
                yield DamagedFile(str(path), told)
        recipe = run.folder / "recipe.yaml"
        if not _holds(recipe, run.record.recipe_yaml):
            yield DamagedFile(str(recipe), "the run's record has the recipe as it was")
    for step in steps:
        folder = Path(step.folder)
        if not is_sound(folder):
            yield DamagedFile(str(folder / OUTSIDE), "a plan says less of what changed")
        if not has_sound_index(folder):
            yield DamagedFile(str(folder / INDEX), "the source reads all files again, once one is")
        for name, kind in ((GENERATED, Generated), (RESULT, Record)):
            path = folder / MODEL / name
            if _is_damaged(kind, path):
                yield DamagedFile(str(path), "the manifest has what was found")


def _is_damaged(kind: type[Record], path: Path) -> bool:
    """Whether there is a record that cannot be read."""
    return path.is_file() and read_if_whole(kind, path) is None


def _holds(path: Path, text: str) -> bool:
    """Whether a file holds the text, or is not there."""
    try:
        return path.read_bytes() == text.encode("utf-8")
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _forget_file(path: Path) -> None:
    """Let nobody read it; an entry of the history, which nothing makes again, is set aside."""
    if path.parent.name == HISTORY:
        with storage_errors(path):
            path.replace(path.with_name(f"{path.name}.damaged"))
    else:
        remove(path)


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
