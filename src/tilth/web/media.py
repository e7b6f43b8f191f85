"""Pictures and sounds of pages: what names them, and what a page says of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["image", "audio"]

# What is no more than a name for bytes: of what is shown as a picture it may well be one.
VAGUE_TYPES: Final = frozenset(
    (
        *("", "application/octet-stream", "binary/octet-stream", "application/binary"),
        *("application/force-download", "application/x-download", "text/plain"),
    )
)
_AUDIO_TYPES: Final = frozenset(("application/ogg",))
# Drawn and not sampled, or in a coding that nothing here reads.
_UNREAD_TYPES: Final = frozenset(("image/svg+xml", "image/svg", "audio/midi", "audio/webm"))

IN_PAGE: Final = "picture or sound that stands in its page itself (`data:`), and is not taken"
ONE_PIXEL: Final = "picture that its page makes one pixel wide or high, as those are that track"
NOWHERE: Final = "picture or sound whose address leads to no web page"
UNREAD: Final = "sound that is there in no coding that is read"
TOO_DEEP: Final = "captions, pictures in several forms and sounds of a page that is nested too deep"


@dataclass(frozen=True)
class Mention:
    """One place of a page that shows a picture or plays a sound.

    Attributes:
        url: Its normalised address.
        kind: What it is there.
        alt: Its `alt`; of a link that of the picture in it. Empty: it adds nothing to the page.
        title: Its `title`; of a link without one the words of the link.
        caption: The `figcaption` of its figure.
        license: What its figure states, by its name in SPDX where it is one of Creative Commons.
    """

    url: str
    kind: Kind
    alt: str | None = None
    title: str | None = None
    caption: str | None = None
    license: str | None = None


@dataclass(frozen=True)
class Shown:
    """The pictures and sounds of a page.

    Attributes:
        mentions: In the page's order, each address once.
        license: What the page states, where that is one licence alone.
        passed: What of it is not taken, each reason once.
        refused: The rule by which the page forbids that its pictures be taken; empty: it does not.
    """

    mentions: tuple[Mention, ...] = ()
    license: str | None = None
    passed: tuple[str, ...] = ()
    refused: str = ""


def kind_of_type(content_type: str) -> Kind | None:
    """What a media type names: a picture or a sound that may be read; None: neither.

    Args:
        content_type: In lower case, without parameters.
    """
    if content_type in _UNREAD_TYPES:
        return None
    if content_type.startswith("image/"):
        return "image"
    if content_type.startswith("audio/") or content_type in _AUDIO_TYPES:
        return "audio"
    return None
