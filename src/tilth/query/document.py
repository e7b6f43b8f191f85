"""A run as one record: what `report.json` holds and the page is drawn from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from tilth.decode.thumbnail import image_uri
from tilth.engine.share import shareable_address, shareable_document
from tilth.errors import DataError
from tilth.pretrain.generated import NUM_SAMPLES, Generated, Shown, generated_samples
from tilth.query.books import totals
from tilth.query.disk import Disk, disk_of
from tilth.query.draw import draw_held_out
from tilth.query.licences import count_licences
from tilth.query.predict import MODEL
from tilth.query.report import (
    DiskReport,
    Example,
    Failure,
    ModelData,
    ModelReport,
    ReasonCount,
    Report,
    RuleCount,
    StepCounts,
    StepReport,
)
from tilth.query.runs import RunStep, RunView
from tilth.query.samples import (
    PAYLOADS,
    PLAIN,
    REASONS,
    draw_examples,
    rows_by_id,
)
from tilth.query.share import shareable_excerpt, shareable_opening
from tilth.query.status import status_word
from tilth.query.text import excerpt
from tilth.records import read_as, unsealed
from tilth.schema import DROP_OF, DROP_RULE, DROP_VALUE, ERROR
from tilth.store import Dataset
from tilth.store.files import sha256_file
from tilth.store.manifest import Counts
from tilth.store.passed import OTHER

_PER_RULE, _PER_STEP, _MAX_ERRORS, _EXCERPT = 5, 20, 20, 600
_MAX_ERROR_READ = 4000
WEIGHTS = "model.safetensors"
# When a step was made that took so long: its record has the one, the event log the other.
Made = dict[tuple[str, float], str]
_NOTHING = Counts(num_in=0, kept=0, dropped=0, quarantined=0)
# The recipe must run again as it stands; the others are this program's own words on the machine.
_VERBATIM = ("recipe_yaml", "machine", "versions", "extensions", "tilth", "started", "finished")


def report_document(run: RunView) -> Report:
    """Everything that the report shows, read from the run's folder, as `shareable_document`.

    Examples are at most 5 a rule and 20 a step, errors at most 20 a step; `by_rule` and the
    counts say of how many.

    Raises:
        MissingError: The output of a step was removed.
        DataError: The manifest of one cannot be read.
    """
    record = run.record
    own = [step for step in run.steps if not step.is_arm]
    warnings, made = _events(run)
    model, generated = _model(run, own)
    report = Report(
        tilth=record.versions.get("tilth"),
        name=record.name,
        about=record.about,
        seed=record.seed,
        limit=record.limit,
        started=record.started,
        finished=record.finished,
        seconds=record.seconds,
        disk=_disk(disk_of(run)),
        status=status_word(run),
        error=shareable_address(record.error),
        machine=record.machine,
        versions=record.versions,
        extensions={one.name: one.digest for one in record.extensions},
        recipe_yaml=record.recipe_yaml,
        totals=totals(run.line()) or _NOTHING,
        steps=tuple(_step(step, tuple(warnings.get(step.name, ())), made) for step in own),
        arm_steps=tuple(_counts(step, made) for step in run.steps if step.is_arm),
        pretrain=next((s.pretrained for s in own if s.pretrained is not None), None),
        transfer=next((s.transferred for s in own if s.transferred is not None), None),
        value=next((s.valued for s in own if s.valued is not None), None),
        model=model,
        generated=generated,
    )
    clean = read_as(Report, shareable_document(report.as_json()), str(run.folder))
    return clean.model_copy(update={name: getattr(report, name) for name in _VERBATIM})


def with_disk(report: Report, run: RunView) -> Report:
    """The document with the bytes of the data sets as they are now."""
    return report.model_copy(update={"disk": _disk(disk_of(run))})


def _disk(disk: Disk) -> DiskReport:
    """Bytes of the data sets; the page's own are not of it."""
    steps = {step.name: step.num_bytes for step in disk.steps}
    return DiskReport(bytes=disk.data_bytes, steps=steps, other=disk.other_data)


def _model(run: RunView, steps: list[RunStep]) -> tuple[ModelReport | None, Generated | None]:
    """What the model was made of, and what it makes of a few samples."""
    step = next((step for step in steps if step.stage == "pretrain"), None)
    folder = step.folder / MODEL if step else None
    if step is None or folder is None or not (folder / WEIGHTS).is_file():
        return None, None
    given = run.step(step.inputs[0])
    data = ModelData(
        step=given.name,
        samples=given.kept,
        digest=given.dataset().digest,
        sources=given.manifest.sources,
    )
    model = ModelReport(
        folder=str(folder.relative_to(run.folder)),
        weights_sha256=sha256_file(folder / WEIGHTS),
        settings=step.settings,
        data=data,
    )
    made = generated_samples(
        folder,
        lambda: draw_held_out(run, step, NUM_SAMPLES),
        Shown(shareable_opening, image_uri),
    )
    return model, made


def _counts(step: RunStep, made: Made) -> StepCounts:
    return StepCounts(
        name=step.name,
        stage=step.stage,
        op=step.op,
        kind=step.kind,
        identity=step.identity,
        cached=step.cached,
        seconds=step.seconds,
        made=made.get((step.name, step.seconds)),
        num_in=step.num_in,
        kept=step.kept,
        dropped=step.dropped,
        quarantined=step.quarantined,
        passed_over=step.passed_over,
        born=step.born,
        noted=step.noted,
    )


def _step(step: RunStep, warnings: tuple[str, ...], made: Made) -> StepReport:
    plain = StepReport.model_validate(_counts(step, made).as_json()).model_copy(
        update={"warnings": warnings}
    )
    if not step.sorts:
        return plain
    manifest, dataset = step.manifest, step.dataset()
    by_rule = manifest.by_rule
    return plain.model_copy(
        update={
            "by_rule": tuple(RuleCount(rule=rule, count=n) for rule, n in by_rule.items()),
            "sources": manifest.sources,
            "passed_by_reason": tuple(_passed_over(step)),
            "noted_by_what": tuple(_noted(step)),
            "figures": manifest.figures,
            "examples": tuple(_examples(dataset, by_rule)),
            "errors": tuple(_errors(dataset)),
            "license": count_licences(dataset) if step.kind == "source" else {},
        }
    )


def _passed_over(step: RunStep) -> Iterator[ReasonCount]:
    """The reasons, the commonest first, with the first places of each."""
    return _by_reason(step.manifest.passed_over.commonest(), step.dataset().passed_over)


def _noted(step: RunStep) -> Iterator[ReasonCount]:
    """The same of what was read with a guess or a change."""
    return _by_reason(step.manifest.passed_over.commonest_notes(), step.dataset().noted)


def _by_reason(
    commonest: Sequence[tuple[str, int]], listed: Callable[[], Iterator[tuple[str, str]]]
) -> Iterator[ReasonCount]:
    places: dict[str, list[str]] = {reason: [] for reason, _ in commonest}
    left = sum(min(count, _PER_RULE) for _, count in commonest)
    for place, reason in listed() if left else ():
        here = places.get(reason, places.get(OTHER, []))
        if len(here) < _PER_RULE:
            here.append(shareable_address(excerpt(place, 300)))
            left -= 1
        if not left:
            break
    for reason, count in commonest:
        yield ReasonCount(reason=reason, count=count, places=tuple(places[reason]))


def _examples(dataset: Dataset, by_rule: dict[str, int]) -> Iterator[Example]:
    ids = draw_examples(dataset, by_rule, _PER_RULE, _PER_STEP)
    for row in rows_by_id(dataset, "dropped", ids, [*PLAIN, *PAYLOADS, *REASONS]):
        image = row.get("image")
        shown = image_uri(image) if image is not None and row.get("text") is None else None
        yield Example(
            id=row["id"],
            uri=shareable_address(row.get("uri")),
            rule=row.get(DROP_RULE),
            value=shareable_address(row.get(DROP_VALUE)),
            of=row.get(DROP_OF),
            text=None if shown else shareable_excerpt(row, _EXCERPT),
            image=shown or None,
        )


def _errors(dataset: Dataset) -> Iterator[Failure]:
    left = _MAX_ERRORS
    for batch in dataset.batches(["uri", ERROR], kind="quarantine", batch_rows=_MAX_ERRORS):
        for row in batch.to_pylist()[:left]:
            error = excerpt(shareable_address(str(row[ERROR])[:_MAX_ERROR_READ]), 300)
            yield Failure(uri=shareable_address(row.get("uri")), error=error)
        left -= batch.num_rows
        if left <= 0:
            return


def _events(run: RunView) -> tuple[dict[str, list[str]], Made]:
    """From the event log: what each step warned of when it last ran, and when each was made."""
    path = run.folder / "events.jsonl"
    found: dict[str, list[str]] = {}
    made: Made = {}
    if not path.is_file():
        return found, made
    with open(path, "rb") as log:
        for line in log:
            try:
                event = unsealed(line, str(path))
            except DataError:
                continue  # cut in half by a kill, or damaged
            if not isinstance(event, dict):
                continue
            if event.get("event") == "StepStarted":
                found[event["step"]] = []
            elif event.get("event") == "StepFinished" and event.get("cached") is False:
                made[event["step"], round(event["seconds"], 3)] = event["at"]
            elif event.get("event") == "Warned":
                messages = found.setdefault(event["step"], [])
                if (message := shareable_address(event["message"])) not in messages:
                    messages.append(message)
    return found, made
