"""The table of operations agrees with the modules."""

from __future__ import annotations

import inspect
from contextlib import nullcontext
from pathlib import Path

import pyarrow as pa
import pytest

from tests.collect.tabular import write
from tests.engine.inline import place, plan_of, run_inline, use_inline
from tests.formats.web_archives import page, record
from tests.table.sources import fill, settings
from tests.web.index_server import INDEX, Archive, serving
from tests.web.sites import Site, running
from tilth.context import Context
from tilth.errors import RecipeError
from tilth.extensions import open_extension, using
from tilth.pretrain.settings import Settings as PretrainSettings
from tilth.recipe.load import parse_recipe
from tilth.recipe.operations import _AGAIN, _FUNCTIONS, operation, operations
from tilth.settings import acting
from tilth.store import Dataset


@pytest.mark.parametrize("name", sorted(operations()))
def test_module_has_what_its_kind_needs(name: str) -> None:
    op = operation(name)
    functions = _FUNCTIONS[op.kind] | (_AGAIN if hasattr(op.module, "keys_again") else {})
    for function, number in functions.items():
        assert callable(getattr(op.module, function))
        inspect.signature(getattr(op.module, function)).bind(*[None] * number)
    assert op.settings.__doc__
    for field, info in op.settings.model_fields.items():
        assert info.description, f"{name}.{field} has no description"


def test_every_source_has_join() -> None:
    for name, op in operations().items():
        assert ("join" in op.settings.model_fields) == (op.kind == "source"), name


def test_a_source_of_ones_own_has_join_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine/collect").mkdir(parents=True)
    lines = [
        "import pyarrow as pa",
        "from tilth.reading.records import Batcher",
        "from tilth.settings import BaseSettings",
        "class Settings(BaseSettings):",
        '    """Two words."""',
        "def fingerprint(settings):",
        "    return ''",
        "def read(settings, source, context):",
        "    batcher = Batcher(source, ('text',), {}, context.limit)",
        "    for word in ('one', 'two'):",
        "        yield from batcher.add({'text': word}, word, 3)",
        "    yield from batcher.flush()",
    ]
    Path("mine/collect/words.py").write_text("\n".join(lines))
    Path("t.csv").write_text("word,class\none,x\n")
    text = (
        "name: own\nextensions: [mine]\ncollect:\n"
        "  a: {words: {join: {path: t.csv, by: text, key: word, fields: {label: class}}}}\n"
    )
    use_inline(monkeypatch)
    run_inline(text, tmp_path / "run")
    found = Dataset(place(tmp_path / "run", plan_of(text), "collect.a")).to_arrow()
    assert found["label"].to_pylist() == ["x", None]
    lines[4:5] = ["    join: str = 'mine'"]
    Path("mine/collect/words.py").write_text("\n".join(lines))
    with pytest.raises(RecipeError, match="has a setting `join`, which every source has"):
        parse_recipe(text)


def test_the_recipes_seed_counts_where_it_is_drawn_by() -> None:
    drawing = {"pretrain", "transfer", "value"}
    for name, op in operations().items():
        # No setting need be given that decides it.
        given = op.settings.model_construct()
        if name == "pretrain":
            continue
        assert op.seeded(given, 3) == (given, 3 if name in drawing else None)
        assert op.takes_threads is False
    assert operation("pretrain").takes_threads


def test_a_training_that_names_its_seeds_has_none_of_the_recipes() -> None:
    seeded = operation("pretrain").seeded
    (own, drawn), (taken, also) = (seeded(PretrainSettings(seeds=seeds), 3) for seeds in ((3,), ()))
    assert acting(own) == acting(taken)
    assert drawn is also is None
    assert seeded(PretrainSettings(), 4)[0] == PretrainSettings(seeds=(4,))
    assert seeded(PretrainSettings(seeds=(5, 6)), 4)[0] == PretrainSettings(seeds=(5, 6))


@pytest.mark.parametrize("name", [n for n, op in operations().items() if op.kind == "source"])
def test_a_source_draws_nothing_by_the_recipes_seed(name: str, tmp_path: Path) -> None:
    site = Site()
    for at in range(12):
        site.html(f"/{at}", *(f"/{(at * step + 1) % 12}" for step in (2, 3, 5)))
    archive = Archive()
    archive.add("1.gz", {f"http://e.org/{n}": record(f"http://e.org/{n}", page()) for n in "123"})
    serves = {"crawl": running(site), "common_crawl": serving(archive)}
    with serves.get(name, nullcontext()):
        if name == "common_crawl":
            given = {"index": INDEX, "url": "*.e.org/*", "delay_s": 0}
            given |= {"index_server": archive.root, "data_server": archive.root}
            given |= {"allow_hosts": ["127.0.0.1"]}
        elif name == "crawl":
            given = {"start": [f"{site.root}/0"], "allow_hosts": ["127.0.0.1"], "delay_s": 0}
            given |= {"max_pages": 8}
        elif name == "hub":
            write("hub", tmp_path, [{"text": "a"}])
            given = {"path": str(tmp_path / "a.hub")}
        elif name == "demo_digits":
            given = {}
        else:
            given = settings(name, str(fill(name, tmp_path / "in")))
        op = operation(name)
        found = []
        for seed in (0, 1):
            (work := tmp_path / str(seed)).mkdir()
            made = op.settings.model_validate(given)
            batches = list(op.module.read(made, "a", Context(work, seed=seed)))
            found.append(pa.Table.from_batches(batches))
    # When a page was fetched is no draw.
    one, two = (table.drop_columns(set(table.column_names) & {"fetched_at"}) for table in found)
    assert one.equals(two)
    assert one.num_rows


SOURCE = """
from tilth.settings import BaseSettings
class Settings(BaseSettings):
    "Rows."
    often: bool = False
def fingerprint(settings): return ""
def read(settings, source, context): yield from ()
"""


def test_an_extensions_source_draws_unless_it_says_not(tmp_path: Path) -> None:
    (tmp_path / "own" / "collect").mkdir(parents=True)
    for name, more in (
        ("drawn", ""),
        ("fixed", "def draws(settings): return False"),
        ("maybe", "def draws(settings): return settings.often"),
    ):
        (tmp_path / "own" / "collect" / f"{name}.py").write_text(SOURCE + more)
    with using([open_extension(tmp_path / "own", shown="own")]):
        for name, often, seed in (
            ("drawn", False, 3),
            ("fixed", False, None),
            ("maybe", False, None),
            ("maybe", True, 3),
        ):
            op = operation(name)
            given = op.settings.model_validate({"often": often})
            assert op.seeded(given, 3) == (given, seed)


def test_one_word_may_stand_for_the_settings() -> None:
    tree = "name: a\ncollect: {a: {crawl: {start: ['http://a.org/']}}}\nclean: [{select: %s}]\n"
    short, long = (parse_recipe(tree % given) for given in ("div.item", "{css: div.item}"))
    assert short.resolved() == long.resolved()
    with pytest.raises(RecipeError) as raised:
        parse_recipe((tree % "x").replace("select", "normalize"))
    assert "the settings of `normalize` are a mapping" in str(raised.value.problems[0])
