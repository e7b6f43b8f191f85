"""robots.txt as RFC 9309 has it: the cases of its authors' parser, and files of real sites.

The cases are those of github.com/google/robotstxt (robots_test.cc, named as there), each with what
the parser says. Where this reader is stricter than that, the case says so.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from protego import Protego

from tilth.web.robots import RobotsFile, decode_robots
from tilth.web.urls import normalize

_H = "http://foo.bar"
_GROUPS = """allow: /foo/bar/

user-agent: FooBot
disallow: /
allow: /x/
user-agent: BarBot
disallow: /
allow: /y/


allow: /w/
user-agent: BazBot

user-agent: FooBot
allow: /z/
disallow: /
"""
_OTHER_RULES = "User-agent: {}\n{}\nUser-agent: *\nDisallow: /\n"
_CASE = "{}: FooBot\n{}: /x/\n{}: /\n"
_AGENT = "User-Agent: {}\nAllow: /x/\nDisallow: /\n"
_SPACE = "User-Agent: *\nDisallow: /\nUser-Agent: Foo Bar\nAllow: /x/\nDisallow: /\n"
_GLOBAL = "user-agent: *\nallow: /\nuser-agent: FooBot\ndisallow: /\n"
_SPECIFIC = "user-agent: FooBot\nallow: /\nuser-agent: BarBot\ndisallow: /\n"
_FOO = "user-agent: FooBot\n"
_INDEX = "User-Agent: *\nAllow: /allowed-slash/index.html\nDisallow: /\n"
_SHUT = "User-agent: FooBot\nDisallow: /\n"

# (the file, the crawler, the path, whether it may be fetched)
_CASES: dict[str, list[tuple[str, str, str, bool]]] = {
    "line-syntax": [
        ("user-agent: FooBot\ndisallow: /\n", "FooBot", "/x/y", False),
        ("foo: FooBot\nbar: /\n", "FooBot", "/x/y", True),
        ("user-agent FooBot\ndisallow /\n", "FooBot", "/x/y", False),
    ],
    "groups": [
        (_GROUPS, "FooBot", "/x/b", True),
        (_GROUPS, "FooBot", "/z/d", True),
        (_GROUPS, "FooBot", "/y/c", False),
        (_GROUPS, "BarBot", "/y/c", True),
        (_GROUPS, "BarBot", "/w/a", True),
        (_GROUPS, "BarBot", "/z/d", False),
        (_GROUPS, "BazBot", "/z/d", True),
        # Rules outside of groups are none.
        (_GROUPS, "FooBot", "/foo/bar/", False),
        (_GROUPS, "BarBot", "/foo/bar/", False),
        (_GROUPS, "BazBot", "/foo/bar/", False),
    ],
    "groups-other-rules": [
        (_OTHER_RULES.format("BarBot", "Sitemap: https://foo.bar/sitemap"), agent, "/", False)
        for agent in ("FooBot", "BarBot")
    ]
    + [
        (_OTHER_RULES.format("FooBot", "Invalid-Unknown-Line: unknown"), agent, "/", False)
        for agent in ("FooBot", "BarBot")
    ]
    + [
        # So does a wish for a pause, which the RFC does not know.
        ("User-agent: *\nCrawl-delay: 9\nUser-agent: BarBot\nDisallow: /\n", agent, "/", False)
        for agent in ("FooBot", "BarBot")
    ],
    "line-names-case-insensitive": [
        (_CASE.format(*names), "FooBot", path, path == "/x/y")
        for names in (
            ("USER-AGENT", "ALLOW", "DISALLOW"),
            ("user-agent", "allow", "disallow"),
            ("uSeR-aGeNt", "AlLoW", "dIsAlLoW"),
        )
        for path in ("/x/y", "/a/b")
    ],
    "agent-case-insensitive": [
        (_AGENT.format(name), agent, path, path == "/x/y")
        for name in ("FOO BAR", "foo bar", "FoO bAr")
        for agent in ("Foo", "foo")
        for path in ("/x/y", "/a/b")
    ],
    "agent-up-to-first-space": [
        (_SPACE, "Foo", "/x/y", True),
        (_SPACE, "FooBar", "/x/y", False),
    ],
    "agent-with-a-version": [
        ("User-agent: FooBot/2.1\nDisallow: /\n", "FooBot", "/", False),
        ("User-agent: Foo\nDisallow: /\n", "FooBot", "/", True),
        ("User-agent: MyFooBot\nDisallow: /\n", "FooBot", "/", True),
    ],
    "global-groups-secondary": [
        ("", "FooBot", "/x/y", True),
        (_GLOBAL, "FooBot", "/x/y", False),
        (_GLOBAL, "BarBot", "/x/y", True),
        (_SPECIFIC, "QuxBot", "/x/y", True),
    ],
    "value-case-sensitive": [
        (f"{_FOO}disallow: /x/\n", "FooBot", "/x/y", False),
        (f"{_FOO}disallow: /X/\n", "FooBot", "/x/y", True),
    ],
    "longest-match": [
        (_FOO + rules, "FooBot", path, is_allowed)
        for rules, path, is_allowed in (
            ("disallow: /x/page.html\nallow: /x/\n", "/x/page.html", False),
            ("allow: /x/page.html\ndisallow: /x/\n", "/x/page.html", True),
            ("allow: /x/page.html\ndisallow: /x/\n", "/x/", False),
            ("disallow: \nallow: \n", "/x/page.html", True),
            ("disallow: /\nallow: /\n", "/x/page.html", True),
            ("disallow: /x\nallow: /x/\n", "/x", False),
            ("disallow: /x\nallow: /x/\n", "/x/", True),
            ("disallow: /x/page.html\nallow: /x/page.html\n", "/x/page.html", True),
            ("allow: /x/page.html\ndisallow: /x/page.html\n", "/x/page.html", True),
            ("allow: /page\ndisallow: /*.html\n", "/page.html", False),
            ("allow: /page\ndisallow: /*.html\n", "/page", True),
            ("allow: /x/page.\ndisallow: /*.html\n", "/x/page.html", True),
            ("allow: /x/page.\ndisallow: /*.html\n", "/x/y.html", False),
        )
    ]
    + [
        ("User-agent: *\nDisallow: /x/\nUser-agent: FooBot\nDisallow: /y/\n", "FooBot", path, ok)
        for path, ok in (("/x/page", True), ("/y/page", False))
    ],
    "encoding": [
        (f"{_SHUT}Allow: {allowed}\n", "FooBot", path, True)
        for allowed, path in (
            (
                "/foo/bar?qux=taz&baz=http://foo.bar?tar&par",
                "/foo/bar?qux=taz&baz=http://foo.bar?tar&par",
            ),
            ("/foo/bar/\u30c4", "/foo/bar/%E3%83%84"),
            ("/foo/bar/%E3%83%84", "/foo/bar/%E3%83%84"),
            ("/foo/bar/%e3%83%84", "/foo/bar/%E3%83%84"),
            # Of addresses in one spelling (RFC 9309, 2.2.2), where Google's compares as written.
            ("/foo/bar/\u30c4", "/foo/bar/\u30c4"),
            ("/foo/bar/%62%61%7A", "/foo/bar/baz"),
            ("/foo/bar/%62%61%7A", "/foo/bar/%62%61%7A"),
            ("/path/file-with-a-%2A.html", "/path/file-with-a-*.html"),
            ("/path/foo-%24", "/path/foo-$"),
        )
    ],
    "special-characters": [
        (_FOO + rules, "FooBot", path, is_allowed)
        for rules, path, is_allowed in (
            ("Disallow: /foo/bar/quz\nAllow: /foo/*/qux\n", "/foo/bar/quz", False),
            ("Disallow: /foo/bar/quz\nAllow: /foo/*/qux\n", "/foo/quz", True),
            ("Disallow: /foo/bar/quz\nAllow: /foo/*/qux\n", "/foo//quz", True),
            ("Disallow: /foo/bar/quz\nAllow: /foo/*/qux\n", "/foo/bax/quz", True),
            ("Disallow: /foo/bar$\nAllow: /foo/bar/qux\n", "/foo/bar", False),
            ("Disallow: /foo/bar$\nAllow: /foo/bar/qux\n", "/foo/bar/qux", True),
            ("Disallow: /foo/bar$\nAllow: /foo/bar/qux\n", "/foo/bar/", True),
            ("Disallow: /foo/bar$\nAllow: /foo/bar/qux\n", "/foo/bar/baz", True),
            ("# Disallow: /\nDisallow: /foo/quz#qux\nAllow: /\n", "/foo/bar", True),
            ("# Disallow: /\nDisallow: /foo/quz#qux\nAllow: /\n", "/foo/quz", False),
            ("Disallow: /a**b\n", "/axxb", False),
            ("Disallow: /a*\n", "/b", True),
            ("Disallow: /*a$\n", "/a/b", True),
            ("Disallow: /*a$\n", "/ba", False),
            ("Disallow: /aa*aa$\n", "/aaa", True),
        )
    ],
    "index-html-is-directory": [
        (_INDEX, "foobot", "/allowed-slash/", True),
        (_INDEX, "foobot", "/allowed-slash/index.htm", False),
        (_INDEX, "foobot", "/allowed-slash/index.html", True),
        (_INDEX, "foobot", "/anyother-url", False),
    ],
    "documentation-checks": [
        (f"{_SHUT}allow: {allowed}\n", "FooBot", path, path in fits)
        for allowed, fits in (
            ("/fish", ("/fish", "/fish.html", "/fish/salmon.html", "/fishheads", "/fish.php?id=x")),
            (
                "/fish*",
                ("/fish", "/fish.html", "/fish/salmon.html", "/fishheads", "/fish.php?id=x"),
            ),
            ("/fish/", ("/fish/salmon.html",)),
            ("/*.php", ("/fish.php?id=x", "/index.php", "/a/b.php")),
            ("/*.php$", ("/index.php", "/a/b.php")),
            ("/fish*.php", ("/fish.php?id=x",)),
        )
        for path in (
            *("/fish", "/fish.html", "/fish/salmon.html", "/fishheads", "/fish.php?id=x"),
            *("/Fish.asp", "/catfish", "/?id=fish", "/index.php", "/a/b.php", "/windows.PHP"),
        )
    ]
    + [
        ("user-agent: FooBot\n" + rules, "FooBot", path, is_allowed)
        for rules, path, is_allowed in (
            ("allow: /p\ndisallow: /\n", "/page", True),
            ("allow: /folder\ndisallow: /folder\n", "/folder/page", True),
            ("allow: /page\ndisallow: /*.htm\n", "/page.htm", False),
            ("allow: /$\ndisallow: /\n", "/", True),
            ("allow: /$\ndisallow: /\n", "/page.html", False),
        )
    ],
    "line-ends": [
        (
            "User-Agent: foo\nAllow: /some/path\nUser-Agent: bar\n\n\nDisallow: /\n".replace(
                "\n", end
            ),
            "bar",
            "/",
            False,
        )
        for end in ("\n", "\r\n", "\r")
    ],
    "byte-order-mark": [
        ("\ufeffUser-Agent: foo\nAllow: /AnyValue\nDisallow: /\n", "foo", "/AnyValue", True),
        ("\ufeffUser-Agent: foo\nAllow: /AnyValue\nDisallow: /\n", "foo", "/x", False),
    ],
    "slips": [
        (f"{_FOO}{slip}: /\n", "FooBot", "/x", False)
        for slip in ("dissallow", "dissalow", "disalow", "diasllow", "disallaw", "Disallow ")
    ]
    + [
        (f"{slip} FooBot\nDisallow: /\n", "FooBot", "/x", False)
        for slip in ("useragent:", "user agent:", "User-agent", "User agent", "user_agent :")
    ],
    "stricter-than-googles": [
        # No path at all, which Google's never matches.
        (f"{_FOO}Disallow: private\n", "FooBot", "/private/x", False),
        (f"{_FOO}Disallow: http://foo.bar/private\n", "FooBot", "/private/x", False),
        (f"{_FOO}Disallow: http://other.example/\n", "FooBot", "/x", True),
        (f"{_SHUT}Allow: private\n", "FooBot", "/private/x", False),
        (f"{_SHUT}Allow: http://foo.bar/private\n", "FooBot", "/private/x", False),
    ],
    "the-file-itself": [(_SHUT, "FooBot", "/robots.txt", True)],
}


@pytest.mark.parametrize("name", sorted(_CASES))
def test_the_cases_of_its_authors(name: str) -> None:
    for text, agent, path, is_allowed in _CASES[name]:
        robots = RobotsFile(decode_robots(text.encode()), agent)
        assert robots.allows(normalize(f"{_H}{path}")) is is_allowed, (text, agent, path)


def test_sitemaps_belong_to_no_group() -> None:
    for text in (
        "User-Agent: foo\nAllow: /some/path\nUser-Agent: bar\n\n\nSitemap: http://foo.bar/s.xml\n",
        "Site-map http://foo.bar/s.xml\nUser-Agent: foo\nAllow: /some/path\n",
        "sitemap:http://foo.bar/s.xml # here\n",
    ):
        assert RobotsFile(text, "tilth").sitemaps == ["http://foo.bar/s.xml"], text


# Files over which protego decides otherwise, and why.
_OTHERWISE = {
    # `User-agent: *` with a Crawl-delay alone, before the rules of another: both are of one group.
    *("bitbucket.org", "www.congress.gov"),
    # Half an escape, which is no beginning of a whole one; `%` alone, which is `%25` in an address.
    *("www.chrono24.com", "www.groupon.com"),
}


def _real_files(archive: Path) -> Iterator[tuple[str, str]]:
    with tarfile.open(archive) as files:
        for member in files:
            file = files.extractfile(member) if member.isfile() else None
            if file is not None:
                yield Path(member.name).stem, decode_robots(file.read())


def _paths(text: str, most: int) -> set[str]:
    """Paths that the rules of a file are about, and some more."""
    paths = {"/", "/search?q=x", "/admin/", "/a/b.pdf"}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        value = value.partition("#")[0].strip()
        if "allow" in name.lower() and value.startswith(("/", "*")) and len(paths) < most:
            path = value.replace("*", "ab").rstrip("$")
            path = path if path.startswith("/") else f"/{path}"
            paths.update((path, f"{path}x", f"{path}/x.html"))
    return paths


def _compare(archive: Path, *, every: int, most: int) -> tuple[int, set[str]]:
    """Decisions compared with protego's, and the files over which they differ."""
    count, differ = 0, set()
    for number, (host, text) in enumerate(_real_files(archive)):
        if number % every:
            continue
        theirs = Protego.parse(text)
        for agent in ("tilth", "googlebot"):
            ours = RobotsFile(text, agent)
            for path in sorted(_paths(text, most)):
                try:
                    url = normalize(f"http://h{path}")
                except ValueError:
                    continue
                count += 1
                if ours.allows(url) != bool(theirs.can_fetch(url, agent)):
                    differ.add(host)
            wish = theirs.crawl_delay(agent) or 0.0
            if rate := theirs.request_rate(agent):
                wish = max(wish, rate.seconds / rate.requests)
            assert ours.delay_s == pytest.approx(wish), host
        assert ours.sitemaps == list(theirs.sitemaps), host
    return count, differ


def _archive(shared_data: Path) -> Path:
    archive = shared_data / "robots-txt" / "robots.tar.xz"
    if not archive.exists():
        pytest.skip(f"no {archive}")
    return archive


def test_some_real_files_beside_protego(shared_data: Path) -> None:
    count, differ = _compare(_archive(shared_data), every=15, most=40)
    assert count > 5000
    assert differ <= _OTHERWISE


@pytest.mark.slow
def test_every_real_file_beside_protego(shared_data: Path) -> None:
    count, differ = _compare(_archive(shared_data), every=1, most=300)
    assert count > 150_000
    assert differ == _OTHERWISE
