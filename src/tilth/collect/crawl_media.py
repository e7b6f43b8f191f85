"""Pictures and sounds of a crawl as samples: decoded whole, with what its pages say of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Final, Literal

import pyarrow as pa
from pydantic import Field

from tilth.context import Context
from tilth.decode.sound import SoundError, check_sound
from tilth.reading.records import RecordError
from tilth.reading.whole import MAX_PIXELS, whole_picture
from tilth.schema import DROP_RULE, DROP_VALUE, ERROR, META, SCHEMA, Row
from tilth.settings import AnyOrder
from tilth.web.frontier import Frontier, Outcome
from tilth.web.gathering import Gathering, as_kind
from tilth.web.media import Kind, kind_of_type
from tilth.web.mentions import Told
from tilth.web.rendering import TOLD
from tilth.web.secrets import masked
from tilth.web.urls import Scope

Gathered = Annotated[
    tuple[Literal["audio", "images", "pages"], ...], AnyOrder(), Field(min_length=1)
]
PAGES: Final = "pages"
_KINDS: Final[Mapping[str, Kind]] = {"images": "image", "audio": "audio"}
COLUMNS: Final[Mapping[str, pa.DataType]] = {
    f"{META}alt": pa.large_string(),
    f"{META}title": pa.large_string(),
    f"{META}caption": pa.large_string(),
    f"{META}page": pa.large_string(),
    f"{META}page_license": pa.large_string(),
    f"{META}num_pages": pa.int64(),
    f"{META}other_alts": pa.list_(pa.large_string()),
}
# A picture with a side of so many pixels is none to look at: it tracks, or fills up a page.
_MIN_SIDE: Final = 2


def kinds_of(gather: Gathered) -> frozenset[str]:
    """What is taken beside pages."""
    return frozenset(_KINDS[one] for one in gather if one != PAGES)


def check_given(gather: Gathered, media_scope: Collection[str], max_pixels: int) -> None:
    """Refuse settings of what is not taken.

    Raises:
        ValueError: One of them does nothing.
    """
    if media_scope and not kinds_of(gather):
        raise ValueError("`media_scope` belongs to `gather` with `images` or `audio`")
    if max_pixels != MAX_PIXELS and "images" not in gather:
        raise ValueError("`max_pixels` belongs to `gather` with `images`")


def columns_of(gather: Gathered) -> dict[str, pa.DataType]:
    """The columns that come with it."""
    kinds = sorted(kinds_of(gather))
    return {**{kind: SCHEMA[kind] for kind in kinds}, **COLUMNS} if kinds else {}


def gathering_of(
    gather: Gathered, media_scope: tuple[str, ...], scope: Scope, frontier: Frontier
) -> Gathering:
    """What a crawl takes beside pages, and where it asks for it."""
    kinds = kinds_of(gather)
    if not kinds:
        return Gathering()
    hosts = (f"http://{prefix.partition('/')[0]}/" for prefix in scope.prefixes)
    within = [f"http://{prefix}" for prefix in scope.prefixes]
    return Gathering(kinds, Scope([*(media_scope or hosts), *within]), frontier.mentions)


def kind_of_end(end: Outcome, told: Told | None, kinds: frozenset[str]) -> Kind | None:
    """As what an address ended that is in the archive: a picture, a sound; None: a page."""
    if not kinds:
        return None
    media_type = (end.content_type or "").partition(";")[0].strip().lower()
    shown = as_kind(told.kinds & kinds) if told is not None else None
    found = kind_of_type(media_type)
    if found is None and shown is not None and not media_type.endswith(("html", "html+xml")):
        return shown
    return found


def fill(
    row: Row, kind: Kind, body: bytes, told: Told | None, max_pixels: int, to: Context
) -> None:
    """The columns of a picture or a sound, whole; or why it is dropped or quarantined."""
    if told is not None:
        row |= _said(told)
        # What the page asks for is asked for its pictures too.
        if told.consent and ";" in told.consent:
            row["consent"] = f"{row['consent']}; of its page: {told.consent}"
        if told.refused:
            row |= {DROP_RULE: told.refused, DROP_VALUE: masked(told.page)}
            return
    try:
        if kind == "audio":
            unseen = check_sound(body).unheard
        else:
            picture = whole_picture(body, max_pixels)
            unseen = picture.unseen
            width, height = picture.image.size
            if min(width, height) < _MIN_SIDE:
                row |= {DROP_RULE: "one-pixel", DROP_VALUE: f"{width}x{height}"}
                return
    except (RecordError, SoundError) as error:
        row[ERROR] = str(error)
        return
    row[kind] = body
    for part in unseen:
        to.passes_over(row["uri"], part)


def _said(told: Told) -> Row:
    one = told.mention
    return {
        "license": one.license,
        f"{META}alt": one.alt,
        f"{META}title": one.title,
        f"{META}caption": one.caption,
        f"{META}page": masked(told.page),
        f"{META}page_license": told.page_license,
        f"{META}num_pages": told.num_pages,
        f"{META}other_alts": list(told.other_alts),
    }


def note_passed(frontier: Frontier, context: Context) -> None:
    """Tell what of each page is not taken."""
    for page, reason in frontier.mentions.passed():
        context.passes_over(masked(page), TOLD.get(reason, reason))
