"""The finished data that a recipe's orders are of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from tilth.engine.run import step_states
from tilth.errors import MissingError, UsageError
from tilth.recipe.annotate import Annotate
from tilth.recipe.annotated import ledger_of, ordered_steps
from tilth.recipe.model import Recipe
from tilth.recipe.plan import build_plan, data_folder
from tilth.store import Dataset

_SECTION = "annotate: {question: ..., classes: [...]}"


@dataclass(frozen=True)
class Source:
    """A recipe with `annotate`, and the folder of runs.

    Attributes:
        recipe: The recipe.
        runs: Where its run is.
    """

    recipe: Recipe = field(repr=False)
    runs: Path

    @property
    def name(self) -> str:
        """Of the recipe and its run."""
        return self.recipe.name

    @property
    def seed(self) -> int:
        """Of the recipe."""
        return self.recipe.header.seed

    @property
    def asked(self) -> Annotate:
        """The section `annotate`.

        Raises:
            UsageError: The recipe has none.
        """
        asked = self.recipe.header.annotate
        if asked is None:
            raise UsageError(
                f"the recipe `{self.name}` has no section `annotate`",
                where=self.recipe.origin,
                hint=_SECTION,
                code="no-annotate",
            )
        return asked

    @property
    def ledger(self) -> Path:
        """The folder of the ledger."""
        return ledger_of(self.recipe)

    @property
    def step(self) -> str:
        """The step whose samples are ordered; of several sources all."""
        return " + ".join(step.name for step in ordered_steps(self.recipe))

    @cached_property
    def datasets(self) -> tuple[Dataset, ...]:
        """The finished data of that step, as the recipe stands.

        Raises:
            MissingError: It was not run, or not since the recipe or what it reads was changed.
        """
        plan, folder = build_plan(self.recipe), self.runs / self.name
        states = {state.step.name: state for state in step_states(plan, folder)}
        found = []
        for step in ordered_steps(self.recipe):
            state = states[step.name]
            if not state.cached:
                is_there = (folder / "run.json").is_file()
                raise MissingError(
                    f"`{step.name}`, whose samples are ordered, is not finished: {state.why}"
                    if is_there
                    else f"the recipe `{self.name}` has not run: there is nothing to order",
                    where=str(folder),
                    hint=f"tilth run {self._file()} --only {step.name}",
                    code="not-run",
                )
            found.append(Dataset(data_folder(folder, state.step)))
        return tuple(found)

    def _file(self) -> str:
        return self.recipe.origin.removesuffix(" (starter)") or "RECIPE"

    def columns(self) -> set[str]:
        """The columns that samples have."""
        return {name for one in self.datasets for name in one.columns()}

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The samples, of some columns."""
        for one in self.datasets:
            there = {*one.columns()}
            lacking = [name for name in columns if name not in there]
            for batch in one.batches([name for name in columns if name in there]):
                for name in lacking:
                    batch = batch.append_column(name, pa.nulls(batch.num_rows))
                yield batch
