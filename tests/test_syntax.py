"""Of a source its code counts, and its imports are read off it."""

from __future__ import annotations

import ast

import pytest

from tilth.syntax import digest_of, finds_otherwise, imported


def test_prose_does_not_count() -> None:
    texts = (
        '"""A."""\nx = 1\n\n\ndef f():\n    """Do."""\n    return x\n',
        "# why\nx  =  1\ndef f(): return x  # so\n",
        "x = 1\n\n\ndef f():\n    return 1\n",
    )
    first, second, third = (digest_of(text.encode()) for text in texts)
    assert first == second != third


_DECLARED = """
counted = partial(Definition, unit="samples", reference="{words}", test="{words}")
FIGURES = (
    counted("{name}", "kept", "{words}", "{words}"),
    Definition("{name}.b", "kept", about="{words}", rows="{words}", share=True),
)
METRICS = (Metric("a", "A", "%", scale=100.0, about="{words}", test="{words}"),)
made = other("{plain}", "kept", "{plain}", about="{plain}")
"""


def test_what_is_said_of_a_figure_does_not_count_where_tilth_declares_it() -> None:
    def told(
        words: str = "one", name: str = "in", plain: str = "x", declares: bool = True
    ) -> bytes:
        source = _DECLARED.format(words=words, name=name, plain=plain).encode()
        return digest_of(source, declares=declares)

    assert told(words="one") == told(words="two")
    assert told(name="in") != told(name="out")
    assert told(plain="x") != told(plain="y")
    # In a user's code the names may be of anything.
    assert told(words="one", declares=False) != told(words="two", declares=False)


@pytest.mark.parametrize(
    ("source", "package", "wanted"),
    [
        ("import a.b\nimport c as d\n", "", {"a.b", "c"}),
        ("from a import b, c\n", "", {"a", "a.b", "a.c"}),
        ("from . import b\n", "p.q", {"p.q", "p.q.b"}),
        ("from ..a import b\n", "p.q", {"p.a", "p.a.b"}),
        ("def f():\n    if 1:\n        import a\n", "", {"a"}),
    ],
)
def test_imports_are_found_wherever_they_stand(source: str, package: str, wanted: set[str]) -> None:
    assert set(imported(ast.parse(source), package)) == wanted


def test_what_only_a_type_checker_imports_does_not_count() -> None:
    source = (
        "from typing import TYPE_CHECKING\nimport typing\n"
        "if TYPE_CHECKING:\n    from tilth import api\nelse:\n    from tilth import store\n"
        "if typing.TYPE_CHECKING:\n    import tilth.cli\n"
        "def f():\n    from tilth.mix import weights\n"
    )
    found = set(imported(ast.parse(source), ""))
    assert {"tilth.store", "tilth.mix.weights"} <= found
    assert not {"tilth.api", "tilth.cli"} & found


@pytest.mark.parametrize(
    "source", ["eval('1')", "__import__('a')", "x = __doc__", "import inspect"]
)
def test_what_may_find_more_than_it_imports_is_known(source: str) -> None:
    assert finds_otherwise(ast.parse(source))
    assert not finds_otherwise(ast.parse("import re\nre.compile('a')\n"))
