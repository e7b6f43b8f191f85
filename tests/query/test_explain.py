from __future__ import annotations

import re

import pytest

from tilth.errors import UsageError
from tilth.query.explain import (
    CATEGORIES,
    _words,
    explain,
    list_entries,
    settings_of,
    type_name,
)
from tilth.recipe.model import Header
from tilth.recipe.operations import STAGES, operations
from tilth.recipe.words import other_word, other_words


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


@pytest.mark.parametrize(
    ("word", "instead"),
    [
        ("pdf", "files"),
        ("html", "extract"),
        ("docx", "files"),
        ("warc", "web_archive"),
        ("cdx", "common_crawl"),
        ("mp3", "audio"),
        ("s3", "parquet"),
        ("HuggingFace", "parquet"),
        ("hugging_face", "parquet"),
        (".PDF", "files"),
        ("tensorflow", "pretrain"),
        ("dedup", "minhash"),
        ("llm", "pretrain"),
        ("pii", "redact"),
        ("snorkel", "vote"),
    ],
)
def test_what_tilth_lacks_or_calls_otherwise_has_an_answer(word: str, instead: str) -> None:
    (found, *_) = explain(word)
    assert found.what == "not a word of a recipe"
    assert f"tilth explain {instead}" in [text for _, text in found.facts]


def test_the_answers_lead_to_what_there_is() -> None:
    known = _words()
    for other in other_words():
        assert len(other.about) <= 300
        for word in other.instead:
            assert word in known, (other.words, word)
        for word in other.words:
            assert word not in known, f"`{word}` is a word of a recipe"
            assert other_word(word) is other, f"`{word}` stands twice"
    named = re.findall(r"`(tilth [a-z]+)", " ".join(other.about for other in other_words()))
    verbs = ("annotate", "export", "run", "doctor", "explain")
    assert set(named) <= {f"tilth {verb}" for verb in verbs}


@pytest.mark.parametrize(
    ("word", "owner"),
    [
        ("tokenizer", "pretrain"),
        ("patience", "pretrain"),
        ("accumulate", "transfer"),
        ("muon", "pretrain"),
        ("delay_s", "crawl"),
    ],
)
def test_a_setting_and_a_value_of_one_are_explained(word: str, owner: str) -> None:
    (found,) = explain(word)
    assert found.what == "setting"
    assert f"`{owner}`" in found.about
    assert all(word in info.name or word in info.type for info in found.settings)


@pytest.mark.parametrize(
    "word", ["pretrain.task", "pretrain.loop.epochs", "minhash.threshold", "recipe.threads"]
)
def test_a_setting_is_known_by_its_address(word: str) -> None:
    (found,) = explain(word)
    owner, _, setting = word.partition(".")
    assert found.facts == (("see", f"tilth explain {owner}"),)
    assert {info.name for info in found.settings} == {setting}


@pytest.mark.parametrize("word", ["xyzzy", "qqq", "zebra", "tset"])
def test_a_word_near_nothing_is_answered_with_all_there_is(word: str) -> None:
    with pytest.raises(UsageError) as caught:
        explain(word)
    assert "did you mean" not in caught.value.hint
    for line in ("collect      crawl, files, jsonl", "deduplicate  hold_out, exact, minhash"):
        assert line in caught.value.hint


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


def test_a_block_is_explained_with_what_is_written_in_it() -> None:
    (found,) = explain("join")
    names = [info.name for info in found.settings]
    assert names[0] == "join"
    assert {"join.path", "join.by", "join.key", "join.fields.label"} <= {*names}
    # The same of every source: a few are pointed to, and it says that there are more.
    assert len(found.facts) == 3
    assert found.facts[-1][1].endswith("others)")


def test_a_setting_is_a_word_of_a_recipe() -> None:
    assert [one.what for one in explain("threshold")] == ["not an operation", "setting"]
    assert [one.what for one in explain("pdf")] == ["not a word of a recipe"]


@pytest.mark.parametrize("word", ["", " "])
def test_no_word_at_all_is_no_setting(word: str) -> None:
    with pytest.raises(UsageError, match="nothing is called"):
        explain(word)


def test_every_setting_of_a_recipe_is_a_word() -> None:
    """Those of the header too; and an address as errors give it, with its stage."""
    for info in settings_of(Header):
        assert "`recipe`" in next(e.about for e in explain(info.name) if e.what == "setting")
    for op in operations().values():
        info = settings_of(op.settings)[0]
        assert explain(f"{op.stage}.{op.name}.{info.name}")[0].what == "setting"


def test_a_setting_says_what_it_acts_on_alone() -> None:
    (training,) = (one for one in explain("pretrain") if one.what == "operation")
    told = {info.name: info.acts_on for info in training.settings if info.acts_on}
    assert told == {"initialise": "outside", "loop.checkpoint_every": "speed"}
    (compared,) = (one for one in explain("transfer") if one.what == "operation")
    assert {i.name: i.acts_on for i in compared.settings if i.acts_on} == {
        "smallest_effect": "summary"
    }
    assert {i.acts_on for i in settings_of(Header) if i.name in ("name", "takes")} == {"words"}


@pytest.mark.parametrize(
    ("word", "owner"),
    [
        ("krippendorff_alpha", "consensus"),
        ("annotators.estimated_accuracy", "consensus"),
        ("quarantined", "the books"),
        ("accuracy", "metrics of the tasks"),
    ],
)
def test_a_figure_is_explained_with_whose_it_is(word: str, owner: str) -> None:
    found = explain(word)
    assert {one.what for one in found} == {"figure"}
    facts = dict(found[0].facts)
    assert owner in facts["of"]
    assert facts["rows"]
    assert facts["how"].startswith(("Counted", "Measured", "Estimated", "Tested"))


def test_a_word_that_is_several_things_is_explained_as_each() -> None:
    assert [one.what for one in explain("word_count")] == ["signal", "figure"]
    # A setting of several operations, and what `vote` counts.
    assert [one.what for one in explain("labels")][:2] == ["setting", "figure"]
    # A transform that there is not, and a signal that there is.
    assert [one.what for one in explain("blur")] == ["not a word of a recipe", "figure"]


def test_a_figure_that_is_misspelt_is_answered_with_the_closest() -> None:
    with pytest.raises(UsageError) as caught:
        explain("kripendorff_alpha")
    assert "`krippendorff_alpha`" in caught.value.hint


def test_the_figures_are_listed_with_whose_they_are() -> None:
    listed = {(entry.group, entry.name) for entry in list_entries("figures")}
    assert {("books", "kept"), ("consensus", "fleiss_kappa"), ("metrics", "loss")} <= listed
