"""The archive of a run's crawl as a WACZ."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from tests.engine.inline import inline, run_inline
from tests.table.sources import png
from tests.web.sites import Reply, Site, running
from tilth.cli.main import app
from tilth.errors import MissingError, UsageError
from tilth.query.export_archive import export_archive
from tilth.query.runs import RunView, open_run

__all__ = ["inline"]

pytestmark = pytest.mark.usefixtures("inline")


def _run(folder: Path, names: tuple[str, ...] = ("site",), **changes: Any) -> RunView:
    """A run that crawls a site of three pages once for each name."""
    site = Site()
    site.html("/", "/a", "/b?token=abc123")
    site.html("/a", text='<img src="/i.png">')
    site.pages["/i.png"] = Reply(png(), headers=(("Content-Type", "image/png"),))
    site.html("/b?token=abc123", head="<link rel=canonical href=/a>")
    with running(site):
        source: dict[str, Any] = {"start": [f"{site.root}/"], "allow_hosts": ["127.0.0.1"]}
        source |= changes
        crawls = {
            name: {"crawl": {**source, "delay_s": 0, "timeout_s": 5 + n}}
            for n, name in enumerate(names)
        }
        recipe = {"tilth": 1, "name": "r", "collect": crawls}
        run_inline(yaml.safe_dump(recipe), folder / "runs" / "r")
    return open_run("r", folder / "runs")


def test_a_crawl_goes_out_as_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = _run(tmp_path)
    # A copy that somebody left is no part of the archive.
    (run.step("site").folder / "work" / "crawl" / "warc" / "crawl-copy.warc.gz").write_bytes(b"x")
    done = export_archive(run, tmp_path / "out")
    assert (done.file, done.step) == ("site.wacz", "collect.site")
    # A page that names another one as its own is in the archive, and none of the crawl's.
    assert (done.archives, done.records, done.pages) == (1, 3, 2)
    with zipfile.ZipFile(tmp_path / "out" / "site.wacz") as archive:
        lines = archive.read("pages/pages.jsonl").splitlines()
    urls = [json.loads(line)["url"].rpartition("/")[2] for line in lines[1:]]
    assert urls == ["", "a"]
    with pytest.raises(UsageError, match="taken"):
        export_archive(run, tmp_path / "out")
    monkeypatch.chdir(tmp_path)
    command = ["export", "r", "site", "--format", "wacz"]
    found = CliRunner().invoke(app, [*command, "--dry-run"])
    assert found.stdout.startswith(
        "would write r-site/site.wacz: 2 pages of collect.site, 1 WARC file"
    )
    assert not Path("r-site").exists()
    found = CliRunner().invoke(app, command)
    assert found.exit_code == 0, found.stderr
    assert (
        "2 pages of collect.site in r-site/site.wacz: 1 WARC file, 3 indexed records"
        in found.stdout
    )
    assert list(Path("r-site").iterdir()) == [Path("r-site/site.wacz")]
    for option in (["--kind", "dropped"], ["--split", "test"], ["--resample", "1"]):
        found = CliRunner().invoke(app, ["export", "r", "--format", "wacz", "--to", "x", *option])
        assert found.exit_code == 2
        assert not Path("x").exists()


def test_a_picture_is_in_the_archive_and_no_page(tmp_path: Path) -> None:
    done = export_archive(_run(tmp_path, gather=["pages", "images"]), tmp_path / "out")
    assert (done.records, done.pages) == (4, 2)


def test_one_of_several_is_named(tmp_path: Path) -> None:
    run = _run(tmp_path, ("one", "two"))
    with pytest.raises(UsageError, match="2 crawls") as caught:
        export_archive(run, tmp_path / "out")
    assert "collect.one, collect.two" in (caught.value.hint or "")
    done = export_archive(run, tmp_path / "out", step="two")
    assert done.file == "two.wacz"


def test_what_may_be_a_secret_of_others_is_told(tmp_path: Path) -> None:
    (note,) = export_archive(_run(tmp_path), tmp_path / "out").notes
    assert note.startswith("1 record: of addresses that hold what may be a password or a token")


def test_what_has_no_archive_is_told(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"text": "words of a row"}\n')
    recipe = {
        "tilth": 1,
        "name": "s",
        "collect": {"rows": {"jsonl": {"path": str(tmp_path / "rows.jsonl")}}},
    }
    run_inline(yaml.safe_dump(recipe), tmp_path / "runs" / "s")
    with pytest.raises(UsageError, match="no crawl"):
        export_archive(open_run("s", tmp_path / "runs"), tmp_path / "out")
    with pytest.raises(UsageError, match="is no crawl"):
        export_archive(open_run("s", tmp_path / "runs"), tmp_path / "out", step="rows")
    run = _run(tmp_path)
    path = run.step("site").folder / "work" / "crawl" / "frontier.sqlite"
    path.rename(path.with_name("gone"))
    with pytest.raises(MissingError, match="not there any more"):
        export_archive(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()
