"""A sequence: a run, then edits, kills and damage, each with a run after it that is looked at.

Two things are held after each. Never stale: the folder holds, step by step, the bytes of a run from
nothing. Never for nothing: no step ran that had run in the folder before with the same own settings
and code, and the same bytes of its inputs, and of a comparison no cell.
"""

from __future__ import annotations

import copy
import random
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tests.edits.nursery import Answer, Asked, Nursery
from tests.edits.outcome import Left, differences, read_outcome
from tests.edits.workspace import Draft, Modality, Workspace
from tests.web.sites import Reply, Site

# What happens to a data set that is there, by its name: what is done to its folder.
Damage = Callable[[Path], None]
_EMPTY = 0.6
Key = tuple[Any, ...]


@dataclass(frozen=True)
class Move:
    """Something that happens.

    Attributes:
        kind: `edit`: made, or undone where it is made. `empty`: the folder of runs is, and no run
            follows at once. `meanwhile`: an edit is made at a point of a run, and undone at another
            one or after it, or stays. `twice`: an edit between two runs of one process. `kill`: a
            run is killed at a point, after an edit or without. `only`: a run that ends with a step,
            after an edit. `tidy`: what is unused is removed. `damage`: of what a step left.
        name: Of the edit, or of the damage.
        at: The point; 0, meanwhile: in the middle of the first step that reads the edit.
        until: The point at which it is undone; 0: it stays; -1: after the run.
        step: Which of the steps is damaged, counted from 0.
    """

    kind: str
    name: str = ""
    at: int = 0
    until: int = 0
    step: int = 0

    def __str__(self) -> str:
        parts = [self.kind, self.name, *(f"{n}" for n in (self.at, self.until, self.step))]
        return ":".join(parts)

    @staticmethod
    def read(text: str) -> Move:
        """What `str` gave."""
        kind, name, *numbers = text.split(":")
        return Move(kind, name, *map(int, numbers))


class FailedError(AssertionError):
    """A sequence found a fault.

    Args:
        kind: `stale`, `for nothing`, `refused` or `crashed`.
        when: After what.
        what: Is wrong.
    """

    def __init__(self, kind: str, when: str, what: str) -> None:
        super().__init__(f"{kind}, {when}: {what}")
        self.kind = kind


@dataclass(frozen=True)
class Fresh:
    """A run from nothing.

    Attributes:
        error: What it said where it did not come to its end.
        left: What each step left.
        ends: The point at which each was finished.
    """

    error: str
    left: dict[str, Left]
    ends: dict[str, int]


@dataclass
class Known:
    """What is remembered over many sequences.

    Attributes:
        folder: Of all of them; a sequence has `folder/now` for itself.
        fresh: Runs from nothing, by modality and the edits made.
        begun: What is known after the first run of a modality, which lies in `folder/NAME`.
        site: That answers for the sites of drafts.
        looked_at, refused: Runs that were compared with one from nothing, and of which neither
            came to its end, as the edits before them do not go together.
    """

    folder: Path
    site: Site
    looked_at: int = 0
    refused: int = 0
    fresh: dict[tuple[str, tuple[str, ...]], Fresh] = field(default_factory=dict)
    begun: dict[str, dict[str, Any]] = field(default_factory=dict)


def _remove_shard(folder: Path) -> None:
    _one(folder).unlink()


def _empty_shard(folder: Path) -> None:
    _one(folder).write_bytes(b"")


def _change_shard(folder: Path) -> None:
    """Another byte in the middle."""
    path = _one(folder)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


def _one(folder: Path) -> Path:
    """The file that the steps after it read."""
    found = sorted(folder.glob("kept/*")) + sorted(folder.glob("model/*.safetensors"))
    return found[0] if found else folder / "manifest.json"


def _forget(folder: Path) -> None:
    (folder / "manifest.json").unlink()


DAMAGES: Mapping[str, Damage] = {
    "the data set removed": shutil.rmtree,
    "a kept shard removed": _remove_shard,
    "a kept shard emptied": _empty_shard,
    "a kept shard changed": _change_shard,
    "the manifest removed": _forget,
}


class Sequence:
    """One folder of runs in one workspace, and what is known to be in it.

    Args:
        modality: Of the recipe.
        nursery: Makes the runs.
        known: Of other sequences.
    """

    def __init__(self, modality: Modality, nursery: Nursery, known: Known) -> None:
        self._modality = modality
        self._folder = known.folder / "now"
        self._nursery = nursery
        self._known = known
        self._space = Workspace(self._folder / "work")
        self._made: tuple[str, ...] = ()
        self._done: set[Key] = set()
        self._cells: set[Key] = set()
        self._drafts: dict[tuple[str, ...], Draft] = {}
        # By name of the step: what its folder holds.
        self._held: dict[str, Key] = {}
        self._left: dict[str, Left] = {}

    def begin(self) -> None:
        """The first run; of a modality that has had one, its folder as it was left.

        Raises:
            FailedError: It does not come to its end.
        """
        kept = self._known.folder / self._modality.name
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._modality.name not in self._known.begun:
            self._become(())
            self._run_and_look("at first")
            if not self._left:
                raise FailedError("refused", "at first", self._fresh(()).error)
            shutil.copytree(self._folder, kept, symlinks=True)
            names = ("_done", "_cells", "_held", "_left")
            self._known.begun[self._modality.name] = {
                name: copy.copy(getattr(self, name)) for name in names
            }
        else:
            shutil.copytree(kept, self._folder, symlinks=True)
            self._space.became(self._draft(()))
            self._space.written = len(self._draft(()).files) + 1
            for name, value in self._known.begun[self._modality.name].items():
                setattr(self, name, copy.copy(value))

    def middle(self, name: str) -> int:
        """A point in the middle of the first step that reads what an edit changes."""
        ends = self._fresh(()).ends
        first = 1
        for step, last in ends.items():
            if self._modality.edit(name).touches(self._node(step, ())):
                return max(first, last - 3)
            first = last + 1
        return 9

    def make(self, move: Move) -> None:
        """Let it happen, run, and look.

        Raises:
            FailedError: What is there is not what a run from nothing gives, or more ran than had
                to.
        """
        match move.kind:
            case "twice" if not self._fresh(self._made).error:
                made = self._with(move.name)
                asked = self._ask(then=self._space.ops(self._draft(made)))
                self._space.became(self._draft(made))
                self._made = made
                self._run_and_look(str(move), asked)
                return
            case "edit" | "twice":
                self._edit(move.name)
            case "empty":
                shutil.rmtree(self._folder / "runs", ignore_errors=True)
                for known in (self._done, self._cells, self._held, self._left):
                    known.clear()
                return
            case "meanwhile":
                self._meanwhile(move)
            case "kill":
                if move.name:
                    self._edit(move.name)
                self._settle(self._run(self._ask(kill=move.at)), self._made, move.at)
            case "only":
                self._edit(move.name)
                names = list(self._fresh(self._made).left)
                if names:
                    answer = self._run(self._ask(only=names[move.step % len(names)]))
                    self._settle(answer, self._made, answer.points + 2)
            case "tidy" if not self._fresh(self._made).error:
                self._run(self._ask(tidy=str(self._place)))
                # Of what went nothing is known; what the last run made is there.
                self._held = {name: self._held[name] for name in self._left}
                self._done, self._cells = set(self._held.values()), set()
                for name in self._left:
                    self._cells |= self._cells_of(name, self._left)
            case "tidy":
                return
            case "damage" if self._left:
                names = list(self._left)
                self._damage(names[move.step % len(names)], DAMAGES[move.name])
            case "damage":
                return
            case _:
                raise ValueError(move.kind)
        self._run_and_look(str(move))

    def _draft(self, made: Iterable[str]) -> Draft:
        """The state with these edits made, its site at the address that answers."""
        names = tuple(made)
        if names not in self._drafts:
            draft = self._drafts[names] = self._modality.draft(names)
            if draft.site:
                draft.written.append(lambda text: text.replace("SITE", self._known.site.root))
        return self._drafts[names]

    def _with(self, name: str) -> tuple[str, ...]:
        """The edits made with this one too, or without it."""
        names = {*self._made} ^ {name}
        return tuple(one.name for one in self._modality.edits if one.name in names)

    def _edit(self, name: str) -> None:
        """Make an edit, or undo it where it is made."""
        for step in self._modality.edit(name).again:
            self._damage(step, shutil.rmtree)
        self._become(self._with(name))

    def _become(self, made: tuple[str, ...]) -> None:
        self._made = made
        self._space.become(self._draft(made))

    def _ask(self, runs: str = "runs", **more: Any) -> Asked:
        draft = self._draft(self._made)
        home = self._folder / f"home-{runs}"
        env = {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "HF_HUB_OFFLINE": "1"}
        return Asked(
            modality=self._modality.name,
            folder=str(self._space.folder),
            recipe=draft.recipe_file,
            runs=str(self._folder / runs),
            env={"TZ": "UTC", **env, **draft.env},
            umask=draft.umask,
            limit=draft.limit,
            **more,
        )

    def _run(self, asked: Asked) -> Answer:
        site = self._draft(self._made).site
        self._known.site.pages = {path: Reply(body) for path, body in site.items()}
        by_process = any(self._modality.edit(name).process for name in self._made)
        try:
            return (self._nursery.run_anew if by_process else self._nursery.run)(asked)
        except RuntimeError as error:
            raise FailedError("crashed", "", str(error)) from None

    @property
    def _place(self) -> Path:
        """The run's folder."""
        return self._folder / "runs" / str(self._modality.base().header["name"])

    def _damage(self, name: str, damage: Damage) -> None:
        left = self._left.get(name)
        if left is None:
            return
        damage(self._place / "data" / left.folder)
        key = self._held.pop(name, None)
        self._done.discard(key or ())
        self._cells -= {one for one in self._cells if one[0] == name}

    def _meanwhile(self, move: Move) -> None:
        """An edit while a run goes on."""
        before, after = self._made, self._with(move.name)
        there, back = self._draft(after), self._draft(before)
        doing = [(move.at, self._space.ops(there))]
        asked = self._ask()
        self._space.became(there)
        if move.until > 0:
            doing.append((move.until, self._space.ops(back)))
        asked.doing = doing
        answer = self._run(asked)
        reached = answer.points >= move.at
        if not reached:
            self._space.became(back)
        ran_all = not self._modality.edit(move.name).acts
        self._settle(answer, before, answer.points + 1 if ran_all else move.at)
        if move.until > 0 and answer.points >= move.until:
            self._space.became(back)
        stays = move.until == 0
        self._become(after if stays else before)

    def _settle(self, answer: Answer, made: tuple[str, ...], before: int) -> None:
        """Take down which steps were finished before a point, as they are."""
        left = self._fresh(made).left
        for name, point in answer.ran.items():
            if point < before and name in left:
                self._done.add(self._key(name, left, made))

    def _fresh(self, made: tuple[str, ...]) -> Fresh:
        """What a run from nothing gives."""
        where = self._modality.name, made
        if where not in self._known.fresh:
            place = self._folder / "fresh"
            answer = self._run(self._ask("fresh"))
            left = {} if answer.error else self._outcome(next(place.iterdir()))
            for one in (place, self._folder / "home-fresh"):
                shutil.rmtree(one, ignore_errors=True)
            self._known.fresh[where] = Fresh(answer.error, left, answer.ran)
        return self._known.fresh[where]

    def _outcome(self, run: Path) -> dict[str, Left]:
        return read_outcome(run, clocked=bool(self._modality.clocked))

    def _run_and_look(self, when: str, asked: Asked | None = None) -> None:
        answer = self._run(asked or self._ask())
        fresh = self._fresh(self._made)
        if fresh.error:
            self._known.refused += 1
            if not answer.error:
                what = f"it ends well, from nothing: {fresh.error}"
                raise FailedError("stale", when, what)
            return
        if answer.error:
            raise FailedError("refused", when, answer.error)
        self._known.looked_at += 1
        left = self._outcome(self._place)
        if found := differences(left, fresh.left):
            raise FailedError("stale", when, found)
        self._look_for_nothing(when, answer, fresh.left)
        self._left = left
        for name in left:
            self._held[name] = self._key(name, left, self._made)
            self._done.add(self._held[name])
            self._cells |= self._cells_of(name, left)

    def _look_for_nothing(self, when: str, answer: Answer, fresh: dict[str, Left]) -> None:
        found = []
        # When a page was fetched goes down the line with it.
        again = not {*answer.ran}.isdisjoint(self._modality.clocked)
        done = set(self._done)
        for name in answer.ran if not again else ():
            key = self._key(name, fresh, self._made)
            if key in done:
                found.append(name)
            elif name in answer.cells:
                new = self._cells_of(name, fresh) - self._cells
                if answer.cells[name] > len(new):
                    found.append(f"{answer.cells[name]} cells of {name} where {len(new)} are new")
            # Nor twice in one run, under two names.
            done.add(key)
        if found:
            raise FailedError("for nothing", when, ", ".join(found))
        for edit in map(self._modality.edit, self._made):
            for name in edit.must:
                if name in answer.cached and self._key(name, fresh, self._made) not in done:
                    raise FailedError("stale", when, f"{name} is cached, in spite of {edit.name}")

    def _key(self, name: str, fresh: dict[str, Left], made: tuple[str, ...]) -> Key:
        """What a step reads: of itself, and the bytes of its inputs."""
        node = self._node(name, made)
        inputs = tuple(fresh[one].data for one in fresh[name].inputs)
        # What a training is given by the way it is asked for more cells.
        cells = tuple(self._coordinates(node, made))
        return (node, self._modality.own(node, made), inputs, cells)

    def _node(self, name: str, made: Iterable[str]) -> str:
        plain = name.rpartition("/")[2] if name.startswith("value.") else name
        return self._draft(made).nodes().get(plain, plain)

    def _coordinates(self, node: str, made: Iterable[str]) -> list[tuple[str, ...]]:
        """The cells of a comparison: the part that edits name, and what else tells them apart."""
        draft = self._draft(made)
        tree = draft.trainings.get(node, {})
        if node == "transfer":
            return [
                (method, str(size), str(seed))
                for method in tree["methods"]
                for size in tree["sizes"]
                for seed in range(tree["seeds"])
            ]
        if node == "value":
            return [
                (arm, str(seed))
                for arm in ("control", *tree["arms"])
                for seed in range(tree["seeds"])
            ]
        return []

    def _cells_of(self, name: str, fresh: dict[str, Left]) -> set[Key]:
        node = self._node(name, self._made)
        inputs = [fresh[one].data for one in fresh[name].inputs]
        found: set[Key] = set()
        for cell in self._coordinates(node, self._made):
            read = tuple(inputs)
            if node == "value":
                # The arm's own data, and that of the control, which is tested on.
                arms = ["control", *self._draft(self._made).trainings["value"]["arms"]]
                read = inputs[0], inputs[arms.index(cell[0])]
            found.add((name, self._modality.own(node, self._made, cell[0]), cell, read))
        return found


def drawn(modality: Modality, chance: random.Random, faults: Iterable[str]) -> list[Move]:
    """A random sequence: some edits, of which some are undone, and what else can happen.

    Args:
        modality: Of the recipe.
        chance: Decides.
        faults: Edits, edits `meanwhile`, and damages that are not drawn.
    """
    left_out = set(faults)
    names = [one.name for one in modality.edits if one.name not in left_out and not one.process]
    of_files = [one for one in names if is_of_files(modality, one)]
    meanwhile = [one for one in of_files if f"{one}, meanwhile" not in left_out]
    twice = [one for one in of_files if f"{one}, in one process" not in left_out]
    damages = [name for name in DAMAGES if name not in left_out]
    moves: list[Move] = []
    made: set[str] = set()
    kinds = ["edit"] * 6 + ["kill", "only", "tidy"] + ["damage"] * bool(damages)
    kinds += ["meanwhile"] * 2 * bool(meanwhile) + ["twice"] * bool(twice)
    for _ in range(chance.randint(2, 5)):
        kind = chance.choice([*kinds, *["undo"] * 2 * bool(made)])
        # Early ones more often: of a run that has much already, there are few.
        at = 1 + int(modality.points * chance.random() ** 2)
        if kind in ("meanwhile", "kill") and chance.random() < _EMPTY:
            # Where all is there, little is read meanwhile.
            moves.append(Move("empty"))
        match kind:
            case "undo":
                move = Move("edit", chance.choice(sorted(made)))
            case "meanwhile":
                until = chance.choice((0, -1, at + chance.randint(1, 20)))
                move = Move(kind, chance.choice(meanwhile), at, until)
            case "twice":
                move = Move(kind, chance.choice(twice))
            case "kill":
                move = Move(kind, chance.choice(names), at)
            case "damage":
                move = Move(kind, chance.choice(damages), step=at)
            case "tidy":
                move = Move(kind)
            case _:
                move = Move(kind, chance.choice(names), step=at if kind == "only" else 0)
        moves.append(move)
        if kind not in ("damage", "tidy") and not move.until:
            made ^= {move.name}
    return moves


def is_of_files(modality: Modality, name: str) -> bool:
    """Whether an edit is of files alone, so that it can be made while a run goes on."""
    edit = modality.edit(name)
    if edit.again or edit.process:
        return False
    one, other = _unedited(modality), modality.draft((name,))
    if (one.files, one.touched, one.modes) == (other.files, other.touched, other.modes):
        return False
    # Writing a recipe takes longer than all else here.
    return _but_files(one) == _but_files(other)


@cache
def _unedited(modality: Modality) -> Draft:
    return modality.draft(())


def _but_files(draft: Draft) -> tuple[Any, ...]:
    return (
        draft.recipe(),
        draft.recipe_file,
        draft.env,
        draft.umask,
        draft.limit,
        draft.place,
        draft.site,
    )
