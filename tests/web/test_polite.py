"""What hosts are asked, by their own logs; `python -m tests.web.polite` is the same at any size."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.web.polite import Host, crawl_all, faults, hosts_of
from tests.web.sites import Site


@pytest.mark.slow
def test_hosts_are_asked_as_they_and_the_recipe_say(tmp_path: Path) -> None:
    with hosts_of(6, seed=2, pages=30) as hosts:
        ends = crawl_all(hosts, tmp_path)
        assert faults(hosts) == []
    assert len({host.site.host for host in hosts}) == 5
    assert sum(len(host.site.log) for host in hosts) > 200
    assert all(len(host.site.log) > 30 for host in hosts)
    assert sum(len(host.holds) for host in hosts) >= 6
    assert set(ends) == {"kept", "robots", "redirect", "http-status"}


def test_what_is_asked_wrongly_is_seen() -> None:
    site = Site(host="127.0.1.1", port=80)
    host = Host(site, "User-agent: *\nDisallow: /no\n", 0.5, holds=[(3.0, 4.0)], told_at=1.0)
    site.log = [(1.0, "/robots.txt"), (1.5, "/"), (3.0, "/busy"), (4.0, "/a")]
    assert faults([host]) == []
    site.log = [(0.9, "/early"), (1.0, "/robots.txt"), (1.4, "/no"), (3.0, "/busy"), (3.6, "/a")]
    assert faults([host]) == [
        "http://127.0.1.1:80 was asked for ['/early'] first",
        "http://127.0.1.1:80/no is forbidden",
        "127.0.1.1/no after 0.4000 s, not 0.5",
        "127.0.1.1/a was asked 0.4000 s too early",
    ]
    # Another port of the host is the same host.
    other = Host(Site(host="127.0.1.1", port=81))
    other.site.log = [(1.005, "/robots.txt")]
    site.log = [(1.0, "/robots.txt"), (1.6, "/")]
    assert [fault.split(" after ")[0] for fault in faults([host, other])] == [
        "127.0.1.1/robots.txt"
    ]
