"""Options of the verbs that ask a model: generate, translate, transcribe, classify."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.table.commands import place, tilth_
from tests.table.entries import effect, extreme, name, refused
from tilth.pretrain import ask
from tilth.tasks.predict_settings import PredictSettings
from tilth.tasks.prediction import Prediction

__all__ = ["place"]

# What each verb is asked, two samples, which have different answers.
ASKED = {
    "generate": ["tales", "heron", "gate stone"],
    "translate": ["words", "heron", "gate stone"],
    "transcribe": ["said", "a.wav", "sounds/1_bc.wav"],
    "classify": ["lights", "dark.png", "light.png"],
}
# Long answers say no more.
SHORT = {"generate": ["--max-tokens", 9], "translate": ["--max-tokens", 9]}
SAMPLES = {"generate": "text", "translate": "text", "transcribe": "audio", "classify": "sample"}


def _answers(verb: str, *words: object, given: str = "") -> list[dict[str, object]]:
    short = [] if "--max-tokens" in words else SHORT.get(verb, [])
    found = tilth_(verb, *words, *short, "--json", given=given)
    assert found.code == 0, found.err
    return list(found.lines)


def _texts(*words: object) -> list[str]:
    verb = {"tales": "generate", "words": "translate"}[str(words[0])]
    return [str(line["text"]) for line in _answers(verb, *words)]


@effect(*[f"tilth {verb} {argument}" for verb, argument in SAMPLES.items()])
@effect(*[f"tilth {verb} --file" for verb in SAMPLES])
@name("tilth transcribe audio", "tilth classify sample", *[f"tilth {v} --file" for v in SAMPLES])
@pytest.mark.parametrize("verb", ASKED)
def test_samples_are_arguments_lines_of_a_file_or_of_standard_input(
    verb: str, place: Path, tmp_path: Path
) -> None:
    run, *samples = ASKED[verb]
    found = _answers(verb, run, *samples)
    assert [line["input"] for line in found] == samples
    assert found[0] != {**found[1], "input": found[0]["input"]}
    lines = tmp_path / "lines.txt"
    lines.write_text("\n".join(samples) + "\n", "utf-8")
    assert _answers(verb, run, given=lines.read_text("utf-8")) == found
    # Nothing of standard input is read beside a file.
    assert _answers(verb, run, "--file", lines, given="fern\n") == found
    # Arguments go before the file: both are answered.
    both = _answers(verb, run, samples[1], "--file", lines)
    assert [line["input"] for line in both] == [samples[1], *samples]
    absent = tilth_(verb, run, "--file", "absent.txt")
    assert (absent.code, absent.out) == (3, "")
    if verb in ("transcribe", "classify"):
        missing = tilth_(verb, run, "absent.bin", samples[0], "--json")
        assert (missing.code, missing.lines[1]) == (1, found[0])
        assert missing.lines[0]["error"]["code"] == "missing"


@effect(*[f"tilth {verb} --batch-size" for verb in ASKED])
@extreme(*[f"tilth {verb} --batch-size" for verb in ASKED])
@pytest.mark.parametrize("verb", ASKED)
def test_so_many_samples_are_answered_at_once(
    verb: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, *samples = ASKED[verb]
    sizes: list[int] = []
    predict = ask._predict

    def counted(
        loaded: Any, payloads: list[str | bytes], options: PredictSettings, first: int
    ) -> list[Prediction]:
        sizes.append(len(payloads))
        return predict(loaded, payloads, options, first)

    monkeypatch.setattr(ask, "_predict", counted)
    ways: dict[str, list[int]] = {"": [4], "--batch-size=3": [3, 1], "--batch-size=1": [1] * 4}
    for way, expected in ways.items():
        words = [way] if way else []
        sizes.clear()
        _answers(verb, run, *samples, *samples, *words)
        assert sizes == expected
    assert tilth_(verb, run, *samples, "--batch-size", 0).code == 2


@effect("tilth generate -n")
@extreme("tilth generate -n")
def test_so_many_texts_a_prompt(place: Path) -> None:
    found = _answers("generate", "tales", "heron", "gate", "-n", 3)
    assert [line["input"] for line in found] == ["heron"] * 3 + ["gate"] * 3
    assert len({line["text"] for line in found[:3]}) == 3
    assert _answers("generate", "tales", "heron", "-n", 1) == found[:1]
    assert tilth_("generate", "tales", "heron", "-n", 0).code == 2


@effect("tilth generate --max-tokens", "tilth translate --max-tokens")
@extreme("tilth generate --max-tokens", "tilth translate --max-tokens")
@pytest.mark.parametrize("run", ["tales", "words"])
def test_no_more_tokens_than_that_are_written(run: str, place: Path) -> None:
    # Of the tokenizer `characters`, each is a character.
    for number in (1, 3, 7):
        (text,) = _texts(run, "heron", "--max-tokens", number)
        assert len(text) == number
    verb = {"tales": "generate", "words": "translate"}[run]
    assert tilth_(verb, run, "heron", "--max-tokens", 0).code == 2


@effect("tilth generate --temperature")
@extreme("tilth generate --temperature")
def test_the_colder_the_likelier(place: Path) -> None:
    def distinct(*words: object) -> int:
        return len({*_texts("tales", *["heron"] * 40, *words, "--max-tokens", 1)})

    assert distinct("--temperature", 0) == 1
    assert 1 < distinct("--temperature", 0.5) < distinct("--temperature", 9)
    assert tilth_("generate", "tales", "heron", "--temperature", -0.1).code == 2


@effect("tilth generate --top-k", "tilth generate --top-p")
@extreme("tilth generate --top-k", "tilth generate --top-p")
def test_only_the_likeliest_are_drawn_among(place: Path) -> None:
    (likeliest,) = _texts("tales", "heron", "--temperature", 0)
    (plain,) = _texts("tales", "heron")
    assert _texts("tales", "heron", "--top-k", 1) == [likeliest] != [plain]
    assert _texts("tales", "heron", "--top-p", 0.000001) == [likeliest]
    # All of them, and all of their probability.
    assert _texts("tales", "heron", "--top-k", 0) == _texts("tales", "heron", "--top-p", 1)
    assert _texts("tales", "heron", "--top-k", 10**9) == [plain]
    firsts = {t[0] for t in _texts("tales", *["heron"] * 40, "--top-k", 2, "--max-tokens", 1)}
    assert len(firsts) == 2
    for words in (["--top-k", -1], ["--top-p", 0], ["--top-p", 1.01]):
        assert tilth_("generate", "tales", "heron", *words).code == 2


@effect("tilth generate --repetition-penalty")
@extreme("tilth generate --repetition-penalty")
def test_what_stood_there_becomes_unlikelier(place: Path) -> None:
    def repeated(penalty: float) -> float:
        words = ["--temperature", 0, "--repetition-penalty", penalty, "--max-tokens", 64]
        (text,) = _texts("tales", "heron", *words)
        windows = [text[at : at + 4] for at in range(len(text) - 3)]
        # Of texts of like length, for what ends a text is no repetition.
        return 1 - len(set(windows)) / len(windows)

    assert repeated(1) > repeated(5)
    assert tilth_("generate", "tales", "heron", "--repetition-penalty", 0.9).code == 2


@effect("tilth generate --seed")
@extreme("tilth generate --seed")
def test_the_seed_fixes_what_is_drawn(place: Path) -> None:
    plain, zero, one = (_texts("tales", "heron", *w) for w in ([], ["--seed", 0], ["--seed", 1]))
    assert plain == zero != one
    assert one == _texts("tales", "heron", "--seed", 1, "--batch-size", 1)
    assert tilth_("generate", "tales", "heron", "--seed", -1).code == 2


@refused(
    *("tilth generate --seed", "tilth generate --top-k", "tilth generate --top-p"),
    *("tilth generate -n", "tilth generate --temperature"),
)
@pytest.mark.parametrize(
    ("words", "idle"),
    [
        ("--temperature 0 --seed 1", "`--seed` does nothing beside `--temperature 0`"),
        ("--temperature 0 --top-k 5", "`--top-k` does nothing beside `--temperature 0`"),
        ("--temperature 0 --top-p 0.5", "`--top-p` does nothing beside `--temperature 0`"),
        ("--temperature 0 -n 2", "`-n` does nothing beside `--temperature 0`"),
        ("--top-k 1 --temperature 2", "`--temperature` does nothing beside `--top-k 1`"),
        ("--top-k 1 --seed 1", "`--seed` does nothing beside `--top-k 1`"),
        ("--top-k 1 -n 2", "`-n` does nothing beside `--top-k 1`"),
    ],
)
def test_options_of_a_draw_where_nothing_is_drawn(words: str, idle: str, place: Path) -> None:
    found = tilth_("generate", "tales", "heron", *words.split())
    assert (found.code, found.out) == (2, "")
    assert idle in found.err


@effect("tilth translate --beam", "tilth translate --length-penalty")
@extreme("tilth translate --beam", "tilth translate --length-penalty")
def test_more_hypotheses_and_longer_ones(place: Path) -> None:
    asked = ["words", "heron stone", "gate", "rain fern moss", "lamp", "cloud grass"]
    asked += ["--max-tokens", "60"]
    greedy, wide = _texts(*asked, "--beam", 1), _texts(*asked, "--beam", 8)
    assert greedy != wide
    # The recipe's by default.
    assert _texts(*asked) == _texts(*asked, "--beam", 5, "--length-penalty", 1)
    short, long = (_texts(*asked, "--length-penalty", penalty) for penalty in (0, 6))
    pairs = list(zip(map(len, short), map(len, long), strict=True))
    assert all(one <= other for one, other in pairs)
    assert any(one < other for one, other in pairs)
    for words in (["--beam", 0], ["--length-penalty", -1]):
        assert tilth_("translate", "words", "gate", *words).code == 2


@refused("tilth translate --length-penalty")
def test_a_length_penalty_of_one_hypothesis(place: Path) -> None:
    found = tilth_("translate", "words", "gate", "--beam", 1, "--length-penalty", 2)
    assert (found.code, found.out) == (2, "")
    assert "greedy search keeps one hypothesis: `--length-penalty` does nothing" in found.err


@effect("tilth classify --top")
@extreme("tilth classify --top")
def test_the_likeliest_classes_are_said(place: Path) -> None:
    line = tilth_("classify", "lights", "dark.png").out.split("\t")
    assert (line[0], len(line)) == ("dark", 3)
    two = tilth_("classify", "lights", "dark.png", "--top", 2).out.split("\t")
    assert ([two[0], two[2]], len(two)) == (["dark", "light"], 5)
    assert float(two[1]) > float(two[3])
    for top, number in ((1, 1), (2, 2), (99, 2)):
        (answer,) = _answers("classify", "lights", "dark.png", "--top", top)
        assert len(answer["scores"]) == number  # type: ignore[arg-type]
    assert tilth_("classify", "lights", "dark.png", "--top", 0).code == 2


@refused(*[f"tilth {verb} run" for verb in ASKED])
@pytest.mark.parametrize("verb", ASKED)
def test_the_verb_that_fits_the_model_is_told(verb: str, place: Path) -> None:
    for fitting, (run, *_) in ASKED.items():
        if fitting != verb:
            found = tilth_(verb, run, "a")
            assert (found.code, found.out) == (2, "")
            assert f"tilth {fitting} {run}" in found.err
    assert "trains no model" in tilth_(verb, "small", "a").err
