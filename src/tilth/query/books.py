"""The books of a run, counted in one way for terminal, report and cards: what their figures are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Protocol

from tilth.figures import Definition
from tilth.store.manifest import Counts

_HERE = "the samples that came into the step; of a source, those that it read"
_LINE = "the whole line, without the steps that only an arm of the experiment needs"

_counted = partial(
    Definition,
    reference="the rows of the files on disk, counted by pyarrow",
    test="tests/query/test_books.py::test_the_books_are_the_rows_on_disk",
)
_passed = partial(
    Definition,
    unit="places",
    reference="`os.walk` and the name lists of `zipfile` and `tarfile`, less what was read",
    test="tests/query/test_passed.py::test_every_file_is_read_or_passed_over",
)
_timed = partial(
    Definition,
    unit="s",
    how="measured",
    reference="a clock around the run, and the events of its steps",
    test="tests/query/test_books.py::test_times_are_those_of_the_events",
)
_weighed = partial(
    Definition,
    unit="bytes",
    reference="the sizes of the files, added up by `os.walk`",
    test="tests/query/test_books.py::test_bytes_are_those_of_the_files",
)

FIGURES = (
    _counted("in", "in", "Samples that came into the step.", _HERE, unit="samples"),
    _counted(
        "born",
        "born",
        "Samples that came into being in the step as parts of those that came in, each of which is "
        "dropped as parted; `in` and `born` together are `kept`, `dropped` and `quarantined`.",
        "the parts that the step gave",
        unit="samples",
    ),
    _counted("kept", "kept", "Samples that went on to the next step.", _HERE, unit="samples"),
    _counted(
        "dropped",
        "dropped",
        "Samples that a rule of the step turned away, each with the rule and what it measured.",
        _HERE,
        unit="samples",
    ),
    _counted(
        "quarantined",
        "quarantined",
        "Records that failed, each set aside with its error; the rest went on.",
        _HERE,
        unit="samples",
    ),
    _passed(
        "passed_over",
        "passed over",
        "Files, members of archives, and other places that the source was pointed at and did not "
        "read, each with its reason.",
        "the places behind the source's path or address",
    ),
    _passed(
        "passed_by_reason",
        "passed over for",
        "Places that the source passed over for this reason; they add up to `passed_over`.",
        "the places that the source passed over",
    ),
    _passed(
        "noted",
        "read with a note",
        "Files, members of archives, and other places that the source read with a guess or a "
        "change, as in an encoding that nobody states; they are among its samples.",
        "the places behind the source's path or address",
        reference="texts whose encoding is known and not stated",
        test="tests/query/test_passed.py::test_what_is_read_by_a_guess_is_no_loss",
    ),
    _passed(
        "noted_by_what",
        "read with the note",
        "Places that the source read with this guess or change; they add up to `noted`.",
        "the places that the source read with a note",
        reference="texts whose encoding is known and not stated",
        test="tests/query/test_passed.py::test_what_is_read_by_a_guess_is_no_loss",
    ),
    _counted(
        "kept_share",
        "kept",
        "Kept samples by those that came in or were born.",
        _HERE,
        share=True,
    ),
    _counted(
        "by_rule",
        "dropped by rule",
        "Samples that this rule turned away first; they add up to `dropped`.",
        _HERE,
        unit="samples",
    ),
    _counted(
        "sources",
        "kept by source",
        "Kept samples of this source; they add up to `kept`.",
        "the samples that the step kept",
        unit="samples",
    ),
    Definition(
        "licences",
        "licence",
        "Samples that state this licence, or none; they add up to `kept`.",
        "the samples that the source kept",
        unit="samples",
        reference="the rows of the files, counted one by one",
        test="tests/query/test_licences.py::"
        "test_samples_are_counted_by_licence_without_personal_data",
    ),
    _timed(
        "seconds",
        "time",
        "Wall-clock seconds that the step took when it was made, those before a stop or a failure "
        "too where it went on; a cached one was made before.",
        "the step, on the machine and beside whatever else ran then",
    ),
    Definition(
        "samples_per_second",
        "rate",
        "Samples that came in by the seconds that the step took.",
        _HERE,
        unit="samples/s",
        better="higher",
        how="measured",
        reference="a division",
        test="tests/query/test_books.py::test_a_rate_is_samples_by_seconds",
    ),
    _weighed("bytes", "disk", "Bytes of the data set that the step made.", "its files, whole"),
    _counted(
        "total.in",
        "in",
        "Samples that all sources read, those that failed there too.",
        _LINE,
        unit="samples",
    ),
    _counted(
        "total.born",
        "born",
        "Samples that came into being as parts of others, over all steps.",
        _LINE,
        unit="samples",
    ),
    _counted(
        "total.kept", "kept", "Samples that the last step of the line kept.", _LINE, unit="samples"
    ),
    _counted(
        "total.dropped",
        "dropped",
        "Samples that rules turned away, over all steps.",
        _LINE,
        unit="samples",
    ),
    _counted(
        "total.quarantined",
        "quarantined",
        "Records that failed and were set aside, over all steps.",
        _LINE,
        unit="samples",
    ),
    _passed(
        "total.passed_over",
        "passed over",
        "Places that the sources were pointed at and did not read.",
        "all sources of the line",
    ),
    _passed(
        "total.noted",
        "read with a note",
        "Places that the sources read with a guess or a change.",
        "all sources of the line",
        reference="texts whose encoding is known and not stated",
        test="tests/query/test_passed.py::test_what_is_read_by_a_guess_is_no_loss",
    ),
    _counted(
        "total.kept_share",
        "kept",
        "Samples at the end by those that came in or were born.",
        _LINE,
        share=True,
    ),
    _timed(
        "total.seconds",
        "took",
        "Wall-clock seconds of this invocation; what was cached was not run again.",
        "the invocation, from its start to its end",
    ),
    _weighed(
        "total.bytes",
        "data sets",
        "Bytes of all data sets in the run's folder, those of earlier invocations too.",
        "the folder `data`",
    ),
    _weighed(
        "total.disk",
        "disk",
        "Bytes of the run's folder: data sets, records, trainings and report.",
        "all files of the folder",
    ),
)


class Booked(Protocol):
    """A step with its books; without numbers where it does not sort samples."""

    @property
    def kind(self) -> str:
        """Of the operation."""

    @property
    def num_in(self) -> int | None:
        """Samples that came in."""

    @property
    def born(self) -> int:
        """Parts of them."""

    @property
    def kept(self) -> int | None:
        """Of both."""

    @property
    def dropped(self) -> int | None:
        """Of both."""

    @property
    def quarantined(self) -> int | None:
        """Of both."""

    @property
    def passed_over(self) -> int | None:
        """Beside them, of a source."""

    @property
    def noted(self) -> int:
        """What of it was read with a guess or a change."""


def totals(line: Sequence[Booked]) -> Counts | None:
    """The books over a line: what came in at its start, what was kept at its end.

    Args:
        line: Its steps in their order, without those of arms.

    Returns:
        None where no step sorts samples.
    """
    sorting = [step for step in line if step.num_in is not None]
    if not sorting:
        return None
    sources = [step for step in sorting if step.kind == "source"]
    further = [step for step in sorting if step.kind != "source"]
    return Counts(
        num_in=sum(step.num_in or 0 for step in sources or sorting[:1]),
        born=sum(step.born for step in sorting),
        # Sources stand side by side, and add up where nothing has read them yet.
        kept=sum(step.kept or 0 for step in further[-1:] or sources),
        dropped=sum(step.dropped or 0 for step in sorting),
        quarantined=sum(step.quarantined or 0 for step in sorting),
        passed_over=sum(step.passed_over or 0 for step in sources),
        noted=sum(step.noted for step in sources),
    )
