"""Pages that do not say how they are encoded: read in what they look like, and told."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

import tilth
from tilth.clean import extract, select
from tilth.clean.pages import FIGURES
from tilth.schema import GUESSED_ENCODING

RUSSIAN = "Деревня стоит на берегу тихой реки, и каждое утро рыбаки выходят на лодках в море. " * 3
FRENCH = "Le village est près de la rivière, où les pêcheurs sont déjà allés cet été. " * 3


def page(text: str, encoding: str, head: str = "") -> bytes:
    return f"<html><head>{head}</head><body><p>{text}</p></body></html>".encode(encoding)


PAGES = {
    "guessed": page(RUSSIAN, "windows-1251"),
    "utf-8": page(RUSSIAN, "utf-8"),
    "told": page(RUSSIAN, "windows-1251", '<meta charset="windows-1251">'),
    "ascii": page("One plain sentence of a page that has no other letters.", "ascii"),
    "western": page(FRENCH, "windows-1252"),
    # The guess stands where nothing is left of the page as well.
    "empty": f"<title>{RUSSIAN}</title><body></body>".encode("windows-1251"),
}
BATCH = pa.RecordBatch.from_pydict(
    {
        "id": [*PAGES, "a text"],
        "html": pa.array([*PAGES.values(), None], pa.large_binary()),
        "text": pa.array([*[None] * len(PAGES), "as it was"], pa.large_string()),
        "uri": ["https://a.example/"] * (len(PAGES) + 1),
    }
)
GUESSED = ["windows-1251", None, None, None, "windows-1252", "windows-1251", None]
COUNTED = {
    "guessed_pages": 3,
    "guessed_encodings": {"windows-1251": 2, "windows-1252": 1},
}


def test_guessed_encodings_are_counted() -> None:
    for meta in ("all", "none"):
        settings = extract.Settings(meta=meta)
        rows = extract.apply(BATCH, settings)
        assert rows[GUESSED_ENCODING].to_pylist() == GUESSED
        assert GUESSED_ENCODING in extract.fills(settings)
        assert extract.describe(iter([rows]), settings) == COUNTED
        # A step behind another reads no page, and forgets none.
        again = extract.apply(rows, settings)
        assert again[GUESSED_ENCODING].to_pylist() == GUESSED
    wanted = select.Settings(css="p")
    rows, parts = select.part(BATCH, wanted)
    assert rows[GUESSED_ENCODING].to_pylist() == GUESSED
    assert GUESSED_ENCODING not in parts.schema.names
    assert select.describe(iter([rows, parts]), wanted) == COUNTED
    assert {one.name for one in FIGURES} == set(COUNTED)


def test_a_run_tells_of_them(tmp_path: Path) -> None:
    folder = tmp_path / "pages"
    folder.mkdir()
    for name, html in PAGES.items():
        (folder / f"{name}.html").write_bytes(html)
    recipe = tmp_path / "pages.yaml"
    recipe.write_text(
        f"tilth: 1\nname: pages\ncollect: {{pages: {{files: {{path: {folder}}}}}}}\n"
        "clean: [extract, {rules: {where: [not known(guessed_encoding)]}}]\n",
        "utf-8",
    )
    run = tilth.run(recipe, runs=tmp_path / "runs", progress=False, workers=1)
    assert run.dataset("clean.extract").manifest.figures == COUNTED
    kept = run.dataset("clean.rules").to_arrow()
    assert sorted(Path(uri).stem for uri in kept["uri"].to_pylist()) == ["ascii", "told", "utf-8"]
