"""What `report.json` holds and the page is drawn from: a run as one record."""

from __future__ import annotations

from pydantic import Field

from tilth.machine import Machine
from tilth.pretrain.generated import Generated
from tilth.pretrain.result import PretrainResult
from tilth.records import Json, Record
from tilth.store.manifest import Counts
from tilth.transfer.result import TransferResult
from tilth.value.result import ValueResult

FORMAT = 1


class RuleCount(Record):
    """A rule, and how many samples it dropped."""

    rule: str
    count: int


class Example(Record):
    """A dropped sample, with the opening of its text or its picture as a data URI.

    Attributes:
        id, uri: Of the sample.
        rule, value: What dropped it, and by what it measured.
        of: The sample that stayed instead.
        text, image: One of them.
    """

    id: str
    uri: str | None
    rule: str | None
    value: str | None
    of: str | None
    text: str | None = None
    image: str | None = None


class ReasonCount(Record):
    """Why a source passed places over: how many, and the first few of them."""

    reason: str
    count: int
    places: tuple[str, ...] = ()


class Failure(Record):
    """A record that failed."""

    uri: str | None
    error: str


class StepCounts(Record):
    """A step and its books; None where it does not sort samples.

    Attributes:
        passed_over: Beside them, of a source: places that it was pointed at and did not read.
        noted: Places that it read with a guess or a change.
        seconds: What it took when it was made.
        made: When that was, ISO 8601; None where the run's events do not say.
        num_in, kept, dropped, quarantined: Its books; None where it does not sort samples.
        born: Samples that came into being in it, as parts of those that came in.
    """

    name: str
    stage: str
    op: str
    kind: str
    identity: str
    cached: bool
    seconds: float
    made: str | None = None
    num_in: int | None = Field(alias="in")
    kept: int | None
    dropped: int | None
    quarantined: int | None
    passed_over: int | None = None
    born: int = 0
    noted: int = 0


class StepReport(StepCounts):
    """What the page shows of a step.

    Attributes:
        by_rule, sources: Dropped samples by rule, kept ones by source.
        passed_by_reason: Of a source, what it passed over by the reason.
        noted_by_what: What it read with a guess or a change, by which.
        examples, errors: A few of what was dropped, and of what failed.
        figures: The operation's own, in a shape of its own.
        warnings: What it warned of when it last ran.
        license: Of a source: kept samples by the licence that they state.
    """

    by_rule: tuple[RuleCount, ...] = ()
    sources: dict[str, int] = Field(default_factory=dict)
    passed_by_reason: tuple[ReasonCount, ...] = ()
    noted_by_what: tuple[ReasonCount, ...] = ()
    examples: tuple[Example, ...] = ()
    errors: tuple[Failure, ...] = ()
    figures: Json = Field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    license: dict[str, int] = Field(default_factory=dict)


class DiskReport(Record):
    """Bytes of the data sets: all, by step, and of those that this invocation does not use."""

    bytes: int
    steps: dict[str, int]
    other: int


class ModelData(Record):
    """The data set that a model was trained on."""

    step: str
    samples: int | None
    digest: str
    sources: dict[str, int]


class ModelReport(Record):
    """What a model was made of, and where it is."""

    folder: str
    weights_sha256: str
    settings: Json
    data: ModelData


class Report(Record):
    """A run.

    Attributes:
        format: Of this document.
        tilth: The version that made the run.
        name, about, seed, limit, started, finished, seconds, error, recipe_yaml, machine, versions:
            As in the run's record.
        extensions: What of the user's own made the run: SHA-256 by name.
        status: Also `interrupted`, of a run that was killed.
        disk: What its data sets take.
        totals: The books over the whole line.
        steps, arm_steps: Those of the line and its stages; those that only an arm needs.
        pretrain, transfer, value: What the stages found.
        model, generated: What was trained, and what it makes of a few samples.
        report_notes: What was cut or left out of this document.
    """

    format: int = FORMAT
    tilth: str | None
    name: str
    about: str
    seed: int
    limit: int | None
    started: str
    finished: str | None
    seconds: float | None
    disk: DiskReport
    status: str
    error: str | None
    machine: Machine
    versions: dict[str, str]
    extensions: dict[str, str] = Field(default_factory=dict)
    recipe_yaml: str
    totals: Counts
    steps: tuple[StepReport, ...]
    arm_steps: tuple[StepCounts, ...]
    pretrain: PretrainResult | None
    transfer: TransferResult | None
    value: ValueResult | None
    model: ModelReport | None
    generated: Generated | None
    report_notes: tuple[str, ...] = ()
