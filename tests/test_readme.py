"""What the README shows works: its recipe is sound, its code runs, its two languages agree."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tilth
from tests.engine.conftest import write_documents
from tilth.recipe.load import parse_recipe

ROOT = Path(__file__).parents[1]


def _blocks(name: str, language: str) -> list[str]:
    text = (ROOT / name).read_text("utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_recipe_is_sound() -> None:
    (block,) = _blocks("README.md", "yaml")
    assert parse_recipe(block).name == "mine"


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
        assert re.search(r": [+-][\d.]+ bits/byte \[-?[\d.]+, -?[\d.]+\] ", line), line
        assert re.search(r"\(\d+ seeds, corrected for \d+ comparisons", line), line
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
