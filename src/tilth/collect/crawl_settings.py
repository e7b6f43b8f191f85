"""The settings of the source operation `crawl`, and which of them contradict each other."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from tilth.collect.crawl_media import Gathered, check_given
from tilth.reading.fetching import Hosts, ProxyUrl, Serve, check_serving
from tilth.reading.whole import MAX_PIXELS, MaxPixels
from tilth.settings import ActsOn, AnyOrder, BaseSettings
from tilth.web.patterns import AddressPattern, Choice
from tilth.web.secrets import HEADERS, with_forms_kept
from tilth.web.urls import normalize

_MAX_COUNT = 1_000_000_000
_MAX_TOTAL = 1 << 50
_MAX_S = 86_400.0
# Ten years.
_MAX_HOURS = 87_600.0


# Each address is compared with each of them.
_Pattern = Annotated[str, Field(min_length=1, max_length=2000)]
PATTERNS = ("include", "exclude", "render")
PatternsOf = Annotated[tuple[_Pattern, ...], AnyOrder(), Field(max_length=1000)]


def _patterns(given: Any) -> Any:
    """All addresses, or none, where the word for that stands in place of patterns."""
    return {True: ("*",), False: ()}.get(given, given) if isinstance(given, bool) else given


class Settings(BaseSettings):
    """Crawl web sites politely, page by page, and keep every page with its provenance."""

    start: tuple[str, ...] = Field(
        min_length=1, description="addresses of the pages to start from (http or https)"
    )
    scope: tuple[str, ...] = Field(
        (),
        description="only addresses that begin with one of these are followed; "
        "default: the folders of the start pages",
    )
    include: PatternsOf = Field(
        (),
        description="only links that fit one of these are followed, `*` for anything: `/docs/*`, "
        "`*.html`, `https://*.example.org/*`; the start pages need not fit",
    )
    exclude: PatternsOf = Field(
        (),
        description="links that fit one of these are not followed, whatever `include` says",
    )
    headers: Annotated[dict[str, str], AnyOrder()] = Field(
        {}, description=HEADERS.replace("address", "start pages")
    )
    cookies: bool = Field(
        False, description="send the cookies that a site sets back to it, and to no other"
    )
    proxy: ProxyUrl = None
    allow_hosts: Hosts = ()
    serve: Serve = None
    max_pages: int = Field(
        10_000, ge=1, le=_MAX_COUNT, description="fetch at most this many addresses"
    )
    max_pages_per_host: int | None = Field(
        None, ge=1, le=_MAX_COUNT, description="and at most this many of a host, whatever its ports"
    )
    max_depth: int = Field(
        20, ge=0, le=_MAX_COUNT, description="follow links at most this far from the start"
    )
    max_bytes: int = Field(
        10 << 20, ge=1, le=1 << 31, description="drop pages larger than this, in bytes"
    )
    max_total_bytes: int | None = Field(
        None,
        ge=1,
        le=_MAX_TOTAL,
        description="ask for no page more once the pages are this large together, in bytes",
    )
    max_bytes_per_host: int | None = Field(
        None, ge=1, le=_MAX_TOTAL, description="the same of the pages of a host"
    )
    max_hours: float | None = Field(
        None,
        gt=0,
        le=_MAX_HOURS,
        description="ask for nothing more once the crawl has asked for so many hours, over all its "
        "runs; a refresh and a crawl with other bounds have hours of their own",
    )
    max_hours_per_host: float | None = Field(
        None, gt=0, le=_MAX_HOURS, description="the same of a host, from when it is first asked"
    )
    min_free_bytes: Annotated[int | None, ActsOn("speed")] = Field(
        None,
        ge=1,
        le=_MAX_TOTAL,
        description="stop where less is free on the disk, with an error; run again to go on",
    )
    max_url_length: int = Field(
        2000, ge=32, le=1 << 20, description="drop addresses longer than this, in characters"
    )
    max_copies: int | None = Field(
        100,
        ge=1,
        le=_MAX_COUNT,
        description="follow no further a pattern of addresses (`/calendar/#/#`) of which so many "
        "pages in a row show nothing that is not there already; null: follow all",
    )
    timeout_s: Annotated[float, ActsOn("politeness")] = Field(
        30.0, gt=0, le=_MAX_S, description="seconds for one request with its answer"
    )
    concurrency: Annotated[int, ActsOn("speed")] = Field(
        16, ge=1, le=256, description="hosts that are asked at a time"
    )
    connections_per_host: Annotated[int, ActsOn("politeness")] = Field(
        1, ge=1, le=64, description="requests under way to one host at a time"
    )
    delay_s: Annotated[float, ActsOn("politeness")] = Field(
        0.5,
        ge=0,
        le=_MAX_S,
        description="seconds between any two requests to a host, from an answer to the next "
        "request; a longer crawl-delay of its robots.txt is honoured",
    )
    retries: Annotated[int, ActsOn("politeness")] = Field(
        3, ge=0, le=10, description="further tries of a page that fails"
    )
    retry_s: Annotated[float, ActsOn("politeness")] = Field(
        1.0,
        ge=0,
        le=120,
        description="pause before the first further try; doubled for each one, up to two minutes; "
        "a longer Retry-After is honoured, for all of the host",
    )
    user_agent: str = Field(
        "tilth/0.1 (pretraining data crawler)",
        min_length=1,
        max_length=1000,
        # A robots.txt can name it, and a header can hold it.
        pattern=r"^[A-Za-z0-9._~+-]+(?:[/ ][\x20-\x7e]*)?$",
        description="User-Agent header; its first word, up to a slash, is the name that a "
        "robots.txt may address; say whom to write to",
    )
    sitemaps: bool = Field(True, description="take addresses from the sites' sitemaps too")
    opt_outs: Literal["drop", "record"] = Field(
        "drop",
        description="pages that ask not to be collected (noindex, noai, tdm-reservation): drop "
        "them, or keep them with the wish in `consent`",
    )
    canonical: Literal["drop", "keep"] = Field(
        "drop",
        description="pages that name another page of the crawl as the canonical one, and copies of "
        "one by its index file or a session's address",
    )

    gather: Gathered = Field(
        ("pages",),
        description="what becomes samples: pages, and the images and audio that they show and "
        "link; without pages these are read for that alone",
    )
    media_scope: tuple[str, ...] = Field(
        (),
        description="images and audio are asked for where their addresses begin with one of "
        "these, and in `scope`; default: all of the hosts of `scope`",
    )
    max_pixels: MaxPixels = MAX_PIXELS
    render: Annotated[PatternsOf, BeforeValidator(_patterns)] = Field(
        (),
        description="pages that a browser opens, so that they are as their scripts make them: "
        "patterns as of `include`, or true for all of them; needs the extra `render` and Chromium",
    )
    render_timeout_s: Annotated[float, ActsOn("politeness")] = Field(
        120.0,
        gt=0,
        le=_MAX_S,
        description="seconds for a page in the browser, with all that its scripts ask for; it is "
        "taken as it is then",
    )
    render_without_sandbox: Annotated[bool, ActsOn("speed")] = Field(
        False,
        description="run the browser without its sandbox, which it does not have as root: in a "
        "container that holds nothing else",
    )

    @field_validator("start")
    @classmethod
    def _start_normalized(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(with_forms_kept(url, normalize) for url in urls))

    @field_validator("scope", "media_scope")
    @classmethod
    def _scope_normalized(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(normalize(url) for url in urls))

    @field_validator("include", "exclude", "render")
    @classmethod
    def _are_patterns(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            AddressPattern(pattern)
        return tuple(sorted(set(patterns)))

    @model_validator(mode="after")
    def _starts(self) -> Settings:
        check_given(self.gather, self.media_scope, self.max_pixels)
        choice = Choice((), self.exclude)
        for url in self.start:
            if (pattern := choice.left_out(url)) is not None:
                raise ValueError(f"`exclude` has {pattern!r}, which leaves out the start {url}")
        return self

    @model_validator(mode="after")
    def _bounds_act(self) -> Settings:
        for whole in ("max_pages", "max_total_bytes", "max_hours"):
            name = f"{whole.replace('_total', '')}_per_host"
            most, part = getattr(self, whole), getattr(self, name)
            if most is not None and part is not None and part >= most:
                raise ValueError(
                    f"`{name}: {part:,.16g}` bounds nothing: `{whole}` is {most:,.16g} for all"
                )
        return self

    @model_validator(mode="after")
    def _renders(self) -> Settings:
        for name in ("render_timeout_s", "render_without_sandbox"):
            if not self.render and getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"`{name}` belongs to `render`: no page is opened in a browser")
        return self

    @model_validator(mode="after")
    def _serves(self) -> Settings:
        check_serving(self.serve, self.allow_hosts, self.start)
        return self
