"""Options of the verbs that look at samples: show, trace."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.table.commands import NUM_DOCUMENTS, fresh, place, tilth_
from tests.table.entries import effect, extreme, name, refused
from tilth.query.runs import open_run

__all__ = ["fresh", "place"]


def _shown(*words: object) -> Any:
    found = tilth_("show", "small", *words, "--json")
    assert found.code == 0, found.err
    return found.document


def _ids(*words: object) -> list[str]:
    return [row["id"] for row in _shown(*words)["rows"]]


@effect("tilth show step")
@name("tilth show step")
def test_the_samples_of_that_step_are_shown(place: Path) -> None:
    whole, rules = _shown("docs"), _shown("clean.rules")
    assert (whole["step"], whole["total"]) == ("collect.docs", NUM_DOCUMENTS)
    assert (rules["step"], _shown("rules")) == ("clean.rules", rules)
    assert rules["total"] < whole["total"]
    wrong = tilth_("show", "small", "ruls")
    assert (wrong.code, wrong.out) == (2, "")
    assert "did you mean `clean.rules`?" in wrong.err
    assert "one of collect.docs, clean.normalize" in tilth_("show", "small").err


@effect("tilth show --dropped", "tilth show --quarantined")
def test_what_a_step_took_out_is_shown(place: Path) -> None:
    kept, dropped = _shown("rules", "-n", 99), _shown("rules", "--dropped", "-n", 99)
    assert (kept["kind"], dropped["kind"]) == ("kept", "dropped")
    assert {row["rule"] for row in dropped["rows"]} == {"word_count >= 12"}
    assert {row["rule"] for row in kept["rows"]} == {None}
    assert kept["total"] + dropped["total"] == NUM_DOCUMENTS
    (broken,) = _shown("docs", "--quarantined")["rows"]
    assert broken["uri"].endswith(f":{NUM_DOCUMENTS + 1}")
    assert broken["error"]
    assert _shown("rules", "--quarantined")["total"] == 0


@effect("tilth show --passed-over")
def test_what_a_source_did_not_read_is_shown(fresh: Path) -> None:
    (fresh / "docs.txt").write_text("of another type")
    (fresh / "in").mkdir()
    (fresh / "docs.jsonl").rename(fresh / "in" / "docs.jsonl")
    (fresh / "docs.txt").rename(fresh / "in" / "docs.txt")
    text = (fresh / "small.yaml").read_text("utf-8").replace("docs.jsonl", "in")
    (fresh / "small.yaml").write_text(text, "utf-8")
    assert tilth_("run", "small.yaml", "--only", "docs").code == 1
    passed = _shown("docs", "--passed-over")
    (place,) = passed["places"]
    assert place["place"] == "in/docs.txt"
    assert place["reason"] == "of a type that this source does not read (.txt)"
    assert passed["by_reason"] == {place["reason"]: 1}
    wrong = tilth_("show", "small", "normalize", "--passed-over")
    assert (wrong.code, wrong.out) == (2, "")


@effect("tilth show --noted")
def test_what_a_source_read_with_a_guess_is_shown(fresh: Path) -> None:
    lines = (fresh / "docs.jsonl").read_bytes()
    (fresh / "docs.jsonl").write_bytes('{"text": "naïve café"}\n'.encode("cp1252") + lines)
    assert tilth_("run", "small.yaml", "--only", "docs").code == 1
    noted = _shown("docs", "--noted")
    (place,) = noted["places"]
    assert place["place"] == "docs.jsonl"
    assert "encoding" in place["reason"]
    assert noted["by_reason"] == {place["reason"]: 1}
    assert _shown("docs", "--passed-over")["places"] == []


@effect("tilth show --rule")
@name("tilth show --rule")
def test_what_one_rule_dropped_is_shown(fresh: Path) -> None:
    text = (fresh / "small.yaml").read_text("utf-8").replace("alpha_ratio >= 0.5", "true")
    text = text.replace('"true"', '"alpha_ratio >= 0.82"')
    (fresh / "small.yaml").write_text(text, "utf-8")
    assert tilth_("run", "small.yaml", "--only", "rules").code == 1
    every = _shown("rules", "--dropped", "-n", 99)["rows"]
    for rule in ("word_count >= 12", "alpha_ratio >= 0.82"):
        wanted = [row["id"] for row in every if row["rule"] == rule]
        assert 0 < len(wanted) < len(every)
        for words in (["--dropped", "--rule", rule], ["--rule", rule.split()[0]]):
            assert _ids("rules", *words, "-n", 99) == wanted
    wrong = tilth_("show", "small", "rules", "--rule", "wrd_count >= 12")
    assert (wrong.code, wrong.out) == (2, "")
    assert "did you mean `word_count >= 12`?" in wrong.err
    assert tilth_("show", "small", "rules", "--rule", "").code == 2
    assert "is part of several rules" in tilth_("show", "small", "rules", "--rule", ">=").err


@effect("tilth show -n", "tilth show --offset")
@extreme("tilth show -n", "tilth show --offset")
def test_so_many_samples_from_there_on_are_shown(place: Path) -> None:
    every = _ids("docs", "-n", 10_000)
    assert len(every) == NUM_DOCUMENTS
    assert _ids("docs") == every[:20]
    assert _ids("docs", "-n", 1) == every[:1]
    assert _ids("docs", "-n", 7, "--offset", 30) == every[30:37]
    assert _ids("docs", "-n", 7, "--offset", 38) == every[38:]
    rule = ["rules", "--rule", "word_count", "-n", 99]
    assert _ids(*rule, "--offset", 2) == _ids(*rule)[2:]
    for words in (["-n", 0], ["-n", 10_001], ["--offset", -1], ["--offset", NUM_DOCUMENTS]):
        found = tilth_("show", "small", "docs", *words)
        assert (found.code, found.out) == (2, "")
    past = tilth_("show", "small", "docs", "--offset", 99).err
    assert f"`--offset` 99 is past the end: there are {NUM_DOCUMENTS}" in past
    # Nothing of nothing is no slip.
    assert _shown("rules", "--quarantined", "--offset", 0)["rows"] == []


@refused(
    *("tilth show --epochs", "tilth show --sample", "tilth show --to", "tilth show --augmented"),
    *("tilth show --dropped", "tilth show --quarantined", "tilth show --rule"),
    *("tilth show --passed-over", "tilth show --noted"),
)
@pytest.mark.parametrize(
    ("words", "what"),
    [
        ("docs --epochs 5", "`--epochs` does nothing without `--augmented`"),
        ("docs --sample 00", "`--sample` does nothing without `--augmented`"),
        ("docs --to a.html", "`--to` does nothing without `--augmented`"),
        ("docs --augmented", "`--augmented` and `STEP` exclude each other"),
        ("--augmented --dropped", "`--augmented` and `--dropped` exclude each other"),
        ("--augmented --quarantined", "`--augmented` and `--quarantined` exclude each other"),
        ("--augmented --passed-over", "`--augmented` and `--passed-over` exclude each other"),
        ("docs --noted --passed-over", "`--passed-over` and `--noted` exclude each other"),
        ("docs --passed-over --dropped", "`--passed-over` and `--dropped` exclude each other"),
        ("--augmented --rule x", "`--augmented` and `--rule` exclude each other"),
        ("--augmented --offset 0", "`--augmented` and `--offset` exclude each other"),
        ("--augmented --sample 00 -n 5", "`--sample` and `-n` exclude each other"),
        ("docs --quarantined --dropped", "`--quarantined` and `--dropped` exclude each other"),
        ("docs --quarantined --rule x", "`--quarantined` and `--rule` exclude each other"),
    ],
)
def test_what_cannot_be_shown_together(words: str, what: str, place: Path) -> None:
    found = tilth_("show", "small", *words.split())
    assert (found.code, found.out) == (2, "")
    assert what in found.err
    assert not Path("a.html").exists()


def _sheet(*words: object) -> Any:
    found = tilth_("show", "lights", "--augmented", *words, "--json")
    assert found.code == 0, found.err
    return found.document


@effect("tilth show --augmented", "tilth show --epochs")
@extreme("tilth show --epochs")
def test_training_samples_are_shown_as_so_many_epochs_see_them(place: Path) -> None:
    for epochs in (1, 3):
        found = _sheet("--epochs", epochs, "-n", 2)
        assert (found["epochs"], len(found["samples"])) == ([*range(epochs)], 2)
        page = Path(found["sheet"]).read_text("utf-8")
        assert page.count("data:image/png;base64,") == 2 * (1 + epochs)
    assert len(_sheet()["epochs"]) == 5
    for epochs in (0, 101):
        assert tilth_("show", "lights", "--augmented", "--epochs", epochs).code == 2


@effect("tilth show --to")
def test_the_sheet_is_written_there(place: Path, tmp_path: Path) -> None:
    assert _sheet()["sheet"] == "runs/lights/augmented.html"
    for file in ("sheet.html", "sheet.png"):
        assert _sheet("--to", tmp_path / file)["sheet"] == str(tmp_path / file)
    assert "<html" in (tmp_path / "sheet.html").read_text("utf-8")
    with Image.open(tmp_path / "sheet.png") as picture:
        assert picture.width > picture.height / 12
    wrong = tilth_("show", "lights", "--augmented", "--to", tmp_path / "sheet.gif")
    assert (wrong.code, wrong.out) == (2, "")
    assert "a sheet is a file .html or .png" in wrong.err


@effect("tilth show --sample")
@name("tilth show --sample")
def test_the_samples_that_are_named_are_shown_and_no_other(place: Path) -> None:
    one, two, *_ = [row["id"] for row in _sheet()["samples"]]
    found = _sheet("--sample", two, "--sample", one)
    assert [row["id"] for row in found["samples"]] == [two, one]
    # One of them, too, is not left out in silence.
    absent = tilth_("show", "lights", "--augmented", "--sample", one, "--sample", "0" * 32)
    assert (absent.code, absent.out) == (3, "")
    assert f"where  {'0' * 32}\n" in absent.err
    assert "tilth show lights collect.images" in absent.err


@refused("tilth show --sample")
def test_a_sample_that_training_never_sees(place: Path) -> None:
    rows = json.loads(tilth_("show", "lights", "images", "-n", 99, "--json").out)["rows"]
    tested = next(row["id"] for row in rows if row["split"] == "test")
    found = tilth_("show", "lights", "--augmented", "--sample", tested)
    assert (found.code, found.out) == (2, "")
    assert "this is no training sample: its split is `test`" in found.err


@effect("tilth trace sample")
@name("tilth trace sample")
def test_the_life_of_that_sample_is_told(place: Path) -> None:
    first = tilth_("trace", "small", "docs.jsonl:3", "--json").document
    assert first["uri"].endswith("docs.jsonl:3")
    for which in (first["id"], first["id"][:10], first["uri"]):
        assert tilth_("trace", "small", which, "--json").document == first
    other = tilth_("trace", "small", "docs.jsonl:8", "--json").document
    assert other["id"] != first["id"]
    wrong = tilth_("trace", "small", "docs.jsonl:99")
    assert (wrong.code, wrong.out) == (2, "")
    assert "tilth show small collect.docs" in wrong.err
    several = tilth_("trace", "small", "docs.jsonl")
    assert several.code == 2
    assert re.search(r"name one: [0-9a-f]{12} \(docs.jsonl:1\)", several.err)


def test_a_rule_quarantines_nothing(place: Path) -> None:
    from tilth.errors import UsageError
    from tilth.query.samples import show_samples

    with pytest.raises(UsageError, match="it quarantines none"):
        show_samples(open_run("small"), "rules", "quarantine", rule="word_count")
