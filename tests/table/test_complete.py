"""The table is complete: no setting and no option without an entry, no entry without a setting."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import get_args

import pytest

from tests import table
from tests.table.entries import ENTRIES, Entry, Kind
from tests.table.listed import everything, options, settings

# What a setting of text holds where it is no name of something that must be there. A pattern of
# paths, and what it is.
FREE = {
    "recipe.name": "what the user calls the run",
    "recipe.about": "words",
    "recipe.takes": "words",
    "recipe.annotate.question": "words",
    "recipe.annotate.classes": "a class of the user's own",
    "value.arms": "what the user calls an arm",
    "deduplicate.hold_out.salt": "any text makes another draw",
    "label.vote.functions.name": "what the user calls the function",
    "label.vote.functions.label": "a class of the user's own",
    "label.vote.otherwise": "a class of the user's own",
    "label.vote.functions.because": "words",
    "label.language_model.model": "whatever the server calls it",
    "label.language_model.prompt": "words",
    "label.language_model.system": "words",
    "label.language_model.labels": "a class of the user's own",
    "label.language_model.cache": "a folder, made if need be",
    "label.vote.functions.lines": "a pattern",
    "label.vote.functions.matches": "a pattern",
    # Not `fields.license`, which names a column.
    "collect.*[!s].license": "what the owner of the data states",
    "collect.files.license": "what the owner of the data states",
    "collect.speech_corpus.license": "what the owner of the data states",
    "collect.moses.license": "what the owner of the data states",
    "collect.web_archive.meta": "header fields, any of which a record may lack",
    "collect.common_crawl.meta": "header fields, any of which a record may lack",
    "collect.*.storage.region": "a word of Amazon's, or of a store of one's own",
    "collect.csv.delimiter": "a character",
    "collect.csv.quote": "a character",
    "collect.csv.label_prefix": "what stands before a label",
    "collect.audio.words.separator": "what stands between the parts of a name",
    "clean.select.css": "a selector",
    "clean.select.text": "a selector",
    "clean.select.fields": "a selector, and what the user calls it",
    "collect.crawl.user_agent": "what the crawler calls itself",
}


def _entries() -> list[Entry]:
    for module in pkgutil.iter_modules(table.__path__):
        if module.name.startswith("test_") and module.name != "test_complete":
            importlib.import_module(f"{table.__name__}.{module.name}")
    return ENTRIES


def _covered(kind: str) -> set[str]:
    return {path for entry in _entries() if entry.kind == kind for path in entry.paths}


def _is_number(path: str) -> bool:
    return path in settings() and settings()[path].is_of(int, float)


def _is_name(path: str) -> bool:
    text = path in settings() and settings()[path].is_of(str)
    return text and not any(fnmatchcase(path, pattern) for pattern in FREE)


def _wanted() -> set[str]:
    """Every entry that there has to be, as `kind path`."""
    wanted = {f"effect {path}" for path in everything()}
    wanted |= {f"extreme {path}" for path in settings() if _is_number(path)}
    wanted |= {f"name {path}" for path in settings() if _is_name(path)}
    return wanted | _marked()


def _marked() -> set[str]:
    """The entries of what a mark says, and of the mappings that say nothing of their order."""
    found = {f"idle {path}" for path, one in settings().items() if one.acts_on}
    found |= {f"unordered {path}" for path, one in settings().items() if one.has_no_order}
    unmarked = (p for p, one in settings().items() if one.is_mapping and not one.has_no_order)
    return found | {f"ordered {path}" for path in unmarked}


def _there(kinds: Sequence[str] = get_args(Kind)) -> set[str]:
    return {f"{kind} {path}" for kind in kinds for path in _covered(kind)}


def test_every_setting_and_option_has_its_entries() -> None:
    missing = sorted(_wanted() - _there())
    assert not missing, "\n".join(missing)


def test_every_entry_is_about_something_that_there_is() -> None:
    paths = {path for entry in _entries() for path in entry.paths}
    assert not sorted(paths - set(everything()))


def test_what_a_test_shows_of_a_setting_is_marked() -> None:
    assert not sorted(_there(("idle", "unordered", "ordered")) - _marked())


def test_every_word_that_is_no_name_is_a_setting() -> None:
    assert not [pattern for pattern in FREE if not any(fnmatchcase(p, pattern) for p in settings())]


@pytest.mark.parametrize(
    "path",
    [
        "clean.language.keep",
        "pretrain.model.gpt.layers",
        "transfer.overrides.*.optimizer.learning_rate",
        "value.arms.*.set",
        "label.vote.functions.matches",
        "predict.top_k",
        "collect.csv.fields.text",
        "recipe.seed",
    ],
)
def test_settings_are_found_wherever_they_stand(path: str) -> None:
    assert path in settings()


def test_options_are_found() -> None:
    assert {"tilth run --limit", "tilth show step", "tilth generate -n", "tilth --version"} <= set(
        options()
    )
