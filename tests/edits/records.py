"""Texts from every kind of file, through every stage before training: edits cost least here."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from tests.edits.common import (
    append,
    backwards,
    env,
    kept,
    linked,
    move,
    of_header,
    of_process,
    replace,
    settings,
    source,
    swapped,
    touch,
    version,
    write,
)
from tests.edits.workspace import Change, Draft, Edit, Modality, Step, Tree

_WORDS = ("heron", "river", "meadow", "stone", "barley", "barn", "copper", "harbour")
_SIG = '''"""Signals of one's own."""

from pathlib import Path

from helper import count_of


def loud(text: str) -> float:
    """Words that nobody wants, of a file, all files of a folder, and two that may be there."""
    words = Path("bad.txt").read_text().split()
    for path in sorted(Path("lists").glob("*.txt")):
        words += path.read_text().split()
    if Path("more.txt").exists():
        words += Path("more.txt").read_text().split()
    try:
        words += Path("also.txt").read_text().split()
    except FileNotFoundError:
        pass
    return count_of(text, words)
'''
_HELPER = '''"""Counts."""


def count_of(text: str, words: list[str]) -> float:
    """How many of the words stand there."""
    return float(sum(text.lower().split().count(word) for word in words))
'''
_SPAM = '''BAD = "spam"


def spam(text: str) -> int:
    """How often it stands there."""
    return text.split().count(BAD)
'''
_RULES = """about: mine
rules:
- keep: word_count >= 6
  because: shorter ones say nothing
- keep: loud <= 1
"""
_MARK = '''"""Mark what a tool says."""

from __future__ import annotations

import pyarrow as pa
from pydantic import Field

from tilth.schema import column, with_columns
from tilth.settings import BaseSettings

from . import _tool


class Settings(BaseSettings):
    """Measure something."""

    times: int = Field(1, ge=1, description="how often it counts")


def apply(batch: pa.RecordBatch, settings: Settings) -> pa.RecordBatch:
    """The same rows, measured."""
    texts = column(batch, "text").to_pylist()
    found = [_tool.measure(text or "") * settings.times for text in texts]
    return with_columns(batch, {"signal.mark": pa.array(found, pa.int64())})
'''
_TOOL = '''"""Measures."""


def measure(text: str) -> int:
    """Its vowels."""
    return sum(text.count(vowel) for vowel in "aeiou")
'''
_UNNAMED = '''"""An operation that no recipe here names."""

import pyarrow as pa

from tilth.settings import BaseSettings


class Settings(BaseSettings):
    """Nothing."""


def apply(batch: pa.RecordBatch, settings: Settings) -> pa.RecordBatch:
    """The same."""
    return batch
'''
_URL = "https://data.example.org/sets/u.jsonl"


def sentence(source: str, number: int, words: int = 12) -> str:
    """A text of so many words."""
    said = [_WORDS[(number * 5 + place * (number % 7 + 1)) % len(_WORDS)] for place in range(words)]
    extra = ["spam"] if number % 5 == 1 else ["ham"] if number % 5 == 2 else []
    extra += ["Bother", "drat"] if number % 6 == 3 else []
    return f"{source.upper()} {number}: " + " ".join([*extra, *said]) + "."


def jsonl(texts: Sequence[str], first: int = 0) -> str:
    """A file of these texts."""
    return "".join(
        json.dumps({"id": f"r{first + place}", "text": text}) + "\n"
        for place, text in enumerate(texts)
    )


def _texts(source: str, count: int) -> list[str]:
    # The last is there already, and one is short.
    return [sentence(source, n, 3 if n == 4 else 12) for n in range(count - 1)] + [sentence("a", 2)]


def _people(extra: bool = False) -> str:
    tasks = []
    for number in range(6):
        answers = [
            {
                "completed_by": who,
                "result": [
                    {
                        "from_name": "kind",
                        "type": "choices",
                        "value": {"choices": ["calm" if (number + who) % 3 or extra else "wild"]},
                    }
                ],
            }
            for who in range(3)
        ]
        tasks.append(
            {"id": number, "data": {"text": sentence("p", number)}, "annotations": answers}
        )
    return json.dumps(tasks)


def _parquet(texts: Sequence[str], level: int | None = None) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"text": texts}), out, compression="zstd", compression_level=level)
    return out.getvalue()


def _csv(texts: Sequence[str]) -> str:
    rows = [f'"{text}",{number % 2}' for number, text in enumerate(texts)]
    return "\n".join(["text,kind", *rows]) + "\n"


def base() -> Draft:
    """Seven sources, and a step of each stage before training."""
    draft = Draft(header={"name": "records", "seed": 0, "threads": 1, "error_budget": 0.2})
    draft.header["extensions"] = ["own"]
    files: dict[str, bytes | str] = {
        "in/a.jsonl": jsonl(_texts("a", 14)),
        "in/deep/one/part.jsonl": jsonl(_texts("b", 6)),
        "in/deep/two/part.jsonl": jsonl(_texts("c", 6)),
        "in/notes.csv": _csv(_texts("n", 8)),
        "in/pages/first.txt": "\n\n".join(_texts("t", 5)) + "\n",
        "in/pages/second.txt": "\n\n".join(_texts("s", 4)) + "\n",
        "in/table.parquet": _parquet(_texts("q", 6)),
        "in/people.json": _people(),
        "in/README": "where it is from\n",
        "store/u.jsonl": jsonl(_texts("u", 6)),
        "store/other.jsonl": jsonl(_texts("o", 3)),
        "store-again/u.jsonl": jsonl(_texts("u", 6)),
        "store-new/u.jsonl": jsonl(_texts("v", 6)),
        "sig.py": _SIG,
        "helper.py": _HELPER,
        "bad.txt": "bother drat\n",
        "lists/first.txt": "bosh\n",
        "mine/__init__.py": "from mine.words import spam\n",
        "mine/words.py": _SPAM,
        "mine/other.py": "UNREAD = 1\n",
        "rules.yaml": _RULES,
        "more.yaml": "about: more\nrules:\n- keep: char_count >= 30\n",
        "own/clean/mark.py": _MARK,
        "own/clean/_tool.py": _TOOL,
        "own/clean/unread.py": _UNNAMED,
    }
    for path, text in files.items():
        draft.write(path, text)
    draft.env = {"TILTH_MIRROR": "store"}
    draft.sources = {
        "a": Step("jsonl", {"path": "in/a.jsonl", "fields": {"id": "id"}}),
        "deep": Step("jsonl", {"path": "in/*/*/part.jsonl"}),
        "notes": Step(
            "csv",
            {
                "path": "in/notes.csv",
                "fields": {"label": "kind"},
                "labels": {"0": "calm", "1": "wild"},
            },
        ),
        "pages": Step("text_file", {"path": "in/pages", "record": "paragraph"}),
        "table": Step("parquet", {"path": "in/table.parquet"}),
        "people": Step("label_studio", {"path": "in/people.json"}),
        "u": Step("jsonl", {"url": _URL}),
    }
    signals = {"names": ["word_count", "char_count"], "functions": ["sig.py:loud", "mine:spam"]}
    draft.steps = {
        "clean": [
            Step("normalize"),
            Step("signals", signals),
            Step("mark"),
            Step("rules", {"files": ["rules.yaml", "more.yaml"], "where": ["spam == 0"]}),
            Step("rules", {"where": ["char_count <= 400", "mark >= 2"]}, "clean.last"),
        ],
        "deduplicate": [
            Step("hold_out", {"test": 0.2, "by": "id"}),
            Step("exact"),
            Step("minhash", {"shingle_words": 3}),
        ],
        "label": [
            Step(
                "vote",
                {
                    "sets": [],
                    "functions": [
                        {"name": "wet", "label": "wild", "matches": "river|harbour", "at_least": 9},
                        {"name": "dry", "label": "calm", "matches": "stone", "at_least": 9},
                        {"name": "long", "label": "calm", "signal": "word_count", "at_least": 14},
                    ],
                    "otherwise": "none",
                },
            )
        ],
        "mix": [Step("weights", {"labels": {"wild": 2, "calm": 1}, "sources": {"a": 0.5}})],
    }
    return draft


def _where(old: str, *new: str) -> Change:
    """Other rules of the recipe in the place of one."""

    def change(draft: Draft) -> None:
        for node in ("clean.rules", "clean.last"):
            given = draft.step(node).settings
            parts = [new if one == old else (one,) for one in given["where"]]
            given["where"] = [one for part in parts for one in part]

    return change


def _rewritten(draft: Draft) -> None:
    """The same records, written otherwise."""
    rows = [json.loads(line) for line in draft.text("in/a.jsonl").splitlines()]
    lines = [json.dumps(dict(reversed(row.items())), separators=(",", ":")) for row in rows]
    draft.write("in/a.jsonl", "".join(line + " \n" for line in lines))


def _shadowed(draft: Draft) -> None:
    """A package of the helper's name beside it: Python takes the package."""
    draft.write("helper/__init__.py", _HELPER.replace("text.lower()", "text.upper().lower()[:30]"))


def _rules_reversed(draft: Draft) -> None:
    tree = yaml.safe_load(draft.text("rules.yaml"))
    tree["rules"].reverse()
    draft.write("rules.yaml", yaml.safe_dump(tree, sort_keys=False))


def _extra_rules(draft: Draft) -> None:
    """Rules before the others: those get another name by their place."""
    for node in ("clean.rules", "clean.last"):
        draft.step(node).node = node
    steps = draft.steps["clean"]
    at = next(place for place, one in enumerate(steps) if one.op == "rules")
    steps.insert(at, Step("rules", {"where": ["char_count >= 2"]}, "clean.extra"))


def _unmarked(draft: Draft) -> None:
    """Without the operation of one's own, and the rule that reads what it measures."""
    steps = draft.steps["clean"]
    steps.remove(draft.step("clean.mark"))
    draft.step("clean.last").settings["where"].pop()


def _another_recipe(draft: Draft) -> None:
    """A recipe of the same name in another file."""
    draft.recipe_file = "another.yaml"
    draft.sources = {name: draft.sources[name] for name in ("a", "deep", "notes")}
    draft.steps["deduplicate"].pop()


def _reordered(draft: Draft) -> None:
    draft.sources = dict(reversed(draft.sources.items()))


def _renamed_source(draft: Draft) -> None:
    draft.sources["table"].node = "collect.table"
    draft.sources = {{"table": "sheet"}.get(k, k): v for k, v in draft.sources.items()}


def _in_package(draft: Draft) -> None:
    draft.move("helper.py", "mine/helper.py")
    draft.replace("sig.py", "from helper", "from mine.helper")


def _digest(draft: Draft) -> None:
    """What is fetched is held to the digest that it has."""
    folder = draft.env["TILTH_MIRROR"]
    data = draft.text(f"{folder}/u.jsonl").encode()
    draft.sources["u"].settings["sha256"] = hashlib.sha256(data).hexdigest()


def _limit(draft: Draft) -> None:
    draft.limit = draft.limit or 1000


_NEW = jsonl([sentence("x", 1), sentence("x", 8)], 100)
_DEEP, _U = ("collect.deep",), ("collect.u",)
_SIGNALS, _FIRST, _LAST = ("clean.signals",), ("clean.rules",), ("clean.last",)

_READ = (
    Edit("a row more", append("in/a.jsonl", _NEW), ("collect.a",)),
    Edit("a word changed", replace("in/a.jsonl", "meadow", "orchard"), ("collect.a",)),
    Edit(
        "a word changed, size and time kept",
        kept("in/a.jsonl", "heron", "raven"),
        ("collect.a",),
    ),
    Edit(
        "two files change places",
        swapped("in/pages/first.txt", "in/pages/second.txt"),
        ("collect.pages",),
    ),
    Edit("the same rows written otherwise", _rewritten, ("collect.a",)),
    Edit("a file more for the glob", write("in/deep/three/part.jsonl", _NEW), _DEEP),
    Edit("a folder renamed that a glob leaves open", move("in/deep", "in/low"), _DEEP),
    Edit(
        "a paragraph more",
        append("in/pages/first.txt", "\n" + sentence("t", 9)),
        ("collect.pages",),
    ),
    Edit("a page renamed", move("in/pages/second.txt", "in/pages/third.txt"), ("collect.pages",)),
    Edit(
        "other labels of the csv",
        source("notes", labels={"1": "calm", "0": "wild"}),
        ("collect.notes",),
    ),
    Edit(
        "the table compressed otherwise",
        write("in/table.parquet", _parquet(_texts("q", 6), 19)),
        ("collect.table",),
    ),
    Edit("other answers", write("in/people.json", _people(extra=True)), ("collect.people",)),
    Edit(
        "a rule, size and time kept",
        kept("more.yaml", "char_count >= 30", "char_count >= 90"),
        _FIRST,
    ),
    Edit("a row of the mirror, size and time kept", kept("store/u.jsonl", "heron", "raven"), _U),
    Edit("another file in the mirror", write("store/u.jsonl", jsonl(_texts("w", 6))), _U),
    Edit("another mirror with other rows", env(TILTH_MIRROR="store-new"), _U),
    Edit("the helper of a function", replace("helper.py", "text.lower()", "text"), _SIGNALS),
    Edit("the words that a function reads", replace("bad.txt", "drat", "heron"), _SIGNALS),
    Edit("words in a file that was not there", write("also.txt", "heron\n"), _SIGNALS),
    Edit("words in a file whose absence was seen", write("more.txt", "heron\n"), _SIGNALS),
    Edit(
        "a file more in a folder that a function reads", write("lists/b.txt", "river\n"), _SIGNALS
    ),
    Edit("words changed, size and time kept", kept("bad.txt", "drat", "barn"), _SIGNALS),
    Edit("a package in the place of a helper", _shadowed, _SIGNALS),
    Edit("a function behind a package", replace("mine/words.py", '"spam"', '"ham"'), _SIGNALS),
    Edit("a function of a file", replace("sig.py", ", words)", ", words) * 2"), _SIGNALS),
    Edit("a rule of a file", replace("rules.yaml", ">= 6", ">= 15"), _FIRST),
    Edit(
        "rules files in another order",
        settings("clean.rules", files=["more.yaml", "rules.yaml"]),
        _FIRST,
    ),
    Edit("rules of a file in another order", _rules_reversed, _FIRST),
    Edit("a rule of the recipe", _where("spam == 0", "spam == 0 and loud == 0"), _FIRST),
    Edit(
        "the tool of an operation",
        replace("own/clean/_tool.py", '"aeiou"', '"aeio"'),
        ("clean.mark",),
    ),
    Edit(
        "an operation of one's own",
        replace("own/clean/mark.py", "* settings.times", "* 2"),
        ("clean.mark",),
    ),
    Edit("a setting of one's own", settings("clean.mark", times=3), ("clean.mark",)),
    Edit("the salt", settings("deduplicate.hold_out", salt="other"), ("deduplicate.hold_out",)),
    Edit(
        "a threshold of copies",
        settings("deduplicate.minhash", threshold=0.4),
        ("deduplicate.minhash",),
    ),
    Edit(
        "votes in another order",
        lambda d: d.step("label.vote").settings["functions"].reverse(),
        ("label.vote",),
    ),
    Edit("a weight", settings("mix.weights", sources={"a": 2}), ("mix.weights",)),
    Edit("five of each source", lambda d: setattr(d, "limit", 5), ("collect.*",)),
    Edit("a function moved to another file", _in_package, _SIGNALS),
)
_SAME_ROWS = (
    Edit("a rule that keeps the same", _where("char_count <= 400", "char_count < 399"), _LAST),
    Edit("a blank in a rule", _where("spam == 0", "spam==0"), _FIRST),
    Edit("2.0 for 2 in a rule", _where("mark >= 2", "mark >= 2.0"), _LAST),
    Edit("a rule given twice", _where("mark >= 2", "mark >= 2", "mark >= 2"), _LAST),
)
_UNREAD = (
    *(
        Edit(f"{path} touched", touch(path))
        for path in (
            "in/a.jsonl",
            "in/pages/first.txt",
            "in/people.json",
            "store/u.jsonl",
            "rules.yaml",
            "sig.py",
            "mine/words.py",
            "bad.txt",
            "own/clean/mark.py",
        )
    ),
    Edit("a comment in rules", append("rules.yaml", "# so be it\n")),
    Edit("why a rule is there", replace("rules.yaml", "say nothing", "are nothing")),
    Edit("what rules are for", replace("more.yaml", "about: more", "about: no less")),
    Edit("a comment in a function's file", append("sig.py", "\n# so be it\n")),
    Edit("a comment in a helper", append("helper.py", "\n# so be it\n")),
    Edit("the docstring of a function", replace("mine/words.py", "How often", "The times that")),
    Edit("a comment in an operation", append("own/clean/mark.py", "\n# so be it\n")),
    Edit(
        "an operation that is not named",
        replace("own/clean/unread.py", "return batch", "return batch.slice(0)"),
    ),
    Edit("a module that nothing imports", replace("mine/other.py", "1", "2")),
    Edit(
        "./ before a function's file",
        settings("clean.signals", functions=["./sig.py:loud", "mine:spam"]),
    ),
    Edit("./ before a rules file", settings("clean.rules", files=["./rules.yaml", "more.yaml"])),
    Edit("an unread file beside", replace("in/README", "from", "come from")),
    Edit("a hidden file beside", write("in/pages/.first.txt.swp", "x"), ("collect.pages",)),
    Edit("a file of another kind beside", write("in/pages/first.bak", "x"), ("collect.pages",)),
    Edit("an unread file in the mirror", write("store/readme", "x")),
    Edit("another mirror with the same rows", env(TILTH_MIRROR="store-again")),
    Edit("the digest of what is fetched", _digest),
    Edit("the mirror in the recipe", lambda d: source("u", mirror=d.env["TILTH_MIRROR"])(d)),
    Edit("a host that is allowed", source("u", allow_hosts=["data.example.org"])),
    Edit("--limit above every source", _limit),
    Edit("labels in another order", backwards(lambda d: d.sources["notes"].settings["labels"])),
    Edit("weights in another order", backwards(lambda d: d.step("mix.weights").settings["labels"])),
    Edit("2.0 for 2 in a weight", settings("mix.weights", labels={"wild": 2.0})),
    Edit("14.0 for 14 in a vote", lambda d: _long(d).update(at_least=14.0)),
    # The step's figures say it.
    Edit("why a vote is cast", lambda d: _long(d).update(because="it is long"), ("label.vote",)),
    Edit("a default written out", settings("deduplicate.exact", ignore_case=False)),
    Edit("a source behind a link", linked("in/a.jsonl")),
    Edit("a source made read-only", lambda d: d.modes.update({"in/notes.csv": 0o444})),
)
_SHAPE = (
    Edit("a source left out", lambda d: setattr(d, "sources", _less(d.sources, "pages"))),
    Edit("a source renamed", _renamed_source, ("collect.table",)),
    Edit("a step left out", _unmarked, _LAST),
    Edit("sources in another order", _reordered),
    Edit("the second rules by another place", _extra_rules, ("clean.extra",)),
    Edit("another recipe of the same name", _another_recipe),
)


def _less(sources: dict[str, Step], name: str) -> dict[str, Step]:
    return {key: one for key, one in sources.items() if key != name}


def _long(draft: Draft) -> Tree:
    """The vote that reads a signal."""
    functions: list[Tree] = draft.step("label.vote").settings["functions"]
    return next(one for one in functions if one["name"] == "long")


_VERSIONS = (
    version("numba", "clean.*", "deduplicate.*", "mix.*", must=("deduplicate.minhash",)),
    version("torch"),
)
RECORDS = Modality(
    "records",
    base,
    (
        *_READ,
        *_SAME_ROWS,
        *_UNREAD,
        *_VERSIONS,
        *of_header(),
        *of_process(anew=True),
        *_SHAPE,
    ),
    points=144,
    share=6,
)
