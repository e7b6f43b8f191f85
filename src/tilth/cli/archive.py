"""What `tilth export` says and refuses of the archive of a crawl."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tilth.cli.output import line, plural, print_json
from tilth.cli.verb import was_given
from tilth.errors import UsageError

if TYPE_CHECKING:
    from tilth.query.runs import RunView


def export_archive_of(
    run: RunView, what: str | None, to: str | None, dry_run: bool, json: bool
) -> None:
    """Write it, of which there is no split, kind or weight.

    Raises:
        UsageError: Something is asked for that an archive has not.
    """
    from tilth.cli.progress import counted
    from tilth.query.export_archive import export_archive, plan_archive

    for option in ("kind", "split", "resample", "tokenizer"):
        if was_given(option):
            raise UsageError(
                f"`--{option}` would do nothing: a WACZ is all that a crawl fetched, not samples",
                hint=f"tilth export {run.name} --format wacz --to DIR",
            )
    target = to or f"{run.name}-{what or 'archive'}"
    if dry_run:
        from tilth.query.disk import spell_bytes

        plan = plan_archive(run, target, step=what)
        if json:
            print_json(plan)
            return
        line(
            f"would write {plan.folder}/{plan.file}: {plural(plan.pages, 'page')} of {plan.step}, "
            f"{plural(plan.archives, 'WARC file')} of {spell_bytes(plan.num_bytes)}"
        )
        return
    with counted("export") as tell:
        done = export_archive(run, target, step=what, progress=tell)
    if json:
        print_json(done)
        return
    line(
        f"{plural(done.pages, 'page')} of {done.step} in {done.folder}/{done.file}: "
        f"{plural(done.archives, 'WARC file')}, {plural(done.records, 'indexed record')}"
    )
    for note in done.notes:
        line(note)
