"""The verb that writes what others read: export."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tilth.cli.archive import export_archive_of
from tilth.cli.output import line, plural, print_json
from tilth.cli.runs import RunArgument
from tilth.cli.verb import Json, Runs, Verb, was_given
from tilth.errors import UsageError
from tilth.export.names import ARCHIVE_FORMATS, MODEL_FORMATS, AnyFormatName

if TYPE_CHECKING:
    from tilth.query.export import Exported, ExportedSplits
    from tilth.query.export_plan import PlannedExport
    from tilth.query.runs import RunView


def export(
    run: RunArgument,
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="[WHAT]",
            help="train, validation or test: that split of the final data set; or a step, or the "
            "end of its name. If none: one folder for each split, or the model.",
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="DIR",
            help="A folder that is not there, also at s3:// or gs://; RUN-WHAT if none.",
        ),
    ] = None,
    format: Annotated[
        AnyFormatName,
        typer.Option(
            "--format",
            help="Of the files; safetensors, huggingface and onnx are the run's model instead, "
            "wacz the archive of its crawl.",
        ),
    ] = "parquet",
    tfrecord: Annotated[
        bool, typer.Option("--tfrecord", help="Short for --format tfrecord.")
    ] = False,
    huggingface: Annotated[
        bool, typer.Option("--huggingface", help="Short for --format huggingface.")
    ] = False,
    kind: Annotated[
        Literal["kept", "dropped", "quarantine"],
        typer.Option("--kind", help="Which samples of a step."),
    ] = "kept",
    split: Annotated[
        Literal["train", "validation", "test"] | None,
        typer.Option("--split", help="Only samples of this split."),
    ] = None,
    resample: Annotated[
        int | None,
        typer.Option(
            "--resample",
            min=0,
            metavar="SEED",
            help="Draw samples by their weights, as in the first epoch of a training of that seed.",
        ),
    ] = None,
    tokenizer: Annotated[
        Path | None,
        typer.Option(
            "--tokenizer",
            metavar="FILE",
            help="For nanogpt and megatron: a tokenizer.json; that of the run's model if none.",
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say what would be written, and where; write nothing."),
    ] = False,
    runs: Runs = "runs",
    json: Json = False,
) -> None:
    """Write a run's final data, a step's samples or the model as files, whole or not at all."""
    from tilth.query.export_selection import select_split, select_splits, select_step
    from tilth.query.runs import open_run
    from tilth.splits import SPLITS

    found = open_run(run, runs)
    format = "tfrecord" if tfrecord else "huggingface" if huggingface else format
    if format in ARCHIVE_FORMATS:
        export_archive_of(found, what, to, dry_run, json)
        return
    if format in MODEL_FORMATS:
        _export_model(found, format, what, to, dry_run, json)
        return
    if what is None and kind != "kept":
        names = [one.name for one in found.line()]
        raise UsageError(
            f"name the step whose {kind} samples are wanted",
            hint="one of " + ", ".join(names),
            code="no-step",
        )
    if what in SPLITS and (kind != "kept" or split is not None):
        raise UsageError(
            f"`{what}` is a split of the final data set: it takes no --kind or --split",
            hint=f"tilth export {run} {what} --to DIR; a step has both",
        )
    what = split if what is None else what
    if what is None:
        selected = select_splits(found, format=format, resample=resample, tokenizer=tokenizer)
    elif what in SPLITS:
        selected = select_split(found, what, format=format, resample=resample, tokenizer=tokenizer)
    else:
        selected = select_step(
            found,
            what,
            format=format,
            kind=kind,
            split=split,
            resample=resample,
            tokenizer=tokenizer,
        )
    target = to or f"{found.name}-{what or 'splits'}"
    if dry_run:
        from tilth.query.export_plan import plan_selected

        _say_planned(plan_selected(selected, target), json)
        return
    from tilth.cli.progress import counted
    from tilth.query.export import ExportedSplits, write_selected

    with counted("export") as tell:
        done = write_selected(selected, target, tell)
    if isinstance(done, ExportedSplits):
        _say_exported(done, json, *_split_lines(done))
    else:
        _say_exported(done, json, _exported_line(done), *done.notes)


def _export_model(
    run: RunView, format: str, what: str | None, to: str | None, dry_run: bool, json: bool
) -> None:
    """Write the model, of which there is no split, step or weight.

    Raises:
        UsageError: Something is asked for that a model has not.
    """
    if what not in (None, "pretrain"):
        written = "--huggingface" if was_given("huggingface") else f"--format {format}"
        raise UsageError(
            f"{written} is of the model, which is of the step `pretrain`, not `{what}`",
            hint=f"tilth export {run.name} {written} --to DIR",
        )
    for option in ("kind", "split", "resample", "tokenizer"):
        if was_given(option):
            raise UsageError(
                f"`--{option}` would do nothing: `{format}` is a model, not samples",
                hint=f"tilth export {run.name} --format {format} --to DIR",
            )
    # Read as torch is loaded: what its exporter warns of is tried, and stood between the lines.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    target = to or f"{run.name}-model"
    if dry_run:
        from tilth.query.export_plan import plan_model

        _say_planned(plan_model(run, target, format=format), json)
        return
    from tilth.cli.progress import counted
    from tilth.query.export import export_model

    with counted("export") as tell:
        done = export_model(run, target, format=format, progress=tell)
    _say_exported(done, json, f"the model of {done.run} in {done.folder}: {', '.join(done.files)}")


def _say_exported(done: object, json: bool, *lines: str) -> None:
    if json:
        print_json(done)
        return
    for text in lines:
        line(text)


def _exported_line(done: Exported) -> str:
    of = f" of the split {done.split}" if done.split else ""
    which = {"dropped": "dropped sample", "quarantine": "quarantined sample"}
    samples = plural(done.rows, which.get(done.kind, "sample"))
    return f"{samples}{of} of {done.step} in {_spell_files(done)} in {done.folder}"


def _spell_files(done: Exported) -> str:
    folders = sum(name.endswith("/") for name in done.files)
    files = len(done.files) - folders
    told = [plural(files, "file")] if files or not folders else []
    return " and ".join([*told, *([plural(folders, "folder")] if folders else [])])


def _split_lines(done: ExportedSplits) -> Iterator[str]:
    """What stands in which folder, and which split has no sample."""
    folders = {one.folder for one in done.splits} - {done.folder}
    lie = f"a split a folder: {plural(len(folders), 'folder')}" if folders else "side by side"
    yield f"the final data set of {done.run} ({done.step}), {lie}"
    for one in done.splits:
        of = f" of the split {one.split}" if one.folder == done.folder else ""
        yield f"  {one.folder}: {plural(one.rows, 'sample')}{of} in {_spell_files(one)}"
    for split in done.empty:
        yield f"  no sample is in the split {split}"
    yield from done.notes


def _say_planned(plan: PlannedExport, json: bool) -> None:
    """What would be written; nothing is."""
    from tilth.query.disk import spell_bytes

    if json:
        print_json(plan)
        return
    about = "" if plan.is_exact else "about "
    size = spell_bytes(plan.num_bytes)
    if plan.kind == "model":
        line(f"would write the model of {plan.run} as {plan.format} to {plan.folder}")
        line(f"  {', '.join(plan.names)}")
        line(f"{plural(plan.files, 'file')}; the weights are about {size}")
    else:
        which = "samples" if plan.kind == "kept" else f"{plan.kind} samples"
        line(f"would write {which} of {plan.run} ({plan.step}) as {plan.format} to {plan.folder}")
        for part in plan.parts:
            of = f" of the split {part.split}" if part.split else ""
            files = f"{about}{plural(part.files, 'file')}"
            held = spell_bytes(part.num_bytes)
            line(f"  {part.folder}: {plural(part.rows, 'sample')}{of} in {files}, {about}{held}")
        for split in plan.empty:
            line(f"  no sample is in the split {split}")
        line(
            f"{about}{plural(plan.files, 'file')} with the card; the samples hold {about}{size}, "
            "before the format packs them or spells them out"
        )
        for note in plan.notes:
            line(note)
    line("nothing was written")


VERBS = (
    Verb(
        export,
        """tilth export quickstart train --to train --format jsonl
        tilth export quickstart --to splits
        tilth export quickstart clean.rules --to rules
        tilth export quickstart clean.rules --kind dropped --to dropped
        tilth export mnist collect.mnist --to records --tfrecord
        tilth export my train --resample 1 --to mixed
        tilth export my --format webdataset --to s3://bucket/my --dry-run
        tilth export digits --format imagefolder --to digits
        tilth export gpt2 --format nanogpt --to tokens
        tilth export my --format megatron --tokenizer tokenizer.json --to s3://bucket/my
        tilth export gpt2 --to model --huggingface
        tilth export digits --to model --format onnx""",
        apart=(
            ("format", "tfrecord"),
            *(
                ("huggingface", one)
                for one in ("format", "tfrecord", "kind", "split", "resample", "tokenizer")
            ),
        ),
    ),
)
