"""What Tilth does with text of twelve scripts: writes the tables of `docs/concepts/scripts.md`.

    python -m benchmarks.scripts            a hundred texts of each; writes the page
    python -m benchmarks.scripts --texts 5  a trial, printed alone

The texts are put together at random from sixty words of everyday use (`scripts.yaml`), so that it
is known how many words each has; sentences and what stands beside an address are in that file too.
All goes through the operations as a recipe names them, in their defaults but for `ignore_case` and,
in columns of its own, `shingle_characters`.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

import pyarrow as pa
import yaml

import tilth
from tilth.clean import extract, language, redact, signals
from tilth.clean.personal import Kind
from tilth.engine.expect import spell_machine
from tilth.machine import describe_machine

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "concepts" / "scripts.md"
WORDS_A_TEXT = 100
# What is done to copies: a share of the words replaced, one of the characters, or all in capitals.
KINDS = ("1 % of words", "2 % of words", "5 % of words", "1 % of characters", "capitals")
EDITED = KINDS[3]
# What must be reached of copies with 1 % of their words replaced, of capitals, and so on.
# The same copies with shingles of so many characters, of which it must find what is edited.
CHARACTERS = 7
GOALS = {
    "1 % of words": 0.95,
    "1 % of characters": 0.95,
    "capitals": 1.0,
    "redacted": 0.95,
    "language": 0.9,
    "extracted": 1.0,
}
PERSONAL: dict[Kind, tuple[str, ...]] = {
    "email": ("ann@post.fr", "bo.li+x@mail.uni-bonn.de", "j_doe99@gmail.com", "123456@qq.com"),
    "iban": ("DE89370400440532013000", "GB82 WEST 1234 5698 7654 32", "NO9386011117947"),
    "card": ("4111111111111111", "5555 5555 5555 4444", "3782-822463-10005"),
    "ip": ("8.8.8.8", "81.2.69.160", "2607:f8b0:4005:0:0:0:0:200e", "2a00:abcd::beef"),
    "phone": ("541-714-1388", "+46 (0)157 548 89", "+49 30 901820", "+8613812345678"),
}
# Run together on both sides, on one, and on none.
TOUCHING = ("{0}{1}{2}", "{0}{1} {2}", "{0} {1}{2}", "{0} {1} {2}")


@dataclass(frozen=True)
class Script:
    """What is measured by: words and what stands between them, sentences, two words."""

    name: str
    language: str
    joint: str
    stop: str
    words: tuple[str, ...]
    sentences: tuple[str, ...]
    between: tuple[str, str]

    def text(self, seed: int, replaced: int = 0) -> str:
        """A text of a hundred words, ten a sentence, some of which are replaced by others."""
        rng = random.Random(f"{self.name} {seed}")
        drawn = rng.choices(self.words, k=WORDS_A_TEXT)
        for at in rng.sample(range(WORDS_A_TEXT), replaced):
            drawn[at] = rng.choice([word for word in self.words if word != drawn[at]])
        lines = (self.joint.join(drawn[i : i + 10]) for i in range(0, WORDS_A_TEXT, 10))
        return "".join(line + self.stop + self.joint for line in lines).strip()

    def copy(self, seed: int, kind: str) -> str:
        """A copy of that text, changed as one of `KINDS` says."""
        share = int(kind.partition(" ")[0]) / 100 if kind != "capitals" else 0.0
        if kind.endswith("words"):
            return self.text(seed, round(share * WORDS_A_TEXT))
        text = self.text(seed)
        return edited(text, share, seed) if share else text.upper()


@dataclass
class Row:
    """What a script comes to, in shares of what was tried.

    Attributes:
        words: Words counted, for each that there is.
        near: Copies that `minhash` finds, by what was done to them.
        by_characters: Likewise, with `shingle_characters`.
        exact: Copies in capitals that `exact` finds, with `ignore_case`.
        unrelated: Texts that were taken for a copy of another text than their own, in both.
        language: Sentences whose language is named.
        redacted: Of each type, what is gone.
        extracted: Texts that come out of a page as they went in.
        missed: What was not as it should be, an example of each kind.
    """

    words: float = 0.0
    near: dict[str, float] = field(default_factory=dict)
    by_characters: dict[str, float] = field(default_factory=dict)
    exact: float = 0.0
    unrelated: int = 0
    language: float = 0.0
    redacted: dict[Kind, float] = field(default_factory=dict)
    extracted: float = 0.0
    missed: list[str] = field(default_factory=list)


def scripts() -> list[Script]:
    """The twelve, as `scripts.yaml` has them."""
    given = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text("utf-8"))
    return [
        Script(
            name,
            one["language"],
            one["joint"],
            one["stop"],
            tuple(one["words"].split()),
            tuple(one["sentences"].split(" | ")),
            (one["between"][0], one["between"][1]),
        )
        for name, one in given.items()
    ]


def edited(text: str, share: float, seed: int) -> str:
    """The text with a share of its characters, at random places, replaced by others of it."""
    rng = random.Random(seed)
    chars = list(text)
    places = [at for at, char in enumerate(chars) if char.isalpha()]
    known = sorted({chars[at] for at in places})
    for at in rng.sample(places, max(1, round(share * len(chars)))):
        chars[at] = rng.choice([char for char in known if char != chars[at]])
    return "".join(chars)


def dropped(step: str, lines: Iterable[tuple[str, str]], folder: Path) -> dict[str, str]:
    """Which texts a step of `deduplicate` drops, and as a copy of which.

    Args:
        step: It, with its settings, as a recipe has it.
        lines: A name and a text each.
        folder: For the file that is read and for the run.
    """
    source = folder / "texts.jsonl"
    with source.open("w", encoding="utf-8") as file:
        for name, text in lines:
            print(json.dumps({"text": text, "name": name}, ensure_ascii=False), file=file)
    recipe = folder / "scripts.yaml"
    recipe.write_text(
        f"tilth: 1\nname: scripts\ncollect: {{texts: {{jsonl: {{path: {source}}}}}}}\n"
        f"deduplicate: [{step}]\n",
        "utf-8",
    )
    run = tilth.run(recipe, runs=folder / "runs", progress=False, workers=1)
    operation = step.strip("{").partition(":")[0]
    all_rows = run.dataset("collect.texts").to_arrow().to_pylist()
    name_of = {row["id"]: row["meta.name"] for row in all_rows}
    shown = run.show(f"deduplicate.{operation}", "dropped", n=len(all_rows))
    return {name_of[row.id]: name_of[row.of.id] for row in shown.rows if row.of}


def measure_copies(those: Sequence[Script], found: dict[str, Row], count: int) -> None:
    """Copies: each of texts of its own, those of all scripts and kinds in one run."""
    lines = [
        (f"{script.name}/{kind}/{number}{end}", text)
        for script in those
        for place, kind in enumerate(KINDS)
        for number in range(count)
        for end, text in (
            ("", script.text(place * count + number)),
            ("/copy", script.copy(place * count + number, kind)),
        )
    ]
    with tempfile.TemporaryDirectory() as folder:
        near = dropped("minhash", lines, Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        step = f"{{minhash: {{shingle_characters: {CHARACTERS}}}}}"
        by_characters = dropped(step, lines, Path(folder))
    capitals = [line for line in lines if "/capitals/" in line[0]]
    with tempfile.TemporaryDirectory() as folder:
        exact = dropped("{exact: {ignore_case: true}}", capitals, Path(folder))
    for script in those:
        row = found[script.name]
        for kind in KINDS:
            names = [f"{script.name}/{kind}/{number}" for number in range(count)]
            row.near[kind] = sum(_is_pair(near, name) for name in names) / count
            row.by_characters[kind] = sum(_is_pair(by_characters, name) for name in names) / count
        # Those of the last kind, capitals.
        row.exact = sum(_is_pair(exact, name) for name in names) / count
        row.unrelated = sum(
            name.removesuffix("/copy") != of.removesuffix("/copy")
            for found_copies in (near, by_characters)
            for name, of in found_copies.items()
            if name.startswith(f"{script.name}/")
        )


def _is_pair(found: dict[str, str], name: str) -> bool:
    return found.get(f"{name}/copy") == name or found.get(name) == f"{name}/copy"


def measure(script: Script, row: Row, count: int) -> None:
    """All that is asked of a text by itself."""
    texts = [script.text(-1 - number) for number in range(count)]
    batch = pa.RecordBatch.from_pydict({"text": pa.array(texts, pa.large_string())})
    counted = signals.apply(batch, signals.Settings(names=("word_count",)))
    total = sum(counted["signal.word_count"].to_pylist())
    row.words = total / (WORDS_A_TEXT * count)

    wrong = [
        (text, guess)
        for text in script.sentences
        if (guess := language.identify(text, language.Settings())[0]) != script.language
    ]
    row.language = 1 - len(wrong) / len(script.sentences)
    row.missed += [f"language: `{text}` is `{guess}`" for text, guess in wrong[:1]]

    for kind, values in PERSONAL.items():
        left = []
        for value in values:
            for form in TOUCHING:
                text = form.format(script.between[0], value, script.between[1])
                if value in redact.redact(text, get_args(Kind))[0]:
                    left.append(text)
        row.redacted[kind] = 1 - len(left) / (len(values) * len(TOUCHING))
        row.missed += [f"{kind}: `{text}` is left" for text in left[:1]]

    back = [extract.extract(page(text), extract.Settings()) == text for text in texts]
    row.extracted = sum(back) / count


def page(text: str) -> str:
    """A page of one article, between a menu and a foot."""
    return (
        '<!DOCTYPE html><html><head><meta charset="utf-8"><title>1</title></head><body>'
        '<nav><a href="/">1</a> <a href="/2">2</a></nav>'
        f"<article><p>{escape(text)}</p></article><footer>3</footer></body></html>"
    )


def tables(found: dict[str, Row], count: int, day: str, machine: str) -> str:
    """What was found as Markdown; what is below its goal is marked and listed."""
    words = "ICU's dictionaries" if find_spec("icu4py") else "no dictionaries"
    tests = [
        *KINDS[:-1],
        f"{EDITED}, `shingle_characters: {CHARACTERS}`",
        "unrelated",
        "capitals",
        "capitals, `exact`",
        "language",
        "extracted",
    ]
    out = [
        "## Measured",
        "",
        f"`python -m benchmarks.scripts` on {day}, {machine}, with {words}: {count} texts of "
        f"{WORDS_A_TEXT} words of each script. A share below its goal is **bold**.",
        "",
        "| script | words | " + " | ".join(tests) + " |",
        "| --- |" + " ---: |" * (1 + len(tests)),
    ]
    for name, row in found.items():
        cells = [
            f"{row.words:.2f}",
            *(_share(row.near[kind], kind) for kind in KINDS[:-1]),
            _share(row.by_characters[EDITED], EDITED),
            str(row.unrelated),
            _share(row.near["capitals"], "capitals"),
            _share(row.exact, "capitals"),
            _share(row.language, "language"),
            _share(row.extracted, "extracted"),
        ]
        out.append(f"| {name} | " + " | ".join(cells) + " |")
    out += ["", "| script | " + " | ".join(PERSONAL) + " |", "| --- |" + " ---: |" * len(PERSONAL)]
    for name, row in found.items():
        cells = [_share(row.redacted[kind], "redacted") for kind in PERSONAL]
        out.append(f"| {name} | " + " | ".join(cells) + " |")
    missed = [f"- {name}, {one}" for name, row in found.items() for one in row.missed]
    title = "Of language and personal data was missed, an example of each:"
    return "\n".join([*out, "", title, "", *(missed or ["- nothing"])])


def _share(value: float, of: str) -> str:
    return f"**{value:.2f}**" if value < GOALS.get(of, 0.0) else f"{value:.2f}"


MADE_BELOW = "<!-- From here on made by `python -m benchmarks.scripts`. -->\n"


def written(text: str, measured: str) -> str:
    """The page with other tables below its mark."""
    return f"{text.partition(MADE_BELOW)[0]}{MADE_BELOW}\n{measured}\n"


def main() -> None:
    """Measure, and write or print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--texts", type=int, help="texts of each script; prints and writes nothing")
    given = parser.parse_args()
    count = given.texts or 100
    those = scripts()
    found = {script.name: Row() for script in those}
    measure_copies(those, found, count)
    for script in those:
        measure(script, found[script.name], count)
    machine = spell_machine(describe_machine())
    measured = tables(found, count, datetime.now(UTC).date().isoformat(), machine)
    if given.texts:
        print(measured)
    else:
        PAGE.write_text(written(PAGE.read_text("utf-8"), measured), "utf-8")


if __name__ == "__main__":
    main()
