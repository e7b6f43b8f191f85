"""HTML of a document to text: all of it, with its paragraphs, lists and tables as lines."""

from __future__ import annotations

import re
from typing import Final

from tilth.formats.kept import Kept

_VOID: Final = (
    "area|base|br|col|embed|hr|img|input|link|meta|source|track|wbr|param|path|circle|rect|line"
)
# XHTML may close an element where it opens, which HTML takes for an open one: of `<title/>` all
# that follows would be the title.
_CLOSED: Final = re.compile(rf"<(?!(?:{_VOID})\b)([a-zA-Z][\w:.-]*)((?:\s[^<>]*)?)/>", re.I)


def text_of(html: str) -> str:
    """The text of a document, nothing taken for boilerplate; exponents, formulas and code as
    `extract` has them."""
    from resiliparse.extract.html2text import extract_plain_text

    kept = Kept(_CLOSED.sub(_opened, html))
    text = extract_plain_text(
        kept.page,
        main_content=False,
        alt_texts=False,
        preserve_formatting=True,
        list_bullets=False,
        links=False,
    )
    return kept.restored(str(text)).strip()


def _opened(match: re.Match[str]) -> str:
    return f"<{match[1]}{match[2].rstrip('/')}></{match[1]}>"
