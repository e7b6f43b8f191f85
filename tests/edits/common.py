"""Edits that any recipe knows, and the words in which edits are written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml

from tests.edits.workspace import Change, Draft, Edit, Tree, merged


def settings(node: str, **given: Any) -> Change:
    """Other settings of a step of a list."""

    def change(draft: Draft) -> None:
        draft.step(node).settings = merged(draft.step(node).settings, given)

    return change


def source(name: str, **given: Any) -> Change:
    """Other settings of a source."""

    def change(draft: Draft) -> None:
        draft.sources[name].settings = merged(draft.sources[name].settings, given)

    return change


def training(stage: str, **given: Any) -> Change:
    """Other settings of a training stage."""

    def change(draft: Draft) -> None:
        draft.trainings[stage] = merged(draft.trainings[stage], given)

    return change


def header(**given: Any) -> Change:
    """Other keys that are no stage."""
    return lambda draft: draft.header.update(given)


def env(**given: str) -> Change:
    """Another environment."""
    return lambda draft: draft.env.update(given)


def write(path: str, data: bytes | str) -> Change:
    """A file, new or in the place of the old one."""
    return lambda draft: draft.write(path, data)


def replace(path: str, old: str, new: str) -> Change:
    """A text file in one place."""
    return lambda draft: draft.replace(path, old, new)


def kept(path: str, old: str, new: str) -> Change:
    """A text file in one place, by what keeps its size, and gives it back the time that it had."""
    assert len(old) == len(new)

    def change(draft: Draft) -> None:
        draft.replace(path, old, new)
        draft.timeless.add(path)

    return change


def swapped(one: str, other: str) -> Change:
    """Two files renamed to each other's names."""

    def change(draft: Draft) -> None:
        files = draft.files
        files[one], files[other] = files[other], files[one]

    return change


def append(path: str, text: str) -> Change:
    """More at the end of a text file."""
    return lambda draft: draft.append(path, text)


def touch(path: str) -> Change:
    """A file written again as it is."""
    return lambda draft: draft.touch(path)


def move(old: str, new: str) -> Change:
    """A file or a folder renamed."""
    return lambda draft: draft.move(old, new)


def backwards(mapping: Callable[[Draft], Tree]) -> Change:
    """The keys of a mapping in the opposite order."""

    def change(draft: Draft) -> None:
        found = mapping(draft)
        pairs = list(found.items())
        found.clear()
        found.update(reversed(pairs))

    return change


def linked(path: str) -> Change:
    """A file that is a link to where it lies now."""

    def change(draft: Draft) -> None:
        draft.write("away/data.bin", draft.files[path])
        draft.files[path] = "../" * path.count("/") + "away/data.bin"

    return change


def _sorted(text: str) -> str:
    """A recipe with its keys in another order, those of the data line aside, where order acts."""
    tree = yaml.safe_load(text)
    return str(yaml.safe_dump(dict(sorted(tree.items())), sort_keys=False, width=60))


def of_header() -> tuple[Edit, ...]:
    """What a recipe says of itself, and how it is written."""
    trainings = ("pretrain", "transfer", "value")
    return (
        Edit("what the recipe is about", header(about="something else")),
        Edit("how long it takes", header(takes="a moment")),
        Edit("the error budget", header(error_budget=0.25)),
        Edit("the seed", header(seed=7), trainings),
        Edit("the threads", header(threads=2), ("pretrain",)),
        Edit("a comment in the recipe", lambda d: d.written.append(lambda s: "# mine\n" + s)),
        Edit("the keys of the recipe sorted", lambda d: d.written.append(_sorted)),
        Edit("the recipe's file renamed", lambda d: setattr(d, "recipe_file", "renamed.yaml")),
    )


def of_process(*, anew: bool = False) -> tuple[Edit, ...]:
    """Where and how a run is started.

    Args:
        anew: Also what only a process that begins with it sees, whose runs take seconds.
    """
    seen = (
        Edit("another locale", env(LC_ALL="tr_TR.UTF-8", LANG="tr_TR.UTF-8"), process=True),
        Edit("another hash seed", env(PYTHONHASHSEED="7"), process=True),
        Edit("another number of BLAS threads", env(OMP_NUM_THREADS="2"), process=True),
    )
    return (
        Edit("another time zone", env(TZ="Pacific/Auckland")),
        Edit("another umask", lambda d: setattr(d, "umask", 0o077)),
        Edit("the whole folder moved", lambda d: setattr(d, "place", "elsewhere/there")),
        Edit("another cache of the hub", env(HF_HOME="hub-elsewhere")),
        *(seen if anew else ()),
    )


def version(library: str, *acts: str, must: tuple[str, ...] = ()) -> Edit:
    """Another version of a library, as far as what is installed says.

    Args:
        library: Its distribution.
        *acts: The steps that it may decide.
        must: Those of them that it does.
    """
    name = f"{library}-99.0.dist-info/METADATA"
    text = f"Metadata-Version: 2.1\nName: {library}\nVersion: 99.0\n"
    change = write(name, text)
    return Edit(f"another version of {library}", change, acts, process=True, must=must)
