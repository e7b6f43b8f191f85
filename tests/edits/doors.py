"""What comes in by other doors: a mixed folder, an archive, tables beside, a web archive, pairs."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Mapping, Sequence

from tests.edits.common import (
    append,
    backwards,
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
from tests.edits.records import jsonl, sentence
from tests.edits.workspace import Change, Draft, Edit, Modality, Step, Tree

_MIXED, _BOX, _ITEMS = ("collect.mixed",), ("collect.box",), ("collect.items",)
_ARCHIVE, _SPOKEN = ("collect.archive",), ("collect.pairs",)


def _page(name: str, *numbers: int) -> str:
    items = "".join(f'<div class="item"><p>{sentence(name, n, 16)}</p></div>' for n in numbers)
    return f"<html lang=en><head><title>{name}</title></head><body>{items}</body></html>"


def _zip(members: Mapping[str, str], level: int = 6) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        for name, text in members.items():
            archive.writestr(zipfile.ZipInfo(name), text, compresslevel=level)
    return out.getvalue()


def _box(*names: str) -> dict[str, str]:
    return {f"{name}.txt": sentence(name, place) for place, name in enumerate(names)}


def _warc(pages: Mapping[str, str]) -> bytes:
    parts = []
    for number, (address, page) in enumerate(pages.items()):
        answer = f"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{page}".encode()
        head = (
            f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: {address}\r\n"
            f"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-{number:012d}>\r\n"
            "WARC-Date: 2026-11-01T12:00:00Z\r\n"
            "Content-Type: application/http; msgtype=response\r\n"
            f"Content-Length: {len(answer)}\r\n\r\n"
        )
        parts.append(head.encode() + answer + b"\r\n\r\n")
    return b"".join(parts)


def _pages(*names: str) -> dict[str, str]:
    return {f"https://example.org/{name}": _page(name, 1, 2) for name in names}


def _answers(*, changed: bool = False) -> str:
    rows = [
        f"r{item},{who},{'calm' if (item + place) % 3 or changed else 'wild'}"
        for item in range(8)
        for place, who in enumerate(("ada", "ben", "cy"))
    ]
    return "\n".join(["item,who,said", *rows]) + "\n"


def _pairs(count: int) -> tuple[str, str]:
    one = "".join(sentence("e", number) + "\n" for number in range(count))
    return one, "".join(sentence("d", number) + "\n" for number in range(count))


def base() -> Draft:
    """Five sources; of one, what is said of its rows lies in two tables beside it."""
    draft = Draft(header={"name": "doors", "seed": 0, "threads": 1, "error_budget": 0.2})
    english, german = _pairs(6)
    files: dict[str, bytes | str] = {
        "in/mixed/one.txt": sentence("t", 1),
        "in/mixed/deep/two.txt": sentence("t", 2),
        "in/mixed/note.md": "---\ntitle: A note\nrights: CC0\n---\n\n" + sentence("m", 3) + "\n",
        "in/mixed/page.html": _page("h", 1, 2, 3),
        "in/mixed/rows.csv": f'text,kind\n"{sentence("c", 1)}",calm\n',
        "in/mixed/lines.jsonl.gz": gzip.compress(jsonl([sentence("j", 4)]).encode(), 6, mtime=0),
        "in/mixed/left.out": sentence("o", 5),
        "in/mixed/tool.py": "UNREAD = 1\n",
        "in/box.zip": _zip(_box("k", "l", "m")),
        "in/items.jsonl": jsonl([sentence("i", number) for number in range(8)]),
        "in/labels.csv": "item,kind,part\n" + "".join(f"r{n},wild,p{n % 2}\n" for n in range(7)),
        "in/answers.csv": _answers(),
        "in/pages.warc": _warc(_pages("home", "away")),
        "in/both.en": english,
        "in/both.de": german,
        "in/other/README": "where it is from\n",
        "rules.yaml": "about: mine\nrules:\n- keep: word_count >= 4\n",
    }
    for path, data in files.items():
        draft.write(path, data)
    labels = {"path": "in/labels.csv", "by": "id", "key": "item", "fields": {"subject": "part"}}
    answers = {"annotator": "who", "label": "said"}
    draft.sources = {
        "mixed": Step("files", {"path": "in/mixed", "exclude": ["*.out"]}),
        "box": Step("files", {"path": "in/box.zip"}),
        "items": Step(
            "jsonl",
            {
                "path": "in/items.jsonl",
                "fields": {"id": "id"},
                "join": [
                    labels,
                    {"path": "in/answers.csv", "by": "id", "key": "item", "answers": answers},
                ],
            },
        ),
        "archive": Step("web_archive", {"path": "in/pages.warc"}),
        "pairs": Step("moses", {"path": "in/both.*", "source": "en", "target": "de"}),
    }
    draft.steps = {
        "clean": [
            Step("select", {"css": "div.item", "fields": {"first": "p"}}),
            Step("chunk", {"at_most": 16}),
            Step("signals", {"names": ["word_count"]}),
            Step("rules", {"files": ["rules.yaml"]}),
        ],
        "deduplicate": [Step("exact")],
        "label": [Step("consensus", {"method": "majority"})],
        "mix": [Step("weights", {"sources": {"mixed": 2}})],
    }
    return draft


def _join(place: int, **given: object) -> Change:
    """Other settings of a table beside."""

    def change(draft: Draft) -> None:
        draft.sources["items"].settings["join"][place].update(given)

    return change


def _tables(draft: Draft) -> Tree:
    tables: list[Tree] = draft.sources["items"].settings["join"]
    return tables[1]


def _packed(path: str, level: int) -> Change:
    """A table packed, under its own name: what is in it is as before."""

    def change(draft: Draft) -> None:
        data = draft.files[path]
        assert isinstance(data, bytes)
        draft.files[path] = gzip.compress(data, level, mtime=0)

    return change


def _one_table(draft: Draft) -> None:
    """Without the answers, and without what makes labels of them."""
    draft.sources["items"].settings["join"].pop()
    draft.steps.pop("label")


def _rows(path: str, *rows: Sequence[object]) -> Change:
    return append(path, "".join(",".join(map(str, row)) + "\n" for row in rows))


def _wider(draft: Draft) -> None:
    """A column that no setting names, which travels along."""
    first, *rows = draft.text("in/labels.csv").splitlines()
    lines = [f"{first},note", *(f"{row},n{place}" for place, row in enumerate(rows))]
    draft.write("in/labels.csv", "\n".join(lines) + "\n")


def _last_pair(draft: Draft) -> None:
    for path in ("in/both.en", "in/both.de"):
        draft.write(path, draft.text(path) + sentence(path[-1], 9) + "\n")


def _spelt(draft: Draft) -> None:
    """The same members under the same names, stored instead of packed."""
    draft.write("in/box.zip", _zip(_box("k", "l", "m"), 0))


_READ = (
    Edit("a file more", write("in/mixed/three.txt", sentence("t", 3)), _MIXED),
    Edit("a page more", write("in/mixed/next.html", _page("n", 4)), _MIXED),
    Edit("a file changed", replace("in/mixed/one.txt", "T 1", "T 11"), _MIXED),
    Edit("a file emptied", write("in/mixed/one.txt", ""), _MIXED),
    Edit("a file, size and time kept", kept("in/mixed/one.txt", "T 1", "T 7"), _MIXED),
    Edit("files change places", swapped("in/mixed/one.txt", "in/mixed/deep/two.txt"), _MIXED),
    Edit("a folder renamed", move("in/mixed/deep", "in/mixed/low"), _MIXED),
    Edit("a property of a note", replace("in/mixed/note.md", "CC0", "CC1"), _MIXED),
    Edit("fields of a note", source("mixed", fields={"license": "rights"}), _MIXED),
    Edit("a type alone", source("mixed", types=["text", "markdown"]), _MIXED),
    Edit("what was left out", source("mixed", exclude=[]), _MIXED),
    Edit("a file that nobody reads more", write("in/mixed/x.bin", b"\0\1\2\3"), _MIXED),
    Edit("the split of all rows", source("mixed", split="train"), _MIXED),
    Edit("a member more", write("in/box.zip", _zip(_box("k", "l", "m", "n"))), _BOX),
    Edit("a member renamed", write("in/box.zip", _zip(_box("k", "l", "x"))), _BOX),
    Edit("the archive packed otherwise", _spelt, _BOX),
    Edit("a row of a table", replace("in/labels.csv", "r1,wild,p1", "r1,wild,p9"), _ITEMS),
    Edit("a row, size and time kept", kept("in/labels.csv", "r1,wild,p1", "r1,wild,p0"), _ITEMS),
    Edit("a column more in a table", _wider, _ITEMS),
    Edit("a row of a table that fits nothing", _rows("in/labels.csv", ("r99", "z", "p")), _ITEMS),
    Edit("a table packed", _packed("in/labels.csv", 6), _ITEMS),
    Edit("other answers in a table", write("in/answers.csv", _answers(changed=True)), _ITEMS),
    Edit("an answer more", _rows("in/answers.csv", ("r1", "dan", "wild")), _ITEMS),
    Edit("rows without a table's row go", _join(0, missing="drop"), _ITEMS),
    Edit("a table's column as the label", _join(0, fields={"label": "part"}), _ITEMS),
    Edit("without the answers", _one_table, _ITEMS),
    Edit(
        "an archived page more",
        write("in/pages.warc", _warc(_pages("home", "away", "far"))),
        _ARCHIVE,
    ),
    Edit("no fields of the archive", source("archive", meta="none"), _ARCHIVE),
    Edit("a pair more", _last_pair, _SPOKEN),
    Edit("a line of one side", replace("in/both.de", "D 2", "D 22"), _SPOKEN),
    Edit("another selector", settings("clean.select", css="div"), ("clean.select",)),
    Edit("a field of the elements", settings("clean.select", fields={"x": "p"}), ("clean.select",)),
    Edit("shorter parts", settings("clean.chunk", at_most=5), ("clean.chunk",)),
    Edit("a rule", replace("rules.yaml", ">= 4", ">= 9"), ("clean.rules",)),
    Edit("a rule that keeps the same", replace("rules.yaml", ">= 4", "> 3"), ("clean.rules",)),
    Edit("who said it first", settings("label.consensus", repeated="first"), ("label.consensus",)),
)
_UNREAD = (
    *(
        Edit(f"{path} touched", touch(path))
        for path in (
            "in/mixed/one.txt",
            "in/mixed/page.html",
            "in/box.zip",
            "in/items.jsonl",
            "in/labels.csv",
            "in/answers.csv",
            "in/pages.warc",
            "in/both.de",
        )
    ),
    Edit("what is ruled out changed", append("in/mixed/left.out", "more\n")),
    Edit("a comment in rules", append("rules.yaml", "# so be it\n")),
    Edit("an unread file elsewhere", append("in/other/README", "more\n")),
    Edit("./ before a table", _join(0, path="./in/labels.csv")),
    Edit("./ before the archive", source("box", path="./in/box.zip")),
    Edit("keys of a table in another order", backwards(_tables)),
    Edit("a default of a table written out", _join(1, missing="keep")),
    Edit("a table behind a link", linked("in/answers.csv")),
    Edit("the archive behind a link", linked("in/box.zip")),
    Edit("the records behind a link", linked("in/items.jsonl")),
)
DOORS = Modality(
    "doors",
    base,
    (
        *_READ,
        *_UNREAD,
        version("resiliparse", "collect.*", "clean.select"),
        *of_header(),
        *of_process(),
    ),
    points=90,
    share=4,
)
