"""What `tilth plan --preview` says of the sites of a recipe's crawls."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Command
from tests.web.sites import Reply, Site, running


def _recipe(path: Path, site: Site, *starts: str) -> str:
    settings = {
        "start": [f"{site.root}{start}" for start in starts],
        "allow_hosts": [f"{site.host}:{site.port}"],
        "delay_s": 0.01,
        "max_pages": 50,
        "retries": 0,
    }
    path.write_text(json.dumps({"name": "site", "collect": {"site": {"crawl": settings}}}))
    return str(path)


def _said(text: str) -> str:
    return " ".join(text.split())


def test_a_preview_says_what_the_sites_of_a_crawl_say(tilth: Command, tmp_path: Path) -> None:
    with running(Site()) as site:
        listed = "".join(f"<url><loc>{site.root}/{page}</loc></url>" for page in range(120))
        site.pages["/sitemap.xml"] = Reply(f"<urlset>{listed}</urlset>".encode())
        site.pages["/robots.txt"] = Reply(b"User-agent: *\nDisallow: /no\n")
        recipe = _recipe(tmp_path / "my.yaml", site, "/")
        found = tilth("plan", recipe, "--preview", "--runs", str(tmp_path))
        assert found.exit_code == 0
        said = _said(found.stdout)
        assert f"collect.site {site.root}" in said
        assert "robots.txt allows 1 of 1 start page; 0.01 s between requests are kept" in said
        assert f"sitemap {site.root}/sitemap.xml: 120 pages" in said
        assert "pages 50 of 121 that are known, with pauses of 0.5 s" in said
        assert "121 pages known before it goes" in said
        document = json.loads(tilth("plan", recipe, "--preview", "--json").stdout)
        (one,) = document["previews"]["collect.site"]["sites"]
        assert (one["listed"], one["pages"], one["error"]) == (121, 50, "")
        # A start that may not be asked for is what one looks for.
        recipe = _recipe(tmp_path / "no.yaml", site, "/", "/no/x")
        found = tilth("plan", recipe, "--preview")
        assert found.exit_code == 1
        assert f"not allowed {site.root}/no/x: robots: disallowed" in _said(found.stdout)
        assert not (tmp_path / "site").exists()
    # Nobody answers any more.
    found = tilth("plan", recipe, "--preview")
    assert found.exit_code == 1
    assert "cannot be asked" in found.stdout
    assert "is the site up?" in found.stdout


def test_a_preview_of_what_is_no_crawl_is_refused(tilth: Command, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "one"}\n')
    path = tmp_path / "a.yaml"
    source = {"jsonl": {"path": str(tmp_path / "a.jsonl")}}
    path.write_text(json.dumps({"name": "a", "collect": {"a": source}}))
    found = tilth("plan", str(path), "--preview")
    assert found.exit_code == 2
    assert "no crawl is to run" in found.stderr
    found = tilth("plan", str(path), "--preview", "--explain", "a")
    assert found.exit_code == 2
    assert "exclude each other" in found.stderr
    assert "--preview" in tilth("plan", "--help").stdout
