"""How far and how fast a crawl goes."""

from __future__ import annotations

from dataclasses import dataclass


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
