"""How far and how fast a crawl goes."""

from __future__ import annotations

from dataclasses import dataclass

MAX_TOTAL_BYTES, MAX_BYTES_PER_HOST = "max-total-bytes", "max-bytes-per-host"
MAX_HOURS, MAX_HOURS_PER_HOST = "max-hours", "max-hours-per-host"
# The rules by which a crawl is cut short: what they leave out is asked for where they are wider.
CUTS = frozenset(
    (
        "max-pages",
        "max-pages-per-host",
        MAX_TOTAL_BYTES,
        MAX_BYTES_PER_HOST,
        MAX_HOURS,
        MAX_HOURS_PER_HOST,
    )
)


@dataclass(frozen=True)
class Bounds:
    """How far and how fast a crawl goes; each means what the setting of its name means."""

    max_pages: int
    max_depth: int
    max_bytes: int
    max_url_length: int
    concurrency: int
    connections_per_host: int
    delay_s: float
    retries: int
    retry_s: float
    agent: str
    drop_opt_outs: bool
    follow_canonical: bool
    max_pages_per_host: int | None = None
    max_total_bytes: int | None = None
    max_bytes_per_host: int | None = None
    max_hours: float | None = None
    max_hours_per_host: float | None = None
    min_free_bytes: int | None = None
    max_copies: int | None = None
