"""A data set in the hub's layout: its files, here or on the hub, and which of them are read."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tilth.context import Context, PassesOver
from tilth.decode.text import UndecodableError, decode_text
from tilth.errors import DataError, MissingError
from tilth.formats import hub_card, hub_layout
from tilth.formats.hub_card import Card, CardError, Config
from tilth.reading import inputs
from tilth.reading.inputs import SourceFile
from tilth.reading.members import read_whole
from tilth.reading.named import no_such_name
from tilth.reading.records import RecordError
from tilth.web.hub import HubFile, Repository

README: Final = "README.md"
_INFOS: Final = ("dataset_infos.json", "dataset_info.json")
_STATE: Final = "state.json"
# What a data set was saved as that says of no split.
NO_SPLIT: Final = "all"
_DICT: Final = "dataset_dict.json"
NOT_ASKED: Final = "whether all of its files are in the cache is not known: the hub was not asked"


@dataclass(frozen=True)
class Tree:
    """The files of a data set.

    Attributes:
        where: How the user would name it.
        base: Last part of its name.
        names: Paths inside, with forward slashes, sorted.
        place: Gives the path on this machine of one of them, fetched if need be.
        uri: Gives how the user would name one of them.
    """

    where: str
    base: str
    names: Sequence[str]
    place: Callable[[str], Path]
    uri: Callable[[str], str]

    def file(self, name: str) -> SourceFile:
        """One of its files, fetched if need be."""
        return SourceFile(self.place(name), name, self.uri(name))

    def whole(self, name: str) -> bytes:
        """What a file holds that says something of the data set.

        Raises:
            DataError: It is too long, or cannot be read.
        """
        try:
            return read_whole(self.place(name), hub_card.MAX_BYTES)
        except RecordError as error:
            raise DataError(str(error), where=self.uri(name), code="damaged-file") from None


@dataclass(frozen=True)
class Chosen:
    """What of a data set is read.

    Attributes:
        splits: Split, as the data set calls it -> its files, in order.
        all_splits: Those that there are.
        config: The table.
        card: What README.md says.
        told_by: Files that say so.
    """

    splits: Mapping[str, Sequence[str]]
    all_splits: Sequence[str]
    config: Config
    card: Card
    told_by: Sequence[str]

    @property
    def names(self) -> list[str]:
        """The files that are read."""
        return [name for names in self.splits.values() for name in names]


def of_folder(path: str, tell: PassesOver) -> Tree:
    """The data set of a folder here.

    Raises:
        MissingError: There is no such folder.
        DataError: It is a file, or has no file.
    """
    given = os.path.expanduser(path)
    if os.path.isfile(given):
        raise DataError(
            "a file, not the folder of a data set",
            where=path,
            hint="`parquet`, `jsonl`, `csv` and `files` read files",
            code="columns",
        )
    found = inputs.find_files(inputs.FileSettings(path=path), ("",), tell)
    places = {file.name.replace(os.sep, "/"): file for file in found}
    return Tree(
        path,
        os.path.basename(os.path.abspath(given)),
        sorted(places),
        lambda name: places[name].path,
        lambda name: places[name].uri if name in places else f"{path}/{name}",
    )


def of_hub(repository: Repository, tell: PassesOver, context: Context | None) -> Tree:
    """The data set of a name: what the cache has, and what the hub has besides.

    Raises:
        MissingError: The hub does not answer, and the cache has nothing.
        DataError: It answers something else.
    """
    commit = repository.commit()
    where = f"hf://datasets/{repository.name}@{commit}"
    cached = _cached(repository.snapshot(commit))
    progress = (context or Context(Path())).progress
    listed: dict[str, HubFile] = {}
    # No name says that a cache has all: another program may have fetched one split.
    try:
        listed = {file.name: file for file in repository.files(commit)}
    except MissingError:
        if not any(map(hub_layout.is_data, cached)):
            raise
        tell(where, NOT_ASKED)
    names = sorted(listed or cached)
    for name in [name for name in names if _is_hidden(name)]:
        tell(f"{where}/{name}", inputs.HIDDEN)
        names.remove(name)

    def place(name: str) -> Path:
        if name in listed:
            return repository.fetch(listed[name], commit, progress)
        return cached[name]

    base = repository.name.rpartition("/")[2]
    return Tree(where, base, names, place, lambda name: f"{where}/{name}")


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))


def _cached(snapshot: Path) -> dict[str, Path]:
    found = {}
    for folder, _, names in os.walk(snapshot):
        for name in names:
            path = Path(folder, name)
            # A link to a blob that is not there any more is no file.
            if path.is_file():
                found[path.relative_to(snapshot).as_posix()] = path
    return found


def choose(tree: Tree, config: str | None, wanted: Sequence[str], tell: PassesOver) -> Chosen:
    """Which files are read, by what the data set says of itself.

    Args:
        tree: Its files.
        config: The table that the recipe names.
        wanted: The splits that it names; none: all.
        tell: Told of every other file, with its reason.

    Raises:
        DataError: It has a loading script, no such table or split, no data, a part of a set of
            files is missing, or what it says of itself cannot be read.
    """
    _refuse_script(tree)
    try:
        found = _saved(tree, config) or _laid_out(tree, config)
    except CardError as error:
        raise DataError(
            f"what it says of itself cannot be read: {error}",
            where=tree.where,
            hint="its README.md and dataset_info.json are read as the hub's documentation has them",
            code="damaged-file",
        ) from None
    there = list(found.all_splits)
    for one in wanted:
        if one not in there:
            raise no_such_name("split", one, "split", there, tree.where)
    splits = {one: found.splits[one] for one in there if one in wanted or not wanted}
    if not any(splits.values()):
        raise _no_data(tree)
    chosen = replace(found, splits=splits)
    if missing := hub_layout.missing_of(chosen.names):
        raise DataError(
            f"a part of it is missing: {missing[0]} and what else may be",
            where=tree.where,
            hint="copy or fetch the whole data set",
            code="missing",
        )
    _tell_others(tree, chosen, found, tell)
    return chosen


def _tell_others(tree: Tree, chosen: Chosen, found: Chosen, tell: PassesOver) -> None:
    read = {*chosen.names, *chosen.told_by}
    of_split = set(found.names)
    for name in tree.names:
        if name in read:
            continue
        if name in of_split:
            tell(tree.uri(name), "left out by `split`")
        elif hub_layout.is_data(name):
            tell(tree.uri(name), "a file of another table, or of no split")
        else:
            tell(tree.uri(name), inputs.of_other_type(name.rpartition("/")[2]))


def _refuse_script(tree: Tree) -> None:
    own = f"{tree.base}.py"
    scripts = [name for name in tree.names if "/" not in name and name.endswith(".py")]
    has_data = any(map(hub_layout.is_data, tree.names))
    if own in scripts or (scripts and not has_data):
        raise DataError(
            f"the data set is made by a loading script, {own if own in scripts else scripts[0]}, "
            "and no code of a data set is run",
            where=tree.where,
            hint="the hub has most of them as Parquet, at the revision `refs/convert/parquet`",
            code="loading-script",
        )


def _no_data(tree: Tree) -> DataError:
    return DataError(
        "no file of records that can be read (Parquet, Arrow, JSON, CSV, text)",
        where=tree.where,
        hint="`webdataset` reads tar shards, `image_folder` and `audio` files by their folders",
        code="empty-source",
    )


def _config(configs: Mapping[str, Config], config: str | None, where: str) -> Config:
    if config is not None:
        if config not in configs:
            raise no_such_name("config", config, "table", list(configs) or ["default"], where)
        return configs[config]
    if len(configs) <= 1:
        return next(iter(configs.values()), Config())
    default = [one for one in configs.values() if one.is_default]
    if len(default) != 1:
        raise DataError(
            f"it has {len(configs)} tables: {', '.join(list(configs)[:8])}",
            where=where,
            hint=f"say which is read: `config: {next(iter(configs))}`",
            code="columns",
        )
    return default[0]


def _laid_out(tree: Tree, config: str | None) -> Chosen:
    """As on the hub: README.md, or the names of the files."""
    card, told_by = Card(), []
    if README in tree.names:
        told_by.append(README)
        try:
            card = hub_card.read_card(decode_text(tree.whole(README)))
        except UndecodableError as error:
            raise CardError(f"README.md: {error}") from None
    table = _config(card.configs, config, tree.where)
    if not table.features:
        for name in (name for name in _INFOS if name in tree.names):
            told_by.append(name)
            infos = hub_card.read_infos(tree.whole(name))
            info = infos.get(config or "default") or (
                next(iter(infos.values())) if len(infos) == 1 else Config()
            )
            table = replace(table, features=info.features, num_rows=table.num_rows or info.num_rows)
    splits = hub_layout.splits_of(tree.names, table)
    return Chosen(splits, list(splits), table, card, told_by)


def _saved(tree: Tree, config: str | None) -> Chosen | None:
    """As `datasets.save_to_disk` leaves it: a folder a split, or one; None: it is none."""
    if _DICT in tree.names:
        listed = _json_of(tree, _DICT).get("splits")
        if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
            raise CardError(f"{_DICT} names no splits")
        folders = {name: f"{name}/" for name in listed}
        told_by = [_DICT]
    elif _STATE in tree.names:
        folders, told_by = {"": ""}, []
    else:
        return None
    if config is not None:
        raise no_such_name("config", config, "table", ["default"], tree.where)
    splits: dict[str, list[str]] = {}
    table = Config()
    for split, folder in folders.items():
        state, info = f"{folder}{_STATE}", f"{folder}dataset_info.json"
        told = _json_of(tree, state)
        files = told.get("_data_files")
        if not isinstance(files, list) or told.get("_indices_data_files"):
            raise CardError(f"{state} names no files, or an order of rows besides")
        names = [f"{folder}{one.get('filename')}" for one in files if isinstance(one, dict)]
        for name in names:
            if name not in tree.names:
                raise CardError(f"{state} names `{name[:80]}`, which is not there")
        splits[split or str(told.get("_split") or NO_SPLIT)] = names
        told_by.append(state)
        if info in tree.names:
            told_by.append(info)
            (said, *_) = hub_card.read_infos(tree.whole(info)).values()
            table = table if table.features else Config(features=said.features)
    return Chosen(splits, list(splits), table, Card(), told_by)


def _json_of(tree: Tree, name: str) -> dict[str, object]:
    if name not in tree.names:
        raise CardError(f"there is no {name}")
    try:
        found = json.loads(tree.whole(name))
    except (ValueError, RecursionError) as error:
        raise CardError(f"{name} is no JSON: {error}"[:200]) from None
    if not isinstance(found, dict):
        raise CardError(f"{name} is no JSON object")
    return found
