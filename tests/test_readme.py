"""What README and guides show works: recipes are sound, code runs, commands and names are there."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

import tilth
from tests.claims import MADE_BELOW
from tests.engine.conftest import write_documents
from tests.engine.inline import inline
from tilth.cli.main import app
from tilth.query.explain import list_entries
from tilth.recipe.load import parse_recipe, starters
from tilth.recipe.operations import operations
from tilth.recipe.words import other_words

__all__ = ["inline"]

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def _blocks(name: str, language: str) -> list[str]:
    text = (ROOT / name).read_text("utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_recipe_is_sound() -> None:
    assert [parse_recipe(one).name for one in _blocks("README.md", "yaml")] == ["mine", "modules"]


@pytest.mark.usefixtures("inline")
def test_the_oldest_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A site's items by a selector: ten lines, from the crawl to samples that know their page."""
    block = _blocks("README.md", "yaml")[1]
    assert len(block.splitlines()) <= 12
    monkeypatch.chdir(tmp_path)
    (tmp_path / "modules.yaml").write_text(block)
    run = tilth.run("modules.yaml", workers=1)
    books = run.dataset("clean.select").manifest.counts
    pages = run.dataset("collect.site")
    assert books is not None
    assert books.num_in == pages.num_rows
    assert books.num_in + books.born == books.kept + books.dropped
    assert books.kept == books.born >= 100
    assert run.dataset("clean.select").manifest.by_rule.keys() == {"parted", "nothing found"}
    rows = run.dataset("clean.select").to_arrow().to_pylist()
    (one,) = [row for row in rows if row["meta.name"] == "textwrap"]
    assert one["text"] == "textwrap"
    assert one["meta.link"] == "http://python-docs.localhost/stdlib/textwrap.html"
    index = run.trace("http://python-docs.localhost/stdlib/")
    assert one["part_of"] == index.id
    assert index.steps[-1].num_parts == len(rows)
    assert run.trace(one["id"]).part_of == index


@pytest.mark.usefixtures("inline")
@pytest.mark.parametrize(
    ("page", "recipe"), [("README.md", "quickstart"), ("docs/start.md", "my.yaml")]
)
def test_the_python_runs(
    page: str, recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (block,) = _blocks(page, "python")
    monkeypatch.chdir(tmp_path)
    write_documents(tmp_path / "documents.jsonl", 200)
    (tmp_path / "small.yaml").write_text(
        "name: small\n"
        "collect: {docs: {jsonl: {path: documents.jsonl}}}\n"
        "clean: [signals, {rules: {where: ['word_count >= 20']}}]\n"
    )
    # The page's own lines on a recipe that takes a second.
    assert f'"{recipe}"' in block
    exec(block.replace(f'"{recipe}"', '"small.yaml"'), {"tilth": tilth})
    assert (tmp_path / "runs" / "small" / "report.html").is_file()


def test_both_languages_show_the_same_blocks() -> None:
    for language in ("yaml", "text"):
        assert _blocks("README.md", language) == _blocks("README.zh.md", language)


def test_the_verdicts_say_what_they_rest_on() -> None:
    """As `tilth.transfer.headline` makes them; `benchmarks.reproduce quickstart` writes them."""
    block = _blocks("README.md", "text")[0].partition("\n\n")[0].replace("\n  ", " ")
    verdicts = [line for line in block.splitlines() if not line.startswith("pretrain: ")]
    assert [line.partition(": ")[0] for line in verdicts[:2]] == ["transfer", "value"]
    for line in verdicts:
        assert re.search(r": ([+-][\d.]+|0\.?0*) bits/byte \[-?[\d.]+, -?[\d.]+\] ", line), line
        basis = r"corrected for \d+ comparisons|each with the control's data and training"
        assert re.search(rf"\(\d+ seeds, ({basis})", line), line
        assert "A/A" in line or "the test set's" in line, line


def test_links_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "README.zh.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_first_sixty_lines_hold_what_matters() -> None:
    head = "\n".join((ROOT / "README.md").read_text("utf-8").splitlines()[:60])
    for needed in ("make quickstart", "make test", "![", "```yaml", "```python"):
        assert needed in head


# A word of the table of what works, where it is not the name of what does it.
_DONE_BY = {
    "web archives": "web_archive",
    "Common Crawl": "common_crawl",
    "mixed folders (HTML/PDF/DOCX/EPUB/Markdown/XLSX)": "files",
    "plain files": "text_file",
    "parallel text": "parallel",
    "data sets of the Hugging Face hub": "hub",
    "TSV": "csv",
    "folders and archives by class": "image_folder",
    "Label Studio exports": "label_studio",
    **dict.fromkeys(("WAV", "FLAC", "MP3", "OGG", "M4A in folders and archives"), "audio"),
    "with transcripts": "audio",
    "decode": "check_image",
    "size": "check_image",
    "blur": "check_image",
    "entropy": "check_image",
    "decontamination": "decontaminate",
    "labelling functions with a label model": "vote",
    "people's answers: agreement": "consensus",
    "Dawid-Skene": "consensus",
    "weights by source and label": "weights",
    "mask": "text_mask",
    "drop": "text_drop",
    "swap": "text_swap",
    "RandAugment": "rand_augment",
    "SpecAugment": "spec_augment",
    "noise": "noise",
    "MixUp": "pretrain",
    "36 signals": "signals",
    "rules (Gopher": "rules",
    "C4": "rules",
    "FineWeb)": "rules",
}


def test_what_works_today_is_there() -> None:
    """Each word of the table's first rows is an operation of its stage."""
    rows = re.findall(
        r"^\| (collect|clean|deduplicate|label|augment, mix) \| (.*) \|$", README, re.M
    )
    assert len(rows) == 5
    for stages, cells in rows:
        for word in re.split(r" \| |, |; ", cells):
            if word != "not yet":
                name = _DONE_BY.get(word, word.lower())
                assert operations()[name].stage in (*stages.split(", "), "pretrain"), word
    assert f"{len(list_entries('signals', 'none'))} signals" in README
    assert {"gopher-quality", "c4", "fineweb"} <= {
        one.name for one in list_entries("rules", "none")
    }


def test_every_starter_is_in_the_table_once() -> None:
    rows = README.partition("| starters | what |")[2].partition("\n\n")[0]
    named = [name for row in rows.splitlines() for name in re.findall(r"`([\w-]+)`", row)]
    assert sorted(named) == sorted(starters())


def test_the_heads_of_starters_have_their_results_but_for_those_that_are_named() -> None:
    (said,) = re.findall(r"those of\n`(quickstart)` stand above, and (.*?) have none", README)
    without = {said[0], *re.findall(r"`(\w+)`", said[1])}
    for name, text in starters().items():
        head = text.partition("# results\n")[2].partition("# end of results")[0]
        assert ("make reproduce" in head) == (name not in without), name


def test_the_python_and_the_extras_are_those_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["requires-python"] == ">=3.11"
    assert "Python 3.11 or newer" in README
    extras = {name for name in project["optional-dependencies"] if name != "dev"}
    start = (ROOT / "docs" / "start.md").read_text("utf-8").partition("The\nextras:")[2]
    assert set(re.findall(r"`([a-z0-9]+)`", start)) == extras
    assert set(re.findall(r"\w+", project["optional-dependencies"]["all"][0])) == (
        extras - {"tf", "m4a", "gs", "all"} | {"tilth"}
    )
    assert "`all` of them but `tf`, `m4a` and `gs`" in " ".join(start.split())


# Of guides that show a part of a recipe, what the rest of it could be.
_REST = {
    "train.md": "collect: {a: {jsonl: {path: a.jsonl}}}\n",
    "transfer.md": (
        "collect: {target: {jsonl: {path: a.jsonl, fields: {label: label}}}}\n"
        "pretrain: {model: {kind: gpt}, loop: {max_steps: 5}}\n"
    ),
}
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", ROOT / "CONTRIBUTING.md"]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
# It adds a verb: `test_extending_answers.py`.
PAGES.remove(ROOT / "docs" / "guides" / "extend-answers.md")


@pytest.mark.parametrize(
    "guide",
    [
        *("crawl", "datasets", "remote", "speech", "speech-corpora", "train", "transfer"),
        *("translate", "web-archives"),
    ],
)
def test_every_recipe_of_a_guide_is_sound(
    guide: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WIKI_TOKEN", "WIKI_KEY", "PROXY_USER", "PROXY_PASSWORD"):
        monkeypatch.setenv(name, "any")
    (tmp_path / "rows").write_text("any")
    page = f"{guide}.md"
    found = _blocks(f"docs/guides/{page}", "yaml")
    assert found
    for block in found:
        block = block.replace("/run/secrets/", f"{tmp_path}/")
        named = "" if re.search("^name:", block, re.MULTILINE) else "name: any\n"
        assert parse_recipe(f"{named}{_REST.get(page, '')}{block}").name


def test_every_command_that_a_page_shows_is_one() -> None:
    """Verbs and options of `tilth`, and targets of the Makefile, in code of any page."""
    command: Any = typer.main.get_command(app)
    verbs = {
        name: {option for one in verb.params for option in one.opts}
        for name, verb in command.commands.items()
    }
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    for name, shown in _shown():
        for target in re.findall(r"\bmake ([a-z-]+)", shown):
            assert target in targets, f"{name}: {shown}"
        for verb, rest in re.findall(r"\btilth ([a-z-]+)([^;&|]*)", shown):
            assert verb in {*verbs, "VERB"}, f"{name}: {shown}"
            options = re.findall(r" (--?[a-z][a-z-]*)", rest.partition("#")[0])
            assert set(options) <= verbs.get(verb, set()) | {"--help"}, f"{name}: {shown}"
    table = (ROOT / "docs" / "reference" / "commands.md").read_text("utf-8")
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    assert len(rows) > 20
    for row in rows:
        verb = row.split("`")[1].split()[0]
        options = re.findall(r"[` ](--?[a-z][a-z-]*)", row)
        assert set(options) <= verbs[verb] | (verbs["explain"] if verb == "list" else set()), row


def _shown() -> Iterator[tuple[str, str]]:
    """Code in the pages, in the heads of starters and in answers about words; and where it is."""
    for page in PAGES:
        text = page.read_text("utf-8").partition(MADE_BELOW)[0]
        for one, other in re.findall(r"`([^`\n]+)`|^    (.*)$", text, re.M):
            yield page.name, one or other
    for starter, text in starters().items():
        for code in re.findall(r"^#   (.*)$|`(tilth[^`]+)`", text, re.M):
            yield starter, "".join(code)
    for word in other_words():
        for code in re.findall(r"`([^`]+)`", word.about):
            yield word.words[0], code
