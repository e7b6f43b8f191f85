"""What a person works in: files, a recipe, an environment, a site; and edits that change it.

A workspace is a function of the edits that are made in it: undone is left out. So two states that
are equal are known to be, whatever way led to them.
"""

from __future__ import annotations

import copy
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

Tree = dict[str, Any]

RECORD_STAGES = ("clean", "deduplicate", "label", "augment", "mix")
TRAININGS = ("pretrain", "transfer", "value")
# A file that is written has a time of its own, whatever the clock of the file system resolves.
_EPOCH_NS = 1_700_000_000_000_000_000


@dataclass
class Step:
    """A step of a list in a recipe.

    Attributes:
        op, settings: As the recipe has them.
        node: What it is called whatever its place; empty: as the recipe calls it.
    """

    op: str
    settings: Tree = field(default_factory=dict)
    node: str = ""


@dataclass
class Draft:
    """A state of the workspace, as plain values.

    Attributes:
        files: By place; a link is a text, where it leads.
        touched: How often a file was written again as it is.
        timeless: Files that keep the time of the file which they take the place of.
        modes: Of files that have others than usual.
        header, sources, steps, trainings: The recipe.
        recipe_file: Its name.
        written: What is done to its text last.
        env: Of the process.
        umask, limit: Of the process, and `--limit`.
        site: What the site answers, by path.
        place: The folder's name.
    """

    files: dict[str, bytes | str] = field(default_factory=dict)
    touched: dict[str, int] = field(default_factory=dict)
    timeless: set[str] = field(default_factory=set)
    modes: dict[str, int] = field(default_factory=dict)
    header: Tree = field(default_factory=dict)
    sources: dict[str, Step] = field(default_factory=dict)
    steps: dict[str, list[Step]] = field(default_factory=dict)
    trainings: Tree = field(default_factory=dict)
    recipe_file: str = "recipe.yaml"
    written: list[Callable[[str], str]] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    umask: int = 0o022
    limit: int | None = None
    site: dict[str, bytes] = field(default_factory=dict)
    place: str = "here"

    def text(self, path: str) -> str:
        """What a text file holds."""
        data = self.files[path]
        assert isinstance(data, bytes)
        return data.decode()

    def write(self, path: str, data: bytes | str) -> None:
        """A file, new or in the place of the old one."""
        self.files[path] = data.encode() if isinstance(data, str) else data

    def replace(self, path: str, old: str, new: str) -> None:
        """Change a text file in one place, which is there."""
        text = self.text(path)
        if old not in text:
            raise LookupError(path, old)
        self.write(path, text.replace(old, new, 1))

    def append(self, path: str, text: str) -> None:
        """Add to the end of a text file."""
        self.write(path, self.text(path) + text)

    def move(self, old: str, new: str) -> None:
        """Rename a file, or all below a folder."""
        for path in [one for one in self.files if one == old or one.startswith(f"{old}/")]:
            self.files[new + path.removeprefix(old)] = self.files.pop(path)

    def touch(self, path: str) -> None:
        """Write a file again as it is."""
        assert path in self.files, path
        self.touched[path] = self.touched.get(path, 0) + 1

    def step(self, node: str) -> Step:
        """The step of a list, by its node."""
        return next(one for one, name in self._named() if (one.node or name) == node)

    def _named(self) -> Iterator[tuple[Step, str]]:
        for stage in RECORD_STAGES:
            seen: dict[str, int] = {}
            for one in self.steps.get(stage, []):
                seen[one.op] = seen.get(one.op, 0) + 1
                count = seen[one.op]
                yield one, f"{stage}.{one.op}" + (f"-{count}" if count > 1 else "")

    def nodes(self) -> dict[str, str]:
        """The node of each step by the name that the recipe gives it, where the two differ."""
        named = {name: one.node for one, name in self._named() if one.node}
        return named | {f"collect.{name}": s.node for name, s in self.sources.items() if s.node}

    def recipe(self) -> str:
        """The recipe as it is written."""
        tree: Tree = {"tilth": 1, **self.header}
        tree["collect"] = {name: {one.op: one.settings} for name, one in self.sources.items()}
        for stage in RECORD_STAGES:
            if self.steps.get(stage):
                tree[stage] = [{one.op: one.settings} for one in self.steps[stage]]
        tree |= {name: self.trainings[name] for name in TRAININGS if name in self.trainings}
        # Without anchors: what two parts share they say twice.
        text: str = yaml.dump(copy.deepcopy(tree), Dumper=_Plain, sort_keys=False, width=200)
        for change in self.written:
            text = change(text)
        return text


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


Change = Callable[[Draft], None]


@dataclass(frozen=True)
class Edit:
    """Something that a person does, and can undo.

    Attributes:
        name: In words.
        change: What it does to the base, and to the base with other edits in it.
        acts: The steps that read what it changes, by node; patterns with `*`. Of a grid: `value`
            all of it, `value/ARM` or `transfer/METHOD` the cells of one, `value!` its summary
            alone. Whatever comes after these is given by the bytes that they make.
        again: Sources that are removed with it, as what stands at their address is asked for
            again only then.
        process: It is seen by a process that begins with it alone.
        must: Steps that run after it though no byte of theirs may be another.
    """

    name: str
    change: Change
    acts: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    process: bool = False
    must: tuple[str, ...] = ()

    def touches(self, node: str, *parts: str) -> bool:
        """Whether a step reads what it changes.

        Args:
            node: The step.
            parts: `!` for what is said of its cells, or names of a cell; none: any of it.
        """
        for pattern in self.acts:
            name, slash, part = pattern.removesuffix("!").partition("/")
            if not fnmatchcase(node, name):
                continue
            part = "!" if pattern.endswith("!") else part
            if not (slash or part) or not parts or part in parts:
                return True
        return False


@dataclass(frozen=True)
class Modality:
    """A small recipe of one kind of data, and what is done around it.

    Attributes:
        name: Of it.
        base: The state without an edit.
        edits: In the order in which they are made.
        points: Between tasks of a run from nothing, about.
        share: How often it is drawn.
        clocked: Sources whose rows say when they were fetched.
    """

    name: str
    base: Callable[[], Draft]
    edits: tuple[Edit, ...]
    points: int
    share: float = 1.0
    clocked: tuple[str, ...] = ()

    def edit(self, name: str) -> Edit:
        """The edit of that name."""
        return next(one for one in self.edits if one.name == name)

    def draft(self, made: Iterable[str]) -> Draft:
        """The state with these edits made; one that changes what another took away is none."""
        names, draft = set(made), self.base()
        for edit in self.edits:
            if edit.name in names:
                with suppress(LookupError) if len(names) > 1 else nullcontext():
                    edit.change(draft)
        return draft

    def own(self, node: str, made: Iterable[str], *parts: str) -> tuple[str, ...]:
        """The edits made that a step, or one of its parts, reads."""
        names = set(made)
        return tuple(
            one.name for one in self.edits if one.name in names and one.touches(node, *parts)
        )


Ops = list[dict[str, Any]]


class Workspace:
    """A draft on disk.

    Args:
        root: Folder that it may fill.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._now = Draft()
        # Files, so that each has a time that none had before.
        self.written = 0

    @property
    def folder(self) -> Path:
        """Where the person is."""
        return self._root / self._now.place

    def ops(self, draft: Draft) -> Ops:
        """What has to be done to the files to come to a draft, as plain values; see `do`."""
        ops: Ops = []
        now = {**self._now.files, self._now.recipe_file: self._now.recipe().encode()}
        new = {**draft.files, draft.recipe_file: draft.recipe().encode()}
        gone = sorted(now.keys() - new.keys())
        for path in sorted(new.keys() - now.keys()):
            # What is renamed keeps its time.
            old = next((one for one in gone if now[one] == new[path]), None)
            if old is not None:
                gone.remove(old)
                ops.append({"rename": old, "path": path})
                now[path] = new[path]
        ops += [{"remove": path} for path in gone]
        changed = sorted(path for path in new.keys() & now.keys() if new[path] != now[path])
        for one, other in itertools.combinations(changed, 2):
            # Nor do two lose it that change places.
            if (new[one], new[other]) == (now[other], now[one]) and new[one] != now[one]:
                ops.append({"swap": other, "path": one})
                now[one], now[other] = new[one], new[other]
        for path, data in new.items():
            same = now.get(path) == data
            if same and draft.touched.get(path, 0) == self._now.touched.get(path, 0):
                if draft.modes.get(path) != self._now.modes.get(path):
                    ops.append({"mode": draft.modes.get(path, 0o644), "path": path})
                continue
            op: dict[str, Any] = {"path": path, "mode": draft.modes.get(path, 0o644)}
            if isinstance(data, str):
                op["link"] = data
            else:
                op["hex"] = data.hex()
            # Of one that keeps its time, undoing keeps it too.
            if path not in {*draft.timeless, *self._now.timeless} or path not in now:
                self.written += 1
                op["time"] = _EPOCH_NS + self.written * 1_000_000_000
            ops.append(op)
        return ops

    def become(self, draft: Draft) -> None:
        """Write what differs, and nothing else."""
        self._root.mkdir(parents=True, exist_ok=True)
        if draft.place != self._now.place and self.folder.exists():
            (self._root / draft.place).parent.mkdir(parents=True, exist_ok=True)
            os.rename(self.folder, self._root / draft.place)
        do(self.ops(draft), self._root / draft.place)
        self._now = draft

    def became(self, draft: Draft) -> None:
        """The files were brought to a draft by another process."""
        self._now = draft


def do(ops: Ops, folder: Path) -> None:
    """Do what `Workspace.ops` lists."""
    folder.mkdir(parents=True, exist_ok=True)
    for op in ops:
        if "remove" in op:
            (folder / op["remove"]).unlink()
            _remove_empty((folder / op["remove"]).parent, folder)
            continue
        path = folder / op["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        if "swap" in op:
            aside = path.with_name(f"{path.name}.aside")
            path.rename(aside)
            (folder / op["swap"]).rename(path)
            aside.rename(folder / op["swap"])
            continue
        if "rename" in op:
            old = folder / op["rename"]
            old.rename(path)
            _remove_empty(old.parent, folder)
            continue
        if "hex" in op:
            time = op.get("time") or path.stat().st_mtime_ns
            if "time" in op:
                path.unlink(missing_ok=True)
            else:
                os.chmod(path, 0o644)  # written in place
            path.write_bytes(bytes.fromhex(op["hex"]))
            os.utime(path, ns=(time, time))
        elif "link" in op:
            path.unlink(missing_ok=True)
            path.symlink_to(op["link"])
            continue
        os.chmod(path, op["mode"])


def _remove_empty(folder: Path, top: Path) -> None:
    """Folders that hold nothing any more."""
    while folder != top and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def merged(tree: Tree, changes: Mapping[str, Any]) -> Tree:
    """A copy of settings with others in it."""
    tree = copy.deepcopy(tree)
    for key, value in changes.items():
        inner = tree.get(key)
        both = isinstance(inner, dict) and isinstance(value, Mapping)
        tree[key] = merged(inner, value) if both and inner is not None else copy.deepcopy(value)
    return tree
