"""What each step of a plan is once its inputs are made: its identity, and whether it is there.

An identity holds the digests of the inputs' data. So a step is known when the steps before it are
made, and an input that was made again to the same bytes leaves all after it as it is.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tilth.engine.again import before_of, told_anew, told_of
from tilth.engine.cells import Keyed, keyed_cells, num_kept
from tilth.engine.outside import what_changed
from tilth.engine.record import StepRecord, steps_before
from tilth.engine.why import own_words, why_grid_runs, why_it_runs
from tilth.errors import DataError, MissingError
from tilth.extensions import find
from tilth.reads import as_now
from tilth.recipe.identity import FORMULA, digest_of_outside, digest_of_parts
from tilth.recipe.plan import Plan, PlannedStep, data_folder
from tilth.records import DAMAGED, Json
from tilth.store import refreshed
from tilth.store.dataset import damage_of
from tilth.store.digests import UnreadError, remembering
from tilth.store.manifest import MANIFEST, Manifest, read_manifest
from tilth.store.shard import num_committed

UNCHANGED = "unchanged"
_DATA_SET = re.compile(r"(.+)-([0-9a-f]{24})")
# Parts that may differ where the output is the same.
_LENIENT = ("limit", "reads")
# What decides what a source fetches; a reader that is another one reads the same.
_FETCHES = ("operation", "settings", "outside", "source", "limit")


@dataclass(frozen=True)
class StepState:
    """What is known of one step: is it there, how much is left, and why it will run.

    Attributes:
        step: Resolved, unless it waits.
        cached: Whether its output is there.
        why: Why it will run; `unchanged` where it is cached.
        committed_shards: Parts of it (shards, cells) that are there.
        begun: Whether a run began it and was stopped.
        perhaps: It waits for its inputs, and was made before with all else as it is: it runs if
            they come out otherwise.
        manifest: Of its output, where it is cached.
        damage: What of its output is not there as it was made.
    """

    step: PlannedStep
    cached: bool
    why: str
    committed_shards: int = 0
    begun: bool = False
    perhaps: bool = False
    manifest: Manifest | None = None
    damage: str = ""


class Resolver:
    """Resolves the steps of one plan against one run's folder, in their order.

    Args:
        plan: The plan.
        folder: The run's folder, there or not. What its last record says is read now.
        refresh: A source that asks again for what it has fetched.
    """

    def __init__(self, plan: Plan, folder: Path, refresh: str | None = None) -> None:
        self._plan = plan
        self._refresh = refresh
        self._folder = folder
        self._before = steps_before(folder)
        self._made: dict[str, Manifest] = {}
        # By the beginning of a folder's name: what is there, each read when it is asked for.
        self._there_is: dict[str, dict[str, Manifest | None]] | None = None

    def states(self) -> list[StepState]:
        """All steps, as far as they are known before anything runs.

        Reads no data; of files outside only those that were written to since the step was made.
        """
        found = []
        for step in self._plan.steps:
            state = self._state(step, eager=False)
            if state.manifest is not None:
                self.made(step.name, state.manifest)
            found.append(state)
        return found

    def state(self, name: str) -> StepState:
        """A step, as it stands now; files outside are read through where they are not known."""
        return self._state(self._plan.step(name), eager=True)

    def made(self, name: str, manifest: Manifest) -> None:
        """Take in what a step made: those after it are known by it."""
        self._made[name] = manifest
        if self._there_is is not None:
            self._there_is[self._plan.step(name).stem][manifest.identity] = manifest

    def _state(self, planned: PlannedStep, *, eager: bool) -> StepState:
        if any(source not in self._made for _, source in planned.inputs):
            return self._waiting(planned)
        if not eager and not any(one.own == planned.own for one in self._made_as(planned)):
            try:
                step, outside = self._resolved(planned, read=False)
            except UnreadError:
                return StepState(planned, False, self._why_unread(planned))
        else:
            step, outside = self._resolved(planned)
        found = self._there(step)
        if found is not None:
            step = replace(step, identity=found.identity)
        else:
            step = self._with_reads(step)
        where = data_folder(self._folder, step)
        if found is not None:
            damage = damage_of(where)
            if damage is None and (why := self._why_refreshed(step, where)):
                return StepState(step, False, why)
            if damage is None:
                return StepState(step, True, UNCHANGED, manifest=found)
            return StepState(step, False, damage, damage=damage)
        if (where / MANIFEST).is_file() and (damage := damage_of(where)) is not None:
            return StepState(step, False, damage, damage=damage)
        why = self._why(step, outside)
        if step.operation.kind == "source":
            before = before_of(self._folder / "data", step.stem, step.identity, step.parts)
            told, last = told_of(before, outside), self._before.get(step.name)
            if not told and last is not None:
                module = step.operation.module
                told = told_anew(module, step.settings, _plain(step.parts), last.parts)
            why = "; ".join(filter(None, (why, told)))
        committed = num_committed(where) + num_kept(self.cells(step), self._folder, step)
        if where.exists():
            part = f", {committed} parts are there" if committed else ""
            why = "; ".join(filter(None, (why, f"was not finished{part}")))
        return StepState(step, False, why, committed, where.exists())

    def _why_refreshed(self, step: PlannedStep, where: Path) -> str:
        if step.operation.kind != "source":
            return ""
        if step.name == self._refresh:
            return "its sites are asked again"
        if refreshed.state(where / "work") == "fetched":
            return "its sites were asked again"
        further = getattr(step.operation.module, "asks_further", None)
        return "" if further is None else str(further(step.settings, where / "work"))

    def cells(self, step: PlannedStep) -> list[Keyed]:
        """The cells of a grid whose inputs are made; of another step none."""
        if step.operation.kind != "grid":
            return []
        inputs = {role: self._made[name] for role, name in step.inputs}
        return keyed_cells(step, inputs, self._plan.recipe.header.seed)

    def _resolved(
        self, planned: PlannedStep, *, read: bool = True
    ) -> tuple[PlannedStep, str | None]:
        """The step with all its parts, and its operation's fingerprint."""
        parts = dict(planned.parts)
        with remembering(memo_of(self._folder, planned), read=read):
            outside = planned.operation.fingerprint(planned.settings)
        if outside is not None:
            parts["outside"] = digest_of_outside(outside)
        if planned.operation.kind == "grid":
            parts["cells"] = [one.identity for one in self.cells(planned)]
        elif planned.inputs:
            parts["inputs"] = {role: self._made[name].digest for role, name in planned.inputs}
        return replace(planned, parts=parts, identity=digest_of_parts(parts)), outside

    def _there(self, step: PlannedStep) -> Manifest | None:
        """The output that a run from nothing would give, if some identity of it is there."""
        wanted = _without(step.parts)
        for manifest in self._made_as(step):
            found = _without(manifest.parts)
            if manifest.settled and manifest.settled == wanted.get("outside"):
                # Known by its name then, and by its files since they were fetched.
                found["outside"] = manifest.settled
            if found != wanted:
                continue
            if _same_limit(manifest, step) and self._still(manifest.reads):
                return manifest
        return None

    def _made_as(self, step: PlannedStep) -> Iterator[Manifest]:
        """What is there of a step by any identity, the one that it has by its parts first."""
        if self._there_is is None:
            self._there_is = _listed(self._folder / "data")
        found = self._there_is[step.stem]
        for identity in sorted(found, key=lambda name: name != step.identity):
            if found[identity] is None:
                found[identity] = self._manifest(step, identity)
            if (manifest := found[identity]) is not None:
                yield manifest

    def _manifest(self, step: PlannedStep, identity: str) -> Manifest | None:
        where = self._folder / "data" / f"{step.stem}-{identity}"
        try:
            return read_manifest(where) if (where / MANIFEST).is_file() else None
        except DataError as error:
            # A damaged one is no answer: the run says so, and makes it again. One of a later
            # version is left alone.
            if error.code != DAMAGED and identity == step.identity:
                raise
            return None

    def _still(self, reads: Mapping[str, str]) -> bool:
        return not reads or as_now(reads, [self._folder]) == dict(reads)

    def _with_reads(self, step: PlannedStep) -> PlannedStep:
        """The step with what files hold that code of the user's own opened in it before."""
        paths = {
            path
            for manifest in self._made_as(step)
            if manifest.own == step.own
            for path in manifest.reads
        }
        if not paths:
            return step
        parts = {**step.parts, "reads": as_now(paths, [self._folder])}
        return replace(step, parts=parts, identity=digest_of_parts(parts))

    def _why(self, step: PlannedStep, outside: str | None) -> str:
        before, parts = self._before.get(step.name), _plain(step.parts)
        if before is None:
            return why_it_runs(parts, None, {})
        if before.parts == parts:
            return "" if data_folder(self._folder, step).exists() else "its output is not there"
        if step.operation.kind == "grid":
            return why_grid_runs(step, self.cells(step), before, self._folder)
        folder = self._folder / "data" / before.folder
        then, changed = before.parts.get("outside"), ""
        if then and outside and digest_of_outside(outside) != then:
            changed = what_changed(folder, str(then), outside)
        with contextlib.suppress(DataError, MissingError):
            # The files that it opened are known since then.
            return _reason(step, parts, before, changed, read_manifest(folder).reads)
        return _reason(step, parts, before, changed)

    def _why_unread(self, step: PlannedStep) -> str:
        """Of a step for which something outside would have to be read through, and was not."""
        before, parts = self._before.get(step.name), _plain(step.parts)
        if before is None:
            return why_it_runs(parts, None, {})
        for key in ("outside", "inputs", "cells", "reads"):
            if key in before.parts:
                parts[key] = before.parts[key]
        known = [] if parts == before.parts else [_reason(step, parts, before)]
        return "; ".join([*known, "files that it reads were written to"])

    def _waiting(self, step: PlannedStep) -> StepState:
        """A step whose inputs are not made: it runs for a change of its own, or theirs.

        A file outside that is not there is noticed now; what is there is not read.
        """
        with remembering(None, read=False), contextlib.suppress(UnreadError):
            step.operation.fingerprint(step.settings)
        before, parts = self._before.get(step.name), _plain(step.parts)
        if before is None:
            return StepState(step, False, why_it_runs(parts, None, {}))
        own = before.own != step.own
        if own and step.operation.kind == "grid" and before.parts.get("formula") == FORMULA:
            # Which of its trainings stand on what it is given of other stages, its cells say.
            words = own_words(step, before)
            if words:
                return StepState(step, False, "; ".join(words))
            own = False
        if not own:
            names = dict.fromkeys(name for _, name in step.inputs if name not in self._made)
            told = " or ".join(f"`{name}`" for name in names)
            return StepState(step, False, f"if {told} comes out otherwise", perhaps=True)
        return StepState(step, False, _reason(step, {**before.parts, **parts}, before))


def _reason(
    step: PlannedStep,
    parts: Json,
    before: StepRecord,
    outside: str = "",
    reads: Mapping[str, str] | None = None,
) -> str:
    """Why a step runs, by what is different from its last record."""
    then = dict(before.parts) if reads is None else {**before.parts, "reads": {**reads}}
    said = step.said(), before.told()
    return why_it_runs(parts, then, dict(step.inputs), outside, said)


def memo_of(folder: Path, step: PlannedStep) -> Path | None:
    """Where it is kept what a step's files outside held when they were read; None: nowhere yet."""
    return folder / ".digests" / step.stem if folder.is_dir() else None


def fetched_alike(folder: Path, step: PlannedStep) -> bool:
    """Whether a finished step fetched what this one would."""
    try:
        then = read_manifest(folder).parts
    except (DataError, MissingError):
        return False
    return all(then.get(key) == step.parts.get(key) for key in _FETCHES)


def _listed(data: Path) -> dict[str, dict[str, Manifest | None]]:
    """The identities of what is there, by the beginnings of the folders' names."""
    found: dict[str, dict[str, Manifest | None]] = defaultdict(dict)
    for name in os.listdir(data) if data.is_dir() else ():
        if named := _DATA_SET.fullmatch(name):
            found[named[1]][named[2]] = None
    return found


def _plain(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Parts as they come back from a record."""
    plain: dict[str, Any] = json.loads(json.dumps(parts))
    return plain


def _without(parts: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in _plain(parts).items() if key not in _LENIENT}


def _same_limit(manifest: Manifest, step: PlannedStep) -> bool:
    """Whether a source that was read up to a limit gives the same up to another.

    It does where both are above what there is; an extension's may count what it does not give.
    """
    then, limit = manifest.parts.get("limit"), step.parts.get("limit")
    if then == limit:
        return True
    if find(step.operation.module_name) is not None:
        return False
    assert then is None or isinstance(then, int)
    num_rows = manifest.counts.num_in if manifest.counts else 0
    was_whole = then is None or num_rows < then
    return was_whole and (limit is None or num_rows <= limit)
