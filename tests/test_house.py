"""The walls of the house: layers, circles, file length, and what the command line loads."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src"

# From bottom to top. A module imports from its own room and from lower layers only; rooms of one
# layer do not know each other.
LAYERS: list[set[str]] = [
    {"splits", "labels"},
    {"errors", "settings", "schema", "context", "randomness", "foreign"}
    | {"syntax", "versions", "figures", "spell"},
    {"records", "hints", "reads", "decode"},
    {"machine", "extensions", "own", "meta"},
    {"kernels", "statistics"},
    {"store"},
    {"formats"},
    {"demo"},
    {"web"},
    {"reading"},
    {"collect", "clean", "deduplicate", "label", "augment", "mix"},
    {"models"},
    {"training"},
    {"tasks"},
    {"loaders"},
    {"pretrain"},
    {"transfer"},
    {"value"},
    {"export"},
    {"recipe"},
    {"engine"},
    {"query"},
    {"annotate"},
    {"report"},
    {"api"},
    {"cli"},
    {"__main__"},
]
# `tilth/__init__.py` re-exports the api lazily.
FACADE = "__init__"


def _modules() -> dict[str, Path]:
    found = {}
    for path in sorted((SRC / "tilth").rglob("*.py")):
        parts = path.relative_to(SRC).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = _modules()


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


@cache
def _imports(path: Path) -> set[str]:
    """The project's modules that a file imports, wherever in the file."""
    found: set[str] = set()
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [f"{node.module}.{a.name}" for a in node.names]
            found.update(n if n in MODULES else node.module for n in names)
        elif isinstance(node, ast.ImportFrom):
            pytest.fail(f"{path}: relative import")
        elif isinstance(node, ast.Import):
            found.update(a.name for a in node.names)
    return {name for name in found if name in MODULES and name != "tilth"}


def _room(module: str) -> str:
    return module.split(".")[1] if "." in module else FACADE


def _level(room: str) -> int:
    return next(i for i, layer in enumerate(LAYERS) if room in layer)


def test_no_import_climbs_and_rooms_do_not_know_each_other() -> None:
    bad = []
    for module, path in MODULES.items():
        room = _room(module)
        if room == FACADE:
            continue
        for imported in _imports(path):
            other = _room(imported)
            if other != room and _level(other) >= _level(room):
                bad.append(f"{module} imports {imported}")
    assert not bad, "\n".join(bad)


def test_no_import_circle() -> None:
    graph = {module: _imports(path) - {module} for module, path in MODULES.items()}
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        if module in path:
            circle = " -> ".join((*path[path.index(module) :], module))
            pytest.fail(f"import circle: {circle}")
        if module not in done:
            for other in sorted(graph[module]):
                visit(other, (*path, module))
            done.add(module)

    for module in graph:
        visit(module, ())


def test_no_file_is_over_600_lines() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for folder in ("src", "tests", "benchmarks", "examples")
        for path in (ROOT / folder).rglob("*.py")
        if (lines := len(path.read_text("utf-8").splitlines())) > 600
    }
    assert not long


def test_no_room_holds_more_than_an_eighth() -> None:
    """A room that grows beyond that is several rooms under one roof."""
    lines: dict[str, int] = {}
    for module, path in MODULES.items():
        room = _room(module)
        lines[room] = lines.get(room, 0) + len(path.read_text("utf-8").splitlines())
    large = {room: n for room, n in lines.items() if n > 0.12 * sum(lines.values())}
    assert not large


def test_every_module_says_what_it_is_for() -> None:
    silent = [module for module, path in MODULES.items() if not ast.get_docstring(_tree(path))]
    assert not silent


def test_the_command_line_loads_nothing_heavy() -> None:
    code = (
        "import sys, tilth.cli, tilth.cli.main;"
        "print([m for m in ('torch','numba','ray','pyarrow','aiohttp','trafilatura','tensorflow')"
        " if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_a_recipe_is_planned_without_the_compiler() -> None:
    """Whoever checks or plans a recipe, or runs it in processes of their own, waits for none."""
    code = (
        "import sys, tilth.engine.run; from tilth.recipe.load import load_recipe;"
        "from tilth.recipe.plan import build_plan; build_plan(load_recipe('quickstart'));"
        "print([m for m in ('torch','numba','trafilatura','tensorflow') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_no_pickle_and_no_unsafe_loading() -> None:
    forbidden = ("import pickle", "torch.load(", "torch.save(", "yaml.load(", "allow_pickle=True")
    bad = [
        f"{path}: {word}"
        for path in MODULES.values()
        for word in forbidden
        if word in path.read_text("utf-8")
    ]
    assert not bad


def test_nothing_of_a_machine_is_in_the_project() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    needles = [str(ROOT.parent) + "/", str(Path.home()) + "/"]
    bad = []
    for name in tracked:
        path = ROOT / name
        if path.is_file() and path.suffix in {".py", ".md", ".yaml", ".toml", ".txt", ".json"}:
            text = path.read_text("utf-8")
            bad += [f"{name}: {needle}" for needle in needles if needle in text]
    assert not bad


def test_one_room_removes_and_renames() -> None:
    """What an interrupted step leaves is cleaned up in one way: `tilth.store.files`."""
    ways = re.compile(r"rmtree|\.(?:unlink|rmdir|rename)\(|os\.(?:remove|replace|rename)|\.aside\"")
    found = [
        module
        for module, path in MODULES.items()
        if module != "tilth.store.files" and ways.search(path.read_text("utf-8"))
    ]
    assert not found


# Where every module has a test file of its own: what is promised of books, plans, resumes and
# verdicts is kept here.
MIRRORED_ROOMS = {
    *("schema", "settings", "context", "errors", "randomness", "foreign", "hints"),
    *("kernels", "statistics", "store", "recipe", "engine"),
}
MIRRORED_MODULES = {f"tilth.training.{name}" for name in ("order", "session", "state")}


def test_modules_that_keep_promises_have_a_test_file_beside_them() -> None:
    alone = []
    for module, path in MODULES.items():
        inside = path.relative_to(SRC / "tilth")
        mirror = ROOT / "tests" / inside.with_name(f"test_{inside.name}")
        kept = _room(module) in MIRRORED_ROOMS or module in MIRRORED_MODULES
        if kept and path.name != "__init__.py" and not mirror.is_file():
            alone.append(module)
    assert not alone
    assert MODULES.keys() >= MIRRORED_MODULES


def test_the_map_names_what_is_there() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    for file in re.findall(r"`([a-z_/]+\.py)`", text):
        place = ROOT / file if file.startswith("tests/") else SRC / "tilth" / file
        assert place.is_file(), file
    floors = [line for line in text.splitlines() if line.startswith("| ") and "---" not in line]
    named = [re.findall(r"`([a-z]+)`", floor.split("|")[2]) for floor in floors]
    order = [room for floor in named for room in floor]
    rooms = {_room(module) for module in MODULES} - {FACADE, "__main__"}
    assert set(order) == rooms
    levels = [_level(room) for room in order if room != "recipes"]
    assert levels == sorted(levels)


def test_one_room_knows_how_a_data_set_lies_on_disk() -> None:
    """What two rooms must agree on is said once: names of shards, ledger, partitions, cells."""
    ways = re.compile(r'/ "(?:kept|dropped|quarantine|shards|cells)"|:05d\}')
    owners = {
        "tilth.store.shard",
        "tilth.engine.shuffle",
        "tilth.web.warc_store",
        "tilth.export.begun",
    }
    found = [
        module
        for module, path in MODULES.items()
        if module not in owners and ways.search(path.read_text("utf-8"))
    ]
    assert not found


# By module: what else is said by bytes than a user's text, picture or sound, and how often.
OTHER_BYTES = {
    # What Tilth itself wrote, packed or made of text.
    "errors": 1,
    "records": 1,
    "store.digests": 1,
    "store.files": 1,
    "store.passed": 1,
    "report.augmented": 1,
    "export.rows": 2,
    "demo.site": 1,
    "web.secrets": 1,
    "web.outcome": 1,
    "report.tidy": 1,
    "tasks.translation.task": 1,
    "reading.digests": 1,
    "reading.records": 1,
    "meta.arrow": 2,
    "meta.stream": 1,
    "kernels.ngrams": 1,
    "clean.dictionary": 1,
    # Names of hosts, header fields, files and libraries; brackets; what a file may be; the recipe.
    "web.address": 1,
    "web.client": 2,
    "pretrain.ask": 1,
    "versions": 1,
    "formats.signatures": 2,
    "formats.arc": 1,
    "formats.json_path": 3,
    "formats.http_answer": 1,
    "formats.warc": 5,
    # Made of text by a library.
    "formats.pdf": 1,
    "recipe.load": 1,
}


def test_one_room_decodes() -> None:
    """Checks, signals, training, prediction, report and export see and hear the same."""
    ways = re.compile(r"\.decode\((?!batch|self)")
    # A tokenizer's, a network's, and that of `ImageDecoder`.
    others = re.compile(r"(?:tokenizer|decoder|self|model)\.decode\(")
    found: dict[str, int] = {}
    for module, path in MODULES.items():
        if _room(module) != "decode":
            text = others.sub("", path.read_text("utf-8"))
            number = len(ways.findall(text))
            found |= {module.removeprefix("tilth."): number} if number else {}
    assert found == OTHER_BYTES


def test_no_other_module_opens_pictures_or_sound() -> None:
    ways = re.compile(
        r"Image\.open\(|Image\s+import\s+open|ImageFile|ImageSequence|wavfile|\bsoundfile\.|"
        r"(?:import|from) (?:soundfile|av|wave|cv2|imageio|pi_heif|torchaudio|librosa)\b"
    )
    others = {
        module: sorted(set(found))
        for module, path in MODULES.items()
        if _room(module) != "decode" and (found := ways.findall(path.read_text("utf-8")))
    }
    assert others == {}


def test_what_is_passed_on_has_a_type() -> None:
    """A dictionary of anything is for rows of data and for files of others: store and the edges."""
    lines = [
        f"{module}: {line.strip()}"
        for module, path in MODULES.items()
        if not module.startswith("tilth.store")
        for line in path.read_text("utf-8").splitlines()
        if "dict[str, Any]" in line
    ]
    assert len(lines) <= 20, "\n".join(lines)


def test_what_is_imported_is_declared() -> None:
    """Not taken from what another package happens to bring along."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    listed = [*project["dependencies"], *(one for extra in extras for one in extra)]
    declared = {re.split(r"[^\w.-]", one)[0].lower().replace("-", "_") for one in listed}
    names = {"PIL": "pillow", "yaml": "pyyaml", "sklearn": "scikit_learn"}
    imported: dict[str, str] = {}
    for path in sorted((SRC / "tilth").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            found = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found = [node.module]
            for name in found:
                imported.setdefault(name.partition(".")[0], str(path))
    outside = imported.keys() - sys.stdlib_module_names - {"tilth"}
    assert {n: imported[n] for n in outside if names.get(n, n) not in declared} == {}
