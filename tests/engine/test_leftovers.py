"""What a killed process leaves is cleaned up, whatever and wherever it is, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.inline import inline, places, plan_of, run_inline
from tests.engine.modalities import results
from tilth.recipe.plan import Plan
from tilth.store.files import write_json

__all__ = ["inline"]

pytestmark = pytest.mark.usefixtures("inline")


def _litter(plan: Plan, folder: Path, calm: Path) -> None:
    """All kinds of things that a kill may leave aside, in every step's folder."""
    for name in [where.name for where in places(calm, plan)]:
        where = folder / "data" / name
        for name in ("kept/.00000.parquet.7.aside", "shards/.00000.json.7.aside", ".m.7.aside"):
            (where / name).parent.mkdir(parents=True, exist_ok=True)
            (where / name).write_bytes(b"half")
        for name in (
            "work/.prepared-0.aside",
            "work/seed-0/.events.7.aside",
            ".model.7.aside",
        ):
            (where / name / "train" / ".x.7.aside").mkdir(parents=True)
            (where / name / "train" / "tokens.bin").write_bytes(b"half")
        (where / "work" / ".gone.7.aside").symlink_to("nowhere")
    (folder / "history").mkdir()
    (folder / ".run.json.7.aside").write_bytes(b"half")
    (folder / "history" / ".0001.json.7.aside").write_bytes(b"half")


def test_a_run_goes_on_over_all_that_was_left_aside(
    images_run: tuple[str, Path], tmp_path: Path
) -> None:
    text, calm = images_run
    _litter(plan_of(text), tmp_path / "littered", calm)
    run_inline(text, tmp_path / "littered")
    assert results(tmp_path / "littered") == results(calm)
    assert not list((tmp_path / "littered").rglob(".*.aside"))


def test_a_step_killed_after_its_manifest_is_cleaned_up_by_the_next_run(
    images_run: tuple[str, Path],
) -> None:
    text, folder = images_run
    calm = results(folder)
    plan = plan_of(text)
    for where in places(folder, plan):
        write_json(where / "shards" / "00000.json", {})
        write_json(where / "work" / "keys" / "kept.json", {})
        if (where / "model").is_dir():
            (where / "model" / ".README.md.7.aside").write_bytes(b"half")
    run_inline(text, folder)
    assert results(folder) == calm
    for step, where in zip(plan.steps, places(folder, plan), strict=True):
        assert not (where / "shards").exists()
        # What a source has fetched is kept.
        assert (where / "work").exists() == (step.operation.kind == "source")
    assert not list(folder.rglob(".*.aside"))
