"""Texts and pages of any length in the shapes that make programs slow."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping

Shape = Callable[[int], str]


def _repeated(part: str) -> Shape:
    return lambda n: part * (n // len(part))


def _counted(form: str) -> Shape:
    """`form` with 0, 1, 2, ... in it."""

    def shape(n: int) -> str:
        parts, length = [], 0
        for i in itertools.count():
            if length >= n:
                break
            parts.append(form.format(i, i % 9000 + 1000))
            length += len(parts[-1])
        return "".join(parts)

    return shape


def _random_words(n: int) -> str:
    rng = random.Random(0)
    words, length = [], 0
    while length < n:
        words.append("".join(rng.choices("abcdefghijklmnop", k=rng.randint(2, 9))))
        length += len(words[-1]) + 1
    return " ".join(words)


def _nested(opening: str, closing: str) -> Shape:
    def shape(n: int) -> str:
        depth = n // (len(opening) + len(closing))
        return opening * depth + "x" + closing * depth

    return shape


TEXTS: Mapping[str, Shape] = {
    "one line without blanks": _repeated("a"),
    "one word": _repeated("word "),
    "one sentence": _repeated("The same again. "),
    "words": _random_words,
    "blanks": _repeated(" "),
    "digits": _repeated("7"),
    "short numbers": _repeated("12 "),
    "full stops": _repeated("."),
    "punctuation": _repeated("!? "),
    "quotation marks": _repeated('"'),
    "backslashes": _repeated("\\"),
    "newlines": _repeated("\n"),
    "short lines": _repeated("x\n"),
    "carriage returns": _repeated("\r"),
    "numbered lines": _counted("line {} of many\n"),
    "paragraphs": _counted("Paragraph {}.\n\n"),
    "bullets": _repeated("- x\n"),
    "brackets": _nested("(", ")"),
    "directory": _counted("Name {0}  phone 541-714-{1}\n"),
    "e-mails": _counted("a{}@b.org "),
    "at signs": _repeated("a@"),
    "colons": _repeated("f:"),
    "addresses": _repeated("8.8.8.8 "),
    "accounts": _repeated("DE12 A1"),
    "cards": _repeated("4111 1111 1111 1111 "),
    "markup": _repeated("<a "),
    "entities": _repeated("&amp;"),
    "links": _repeated("http://a/"),
    "ideographs": _repeated("漢"),
    "emoji": _repeated("👍"),
    "joiners": _repeated("\u200d"),
    "marks": lambda n: "e" + "\u0316\u0301" * (n // 2),
    "sound marks": _repeated("\uff9e\u0301"),
    "controls": _repeated("\x1b["),
}

# What else hurts where pages are parsed.
PAGES: Mapping[str, Shape] = {
    "paragraphs": _repeated("<p>Some text of a page, and more. "),
    "closed depth": _nested("<div>", "</div>"),
    "open depth": _repeated("<div>"),
    "depth of tables": _repeated("<table><tr><td>"),
    "depth of lists": _repeated("<ul><li>"),
    "depth of bold": _repeated("<b>"),
    "depth of fonts": _repeated("<font>x"),
    "tables": _repeated("<table><tr><td>some text</td></tr></table>"),
    "rows": lambda n: "<table>" + "<tr><td>some text</td></tr>" * (n // 27),
    "items": lambda n: "<ul>" + "<li>an item</li>" * (n // 16),
    "links": _repeated("<a href='x'>some link</a> "),
    "breaks": _repeated("x<br>"),
    "headings": _repeated("<h1>x</h1>"),
    "images": _repeated("<img src=a>"),
    "forms": _repeated("<form><input>"),
    "comments": _repeated("<!--"),
    "scripts": _repeated("<script>"),
    "attributes": lambda n: "<p " + "a=b " * (n // 4) + ">x</p>",
    "open tags": _repeated("<a "),
    "signs": _repeated("<"),
    "articles": _repeated("<article><p>Some words in a sentence here.</p></article>"),
    "inline": _repeated("<p><i>t</i> ab"),
    "metadata": lambda n: "<head>" + "<meta name=a content=b>" * (n // 23),
    "definitions": _repeated("<dl><dt>a<dd>b"),
    "code": _repeated("<code>x</code>"),
    "long text": lambda n: "<p>" + "word " * (n // 5),
}
