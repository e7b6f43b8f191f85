"""The sentences of the documentation, and the list of what shows each of them true.

    python -m tests.claims     writes dev/claims.yaml anew: what was shown stays, what is gone
                               goes, and a new or changed sentence stands there with a `?`

The head of `dev/claims.yaml` says what an entry is; `test_claims.py` holds it complete.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
LIST = ROOT / "dev" / "claims.yaml"
OPEN = "?"
# Its paragraphs stand in the list each with its twin of the README.
CHINESE, ENGLISH = "README.zh.md", "README.md"
# What is below this line is made of docstrings, and held to them by `test_reference.py`. Listed is
# what it says of functions and methods. Of the figures it is made of their definitions, each with
# its own test (`test_figures_page.py`).
FIGURES = "docs/reference/figures.md"
# What is read where is tried (`test_sources_page.py`), and what scripts come to measured.
SOURCES = "docs/guides/sources.md"
SCRIPTS = "docs/concepts/scripts.md"
MADE_BELOW = "<!-- From here on made by"
_SIGNATURE = re.compile(r"`\w+\([^`]*`")
_METHOD = re.compile(r"`\w+\([^`]*`: ")

_CODE = re.compile(r"``.+?``|`[^`]+`")
_LINK = re.compile(r"\]\([^)]*\)")
_END = re.compile(
    r"(?<=[.!?])([)\"*]*)\s+(?=[A-Z0-9\x00\[(*\"●])|(?<=\.\*\*)\s+|(?<=[。！？])\s*(?=\S)"
)
_ITEM = re.compile(r"( *)([-*]|\d+\.) +(?=\S)")


def pages() -> list[str]:
    """The pages whose sentences are listed, by their place in the project."""
    names = [ENGLISH, CHINESE, "SECURITY.md", "CONTRIBUTING.md"]
    return names + sorted(p.relative_to(ROOT).as_posix() for p in (ROOT / "docs").rglob("*.md"))


def sentences(page: str) -> list[str]:
    """What a page says, in order: a sentence, a row of a table, or a block of code each.

    Of the Chinese page, a paragraph or item each.
    """
    if page == CHINESE:
        return [" ".join(block) for block in blocks(page)]
    return [one for block in blocks(page) for one in block]


def twins() -> dict[str, str]:
    """What the list says of each paragraph of the Chinese page: the digest of its English twin."""
    english = [key(" ".join(block)).partition(" ")[0] for block in blocks(ENGLISH)]
    return dict(zip(map(key, sentences(CHINESE)), map("twin of {}".format, english), strict=True))


def blocks(page: str) -> list[list[str]]:
    """The paragraphs, items, rows and blocks of code of a page, each as its sentences."""
    text, _, made = (ROOT / page).read_text("utf-8").partition(MADE_BELOW)
    found = list(_blocks(text.splitlines()))
    made = "" if page in (FIGURES, SOURCES, SCRIPTS) else made
    functions, _, types = made.partition("\n## Runs\n")
    found += [
        one for one in _blocks(functions.splitlines()[1:]) if not _SIGNATURE.fullmatch(one[1])
    ]
    found += [one for one in _blocks(types.splitlines()) if _METHOD.match(one[1])]
    return [[body] if kind == "code" else _cut(body) for kind, body in found if body]


def key(sentence: str) -> str:
    """How the list names a sentence: a digest of it, and its beginning for whoever reads."""
    digest = hashlib.sha256(sentence.encode()).hexdigest()[:6]
    words = re.sub(r"[^\w\s./-]", "", sentence.partition("\n")[0]).split()
    return f"{digest} {' '.join(words[:7])[:60]}".strip()


def listed() -> dict[str, dict[str, str]]:
    """What shows each sentence true, by page and `key`."""
    found: dict[str, dict[str, str]] = yaml.safe_load(LIST.read_text("utf-8"))
    return found


def _cut(text: str) -> list[str]:
    """A paragraph as its sentences; a full stop inside code or an address ends none."""
    spans: list[str] = []

    def hide(match: re.Match[str]) -> str:
        spans.append(match[0])
        return "\0" + "\1" * (len(match[0]) - 1)

    hidden = _CODE.sub(hide, _LINK.sub("]", text))
    parts: list[str] = []
    at = 0
    for end in _END.finditer(hidden):
        parts.append(hidden[at : end.end()])
        at = end.end()
    parts.append(hidden[at:])
    restored = iter(spans)
    return [re.sub("\0\1*", lambda _: next(restored), part).strip() for part in parts]


def _blocks(lines: list[str]) -> Iterator[tuple[str, str]]:
    """(text or code, its content) of each block."""
    held: list[str] = []
    inside = 0  # where the text of a list's item begins
    blank = True
    number = 0

    def flush() -> Iterator[tuple[str, str]]:
        if held:
            yield "text", " ".join(held)
            held.clear()

    while number < len(lines):
        line = lines[number]
        number += 1
        indent = len(line) - len(line.lstrip())
        plain = line.strip()
        if not plain:
            blank = True
            yield from flush()
            continue
        if plain.startswith("```"):
            yield from flush()
            code = []
            while not lines[number].strip().startswith("```"):
                code.append(lines[number].rstrip())
                number += 1
            number += 1
            yield "code", "\n".join(code)
        elif blank and indent >= inside + 4:
            code = [line.rstrip()]
            while number < len(lines) and (lines[number].startswith("    ") or not lines[number]):
                code.append(lines[number].rstrip())
                number += 1
            yield "code", "\n".join(code).strip("\n")
            continue
        elif plain.startswith(("#", "<!--")):
            yield from flush()
            inside = 0
        elif plain.startswith("|"):
            yield from flush()
            below = lines[number] if number < len(lines) else ""
            if not re.match(r"\| ?:?---", below) and not re.match(r"\| ?:?---", plain):
                yield "text", plain.strip("| ").replace(" | ", " · ").replace("\\|", "|")
        else:
            item = _ITEM.match(line)
            if item:
                yield from flush()
                inside = item.end()
                plain = line[item.end() :].strip()
            elif blank and indent < inside:
                inside = 0
            held.append(plain)
        blank = False
    yield from flush()


def main() -> None:
    """Bring the list up to the pages."""
    text = LIST.read_text("utf-8")
    head = "".join(line for line in text.splitlines(True) if line.startswith("#"))
    before = yaml.safe_load(text) or {}
    parts = [head]
    for page in pages():
        known = before.get(page, {})
        rows = {key(one): known.get(key(one), OPEN) for one in sentences(page)}
        if page == CHINESE:
            rows = {
                name: it if rows[name] == it else f"{OPEN} {it}" for name, it in twins().items()
            }
        parts.append(f"\n{page}:\n" + "".join(f"  {_row(k, v)}\n" for k, v in rows.items()))
    LIST.write_text("".join(parts), "utf-8")


def _row(name: str, shown: str) -> str:
    plain = yaml.safe_dump({name: shown}, allow_unicode=True, width=10**6, sort_keys=False)
    return plain.rstrip("\n")


if __name__ == "__main__":
    main()
