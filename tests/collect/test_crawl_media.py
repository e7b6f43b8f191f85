"""Pictures and sounds of a crawl's pages are samples: whole, each once, with what pages say."""

from __future__ import annotations

import io
import re
import wave
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pydantic import ValidationError

import tilth
from tests.engine.inline import use_inline
from tests.web.sites import Reply, Site, redirect, running
from tilth.collect import crawl
from tilth.context import Context
from tilth.errors import DataError, StorageError
from tilth.query.runs import open_run
from tilth.recipe.load import parse_recipe
from tilth.web.frontier import Frontier
from tilth.web.media import IN_PAGE, ONE_PIXEL


def _picture(kind: str = "PNG", size: tuple[int, int] = (8, 6), grey: int = 90) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, (grey, 20, 30)).save(file, kind)
    return file.getvalue()


def _sound(num_samples: int = 800) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(bytes(range(100)) * (num_samples // 50))
    return file.getvalue()


def _reply(body: bytes, kind: str, *more: tuple[str, str]) -> Reply:
    return Reply(body, headers=(("Content-Type", kind), *more))


PNG, WAV = _picture(), _sound()


@pytest.fixture
def site() -> Iterator[Site]:
    with running(Site()) as running_site:
        yield running_site


def _settings(site: Site, **changes: Any) -> crawl.Settings:
    given: dict[str, Any] = {
        "start": (f"{site.root}/docs/",),
        "allow_hosts": ("127.0.0.1",),
        "delay_s": 0,
        "retry_s": 0.01,
        "retries": 1,
        "timeout_s": 5,
        "gather": ("pages", "images", "audio"),
        **changes,
    }
    return crawl.Settings(**given)


def _rows(
    site: Site, work: Path, told: list[tuple[str, str]] | None = None, **changes: Any
) -> dict[str, dict[str, Any]]:
    def passes_over(place: str, reason: str) -> None:
        if told is not None:
            told.append((place.removeprefix(site.root), reason))

    context = Context(work=work, passes_over=passes_over)
    batches = crawl.read(_settings(site, **changes), "docs", context)
    rows = [row for batch in batches for row in batch.to_pylist()]
    uris = [row["uri"] for row in rows]
    assert uris == sorted(set(uris))
    return {uri.removeprefix(site.root): row for uri, row in zip(uris, rows, strict=True)}


def _ends(rows: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Per path: what it is kept as, the rule that drops it, or its error."""
    ends = {}
    for path, row in rows.items():
        kept = [name for name in ("html", "image", "audio") if row.get(name) is not None]
        rule = row["drop.rule"]
        ends[path] = row["error"] or (f"{rule} {row['drop.value']}" if rule else "+".join(kept))
    return ends


def test_pictures_and_sounds_are_samples_with_what_their_page_says(
    site: Site, tmp_path: Path
) -> None:
    site.html(
        "/docs/",
        "/docs/a",
        text='<figure><img src="/img/hill.png" alt="A hill" title="Hill"><figcaption>The hill'
        "</figcaption><a rel=license href=https://creativecommons.org/publicdomain/zero/1.0/></a>"
        '</figure><audio src="/snd/bell.wav" title="A bell"></audio>',
    )
    site.html("/docs/a", text='<img src="/img/hill.png" alt="Again">')
    site.pages["/img/hill.png"] = _reply(PNG, "image/png")
    site.pages["/snd/bell.wav"] = _reply(WAV, "audio/wav")
    rows = _rows(site, tmp_path)
    assert _ends(rows) == {
        "/docs/": "html",
        "/docs/a": "html",
        "/img/hill.png": "image",
        "/snd/bell.wav": "audio",
    }
    hill = rows["/img/hill.png"]
    assert hill["image"] == PNG
    assert hill["content_type"] == "image/png"
    assert hill["consent"] == "robots.txt: none"
    assert hill["license"] == "CC0-1.0"
    assert len(hill["fetched_at"]) == len("2026-01-02")
    assert {name[5:]: hill[name] for name in hill if name.startswith("meta.")} == {
        "alt": "A hill",
        "title": "Hill",
        "caption": "The hill",
        "page": f"{site.root}/docs/",
        "page_license": "CC0-1.0",
        "num_pages": 2,
        "other_alts": ["Again"],
    }
    bell = rows["/snd/bell.wav"]
    assert (bell["audio"], bell["meta.title"], bell["license"]) == (WAV, "A bell", None)
    assert rows["/docs/"]["meta.alt"] is None
    assert max(site.asked.values()) == 1
    # All of it lies in the archive.
    asked = site.asked.total()
    assert _rows(site, tmp_path) == rows
    assert site.asked.total() == asked


def test_the_words_of_the_page_nearest_to_the_start_count_whichever_answers_first(
    site: Site, tmp_path: Path
) -> None:
    image = '<img src="/i.png" alt="{}">'
    site.html("/docs/", "/docs/z", "/docs/a", "/docs/b")
    # Answered last, and first in the order of the crawl.
    site.html("/docs/a", text=image.format("of a"), wait_s=0.05)
    site.html("/docs/b", "/docs/far", text=image.format("of b"))
    site.html("/docs/z", text=image.format("of a"))
    site.html("/docs/far", text=image.format("0"))
    site.pages["/i.png"] = _reply(PNG, "image/png")
    row = _rows(site, tmp_path, connections_per_host=4)["/i.png"]
    told = row["meta.alt"], row["meta.page"], row["meta.num_pages"], row["meta.other_alts"]
    assert told == ("of a", f"{site.root}/docs/a", 4, ["of b", "0"])


def test_without_pages_these_are_read_for_their_pictures_alone(site: Site, tmp_path: Path) -> None:
    site.html("/docs/", text='<img src="/i.png"><audio src="/s.wav"></audio>')
    site.pages["/i.png"] = _reply(PNG, "image/png")
    site.pages["/s.wav"] = _reply(WAV, "audio/wav")
    rows = _rows(site, tmp_path, gather=("images",))
    assert _ends(rows) == {"/docs/": "not-gathered pages", "/i.png": "image"}
    assert "/s.wav" not in site.asked
    assert "audio" not in rows["/i.png"]


def test_a_page_alone_asks_for_no_picture(site: Site, tmp_path: Path) -> None:
    site.html("/docs/", "/docs/i.png", text='<img src="/img/j.png">')
    site.pages["/docs/i.png"] = _reply(PNG, "image/png")
    rows = _rows(site, tmp_path, gather=("pages",))
    assert _ends(rows) == {"/docs/": "html", "/docs/i.png": "content-type image/png"}
    assert "image" not in rows["/docs/"]
    assert "/img/j.png" not in site.asked


def test_what_is_no_picture_has_its_reason(site: Site, tmp_path: Path) -> None:
    names = [
        *("cut.png", "as-jpeg.jpg", "bytes", "page.png", "drawn.svg", "gone.png", "pixel.gif"),
        *("private/p.png", "noai.png", "noindex.png", "page.wav", "cut.wav", "data.json"),
    ]
    inside = "".join(f'<img src="/{name}">' for name in names if not name.endswith(".wav"))
    inside += "".join(f'<audio src="/{one}"></audio>' for one in names if one.endswith(".wav"))
    inside += '<img src="data:image/gif;base64,R0lG"><img src="/t.gif" width=1 height=1>'
    site.html("/docs/", text=inside)
    wish = "X-Robots-Tag"
    site.pages |= {
        "/cut.png": _reply(PNG[:-20], "image/png"),
        "/as-jpeg.jpg": _reply(PNG, "image/jpeg"),
        "/bytes": _reply(PNG, "application/octet-stream"),
        "/page.png": _reply(b"<html><body>Not found</body></html>", "text/html"),
        "/drawn.svg": _reply(b"<svg/>", "image/svg+xml"),
        "/pixel.gif": _reply(_picture("GIF", (1, 1)), "image/gif"),
        "/private/p.png": _reply(PNG, "image/png"),
        "/noai.png": _reply(PNG, "image/png", (wish, "noimageai")),
        "/noindex.png": _reply(PNG, "image/png", (wish, "noimageindex")),
        "/page.wav": _reply(b"<html></html>", "audio/wav"),
        "/cut.wav": _reply(WAV[:-20], "audio/wav"),
        "/data.json": _reply(b"{}", "application/json"),
        "/robots.txt": Reply(b"User-agent: *\nDisallow: /private/\n"),
    }
    told: list[tuple[str, str]] = []
    ends = _ends(_rows(site, tmp_path, told))
    assert ends.pop("/cut.wav").startswith("cut off: ")
    assert ends.pop("/cut.png").startswith("the image cannot be decoded: ")
    assert ends.pop("/page.wav").startswith("no WAV, FLAC, OGG, MP3 or M4A")
    assert ends == {
        "/docs/": "html",
        "/as-jpeg.jpg": "image",
        "/bytes": "image",
        "/data.json": "content-type application/json",
        "/drawn.svg": "content-type image/svg+xml",
        "/gone.png": "http-status 404",
        "/noai.png": "robots-header-noimageai noimageai",
        "/noindex.png": "robots-header-noimageindex noimageindex",
        "/page.png": "content-type text/html",
        "/pixel.gif": "one-pixel 1x1",
        "/private/p.png": "robots disallowed",
    }
    assert "/private/p.png" not in site.asked
    assert "/t.gif" not in site.asked
    assert told == [("/docs/", IN_PAGE), ("/docs/", ONE_PIXEL)]


def test_pages_that_keep_their_pictures_for_themselves(site: Site, tmp_path: Path) -> None:
    image = '<img src="/{0}.png"><img src="/both.png" alt="{0}">'
    words = {"no": "noimageindex", "noai": "noai", "nofollow": "nofollow", "ours": "all"}
    site.html("/docs/", *(f"/docs/{name}" for name in words))
    for name, word in words.items():
        head = f'<meta name="robots" content="{word}">'
        site.html(f"/docs/{name}", text=image.format(name), head=head)
        site.pages[f"/{name}.png"] = _reply(PNG, "image/png")
    site.pages["/both.png"] = _reply(PNG, "image/png")
    rows = _rows(site, tmp_path / "drop")
    ends = _ends(rows)
    assert {path: end for path, end in ends.items() if path.endswith("png")} == {
        "/both.png": "image",
        "/no.png": f"robots-meta-noimageindex {site.root}/docs/no",
        "/ours.png": "image",
    }
    assert "/no.png" not in site.asked
    recorded = _rows(site, tmp_path / "record", opt_outs="record")
    assert _ends(recorded)["/no.png"] == _ends(recorded)["/noai.png"] == "image"
    wish = "robots.txt: none; of its page: robots.txt: none; meta robots: noai"
    assert recorded["/noai.png"]["consent"] == wish


def test_pictures_of_other_hosts_are_asked_for_where_the_recipe_says(
    site: Site, tmp_path: Path
) -> None:
    with running(Site()) as other:
        site.html("/docs/", text=f'<img src="{other.root}/o.png"><img src="/i.png">')
        site.pages["/i.png"] = _reply(PNG, "image/png")
        other.pages["/o.png"] = _reply(PNG, "image/png")
        ends = _ends(_rows(site, tmp_path / "own"))
        assert ends[f"{other.root}/o.png"] == f"media-scope {other.root}"
        assert ends["/i.png"] == "image"
        assert not other.asked
        # An origin is asked for its rules first, and allowed by host and port.
        within = (f"{other.root}/",)
        own = (f"127.0.0.1:{site.port}",)
        ends = _ends(_rows(site, tmp_path / "refused", media_scope=within, allow_hosts=own))
        assert ends[f"{other.root}/o.png"] == "address 127.0.0.1"
        ends = _ends(_rows(site, tmp_path / "both", media_scope=within))
        assert ends[f"{other.root}/o.png"] == "image"
        assert ends["/i.png"] == f"media-scope {site.root}"
        assert other.log[0][1] == "/robots.txt"


def test_a_picture_is_found_behind_its_redirect(site: Site, tmp_path: Path) -> None:
    site.html("/docs/", text='<img src="/old.png" alt="one"><img src="/older.png" alt="two">')
    site.pages["/older.png"] = redirect("/old.png")
    site.pages["/old.png"] = redirect("/new.png")
    site.pages["/new.png"] = _reply(PNG, "image/png")
    rows = _rows(site, tmp_path, max_depth=0)
    row = rows["/new.png"]
    assert (row["image"], row["meta.alt"], row["meta.other_alts"]) == (PNG, "one", ["two"])
    assert row["meta.page"] == f"{site.root}/docs/"
    assert rows["/old.png"]["drop.rule"] == "redirect"


def test_bounds_hold_for_pictures(site: Site, tmp_path: Path) -> None:
    shown = "".join(f'<img src="/{name}.png">' for name in ("a", "b", "left", "large"))
    site.html("/docs/", "/docs/next", text=shown)
    for name in ("a", "b", "left"):
        site.pages[f"/{name}.png"] = _reply(PNG, "image/png")
    site.pages["/large.png"] = _reply(PNG + bytes(5000), "image/png")
    site.html("/docs/next", text='<img src="/farther.png">')
    changes: dict[str, Any] = {"exclude": ("*left*",), "include": ("/docs/*",), "max_bytes": 4000}
    ends = _ends(_rows(site, tmp_path / "0", max_depth=0, **changes))
    assert ends == {
        "/a.png": "image",
        "/b.png": "image",
        "/docs/": "html",
        "/docs/next": "max-depth 1",
        "/large.png": f"max-bytes {len(PNG) + 5000:,} bytes, bound 4,000",
        "/left.png": "excluded *left*",
    }
    ends = _ends(_rows(site, tmp_path / "2", max_pages=2, **changes))
    assert (ends["/a.png"], ends["/b.png"]) == ("image", "max-pages 2")


def test_a_picture_of_too_many_pixels_is_quarantined(site: Site, tmp_path: Path) -> None:
    site.html("/docs/", text='<img src="/i.png">')
    site.pages["/i.png"] = _reply(PNG, "image/png")
    ends = _ends(_rows(site, tmp_path, max_pixels=47))
    assert ends["/i.png"].startswith("the image is above `max_pixels` of 47")


def test_to_gather_more_asks_for_that_alone(site: Site, tmp_path: Path) -> None:
    site.html("/docs/", "/docs/j.png", text='<img src="/i.png">')
    site.pages["/i.png"] = site.pages["/docs/j.png"] = _reply(PNG, "image/png")
    assert _ends(_rows(site, tmp_path, gather=("pages",))) == {
        "/docs/": "html",
        "/docs/j.png": "content-type image/png",
    }
    both = {"/docs/": "html", "/docs/j.png": "image", "/i.png": "image"}
    assert _ends(_rows(site, tmp_path, gather=("pages", "images"))) == both
    assert (site.asked["/docs/"], site.asked["/docs/j.png"]) == (1, 2)
    less = _ends(_rows(site, tmp_path, gather=("pages",)))
    assert less == {"/docs/": "html", "/docs/j.png": "content-type image/png"}
    assert _ends(_rows(site, tmp_path, gather=("pages", "images"))) == both
    assert (site.asked["/docs/"], site.asked["/i.png"]) == (1, 1)


def test_a_refresh_sees_pictures_too(site: Site, tmp_path: Path) -> None:
    site.html("/docs/", text='<img src="/i.png" alt="before"><img src="/j.png">')
    site.pages["/i.png"] = site.pages["/j.png"] = _reply(PNG, "image/png")
    assert _ends(_rows(site, tmp_path))["/j.png"] == "image"
    site.html("/docs/", text='<img src="/i.png" alt="after">')
    site.pages["/i.png"] = _reply(_picture(grey=10), "image/png")
    said = crawl.refresh(_settings(site), Context(work=tmp_path))
    assert "0 pages as before, 2 changed, 0 new, 0 gone, 1 no page any more" in said
    rows = _rows(site, tmp_path)
    assert set(rows) == {"/docs/", "/i.png"}
    assert rows["/i.png"]["meta.alt"] == "after"
    assert rows["/i.png"]["image"] == _picture(grey=10)


def test_a_crawl_without_a_single_picture_is_an_error(site: Site, tmp_path: Path) -> None:
    site.html("/docs/", text='<img src="https://other.example/i.png">')
    with pytest.raises(DataError, match="the crawl found none of `gather: \\[images\\]`") as raised:
        _rows(site, tmp_path, gather=("images",))
    assert "media_scope" in (raised.value.hint or "")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"gather": ("pages",), "media_scope": ("https://a.example/",)}, "`media_scope` belongs"),
        ({"gather": ("pages", "audio"), "max_pixels": 9}, "`max_pixels` belongs"),
        ({"gather": ()}, "at least 1 item"),
        ({"gather": ("films",)}, "'audio', 'images' or 'pages'"),
    ],
)
def test_a_setting_of_what_is_not_taken_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        crawl.Settings(start=("https://a.example/",), **changes)


@pytest.mark.slow
def test_the_recipe_for_pictures_runs(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one of the guide, as it stands there but for its addresses."""
    page = (Path(__file__).parents[2] / "docs" / "guides" / "crawl.md").read_text("utf-8")
    (recipe,) = (one for one in re.findall(r"```yaml\n(.*?)```", page, re.S) if "gather:" in one)
    with running(Site()) as images:
        here = [f"127.0.0.1:{site.port}", f"127.0.0.1:{images.port}"]
        recipe = recipe.replace("https://museum.example.org/collection/", f"{site.root}/docs/")
        recipe = recipe.replace("https://images.example.org", images.root)
        politely = f"      delay_s: 0\n      allow_hosts: {here}\n      user_agent"
        recipe = recipe.replace("      user_agent", politely)
        shown = "".join(f'<img src="{images.root}/{n}.png" alt="no {n}">' for n in range(4))
        site.html("/docs/", "/docs/more", text=shown)
        site.html("/docs/more", text=f'<img src="{images.root}/copy.png">')
        for n in range(4):
            side = 70 if n else 20
            images.pages[f"/{n}.png"] = _reply(_picture(size=(side, 64), grey=n), "image/png")
        images.pages["/copy.png"] = images.pages["/1.png"]
        use_inline(monkeypatch)
        done = tilth.run(parse_recipe(f"name: pictures\n{recipe}"), runs=tmp_path, progress=False)
        rows = done.dataset().to_arrow().to_pylist()
    assert sorted(row["meta.alt"] for row in rows) == ["no 1", "no 2", "no 3"]
    assert {row["meta.page"] for row in rows} == {f"{site.root}/docs/"}
    by_rule = [dict(step.manifest.by_rule) for step in open_run(done.folder).steps]
    assert by_rule[0] == {"not-gathered": 2}
    assert sum(map(dict.__len__, by_rule)) == 3


def test_with_bytes_counted_it_is_the_same(site: Site, tmp_path: Path) -> None:
    """What a page shows is known when its level is."""
    site.html("/docs/", "/docs/a", "/docs/b", text='<img src="/i.png" alt="i">')
    site.html("/docs/a", text='<img src="/j.png"><audio src="/s.wav"></audio>')
    site.html("/docs/b", text='<img src="/k.png">' + " " * 60_000)
    for name in "ijk":
        site.pages[f"/{name}.png"] = _reply(PNG, "image/png")
    site.pages["/s.wav"] = _reply(WAV, "audio/wav")
    free = _rows(site, tmp_path / "free")
    counted = _rows(site, tmp_path / "counted", max_total_bytes=1 << 30)
    assert {**counted} == {**free}
    assert counted["/s.wav"]["audio"] == WAV
    few = _ends(_rows(site, tmp_path / "few", max_total_bytes=10_000))
    assert few["/docs/b"] == "html"
    assert few["/i.png"].startswith("max-total-bytes")


def test_several_hosts_of_which_one_goes_ahead_give_the_same(site: Site, tmp_path: Path) -> None:
    with running(Site(), host="127.0.0.2") as other:
        site.html("/docs/", "/docs/slow", f"{other.root}/docs/1")
        site.html("/docs/slow", f"{other.root}/docs/late", wait_s=0.3)
        other.html("/docs/1", "/docs/2", text='<img src="/1.png" alt="one">')
        other.html("/docs/2", "/docs/3", "/docs/raw", text='<img src="/1.png" alt="two">')
        other.html("/docs/3", text='<img src="/3.png"><img src="/docs/raw" alt="raw">')
        other.pages["/docs/raw"] = _reply(PNG, "application/octet-stream")
        other.html("/docs/late", text='<img src="/docs/raw" alt="late">')
        for n in (1, 3):
            other.pages[f"/{n}.png"] = _reply(PNG, "image/png")
        given: dict[str, Any] = {
            "scope": (f"{site.root}/docs/", f"{other.root}/docs/"),
            "allow_hosts": (f"127.0.0.1:{site.port}", f"127.0.0.2:{other.port}"),
        }
        rows = _rows(site, tmp_path / "ahead", **given)
        alone = _rows(site, tmp_path / "level", concurrency=1, max_pages=12, **given)
        assert rows == alone
        assert rows[f"{other.root}/1.png"]["meta.other_alts"] == ["two"]
        assert rows[f"{other.root}/docs/raw"]["meta.alt"] == "late"
        assert rows[f"{other.root}/docs/raw"]["meta.other_alts"] == ["raw"]


@pytest.mark.slow
def test_stopped_at_any_moment_it_goes_on_to_the_same(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before and after each commit of an address, in one crawl that is taken up again and again."""
    site.html("/docs/", "/docs/a", text='<img src="/i.png" alt="i"><img src="/moved.png">')
    site.html("/docs/a", text='<img src="/i.png" alt="again"><audio src="/s.wav"></audio>')
    site.pages["/moved.png"] = redirect("/j.png")
    site.pages["/i.png"] = site.pages["/j.png"] = _reply(PNG, "image/png")
    site.pages["/s.wav"] = _reply(WAV, "audio/wav")
    whole = _rows(site, tmp_path / "whole", sitemaps=False)
    asked, settle = site.asked.copy(), Frontier.settle
    moments = iter([before for _ in whole for before in (True, False)])

    def stopped(frontier: Frontier, *given: Any) -> None:
        before = next(moments, None)
        if before is not True:
            settle(frontier, *given)
        if before is not None:
            raise InterruptedError("stopped")

    monkeypatch.setattr(Frontier, "settle", stopped)
    for _ in range(2 * len(whole)):
        with pytest.raises(StorageError, match="stopped"):
            _rows(site, tmp_path / "stopped", sitemaps=False)
    assert _rows(site, tmp_path / "stopped", sitemaps=False) == whole
    # Once in vain, and what was committed is not asked for again.
    again = site.asked - asked
    assert {path: again[path] for path in whole} == dict.fromkeys(whole, 2)


def test_feeds_and_style_sheets_show_nothing_and_frames_are_pages_of_their_own(
    site: Site, tmp_path: Path
) -> None:
    site.html(
        "/docs/",
        "/docs/feed",
        head='<style>body {background: url("/style.png")}</style>'
        '<link rel="stylesheet" href="/docs/s.css">',
        text='<div style="background: url(/inline.png)"></div><iframe src="/docs/frame"></iframe>',
    )
    site.html("/docs/frame", text='<img src="/framed.png">')
    feed = f'<rss><link>{site.root}/docs/frame</link><enclosure url="{site.root}/fed.png"/></rss>'
    site.pages["/docs/feed"] = _reply(feed.encode(), "application/rss+xml")
    site.pages["/docs/s.css"] = _reply(b'p {background: url("/sheet.png")}', "text/css")
    for name in ("style", "inline", "framed", "fed", "sheet"):
        site.pages[f"/{name}.png"] = _reply(PNG, "image/png")
    rows = _rows(site, tmp_path)
    assert [path for path in rows if path.endswith("png")] == ["/framed.png"]
    assert rows["/framed.png"]["meta.page"] == f"{site.root}/docs/frame"


def test_pictures_keep_the_pace_of_their_host(site: Site, tmp_path: Path) -> None:
    site.html("/docs/", text="".join(f'<img src="/{n}.png">' for n in range(4)))
    site.pages |= {f"/{n}.png": _reply(PNG, "image/png") for n in range(4)}
    _rows(site, tmp_path, delay_s=0.03, sitemaps=False)
    times = [at for at, _ in site.log]
    assert len(times) == 7
    assert min(later - sooner for sooner, later in pairwise(times)) >= 0.03


def test_the_scope_is_a_place_of_pictures_whatever_else_is(site: Site, tmp_path: Path) -> None:
    site.html("/docs/", text='<img src="/docs/i.png"><img src="/i.png"><img src="/pics/i.png">')
    site.pages |= {f"{at}/i.png": _reply(PNG, "image/png") for at in ("/docs", "", "/pics")}
    ends = _ends(_rows(site, tmp_path, media_scope=(f"{site.root}/pics/",)))
    assert ends["/docs/i.png"] == ends["/pics/i.png"] == "image"
    assert ends["/i.png"] == f"media-scope {site.root}"


def test_what_is_sent_as_text_counts_by_what_shows_it(site: Site, tmp_path: Path) -> None:
    site.html("/docs/", text='<img src="/pic"><audio src="/snd"></audio><a href="/docs/t">t</a>')
    site.pages["/pic"] = _reply(PNG, "text/plain")
    site.pages["/snd"] = _reply(WAV, "text/plain; charset=utf-8")
    site.pages["/docs/t"] = _reply(b"words", "text/plain")
    ends = _ends(_rows(site, tmp_path))
    assert (ends["/pic"], ends["/snd"]) == ("image", "audio")
    assert ends["/docs/t"] == "content-type text/plain"


def test_of_the_words_by_which_pages_call_a_picture_ten_more_are_kept(
    site: Site, tmp_path: Path
) -> None:
    site.html("/docs/", *(f"/docs/{n:02}" for n in range(13)), text='<img src="/i.png" alt="all">')
    for n in range(13):
        site.html(f"/docs/{n:02}", text=f'<img src="/i.png" alt="no {n}">')
    site.pages["/i.png"] = _reply(PNG, "image/png")
    row = _rows(site, tmp_path)["/i.png"]
    assert row["meta.num_pages"] == 14
    assert row["meta.other_alts"] == [f"no {n}" for n in range(10)]
