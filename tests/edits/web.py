"""Pages of a site and a file that lies there, fetched: what stands there is asked for once."""

from __future__ import annotations

from tests.edits.common import of_header, of_process, replace, settings, source
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


_PAGES, _FILE = ("collect.pages",), ("collect.file",)
EDITS = (
    Edit("the file fetched anew is another", _fewer_rows, _FILE, again=_FILE),
    Edit("the file fetched anew is the same", lambda d: None, again=_FILE),
    Edit("a page is another, crawled anew", _page_changed, _PAGES, again=_PAGES),
    Edit("a page more, crawled anew", _page_more, _PAGES, again=_PAGES),
    Edit("the depth", source("pages", max_depth=0), _PAGES),
    Edit("a rule", replace("rules.yaml", ">= 3", ">= 30"), ("clean.rules",)),
    Edit("the seconds for an answer", source("pages", timeout_s=25)),
    Edit("the pause between pages", source("pages", delay_s=0.001)),
    Edit("requests at a time", source("pages", concurrency=2)),
    Edit("tries of a page", source("pages", retries=1, retry_s=0.01)),
    Edit("the pages at most, above all", source("pages", max_pages=50)),
    Edit("a host that is allowed too", source("file", allow_hosts=["127.0.0.1", "localhost"])),
    Edit("a mirror without the file", source("file", mirror=".")),
    Edit("a default written out", settings("deduplicate.exact", ignore_case=False)),
    *of_header(),
    *of_process(),
)
WEB = Modality("web", base, EDITS, points=22, share=2, clocked=_PAGES)
