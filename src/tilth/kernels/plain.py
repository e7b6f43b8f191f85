"""The plain twins of the signal kernels: one text, no arrays, the definition to test against."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from tilth.kernels.characters import (
    ALPHA,
    BULLET,
    SPACE,
    TERMINAL,
    UNSPACED,
    character_class,
)
from tilth.kernels.signals import CLOSERS, SHORT_LINE_CHARS, STOP_WORDS_ENGLISH
from tilth.kernels.words import plain_words


def is_space(char: str) -> bool:
    """Whether the character is white space or invisible."""
    return bool(character_class(char) & SPACE)


def is_letter(char: str) -> bool:
    """Whether the character is a letter, or a vowel or sign that its script writes as a mark."""
    return bool(character_class(char) & ALPHA)


def strip(text: str) -> str:
    """The text from its first to its last visible character."""
    visible = [i for i, char in enumerate(text) if not is_space(char)]
    return text[visible[0] : visible[-1] + 1] if visible else ""


def plain_count_text(text: str) -> dict[str, int]:
    """What `count_text` says of one document."""
    tokens = list(plain_words(text))
    words = [word for word in tokens if any(char.isalnum() for char in word)]
    lines = [strip(line) for line in text.split("\n") if strip(line)]
    return {
        "chars": len(text),
        "alphas": sum(map(is_letter, text)),
        "digits": sum(map(str.isdigit, text)),
        "uppers": sum(map(str.isupper, text)),
        "unspaced": sum(bool(character_class(char) & UNSPACED) for char in text),
        "spaces": sum(map(is_space, text)),
        "newlines": text.count("\n"),
        "hashes": text.count("#"),
        "ellipses": text.count("...") + text.count("…"),
        "curly_brackets": text.count("{") + text.count("}"),
        "sentences": plain_sentences(text),
        "lorem_ipsums": len(re.findall("(?ai:lorem ipsum)", text)),
        "lines": len(lines),
        "bullet_lines": sum(bool(character_class(line[0]) & BULLET) for line in lines),
        "ellipsis_lines": sum(line.endswith(("...", "…")) for line in lines),
        "terminal_lines": sum(
            bool(character_class(line[-1]) & TERMINAL) or line[-1] in CLOSERS.rstrip(")]")
            for line in lines
        ),
        "short_lines": sum(len(line) <= SHORT_LINE_CHARS for line in lines),
        "javascript_lines": sum(bool(re.search("(?ai:javascript)", line)) for line in lines),
        "tokens": len(tokens),
        "words": len(words),
        "word_chars": sum(map(len, words)),
        "alpha_tokens": sum(any(map(is_letter, token)) for token in tokens),
        "stop_words": sum(
            any(re.fullmatch(f"(?ai:{stop})", token) for token in tokens)
            for stop in STOP_WORDS_ENGLISH
        ),
    }


def plain_sentences(text: str) -> int:
    """Sentences: a mark, closers after it, then white space or the end; or a full-width mark."""
    count = 0
    for i, char in enumerate(text):
        if not character_class(char) & TERMINAL:
            continue
        rest = text[i + 1 :].lstrip(CLOSERS)
        count += ord(char) >= 0x3000 or not rest or is_space(rest[0])
    return count


def plain_count_repetitions(text: str) -> dict[str, int]:
    """What `count_repetitions` says of one document."""
    lines = [strip(line) for line in text.split("\n")]
    paragraphs: list[tuple[str, ...]] = []
    block: list[str] = []
    for line in [*lines, ""]:
        if line:
            block.append(line)
        elif block:
            paragraphs.append(tuple(block))
            block = []
    lines = [line for line in lines if line]
    words = list(plain_words(text))
    counts = {
        "duplicate_lines": len(lines) - len(set(lines)),
        "duplicate_line_chars": sum(map(len, lines)) - sum(map(len, set(lines))),
        "paragraphs": len(paragraphs),
        "duplicate_paragraphs": len(paragraphs) - len(set(paragraphs)),
        "duplicate_paragraph_chars": sum(len("".join(p)) for p in paragraphs)
        - sum(len("".join(p)) for p in set(paragraphs)),
    }
    for n in range(2, 5):
        counts[f"top_{n}_gram_chars"] = plain_top_ngram_chars(text, n)
    for n in range(5, 11):
        counts[f"duplicate_{n}_gram_chars"] = plain_duplicate_ngram_chars(words, n)
    return counts


def plain_top_ngram_chars(text: str, n: int) -> int:
    """Characters within the most common n-gram, the first of equals, if one repeats."""
    words = list(plain_words(text))
    blanks = []  # whether white space stands before the word
    place = 0
    for word in words:
        start = text.index(word, place)
        blanks.append(start > place)
        place = start + len(word)
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    top = Counter(grams).most_common(1)
    if not top or top[0][1] < 2:
        return 0
    chars = i = 0
    while i < len(grams):
        if grams[i] == top[0][0]:
            chars += sum(map(len, grams[i])) + sum(blanks[i + 1 : i + n])
            i += n
        else:
            i += 1
    return chars


def plain_duplicate_ngram_chars(words: Sequence[str], n: int) -> int:
    """Characters in n-grams that stood before, jumping over each one found."""
    seen: set[tuple[str, ...]] = set()
    chars = i = 0
    while i < len(words) - n + 1:
        gram = tuple(words[i : i + n])
        if gram in seen:
            chars += len("".join(gram))
            i += n
        else:
            seen.add(gram)
            i += 1
    return chars
