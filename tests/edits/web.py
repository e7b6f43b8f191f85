"""Pages of a site and a file that lies there, fetched: what stands there is asked for once."""

from __future__ import annotations

from tests.edits.common import (
    append,
    of_header,
    of_process,
    replace,
    settings,
    source,
    touch,
    version,
)
from tests.edits.records import jsonl, sentence
from tests.edits.workspace import Draft, Edit, Modality, Step


def _page(name: str, *links: str, words: int = 40) -> bytes:
    anchors = "".join(f'<a href="{link}">on</a>' for link in links)
    said = " ".join(sentence(name, number, words // 4) for number in range(4))
    head = f"<html lang=en><head><title>{name}</title></head>"
    return f"{head}<body><article><p>{said}</p></article>{anchors}</body></html>".encode()


def base() -> Draft:
    """A site of three pages; `SITE` stands for its address until it has one."""
    draft = Draft(header={"name": "web", "seed": 0, "threads": 1, "error_budget": 0.2})
    draft.site = {
        "/": _page("home", "one.html", "two.html"),
        "/one.html": _page("one"),
        "/two.html": _page("two"),
        "/a.jsonl": jsonl([sentence("a", number) for number in range(12)]).encode(),
    }
    draft.header["extensions"] = ["own"]
    draft.write("own/collect/lines.py", _LINES)
    draft.write("own/collect/_cut.py", _CUT)
    draft.write("lines.txt", "".join(sentence("l", n) + "\n" for n in range(5)))
    draft.write("rules.yaml", "about: mine\nrules:\n- keep: word_count >= 3\n")
    crawl = {
        "start": ["SITE/"],
        "allow_hosts": ["127.0.0.1"],
        "delay_s": 0,
        "retries": 0,
        "timeout_s": 20,
        "sitemaps": False,
    }
    draft.sources = {
        "pages": Step("crawl", crawl),
        "file": Step("jsonl", {"url": "SITE/a.jsonl", "allow_hosts": ["127.0.0.1"]}),
        "lines": Step("lines", {"path": "lines.txt"}),
    }
    draft.steps = {
        "clean": [
            Step("extract"),
            Step("signals", {"names": ["word_count"]}),
            Step("rules", {"files": ["rules.yaml"]}),
        ],
        "deduplicate": [Step("exact")],
    }
    return draft


def _page_changed(draft: Draft) -> None:
    draft.site["/two.html"] = _page("two", words=20)


def _page_more(draft: Draft) -> None:
    draft.site["/one.html"] = _page("one", "three.html")
    draft.site["/three.html"] = _page("three")


def _fewer_rows(draft: Draft) -> None:
    draft.site["/a.jsonl"] = jsonl([sentence("b", number) for number in range(5)]).encode()


_LINES = '''"""Read a file line by line."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from tilth.context import Context
from tilth.schema import sample_id
from tilth.settings import BaseSettings

from . import _cut


class Settings(BaseSettings):
    """A file of lines."""

    path: str


def fingerprint(settings: Settings) -> str:
    """What is read."""
    return Path(settings.path).read_text("utf-8")


def draws(settings: Settings) -> bool:
    """Nothing."""
    return False


def read(settings: Settings, source: str, context: Context) -> Iterator[pa.RecordBatch]:
    """A sample a line."""
    lines = [_cut.cut(line) for line in Path(settings.path).read_text("utf-8").splitlines()]
    yield pa.RecordBatch.from_pydict(
        {
            "id": [sample_id(source, str(number)) for number in range(len(lines))],
            "source": [source] * len(lines),
            "uri": [f"{settings.path}:{number}" for number in range(len(lines))],
            "text": pa.array(lines, pa.large_string()),
        }
    )
'''
_CUT = '''"""Cuts."""


def cut(line: str) -> str:
    """Without its end."""
    return line[:60]
'''
_PAGES, _FILE = ("collect.pages",), ("collect.file",)
_OWN = ("collect.lines",)
EDITS = (
    Edit("the file fetched anew is another", _fewer_rows, _FILE, again=_FILE),
    Edit("the file fetched anew is the same", lambda d: None, again=_FILE),
    Edit("a page is another, crawled anew", _page_changed, _PAGES, again=_PAGES),
    Edit("a page more, crawled anew", _page_more, _PAGES, again=_PAGES),
    Edit("a line of a source of one's own", replace("lines.txt", "heron", "crane"), _OWN),
    Edit("how a source of one's own cuts", replace("own/collect/_cut.py", "60", "30"), _OWN),
    Edit("where nothing is cut", replace("own/collect/_cut.py", "60", "90 + 999"), _OWN),
    Edit("a source of one's own touched", touch("lines.txt")),
    Edit("a comment in a source of one's own", append("own/collect/_cut.py", "# so be it\n")),
    Edit("the depth", source("pages", max_depth=0), _PAGES),
    Edit("pages that are not followed", source("pages", exclude=["/two*"]), _PAGES),
    Edit("pages that are followed", source("pages", include=["/one*"]), _PAGES),
    Edit("a rule", replace("rules.yaml", ">= 3", ">= 30"), ("clean.rules",)),
    Edit("the seconds for an answer", source("pages", timeout_s=25)),
    Edit("the pause between pages", source("pages", delay_s=0.001)),
    Edit("requests at a time", source("pages", concurrency=2)),
    Edit("tries of a page", source("pages", retries=1, retry_s=0.01)),
    Edit("the pages at most, above all", source("pages", max_pages=50)),
    Edit("a host that is allowed too", source("file", allow_hosts=["127.0.0.1", "localhost"])),
    Edit("a mirror without the file", source("file", mirror=".")),
    Edit("a default written out", settings("deduplicate.exact", ignore_case=False)),
    version("trafilatura", "clean.extract", must=("clean.extract",)),
    version("sacrebleu"),
    *of_header(),
    *of_process(),
)
WEB = Modality("web", base, EDITS, points=28, share=2, clocked=_PAGES)
