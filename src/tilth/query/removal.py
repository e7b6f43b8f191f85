"""Remove a run, or the data sets that no invocation of it needs, after saying what and how much.

What goes is renamed aside first, so that whatever stops the removal leaves a run whole or gone;
what lies aside after a stop is removed by the next removal.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tilth.engine.cells import CELLS
from tilth.engine.record import RECORD, RunRecord, earlier_records, read_record
from tilth.engine.run import step_states
from tilth.errors import DataError, MissingError, StorageError, TilthError, UsageError
from tilth.query.disk import DATA, data_sets, spell_bytes, tree_bytes
from tilth.query.runs import RunView, list_runs, open_run
from tilth.recipe.load import parse_recipe
from tilth.recipe.plan import build_plan
from tilth.store import files
from tilth.store.files import folder_lock
from tilth.store.manifest import MANIFEST, read_manifest

_WHY = ".removed"
# A step's folder: its name and 24 hex digits. What else lies there is not Tilth's to remove.
_DATA_SET = re.compile(r".+-[0-9a-f]{24}")


@dataclass(frozen=True)
class Part:
    """One folder, or file, that goes.

    Attributes:
        path: Below the folder of runs; a folder, or the file of a cell.
        what: What it is, in words.
        num_bytes: What it takes.
    """

    path: str
    what: str
    num_bytes: int


@dataclass(frozen=True)
class Removal:
    """What a removal removes, or has removed.

    Attributes:
        run: The run's name.
        folder: Its folder.
        whole: The run itself, not only data sets of it.
        parts: The folders that go.
        named_in: Other runs whose recipes name this run's folder.
        done: Whether it is removed.
    """

    run: str
    folder: str
    whole: bool
    parts: tuple[Part, ...]
    named_in: tuple[str, ...] = ()
    done: bool = False

    @property
    def num_bytes(self) -> int:
        """What all of it takes."""
        return sum(part.num_bytes for part in self.parts)

    def __str__(self) -> str:
        said = "removed" if self.done else "would be removed"
        lines = [f"{part.path}  {spell_bytes(part.num_bytes)}  {part.what}" for part in self.parts]
        return "\n".join([*lines, f"{spell_bytes(self.num_bytes)} {said}"])


def plan_removal(
    run: str | Path, runs: str | Path = "runs", *, unused: bool = False, history: bool = True
) -> Removal:
    """What there is to remove; removes nothing.

    Args:
        run: A run's name, or the path of its folder.
        runs: The folder that holds runs.
        unused: Not the run, but the data sets that none of its records needs.
        history: With `unused`: what only the run's history needs stays too.

    Raises:
        MissingError: There is no such run.
        UsageError: It is an entry of a history, or leads out of the folder of runs by a link; or
            `history` is false without `unused`.
        DataError: A record cannot be read: what it needs is not known.
    """
    if not (unused or history):
        raise UsageError("`history` is of `unused`: a run goes with its history")
    try:
        view = open_run(run, runs)
    except MissingError:
        left = _left_aside(Path(runs), f".{run}.")
        if left:
            return Removal(str(run), str(Path(runs) / str(run)), not unused, tuple(left))
        raise
    folder = _checked(view, run, Path(runs))
    if unused:
        parts = [
            Part(f"{folder.name}/{path.parent.name}/{path.name}", _what(path), _bytes(path))
            for path in _unused(view, folder, history)
        ]
        return Removal(view.name, str(folder), False, tuple(parts))
    parts = [Part(folder.name, "the run", tree_bytes(folder))]
    parts += _left_aside(folder.parent, f".{folder.name}.")
    return Removal(view.name, str(folder), True, tuple(parts), _named_in(folder))


def remove(removal: Removal) -> Removal:
    """Remove what was planned; safe to stop at any moment and to plan and call again.

    Raises:
        StorageError: A run is going on in the folder, or it cannot be changed.
        MissingError: The run is gone meanwhile.
    """
    folder = Path(removal.folder)
    places = [folder.parent / part.path for part in removal.parts]
    with contextlib.ExitStack() as stack:
        # Of a run that is gone already only what lies aside is left, and no lock.
        if folder.is_dir():
            stack.enter_context(alone(folder))
        asides = [
            path if files.is_aside(path, _WHY) else _aside(path)
            for path in places
            if path.exists() and not path.is_symlink()
        ]
    for aside in asides:
        try:
            files.remove(aside)
        except StorageError:
            # Another removal may have found it lying aside, and be done with it.
            if aside.exists():
                raise
    return replace(removal, done=True)


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the run's lock, so that no run goes on in it.

    Raises:
        StorageError: A run goes on in it.
        MissingError: The run is gone meanwhile.
    """
    with folder_lock(folder, timeout_s=0.2, hint="wait for it, or stop it"):
        if not (folder / RECORD).is_file():
            raise MissingError("the run is gone meanwhile", where=str(folder), code="no-run")
        yield


def _aside(folder: Path) -> Path:
    """Rename a folder out of the way; it is gone for every reader at once."""
    aside = files.aside_of(folder, _WHY)
    files.move(folder, aside)
    return aside


def _checked(view: RunView, given: str | Path, runs: Path) -> Path:
    """The run's folder, if it is one that may be removed.

    Raises:
        UsageError: It is an entry of a history, or a link leads elsewhere.
        DataError: It does not look like a run that Tilth made.
    """
    if view.entry is not None:
        raise UsageError(
            "an entry of a history is not removed by itself",
            hint=f"`tilth remove {view.folder.name} --unused --no-history` removes the data sets "
            "that only the history needs",
        )
    folder = view.folder.resolve()
    by_path = Path(given).is_absolute() or not (runs / str(given)).exists()
    inside = by_path or folder.parent == runs.resolve()
    if view.folder.is_symlink() or not inside or (folder / DATA).is_symlink():
        raise UsageError(
            "a link leads out of the folder of runs, and nothing beyond it is removed",
            where=str(view.folder),
            hint="remove it where it is",
            code="link",
        )
    made_here = view.record.name and view.record.recipe_yaml
    if not made_here or not (folder / "recipe.yaml").is_file():
        raise DataError(
            "this is no run that Tilth made, and it is left alone",
            where=str(view.folder),
            code="no-run",
        )
    return folder


def _needed(record: RunRecord) -> set[str]:
    """The data sets that a record names."""
    return {step.folder for step in (*record.steps, *record.unreached)}


def _unused(view: RunView, folder: Path, history: bool) -> list[Path]:
    """The data sets that no record needs, nor what is left of the last one's plan; and the cells
    that no comparison sums up which stays.
    """
    needed = _needed(view.record)
    for path in earlier_records(folder).values() if history else ():
        needed |= _needed(read_record(path))
    planned = _planned(view, folder)
    gone = [
        path
        for path in data_sets(folder)
        if files.is_aside(path, _WHY)
        or (
            _DATA_SET.fullmatch(path.name)
            and path.name not in needed
            # What is half done is gone on with; without a plan it cannot be told whose it is.
            and (path.name not in planned if planned is not None else (path / MANIFEST).is_file())
        )
    ]
    return [*gone, *_unused_cells(folder, [p for p in data_sets(folder) if p not in gone])]


def _unused_cells(folder: Path, stay: Sequence[Path]) -> list[Path]:
    """The cells that none of these data sets names; none where one is not finished, for it may be a
    comparison that goes on.
    """
    if not all((path / MANIFEST).is_file() for path in stay):
        return []
    named = {cell for path in stay for cell in read_manifest(path).cells}
    found = sorted((folder / CELLS).glob("*.json"))
    aside = [path for path in sorted((folder / CELLS).glob(".*")) if files.is_aside(path, _WHY)]
    return [*aside, *(path for path in found if path.stem not in named)]


def _planned(view: RunView, folder: Path) -> set[str] | None:
    """Folder names of the steps of the last recipe; None where they cannot be told now: a source
    is not there, or a step waits for one before it.
    """
    try:
        copy = f"{folder.name}/recipe.yaml"
        recipe = parse_recipe(view.record.recipe_yaml, copy, to_run=False)
        states = step_states(build_plan(recipe, limit=view.record.limit), folder)
        return {state.step.folder_name for state in states}
    except (TilthError, ValueError):
        return None


def _bytes(path: Path) -> int:
    return tree_bytes(path) if path.is_dir() else path.lstat().st_size


def _what(path: Path) -> str:
    if files.is_aside(path, _WHY):
        return "left by a removal that was stopped"
    if path.parent.name == CELLS:
        return "a training that no comparison needs"
    done = (path / MANIFEST).is_file()
    return "of an earlier recipe" if done else "of an earlier recipe, not finished"


def _left_aside(runs: Path, prefix: str) -> list[Part]:
    """What stopped removals of one run left."""
    return [
        Part(path.name, "left by a removal that was stopped", tree_bytes(path))
        for path in (sorted(runs.iterdir()) if runs.is_dir() else [])
        if path.name.startswith(prefix) and files.is_aside(path, _WHY)
        if path.is_dir() and not path.is_symlink()
    ]


def _named_in(folder: Path) -> tuple[str, ...]:
    """Other runs of the same folder whose recipe names this one's folder."""
    name = re.compile(rf"\b{re.escape(folder.parent.name)}/{re.escape(folder.name)}(?![\w.-])")
    return tuple(
        other.name
        for other in list_runs(folder.parent)
        if other.folder.name != folder.name and name.search(other.record.recipe_yaml)
    )
