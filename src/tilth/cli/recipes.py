"""Verbs about recipes: init, list, explain, check, plan."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tilth.cli.output import line, paragraph, plural, print_json, table
from tilth.cli.verb import Json, Runs, Verb, say_error, was_given
from tilth.errors import MissingError, RecipeError, UsageError

if TYPE_CHECKING:
    from tilth.query.basis import Basis
    from tilth.query.explain import Explanation, SettingInfo
    from tilth.query.plans import PlanView

RecipeArgument = Annotated[
    str, typer.Argument(metavar="RECIPE", help="A recipe's file, or the name of a starter.")
]
Limit = Annotated[
    int | None,
    typer.Option("--limit", min=1, metavar="N", help="Read at most N samples of each source."),
]
Only = Annotated[
    str | None,
    typer.Option("--only", metavar="STEP", help="This step and what it stands on, no more."),
]
WithExtensions = Annotated[
    str | None,
    typer.Option("--recipe", metavar="FILE", help="A recipe whose extensions are known too."),
]
Name = Annotated[
    str | None, typer.Option("--name", help="Name of the run; the recipe's by default.")
]


def init(
    starter: Annotated[
        str | None,
        typer.Argument(
            metavar="[STARTER]", help="`tilth list starters`; with --from: the file to write."
        ),
    ] = None,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Where to; STARTER.yaml by default.")
    ] = None,
    seen: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="PATH",
            help="A folder, file or glob of yours: write a recipe that reads it, with guesses.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
    json: Json = False,
) -> None:
    """Write a recipe to edit: a copy of a starter, or a draft for what lies at a path."""
    if seen is not None:
        if file is not None:
            raise UsageError(
                "`--from` takes no starter", hint=f"tilth init --from {shlex.quote(seen)} FILE"
            )
        _draft(seen, None if starter is None else Path(starter), force, json)
        return
    if starter is None:
        raise UsageError(
            "neither a starter nor `--from`",
            hint="`tilth list starters` names them; `tilth init --from FOLDER` looks at your data",
        )
    from tilth.recipe.starters import copy_starter

    target = _free(file or Path(f"{starter}.yaml"), f"{starter}.yaml", force=True)
    text, name = copy_starter(starter, target)
    _write(_free(target, target.name, force), text)
    if json:
        print_json({"starter": starter, "file": target, "name": name})
    else:
        line(f"wrote {target}; run it with {_command(target)}, which makes the run `{name}`")


def _draft(path: str, file: Path | None, force: bool, json: bool) -> None:
    """Write a recipe for what lies at a path."""
    from tilth.query.draft import draft
    from tilth.recipe.starters import run_name

    own = run_name(Path(path.rstrip("/*?")).stem) or "mine"
    target = _free(file or Path(f"{own}.yaml"), f"{own}.yaml", force)
    found = draft(path, run_name(target.stem) or "mine")
    _write(_free(target, target.name, force), found.text)
    if json:
        print_json(
            {"from": path, "file": target} | {k: v for k, v in vars(found).items() if k != "text"}
        )
        return
    line(f"wrote {target}:")
    for sentence in found.about:
        paragraph(sentence, indent="    ", first="  ")
    line(
        "each guess stands there with what was seen: read it, and run it with "
        f"{_command(target)}, which makes the run `{found.name}`"
    )


def _command(target: Path) -> str:
    return f"`{shlex.join(['tilth', 'run', str(target)])}`"


def _free(target: Path, name: str, force: bool) -> Path:
    """Where to write: in a folder under a name of its own.

    Raises:
        UsageError: It is there already.
    """
    if target.is_dir():
        target = target / name
    if target.exists() and not force:
        raise UsageError(
            "the file is there already, and nothing is overwritten",
            where=str(target),
            hint="name another file, or give --force",
            code="exists",
        )
    return target


def _write(target: Path, text: str) -> None:
    from tilth.store.files import write_bytes

    write_bytes(target, text.encode())


def list_(
    category: Annotated[
        str | None,
        typer.Argument(
            metavar="[CATEGORY]",
            help="operations, starters, signals, rules, figures or runs; all if none.",
        ),
    ] = None,
    recipe: WithExtensions = None,
    runs: Runs = "runs",
    json: Json = False,
) -> None:
    """List operations, starters, signals, rule sets, figures or runs."""
    from tilth.hints import did_you_mean
    from tilth.query.explain import CATEGORIES, list_entries

    wanted = [c for c in CATEGORIES if category in (None, c)]
    if not wanted:
        raise UsageError(
            f"there is no category `{category}`", hint=did_you_mean(str(category), list(CATEGORIES))
        )
    of = {"recipe": ("operations", "figures"), "runs": ("runs",)}
    for option, only in of.items():
        if was_given(option) and not set(only) & set(wanted):
            raise UsageError(
                f"`--{option}` does nothing for {category}",
                hint=f"tilth list {only[0]} --{option} …",
            )
    if was_given("runs"):
        require_runs(runs)
    found = {name: list_entries(name, runs, recipe) for name in wanted}
    if json:
        print_json(found)
        return
    for name, entries in found.items():
        if len(wanted) > 1:
            line(f"{name} ({len(entries)})")
        elif not entries:
            line(f"no {name}")
        if entries:
            table(["name", "", "about"], [[e.name, e.group, e.about] for e in entries])
        if len(wanted) > 1:
            line()


def require_runs(folder: str) -> None:
    """Refuse a folder of runs that is named and not there: it has no run for another reason.

    Raises:
        MissingError: It is not there.
    """
    if not Path(folder).is_dir():
        raise MissingError("there is no such folder of runs", where=folder, code="no-runs")


def explain(
    word: Annotated[
        str,
        typer.Argument(
            metavar="WORD", help="An operation, stage, signal, rule set, starter, figure."
        ),
    ],
    recipe: WithExtensions = None,
    json: Json = False,
) -> None:
    """Say what a word of a recipe means, with all its settings; or what a figure is."""
    from tilth.query.explain import explain as ask

    found = ask(word, recipe)
    if json:
        print_json(found)
        return
    for explanation in found:
        _print_explanation(explanation)


def _print_explanation(explanation: Explanation) -> None:
    line(f"{explanation.name}: {explanation.what}")
    line()
    for part in explanation.about.split("\n\n"):
        paragraph(" ".join(part.split()), indent="  ")
    line()
    for label, text in explanation.facts:
        paragraph(text, indent="      ", first=f"  {label}: " if text else f"  {label}")
    if explanation.settings:
        line()
        rows = [
            [
                s.name,
                " ".join(filter(None, (s.type, s.bounds))),
                "required" if s.default is None else s.default,
                " ".join(filter(None, (s.description, _acts_on(s)))),
            ]
            for s in explanation.settings
        ]
        table(["setting", "type", "default", "what"], rows)
    if explanation.text:
        line()
        line(explanation.text.rstrip())
    line()


def _acts_on(setting: SettingInfo) -> str:
    """What it acts on alone, in brackets; nothing where that is what is made."""
    if setting.acts_on == "outside":
        return "(counts by what is read)"
    return f"(acts on {setting.acts_on} only)" if setting.acts_on else ""


def check(recipe: RecipeArgument, json: Json = False) -> int:
    """Check a recipe; prints its mistakes with their lines, of all steps at once."""
    from tilth.recipe.load import load_recipe

    try:
        found = load_recipe(recipe)
    except RecipeError as error:
        if not json:
            raise
        say_error(error)
        print_json({"recipe": recipe, "ok": False, "problems": error.problems})
        return error.exit_code
    steps = [step.name for step in found.steps()]
    warnings = [f"{step.name}: {step.warning}" for step in found.sources if step.warning]
    if json:
        said = {"recipe": recipe, "ok": True, "problems": [], "steps": steps}
        print_json({**said, "warnings": warnings})
    else:
        for one in warnings:
            line(f"warning: {one}")
        line(f"{found.name}: {plural(len(steps), 'step')}, no mistake")
    return 0


def plan(
    recipe: RecipeArgument,
    limit: Limit = None,
    only: Only = None,
    name: Name = None,
    explain: Annotated[
        str | None,
        typer.Option(metavar="STEP", help="Print all that this step's identity is made of."),
    ] = None,
    preview: Annotated[
        bool,
        typer.Option(
            "--preview",
            help="Ask the sites of crawls for their rules and sitemaps: pages and hours expected.",
        ),
    ] = False,
    runs: Runs = "runs",
    json: Json = False,
) -> int:
    """Print the steps of a recipe, which are done already, which will run, and why."""
    from tilth import api

    view = api.plan(recipe, runs=runs, name=name, limit=limit, only=only)
    if preview:
        return _preview(view, json)
    if explain is None:
        print_plan(view, json)
    else:
        _print_basis(view.explain(explain), json)
    return 0


def _preview(view: PlanView, json: bool) -> int:
    """Print what the sites of crawls say; 1 where a page of a start may not be asked for."""
    from tilth.cli.preview import is_sound, print_previews

    found = view.preview()
    if json:
        print_json({"name": view.name, "warnings": view.warnings, "previews": found})
    else:
        for one in view.warnings:
            line(f"warning: {one}")
        print_previews(found)
    return 0 if is_sound(found) else 1


def _print_basis(basis: Basis, json: bool) -> None:
    if json:
        print_json(basis)
        return
    known = basis.identity or "known once what comes in is made"
    line(f"{basis.step}: {known}\n")
    table(["part", "is"], [list(part) for part in basis.parts])


def print_plan(view: PlanView, json: bool) -> None:
    """The plan as a table or a document."""
    if json:
        print_json(view)
        return
    cached = len(view.steps) - len(view.to_run)
    steps = plural(len(view.steps), "step")
    line(f"{view.name}: {steps}, {cached} cached, {view.num_to_run} to run")
    line(f"in {view.folder}")
    for one in view.warnings:
        line(f"warning: {one}")
    line()
    rows = [
        [s.name, "cached" if s.cached else "run?" if s.perhaps else "run", s.why]
        for s in view.steps
    ]
    table(["step", "", "why"], rows)
    if costs := [[step.name, step.forecast] for step in view.steps if step.forecast]:
        line("\nwhat is asked for, and what it costs:\n")
        table(["step", "is"], costs)
    if given := [[step.name, one] for step in view.steps for one in step.taken]:
        line("\nwhat the recipe leaves open:\n")
        table(["step", "is"], given)
    if view.outlook:
        line(f"\n{view.outlook}")


VERBS = (
    Verb(
        init,
        """tilth init quickstart
        tilth init digits my-digits.yaml
        tilth init --from my-pictures/ my.yaml""",
    ),
    Verb(
        list_,
        """tilth list
        tilth list operations
        tilth list figures
        tilth list runs --json""",
    ),
    Verb(
        explain,
        """tilth explain minhash
        tilth explain word_count
        tilth explain gopher-quality
        tilth explain recipe
        tilth explain krippendorff_alpha
        tilth explain shout --recipe my.yaml""",
    ),
    Verb(
        check,
        """tilth check my.yaml
        tilth check my.yaml --json""",
    ),
    Verb(
        plan,
        """tilth plan quickstart
        tilth plan my.yaml --only clean.rules
        tilth plan my.yaml --explain pretrain
        tilth plan my.yaml --preview""",
        apart=(("explain", "preview"),),
    ),
)
