"""Training, comparisons and experiments of every modality where a split or an arm is empty."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.engine.inline import inline, run_inline
from tests.engine.modalities import MODALITIES, write_recipe
from tilth.engine.record import last_record
from tilth.errors import DataError

__all__ = ["inline"]

pytestmark = pytest.mark.usefixtures("inline")

# Images alone by default: the others take several seconds each.
EACH = [pytest.param(m, marks=[] if m == "images" else pytest.mark.slow) for m in MODALITIES]


def _tree(modality: str, folder: Path) -> dict[str, Any]:
    tree: dict[str, Any] = yaml.safe_load(write_recipe(modality, folder).read_text("utf-8"))
    return tree


def _without(tree: dict[str, Any], split: str) -> dict[str, Any]:
    """The recipe with a rule, or a share, that leaves a split empty."""
    if "image_folder" in str(tree["collect"]):
        return tree | {"clean": [*tree["clean"], {"rules": {"where": [f"split != '{split}'"]}}]}
    share = {"test": 0.0 if split == "test" else 1.0, "validation": 0.0, "by": "id"}
    others = [step for step in tree["deduplicate"] if "hold_out" not in step]
    return tree | {"deduplicate": [{"hold_out": share}, *others]}


def _fails(tree: dict[str, Any], folder: Path) -> DataError:
    """The error of a run, which a rerun ends with as well."""
    errors = []
    for _ in range(2):
        with pytest.raises(DataError) as caught:
            run_inline(yaml.safe_dump(tree), folder)
        errors.append(caught.value)
    assert str(errors[0]) == str(errors[1])
    assert errors[0].hint
    return errors[0]


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("modality", EACH)
def test_without_a_split(modality: str, split: str, tmp_path: Path) -> None:
    tree = _tree(modality, tmp_path)
    error = _fails(_without(tree, split), tmp_path / "run")
    assert error.code in ("no-samples", "too-few-samples")
    run_inline(yaml.safe_dump(tree), tmp_path / "run")  # mended, it goes on
    record = last_record(tmp_path / "run")
    assert record is not None
    assert record.status == "done"


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("split == 'nowhere'", "nothing-left"),
        ("split == 'test'", "no-samples"),
        ("split == 'train'", ""),  # held out is what the control holds out
    ],
)
def test_an_arm_that_ends_with_nothing(rule: str, code: str, tmp_path: Path) -> None:
    tree = _tree("images", tmp_path)
    tree["clean"].append({"rules": {"where": ["split != 'nowhere'"]}})
    tree["value"]["arms"] = {"less": {"set": {"clean.rules": {"where": [rule]}}}}
    if code:
        assert _fails(tree, tmp_path / "run").code == code
        tree["value"]["arms"] = {"less": {"without": "clean.rules"}}
    run_inline(yaml.safe_dump(tree), tmp_path / "run")
