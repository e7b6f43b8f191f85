"""The verb that orders annotation and takes what comes back: annotate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tilth.cli.output import line, plural, print_json, table
from tilth.cli.recipes import RecipeArgument
from tilth.cli.verb import Json, Runs, Verb, was_given
from tilth.errors import UsageError
from tilth.spell import decimals_apart, fixed

if TYPE_CHECKING:
    from tilth.annotate.acceptance import Share
    from tilth.annotate.order import Ordered
    from tilth.annotate.source import Source
    from tilth.annotate.status import LedgerStatus

Form = Literal["label_studio", "ground_truth", "mturk", "csv", "jsonl"]
Choice = Literal["random", "stratified", "suspect", "disputed", "lacking"]
_ORDERING = ("items", "choose", "to", "form", "dry_run")
_ACTS = ("take", "status", "accept", "hold", "give_back", "close", "settle")
_MAX_SHOWN = 20


def annotate(
    recipe: RecipeArgument,
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILES]", help="With --import: further files."),
    ] = None,
    items: Annotated[
        int | None,
        typer.Option(
            "--items", min=1, metavar="N", help="Items of the round at most; all if none."
        ),
    ] = None,
    choose: Annotated[
        Choice | None,
        typer.Option("--choose", help="Which items; as the recipe says if none."),
    ] = None,
    form: Annotated[Form, typer.Option("--format", help="Of the order's files.")] = "csv",
    to: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="DIR", help="A folder that is not there; NAME-round-N if none."
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say what would be ordered and what it costs; no more."),
    ] = False,
    take: Annotated[
        list[Path] | None,
        typer.Option("--import", metavar="FILE", help="Take what came back; repeatable."),
    ] = None,
    status: Annotated[
        bool, typer.Option("--status", help="Say where the ledger stands; change nothing.")
    ] = False,
    accept: Annotated[
        str | None,
        typer.Option("--accept", metavar="ANNOTATOR", help="Accept answers, whatever the rule."),
    ] = None,
    hold: Annotated[
        str | None, typer.Option("--hold", metavar="ANNOTATOR", help="Hold answers likewise.")
    ] = None,
    give_back: Annotated[
        str | None,
        typer.Option("--return", metavar="ANNOTATOR", help="Return answers likewise."),
    ] = None,
    round: Annotated[
        int | None,
        typer.Option(
            "--round", min=1, metavar="N", help="With one of these: of this round, not of all."
        ),
    ] = None,
    close: Annotated[
        int | None,
        typer.Option("--close", min=1, metavar="N", help="Wait no more for answers of a round."),
    ] = None,
    settle: Annotated[
        bool, typer.Option("--settle", help="Apply the recipe's rule as it stands now.")
    ] = False,
    runs: Runs = "runs",
    json: Json = False,
) -> int:
    """Order labels for a recipe's data, take what comes back, and say what is accepted."""
    from tilth.annotate.source import Source
    from tilth.recipe.load import load_recipe

    _require_one()
    source = Source(load_recipe(recipe), Path(runs))
    _ = source.asked
    if take:
        return _take(source, [*take, *(files or ())], json)
    if status:
        from tilth.annotate.status import status_of

        _say_status(status_of(source), recipe, json)
        return 0
    if any((accept, hold, give_back, close, settle)):
        _decide(source, accept, hold, give_back, round, close, json)
        return 0
    from tilth.annotate.order import order

    _say_ordered(
        order(source, form=form, items=items, how=choose, to=to, dry_run=dry_run), recipe, json
    )
    return 0


def _require_one() -> None:
    """Refuse an order and something else, or two other things, in one command.

    Raises:
        UsageError: So it is.
    """
    acts = [name for name in _ACTS if was_given(name)]
    stray = [name for name in _ORDERING if was_given(name)] if acts else []
    hint = "`tilth annotate --help` has examples"
    if len(acts) > 1 or stray:
        both = [_option(name) for name in (*acts[:1], *stray[:1], *acts[1:2])]
        raise UsageError(f"`{both[0]}` and `{both[1]}` exclude each other", hint=hint)
    if was_given("files") and "take" not in acts:
        raise UsageError("`FILES` does nothing without `--import`", hint=hint)
    if was_given("round") and not {*acts} & {"accept", "hold", "give_back"}:
        raise UsageError("`--round` does nothing without --accept, --hold or --return", hint=hint)


def _option(name: str) -> str:
    special = {"take": "import", "form": "format", "give_back": "return"}
    return "--" + special.get(name, name).replace("_", "-")


def _say_ordered(found: Ordered, recipe: str, json: bool) -> None:
    if json:
        print_json(found)
        return
    said = "ordered" if found.done else "would be ordered"
    planted = []
    if found.gold:
        planted.append(f"{found.gold:,} gold")
    if found.repeats:
        planted.append(f"{found.repeats:,} repeated")
    beside = f" and, among them, {' and '.join(planted)}" if planted else ""
    line(
        f"round {found.round}: {plural(found.items, 'item')} of {found.step}{beside}: "
        f"{plural(found.tasks, 'task')} for {plural(found.annotators, 'annotator')} each, "
        f"{plural(found.answers, 'answer')} {said}" + (f" at {found.cost}" * bool(found.cost))
    )
    for one in found.told:
        line(f"  {one}")
    if found.done:
        line(f"written as {found.form} to {found.folder}")
        line(f"what comes back: tilth annotate {recipe} --import FILE")
    else:
        line(f"as {found.form}, to {found.folder}; nothing was written")


def _take(source: Source, files: Sequence[Path], json: bool) -> int:
    from tilth.annotate.take import reasons, take

    found = take(source, files)
    lost = sum(one.lost for one in found)
    if json:
        print_json({"files": found, "lost": lost})
        return int(lost > 0)
    for one in found:
        if one.before:
            line(f"{one.file}: was taken before, as import {one.number}; nothing changed")
            continue
        again = f", {one.repeated:,} that were known" if one.repeated else ""
        line(
            f"{one.file} ({one.form}): {plural(one.rows, 'row')}, "
            f"{plural(one.answers, 'new answer')}{again}"
        )
        for note in one.notes:
            line(f"  {note}")
        for why, num, place in reasons(one.told)[:_MAX_SHOWN]:
            line(f"  {num:,}: {why} (first: {place})")
    if lost:
        line(f"{plural(lost, 'row')} could not be taken as they stand; the ledger keeps them")
    return int(lost > 0)


def _decide(
    source: Source,
    accept: str | None,
    hold: str | None,
    give_back: str | None,
    round: int | None,
    close: int | None,
    json: bool,
) -> None:
    from tilth.annotate.take import decide, settle_anew

    if close is not None:
        made = decide(source, "close", round=close)
        said = f"round {close} is closed: what did not come back is not waited for"
    elif accept is not None:
        made = decide(source, "accept", annotator=accept, round=round)
        said = f"{accept} is accepted"
    elif hold is not None:
        made = decide(source, "hold", annotator=hold, round=round)
        said = f"{hold} is held"
    elif give_back is not None:
        made = decide(source, "return", annotator=give_back, round=round)
        said = f"{give_back} is returned"
    else:
        changed = settle_anew(source)
        if json:
            print_json({"changed": changed})
        else:
            line("settled; " + ("other answers are accepted now" if changed else "nothing changed"))
        return
    if json:
        print_json(made.as_json())
        return
    line(said + (f" in round {round}" if round is not None else ""))


def _say_status(found: LedgerStatus, recipe: str, json: bool) -> None:
    if json:
        print_json(found)
        return
    line(f"{found.recipe}: {plural(len(found.rounds), 'round')} in {found.folder}")
    if not found.rounds:
        line(f"nothing was ordered yet: tilth annotate {recipe} --dry-run")
        return
    line()
    rows = [
        [
            f"{one.round}{' closed' if one.closed else ''}",
            one.choose,
            f"{one.items:,}",
            f"{one.gold:,}",
            f"{one.repeats:,}",
            f"{one.answers.ordered:,}",
            f"{one.answers.answered:,}",
            f"{one.answers.accepted:,}",
            f"{one.answers.held:,}",
            f"{one.answers.returned:,}",
            f"{one.disputed:,}",
            _number(one.alpha),
            one.cost.accepted or "-",
        ]
        for one in found.rounds
    ]
    names = ["round", "items by", "items", "gold", "repeats", "ordered", "answered", "accepted"]
    names += ["held", "returned", "disputed", "alpha", "owed"]
    table(names, rows, right=range(2, 13))
    if found.works:
        line()
        table(
            ["annotator", "round", "answers", "gold", "repeats", "agreement", "seconds", "", "why"],
            [
                [
                    work.annotator,
                    str(work.round),
                    f"{work.answers:,}",
                    _share(work.gold),
                    _share(work.repeats),
                    _number(work.agreement if work.alpha is None else work.alpha),
                    "-" if work.seconds is None else f"{work.seconds:.1f}",
                    work.verdict,
                    work.why,
                ]
                for work in found.works
            ],
            right=(1, 2, 5, 6),
        )
    line()
    if found.cost.ordered:
        line(
            f"ordered {found.cost.ordered}; accepted {found.cost.accepted or 0}, held "
            f"{found.cost.held or 0}, returned {found.cost.returned or 0}"
        )
    if found.not_counted:
        line(f"{plural(found.not_counted, 'answer')} to samples that their annotators had before")
    for why, num, place in found.told:
        line(f"  {num:,}: {why} (first: {place})")
    if not found.settled:
        line(
            "the rule of the recipe, or the ledger, has changed since answers were settled: "
            f"tilth annotate {recipe} --settle"
        )


def _number(value: float | None) -> str:
    return "-" if value is None else fixed(value, decimals_apart((value,), 2, (0.0, 1.0)))


def _share(share: Share | None) -> str:
    return "-" if share is None else f"{share.right}/{share.of}"


VERBS = (
    Verb(
        annotate,
        """tilth annotate my.yaml --items 200 --dry-run
        tilth annotate my.yaml --items 200 --format label_studio --to round-1
        tilth annotate my.yaml --import export.json
        tilth annotate my.yaml --status
        tilth annotate my.yaml --accept annotator-3f2a90b1c7de --round 1
        tilth annotate my.yaml --close 1
        tilth annotate my.yaml --choose disputed --to round-2""",
    ),
)
