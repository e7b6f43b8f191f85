"""The page of the Python API: it names what there is and no more, and its examples run."""

from __future__ import annotations

import importlib
import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

import tilth
from tests.query.models import png
from tests.query.trained import write_images
from tests.reference import MARK, OPAQUE, PAGE, members, public_types, reference
from tilth.engine import record
from tilth.query import report
from tilth.recipe.model import Header
from tilth.store import manifest

TEXT = PAGE.read_text("utf-8")
RECIPE = """
tilth: 1
name: mine
collect:
  pictures:
    parquet: {path: pictures.parquet, image: image, fields: {label: label, split: split}}
augment: [{noise: {std: 0.05}}]
pretrain:
  task: image-classification
  model: {kind: mlp, hidden: [8], dropout: 0}
  loop: {batch_size: 16, max_steps: 10}
transfer: {sizes: [8], methods: [scratch, finetune], seeds: 2, loop: {max_steps: 3}}
value: {arms: {noise: {without: augment.noise}}, seeds: 2, budget: 3, leakage: remove}
"""
# A name of a type, a function or an alias; the names of what a type has.
HEADING = re.compile(r"^### `(\w+)`$", re.M)
ITEM = re.compile(r"`(\w+)(?:: |\()")


def _sections() -> dict[str, str]:
    parts = HEADING.split(TEXT.partition(MARK)[2])
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _named(section: str) -> set[str]:
    """What the list of a section declares: the code before the words."""
    items = re.findall(r"^- (.*?)(?=^-|^#|\Z)", section, re.M | re.DOTALL)
    return {name for item in items for name in ITEM.findall(re.split("`: ", item)[0] + "`")}


def test_the_page_is_made_from_what_there_is() -> None:
    """`make reference` writes it anew."""
    assert TEXT.partition(MARK)[2] == "\n" + reference()


def test_every_public_name_is_on_the_page() -> None:
    assert set(tilth.__all__) <= set(_sections())


@pytest.mark.parametrize("kind", public_types(), ids=lambda kind: kind.__name__)
def test_every_public_attribute_is_on_the_page_and_no_other(kind: type) -> None:
    """Read off the page, and off the type by another way than the page is made by."""
    own = [base for base in kind.__mro__ if base.__module__.startswith("tilth.")]
    page = {
        name
        for base in own
        if base.__name__ not in OPAQUE
        for name in _named(_sections()[base.__name__])
    }
    outside = [base for base in kind.__mro__ if base not in own or base.__name__ in OPAQUE]
    others = {name for base in outside for name in dir(base)}
    there = {name for name in dir(kind) if name not in others}
    if issubclass(kind, BaseModel):
        there |= set(kind.model_fields)
    elif is_dataclass(kind):
        there |= {field.name for field in fields(kind)}
    there = {name for name in there if not name.startswith("_") and name != "model_config"}
    private = {"plan"} if kind.__name__ == "PlanView" else set()
    private |= {"extensions"} if kind.__name__ == "Recipe" else set()
    private |= {"operation", "settings"} if kind.__name__ == "RecipeStep" else set()
    # What `__init__` sets is seen on instances alone: see the next test.
    assert there - page == private
    if issubclass(kind, BaseModel) or is_dataclass(kind):
        assert page <= there


def test_the_formats_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| `([\w.]+)`.* \| (\d+) \|$", TEXT, re.M)
    assert {name: int(number) for name, number in rows} == {
        "recipe.yaml": Header(name="any").tilth,
        record.RECORD: record.FORMAT,
        manifest.MANIFEST: manifest.FORMAT,
        "report.json": report.FORMAT,
    }


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the page's examples leave, run from top to bottom on a small run."""
    folder = tmp_path_factory.mktemp("reference")
    write_images(folder / "pictures.parquet")
    (folder / "mine.yaml").write_text(RECIPE, "utf-8")
    left: dict[str, Any] = {"printed": [], "folder": folder}
    left["print"] = lambda *words: left["printed"].append(" ".join(map(str, words)))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL):
            exec(block, left)
    return left


def test_the_examples_run(ran: dict[str, Any]) -> None:
    said = "\n".join(ran["printed"])
    run: tilth.Run = ran["run"]
    found = run.results
    assert found.pretrain is not None
    assert found.transfer is not None
    assert found.value is not None
    assert f"{found.pretrain.test['accuracy']} [" in said
    assert "on 24 of image" in said
    assert found.value.arms[0].headline in said
    assert "finetune 8 " in said
    assert "collect.pictures 120 120 0 0" in said
    assert "kept ['collect.pictures'" in said
    # The part that was listened to, and the run that is not there.
    assert "collect.pictures 10\n" in said
    assert "no-run runs" in said


def test_what_a_run_gives_is_on_the_page(ran: dict[str, Any]) -> None:
    for one in (ran["run"], ran["train"], ran["view"], tilth.TilthError("what")):
        kind = type(one)
        there = {name for name in [*vars(one), *dir(kind)] if not name.startswith("_")}
        unknown = there - set(members(kind)) - set(dir(Exception))
        assert unknown == ({"plan"} if kind is tilth.PlanView else set())


def test_where_a_type_comes_from_is_where_it_is() -> None:
    for kind in public_types():
        (module,) = re.findall(r"From\s+`(tilth[\w.]*)`", _sections()[kind.__name__])
        assert getattr(importlib.import_module(module), kind.__name__) is kind


def test_the_guide_asks_a_model_as_it_says(ran: dict[str, Any], tmp_path: Path) -> None:
    guide = (PAGE.parents[1] / "guides" / "train.md").read_text("utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    folder = ran["folder"] / ran["run"].view.step("pretrain").folder / "model"
    (tmp_path / "photo.png").write_bytes(png(250))
    names = {
        '"runs/my-images/data/pretrain-ID/model"': folder,
        '"photo.png"': tmp_path / "photo.png",
    }
    for name, path in names.items():
        assert name in block
        block = block.replace(name, repr(str(path)))
    *before, last = block.strip().splitlines()
    left: dict[str, Any] = {}
    exec("\n".join(before), left)
    (answer,) = eval(last, left)
    assert answer.label in ("light", "dark")
