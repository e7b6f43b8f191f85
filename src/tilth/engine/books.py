"""The books of a step: in + born = kept + dropped + quarantined; nothing lost between steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tilth.errors import StepError
from tilth.store.manifest import Counts, Shard


@dataclass
class Books:
    """Totals of a step over its shards, summed from the ledger."""

    num_in: int = 0
    born: int = 0
    kept: int = 0
    dropped: int = 0
    quarantined: int = 0
    by_rule: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)

    def add(self, entry: Shard) -> None:
        """Add one shard's ledger entry."""
        self.num_in += entry.num_in
        self.born += entry.born
        self.kept += entry.kept
        self.dropped += entry.dropped
        self.quarantined += entry.quarantine
        self.by_rule.update(entry.by_rule)
        self.sources.update(entry.sources)

    @classmethod
    def of(cls, entries: Iterable[Shard]) -> Books:
        """The books of a step with these shards."""
        books = cls()
        for entry in entries:
            books.add(entry)
        return books

    def check(self, step: str, expected_in: int | None) -> None:
        """Raise unless everything that came in is accounted for.

        Args:
            step: Named in the error.
            expected_in: What the inputs kept; None for a source.

        Raises:
            StepError: The books do not balance: a defect of Tilth or of an operation, never
                something to go on with.
        """
        if self.num_in + self.born != self.kept + self.dropped + self.quarantined:
            born = f" + {self.born} born" if self.born else ""
            raise StepError(
                f"the books do not balance: {self.num_in} in{born}, but {self.kept} kept + "
                f"{self.dropped} dropped + {self.quarantined} quarantined",
                where=step,
                code="books",
            )
        if expected_in is not None and expected_in != self.num_in:
            raise StepError(
                f"the books do not balance: the inputs kept {expected_in}, "
                f"but {self.num_in} came in",
                where=step,
                code="books",
            )

    def counts(self, passed_over: int = 0, noted: int = 0) -> Counts:
        """The four totals, as the manifest has them, beside what a source passed over or noted."""
        return Counts(
            num_in=self.num_in,
            born=self.born,
            kept=self.kept,
            dropped=self.dropped,
            quarantined=self.quarantined,
            passed_over=passed_over,
            noted=noted,
        )
