"""Secrets are read when they are sent, to their own origin, and written down by name."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.growth.measure import assert_linear, least_s
from tests.web.sites import Reply, Site, redirect, running
from tilth.collect import common_crawl, crawl, csv, idx, jsonl, parallel, web_archive
from tilth.errors import MissingError, RecipeError
from tilth.recipe.load import parse_recipe
from tilth.web.fetch import download
from tilth.web.secrets import Secrets, find_problems, masked, origin_of, read_secret

_VALUE = "S3cret+of/the=day"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED", _VALUE)
    monkeypatch.setenv("PLANTED_USER", "greta")
    monkeypatch.delenv("NOT_PLANTED", raising=False)
    monkeypatch.delenv("TILTH_MIRROR", raising=False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://u:p@h/x", "http://***@h/x"),
        ("see http://u:p@ss@h/x.", "see http://***@h/x."),
        ("https://h/?a=1&token=abc&b=2", "https://h/?a=1&token=***&b=2"),
        ("https://h/?TOKEN=abc#access_token=def", "https://h/?TOKEN=***#access_token=***"),
        ("?X-Amz-Signature=a%2Bb&X-Amz-Date=1", "?X-Amz-Signature=***&X-Amz-Date=1"),
        ("?X-Amz-Credential=a/b&x-goog-signature=c", "?X-Amz-Credential=***&x-goog-signature=***"),
        ("?apiKey=a&client_secret=b&pwd=c", "?apiKey=***&client_secret=***&pwd=***"),
        ("/?next=http%3A%2F%2Fh%3Ftoken%3Dabc%26x", "/?next=http%3A%2F%2Fh%3Ftoken%3D***%26x"),
        ("?refreshToken=a&idToken=b&csrftoken=c", "?refreshToken=***&idToken=***&csrftoken=***"),
        ("/x;jsessionid=A1&accessKey=b", "/x;jsessionid=***&accessKey=***"),
        ("?PHPSESSID=a&hotkeys=b&donkey=c", "?PHPSESSID=***&hotkeys=b&donkey=c"),
        ("see //u:p@ss@h/x, //h/a:b@c", "see //***@h/x, //h/a:b@c"),
        ("//${U}:${P}@h/ and // mail: a@b.org", "//${U}:${P}@h/ and // mail: a@b.org"),
        ("?u=https%3A%2F%2Fbob%3Apw%40x%40h%2Fa%40b", "?u=https%3A%2F%2F***%40h%2Fa%40b"),
        ("<a href='?sig=abc'>", "<a href='?sig=***'>"),
        ("&amp;signature=abc&amp;x", "&amp;signature=***&amp;x"),
        ("http://${U}:${P}@h/?token=${T}", "http://${U}:${P}@h/?token=${T}"),
        ("http://${U}:plain@h/?token=a${T}", "http://***@h/?token=***"),
        ("?token=${file:/run/x}", "?token=${file:/run/x}"),
        ("http://h/a@b?monkey=1&page=2", "http://h/a@b?monkey=1&page=2"),
        ("mail a@b.org, tokens: 5", "mail a@b.org, tokens: 5"),
    ],
)
def test_addresses_are_masked(text: str, expected: str) -> None:
    assert masked(text) == expected
    assert masked(expected) == expected


@pytest.mark.parametrize(
    "unit",
    [
        "://",
        "?token=",
        "?aToken",
        "//",
        "//a:",
        "%3A%2F%2F",
        "%40",
        "%3A%2F%2Fa%40",
        "a:",
        "@",
        "%3F",
        "token_",
        "&key",
        "${",
        " ",
    ],
)
def test_masking_is_linear(unit: str) -> None:
    assert_linear(lambda num: partial(masked, "http://" + unit * num), 10_000, 80_000)


def test_a_value_comes_from_the_environment_or_a_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(f"  {_VALUE}\n\n")
    assert read_secret("PLANTED") == _VALUE
    assert read_secret(f"file:{path}") == _VALUE
    path.write_text("two\nlines")
    for name in ("NOT_PLANTED", f"file:{tmp_path}/none", f"file:{tmp_path}", f"file:{path}"):
        with pytest.raises(MissingError) as caught:
            read_secret(name)
        assert caught.value.code == "missing-secret"
        assert caught.value.hint
        assert "two" not in str(caught.value)


def test_only_the_origin_gets_them() -> None:
    secrets = Secrets({"X-Key": "k ${PLANTED}"}, ["https://h.example/f?t=${PLANTED}"])
    assert secrets.headers_for("https://H.example:443/other") == {"X-Key": f"k {_VALUE}"}
    for other in (
        "http://h.example/f",
        "https://h.example:8443/f",
        "https://h.example.evil.org/f",
        "https://sub.h.example/f",
        "https://h.example@evil.org/f",
        "https://evil.org/?h.example",
        "nonsense",
        "http://[",
    ):
        assert secrets.headers_for(other) == {}
        assert secrets.filled(f"{other}?t=${{PLANTED}}") == f"{other}?t=${{PLANTED}}"
    assert secrets.filled("https://h.example/f?t=${PLANTED}") == f"https://h.example/f?t={_VALUE}"
    # A name that the recipe does not use is never read, whoever writes it.
    assert "greta" not in secrets.filled("https://h.example/f?t=${PLANTED_USER}")
    assert origin_of("HTTP://H.example./") == ("http", "h.example", 80)


def test_headers_are_written_down_by_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """However short a value is; and what is of the client alone as it is."""
    monkeypatch.setenv("SHORT", "x1")
    monkeypatch.setenv("USER_NAME", "ada")
    given = {"X-One": "a ${SHORT}", "Cookie": "k=${SHORT}"}
    url = "https://${USER_NAME}:${SHORT}@a.example/list"
    secrets = Secrets(given, [url])
    sent = {"Host": "a.example", "Accept": "*/*", **secrets.headers_for("https://a.example/b")}
    assert sent["X-One"] == "a x1"
    told = secrets.headers_told("https://a.example/b", sent.items())
    expected = {"Host": "a.example", "Accept": "*/*", **given, "Authorization": "***"}
    assert dict(told) == expected
    assert secrets.headers_told("https://b.example/", [("Accept", "*/*")]) == (("Accept", "*/*"),)


def test_values_are_named_again() -> None:
    secrets = Secrets({"X-Key": "${PLANTED}"}, ["http://h/"])
    secrets.headers_for("http://h/")
    assert secrets.hide(f"x {_VALUE} http://h/?a=S3cret%2Bof%2Fthe%3Dday") == (
        "x ${PLANTED} http://h/?a=${PLANTED}"
    )


@pytest.mark.parametrize(
    ("href", "target"),
    [
        (f"/a?k={_VALUE}", "https://h.example/a?k=${PLANTED}"),
        ("/a?k=%53%33cret%2bof/the%3Dday#x", "https://h.example/a?k=${PLANTED}"),
        (
            "//other.org/?u=https%3A%2F%2Fh%2F%3Fk%3DS3cret%252Bof%252Fthe%253Dday",
            "https://other.org/?u=https%3A%2F%2Fh%2F%3Fk%3D${PLANTED}",
        ),
        ("?page=2", "https://h.example/${PLANTED}/f?page=2"),
        ("next", "https://h.example/${PLANTED}/next"),
        # What a stranger wrote is never filled in.
        ("/a?q=${PLANTED}", "https://h.example/a?q=$%7BPLANTED%7D"),
        ("mailto:x@y.z", None),
    ],
)
def test_what_a_server_wrote_has_values_by_their_names(href: str, target: str | None) -> None:
    secrets = Secrets({"X-Key": "${PLANTED}"}, ["https://h.example/${PLANTED}/f?t=${PLANTED}"])
    assert secrets.target("https://h.example/${PLANTED}/f?t=${PLANTED}", href) == target


def test_of_two_values_the_longer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED_USER", _VALUE[:6])
    monkeypatch.setenv("PLANTED_LONG", "ab/c" * 16_000)
    secrets = Secrets(
        {"A": "${PLANTED_USER}", "B": "${PLANTED}", "C": "${PLANTED_LONG}"}, ["http://h/"]
    )
    secrets.headers_for("http://h/")
    told = secrets.named(f"{_VALUE} {_VALUE[:6]} {'ab%2fc' * 16_000}.")
    assert told == "${PLANTED} ${PLANTED_USER} ${PLANTED_LONG}."


@pytest.mark.parametrize("unit", ["S3cret", "%25", "%2525", "%", "S3cret%2Bof"])
def test_naming_is_linear(unit: str) -> None:
    secrets = Secrets({"X-Key": "${PLANTED}"}, ["http://h/"])
    secrets.headers_for("http://h/")
    text = unit * (1_000_000 // len(unit))
    assert least_s(lambda: secrets.named(text), 5) < 5


def test_a_redirect_to_another_origin_gets_no_header(tmp_path: Path) -> None:
    with running(Site()) as site, running(Site()) as other:
        other.pages["/f"] = Reply(b"abc")
        site.pages[f"/f?t={_VALUE}"] = redirect("/g")
        site.pages["/g"] = redirect(f"{other.root}/f")
        path = download(
            f"{site.root}/f?t=${{PLANTED}}",
            dest=tmp_path / "f",
            headers={"Authorization": "Bearer ${PLANTED}"},
            allow_hosts=("127.0.0.1", f"127.0.0.1:{other.port}"),
        )
    assert path.read_bytes() == b"abc"
    assert [h.get("authorization") for h in site.headers] == [f"Bearer {_VALUE}"] * 2
    assert "authorization" not in other.headers[0]
    assert _VALUE not in str(other.headers)


def test_a_named_user_and_password_are_sent_as_such(tmp_path: Path) -> None:
    with running(Site(pages={"/f": Reply(b"abc")})) as site:
        url = f"http://${{PLANTED_USER}}:${{PLANTED}}@127.0.0.1:{site.port}/f"
        download(url, dest=tmp_path / "f", allow_hosts=("127.0.0.1",))
    # RFC 7617: base64 of "greta:S3cret+of/the=day".
    assert site.headers[0]["authorization"] == "Basic Z3JldGE6UzNjcmV0K29mL3RoZT1kYXk="


def test_every_source_that_fetches_has_headers() -> None:
    headers = {"Authorization": "Bearer ${PLANTED}"}
    one = {"url": "http://h/x"}
    pair = {"split": "train", "images": one, "labels": one}
    assert jsonl.Settings(url="http://h/x", headers=headers).headers == headers
    assert csv.Settings(url="http://h/x", headers=headers).headers == headers
    assert idx.Settings.model_validate({"files": [pair], "headers": headers}).headers == headers
    lines = {"source": one, "target": one}
    assert parallel.Settings.model_validate({"files": [lines], "headers": headers}).headers
    start = "http://h/a?token=${PLANTED}&b= c"
    assert crawl.Settings(start=(start,), headers=headers).start == (
        "http://h/a?token=${PLANTED}&b=%20c",
    )
    assert web_archive.Settings(url="http://h/x", headers=headers).headers == headers
    assert common_crawl.Settings(index="CC", url="h/*", headers=headers).headers == headers


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"url": "http://u:p@h/x"}, "secret-in-recipe"),
        ({"url": "http://u@h/x"}, "secret-in-recipe"),
        ({"url": "http://h/x?token=abc"}, "secret-in-recipe"),
        ({"url": "http://h/x?a=1&X-Amz-Signature=abc"}, "secret-in-recipe"),
        ({"url": "http://h/x?api_key=a${PLANTED}"}, "secret-in-recipe"),
        ({"files": [{"images": {"url": "http://h/?sig=abc"}}]}, "secret-in-recipe"),
        ({"start": ["http://h/?password=abc"]}, "secret-in-recipe"),
        ({"headers": {"Authorization": "Bearer abc"}}, "secret-in-recipe"),
        ({"headers": {"X-Api-Key": "abc"}}, "secret-in-recipe"),
        ({"headers": {"PRIVATE-TOKEN": "abc"}}, "secret-in-recipe"),
        ({"headers": {"Cookie": "a=b"}}, "secret-in-recipe"),
        ({"headers": {"X-Api-Key": "${NOT_PLANTED}"}}, "missing-secret"),
        ({"url": "http://h/?a=${NOT_PLANTED}"}, "missing-secret"),
        ({"url": "http://h/?a=${file:/not/there}"}, "missing-secret"),
        ({"url": "http://${PLANTED}/x"}, "bad-value"),
        # It decides which file is read, and no identity knows its value.
        ({"url": "http://h/${PLANTED}/x.csv"}, "bad-value"),
        ({"start": ["http://h/a/${PLANTED}?b=1"]}, "bad-value"),
        ({"headers": {"Host": "h"}}, "bad-value"),
        ({"headers": {"A b": "c"}}, "bad-value"),
        ({"headers": {"Accept": "a\nb"}}, "bad-value"),
        ({"headers": {"Accept-Language": "de", "X-Key": "${PLANTED}"}}, None),
        ({"url": "http://${PLANTED_USER}:${PLANTED}@h/?token=${PLANTED}&page=2"}, None),
        ({"path": "a.jsonl", "fields": {"text": "token"}}, None),
    ],
)
def test_what_is_wrong_is_found(settings: dict[str, object], code: str | None) -> None:
    found = list(find_problems(settings))
    assert [problem.code for _, problem in found] == ([code] if code else [])
    for place, problem in found:
        assert place
        assert "abc" not in str(problem)


def test_a_recipe_with_a_secret_in_it_is_refused_without_telling_it() -> None:
    text = 'name: x\ncollect: {a: {crawl: {start: ["http://u:hunter2@h/"]}}}\n'
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text)
    told = str(caught.value)
    assert "secret-in-recipe" in told
    assert "${NAME}" in told
    assert "recipe:2:" in told
    assert "hunter2" not in told
    # The copy of a recipe that ran is read on any machine.
    named = 'name: x\ncollect: {a: {crawl: {start: ["http://h/?t=${NOT_PLANTED}"]}}}\n'
    with pytest.raises(RecipeError, match="1 problem"):
        parse_recipe(named)
    assert parse_recipe(named, to_run=False).name == "x"
