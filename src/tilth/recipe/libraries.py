"""What decides a step's output and is not Tilth's: versions of other packages, Python, the device.

Nothing is imported to learn a version: planning must not load torch.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from tilth.recipe.code import imports_of, reachable
from tilth.settings import BaseSettings

_SNDFILE = "libsndfile"
# By what is imported: the distributions whose versions decide an output, itself and what it hands
# the work to. One without any decides nothing. What is not named here counts (see `_decide`).
DECIDES: Mapping[str, tuple[str, ...]] = {
    "PIL": ("pillow",),
    "fastwarc": ("fastwarc",),
    "lxml": ("lxml",),
    "numba": ("numba", "llvmlite"),
    "numpy": ("numpy",),
    "py3langid": ("py3langid",),
    "pyarrow": ("pyarrow",),
    "resiliparse": ("resiliparse",),
    "sacrebleu": ("sacrebleu",),
    "safetensors": ("safetensors",),
    "scipy": ("scipy",),
    "sklearn": ("scikit-learn",),
    "soundfile": ("soundfile", _SNDFILE),
    "tokenizers": ("tokenizers",),
    "torch": ("torch",),
    "trafilatura": (
        *("trafilatura", "courlan", "htmldate", "justext", "lxml", "lxml_html_clean"),
        "charset-normalizer",
    ),
    # They fetch, or write what was fetched, which is kept and counts by its content.
    **dict.fromkeys(("aiohttp", "huggingface_hub", "protego", "warcio", "yarl"), ()),
    # They read settings, which count themselves.
    **dict.fromkeys(("pydantic", "pydantic_core", "yaml"), ()),
    # They show, hand over or distribute what is made without them.
    **dict.fromkeys(("jinja2", "markupsafe", "polars", "ray", "rich", "tensorflow", "typer"), ()),
}
# What they bring is kept: it is read again with another library, and never fetched again for one.
_FETCHING = ("tilth.web.client", "tilth.web.crawler", "tilth.demo.site")


def libraries_of(modules: Iterable[str]) -> dict[str, str]:
    """The versions that decide what some modules come to, with all that they import.

    Args:
        modules: Of Tilth or of extensions, by full name, as `Operation.modules` gives them.

    Returns:
        Versions by distribution, empty for one that is not installed; Python's, without its last
        number, and that of its table of characters among them.
    """
    return dict(_libraries(tuple(modules)))


@cache  # Many sources are read by one operation.
def _libraries(modules: tuple[str, ...]) -> Mapping[str, str]:
    reached = reachable(modules, without=_FETCHING)
    return versions_of(one for name in reached for one in imports_of(name))


def versions_of(imports: Iterable[str]) -> dict[str, str]:
    """As `libraries_of`, of what is imported, by its full names."""
    major, minor = sys.version_info[:2]
    found = {"python": f"{major}.{minor}", "unicodedata": unicodedata.unidata_version}
    for name in {one.partition(".")[0] for one in imports}:
        if name and name not in sys.stdlib_module_names and name != "tilth":
            found |= {one: _version(one) for one in _decide(name)}
    return dict(sorted(found.items()))


def _decide(name: str) -> tuple[str, ...]:
    """The distributions that decide where a package is imported."""
    return DECIDES[name] if name in DECIDES else _distributions(name)


@cache
def _distributions(name: str) -> tuple[str, ...]:
    """What an import is installed by: mostly what is called like it, which is quick to ask."""
    if _version(name):
        return (name,)
    return tuple(sorted(set(metadata.packages_distributions().get(name, ()))))


@cache
def _version(name: str) -> str:
    if name == _SNDFILE:
        return _sndfile_version()
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _sndfile_version() -> str:
    """Of the library that `soundfile` opens: its own copy, where it has one, or the system's."""
    # The package of the copies is empty, and found without importing soundfile, which loads numpy.
    spec = find_spec("_soundfile_data")
    folders = [Path(folder) for folder in (spec and spec.submodule_search_locations) or ()]
    copies = [str(path) for folder in folders for path in sorted(folder.glob("libsndfile*"))]
    for path in [*copies, ctypes.util.find_library("sndfile")]:
        try:
            library = ctypes.CDLL(path or "")
            library.sf_version_string.restype = ctypes.c_char_p
            return str(library.sf_version_string().decode("ascii", "replace"))
        except (OSError, AttributeError):
            continue
    return ""


def device_of(*settings: BaseSettings | None) -> str:
    """Where the trainings of a stage compute: `cpu` or `cuda`; of several both, joined by `+`.

    `auto` is what training will make of it; torch is loaded only where there may be a GPU.

    Args:
        settings: Of the stage, and what the plan gives it: the device of each training in them
            counts.
    """
    wanted = {one for part in settings for one in _devices(part)} or {"auto"}
    return "+".join(sorted({_resolved(one) for one in wanted}))


def _devices(value: object) -> Iterator[str]:
    if isinstance(value, BaseSettings):
        for name, inner in value:
            if name == "device" and isinstance(inner, str):
                yield inner
            else:
                yield from _devices(inner)
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _devices(inner)
    elif isinstance(value, tuple | list):
        for inner in value:
            yield from _devices(inner)


def _resolved(wanted: str) -> str:
    if wanted != "auto":
        return wanted
    if not _may_have_gpu():
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _may_have_gpu() -> bool:
    """Whether torch may find a GPU here, as far as can be told without it."""
    version = _version("torch")
    if not version or version.endswith("+cpu") or sys.platform == "darwin":
        return False
    if os.environ.get("CUDA_VISIBLE_DEVICES", "all").strip() in ("", "-1"):
        return False
    # NVIDIA's, AMD's, and those of a Windows host; of another system nothing is known.
    devices = ("nvidiactl", "nvidia0", "kfd", "dxg")
    return not sys.platform.startswith("linux") or any(Path("/dev", n).exists() for n in devices)
