from __future__ import annotations

import json
from pathlib import Path

import pytest

import tilth
from tilth.query.document import report_document
from tilth.query.found import figures_of
from tilth.query.licences import count_licences


@pytest.mark.usefixtures("inline")
def test_samples_are_counted_by_licence_without_personal_data(tmp_path: Path) -> None:
    stated = ["MIT", "CC0-1.0", "CC0-1.0", "ask ann@mail.net", "ask bob@mail.net"]
    lines = [json.dumps({"text": f"text {n}", "terms": name}) for n, name in enumerate(stated)]
    (tmp_path / "docs.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    recipe = tmp_path / "stated.yaml"
    source = f"path: {tmp_path / 'docs.jsonl'}, fields: {{license: terms}}"
    recipe.write_text(f"name: stated\ncollect: {{docs: {{jsonl: {{{source}}}}}}}\n")
    run = tilth.run(recipe, runs=tmp_path / "runs", progress=False, workers=1)
    found = count_licences(run.dataset("docs"))
    assert sum(found.values()) == len(stated)
    assert (found["CC0-1.0"], found["MIT"]) == (2, 1)
    # Both became the same words.
    assert [n for name, n in found.items() if name.startswith("ask")] == [2]
    assert "@" not in "".join(found)
    # As figures, of a run and of its report.
    for told in (figures_of(run.view), figures_of(report_document(run.view))):
        by_path = {one.path: one.value for one in told}
        assert {name: by_path[f"books.collect.docs.licences[{name}]"] for name in found} == found
