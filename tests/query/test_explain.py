from __future__ import annotations

import pytest

from tilth.errors import UsageError
from tilth.query.explain import CATEGORIES, explain, list_entries, settings_of, type_name
from tilth.recipe.operations import STAGES, operations


@pytest.mark.parametrize("name", sorted(operations()))
def test_every_operation_and_each_of_its_settings_is_explained(name: str) -> None:
    found = next(e for e in explain(name) if e.what == "operation")
    assert found.about
    for setting in found.settings:
        assert setting.description or setting.name.endswith("kind"), setting.name
        assert setting.type


@pytest.mark.parametrize("word", [*STAGES, "recipe", "word_count", "gopher-quality", "quickstart"])
def test_other_words_are_explained(word: str) -> None:
    assert explain(word)[0].about


def test_an_unknown_word_is_answered_with_the_closest() -> None:
    with pytest.raises(UsageError) as caught:
        explain("word_cuont")
    assert "`word_count`" in caught.value.hint


def test_blocks_of_which_one_is_written_are_told_apart() -> None:
    settings = settings_of(operations()["pretrain"].settings)
    kinds = [s for s in settings if s.name == "model.kind"]
    assert len(kinds) == 1
    assert "gpt" in kinds[0].type
    told = {s.description.partition(":")[0] for s in settings if s.name == "model.hidden"}
    assert told == {"mlp", "cnn", "ctc", "seq2seq"}


def test_types_read_like_words() -> None:
    assert type_name(tuple[str, ...]) == "list of text"
    assert type_name(float | None) == "number or nothing"
    assert type_name(tuple[int, int]) == "[whole number, whole number]"
    assert type_name(dict[str, float]) == "mapping of text to number"


@pytest.mark.parametrize("category", CATEGORIES)
def test_lists_have_a_line_for_each(category: str) -> None:
    entries = list_entries(category, "no-such-folder")  # type: ignore[arg-type]
    assert bool(entries) == (category != "runs")
    assert all(entry.about for entry in entries)
